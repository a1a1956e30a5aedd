"""Turns the bytes that a fuzzer makes into choices: numbers, texts and edits, for inputs that have a structure.

The same bytes always give the same choices; when they are used up, every choice is the first one.
"""

from __future__ import annotations

from collections.abc import Sequence


class Choices:
    """Choices from the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that are not used yet."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next bytes, at most ``count``."""
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def number(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1."""
        return int.from_bytes(self.take(4), "little") % limit if limit > 1 else 0

    def one[T](self, values: Sequence[T]) -> T:
        """One of ``values``."""
        return values[self.number(len(values)) if len(values) > 256 else self._byte() % len(values)]

    def yes(self) -> bool:
        """Yes or no."""
        return self._byte() % 2 == 1

    def chunk(self) -> bytes:
        """Some bytes, at most 255."""
        return self.take(self._byte())

    def text(self) -> str:
        """Some text."""
        return self.chunk().decode("utf-8", "replace")

    def edited(self, original: bytes) -> bytes:
        """The original with some of its bytes overwritten, taken out, put in or doubled."""
        edited = bytearray(original)
        while self.left:
            at = self.number(len(edited) + 1)
            kind = self._byte() % 4
            if kind == 0:
                piece = self.take(1 + self._byte() % 8)
                edited[at : at + len(piece)] = piece
            elif kind == 1:
                del edited[at : at + 1 + self._byte()]
            elif kind == 2:
                edited[at:at] = self.chunk()
            else:
                stop = at + 1 + self._byte()
                to = self.number(len(edited) + 1)
                edited[to:to] = edited[at:stop]
        return bytes(edited)

    def _byte(self) -> int:
        taken = self.take(1)
        return taken[0] if taken else 0
