"""Verify: findings only. An environment against a lock and its own RECORDs, or a directory of wheels against a lock."""

from __future__ import annotations

from collections.abc import Callable

from micropip_lock.core import compare
from micropip_lock.core.compare import Finding, VerifyReport
from micropip_lock.core.digest import admit
from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError
from micropip_lock.ports import SiteReader


def verify(lock: Lock, site: SiteReader) -> VerifyReport:
    """Compare an environment with a lock, and every installed file with its RECORD.

    Never raises for what it finds; read ``report.ok`` and ``report.findings``.
    """
    return compare.verify(lock, site.distributions())


def verify_wheels(lock: Lock, read: Callable[[str], bytes | None]) -> VerifyReport:
    """Check wheels on disk against a lock: digest, size, container, identity, every file against RECORD.

    Args:
        lock: What the wheels are to be.
        read: The bytes of a file by its name, or ``None`` when it is not there.
    """
    findings: list[Finding] = []
    files = 0
    for package in lock:
        data = read(package.wheel.filename)
        if data is None:
            findings.append(
                Finding(
                    package=package.name,
                    code="missing",
                    message="the wheel is not there",
                    path=package.wheel.filename,
                    severity="error",
                )
            )
            continue
        try:
            files += _check(package, data)
        except MicropipLockError as error:
            findings.append(
                Finding(
                    package=package.name,
                    code=error.code,
                    message=error.message,
                    path=error.where or package.wheel.filename,
                    expected=error.expected,
                    got=error.got,
                    severity="error",
                )
            )
    return VerifyReport(lock_id=lock.id, findings=tuple(findings), packages_checked=len(lock), files_checked=files)


def _check(package: LockedPackage, data: bytes) -> int:
    wheel = admit(
        data,
        package.wheel.digest,
        filename=package.wheel.filename,
        size=package.wheel.size,
        package=package.name,
    )
    return sum(1 for _ in OpenedWheel(wheel).files())
