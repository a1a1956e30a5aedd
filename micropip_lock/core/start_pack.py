"""A start pack: of each wheel the parts that an environment needs first, in one file.

A pack is made when what the imports of an environment read is known. A boot path that has it can import while the
wheels themselves still arrive.

The format, all numbers little endian and unsigned::

    8 bytes   "mlstart", and the version of the format as one byte: 2
    u32       how many wheels
    per wheel, in the order of their digests:
        32 bytes  SHA-256 of the whole wheel
        u32       bytes of the whole wheel
        u32       bytes of its compiled modules
        u32       the same deflated; 0 when there are none
        u32       how many segments
        per segment, in their order:
            u32   its offset in the wheel
            u32   its length, at least 1
    per wheel, in the same order: its compiled modules, deflated (RFC 1951); then the bytes of its segments

Compiled modules are what the store keeps beside a wheel (``js/src/bytecode.ts``). The pack's own digest vouches for
them, as nothing in the wheel can; their sources need not be among its parts.

Rules this file keeps:

1. The same parts make the same bytes; segments neither overlap nor touch, digests are in ascending order.
2. Bytes that are not all of this are refused; no number in them is believed before it is compared with what is there.

Source: the zip archive's own structures, as parts of the wheel (APPNOTE 6.3.10, sections 4.3 to 4.5).
Left to others: what is read (:mod:`micropip_lock.app.start`), the reader of the boot path (``js/src/start-pack.ts``,
held to this one by ``tests/vectors/start_pack.json``).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from micropip_lock.core.digest import Digest
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import WheelFormatError

MAGIC: Final = b"mlstart\x02"
MAX_WHEELS: Final = 2000
MAX_WHEEL_BYTES: Final = 256 * 2**20
MAX_SEGMENTS: Final = 100_000
"""Of one wheel: twice the files that a wheel may have."""

MAX_ALL_BYTES: Final = 2**31
"""Of all whole wheels together: a reader may make room for them."""

MAX_COMPILED_BYTES: Final = 2**28
"""Of the compiled modules of one wheel."""

NEAR: Final = 512
"""A gap of so few bytes between two parts is filled: it costs less than the next request."""

NEARLY_WHOLE: Final = 0.9
"""A wheel of which this share is needed is taken whole: nothing of it has to be fetched again."""

_COUNT: Final = struct.Struct("<I")
_WHEEL: Final = struct.Struct("<32sIIII")
_SEGMENT: Final = struct.Struct("<II")

_LEGAL: Final = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelParts:
    """What a pack has of one wheel.

    Attributes:
        digest: Of the whole wheel.
        size: Bytes of the whole wheel.
        segments: Offset and bytes of each part, in order.
        compiled: Its compiled modules, as the store keeps them; empty for none.
    """

    digest: Digest
    size: int
    segments: tuple[tuple[int, bytes], ...]
    compiled: bytes = b""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return [(0, self.size)] == [(offset, len(data)) for offset, data in self.segments]


def parts_of(wheel: OpenedWheel, read: Collection[str], compiled: bytes = b"") -> WheelParts:
    """The parts of a wheel that hold its directory, what describes it, and the files that are read.

    Args:
        wheel: The wheel.
        read: Paths in it.
        compiled: Its compiled modules; what they were compiled from is not among ``read``.
    """
    data = wheel.wheel.data
    wanted = [(wheel.directory_start, len(data))]
    for path, header, start, stop, following in wheel.places():
        if path in read or _describes(path, wheel.dist_info):
            wanted.append((header, following))
        elif stop < following:
            # Its numbers stand behind its data, so that nobody can tell from the directory where that begins.
            wanted += [(header, start), (stop, following)]
    merged = _merged(wanted)
    if sum(stop - start for start, stop in merged) >= NEARLY_WHOLE * len(data):
        merged = [(0, len(data))]
    return WheelParts(
        digest=wheel.wheel.digest,
        size=len(data),
        segments=tuple((start, data[start:stop]) for start, stop in merged),
        compiled=compiled,
    )


def _describes(path: str, dist_info: str) -> bool:
    """Whether a file is one of those that say what the wheel is, licences left out."""
    folder, _, name = path.partition("/")
    return folder == dist_info and "/" not in name and not name.upper().startswith(_LEGAL)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1] + NEAR:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        elif stop > start:
            merged.append((start, stop))
    return merged


def format_start_pack(wheels: Iterable[WheelParts]) -> bytes:
    """A pack as bytes."""
    ordered = sorted(wheels, key=lambda one: one.digest.raw)
    table, bodies = [MAGIC, _COUNT.pack(len(ordered))], []
    for one in ordered:
        packed = _deflated(one.compiled) if one.compiled else b""
        table.append(_WHEEL.pack(one.digest.raw, one.size, len(one.compiled), len(packed), len(one.segments)))
        table += [_SEGMENT.pack(offset, len(data)) for offset, data in one.segments]
        bodies += [packed, *(data for _, data in one.segments)]
    return b"".join((*table, *bodies))


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _inflated(data: bytes, size: int) -> bytes:
    try:
        unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        # One byte more than is promised, so that more of them are noticed.
        found = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise _bad("compiled modules that cannot be unpacked", str(error)) from error
    if len(found) != size or not unpacker.eof or unpacker.unused_data:
        raise _bad("compiled modules of another length", f"{len(found)} bytes instead of {size}")
    return found


def parse_start_pack(data: bytes) -> tuple[WheelParts, ...]:
    """Read a pack.

    Raises:
        WheelFormatError: code ``bad-pack``.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise _bad("another format", repr(data[: len(MAGIC)]))
    (count,), at = _taken(_COUNT, data, len(MAGIC))
    if count > MAX_WHEELS:
        raise _bad("too many wheels", str(count))
    table: list[_Row] = []
    for _ in range(count):
        (raw, size, compiled, packed, segments), at = _taken(_WHEEL, data, at)
        if not 0 < size <= MAX_WHEEL_BYTES or not 0 < segments <= MAX_SEGMENTS:
            raise _bad("a wheel of impossible size", f"{size} bytes in {segments} segments")
        if compiled > MAX_COMPILED_BYTES or (compiled == 0) != (packed == 0):
            raise _bad("compiled modules of impossible size", f"{compiled} bytes in {packed}")
        spans = []
        for _ in range(segments):
            (offset, length), at = _taken(_SEGMENT, data, at)
            spans.append((offset, length))
        _check_spans(spans, size)
        table.append(_Row(raw=raw, size=size, compiled=compiled, packed=packed, spans=tuple(spans)))
    if any(one.raw >= other.raw for one, other in pairwise(table)):
        raise _bad("wheels out of order", "a digest that is not above the one before")
    if sum(row.size for row in table) > MAX_ALL_BYTES:
        raise _bad("the wheels are too large together", f"more than {MAX_ALL_BYTES} bytes")
    if at + sum(row.packed + sum(length for _, length in row.spans) for row in table) != len(data):
        raise _bad("another length than its table says", f"{len(data)} bytes")
    return tuple(_cut(data, table, at))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    raw: bytes
    size: int
    compiled: int
    packed: int
    spans: tuple[tuple[int, int], ...]


def _cut(data: bytes, table: Iterable[_Row], at: int) -> Iterator[WheelParts]:
    for row in table:
        compiled = _inflated(data[at : at + row.packed], row.compiled) if row.packed else b""
        at += row.packed
        segments = []
        for offset, length in row.spans:
            segments.append((offset, data[at : at + length]))
            at += length
        yield WheelParts(digest=Digest(row.raw), size=row.size, segments=tuple(segments), compiled=compiled)


def _check_spans(spans: Iterable[tuple[int, int]], size: int) -> None:
    before = -1
    for offset, length in spans:
        if offset <= before or length == 0 or offset + length > size:
            raise _bad("a segment lies outside of its wheel or in another", f"{length} bytes at {offset}")
        before = offset + length


def _taken(form: struct.Struct, data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    if len(data) - at < form.size:
        raise _bad("the table breaks off", f"{len(data)} bytes")
    return form.unpack_from(data, at), at + form.size


def _bad(message: str, got: str) -> WheelFormatError:
    return WheelFormatError(
        f"the start pack cannot be read: {message}",
        code="bad-pack",
        got=got,
        hint="make the bundle again; without its start pack it works all the same",
    )
