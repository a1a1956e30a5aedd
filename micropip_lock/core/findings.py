"""An environment against a lock and against its own RECORDs: findings, as values.

Rules this file keeps:

1. Everything is reported and nothing is raised: a record that cannot be read is a finding too.
2. A path in RECORD that leaves site-packages is never followed; it is a finding.
3. A finding is an ``error`` (the environment is not what the lock says) or a ``note`` (worth knowing, or not checked).

4. An environment is right when it can be said of every locked package that it is the locked wheel. An origin that
   nobody recorded and no wheel proves is an error, although every file may be what RECORD says.

Left to others: the values (:mod:`micropip_lock.core.verdict`), what lies beside the files of RECORDs
(:mod:`micropip_lock.core.beside`), where a distribution came from, reading files (``ports.SiteReader``), wheels on
disk (``app/verify.py``), locks against locks (:mod:`micropip_lock.core.compare`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import INSTALLER_FILES, RecordRow, parse_record
from micropip_lock.core.headers import read_headers
from micropip_lock.core.mocks import PresentMock, present_mock
from micropip_lock.core.model import Lock, LockedPackage, Mock
from micropip_lock.core.read import parsed_version
from micropip_lock.core.verdict import Finding as Finding
from micropip_lock.core.verdict import VerifyReport as VerifyReport
from micropip_lock.errors import InputError, RecordError


class InstalledFiles(Protocol):
    """What this file reads of an installed distribution; ``ports.InstalledDist`` has more."""

    @property
    def directory(self) -> str:
        """Name of the dist-info directory."""
        ...

    def read_text(self, filename: str) -> str | None:
        """A file of the dist-info directory, or ``None``."""
        ...

    def read_file(self, path: str) -> bytes | None:
        """An installed file by its path in RECORD, or ``None``."""
        ...

    def mock_modules(self) -> Mapping[str, str | None] | None:
        """Source text by module of a mock package; ``None`` for every other distribution."""
        ...


type DigestOf[Dist] = Callable[[LockedPackage, Dist], Digest]
"""The SHA-256 of the wheel that a distribution came from; raises :class:`~micropip_lock.errors.InputError` when nothing
says it (code ``no-record``), or when what says it cannot be trusted."""


def verify[Dist: InstalledFiles](
    lock: Lock, installed: Iterable[Dist], *, digest_of: DigestOf[Dist], beside: Iterable[Finding] = ()
) -> VerifyReport:
    """Compare what is installed with a lock, and every file of a locked package with its RECORD.

    Codes of errors: ``missing``, ``duplicate``, ``version-differs``, ``digest-differs``, ``file-missing``,
    ``file-changed``, ``record-unreadable``, ``record-unsafe-path`` (absolute), ``no-record`` and what else
    ``digest_of`` raises, ``mocked`` (a mock package stands in for a locked package), ``mock-missing``,
    ``mock-differs``, ``not-a-mock``.
    Codes of notes: ``unlocked-extra``, ``not-checked``, ``record-unsafe-path`` (scripts and data that an installer put
    outside site-packages).

    Args:
        lock: What the environment is to be. What it leaves to the site is neither missing nor extra.
        installed: Every installed distribution.
        digest_of: Tells from which wheel a distribution was installed.
        beside: Findings of others, to be told in the same report.
    """
    present: dict[NormalizedName, list[tuple[str, Dist]]] = {}
    mocks: dict[NormalizedName, PresentMock] = {}
    for dist in installed:
        mock = present_mock(dist)
        if mock is not None:
            mocks[mock.name] = mock
            continue
        name, version = identity_of(dist)
        present.setdefault(name, []).append((version, dist))
    findings: list[Finding] = [*beside, *_check_mocks(lock, mocks, present)]
    files = 0
    for package in lock:
        there = present.pop(package.name, [])
        if not there and package.name in mocks:
            # Told by _check_mocks.
            continue
        checked = list(_check_package(package, there, digest_of))
        files += sum(1 for one in checked if one is None)
        findings += [one for one in checked if one is not None]
    for name, dists in sorted(present.items()):
        if name not in lock.site:
            version = dists[0][0]
            findings.append(_note(name, "unlocked-extra", "installed, but not in the lock", got=version or None))
    findings.sort(key=lambda finding: (finding.severity != "error", finding.package))
    return VerifyReport(lock_id=lock.id, findings=tuple(findings), packages_checked=len(lock), files_checked=files)


def _check_mocks(
    lock: Lock, mocks: Mapping[NormalizedName, PresentMock], present: Mapping[NormalizedName, object]
) -> Iterator[Finding]:
    for name in sorted(mocks):
        if name in lock.packages:
            yield Finding(package=name, code="mocked", message="a mock package stands in for what the lock installs")
        elif name not in lock.mocks:
            yield _note(name, "unlocked-extra", "a mock package that is not in the lock")
    for mock in lock.mocks.values():
        if mock.name in present:
            yield Finding(package=mock.name, code="not-a-mock", message="locked as a mock package, really installed")
        found = mocks.get(mock.name)
        if found is None:
            if mock.name not in present:
                yield Finding(package=mock.name, code="mock-missing", message="the mock package is not there")
        elif found.mock != mock:
            yield Finding(
                package=mock.name,
                code="mock-differs",
                message="the mock package is not the one that the lock has",
                expected=_told(mock),
                got=_told(found.mock) if found.mock else "one that cannot be locked",
            )


def _told(mock: Mock) -> str:
    modules = ", ".join(f"{name} ({Digest.of(source.encode()).hex[:12]})" for name, source in mock.modules.items())
    return f"{mock.display_name} {mock.version}, {mock.source}: {modules or 'no modules'}"


def _note(package: str, code: str, message: str, *, path: str | None = None, got: str | None = None) -> Finding:
    return Finding(package=package, code=code, message=message, path=path, got=got, severity="note")


def identity_of(dist: InstalledFiles) -> tuple[NormalizedName, str]:
    """Name and version, by METADATA; by the directory's name when METADATA does not say them."""
    name, _, version = dist.directory.removesuffix(".dist-info").partition("-")
    fields = read_headers(dist.read_text("METADATA") or "")
    return canonicalize_name((fields.get("Name") or name).strip()), (fields.get("Version") or version).strip()


def _check_package[Dist: InstalledFiles](
    package: LockedPackage, there: list[tuple[str, Dist]], digest_of: DigestOf[Dist]
) -> Iterator[Finding | None]:
    """Findings of one package; ``None`` for each file that was compared with its digest."""
    if not there:
        if package.wheel.filename.endswith(".whl"):
            yield Finding(
                package=package.name, code="missing", message="locked, but not installed", expected=package.version
            )
        else:
            yield _note(package.name, "not-checked", f"a {package.package_type} that is no wheel leaves no record")
        return
    if len(there) > 1:
        yield Finding(
            package=package.name,
            code="duplicate",
            message="two dist-info directories claim this name",
            expected=package.version,
            got=", ".join(dist.directory for _, dist in there),
        )
    for version, dist in there:
        if (parsed_version(version) or version) != (parsed_version(package.version) or package.version):
            yield Finding(
                package=package.name,
                code="version-differs",
                message="another version is installed",
                expected=package.version,
                got=version,
            )
        try:
            rows = parse_record(_record_text(dist))
        except RecordError as error:
            yield _record_finding(package.name, error)
            continue
        yield from _check_digest(package, dist, digest_of)
        for row in rows:
            yield from _check_file(package.name, dist, row)


def _record_text(dist: InstalledFiles) -> str:
    text = dist.read_text("RECORD")
    if text is None:
        raise RecordError("RECORD is missing or not UTF-8", code="record-unreadable", where="RECORD")
    return text


def _record_finding(package: str, error: InputError) -> Finding:
    return Finding(
        package=package,
        code=error.code,
        message=error.message,
        path=error.where,
        expected=error.expected,
        got=error.got,
    )


def _check_digest[Dist: InstalledFiles](
    package: LockedPackage, dist: Dist, digest_of: DigestOf[Dist]
) -> Iterator[Finding]:
    """Whether it was installed from the wheel that the lock names."""
    try:
        digest = digest_of(package, dist)
    except InputError as error:
        yield _record_finding(package.name, error)
        return
    if digest != package.wheel.digest:
        yield Finding(
            package=package.name,
            code="digest-differs",
            message="installed from another wheel than the lock names",
            expected=package.wheel.digest.hex,
            got=digest.hex,
        )


def _check_file(package: str, dist: InstalledFiles, row: RecordRow) -> Iterator[Finding | None]:
    if leaves_site(row.path):
        absolute = not row.path.startswith("../")
        yield Finding(
            package=package,
            code="record-unsafe-path",
            message="RECORD names a file outside site-packages; it is not followed",
            path=row.path,
            severity="error" if absolute else "note",
        )
        return
    directory, _, filename = row.path.rpartition("/")
    if directory == dist.directory and filename in INSTALLER_FILES:
        # An installer writes these anew; they say who installed, not what.
        return
    data = dist.read_file(row.path)
    if data is None:
        # Caches come and go: RECORD may list them, without a digest (PEP 376).
        if row.digest is not None or not row.path.endswith((".pyc", ".pyo")):
            yield Finding(
                package=package, code="file-missing", message="a file that RECORD lists is not there", path=row.path
            )
    elif row.digest is not None:
        got = Digest.of(data)
        yield None
        if got != row.digest:
            yield _changed(package, row, row.digest.hex, got.hex)
    elif row.size is not None and row.size != len(data):
        yield _changed(package, row, f"{row.size} bytes", f"{len(data)} bytes")


def _changed(package: str, row: RecordRow, expected: str, got: str) -> Finding:
    return Finding(
        package=package,
        code="file-changed",
        message="a file is not the one that was installed",
        path=row.path,
        expected=expected,
        got=got,
    )


def leaves_site(path: str) -> bool:
    """Whether a RECORD path could name a file outside site-packages."""
    return path.startswith("/") or "\0" in path or ":" in path.partition("/")[0] or ".." in path.split("/")
