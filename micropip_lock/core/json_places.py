"""Where things are in a JSON text: dotted places, lines and columns, and a walk over the tokens.

Rules this file keeps:

1. A place is written as TOML writes a dotted key: ``packages.six.sha256``, ``packages."a b".depends[0]``.
2. The walk looks at each character once and never recurses; it is for telling people where a fault is, so it may be
   slower than the parser, which has read the text before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

# Possessive, and an unterminated string runs to the end of the text: each character is looked at once.
STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
"""A string literal of JSON, for regular expressions with ``re.DOTALL``."""

_TOKEN: Final = re.compile(rf"{STRING}|[\[\]{{}},:]|[^\s\[\]{{}},:\"]++", re.DOTALL)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A key, or a value that is neither a table nor a list.

    Attributes:
        where: Its dotted place; a key has that of its value.
        text: As it is written.
        position: Characters before it.
        is_key: Whether it is a key.
        is_again: Whether it is a key that its table had already.
    """

    where: str
    text: str
    position: int
    is_key: bool
    is_again: bool = False


@dataclass(slots=True)
class _Level:
    """A table or list that the walk is inside of; ``key`` is where it is now, in a table from its first key on."""

    where: str
    is_table: bool
    key: str | int = 0
    seen: set[str] = field(default_factory=set)
    expects_key: bool = True


def place(where: str, key: str | int) -> str:
    """The dotted place of a key or an index inside ``where``; odd keys are quoted as TOML does."""
    if isinstance(key, int):
        return f"{where}[{key}]"
    shown = key if _BARE_KEY.fullmatch(key) else json.dumps(key if len(key) <= 60 else key[:60] + "…")
    return f"{where}.{shown}" if where else shown


def line_and_column(source: str, position: int) -> str:
    """``line 3 column 5``, both from 1."""
    line_start = source.rfind("\n", 0, position) + 1
    return f"line {source.count(chr(10), 0, position) + 1} column {position - line_start + 1}"


def tokens(source: str, end: int) -> Iterator[Token]:
    """Keys and plain values in the order of the text.

    Args:
        source: A text that is JSON, but for its numbers, up to ``end``.
        end: Where to stop.
    """
    levels: list[_Level] = []
    for match in _TOKEN.finditer(source, 0, end):
        if match.end() == end < len(source):
            # A fault in the middle of a string: the rest of it is not looked at.
            return
        mark, top = match[0], levels[-1] if levels else None
        where = place(top.where, top.key) if top is not None else ""
        if mark in "{[":
            levels.append(_Level(where=where, is_table=mark == "{"))
        elif mark in "}]":
            levels.pop()
        elif mark == "," and top is not None:
            top.expects_key = True
            if isinstance(top.key, int):
                top.key += 1
        elif top is not None and top.is_table and top.expects_key:
            top.key, top.expects_key = str(json.loads(mark)), False
            is_again = top.key in top.seen
            top.seen.add(top.key)
            where = place(top.where, top.key)
            yield Token(where=where, text=mark, position=match.start(), is_key=True, is_again=is_again)
        elif mark != ":":
            yield Token(where=where, text=mark, position=match.start(), is_key=False)
