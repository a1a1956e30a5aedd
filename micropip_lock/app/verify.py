"""Verify: findings only. An environment against a lock and its own RECORDs, or a directory of wheels against a lock.

Rules this file keeps:

1. From which wheel a distribution was installed is told by its record; where there is none, by the locked wheel itself
   when that is at hand: its RECORD against the one that is installed. Nothing else proves it.
2. Nothing is raised for what is found.

Left to others: the findings (:mod:`micropip_lock.core.findings`, :mod:`micropip_lock.core.beside`), records
(:mod:`micropip_lock.app.origins`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from packaging.utils import canonicalize_name

from micropip_lock.app.origins import origin_of
from micropip_lock.app.rest import unrest
from micropip_lock.core import findings
from micropip_lock.core.beside import Owners, beside, clashes_in, elsewhere
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.dirty import Listing, record_rows, unlisted_files
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.findings import DigestOf, Finding, VerifyReport, identity_of
from micropip_lock.core.installed_record import compare_records
from micropip_lock.core.judgement import forbidden
from micropip_lock.core.mocks import module_paths, present_mock
from micropip_lock.core.model import TOOL_NAME, Lock, LockedPackage, Wheel
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.runtime_entry import COMPILED_FROM
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError, RecordError
from micropip_lock.ports import InstalledDist, RuntimeLock, SiteReader

type ReadWheel = Callable[[Wheel], bytes | None]
"""The bytes of a file that a lock names, or ``None`` when it is not there."""


def verify(
    lock: Lock,
    site: SiteReader,
    runtime_lock: RuntimeLock,
    *,
    read_wheel: ReadWheel = lambda wheel: None,
    policy: Policy = DEFAULT_POLICY,
) -> VerifyReport:
    """Compare an environment with a lock, and every installed file with its RECORD.

    Never raises for what it finds; read ``report.ok`` and ``report.findings``.

    Args:
        lock: What the environment is to be.
        site: The environment.
        runtime_lock: What the runtime was booted with: it says what ``loadPackage`` brought.
        read_wheel: Wheels at hand, which prove what nobody recorded.
        policy: What is allowed; a package that a replay would refuse under it is an error here.
    """
    installed = list(site.distributions())
    return findings.verify(
        lock,
        installed,
        digest_of=_proven(recorded_digest(runtime_lock), read_wheel),
        beside=(*unrest(site), *_beside(lock, site, installed), *forbidden(policy, lock)),
    )


def recorded_digest(runtime_lock: RuntimeLock) -> DigestOf[InstalledDist]:
    """Tells from its records from which wheel a distribution came."""

    def digest_of(package: LockedPackage, dist: InstalledDist) -> Digest:
        digest = origin_of(dist, *identity_of(dist), runtime_lock).digest
        # A site's lock may name what was made of the original by compiling its modules.
        made_from = package.tool_unknown.get(TOOL_NAME, {}).get(COMPILED_FROM)
        return package.wheel.digest if made_from == digest.hex else digest

    return digest_of


def _proven(recorded: DigestOf[InstalledDist], read_wheel: ReadWheel) -> DigestOf[InstalledDist]:
    def digest_of(package: LockedPackage, dist: InstalledDist) -> Digest:
        try:
            return recorded(package, dist)
        except RecordError as error:
            data = read_wheel(package.wheel) if error.code in ("no-record", "not-in-runtime-lock") else None
            if data is None:
                raise
            try:
                _compare(_admitted(package, data), dist)
            except MicropipLockError as failure:
                raise failure if isinstance(failure, RecordError) else error from failure
            return package.wheel.digest

    return digest_of


def _compare(wheel: VerifiedWheel, dist: InstalledDist) -> None:
    opened = OpenedWheel(wheel)
    difference = compare_records(
        parse_record(opened.record_text),
        parse_record(dist.read_text("RECORD") or ""),
        wheel_dist_info=opened.dist_info,
        dist_info=dist.directory,
        entry_points=dist.read_text("entry_points.txt"),
    )
    if difference:
        raise RecordError("its RECORD is not that of the locked wheel", code="digest-differs", got=str(difference))


def _beside(lock: Lock, site: SiteReader, installed: Sequence[InstalledDist]) -> Iterator[Finding]:
    files = site.files()
    owners = _owners(installed, files)
    yield from beside(lock.packages, owners, unlisted_files(owners.listed, files))
    yield from clashes_in(lock)
    for stray in site.strays():
        # What a .pth file of nobody names is told with the file.
        name = canonicalize_name(stray.name)
        if stray.kind != "path-file" and name not in lock.site:
            yield elsewhere(lock, name, stray.version, stray.place)


def _owners(installed: Sequence[InstalledDist], files: Listing) -> Owners:
    owners = Owners()
    for dist in installed:
        mock = present_mock(dist)
        if mock is not None:
            owners.listed[dist.directory] = list(module_paths(mock.modules))
            continue
        try:
            rows = record_rows(dist.read_text("RECORD") or "", files.sizes)
        except RecordError:
            owners.complete = False
            continue
        owners.listed[dist.directory] = [path for path, _size in rows]
        owners.names[dist.directory] = identity_of(dist)[0]
    return owners


def verify_wheels(lock: Lock, read: ReadWheel, *, policy: Policy = DEFAULT_POLICY) -> VerifyReport:
    """Check wheels on disk against a lock: digest, size, container, identity, every file against RECORD.

    Args:
        lock: What the wheels are to be.
        read: The bytes of each, or ``None`` when it is not there.
        policy: What is allowed.
    """
    found = list(forbidden(policy, lock))
    files = 0
    for package in lock:
        filename = package.wheel.filename
        data = read(package.wheel)
        if data is None:
            found.append(Finding(package=package.name, code="missing", message="the wheel is not there", path=filename))
            continue
        try:
            files += sum(1 for _ in OpenedWheel(_admitted(package, data)).files())
        except MicropipLockError as error:
            found.append(
                Finding(
                    package=package.name,
                    code=error.code,
                    message=error.message,
                    path=error.where or filename,
                    expected=error.expected,
                    got=error.got,
                )
            )
    return VerifyReport(lock_id=lock.id, findings=tuple(found), packages_checked=len(lock), files_checked=files)


def _admitted(package: LockedPackage, data: bytes) -> VerifiedWheel:
    return admit(
        data, package.wheel.digest, filename=package.wheel.filename, size=package.wheel.size, package=package.name
    )
