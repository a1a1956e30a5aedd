"""The structures of a zip archive that say where its files are, read strictly and bounded.

What this file knows: the end-of-central-directory record and its ZIP64 form, the entries of the directory, local file
headers.  What it leaves to others: getting the bytes and inflating them (:mod:`micropip_lock.core.remote_wheel`).

Source: .ZIP File Format Specification (APPNOTE 6.3.10, section 4.3).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from micropip_lock.errors import WheelFormatError, WheelTooLargeError

END_SIZE: Final = 22
LONGEST_COMMENT: Final = 0xFFFF
MAX_ENTRIES: Final = 50_000
MAX_DIRECTORY: Final = 16 << 20
"""Bytes of a directory that is still read: 50 000 entries with names of 300 characters."""

_END: Final = b"PK\x05\x06"
_END64: Final = b"PK\x06\x06"
_LOCATOR64: Final = b"PK\x06\x07"
_LOCATOR64_SIZE: Final = 20
_END64_SIZE: Final = 56
_ENTRY: Final = b"PK\x01\x02"
_LOCAL: Final = b"PK\x03\x04"
_FULL16: Final = 0xFFFF
_FULL32: Final = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectoryPlace:
    """Where the directory lies.

    Attributes:
        start: Offset of its first byte.
        stop: Offset after its last byte.
        count: Entries that it holds.
    """

    start: int
    stop: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipEntry:
    """One file of the archive, as the directory says.

    Attributes:
        path: Its name.
        raw_path: The name's bytes.
        offset: Where its local header begins.
        packed_size: Bytes of its data in the archive.
        size: Bytes of its content.
        crc: CRC-32 of its content.
        deflated: The data is deflated; else it is stored.
    """

    path: str
    raw_path: bytes
    offset: int
    packed_size: int
    size: int
    crc: int
    deflated: bool


def bad_zip(filename: str, message: str, *, got: str, code: str = "bad-zip") -> WheelFormatError:
    """The error for an archive that breaks a rule."""
    return WheelFormatError(
        message, code=code, where=filename, expected="a wheel as build tools write it", got=got, hint="do not use it"
    )


def end_of_zip(tail: bytes, size: int, filename: str) -> DirectoryPlace | None:
    """Read the end of an archive.

    Args:
        tail: Its last bytes, at least 22.
        size: Bytes of the whole archive.
        filename: For messages.

    Returns:
        ``None`` when the tail is too short to tell: it ends in a comment, or ZIP64's records are not in it.

    Raises:
        WheelFormatError: codes ``bad-zip``, ``multiple-eocd``, ``prefix-data``.
        WheelTooLargeError: codes ``entries``, ``too-large``.
    """
    at = _end_offset(tail, filename)
    if at is None:
        return None
    _, disk, first_disk, here, count, length, start, _ = struct.unpack_from("<4s4H2LH", tail, at)
    stop = size - len(tail) + at
    if _FULL16 in (disk, first_disk, here, count) or _FULL32 in (length, start):
        found = _end64(tail, at, stop, size, filename)
        if found is None:
            return None
        disk, first_disk, here, count, length, start, stop = found
    if disk or first_disk or here != count:
        raise bad_zip(filename, "an archive in several parts", got=f"part {disk}, {here} of {count} entries")
    if count > MAX_ENTRIES:
        raise WheelTooLargeError(
            "the wheel has too many files",
            code="entries",
            where=filename,
            expected=f"at most {MAX_ENTRIES}",
            got=str(count),
        )
    if length > MAX_DIRECTORY:
        raise WheelTooLargeError(
            "the archive's directory is too large",
            where=filename,
            expected=f"at most {MAX_DIRECTORY} bytes",
            got=f"{length} bytes",
        )
    if count == 0 or length < count * 46:
        raise bad_zip(filename, "the archive holds no files", got=f"{count} entries in {length} bytes")
    if start + length != stop:
        raise bad_zip(
            filename, "bytes before the archive or in it that belong to nothing", got=f"{stop}", code="prefix-data"
        )
    return DirectoryPlace(start=start, stop=stop, count=count)


def _end_offset(tail: bytes, filename: str) -> int | None:
    at = len(tail) - END_SIZE
    if tail.startswith(_END, at) and tail.endswith(b"\0\0"):
        return at
    if len(tail) < END_SIZE + LONGEST_COMMENT and tail.rfind(_END) < 0:
        return None
    at = tail.rfind(_END, 0, len(tail) - END_SIZE + 4)
    while at >= 0:
        if at + END_SIZE + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            if tail.find(_END, at + 1) >= 0:
                raise bad_zip(filename, "the archive has two ends", got="one in a comment", code="multiple-eocd")
            return at
        at = tail.rfind(_END, 0, at)
    return None


def _end64(tail: bytes, at: int, end: int, size: int, filename: str) -> tuple[int, int, int, int, int, int, int] | None:
    needed = _LOCATOR64_SIZE + _END64_SIZE
    if at < needed:
        if len(tail) == size:
            raise bad_zip(filename, "ZIP64 fields without ZIP64 records", got="the archive begins before them")
        return None
    signature, locator_disk, offset, disks = struct.unpack_from("<4sLQL", tail, at - _LOCATOR64_SIZE)
    record = at - needed
    if signature != _LOCATOR64 or not tail.startswith(_END64, record):
        raise bad_zip(filename, "ZIP64 fields without ZIP64 records", got=repr(signature))
    if locator_disk or disks > 1 or offset != end - needed:
        raise bad_zip(filename, "a ZIP64 record that is not where it says", got=str(offset))
    _, length, _, _, disk, first_disk, here, count, directory, start = struct.unpack_from("<4sQ2H2L4Q", tail, record)
    if length != _END64_SIZE - 12:
        raise bad_zip(filename, "a ZIP64 record of another length", got=str(length))
    return disk, first_disk, here, count, directory, start, end - needed


def parse_directory(data: bytes, place: DirectoryPlace, filename: str) -> Mapping[str, ZipEntry]:
    """The files of an archive by path; directories are left out.

    Args:
        data: The whole directory.
        place: Where it lies.
        filename: For messages.

    Raises:
        WheelFormatError: codes ``bad-zip``, ``encrypted``, ``compression-method``, ``duplicate-entry``.
    """
    entries: dict[str, ZipEntry] = {}
    at = 0
    for _ in range(place.count):
        if len(data) - at < 46 or not data.startswith(_ENTRY, at):
            raise bad_zip(filename, "the directory breaks off", got=f"{len(data) - at} bytes left")
        fields = struct.unpack_from("<4s6H3L5H2L", data, at)
        _, _, _, flags, method, _, _, crc, packed, size, name, extra, comment, disk, _, _, offset = fields
        stop = at + 46 + name + extra + comment
        if stop > len(data):
            raise bad_zip(filename, "the directory breaks off", got=f"{len(data) - at} bytes left")
        raw = data[at + 46 : at + 46 + name]
        fields64 = _extra64(data[at + 46 + name : at + 46 + name + extra])
        size, packed, offset = _widened((size, packed, offset), fields64, filename)
        path = _decoded(raw, flags, filename)
        at = stop
        if path.endswith("/"):
            continue
        if path in entries:
            raise bad_zip(filename, "two entries have one name", got=repr(path), code="duplicate-entry")
        if flags & 1:
            raise bad_zip(filename, "an entry is encrypted", got=repr(path), code="encrypted")
        if method not in (0, 8):
            raise bad_zip(
                filename, "an entry is neither stored nor deflated", got=f"method {method}", code="compression-method"
            )
        if disk or offset + 30 + packed > place.start:
            raise bad_zip(filename, "an entry outside the archive", got=repr(path))
        if method == 0 and size != packed:
            raise bad_zip(filename, "a stored entry of two sizes", got=repr(path))
        entries[path] = ZipEntry(
            path=path, raw_path=raw, offset=offset, packed_size=packed, size=size, crc=crc, deflated=method == 8
        )
    if at != len(data):
        raise bad_zip(filename, "bytes after the last entry of the directory", got=f"{len(data) - at} bytes")
    return entries


def _decoded(raw: bytes, flags: int, filename: str) -> str:
    try:
        # APPNOTE, appendix D: bit 11 means UTF-8, else code page 437.
        return raw.decode("utf-8" if flags & 0x800 else "cp437")
    except UnicodeDecodeError as error:
        raise bad_zip(filename, "a file name is not UTF-8", got=repr(raw[:80])) from error


def _extra64(extra: bytes) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _widened(values: tuple[int, int, int], extra: bytes, filename: str) -> tuple[int, int, int]:
    """APPNOTE 4.5.3: each field that is full has its value in the extra field, in this order."""
    wide = []
    for value in values:
        if value == _FULL32:
            if len(extra) < 8:
                raise bad_zip(filename, "a ZIP64 entry without its fields", got=f"{len(extra)} bytes")
            value, extra = int.from_bytes(extra[:8], "little"), extra[8:]
        wide.append(value)
    return wide[0], wide[1], wide[2]


def local_data_start(data: bytes, entry: ZipEntry, filename: str) -> int:
    """Where an entry's data begins, counted from its local header.

    Args:
        data: Bytes from the local header on.
        entry: What the directory says.
        filename: For messages.

    Raises:
        WheelFormatError: code ``lfh-cd-mismatch``.
    """
    signature, _, flags, method, _, _, _, packed, size, name, extra = struct.unpack_from("<4s5H3L2H", data)
    raw = data[30 : 30 + name]
    # Bit 3: the sizes follow the data, and the header has zeros; full fields have their values in ZIP64's extra field.
    agrees = flags & 8 or {packed, size} <= {entry.packed_size, entry.size, _FULL32}
    if signature != _LOCAL or raw != entry.raw_path or method != 8 * entry.deflated or flags & 1 or not agrees:
        raise bad_zip(filename, "an entry and the directory disagree", got=repr(raw[:80]), code="lfh-cd-mismatch")
    return 30 + int(name) + int(extra)
