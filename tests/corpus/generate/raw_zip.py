"""Writes zip archives field by field, wrong ones too.

What this file knows: the three records of APPNOTE 6.3 (local header, directory entry, end) and where each number goes.
By default all of them agree; each can be told to lie. No time is written but the zip epoch.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

UTF8 = 0x800
EPOCH = (0, 0x21)  # time, date: 1980-01-01
REGULAR = 0o100644 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One entry: the truth about it, and what its two headers say.

    Attributes:
        name: As written into both headers.
        data: The content.
        method: 0 stored, 8 deflated; others are claimed only.
        flags: General purpose bits of both headers.
        attributes: External attributes; the upper half is a Unix mode.
        packed: The bytes in the archive, when they are not those that ``method`` gives.
        crc: Claimed in both headers instead of the true one.
        size: Claimed in both headers instead of the true one.
        packed_size: Claimed in both headers instead of the true one.
        local_name: Claimed in the local header.
        local_size: Claimed in the local header.
        local_method: Claimed in the local header.
        local_extra: Extra field of the local header.
        extra: Extra field of the directory entry.
        descriptor: Follows the data; None writes none.
        offset: Claimed by the directory instead of the true one.
    """

    name: bytes
    data: bytes = b""
    method: int = 0
    flags: int = UTF8
    attributes: int = REGULAR
    packed: bytes | None = None
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    local_method: int | None = None
    local_extra: bytes = b""
    extra: bytes = b""
    descriptor: bytes | None = None
    offset: int | None = None

    @property
    def body(self) -> bytes:
        """The bytes in the archive."""
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.method == 8 else self.data

    @property
    def numbers(self) -> tuple[int, int, int]:
        """CRC, packed size and size, as claimed."""
        return (
            zlib.crc32(self.data) if self.crc is None else self.crc,
            len(self.body) if self.packed_size is None else self.packed_size,
            len(self.data) if self.size is None else self.size,
        )


def deflated(data: bytes) -> bytes:
    """A raw deflate stream."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def parts_of(entries: Iterable[tuple[str, bytes]]) -> list[Part]:
    """One stored part for each path and content."""
    return [Part(name=path.encode("utf-8"), data=data) for path, data in entries]


def local_header(part: Part) -> bytes:
    """The header in front of a part's data."""
    name = part.name if part.local_name is None else part.local_name
    method = part.method if part.local_method is None else part.local_method
    crc, packed, size = part.numbers
    if part.descriptor is not None:
        crc = packed = size = 0
    if part.local_size is not None:
        size = part.local_size
    flags = part.flags | (8 if part.descriptor is not None else 0)
    fields = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, flags, method, *EPOCH, crc, packed, size, len(name), len(part.local_extra)
    )
    return fields + name + part.local_extra


def directory_entry(part: Part, offset: int) -> bytes:
    """The entry of the central directory."""
    flags = part.flags | (8 if part.descriptor is not None else 0)
    at = offset if part.offset is None else part.offset
    head = struct.pack("<4s6H", b"PK\1\2", 0x0314, 20, flags, part.method, *EPOCH)
    sizes = struct.pack("<3L3H", *part.numbers, len(part.name), len(part.extra), 0)
    return head + sizes + struct.pack("<2H2L", 0, 0, part.attributes, at) + part.name + part.extra


def end_record(count: int, length: int, start: int, comment: bytes = b"") -> bytes:
    """The end of the central directory."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, start, len(comment)) + comment


def zip64_end(count: int, length: int, start: int) -> bytes:
    """ZIP64's end record and locator, and an ordinary end whose fields are full."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + length, 1)
    return record + locator + end_record(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def archive(parts: Sequence[Part], *, comment: bytes = b"", zip64: bool = False) -> bytes:
    """All parts, the directory and the end."""
    body, directory = bytearray(), bytearray()
    for part in parts:
        directory += directory_entry(part, len(body))
        body += local_header(part) + part.body + (part.descriptor or b"")
    end = (
        zip64_end(len(parts), len(directory), len(body))
        if zip64
        else end_record(len(parts), len(directory), len(body), comment)
    )
    return bytes(body + directory + end)


def with_descriptor(part: Part, *, crc: int | None = None) -> Part:
    """The part with its numbers behind its data (bit 3), and perhaps a wrong CRC there."""
    truth, packed, size = part.numbers
    return replace(part, descriptor=struct.pack("<4s3L", b"PK\7\x08", truth if crc is None else crc, packed, size))
