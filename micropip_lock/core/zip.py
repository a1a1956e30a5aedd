"""The zip container of a wheel: bytes in, entries that are safe to name and to inflate out.

Rules this file keeps:

1. The archive is the whole file: nothing before it, nothing after it, so that no other reader sees another archive.
2. Paths: relative, ``/``-separated, no ``..``, no control characters, no links, no two entries that are one file.
3. Stored or deflated, not encrypted; whatever zipfile raises becomes our error.

Source: APPNOTE.TXT 6.3 (zip), binary distribution format (PEP 427).
Left to others: what the entries mean (:mod:`micropip_lock.core.wheel`).
"""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from micropip_lock.errors import WheelFormatError, WheelPathError, WheelTooLargeError

# What zipfile and zlib raise for bytes they cannot make sense of.
_FAULTS: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,  # NotImplementedError is one
    ValueError,
)
MAX_ENTRIES: Final = 50_000
MAX_UNPACKED_BYTES: Final = 2**30
_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22


class Archive:
    """A zip archive whose structure and paths have been checked.

    Attributes:
        filename: For messages.
        entries: Path to entry of every file, in the order of the archive; directories are left out.
    """

    def __init__(self, data: bytes, filename: str) -> None:
        """Open the archive.

        Raises:
            WheelFormatError: codes ``bad-zip``, ``prefix-data``, ``trailing-data``, ``empty``, ``duplicate-entry``,
                ``encrypted``, ``compression-method``.
            WheelPathError: codes ``control-char``, ``backslash``, ``absolute-path``, ``escapes``, ``symlink``,
                ``case-collision``, ``file-dir-collision``.
            WheelTooLargeError: codes ``too-many-entries``, ``too-large``.
        """
        self.filename = filename
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _FAULTS as error:
            raise WheelFormatError(
                "the bytes are no zip archive", code="bad-zip", where=filename, got=str(error)
            ) from error
        self._check_ends(data)
        self._check_caps()
        self.entries: Mapping[str, zipfile.ZipInfo] = self._checked_entries()

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        """The inflated bytes of an entry, its CRC checked.

        Raises:
            WheelFormatError: codes ``bad-zip``, ``size-mismatch``.
        """
        where = place(self.filename, entry.orig_filename)
        try:
            data = self._zip.read(entry)
        except _FAULTS as error:
            raise WheelFormatError("an entry cannot be read", code="bad-zip", where=where, got=str(error)) from error
        # zipfile stops at the size that the directory gives, and minds only when there was more.
        if len(data) != entry.file_size:
            raise WheelFormatError(
                "an entry has another size than the directory gives",
                code="size-mismatch",
                where=where,
                expected=f"{entry.file_size} bytes",
                got=f"{len(data)} bytes",
            )
        return data

    def _check_ends(self, data: bytes) -> None:
        first = min((entry.header_offset for entry in self._zip.infolist()), default=0)
        if first > 0:
            raise WheelFormatError(
                "there is something before the archive",
                code="prefix-data",
                where=self.filename,
                got=f"{first} bytes",
                hint="do not install this wheel: other programs read other things in it",
            )
        end = data.rfind(_END)
        # 4.3.16: the end record is 22 bytes and a comment whose length is in its last two.
        length = end + _END_SIZE + int.from_bytes(data[end + 20 : end + _END_SIZE], "little")
        if length != len(data):
            raise WheelFormatError(
                "there is something after the archive",
                code="trailing-data",
                where=self.filename,
                expected=f"{length} bytes",
                got=f"{len(data)} bytes",
                hint="do not install this wheel: other programs read other things in it",
            )

    def _check_caps(self) -> None:
        entries = self._zip.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        for code, what, cap, got in (
            ("too-many-entries", "entries", MAX_ENTRIES, len(entries)),
            ("too-large", "bytes unpacked", MAX_UNPACKED_BYTES, unpacked),
        ):
            if got > cap:
                raise WheelTooLargeError(
                    f"the wheel has too many {what}", code=code, where=self.filename, expected=f"≤ {cap}", got=str(got)
                )

    def _checked_entries(self) -> dict[str, zipfile.ZipInfo]:
        entries: dict[str, zipfile.ZipInfo] = {}
        folded: dict[str, str] = {}
        directories: dict[str, str] = {}
        for entry in self._zip.infolist():
            path = entry.orig_filename
            self._check_path(path, entry)
            if path.endswith("/"):
                directories[_folded(path.removesuffix("/"))] = path
                continue
            if path in entries:
                raise WheelFormatError(
                    "two entries have one name", code="duplicate-entry", where=place(self.filename, path)
                )
            key = _folded(path)
            if key in folded:
                raise WheelPathError(
                    "two names differ only in case or Unicode form",
                    code="case-collision",
                    where=place(self.filename, path),
                    got=folded[key],
                )
            entries[path] = entry
            folded[key] = path
        if not entries:
            raise WheelFormatError("the wheel is empty", code="empty", where=self.filename)
        for path in entries:
            directories.update((_folded(parent), parent) for parent in _parents(path))
        for both in sorted(directories.keys() & folded.keys()):
            raise WheelPathError(
                "a name is both a file and a directory",
                code="file-dir-collision",
                where=place(self.filename, folded[both]),
                got=directories[both],
            )
        return entries

    def _check_path(self, path: str, entry: zipfile.ZipInfo) -> None:
        where = place(self.filename, path)

        def refuse(code: str, message: str) -> WheelPathError:
            return WheelPathError(message, code=code, where=where, hint="do not install this wheel")

        # Nearly every name is printable, which none of these characters is.
        if not path.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in path):
            raise refuse("control-char", "a file name has a control character")
        if "\\" in path:
            raise refuse("backslash", "a file name has a backslash")
        if path.startswith("/") or (len(path) > 1 and path[1] == ":"):
            raise refuse("absolute-path", "a file name is absolute")
        parts = path.removesuffix("/").split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise refuse("escapes", "a file name leaves its directory")
        mode = entry.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refuse("symlink", "an entry is a link or a device")
        if entry.flag_bits & 1:
            raise WheelFormatError("an entry is encrypted", code="encrypted", where=where)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise WheelFormatError("an entry is neither stored nor deflated", code="compression-method", where=where)


def place(filename: str, path: str) -> str:
    """An entry for messages, whatever characters it is made of."""
    return f"{filename}: {path!r}" if not path.isprintable() else f"{filename}: {path}"


def _folded(path: str) -> str:
    """One spelling for all that a file system may take for the same name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _parents(path: str) -> Iterator[str]:
    while (path := path.rpartition("/")[0]) != "":
        yield path
