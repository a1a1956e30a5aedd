"""A few files of a wheel that lies elsewhere, from as few byte ranges as possible.

A pure machine: it says which bytes it needs next (:meth:`RemoteWheel.next_range`), somebody gets them, it takes them
(:meth:`RemoteWheel.feed`).  A good guess at the tail (:func:`tail_of`) holds the zip's directory and RECORD, which the
binary distribution format asks to be at the end of the archive, so that one range is often enough.

Rules this file keeps:

1. The archive is read strictly, from its end: one end record, a directory that ends where that begins and holds as many
   entries as it says, local headers that agree with the directory.  ZIP64 too.
2. Nothing that the archive claims is believed before it is bounded: entries, directory, and what a file inflates to.
3. Whatever the bytes are: a value, or a WheelFormatError, WheelMetadataError or WheelTooLargeError.

Source: .ZIP File Format Specification (APPNOTE 6.3.10, sections 4.3 and 4.4); PEP 427, "Recommended archiver features".
Left to others: getting bytes (``ports.RangeFetcher``), what RECORD means (:mod:`micropip_lock.core.installed_record`),
and the zip's structures (:mod:`micropip_lock.core.zip_directory`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from packaging.utils import canonicalize_name

from micropip_lock.core.wheel import parse_identity
from micropip_lock.core.zip_directory import END_SIZE, LONGEST_COMMENT, DirectoryPlace, end_of_zip, parse_directory
from micropip_lock.core.zip_entry import LOCAL_HEADER, ZipEntry, bad_zip, content_of, data_start
from micropip_lock.errors import WheelMetadataError, WheelTooLargeError

MAX_FILE: Final = 32 << 20
"""Bytes that one file of dist-info may inflate to."""

_NEAR: Final = 4096
"""Bytes that are fetched for nothing rather than asking twice."""

_DIRECTORY_ENTRY: Final = 46


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """Bytes of a file, both ends included, as in ``Range: bytes=first-last`` (RFC 9110, section 14.1.2).

    Attributes:
        first: Offset of the first byte.
        last: Offset of the last byte.
    """

    first: int
    last: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.last - self.first + 1


def tail_of(paths: Iterable[str], record: bytes) -> int:
    """Bytes at the end of a wheel that hold its directory and RECORD, judged by what it left behind when installed.

    Args:
        paths: The files that came from the wheel.
        record: RECORD as installed.
    """
    directory = sum(_DIRECTORY_ENTRY + len(path.encode("utf-8", "replace")) for path in paths)
    # The wheel's RECORD was packed by another zlib; and an archive's own file names vary a little from the installed.
    return END_SIZE + directory + (directory >> 6) + LOCAL_HEADER + len(zlib.compress(record)) + 512


class RemoteWheel:
    """The files wanted of one wheel.

    Args:
        filename: The wheel's file name, which its dist-info directory has to agree with.
        size: Bytes of the whole wheel, as the index or the server says.
        wanted: Names in dist-info.
        tail: Bytes at the end to ask for first.

    Attributes:
        dist_info: Name of the dist-info directory; empty until it is known.
        files: Content by name in dist-info; complete when :meth:`next_range` returns ``None``.

    Raises:
        WheelFormatError: code ``bad-zip``, for a size that no wheel has.
        WheelMetadataError: code ``wheel-filename``.
    """

    def __init__(self, filename: str, size: int, *, wanted: Iterable[str] = ("RECORD",), tail: int = 1 << 14) -> None:
        self.filename = filename
        self.dist_info = ""
        self.files: dict[str, bytes] = {}
        self._identity = parse_identity(filename)
        self._size = size
        self._wanted = tuple(wanted)
        self._tail = min(size, max(tail, END_SIZE))
        self._held: list[tuple[int, bytes]] = []
        self._place: DirectoryPlace | None = None
        self._entries: Mapping[str, ZipEntry] | None = None
        self._starts: list[int] = []
        if size < END_SIZE:
            raise bad_zip(filename, f"a zip archive has at least {END_SIZE} bytes", got=f"{size} bytes")

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of all files in the wheel, once its directory is known."""
        return tuple(self._entries or ())

    def feed(self, first: int, data: bytes) -> None:
        """Take bytes that arrived.

        Args:
            first: Their offset in the wheel.
            data: At least one byte, and at least what :meth:`next_range` asked for.

        Raises:
            WheelFormatError: code ``bad-zip``, for bytes outside the wheel.
        """
        if first < 0 or not data or first + len(data) > self._size:
            raise bad_zip(self.filename, "bytes outside the wheel arrived", got=f"{len(data)} bytes at {first}")
        self._held.append((first, data))

    def next_range(self) -> ByteRange | None:
        """What is needed next, or ``None`` when all files are there.

        Raises:
            WheelFormatError: codes ``bad-zip``, ``prefix-data``, ``multiple-eocd``, ``encrypted``,
                ``compression-method``, ``duplicate-entry``, ``lfh-cd-mismatch``, ``size-mismatch``, ``crc``.
            WheelMetadataError: codes ``no-metadata``, ``multiple-dist-info``, ``dist-info-name``, ``missing-file``.
            WheelTooLargeError: codes ``entries``, ``too-large``.
        """
        if self._place is None and (missing := self._find_directory()) is not None:
            return missing
        assert self._place is not None
        if self._entries is None:
            data = self._bytes(self._place.start, self._place.stop)
            if data is None:
                return ByteRange(self._place.start, self._place.stop - 1)
            entries = parse_directory(data, self._place, self.filename)
            self._take_directory({entry.path: entry for entry in entries if not entry.is_directory})
        return self._next_file()

    def _find_directory(self) -> ByteRange | None:
        tail = self._bytes(self._size - self._tail, self._size)
        if tail is None:
            return ByteRange(self._size - self._tail, self._size - 1)
        found = end_of_zip(tail, self._size, self.filename)
        if found is None:
            # A comment, or ZIP64's records: what precedes the end may be this long at most.
            longest = min(self._size, END_SIZE + LONGEST_COMMENT + 128)
            if self._tail >= longest:
                raise bad_zip(self.filename, "no end-of-directory record", got="none in the last 64 KiB")
            self._tail = longest
            return self._find_directory()
        self._place = found
        return None

    def _take_directory(self, entries: Mapping[str, ZipEntry]) -> None:
        assert self._place is not None
        tops = {path.partition("/")[0] for path in entries if "/" in path}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            raise WheelMetadataError(
                "a wheel has exactly one dist-info directory",
                code="multiple-dist-info" if found else "no-metadata",
                where=self.filename,
                got=", ".join(found[:5]) or "none",
            )
        name = found[0].removesuffix(".dist-info").partition("-")[0]
        if canonicalize_name(name) != self._identity.name:
            raise WheelMetadataError(
                "the wheel is not what its file name says",
                code="dist-info-name",
                where=self.filename,
                expected=self._identity.name,
                got=repr(found[0]),
            )
        for wanted in self._wanted:
            if f"{found[0]}/{wanted}" not in entries:
                raise WheelMetadataError(
                    f"the wheel has no {wanted}", code="missing-file", where=f"{self.filename}: {found[0]}"
                )
        self.dist_info = found[0]
        self._entries = entries
        self._starts = sorted({entry.offset for entry in entries.values()} | {self._place.start})

    def _next_file(self) -> ByteRange | None:
        assert self._entries is not None
        missing: list[ByteRange] = []
        for name in self._wanted:
            if name in self.files:
                continue
            entry = self._entries[f"{self.dist_info}/{name}"]
            reach = self._reach(entry)
            data = self._bytes(entry.offset, reach)
            if data is None:
                missing.append(ByteRange(entry.offset, reach - 1))
            else:
                self.files[name] = self._inflate(entry, data)
        if not missing:
            return None
        missing.sort()
        needed = missing[0]
        for one in missing[1:]:
            if one.first - needed.last <= _NEAR:
                needed = ByteRange(needed.first, max(needed.last, one.last))
        return needed

    def _reach(self, entry: ZipEntry) -> int:
        """Where an entry's header and data end at the latest: where something else begins."""
        least = entry.offset + LOCAL_HEADER + entry.packed_size
        following = next((start for start in self._starts if start > entry.offset), 0)
        if following < least:
            raise bad_zip(self.filename, "two entries overlap", got=entry.path, code="overlap")
        # Header fields have 16-bit lengths; more than that before the next entry is of no use here.
        return min(following, least + 2 * 0xFFFF)

    def _inflate(self, entry: ZipEntry, data: bytes) -> bytes:
        if entry.size > MAX_FILE:
            raise WheelTooLargeError(
                "a file of dist-info is too large",
                where=f"{self.filename}: {entry.path}",
                expected=f"at most {MAX_FILE} bytes",
                got=f"{entry.size} bytes",
            )
        start = data_start(data, 0, entry, self.filename)
        packed = data[start : start + entry.packed_size]
        if len(packed) != entry.packed_size:
            raise bad_zip(self.filename, "an entry does not fit", got=entry.path, code="overlap")
        return content_of(packed, entry, self.filename)

    def _bytes(self, start: int, stop: int) -> bytes | None:
        for first, data in self._held:
            if first <= start and stop <= first + len(data):
                return data[start - first : stop - first]
        return None
