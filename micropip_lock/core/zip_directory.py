"""The structures of a zip archive that say where its files are, read strictly and bounded.

What this file knows: the end-of-central-directory record and its ZIP64 form, and the entries of the directory.
What it leaves to others: what lies at an entry's place (:mod:`micropip_lock.core.zip_entry`), getting the bytes
(:mod:`micropip_lock.core.remote_wheel`), what a whole archive must be (:mod:`micropip_lock.core.zip`).

Source: .ZIP File Format Specification (APPNOTE 6.3.10, section 4.3).
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import Final, NoReturn

from micropip_lock.core.zip_entry import LOCAL_HEADER, ZipEntry, bad_zip, extra_fields
from micropip_lock.errors import WheelTooLargeError

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
_FIELDS: Final = struct.Struct("<4x4x2H4x3L4H2x2L")
# APPNOTE 4.4.4: bits 0, 6 and 13 mean encryption; 1 to 3 and 11 are what wheels have.
_ENCRYPTED: Final = 0x2041
_UNUSUAL: Final = 0xFFFF & ~0x080E
_METHODS: Final = (0, 8)
# APPNOTE 4.4.3: 6.3 is the newest format there is; no unpacker takes a higher number.
_NEWEST: Final = 63
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


def end_of_zip(tail: bytes, size: int, filename: str) -> DirectoryPlace | None:
    """Read the end of an archive.

    Args:
        tail: Its last bytes, at least 22.
        size: Bytes of the whole archive.
        filename: For messages.

    Returns:
        ``None`` when the tail is too short to tell: it ends in a comment, or ZIP64's records are not in it.

    Raises:
        WheelFormatError: codes ``bad-zip``, ``multiple-eocd``, ``prefix-data``, ``empty``.
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
    elif tail[max(at - _LOCATOR64_SIZE, 0) : at].startswith(_LOCATOR64):
        # Some programs follow it, full fields or not.
        raise bad_zip(
            filename, "the archive has two ends", got="a ZIP64 end that is not asked for", code="multiple-eocd"
        )
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
    if count == 0 and start == length == stop == 0:
        raise bad_zip(filename, "the archive is empty", got="no entries", code="empty")
    if length < count * _FIELDS.size:
        raise bad_zip(filename, "the directory is too short", got=f"{count} entries in {length} bytes")
    if start + length != stop:
        raise bad_zip(
            filename, "bytes before the archive or in it that belong to nothing", got=f"{stop}", code="prefix-data"
        )
    return DirectoryPlace(start=start, stop=stop, count=count)


def _end_offset(tail: bytes, filename: str) -> int | None:
    """Where the end record begins: the one whose comment reaches exactly the end of the archive."""
    fitting = []
    at = tail.rfind(_END)
    last = at
    while at >= 0:
        if at + END_SIZE + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            fitting.append(at)
        at = tail.rfind(_END, 0, at)
    if not fitting:
        return None
    if len(fitting) > 1 or fitting[0] != last:
        raise bad_zip(filename, "the archive has two ends", got="one in a comment", code="multiple-eocd")
    return fitting[0]


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


def parse_directory(data: bytes, place: DirectoryPlace, filename: str) -> tuple[ZipEntry, ...]:
    """The entries of an archive, directories too, in its order.

    Args:
        data: The whole directory.
        place: Where it lies.
        filename: For messages.

    Raises:
        WheelFormatError: codes ``bad-zip``, ``encrypted``, ``compression-method``, ``duplicate-entry``,
            ``directory-content``, ``lfh-cd-mismatch``.
    """
    entries: list[ZipEntry] = []
    at, total, last = 0, len(data), place.start - LOCAL_HEADER
    unpack, width = _FIELDS.unpack_from, _FIELDS.size
    for _ in range(place.count):
        if total - at < width or data[at : at + 4] != _ENTRY:
            raise bad_zip(filename, "the directory breaks off", got=f"{total - at} bytes left")
        flags, method, crc, packed, size, name, extra, comment, disk, external, offset = unpack(data, at)
        header = data[at + 6 : at + 30]
        at += width
        raw = data[at : at + name]
        path = _decoded(raw, flags, filename)
        if extra:
            zip64 = extra_fields(data[at + name : at + name + extra], raw, filename)
            size, packed, offset = _widened((size, packed, offset), zip64, filename)
        at += name + extra + comment
        entry = ZipEntry(path, raw, offset, packed, size, crc, method, flags, external, header)
        if flags & _UNUSUAL or method not in _METHODS or header[0] > _NEWEST or disk or offset + packed > last:
            _refuse_unusual(entry, filename)
        if size != packed and method == 0:
            raise bad_zip(filename, "a stored entry of two sizes", got=repr(path), code="size-mismatch")
        if size and path[-1:] == "/":
            raise bad_zip(filename, "a directory that has content", got=repr(path), code="directory-content")
        entries.append(entry)
    if at != total:
        raise bad_zip(filename, "bytes after the last entry of the directory", got=f"{total - at} bytes")
    if len({entry.path for entry in entries}) != len(entries):
        twice = next(path for path, count in Counter(entry.path for entry in entries).items() if count > 1)
        raise bad_zip(filename, "two entries have one name", got=repr(twice), code="duplicate-entry")
    return tuple(entries)


def _refuse_unusual(entry: ZipEntry, filename: str) -> NoReturn:
    if entry.flags & _ENCRYPTED:
        raise bad_zip(filename, "an entry is encrypted", got=repr(entry.path), code="encrypted")
    if entry.method not in _METHODS:
        raise bad_zip(
            filename,
            "an entry is neither stored nor deflated",
            got=f"method {entry.method} for {entry.path!r}",
            code="compression-method",
        )
    if entry.flags & _UNUSUAL:
        raise bad_zip(filename, "an entry has flags of other archives", got=f"{entry.flags:#06x} for {entry.path!r}")
    if entry.header[0] > _NEWEST:
        raise bad_zip(filename, "an entry for a newer zip format", got=f"version {entry.header[0]} for {entry.path!r}")
    raise bad_zip(filename, "an entry outside the archive", got=repr(entry.path))


def _decoded(raw: bytes, flags: int, filename: str) -> str:
    # APPNOTE, appendix D: bit 11 means UTF-8, else code page 437; both begin with ASCII.
    if not flags & 0x800 and not raw.isascii():
        return raw.decode("cp437")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_zip(filename, "a file name is not UTF-8", got=repr(raw[:80])) from error


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
