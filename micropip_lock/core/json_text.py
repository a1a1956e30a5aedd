"""JSON text to a value, strictly: the door that every lock in JSON comes through.

Rules this file keeps:

1. What two readers could read differently is refused: duplicate keys, NaN and Infinity, fractions, lone surrogates, any
   encoding but UTF-8.
2. Size and depth are bounded before the parser runs, so that no text makes it run out of stack or time.
3. Each refusal says where: line and column, or the dotted place of the key.

Left to others: what the values mean (:mod:`micropip_lock.core.read`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from micropip_lock.errors import LockParseError, LockPolicyError

MAX_BYTES: Final = 8 * 2**20
"""Largest text that is read, in bytes."""

MAX_DEPTH: Final = 32
"""Deepest nesting of tables and lists."""

MAX_DIGITS: Final = 1000
"""Longest whole number; converting one takes time that grows with the square of its length."""

# Possessive, and an unterminated string runs to the end of the text: each character is looked at once.
_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_BRACKET: Final = re.compile(rf"{_STRING}|[\[{{]|[\]}}]", re.DOTALL)
_TOKEN: Final = re.compile(rf"{_STRING}|[\[\]{{}},:]", re.DOTALL)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def read_json(text: str | bytes) -> Any:
    """Parse JSON text.

    Args:
        text: As it arrived; a UTF-8 byte order mark is allowed and dropped.

    Raises:
        LockParseError: codes ``empty``, ``encoding``, ``not-json``, ``duplicate-key``, ``non-json-number``, ``depth``.
        LockPolicyError: code ``too-large``.
    """
    source = _decoded(text)
    if not source.strip():
        raise LockParseError("the lock is empty", code="empty", expected="a JSON table", got="no text")
    _check_depth(source)

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            raise LockParseError(
                "a key is there twice",
                code="duplicate-key",
                where=_first_duplicate(source),
                hint="readers disagree about which of the two counts; take one of them out",
            )
        return value

    try:
        value = json.loads(
            source,
            object_pairs_hook=table,
            parse_int=_integer,
            parse_float=_no_fraction,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise _syntax_error(error) from error
    if "\\u" in source:
        _check_escapes(value)
    return value


def place(where: str, key: str | int) -> str:
    """The dotted place of a key or an index inside ``where``; odd keys are quoted as TOML does."""
    if isinstance(key, int):
        return f"{where}[{key}]"
    shown = key if _BARE_KEY.fullmatch(key) else json.dumps(key if len(key) <= 60 else key[:60] + "…")
    return f"{where}.{shown}" if where else shown


def _decoded(text: str | bytes) -> str:
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
                    where=_line_and_column(source, token.start()),
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
        where=_line_and_column(source, error.pos),
        got=repr(source[error.pos : error.pos + 20]) if error.pos < len(source) else "the end of the text",
        hint=hint,
    )


def _line_and_column(source: str, position: int) -> str:
    line_start = source.rfind("\n", 0, position) + 1
    return f"line {source.count(chr(10), 0, position) + 1} column {position - line_start + 1}"


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        _refuse_number(digits, f"a whole number of at most {MAX_DIGITS} digits")
    return int(digits)


def _no_fraction(digits: str) -> NoReturn:
    _refuse_number(digits, "a whole number")


def _no_constant(word: str) -> NoReturn:
    _refuse_number(word, "a whole number; JSON has no such word")


def _refuse_number(got: str, expected: str) -> NoReturn:
    raise LockParseError(
        "a number in the lock means different things to different readers",
        code="non-json-number",
        expected=expected,
        got=got if len(got) <= 40 else got[:40] + "…",
    )


def _check_escapes(value: Any) -> None:
    for where, text in strings(value):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise LockParseError(
                "a string holds half of a surrogate pair", code="encoding", where=where, expected="whole characters"
            ) from error


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


@dataclass(slots=True)
class _Level:
    """A table or list that the scan for duplicates is inside of; ``key`` is where it is now."""

    is_table: bool
    key: str | int
    seen: set[str] = field(default_factory=set)
    expects_key: bool = True


def _first_duplicate(source: str) -> str:
    """The dotted place of the first key that is there twice; ``source`` is valid JSON up to that key."""
    levels: list[_Level] = []
    for token in _TOKEN.finditer(source):
        mark = token[0]
        top = levels[-1] if levels else None
        if mark in "{[":
            levels.append(_Level(is_table=mark == "{", key="" if mark == "{" else 0))
        elif mark in "}]":
            levels.pop()
        elif top is None or mark == ":":
            continue
        elif mark == ",":
            top.expects_key = True
            if isinstance(top.key, int):
                top.key += 1
        elif top.is_table and top.expects_key:
            top.key, top.expects_key = json.loads(mark), False
            if top.key in top.seen:
                where = ""
                for level in levels:
                    where = place(where, level.key)
                return f"{where} ({_line_and_column(source, token.start())})"
            top.seen.add(str(top.key))
    raise AssertionError("the parser saw a duplicate key that the scan did not")  # pragma: no cover
