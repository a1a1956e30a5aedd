"""Requirements and markers (PEP 508) of strangers, parsed without running out of stack.

packaging's parser recurses into parentheses, so that half a kilobyte of them ends in a ``RecursionError``. Nobody
writes more than a few.
"""

from __future__ import annotations

import re
from typing import Final

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement

_LONG_NUMBER: Final = re.compile(r"[0-9]{200}")
"""Python converts no number of some thousand digits, and tells it only when two versions are compared."""

MAX_PARENTHESES: Final = 32
"""Deepest nesting of parentheses that is parsed."""

_PARENTHESIS: Final = re.compile(r"[()]")


def parse_requirement(text: str) -> Requirement:
    """A requirement.

    Raises:
        InvalidRequirement: it is none.
    """
    if _is_deep(text):
        raise InvalidRequirement("parentheses are nested too deeply")
    if _LONG_NUMBER.search(text):
        raise InvalidRequirement("a number is too long")
    return Requirement(text)


def parse_marker(text: str) -> Marker:
    """A marker.

    Raises:
        InvalidMarker: it is none.
    """
    if _is_deep(text):
        raise InvalidMarker("parentheses are nested too deeply")
    if _LONG_NUMBER.search(text):
        raise InvalidMarker("a number is too long")
    return Marker(text)


def _is_deep(text: str) -> bool:
    # Parentheses in strings count as well; who closes one that is not open gains nothing by it.
    depth = 0
    for match in _PARENTHESIS.finditer(text):
        depth = depth + 1 if match[0] == "(" else max(depth - 1, 0)
        if depth > MAX_PARENTHESES:
            return True
    return False
