"""An environment against a lock and against its own RECORDs: findings, as values.

Rules this file keeps:

1. Everything is reported and nothing is raised: a record that cannot be read is a finding too.
2. A path in RECORD that leaves site-packages is never followed; it is a finding.
3. A finding is an ``error`` (the environment is not what the lock says) or a ``note`` (worth knowing, or not checked).

Left to others: reading files (``ports.SiteReader``), wheels on disk (``app/verify.py``), locks against locks
(:mod:`micropip_lock.core.compare`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from html import escape
from typing import Any, Final, Literal, Protocol

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import INSTALLER_FILES, RecordRow, parse_record, parse_records
from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.core.read import parsed_version
from micropip_lock.errors import LockSchemaError, RecordError

Severity = Literal["error", "note"]

_MICROPIP_DIGEST: Final = "PYODIDE_SHA256"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that verify found.

    Attributes:
        package: Normalised name.
        code: Stable kebab-case identifier.
        message: One sentence for people.
        path: File concerned, as RECORD spells it.
        expected: What the lock or RECORD says.
        got: What is there.
        severity: ``error`` or ``note``.
    """

    package: str
    code: str
    message: str
    path: str | None = None
    expected: str | None = None
    got: str | None = None
    severity: Severity = "error"

    def to_json(self) -> dict[str, str]:
        """The same facts as a JSON object; absent facts are left out."""
        facts = ("severity", "package", "code", "message", "path", "expected", "got")
        return {name: value for name in facts if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        parts = [self.severity, self.package, self.code, self.message + (f" ({self.path})" if self.path else "")]
        sides = [f"{side} {value}" for side, value in (("expected", self.expected), ("got", self.got)) if value]
        return ": ".join([*parts, ", ".join(sides)] if sides else parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport:
    """What a verification found; true when the environment is what the lock says.

    Attributes:
        lock_id: ``Lock.id`` of the lock.
        findings: Errors first, then by package.
        packages_checked: Locked packages that were looked at.
        files_checked: Files whose bytes were compared with a digest.
    """

    lock_id: str
    findings: tuple[Finding, ...]
    packages_checked: int
    files_checked: int

    @property
    def ok(self) -> bool:
        """Whether there is no error; notes do not count."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "ok": self.ok,
            "lock": self.lock_id,
            "packages": self.packages_checked,
            "files": self.files_checked,
            "findings": [finding.to_json() for finding in self.findings],
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> VerifyReport:
        """The report that :meth:`to_json` described."""
        return cls(
            lock_id=facts["lock"],
            findings=tuple(Finding(**finding) for finding in facts["findings"]),
            packages_checked=facts["packages"],
            files_checked=facts["files"],
        )

    def lines(self) -> list[str]:
        """The report as lines of text: each finding, then one line that sums up."""
        return [*map(str, self.findings), self._summary()]

    def _summary(self) -> str:
        verdict = "the environment is what the lock says" if self.ok else _count(len(self.errors), "error")
        return f"{verdict}: {_count(self.packages_checked, 'package')} and {_count(self.files_checked, 'file')} checked"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return f"<VerifyReport {self._summary()}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(finding.to_json().get(name, ''))}</td>" for name in _COLUMNS) + "</tr>"
            for finding in self.findings
        )
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        return (
            f"<table><caption>{escape(self._summary())}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


_COLUMNS: Final = ("severity", "package", "code", "message", "path", "expected", "got")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def verify(lock: Lock, installed: Iterable[InstalledFiles]) -> VerifyReport:
    """Compare what is installed with a lock, and every file of a locked package with its RECORD.

    Codes of errors: ``missing``, ``duplicate``, ``version-differs``, ``digest-differs``, ``file-missing``,
    ``file-changed``, ``record-unreadable``, ``record-forged``, ``record-version``, ``record-unsafe-path`` (absolute).
    Codes of notes: ``unlocked-extra``, ``no-record``, ``not-checked``, ``record-unsafe-path`` (scripts and data that
    an installer put outside site-packages).

    Args:
        lock: What the environment is to be.
        installed: Every installed distribution.
    """
    present: dict[NormalizedName, list[tuple[str, InstalledFiles]]] = {}
    for dist in installed:
        name, version = _identity(dist)
        present.setdefault(name, []).append((version, dist))
    findings: list[Finding] = []
    files = 0
    for package in lock:
        there = present.pop(package.name, [])
        checked = list(_check_package(package, there))
        files += sum(1 for one in checked if one is None)
        findings += [one for one in checked if one is not None]
    for name, dists in sorted(present.items()):
        version = dists[0][0]
        findings.append(_note(name, "unlocked-extra", "installed, but not in the lock", got=version or None))
    findings.sort(key=lambda finding: (finding.severity != "error", finding.package))
    return VerifyReport(lock_id=lock.id, findings=tuple(findings), packages_checked=len(lock), files_checked=files)


def _note(package: str, code: str, message: str, *, path: str | None = None, got: str | None = None) -> Finding:
    return Finding(package=package, code=code, message=message, path=path, got=got, severity="note")


def _identity(dist: InstalledFiles) -> tuple[NormalizedName, str]:
    """Name and version, by METADATA; by the directory's name when METADATA does not say them."""
    name, _, version = dist.directory.removesuffix(".dist-info").partition("-")
    fields = HeaderParser().parsestr(dist.read_text("METADATA") or "")
    return canonicalize_name(str(fields.get("Name") or name).strip()), str(fields.get("Version") or version).strip()


def _check_package(package: LockedPackage, there: list[tuple[str, InstalledFiles]]) -> Iterator[Finding | None]:
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
        yield from _check_digest(package, dist)
        for row in rows:
            yield from _check_file(package.name, dist, row)


def _record_text(dist: InstalledFiles) -> str:
    text = dist.read_text("RECORD")
    if text is None:
        raise RecordError("RECORD is missing or not UTF-8", code="record-unreadable", where="RECORD")
    return text


def _record_finding(package: str, error: RecordError) -> Finding:
    return Finding(
        package=package,
        code=error.code,
        message=error.message,
        path=error.where,
        expected=error.expected,
        got=error.got,
    )


def _check_digest(package: LockedPackage, dist: InstalledFiles) -> Iterator[Finding]:
    """Whether it was installed from the wheel that the lock names, as far as the records tell."""
    try:
        record = parse_records(dist.read_text)
    except RecordError as error:
        yield _record_finding(package.name, error)
        return
    digest = record.digest if record is not None else None
    if digest is None:
        text = (dist.read_text(_MICROPIP_DIGEST) or "").strip()
        if not text:
            yield _note(package.name, "no-record", "nothing says which wheel it came from")
            return
        try:
            digest = Digest.from_hex(text)
        except LockSchemaError as error:
            yield Finding(
                package=package.name,
                code="record-unreadable",
                message=error.message,
                path=_MICROPIP_DIGEST,
                expected=error.expected,
                got=error.got,
            )
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
