"""Bytes of a wheel that stay outside of Python: what is asked of whoever holds them.

Left to others: whether they are the right ones (:func:`micropip_lock.core.digest.admit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Held(Protocol):
    """Bytes that somebody else keeps and has hashed: the browser, outside of Python's memory."""

    @property
    def size(self) -> int:
        """How many."""
        ...

    @property
    def sha256(self) -> str | None:
        """Their digest in hexadecimal, computed by who holds them from these very bytes; ``None`` if it cannot."""
        ...

    def read(self) -> bytes:
        """A copy of them."""
        ...

    def plain(self, filename: str) -> PlainFacts | None:
        """What the wheel says when nothing about it is unusual; see :mod:`micropip_lock.core.plain_wheel`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainFacts:
    """What a wheel says that was found right outside of Python.

    Attributes:
        dist_info: Name of its dist-info directory.
        data_dir: Name of its ``.data`` directory, whether it has one or not.
        metadata: METADATA as shipped.
        record_text: RECORD as shipped.
        requires_python: The field of METADATA, or ``""``.
    """

    dist_info: str
    data_dir: str
    metadata: str
    record_text: str
    requires_python: str
