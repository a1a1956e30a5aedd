"""What is inside the bytes of a wheel, checked before a single file is written.

Rules this file keeps:

1. Identity: file name = dist-info directory = METADATA name and version = what the lock says.
2. RECORD both ways (:mod:`micropip_lock.core.wheel_record`); each file has its digest when it is inflated.
3. Names that only an installer may write (:data:`~micropip_lock.core.dist_info.RESERVED_FILES`) are refused.
4. What is allowed and a person should know of is a warning, not a refusal.

Source: binary distribution format (PEP 427), "Recording installed projects" (PEP 376, PEP 627).
Left to others: the container and its paths (:mod:`micropip_lock.core.zip`), the texts in dist-info
(:mod:`micropip_lock.core.wheel_metadata`), whether it suits an environment (:mod:`micropip_lock.core.wheel_place`),
where the files go (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import VerifiedWheel
from micropip_lock.core.dist_info import INSTALLER_FILES, RESERVED_FILES
from micropip_lock.core.wheel_metadata import (
    WheelWarning,
    check_entry_points,
    check_metadata,
    check_wheel_file,
    python_specifier,
    version_of,
)
from micropip_lock.core.wheel_name import WheelIdentity as WheelIdentity
from micropip_lock.core.wheel_name import parse_identity as parse_identity
from micropip_lock.core.wheel_name import within_caps as within_caps
from micropip_lock.core.wheel_record import WheelRecord
from micropip_lock.core.wheel_warnings import path_warnings
from micropip_lock.core.zip import Archive
from micropip_lock.core.zip_entry import place
from micropip_lock.errors import WheelMetadataError, WheelRecordError

DATA_SCHEMES: Final = frozenset({"purelib", "platlib", "headers", "scripts", "data"})

# importlib.metadata takes both for a distribution, in any case.
_DISTRIBUTIONS: Final = (".dist-info", ".egg-info")


type FileLayout = tuple[str, int, int, int, int, int, int, str | None]
"""What :meth:`OpenedWheel.layout` says of a file."""


class OpenedWheel:
    """A wheel whose container, paths, identity and RECORD have been checked.

    File contents are checked as :meth:`files` inflates them.

    Attributes:
        filename: The wheel's file name.
        wheel: The admitted bytes.
        identity: What the file name says, and the wheel too.
        dist_info: Name of its dist-info directory.
        data_dir: Name of its ``.data`` directory, whether it has one or not.
        metadata: METADATA as shipped.
        requires_python: What METADATA requires, or ``None``.
        record_text: RECORD as shipped.
    """

    def __init__(self, wheel: VerifiedWheel) -> None:
        """Check everything but the contents.

        Raises:
            WheelFormatError, WheelPathError, WheelTooLargeError: see :class:`~micropip_lock.core.zip.Archive`.
            WheelMetadataError: codes ``wheel-filename``, ``no-metadata``, ``multiple-dist-info``, ``dist-info-name``,
                ``dist-info-version``, ``data-scheme``, ``no-wheel``, ``not-utf8``, and those of
                :mod:`~micropip_lock.core.wheel_metadata`.
            WheelRecordError: codes ``reserved-dist-info-file``, ``no-record``, ``not-utf8``, and those of
                :class:`~micropip_lock.core.wheel_record.WheelRecord`.
        """
        self.filename = wheel.filename
        self.wheel = wheel
        self.identity = parse_identity(wheel.filename)
        self._archive = Archive(wheel.data, wheel.filename)
        self._entries = self._archive.entries
        self._read: dict[str, bytes] = {}
        self.dist_info = self._find_dist_info(self.identity)
        self.data_dir = self.dist_info.removesuffix(".dist-info") + ".data"
        self._check_schemes()
        check_wheel_file(self._text("WHEEL", WheelMetadataError, "no-wheel"), self._in_info("WHEEL"))
        self.metadata = self._text("METADATA", WheelMetadataError, "no-metadata")
        fields, self._warnings = check_metadata(self.metadata, self.identity, self._in_info("METADATA"))
        self.requires_python: SpecifierSet | None = python_specifier(fields.requires_python)
        self._check_reserved()
        if f"{self.dist_info}/entry_points.txt" in self._entries:
            entry_points = self._text("entry_points.txt", WheelMetadataError, "")
            check_entry_points(entry_points, self._in_info("entry_points.txt"))
        self.record_text = self._text("RECORD", WheelRecordError, "no-record")
        self._record = WheelRecord(self.record_text, self.dist_info, self._entries.keys(), self.filename)

    is_plain = False
    """Whether it was found right because nothing about it is unusual; see :mod:`micropip_lock.core.plain_wheel`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of all files, in the order of the archive."""
        return tuple(self._entries)

    @property
    def unpacked_size(self) -> int:
        """Bytes of all files together, as the central directory says."""
        return sum(entry.size for entry in self._entries.values())

    @cached_property
    def warnings(self) -> tuple[WheelWarning, ...]:
        """What is allowed and a person should know of."""
        return (*self._warnings, *path_warnings(self.names, self.data_dir))

    def mode(self, path: str) -> int:
        """POSIX permission bits of a file, 0 when the archive has none."""
        return (self._entries[path].external >> 16) & 0o777

    def layout(self) -> Iterator[FileLayout]:
        """Where each file lies, and what it must be, for whoever reads it later.

        Yields:
            Path, offset of its packed bytes, how many, its size, method (0 stored, 8 deflated), CRC-32, permission
            bits, RECORD's digest (43 characters) or ``None`` for what needs none.
        """
        for path, entry in self._entries.items():
            start = self._archive.start_of(entry)
            digest = self._record.digest_of(path)
            yield path, start, entry.packed_size, entry.size, entry.method, entry.crc, self.mode(path), digest

    @property
    def directory_start(self) -> int:
        """Where the archive's directory begins."""
        return self._archive.directory_start

    def places(self) -> Iterator[tuple[str, int, int, int, int]]:
        """Where each file lies.

        Yields:
            Path, offset of its local header, of its packed bytes and of their end, and where the next entry or the
            directory begins.
        """
        for entry, start, following in self._archive.places():
            yield entry.path, entry.offset, start, start + entry.packed_size, following

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Each file's path and bytes, its digest checked against RECORD first.

        Raises:
            WheelFormatError: codes ``bad-zip``, ``size-mismatch``, ``crc``.
            WheelRecordError: codes ``record-hash``, ``record-size``.
        """
        read, check = self._archive.read, self._record.check
        for path, entry in self._entries.items():
            data = self._read[path] if path in self._read else read(entry)
            check(path, data)
            yield path, data

    def _find_dist_info(self, identity: WheelIdentity) -> str:
        found = sorted(
            {path.split("/", 1)[0] for path in self._entries if path.split("/", 1)[0].lower().endswith(_DISTRIBUTIONS)}
        )
        if not any(top.endswith(".dist-info") for top in found):
            found = []
        if len(found) != 1:
            code = "multiple-dist-info" if found else "no-metadata"
            raise WheelMetadataError(
                "a wheel has exactly one dist-info directory", code=code, where=self.filename, got=", ".join(found)
            )
        name, _, version = found[0].removesuffix(".dist-info").partition("-")
        if canonicalize_name(name) != identity.name:
            raise self._identity_error("dist-info-name", found[0], str(identity.name), name)
        if version_of(version) != identity.version:
            raise self._identity_error("dist-info-version", found[0], str(identity.version), version)
        return found[0]

    def _check_schemes(self) -> None:
        for path in self._entries:
            top, _, rest = path.partition("/")
            # pip spreads every directory of that ending, other installers the wheel's own only.
            is_scheme = top.lower().endswith(".data") and rest
            if is_scheme and (top != self.data_dir or rest.split("/", 1)[0] not in DATA_SCHEMES or "/" not in rest):
                raise WheelMetadataError(
                    "an unknown install scheme",
                    code="data-scheme",
                    where=self._at(path),
                    expected=", ".join(sorted(DATA_SCHEMES)),
                )

    def _check_reserved(self) -> None:
        """Refuse what forges an origin: in dist-info itself, or put there through a scheme of the .data directory."""
        for path in self._entries:
            parts = path.split("/")
            if parts[0] == self.data_dir:
                # Also ``data``: it may hold a whole prefix, with site-packages in it.
                forged = any(part.lower().endswith(_DISTRIBUTIONS) for part in parts[2:])
            else:
                # A directory of that name, too: the installer's file could not be written.
                forged = parts[0] == self.dist_info and (
                    parts[1] in RESERVED_FILES or (parts[1] in INSTALLER_FILES and len(parts) > 2)
                )
            if forged:
                raise WheelRecordError(
                    "the wheel ships a file that only an installer may write",
                    code="reserved-dist-info-file",
                    where=self._at(path),
                    hint="do not install this wheel: it forges where it came from",
                )

    def _text(self, name: str, kind: type[WheelMetadataError | WheelRecordError], code: str) -> str:
        path = f"{self.dist_info}/{name}"
        if path not in self._entries:
            raise kind(f"the wheel has no {name}", code=code, where=self._at(path))
        try:
            # Read again with all files: a few kilobytes are kept rather than inflated twice.
            self._read[path] = self._archive.read(self._entries[path])
            return self._read[path].decode("utf-8")
        except UnicodeDecodeError as error:
            raise kind(f"{name} is not UTF-8", code="not-utf8", where=self._at(path)) from error

    def _in_info(self, name: str) -> str:
        return self._at(f"{self.dist_info}/{name}")

    def _at(self, path: str) -> str:
        return place(self.filename, path)

    def _identity_error(self, code: str, where: str, expected: str, got: str) -> WheelMetadataError:
        return WheelMetadataError(
            "the wheel is not what its file name says",
            code=code,
            where=self._at(where),
            expected=expected,
            got=repr(got),
            hint="do not install this wheel",
        )
