"""JSON text to a value, strictly: the door that every lock in JSON comes through.

Rules this file keeps:

1. What two readers could read differently is refused: duplicate keys, NaN and Infinity, fractions, lone surrogates, any
   encoding but UTF-8.
2. Size and depth are bounded before the parser runs, so that no text makes it run out of stack or time.
3. Each refusal says where: line and column, and the dotted place. All keys that are there twice, numbers that are none
   and halves of surrogate pairs are told at once; only where the text stops being JSON, nothing behind it is read.

Left to others: what the values mean (:mod:`micropip_lock.core.read`), where things are in a text
(:mod:`micropip_lock.core.json_places`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from micropip_lock.core.faults import MAX_FAULTS, raise_all
from micropip_lock.core.json_places import STRING, line_and_column, place, tokens
from micropip_lock.errors import LockParseError, LockPolicyError

MAX_BYTES: Final = 8 * 2**20
"""Largest text that is read, in bytes."""

MAX_DEPTH: Final = 32
"""Deepest nesting of tables and lists."""

MAX_DIGITS: Final = 1000
"""Longest whole number; converting one takes time that grows with the square of its length."""

_BRACKET: Final = re.compile(rf"{STRING}|[\[{{]|[\]}}]", re.DOTALL)
# What Python's parser takes for a number and we do not: fractions, exponents, words, and digits without end.
_NO_NUMBER: Final = re.compile(rf"-?(?:NaN|Infinity|[0-9]+[.eE].*|[0-9]{{{MAX_DIGITS + 1},}})")


def read_json(text: str | bytes) -> Any:
    """Parse JSON text.

    Args:
        text: As it arrived; a UTF-8 byte order mark is allowed and dropped.

    Raises:
        LockParseError: codes ``empty``, ``encoding``, ``not-json``, ``duplicate-key``, ``non-json-number``, ``depth``.
        LockPolicyError: code ``too-large``.
    """
    source = decoded(text)
    if not source.strip():
        raise LockParseError("the lock is empty", code="empty", expected="a JSON table", got="no text")
    _check_depth(source)
    # The parser's hooks only notice that something is wrong: they are not told where.
    noticed = []

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            noticed.append("")
        return value

    def integer(digits: str) -> int:
        # Converting takes time that grows with the square of the length; a minus sign is no digit.
        return int(digits) if len(digits) <= MAX_DIGITS or _NO_NUMBER.fullmatch(digits) is None else no_number(digits)

    def no_number(digits: str) -> int:
        noticed.append(digits)
        return 0

    value, faults, end = None, list[LockParseError](), len(source)
    try:
        value = json.loads(
            source, object_pairs_hook=table, parse_int=integer, parse_float=no_number, parse_constant=no_number
        )
    except json.JSONDecodeError as error:
        faults, end = [_syntax_error(error)], error.pos
    if noticed:
        faults = [*islice(_doubtful(source, end), MAX_FAULTS), *faults]
        if not faults:  # pragma: no cover  # a value with a stand-in in it never gets out
            raise AssertionError("the parser saw a fault that the walk over the text did not")
    if "\\u" in source:
        faults += islice(_halves(value), MAX_FAULTS)
    raise_all(faults)
    return value


def decoded(text: str | bytes) -> str:
    """The characters of a lock, without a byte order mark.

    Raises:
        LockParseError: code ``encoding``.
        LockPolicyError: code ``too-large``.
    """
    try:
        data = text.encode("utf-8") if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError as error:
        raise _encoding(f"a lone surrogate at character {error.start}") from error
    if len(data) > MAX_BYTES:
        raise LockPolicyError(
            "the lock is too large",
            code="too-large",
            expected=f"at most {MAX_BYTES} bytes",
            got=f"{len(data)} bytes",
            hint="a lock of a thousand packages has half a megabyte; check what this file is",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        raise _encoding("UTF-16 or binary data")
    try:
        # RFC 8259, section 8.1: parsers MAY ignore a byte order mark rather than treating it as an error.
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        raise _encoding(f"byte 0x{data[error.start]:02x} at {error.start}") from error


def _encoding(got: str) -> LockParseError:
    return LockParseError(
        "the lock is not UTF-8 text", code="encoding", expected="UTF-8", got=got, hint="save it again as UTF-8"
    )


def _check_depth(source: str) -> None:
    depth = 0
    for token in _BRACKET.finditer(source):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise LockParseError(
                    "the lock is nested too deeply",
                    code="depth",
                    where=line_and_column(source, token.start()),
                    expected=f"at most {MAX_DEPTH} levels",
                    got="more",
                )
        elif mark in "]}":
            depth -= 1


def _syntax_error(error: json.JSONDecodeError) -> LockParseError:
    source = error.doc
    hint = None
    if source.lstrip().startswith("<"):
        hint = "the server sent a web page (a login, a proxy, a missing file); open the address and see"
    elif not source[error.pos :].strip() or error.msg.startswith("Unterminated string"):
        hint = "the text ends too early: it did not arrive whole"
    return LockParseError(
        f"the lock is not JSON: {error.msg[0].lower()}{error.msg[1:]}",
        code="not-json",
        where=line_and_column(source, error.pos),
        got=repr(source[error.pos : error.pos + 20]) if error.pos < len(source) else "the end of the text",
        hint=hint,
    )


def _doubtful(source: str, end: int) -> Iterator[LockParseError]:
    """Keys that are there twice and numbers that are none, up to ``end``, in the order of the text."""
    for token in tokens(source, end):
        line = line_and_column(source, token.position)
        where = f"{token.where} ({line})" if token.where else line
        if token.is_again:
            yield LockParseError(
                "a key is there twice",
                code="duplicate-key",
                where=where,
                expected="each key once",
                got=f"{token.text if len(token.text) <= 62 else token.text[:61] + '…'} again",
                hint="readers disagree about which of the two counts; take one of them out",
            )
        elif not token.is_key and _NO_NUMBER.fullmatch(token.text):
            is_long = token.text.lstrip("-").isdigit()
            yield LockParseError(
                "a number in the lock means different things to different readers",
                code="non-json-number",
                where=where,
                expected="a whole number" + (f" of at most {MAX_DIGITS} digits" if is_long else ""),
                got=token.text if len(token.text) <= 40 else token.text[:40] + "…",
                hint="write it as a string, or as a whole number",
            )


def _halves(value: Any) -> Iterator[LockParseError]:
    for where, text in strings(value):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            yield LockParseError(
                "a string holds half of a surrogate pair", code="encoding", where=where, expected="whole characters"
            )


def strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a JSON value, keys too, with its dotted place; a key's place is its table's."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield where, key
            yield from strings(inner, place(where, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, place(where, index))
