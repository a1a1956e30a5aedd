"""Dotted places, lines and columns, and the walk over the tokens of a JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given

from micropip_lock.core.json_places import line_and_column, place, tokens
from tests.strategies import json_values


def values(value: object, where: str = "") -> Iterator[tuple[str, object]]:
    """Every plain value with its place, by recursion over the parsed value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values(inner, place(where, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from values(inner, place(where, index))
    else:
        yield where, value


@pytest.mark.parametrize(
    ("where", "key", "expected"),
    [
        ("", "packages", "packages"),
        ("packages", "six", "packages.six"),
        ("packages", "ruamel.yaml", 'packages."ruamel.yaml"'),
        ("a", "", 'a.""'),
        ("a", 3, "a[3]"),
        ("a", "x\n", r'a."x\n"'),
        ("a", "x." * 30, 'a."' + "x." * 30 + '"'),
        ("a", "x." * 30 + "x", 'a."' + "x." * 30 + r"\u2026" + '"'),
        ("a", "x." * 60, 'a."' + "x." * 30 + r"\u2026" + '"'),
    ],
)
def test_places(where: str, key: str | int, expected: str) -> None:
    """A place is dotted; odd keys are quoted, on one line and cut short."""
    assert expected == place(where, key)


@pytest.mark.parametrize(
    ("position", "expected"), [(0, "line 1 column 1"), (4, "line 2 column 2"), (6, "line 3 column 1")]
)
def test_lines_and_columns(position: int, expected: str) -> None:
    """Lines and columns begin with 1; a line break is the end of its line."""
    assert expected == line_and_column("ab\ncd\n", position)


@given(json_values)
def test_walk_finds_every_value(value: object) -> None:
    """The walk meets every plain value at its place and position, however the text is laid out."""
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        found = [token for token in tokens(text, len(text)) if not token.is_key]

        assert list(values(value)) == [(token.where, json.loads(token.text)) for token in found]
        assert all(text.startswith(token.text, token.position) for token in found)


def test_walk_ends_inside_a_string() -> None:
    """A string that is cut by the end of what may be looked at is left out."""
    assert ["1"] == [token.text for token in tokens('[1, "abc', 6)]
