"""A lock in whichever format its text is: told by the text, never by a file's name.

Left to others: each format.
"""

from __future__ import annotations

import re
from typing import Final

from micropip_lock.core.formats.pyodide_lock import parse_pyodide_lock
from micropip_lock.core.model import Abi, Lock

# How a TOML document begins and JSON never does: a comment, a key with its `=` or `.`, or the name of a table.
_QUOTED: Final = r"\"[^\"\n]*+\"|'[^'\n]*+'"
_TOML: Final = re.compile(
    rf"\s*(?:#|(?:[A-Za-z0-9_-]++|{_QUOTED})[ \t]*+=|(?:[A-Za-z_][A-Za-z0-9_-]*+|{_QUOTED})[ \t]*+\."
    r"|\[\[?(?!(?:true|false|null|NaN)\b)[A-Za-z_])"
)


def parse_lock(text: str | bytes, *, abi: Abi | None = None, base: str | None = None) -> Lock:
    """Read a lock: ``pyodide-lock.json``, ``pylock.toml``, or the one in a notebook.

    Args:
        text: As it arrived.
        abi: What a ``pylock.toml`` is for; see :func:`~micropip_lock.core.formats.pylock.parse_pylock`.
        base: Address that relative names resolve against.

    Raises:
        MicropipLockError: what the reader of the format raises.
    """
    if is_pylock(text):
        # Most kernels never see one, and it would be half of what loading this package costs there.
        from micropip_lock.core.formats.pylock import parse_pylock

        return parse_pylock(text, abi=abi, base=base)
    if _may_be_notebook(text):
        from micropip_lock.core.notebook import is_notebook, parse_embedded

        if is_notebook(text):
            return parse_embedded(text, base=base)
    return parse_pyodide_lock(text, base=base)


def _may_be_notebook(text: str | bytes) -> bool:
    # Cheap, since every lock comes by here.
    marks = (b'"nbformat"', b'"cells"') if isinstance(text, bytes) else ('"nbformat"', '"cells"')
    return any(mark in text for mark in marks)  # type: ignore[operator]


def is_pylock(text: str | bytes) -> bool:
    """Whether a text is TOML rather than JSON, or would like to be."""
    start = text[:10_000]
    if isinstance(start, bytes):
        start = start.decode("utf-8", "replace")
    start = start.removeprefix("\ufeff")
    return _TOML.match(start) is not None
