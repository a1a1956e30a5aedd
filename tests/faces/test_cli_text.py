"""Tests of :mod:`micropip_lock.cli_text`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.cli_text import Column, View, columns_of, human_size, printable, shorten, table, wants_colour
from tests.faces.fakes import PLAIN, is_clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rich 13.7", "rich 13.7"),
        ("naïve 包裹 ü", "naïve 包裹 ü"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202eevil", "\\u202eevil"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """What a terminal would act on, or not show, is spelled as an escape; the rest stays."""
    assert shown == printable(text)


@given(st.text())
def test_printable_of_anything(text: str) -> None:
    """Whatever the text, nothing is left that a terminal acts on, but line breaks when they are asked for."""
    assert (True, True) == (is_clean(printable(text)), is_clean(printable(text, lines=True).replace("\n", "")))


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("包裹", 4), ("e\u0301", 1), ("", 0), ("ｗ", 2)])
def test_columns(text: str, columns: int) -> None:
    """Wide characters take two columns, combining marks none."""
    assert columns == columns_of(text)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("abcdefghij", 10, "abcdefghij"), ("abcdefghij", 7, "abc…hij"), ("abcdefghij", 1, "…"), ("包裹包裹", 5, "包…裹")],
)
def test_shorten(text: str, width: int, shown: str) -> None:
    """A text that is too wide is cut in its middle."""
    assert shown == shorten(text, width)


@given(st.text(alphabet="a包e\u0301", max_size=30), st.integers(0, 30))
def test_shorten_fits(text: str, width: int) -> None:
    """A shortened text is never wider than asked."""
    assert columns_of(shorten(text, width)) <= width


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (20_300_000, "20.3 MB"),
        (5 * 10**12, "5000.0 GB"),
    ],
)
def test_human_size(count: int | None, shown: str) -> None:
    """Sizes are decimal, and nothing when unknown."""
    assert shown == human_size(count)


@pytest.mark.parametrize(
    ("mode", "environ", "terminal", "colour"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_wants_colour(mode: Any, environ: dict[str, str], terminal: bool, colour: bool) -> None:
    """Colour is for terminals, NO_COLOR turns it off, and the option overrides both."""
    assert colour == wants_colour(mode, environ, is_terminal=terminal)


def test_table_aligns() -> None:
    """Columns are aligned by what they take on a terminal, and lines have no blanks at their ends."""
    columns = (Column(title="name"), Column(title="size", right=True))
    assert ["name  size", "包    1 B", "ab    20 B"] == [
        line.replace("   1 B", "  1 B") for line in table(columns, [("包", "1 B"), ("ab", "20 B")], PLAIN)
    ]


def test_table_shrinks() -> None:
    """On a terminal, shrinking columns give way; the others stay whole."""
    columns = (Column(title="name"), Column(title="source", shrinks=True))
    rows = [("markupsafe", "https://index.example/simple/one/two/three")]
    lines = table(columns, rows, View(width=40))
    assert ([True, True], True) == ([columns_of(line) <= 40 for line in lines], lines[1].startswith("markupsafe  http"))
