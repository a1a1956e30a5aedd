"""Plain text for a terminal: what is safe to show, how wide it is, tables, colours.

Rules this file keeps:

1. :func:`printable` is what every foreign text goes through: no control character, terminal escape or invisible mark of
   it is left.  Colours are put on afterwards, by a :class:`View`.
2. Widths are in columns of a terminal, not in characters.

Left to others: which values are shown, and how (:mod:`micropip_lock.render`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from micropip_lock.core.shown import human_size as human_size

ColorMode = Literal["auto", "always", "never"]
Colour = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

GAP: Final = "  "
_CODES: Final[Mapping[Colour, int]] = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_SMALLEST_COLUMN: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How text is to look.

    Attributes:
        colour: Whether to use ANSI colours.
        width: Columns to fit into, or ``None`` for as many as it takes.
    """

    colour: bool = False
    width: int | None = None

    def paint(self, text: str, colour: Colour) -> str:
        """``text`` in a colour (SGR, ECMA-48), if this view has colours."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colour and text else text


def wants_colour(mode: ColorMode, environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to colour: what the option says, else only on a terminal that can, and not against ``NO_COLOR``.

    Source: no-color.org: a ``NO_COLOR`` that is not empty counts; an option of the command overrides it.
    """
    if mode != "auto":
        return mode == "always"
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def printable(text: str, *, lines: bool = False) -> str:
    """``text`` with every character that a terminal would act on, or not show, spelled as an escape.

    Args:
        text: Any text.
        lines: Let line breaks be.
    """
    return "".join(
        one if (lines and one == "\n") or not _is_invisible(one) else one.encode("unicode_escape").decode("ascii")
        for one in text
    )


def _is_invisible(one: str) -> bool:
    # Cc and Cf hold escapes and bidirectional marks, Zl and Zp breaks, Cs and Co what no font has.
    return unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def columns_of(text: str) -> int:
    """Columns that ``text`` takes on a terminal.

    Source: UAX #11, East Asian Width: W and F take two; combining marks take none.
    """
    wide = sum(unicodedata.east_asian_width(one) in ("W", "F") for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) != 0 for one in text)


def shorten(text: str, width: int) -> str:
    """``text`` cut in its middle to at most ``width`` columns, because both ends of an address tell something."""
    if columns_of(text) <= width:
        return text
    if width < 1:
        return ""
    tail = _first_columns(text[::-1], (width - 1) // 2)[::-1]
    return _first_columns(text, width - 1 - columns_of(tail)) + "…" + tail


def _first_columns(text: str, width: int) -> str:
    end = 0
    while end < len(text) and columns_of(text[: end + 1]) <= width:
        end += 1
    return text[:end]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its head.
        right: Align to the right.
        shrinks: Is cut when the table is wider than the view.
        coloured: Its cells have colours.
    """

    title: str
    right: bool = False
    shrinks: bool = False
    coloured: bool = False


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    view: View,
    *,
    colour_of: Callable[[str], Colour | None] = lambda cell: None,
) -> list[str]:
    """Lines of a table with aligned columns, the first one its head; cells are made printable here.

    Args:
        columns: Titles and how to align.
        rows: Cells, any text.
        view: How it is to look.
        colour_of: The colour of a cell of a column with ``coloured``.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [
        max([columns_of(column.title), *(columns_of(row[number]) for row in cells)])
        for number, column in enumerate(columns)
    ]
    if view.width is not None:
        _squeeze(widths, columns, view.width)

    def line(row: Sequence[str], *, is_head: bool) -> str:
        parts = []
        for cell, column, width in zip(row, columns, widths, strict=True):
            text = shorten(cell, width)
            padding = " " * (width - columns_of(text))
            colour = "bold" if is_head else colour_of(cell) if column.coloured else None
            painted = text if colour is None else view.paint(text, colour)
            parts.append(padding + painted if column.right else painted + padding)
        return GAP.join(parts).rstrip()

    return [line([column.title for column in columns], is_head=True), *(line(row, is_head=False) for row in cells)]


def _squeeze(widths: list[int], columns: Sequence[Column], limit: int) -> None:
    """Make the shrinking columns narrower, the widest first, until the table fits or nothing more can give."""
    shrinking = [number for number, column in enumerate(columns) if column.shrinks]
    while sum(widths) + len(GAP) * (len(widths) - 1) > limit:
        widest = max(shrinking, key=lambda number: widths[number], default=None)
        if widest is None or widths[widest] <= _SMALLEST_COLUMN:
            return
        widths[widest] -= 1
