"""Values as an error shows them, and the characters that nothing may show.

Left to others: terminals (``cli_text.py``).
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
WITHOUT_BREAKS: Final = {ord(character): None for character in "\t\n\r"}
"""For ``str.translate``: takes out what separates lines and columns."""

WITHOUT_LAYOUT: Final = WITHOUT_BREAKS | {ord("\f"): None}
"""For ``str.translate``: takes out what program text is laid out with."""


def hidden_character(text: str, *, program: bool = False) -> str | None:
    """The first control, bidirectional, zero-width or surrogate character, or ``None``.

    Args:
        text: Any text.
        program: It is program text, which has line breaks, tabs and form feeds.
    """
    if program:
        text = text.translate(WITHOUT_LAYOUT)
    # Most strings are plain; the table of categories is asked only about the others.
    if text.isprintable():
        return None
    return next((character for character in text if unicodedata.category(character) in _HIDDEN), None)


def shown(value: object) -> str:
    """A value as an error shows it: short, on one line, its type named when that is the news."""
    match value:
        case str():
            return repr(value if len(value) <= 60 else value[:60] + "…")
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"a table of {len(value)}"
        case list():
            return f"a list of {len(value)}"
        case int() | float():
            # Python writes no number of more than some thousand digits.
            large = isinstance(value, int) and value.bit_length() > 1024
            return "a huge number" if large else f"the number {value}"
        case _:
            return f"a {type(value).__name__}"


_UNITS: Final = ("kB", "MB", "GB")


def human_size(count: int | None) -> str:
    """Bytes in decimal units, three digits or so, halves rounded up; nothing when not known."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    for power, unit in enumerate(_UNITS, 1):
        tenths = (count * 20 + 1000**power) // (2 * 1000**power)
        if tenths < 10_000 or unit == _UNITS[-1]:
            return f"{tenths // 10}.{tenths % 10} {unit}"
    raise AssertionError("the last unit has no limit")


def visible(text: str) -> str:
    """``text`` with a replacement character for each that would not show, or would change how others do."""
    return text if text.isprintable() else "".join("\ufffd" if hidden_character(one) else one for one in text)
