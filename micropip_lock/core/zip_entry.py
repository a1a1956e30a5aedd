"""One entry of a zip archive: what its two headers say, and its content.

Rules this file keeps:

1. The directory and the local header agree in name, method, flags and numbers; so do the numbers that may follow the
   data. Programs that read one and programs that read the other see the same archive.
2. Inflating stops one byte behind the size that the directory gives, whatever the data would make; the stream ends
   where the data ends; size and CRC are true.

Source: .ZIP File Format Specification (APPNOTE 6.3.10, sections 4.3 to 4.5).
Left to others: the directory and where it is (:mod:`micropip_lock.core.zip_directory`).
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple

from micropip_lock.errors import WheelFormatError

LOCAL_HEADER: Final = 30
"""Bytes of a local header without the name and the extra field."""

DESCRIPTOR_FOLLOWS: Final = 8
"""Flag of an entry whose numbers stand behind its data (APPNOTE 4.4.4, bit 3)."""

_LOCAL: Final = b"PK\x03\x04"
_FIELDS: Final = struct.Struct("<4x2x2H4x3L2H")
_FULL32: Final = 0xFFFFFFFF
_ZIP64_FIELD: Final = 1
_UNICODE_PATH_FIELD: Final = 0x7075


class ZipEntry(NamedTuple):
    """One file or directory of the archive, as the archive's directory says.

    A named tuple, because archives have thousands and a frozen dataclass takes five times as long to make.

    Attributes:
        path: Its name; a directory's ends in a slash.
        raw_path: The name's bytes.
        offset: Where its local header begins.
        packed_size: Bytes of its data in the archive.
        size: Bytes of its content.
        crc: CRC-32 of its content.
        method: 0 for stored, 8 for deflated.
        flags: General purpose bits.
        external: External attributes; the upper half is a Unix mode.
        header: The 24 bytes that the local header has in common with the directory's entry when nothing is special.
    """

    path: str
    raw_path: bytes
    offset: int
    packed_size: int
    size: int
    crc: int
    method: int
    flags: int
    external: int
    header: bytes

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory: its name says so."""
        return self.path.endswith("/")


def bad_zip(filename: str, message: str, *, got: str, code: str = "bad-zip") -> WheelFormatError:
    """The error for an archive that breaks a rule."""
    return WheelFormatError(
        message, code=code, where=filename, expected="a wheel as build tools write it", got=got, hint="do not use it"
    )


def data_start(data: bytes, at: int, entry: ZipEntry, filename: str) -> int:
    """Where an entry's data begins, its local header checked against the directory.

    Args:
        data: Bytes that hold the local header, at least 30 from ``at`` on.
        at: Offset of the header in ``data``.
        entry: What the directory says.
        filename: For messages.

    Raises:
        WheelFormatError: codes ``lfh-cd-mismatch``, ``bad-zip``.
    """
    start = at + LOCAL_HEADER + len(entry.raw_path)
    # Nearly always the two say the same in the same bytes; the extra field is then the only thing to look at.
    if (
        data[at + 4 : at + 28] == entry.header
        and data[at : at + 4] == _LOCAL
        and data[at + LOCAL_HEADER : start] == entry.raw_path
    ):
        extra = data[at + 28] + (data[at + 29] << 8)
        if extra:
            extra_fields(data[start : start + extra], entry.raw_path, filename)
        return start + extra
    return _data_start(data, at, entry, filename)


def _data_start(data: bytes, at: int, entry: ZipEntry, filename: str) -> int:
    flags, method, crc, packed, size, name, extra = _FIELDS.unpack_from(data, at)
    start = at + LOCAL_HEADER + int(name)
    zip64 = extra_fields(data[start : start + extra], entry.raw_path, filename)
    # APPNOTE 4.5.3: in a local header the field has both sizes, the full one first.
    if size == packed == _FULL32 and len(zip64) >= 16:
        size, packed = struct.unpack_from("<2Q", zip64)
    # APPNOTE 4.4.4, bit 3: the numbers follow the data; here they are zero, or there already.
    later = bool(flags & DESCRIPTOR_FOLLOWS)
    for what, here, there, may_be_zero in (
        ("signature", data[at : at + 4], _LOCAL, False),
        ("name", data[at + LOCAL_HEADER : start], entry.raw_path, False),
        ("flags", flags, entry.flags, False),
        ("method", method, entry.method, False),
        ("CRC", crc, entry.crc, later),
        ("packed size", packed, entry.packed_size, later),
        ("size", size, entry.size, later),
    ):
        if here != there and not (may_be_zero and here == 0):
            raise _disagree(filename, entry, f"{what}: {here!r}, in the directory {there!r}")
    return start + int(extra)


def data_end(data: bytes, stop: int, following: int, entry: ZipEntry, filename: str) -> None:
    """Check that nothing is between an entry's data and what follows but, where announced, its numbers again.

    Args:
        data: The whole archive.
        stop: Offset after the entry's data.
        following: Offset of the next local header, or of the directory.
        entry: What the directory says.
        filename: For messages.

    Raises:
        WheelFormatError: codes ``overlap``, ``hidden-data``, ``lfh-cd-mismatch``.
    """
    gap = following - stop
    if gap < 0:
        raise bad_zip(filename, "two entries lie in each other", got=repr(entry.path), code="overlap")
    if entry.flags & DESCRIPTOR_FOLLOWS:
        # APPNOTE 4.3.9: the signature is optional, the sizes may be ZIP64's.
        for form in ("<3L", "<L2Q") if entry.size < _FULL32 and entry.packed_size < _FULL32 else ("<L2Q",):
            numbers = struct.pack(form, entry.crc, entry.packed_size, entry.size)
            if data[stop:following] in (numbers, b"PK\x07\x08" + numbers):
                return
        if gap in (0, 12, 16, 20, 24):
            raise _disagree(filename, entry, "other numbers behind its data, or none")
    if gap:
        raise bad_zip(
            filename,
            "the archive holds bytes that its directory does not list",
            got=f"{gap} bytes behind {entry.path!r}",
            code="hidden-data",
        )


def content_of(packed: bytes | memoryview, entry: ZipEntry, filename: str) -> bytes:
    """The content of an entry.

    Args:
        packed: Its data in the archive.
        entry: What the directory says.
        filename: For messages.

    Raises:
        WheelFormatError: codes ``size-mismatch``, ``crc``, ``bad-zip``.
    """
    if entry.method:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflate.decompress(packed, entry.size + 1)
        except zlib.error as error:
            raise bad_zip(place(filename, entry.path), "an entry cannot be inflated", got=str(error)) from error
        if len(content) <= entry.size and (not inflate.eof or inflate.unused_data):
            raise _mismatch(
                filename, entry, "size-mismatch", f"{len(packed)} packed bytes of which the stream is another part"
            )
    else:
        content = bytes(packed)
    if len(content) != entry.size:
        raise _mismatch(
            filename, entry, "size-mismatch", f"{len(content)} bytes" + " or more" * (len(content) > entry.size)
        )
    if zlib.crc32(content) != entry.crc:
        raise _mismatch(filename, entry, "crc", f"CRC {zlib.crc32(content):08x}")
    return content


def extra_fields(extra: bytes, raw_path: bytes, filename: str) -> bytes:
    """Look through an extra field.

    Returns:
        The ZIP64 sizes in it, or ``b""``.

    Raises:
        WheelFormatError: codes ``bad-zip``; ``lfh-cd-mismatch`` when it gives the entry another name.
    """
    at, zip64 = 0, b""
    while len(extra) - at >= 4:
        kind, length = struct.unpack_from("<2H", extra, at)
        value = extra[at + 4 : at + 4 + length]
        if len(value) < length:
            raise bad_zip(filename, "an extra field breaks off", got=f"{len(value)} of {length} bytes")
        if kind == _ZIP64_FIELD and not zip64:
            zip64 = value
        elif kind == _UNICODE_PATH_FIELD and value[5:] != raw_path:
            # APPNOTE 4.6.9: some programs take this name, others the one in the header.
            raise bad_zip(
                filename, "an entry has two names", got=f"{raw_path!r} and {value[5:]!r}", code="lfh-cd-mismatch"
            )
        at += 4 + length
    return zip64


def place(filename: str, path: str) -> str:
    """An entry for messages, whatever characters it is made of."""
    return f"{filename}: {path!r}" if not path.isprintable() else f"{filename}: {path}"


def _disagree(filename: str, entry: ZipEntry, got: str) -> WheelFormatError:
    return WheelFormatError(
        "an entry and the archive's directory disagree",
        code="lfh-cd-mismatch",
        where=place(filename, entry.path),
        got=got[:200],
        hint="do not install this wheel: other programs read other things in it",
    )


def _mismatch(filename: str, entry: ZipEntry, code: str, got: str) -> WheelFormatError:
    return WheelFormatError(
        "a file is not what the archive's directory says",
        code=code,
        where=place(filename, entry.path),
        expected=f"{entry.size} bytes, CRC {entry.crc:08x}",
        got=got,
        hint="the wheel is damaged; ask its author for another",
    )
