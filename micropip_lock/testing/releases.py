"""What an index holds: projects and their files.

What this file knows: how a file name tells the project and the version, how METADATA is found in a wheel, and what an
index may say about a file (PEP 592 yanks, PEP 700 upload times, PEP 792 project status).

Rules it keeps: a file on disk is hashed and opened only when a page needs it, and once per process for the same path,
time and size, because every test adds the same wheels to a fresh index.

Spelling these facts as pages is left to :mod:`micropip_lock.testing.pages`.
"""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol, get_args

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from micropip_lock.errors import UsageError
from micropip_lock.testing.answers import Body, BytesBody, FileBody
from micropip_lock.testing.wheels import BuiltWheel

type ProjectStatus = Literal["active", "archived", "quarantined", "deprecated"]

DEFAULT_UPLOAD_TIME = "2024-01-01T00:00:00.000000Z"
"""Upload time of a file that was added without one."""


class Content(Protocol):
    """A file's bytes and the facts that follow from them."""

    @property
    def body(self) -> Body:
        """The bytes."""
        ...

    @property
    def sha256(self) -> str:
        """Lower-case hex digest."""
        ...

    @property
    def metadata(self) -> bytes | None:
        """METADATA of the wheel, or None when it has none."""
        ...

    @property
    def requires_python(self) -> str | None:
        """``Requires-Python`` as METADATA spells it."""
        ...


@dataclass(frozen=True, slots=True)
class BuiltContent:
    """A wheel that a test built."""

    built: BuiltWheel

    @property
    def body(self) -> Body:
        """The bytes."""
        return BytesBody(self.built.data)

    @property
    def sha256(self) -> str:
        """Lower-case hex digest."""
        return self.built.sha256

    @property
    def metadata(self) -> bytes | None:
        """METADATA as the wheel was built."""
        return self.built.metadata

    @property
    def requires_python(self) -> str | None:
        """``Requires-Python`` as METADATA spells it."""
        return self.built.requires_python


@dataclass(frozen=True, slots=True)
class DiskContent:
    """A file on disk."""

    path: Path

    @property
    def body(self) -> Body:
        """The bytes."""
        return FileBody(self.path, self.path.stat().st_size)

    @property
    def sha256(self) -> str:
        """Lower-case hex digest."""
        return _digest_of(*_identity(self.path))

    @property
    def metadata(self) -> bytes | None:
        """METADATA of the wheel; None for an sdist and for a file that is no readable wheel."""
        return _metadata_of(*_identity(self.path))

    @property
    def requires_python(self) -> str | None:
        """``Requires-Python`` as METADATA spells it."""
        if (metadata := self.metadata) is None:
            return None
        value = BytesParser().parsebytes(metadata, headersonly=True)["Requires-Python"]
        return None if value is None else str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One file of a project.

    Attributes:
        filename: Its name, unique in the index.
        project: Normalised project name.
        version: Parsed version.
        content: Its bytes.
        upload_time: PEP 700 ``upload-time``; None leaves it out.
        yanked: False, True, or the reason (PEP 592).
        hashes: What pages claim instead of the true digest; None for the truth.
        metadata: What ``.metadata`` answers instead of the wheel's own (PEP 658); None for the wheel's own.
    """

    filename: str
    project: NormalizedName
    version: Version
    content: Content
    upload_time: str | None = DEFAULT_UPLOAD_TIME
    yanked: bool | str = False
    hashes: Mapping[str, str] | None = None
    metadata: bytes | None = None

    @property
    def stated_hashes(self) -> Mapping[str, str]:
        """The hashes that pages state."""
        return {"sha256": self.content.sha256} if self.hashes is None else self.hashes

    @property
    def stated_metadata(self) -> bytes | None:
        """The bytes that ``.metadata`` answers; None when there is no such file."""
        return self.content.metadata if self.metadata is None else self.metadata


@dataclass(kw_only=True, slots=True)
class Project:
    """A project's files, in the order they were added, and its status (PEP 792)."""

    name: NormalizedName
    releases: dict[str, Release] = field(default_factory=dict)
    status: ProjectStatus = "active"
    status_reason: str | None = None

    @property
    def offered(self) -> list[Release]:
        """The files that pages list: none in quarantine (PEP 792: it "MUST NOT offer" any)."""
        return [] if self.status == "quarantined" else list(self.releases.values())

    @property
    def versions(self) -> list[str]:
        """Every version that has a file, ascending (PEP 700 ``versions``)."""
        return [str(version) for version in sorted({release.version for release in self.releases.values()})]


class Holdings:
    """Every project and file of an index.

    Attributes:
        projects: By normalised name; one without files exists if it was given a status.
        releases: By file name.
        revision: How many changes there were: pages are newer after each.
        guard: Hold it to read several of these consistently.
    """

    def __init__(self) -> None:
        self.guard = threading.RLock()
        self.projects: dict[NormalizedName, Project] = {}
        self.releases: dict[str, Release] = {}
        self.revision = 0

    def publish(self, release: Release) -> None:
        """Add a file.

        Raises:
            UsageError: There is one of that name.
        """
        with self.guard:
            if release.filename in self.releases:
                raise UsageError(
                    "the index has a file of that name",
                    where="filename",
                    got=release.filename,
                    hint="remove it first to publish other bytes under its name",
                )
            self.releases[release.filename] = release
            self.project(release.project).releases[release.filename] = release
            self.revision += 1

    def remove(self, filename: str) -> None:
        """Delete a file; its project stays.

        Raises:
            UsageError: There is none of that name.
        """
        with self.guard:
            release = self.releases.pop(filename, None)
            if release is None:
                raise UsageError("no such file in the index", where="filename", got=filename, hint="add it first")
            del self.projects[release.project].releases[filename]
            self.revision += 1

    def set_status(self, name: str, status: str, reason: str | None) -> None:
        """Give a project a PEP 792 status.

        Raises:
            UsageError: There is no such status.
        """
        marker = checked_status(status)
        with self.guard:
            project = self.project(canonicalize_name(name))
            project.status, project.status_reason = marker, reason
            self.revision += 1

    def project(self, name: NormalizedName) -> Project:
        """The project of that name, made if need be."""
        return self.projects.setdefault(name, Project(name=name))


def project_and_version(filename: str) -> tuple[NormalizedName, Version]:
    """Read a wheel's or an sdist's file name.

    Raises:
        UsageError: It is neither.
    """
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[:2]
        return parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise UsageError(
            "an index holds wheels and sdists",
            where="filename",
            expected="name-version-python-abi-platform.whl or name-version.tar.gz",
            got=filename,
            hint="serve other files from a directory with PackageIndex.mount",
        ) from error


def checked_status(status: str) -> ProjectStatus:
    """A PEP 792 status marker.

    Raises:
        UsageError: It is none of the four.
    """
    for known in get_args(ProjectStatus.__value__):
        if status == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise UsageError(
        "no such project status",
        where="status",
        expected="active, archived, quarantined or deprecated",
        got=status,
        hint="PEP 792 names the four markers",
    )


def spelled_upload_time(moment: datetime | str | None) -> str | None:
    """PEP 700: ``yyyy-mm-ddThh:mm:ss.ffffffZ``, always UTC; a string is passed on as it is.

    Raises:
        UsageError: The moment has no time zone.
    """
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise UsageError(
            "an upload time needs a time zone",
            where="upload_time",
            expected="an aware datetime",
            got=repr(moment),
            hint="pass tzinfo=datetime.UTC",
        )
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _identity(path: Path) -> tuple[Path, int, int]:
    stat = path.stat()
    return path, stat.st_mtime_ns, stat.st_size


# The time and the size are not read: they are part of the cache key, so a rewritten file is read again.
@lru_cache(maxsize=4096)
def _digest_of(path: Path, _mtime_ns: int, _size: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _metadata_of(path: Path, _mtime_ns: int, _size: int) -> bytes | None:
    if path.suffix != ".whl":
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            found = [entry for entry in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", entry)]
            # A wheel with two dist-info directories is wrong; its own is the one named like the file.
            own = "-".join(path.name.split("-")[:2]) + ".dist-info/METADATA"
            if found:
                return archive.read(own if own in found else found[0])
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, NotImplementedError, RuntimeError, EOFError):
        return None
    return None
