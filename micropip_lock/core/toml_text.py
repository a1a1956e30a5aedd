"""TOML text to a value, strictly: the door that every lock in TOML comes through.

Rules this file keeps:

1. Size, nesting and the length of dotted keys are bounded before the parser runs: it recurses, and takes time that
   grows with the square of a key's parts.
2. Each refusal says where. The parser stops at the first fault, and so does this file.

Left to others: what the values mean (:mod:`micropip_lock.core.read`). Unlike JSON, the values may be dates and numbers
of any kind.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from micropip_lock.core.json_places import line_and_column
from micropip_lock.core.json_text import MAX_DEPTH, decoded
from micropip_lock.errors import LockParseError

# Possessive: each character is looked at once. What is not closed runs to the end of its line or of the text.
_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?|' + r"'''(?:[^']|'(?!''))*+(?:'{3,5})?|"
    r'"(?:[^"\\\n]|\\.)*+"?|' + r"'[^'\n]*+'?|#[^\n]*+|[\[\]{}.,=\n]",
    re.DOTALL,
)
_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE: Final = re.compile(r"Cannot (?:overwrite|declare|mutate)|Duplicate")


def read_toml(text: str | bytes) -> dict[str, Any]:
    """Parse TOML text.

    Args:
        text: As it arrived; a UTF-8 byte order mark is allowed and dropped.

    Raises:
        LockParseError: codes ``empty``, ``encoding``, ``not-toml``, ``duplicate-key``, ``depth``.
        LockPolicyError: code ``too-large``.
    """
    # TOML knows two line ends, and no other use of a carriage return.
    source = decoded(text).replace("\r\n", "\n")
    if not source.strip():
        raise LockParseError("the lock is empty", code="empty", expected="a TOML table", got="no text")
    _check_depth(source)
    try:
        # With a line end, so that a fault in the last line is told by its line and not as "end of document".
        return tomllib.loads(f"{source}\n")
    except ValueError as error:
        # Not only TOMLDecodeError: Python converts no number of more than some thousand digits.
        raise _fault(str(error)) from error


def _check_depth(source: str) -> None:
    depth = dots = 0
    for token in _TOKEN.finditer(source):
        mark = token[0]
        if mark == ".":
            dots += 1
        elif mark in "\n=,[]{}":
            dots = 0
            depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH or dots > MAX_DEPTH:
            raise LockParseError(
                "the lock is nested too deeply",
                code="depth",
                where=line_and_column(source, token.start()),
                expected=f"at most {MAX_DEPTH} levels",
                got="more",
            )


def _fault(message: str) -> LockParseError:
    found = _AT.search(message)
    where = None if found is None else f"line {found[1]} column {found[2]}" if found[1] else "the end of the text"
    told = message[: found.start()] if found is not None else message
    if _TWICE.match(told):
        return LockParseError(
            "a key is there twice",
            code="duplicate-key",
            where=where,
            expected="each key once",
            got=told[:100],
            hint="take one of them out",
        )
    return LockParseError(f"the lock is not TOML: {told[:1].lower()}{told[1:100]}", code="not-toml", where=where)
