"""The zip container of a wheel: bytes in, entries that are safe to name and to inflate out.

Rules this file keeps:

1. The archive is the whole file and its directory lists all of it: nothing before, after or between the entries, no
   byte that belongs to two of them, so that no other reader sees another archive.
2. Nothing is inflated that would exceed the caps; what the directory claims is checked first, and no entry gives more
   than it claims (:mod:`micropip_lock.core.zip_entry`).

Source: APPNOTE.TXT 6.3 (zip), binary distribution format (PEP 427).
Left to others: the structures (:mod:`micropip_lock.core.zip_directory`), names (:mod:`micropip_lock.core.zip_paths`),
what the entries mean (:mod:`micropip_lock.core.wheel`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

from micropip_lock.core.digest import looks_like_text
from micropip_lock.core.zip_directory import END_SIZE, LONGEST_COMMENT, end_of_zip, parse_directory
from micropip_lock.core.zip_entry import DESCRIPTOR_FOLLOWS, ZipEntry, bad_zip, content_of, data_end, data_start
from micropip_lock.core.zip_paths import check_paths
from micropip_lock.errors import WheelFormatError, WheelTooLargeError

MAX_UNPACKED_BYTES: Final = 2**30
MAX_RATIO: Final = 200
"""Times that a wheel may be larger unpacked; the most of some 220 real wheels is 8."""

_END: Final = b"PK\x05\x06"
_LOCAL: Final = b"PK\x03\x04"


class Archive:
    """A zip archive whose structure and paths have been checked.

    Attributes:
        filename: For messages.
        entries: Path to entry of every file, in the order of the archive; directories are left out.
        directory_start: Where the archive's directory begins.
    """

    def __init__(self, data: bytes, filename: str) -> None:
        """Open the archive.

        Raises:
            WheelFormatError: codes ``not-zip``, ``truncated``, ``bad-zip``, ``prefix-data``, ``trailing-data``,
                ``hidden-data``, ``overlap``, ``multiple-eocd``, ``empty``, ``duplicate-entry``, ``encrypted``,
                ``compression-method``, ``lfh-cd-mismatch``, ``size-mismatch``, ``directory-content``.
            WheelPathError: see :func:`~micropip_lock.core.zip_paths.check_paths`.
            WheelTooLargeError: codes ``entries``, ``too-large``, ``ratio``.
        """
        self.filename = filename
        self._data = data
        self._view = memoryview(data)
        entries, directory = self._listed()
        self._check_caps(entries)
        check_paths(entries, filename)
        self._starts = self._check_places(entries, directory)
        self.directory_start = directory
        self.entries: Mapping[str, ZipEntry] = {entry.path: entry for entry in entries if entry.path[-1:] != "/"}
        if not self.entries:
            raise bad_zip(filename, "the wheel is empty", got="directories only", code="empty")

    def start_of(self, entry: ZipEntry) -> int:
        """Where the packed bytes of an entry begin."""
        return self._starts[entry.offset]

    def places(self) -> Iterator[tuple[ZipEntry, int, int]]:
        """Each file, where its packed bytes begin, and where the next entry or the directory does."""
        following = dict(pairwise((*self._starts, self.directory_start)))
        for entry in self.entries.values():
            yield entry, self._starts[entry.offset], following[entry.offset]

    def read(self, entry: ZipEntry) -> bytes:
        """The inflated bytes of an entry, its size and CRC checked.

        Raises:
            WheelFormatError: codes ``bad-zip``, ``size-mismatch``, ``crc``.
        """
        start = self._starts[entry.offset]
        return content_of(self._view[start : start + entry.packed_size], entry, self.filename)

    def _listed(self) -> tuple[Sequence[ZipEntry], int]:
        """The entries and where the directory begins."""
        data = self._data
        tail = data[-(END_SIZE + LONGEST_COMMENT + 128) :]
        found = end_of_zip(tail, len(data), self.filename)
        if found is None:
            raise self._no_end()
        return parse_directory(data[found.start : found.stop], found, self.filename), found.start

    def _check_caps(self, entries: Sequence[ZipEntry]) -> None:
        unpacked = sum(map(attrgetter("size"), entries))
        if unpacked > MAX_UNPACKED_BYTES:
            raise WheelTooLargeError(
                "the wheel is too large unpacked",
                where=self.filename,
                expected=f"at most {MAX_UNPACKED_BYTES} bytes",
                got=f"{unpacked} bytes",
            )
        if unpacked > MAX_RATIO * len(self._data):
            raise WheelTooLargeError(
                "the wheel is a bomb: it is much larger unpacked",
                code="ratio",
                where=self.filename,
                expected=f"at most {MAX_RATIO} times its size",
                got=f"{unpacked} bytes of {len(self._data)}",
                hint="do not install this wheel",
            )

    def _check_places(self, entries: Sequence[ZipEntry], directory: int) -> dict[int, int]:
        """Where each entry's data begins, by the offset of the entry; there is nothing else in the archive."""
        data, filename = self._data, self.filename
        starts: dict[int, int] = {}
        ordered = sorted(entries, key=attrgetter("offset"))
        if ordered[0].offset:
            raise bad_zip(
                filename, "there is something before the archive", got=f"{ordered[0].offset} bytes", code="prefix-data"
            )
        following = [entry.offset for entry in ordered[1:]]
        for entry, after in zip(ordered, (*following, directory), strict=True):
            at = entry.offset
            if at == after:
                raise bad_zip(filename, "two names of one entry", got=repr(entry.path), code="overlap")
            starts[at] = start = data_start(data, at, entry, filename)
            if start + entry.packed_size != after or entry.flags & DESCRIPTOR_FOLLOWS:
                data_end(data, start + entry.packed_size, after, entry, filename)
        return starts

    def _no_end(self) -> WheelFormatError:
        data = self._data
        end = data.rfind(_END)
        if end >= 0 and len(data) - end >= END_SIZE:
            # 4.3.16: the end record is 22 bytes and a comment whose length is in its last two.
            length = end + END_SIZE + int.from_bytes(data[end + 20 : end + END_SIZE], "little")
            if length < len(data):
                return bad_zip(
                    self.filename,
                    "there is something after the archive",
                    got=f"{len(data) - length} bytes more",
                    code="trailing-data",
                )
        if data.startswith(_LOCAL):
            return WheelFormatError(
                "the wheel breaks off",
                code="truncated",
                where=self.filename,
                got=f"{len(data)} bytes without the archive's end",
                hint="it was cut when it was made or sent; ask its author for another",
            )
        page = looks_like_text(data)
        return WheelFormatError(
            "the bytes are no zip archive",
            code="not-zip",
            where=self.filename,
            expected="a zip archive",
            got=f"{len(data)} bytes" + (f" of text beginning {data[:40].decode('utf-8', 'replace')!r}" if page else ""),
            hint="a server sent a page instead of the wheel; open the address and see" if page else "do not use it",
        )
