"""What is inside the bytes of a wheel, checked before a single file is written.

Rules this file keeps:

1. Identity: file name = dist-info directory = METADATA name and version = what the lock says.
2. RECORD both ways: every file is listed, every listed file is there, and each file's bytes have the digest RECORD
   gives when they are inflated.
3. Names that only an installer may write (:data:`~micropip_lock.core.dist_info.RESERVED_FILES`) are refused.

Source: binary distribution format (PEP 427), "Recording installed projects" (PEP 376, PEP 627).
Left to others: the container and its paths (:mod:`micropip_lock.core.zip`), where the files go
(:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Final

from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from micropip_lock.core.digest import Digest, VerifiedWheel
from micropip_lock.core.dist_info import INSTALLER_FILES, RESERVED_FILES, RecordRow, parse_record
from micropip_lock.core.zip import Archive
from micropip_lock.core.zip_entry import place
from micropip_lock.errors import RecordError, WheelMetadataError, WheelRecordError

DATA_SCHEMES: Final = frozenset({"purelib", "platlib", "headers", "scripts", "data"})
_SIGNATURES: Final = ("RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelIdentity:
    """What a wheel file's name says.

    Attributes:
        name: Normalised.
        version: PEP 440.
        tags: Expanded tags, e.g. ``py3-none-any``.
    """

    name: NormalizedName
    version: Version
    tags: frozenset[str]


MAX_FILENAME: Final = 255
"""Characters of a file name; no file system takes more."""

MAX_TAGS: Final = 1024
"""Tags that a file name may stand for: python × ABI × platform; real wheels have a dozen."""


def within_caps(filename: str) -> bool:
    """Whether a file name is short enough to be expanded: its compressed tag set is a product (PEP 425)."""
    tags = math.prod(field.count(".") + 1 for field in filename.removesuffix(".whl").split("-")[-3:])
    return len(filename) <= MAX_FILENAME and tags <= MAX_TAGS


def parse_identity(filename: str) -> WheelIdentity:
    """Split a wheel file name.

    Raises:
        WheelMetadataError: code ``wheel-filename``.
    """
    if not within_caps(filename):
        raise WheelMetadataError(
            "not the name of a wheel file",
            code="wheel-filename",
            expected=f"at most {MAX_FILENAME} characters and {MAX_TAGS} tags",
            got=f"{len(filename)} characters: {filename[:60]!r}…",
        )
    try:
        name, version, _build, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise WheelMetadataError(
            "not the name of a wheel file",
            code="wheel-filename",
            expected="name-version(-build)?-python-abi-platform.whl",
            got=repr(filename),
        ) from error
    return WheelIdentity(name=name, version=version, tags=frozenset(map(str, tags)))


class OpenedWheel:
    """A wheel whose container, paths, identity and RECORD have been checked.

    File contents are checked as :meth:`files` inflates them.

    Attributes:
        filename: The wheel's file name.
        dist_info: Name of its dist-info directory.
        data_dir: Name of its ``.data`` directory, whether it has one or not.
        record_text: RECORD as shipped.
    """

    def __init__(self, wheel: VerifiedWheel) -> None:
        """Check everything but the contents.

        Raises:
            WheelFormatError, WheelPathError, WheelMetadataError, WheelRecordError: see each code.
        """
        self.filename = wheel.filename
        identity = parse_identity(wheel.filename)
        self._archive = Archive(wheel.data, wheel.filename)
        self._entries = self._archive.entries
        self.dist_info = self._find_dist_info(identity)
        self.data_dir = self.dist_info.removesuffix(".dist-info") + ".data"
        self._check_schemes()
        self._check_metadata(identity)
        self._check_reserved()
        self.record_text = self._text("RECORD", WheelRecordError, "no-record")
        self._rows = self._check_record()

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of all files, in the order of the archive."""
        return tuple(self._entries)

    @property
    def unpacked_size(self) -> int:
        """Bytes of all files together, as the central directory says."""
        return sum(entry.size for entry in self._entries.values())

    def mode(self, path: str) -> int:
        """POSIX permission bits of a file, 0 when the archive has none."""
        return (self._entries[path].external >> 16) & 0o777

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Each file's path and bytes, its digest checked against RECORD first.

        Raises:
            WheelFormatError: code ``bad-zip`` (inflating fails, CRC).
            WheelRecordError: codes ``record-hash``, ``record-size``.
        """
        for path, entry in self._entries.items():
            data = self._archive.read(entry)
            row = self._rows.get(path)
            if row is not None:
                self._check_content(path, data, row)
            yield path, data

    def _check_content(self, path: str, data: bytes, row: RecordRow) -> None:
        if row.digest is not None and (got := Digest.of(data)) != row.digest:
            raise self._record_error(
                "record-hash", "a file is not the one RECORD lists", path, row.digest.record, got.record
            )
        if row.size is not None and row.size != len(data):
            raise self._record_error(
                "record-size", "a file has another size than RECORD lists", path, str(row.size), str(len(data))
            )

    def _find_dist_info(self, identity: WheelIdentity) -> str:
        found = sorted(
            {path.split("/", 1)[0] for path in self._entries if path.split("/", 1)[0].endswith(".dist-info")}
        )
        if len(found) != 1:
            code = "multiple-dist-info" if found else "no-metadata"
            raise WheelMetadataError(
                "a wheel has exactly one dist-info directory", code=code, where=self.filename, got=", ".join(found)
            )
        name, _, version = found[0].removesuffix(".dist-info").partition("-")
        if canonicalize_name(name) != identity.name:
            raise self._identity_error("dist-info-name", found[0], str(identity.name), name)
        if _version(version) != identity.version:
            raise self._identity_error("dist-info-version", found[0], str(identity.version), version)
        return found[0]

    def _check_schemes(self) -> None:
        for path in self._entries:
            top, _, rest = path.partition("/")
            if top == self.data_dir and (rest.split("/", 1)[0] not in DATA_SCHEMES or "/" not in rest):
                raise WheelMetadataError(
                    "an unknown install scheme",
                    code="data-scheme",
                    where=self._at(path),
                    expected=", ".join(sorted(DATA_SCHEMES)),
                )

    def _check_metadata(self, identity: WheelIdentity) -> None:
        wheel_version = (
            HeaderParser().parsestr(self._text("WHEEL", WheelMetadataError, "no-wheel")).get("Wheel-Version")
        )
        if not re.fullmatch(r"1\.\d+", str(wheel_version).strip(), re.ASCII):
            raise self._identity_error("wheel-version", "WHEEL", "1.x", str(wheel_version))
        fields = HeaderParser().parsestr(self._text("METADATA", WheelMetadataError, "no-metadata"))
        name, version = str(fields.get("Name", "")).strip(), str(fields.get("Version", "")).strip()
        if canonicalize_name(name) != identity.name:
            raise self._identity_error("name-mismatch", "METADATA", str(identity.name), name)
        if _version(version) != identity.version:
            raise self._identity_error("version-mismatch", "METADATA", str(identity.version), version)

    def _check_reserved(self) -> None:
        """Refuse what forges an origin: in dist-info itself, or put there through a scheme of the .data directory."""
        for path in self._entries:
            parts = path.split("/")
            if parts[0] == self.data_dir:
                # Also ``data``: it may hold a whole prefix, with site-packages in it.
                forged = any(part.endswith(".dist-info") for part in parts[2:-1])
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

    def _check_record(self) -> Mapping[str, RecordRow]:
        try:
            rows = parse_record(self.record_text)
        except RecordError as error:
            raise WheelRecordError(error.message, code=error.code, where=self._at(str(error.where))) from error
        listed: dict[str, RecordRow] = {}
        for one in rows:
            if one.path.endswith("/") and one.digest is None:
                # Some builders list directories, which are no files.
                continue
            path = posixpath.normpath(one.path)
            if path in listed and (listed[path].digest, listed[path].size) != (one.digest, one.size):
                raise self._record_error("record-ambiguous", "RECORD lists a file twice, differently", path, None, None)
            listed[path] = one
        unlisted_ok = {f"{self.dist_info}/{name}" for name in ("RECORD", *_SIGNATURES)}
        for path in self._entries:
            if path in unlisted_ok:
                continue
            row = listed.get(path)
            if row is None or row.digest is None:
                raise self._record_error("not-in-record", "a file is not in RECORD with a sha256", path, None, None)
        for path in listed:
            if path not in self._entries and path not in unlisted_ok:
                raise self._record_error("missing-file", "RECORD lists a file that is not there", path, None, None)
        return {path: row for path, row in listed.items() if path not in unlisted_ok}

    def _text(self, name: str, kind: type[WheelMetadataError | WheelRecordError], code: str) -> str:
        path = f"{self.dist_info}/{name}"
        if path not in self._entries:
            raise kind(f"the wheel has no {name}", code=code, where=self._at(path))
        try:
            return self._archive.read(self._entries[path]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise kind(f"{name} is not UTF-8", code="not-utf8", where=self._at(path)) from error

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

    def _record_error(
        self, code: str, message: str, path: str, expected: str | None, got: str | None
    ) -> WheelRecordError:
        return WheelRecordError(
            message,
            code=code,
            where=self._at(path),
            expected=expected,
            got=got,
            hint="the wheel was edited after it was built; ask its author",
        )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
