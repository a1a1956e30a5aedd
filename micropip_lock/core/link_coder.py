"""Adaptive binary coding: small numbers, flags and texts in the fewest bits, the same in Python and TypeScript.

Each bit is coded with the probability that earlier bits of its place had.  One walk over the data serves both ways: a
:class:`Writer` is given each value and gives it back, a :class:`Reader` ignores what it is given and gives what the
bytes say.

Rules this file keeps:

1. Whole numbers only, so that two languages agree on every probability.
2. A reader never runs away: behind the end of the bytes, and after :data:`MAX_BITS` bits, it refuses.
3. What two readers could read differently is refused: text that is not UTF-8, bytes behind the end.

Source: carry-less binary arithmetic coding as in lpaq (M. Mahoney, "Data Compression Explained", section 3.2);
probabilities by the Krichevsky-Trofimov estimator.
Left to others: what is coded (:mod:`micropip_lock.core.link_pack`).
"""

from __future__ import annotations

from typing import Final

from micropip_lock.errors import LinkError

MAX_BITS: Final = 2**20
"""Bits of one stream. A link of 64 KiB with nothing but packages has less than half of them."""

MAX_MADE: Final = 2 * 2**20
"""Most bytes that decoding a link makes of it."""

_HALF: Final = 2**15
_MOST: Final = 2**16 - 64
_LEAST: Final = 64
_PATIENCE: Final = 30

# Where the places of texts begin: above those of numbers and flags.
_TEXTS: Final = 2**40


class Coder:
    """What a walk codes with: the probabilities, by place. By itself it learns what it is told and writes nothing."""

    def __init__(self) -> None:
        # By place: probability of a one in 65,536 parts, and how many bits it was learnt from.
        self._learnt: dict[int, tuple[int, int]] = {}
        self._bits = 0

    def _code(self, probability: int, bit: int) -> int:  # noqa: ARG002  # here nothing is coded
        return bit

    def _learn(self, place: int, bit: int) -> None:
        probability, seen = self._learnt.get(place, (_HALF, 0))
        step = 2 * seen + 3
        if bit:
            probability = min(_MOST, probability + (65536 - probability) * 2 // step)
        else:
            probability = max(_LEAST, probability - probability * 2 // step)
        self._learnt[place] = (probability, min(seen + 1, _PATIENCE))

    def flag(self, place: int, value: bool = False) -> bool:
        """One bit.

        Args:
            place: Below 2**24; bits of one place are alike.
            value: What to write.
        """
        return self._bit(place << 16, int(value)) == 1

    def _bit(self, slot: int, bit: int) -> int:
        bit = self._code(self._learnt.get(slot, (_HALF, 0))[0], bit)
        self._learn(slot, bit)
        return bit

    def number(self, place: int, value: int = 0) -> int:
        """A whole number from 0 to 2**53 - 1; small ones and frequent ones are short."""
        slot = place << 16
        length = value.bit_length()
        node = 1
        for shift in range(5, -1, -1):
            node = node << 1 | self._bit(slot | node, length >> shift & 1)
        length = node - 64
        if length > 53:
            raise damaged("a number that is too large")
        # The highest bit is a one; the two behind it are often alike, the rest hardly ever.
        number = min(length, 1)
        for shift in range(length - 2, -1, -1):
            bit = value >> shift & 1
            bit = self._bit(slot | 64 + length * 4 + number, bit) if number < 4 else self._code(_HALF, bit)
            number = number << 1 | bit
        return number

    def text(self, kind: int, value: str = "") -> str:
        """A text without NUL; what it has in common with earlier ones of its kind is short.

        Args:
            kind: 0 to 7.
            value: What to write.
        """
        data = value.encode() + b"\0"
        got = bytearray()
        before = 0
        while True:
            byte = self._byte(kind, before, data[len(got)] if len(got) < len(data) else 0)
            if byte == 0:
                break
            got.append(byte)
            before = (before << 8 | byte) & 0xFFFFFF
        try:
            return got.decode()
        except UnicodeDecodeError as error:
            raise damaged("a text that is not UTF-8") from error

    def _byte(self, kind: int, before: int, byte: int) -> int:
        rooms = [_TEXTS + ((kind << 2 | order) << 32 | (before & (1 << 8 * order) - 1) << 8) for order in (3, 2, 1, 0)]
        node = 1
        for shift in range(7, -1, -1):
            # The longest context that was ever met tells.
            known = next((self._learnt[room + node] for room in rooms if room + node in self._learnt), (_HALF, 0))
            bit = self._code(known[0], byte >> shift & 1)
            for room in rooms:
                self._learn(room + node, bit)
            node = node << 1 | bit
        return node & 0xFF

    def _count(self) -> None:
        self._bits += 1
        if self._bits > MAX_BITS:
            raise too_large(f"at most {MAX_BITS} bits of text", "more")


class Writer(Coder):
    """Writes a walk's values.

    Args:
        tutor: Where to begin.
    """

    def __init__(self, tutor: Coder) -> None:
        super().__init__()
        self._learnt = dict(tutor._learnt)
        self._low, self._high = 0, 0xFFFFFFFF
        self._out = bytearray()

    def _code(self, probability: int, bit: int) -> int:
        self._count()
        middle = self._low + ((self._high - self._low) * probability >> 16)
        if bit:
            self._high = middle
        else:
            self._low = middle + 1
        while (self._low ^ self._high) >> 24 == 0:
            self._out.append(self._high >> 24)
            self._low = self._low << 8 & 0xFFFFFFFF
            self._high = self._high << 8 & 0xFFFFFFFF | 0xFF
        return bit

    def finish(self) -> bytes:
        """All bytes; a reader takes zeros for what lies behind them."""
        for kept in range(5):
            unit = 1 << 8 * (4 - kept)
            value = -(-self._low // unit) * unit
            if value <= self._high:
                self._out += value.to_bytes(5)[1 : 1 + kept]
                break
        return bytes(self._out)


class Reader(Coder):
    """Reads a walk's values.

    Args:
        tutor: Where to begin, as the writer did.
        data: What :meth:`Writer.finish` gave.
    """

    def __init__(self, tutor: Coder, data: bytes) -> None:
        super().__init__()
        self._learnt = dict(tutor._learnt)
        self._low, self._high = 0, 0xFFFFFFFF
        self._data = data
        self._at = 4
        self._value = int.from_bytes(data[:4].ljust(4, b"\0"))

    def _code(self, probability: int, bit: int) -> int:
        self._count()
        middle = self._low + ((self._high - self._low) * probability >> 16)
        bit = int(self._value <= middle)
        if bit:
            self._high = middle
        else:
            self._low = middle + 1
        while (self._low ^ self._high) >> 24 == 0:
            self._low = self._low << 8 & 0xFFFFFFFF
            self._high = self._high << 8 & 0xFFFFFFFF | 0xFF
            following = self._data[self._at] if self._at < len(self._data) else 0
            self._value = self._value << 8 & 0xFFFFFFFF | following
            self._at += 1
            if self._at > len(self._data) + 4:
                raise damaged("more than its bytes tell")
        return bit

    def finish(self) -> None:
        """Nothing may lie behind what was read.

        Raises:
            LinkError: code ``trailing``.
        """
        if len(self._data) > self._at:
            raise LinkError(
                "there are bytes behind the end of the link's content",
                code="trailing",
                got=f"{len(self._data) - self._at} bytes",
            )


def too_large(expected: str, got: str) -> LinkError:
    """The error for content beyond all measure."""
    return LinkError("the link holds too much", code="too-large", expected=expected, got=got)


def damaged(what: str) -> LinkError:
    """The error for content that no writer of ours makes."""
    return LinkError("the link's content cannot be", code="content", got=what)
