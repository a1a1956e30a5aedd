"""Verify: findings only. An environment against a lock and its own RECORDs, or a directory of wheels against a lock."""

from __future__ import annotations

from collections.abc import Callable

from micropip_lock.core import findings
from micropip_lock.core.digest import admit
from micropip_lock.core.findings import Finding, VerifyReport
from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError
from micropip_lock.ports import SiteReader


def verify(lock: Lock, site: SiteReader) -> VerifyReport:
    """Compare an environment with a lock, and every installed file with its RECORD.

    Never raises for what it finds; read ``report.ok`` and ``report.findings``.
    """
    return findings.verify(lock, site.distributions())


def verify_wheels(lock: Lock, read: Callable[[str], bytes | None]) -> VerifyReport:
    """Check wheels on disk against a lock: digest, size, container, identity, every file against RECORD.

    Args:
        lock: What the wheels are to be.
        read: The bytes of a file by its name, or ``None`` when it is not there.
    """
    found: list[Finding] = []
    files = 0
    for package in lock:
        filename = package.wheel.filename
        data = read(filename)
        if data is None:
            found.append(Finding(package=package.name, code="missing", message="the wheel is not there", path=filename))
            continue
        try:
            files += _check(package, data)
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


def _check(package: LockedPackage, data: bytes) -> int:
    wheel = admit(
        data, package.wheel.digest, filename=package.wheel.filename, size=package.wheel.size, package=package.name
    )
    return sum(1 for _ in OpenedWheel(wheel).files())
