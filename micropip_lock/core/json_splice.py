"""Replacing a piece of a JSON text, so that all else keeps its bytes: where things are, and how they are laid out.

Rules this file keeps:

1. Numbers are not converted, so that none loses a digit and none costs more than its length.
2. What is put in looks like what is around it: its indentation, its line ends, or all on one line.
3. Depth is bounded before the parser runs; each text is told as JSON that is broken, with line and column.

Left to others: strictness about values (:mod:`micropip_lock.core.json_text`), what the text is
(:mod:`micropip_lock.core.notebook`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from micropip_lock.core.json_places import STRING, line_and_column
from micropip_lock.core.shown import shown
from micropip_lock.errors import LockParseError

_BRACKET: Final = re.compile(rf"{STRING}|[\[{{]|[\]}}]", re.DOTALL)
_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_FIRST_LINE: Final = re.compile(r"\ufeff?\s*\{[ \t]*\r?\n([ \t]*)")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: none is converted, none loses a digit."""

    text: str

    @property
    def is_whole(self) -> bool:
        """Whether it is an integer of a size that versions have."""
        return len(self.text) < 10 and self.text.lstrip("-").isdigit()


_DECODER: Final = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=Number)


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A key of a table, or an element of a list, in the text.

    Attributes:
        key: Its name; ``""`` in a list.
        start: Characters before the key, or the element.
        value: Characters before the value.
        end: Characters before what follows the value.
        data: The value, its numbers left out.
    """

    key: str
    start: int
    value: int
    end: int
    data: Any


def check_depth(source: str, most: int) -> None:
    """Refuse a text that is nested more than ``most`` levels deep.

    Raises:
        LockParseError: code ``depth``.
    """
    depth = 0
    for token in _BRACKET.finditer(source):
        mark = token[0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        if depth > most:
            raise LockParseError(
                "the notebook is nested too deeply",
                code="depth",
                where=line_and_column(source, token.start()),
                expected=f"at most {most} levels",
                got="more",
            )


def whole_table(source: str) -> list[Member]:
    """What is in the table that the whole text is.

    Raises:
        LockParseError: codes ``not-json``, ``duplicate-key``.
    """
    found = table(source, source.startswith("\ufeff"), "the notebook")
    start = _skip(source, int(source.startswith("\ufeff"))) + 1
    end = _skip(source, found[-1].end if found else start)
    if rest := source[end + 1 :].lstrip(" \t\r\n"):
        raise not_json(json.JSONDecodeError("extra data", source, len(source) - len(rest)))
    return found


def table(source: str, at: int, what: str) -> list[Member]:
    """What is in the table at ``at``, each key once; ``what`` it is called in errors.

    Raises:
        LockParseError: codes ``not-json``, ``duplicate-key``.
    """
    start = _skip(source, at)
    if source[start : start + 1] != "{":
        raise not_json(json.JSONDecodeError("expected a table", source, start))
    found, seen = list(members(source, start)), set[str]()
    for one in found:
        if one.key in seen:
            raise LockParseError(
                "a key is there twice",
                code="duplicate-key",
                where=f"{what} ({line_and_column(source, one.start)})",
                expected="each key once",
                got=shown(one.key),
                hint="readers disagree about which of the two counts; take one of them out",
            )
        seen.add(one.key)
    return found


def members(source: str, start: int) -> Iterator[Member]:
    """What is in the table or list that begins at ``start``.

    Raises:
        LockParseError: code ``not-json``.
    """
    is_table, closing = source[start] == "{", "}" if source[start] == "{" else "]"
    at = _skip(source, start + 1)
    if source[at : at + 1] == closing:
        return
    while True:
        begins, key = at, ""
        if is_table:
            if source[at : at + 1] != '"':
                raise not_json(json.JSONDecodeError("expected a key", source, at))
            key, at = _value(source, at)
            at = _skip(source, at)
            if source[at : at + 1] != ":":
                raise not_json(json.JSONDecodeError("expected ':'", source, at))
            at = _skip(source, at + 1)
        data, end = _value(source, at)
        yield Member(key=key, start=begins, value=at, end=end, data=data)
        at = _skip(source, end)
        if source[at : at + 1] == closing:
            return
        if source[at : at + 1] != ",":
            raise not_json(json.JSONDecodeError(f"expected ',' or '{closing}'", source, at))
        at = _skip(source, at + 1)


def _value(source: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(source, at)
    except json.JSONDecodeError as error:
        raise not_json(error) from error


def _skip(source: str, at: int) -> int:
    found = _SPACE.match(source, at)
    return found.end() if found else at


def formatted(text: str, value: Any, at: int) -> str:
    """A value as the text around ``at`` would have it: indented as the line there is, or all on one line."""
    unit = indent_unit(text)
    written = json.dumps(value, indent=unit, ensure_ascii=False, sort_keys=True)
    if not written.isascii() and any("\ud800" <= one <= "\udfff" for one in written):
        # Half of a surrogate pair can only be written as an escape, as it came.
        written = json.dumps(value, indent=unit, ensure_ascii=True, sort_keys=True)
    if unit is None:
        return written
    line = break_before(text, at)
    return written.replace("\n", newline_of(text) + (unit * 2 if line is None else line.lstrip("\r\n")))


def indent_unit(text: str) -> str | None:
    """What one level is indented by; ``None`` where everything is on one line."""
    found = _FIRST_LINE.match(text)
    return None if found is None else found[1]


def newline_of(text: str) -> str:
    """The line end of a text: that of its first line."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def break_before(text: str, at: int) -> str | None:
    """The line end and indentation before ``at``, when nothing else is on its line."""
    start = at
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    if start == 0 or text[start - 1] != "\n":
        return None
    return text[start - (2 if text[start - 2 : start] == "\r\n" else 1) : at]


def replaced(text: str, start: int, end: int, written: str) -> str:
    """``text`` with ``written`` in the place of what is between ``start`` and ``end``."""
    return text[:start] + written + text[end:]


def not_json(error: json.JSONDecodeError) -> LockParseError:
    """What the parser says, with line and column."""
    source, at = error.doc, error.pos
    return LockParseError(
        f"the notebook is not JSON: {error.msg[0].lower()}{error.msg[1:]}",
        code="not-json",
        where=line_and_column(source, at),
        got=repr(source[at : at + 20]) if at < len(source) else "the end of the text",
        hint="the text ends too early: it did not arrive whole" if not source[at:].strip() else None,
    )
