"""What of a lock does not fit a runtime: told before anything is asked of the network, all of it at once.

Rules this file keeps:

1. Compatibility is ``abi_version``, ``arch`` and wheel tags, never ``info.python``.
2. Each fault says in words what the thing was built for and what this is.
3. What only the wheel knows (``Requires-Python``) is checked when the wheel is there, before anything is installed
   (:mod:`micropip_lock.core.wheel_place`); a ``pylock.toml`` says it and is checked when it is read.

Left to others: what is allowed (:mod:`micropip_lock.core.judgement`), what to fetch (:mod:`micropip_lock.core.plan`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Final

from packaging.version import Version

from micropip_lock.core.abis import abis_of_tags, named
from micropip_lock.core.model import Abi, Lock, LockedPackage
from micropip_lock.core.wheel import parse_identity
from micropip_lock.errors import (
    EnvironmentMismatchError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
    WheelMetadataError,
)

_SHOWN_TAGS: Final = 4


def misfits(lock: Lock, *, abi: Abi, tags: Container[str]) -> Iterator[MicropipLockError]:
    """Everything about a lock's ABI and files that keeps it from being installed in a runtime.

    Args:
        lock: All of it is checked, what is installed already as well.
        abi: The runtime's ABI.
        tags: Wheel tags that the runtime accepts.

    Returns:
        An error for the lock's own ABI (:class:`EnvironmentMismatchError`, code ``abi-mismatch``), then at most one for
        each package: :class:`EnvironmentMismatchError`, code ``tag-mismatch``; :class:`LockPolicyError`, code
        ``not-wheel``; :class:`LockSchemaError`, code ``filename``, where the file is of another package or version;
        :class:`WheelMetadataError`, code ``wheel-filename``.
    """
    if (lock.abi.abi_version, lock.abi.arch) != (abi.abi_version, abi.arch):
        yield _other_abi(lock.abi, abi)
    for package in lock:
        if (fault := _file_fault(package, abi, tags)) is not None:
            yield fault


def _other_abi(locked: Abi, runtime: Abi) -> EnvironmentMismatchError:
    theirs, here = named(locked.abi_version), named(runtime.abi_version)
    if locked.arch != runtime.arch:
        theirs, here = f"{theirs} on {locked.arch}", f"{here} on {runtime.arch}"
    return EnvironmentMismatchError(
        f"the lock is built for {theirs}, this is {here}",
        code="abi-mismatch",
        where="info.abi_version" if locked.abi_version != runtime.abi_version else "info.arch",
        expected=f"{runtime.abi_version} ({runtime.arch}), this runtime",
        got=f"{locked.abi_version} ({locked.arch}), the lock",
        hint=f"replay it in {theirs}, or freeze again here",
    )


def _file_fault(package: LockedPackage, abi: Abi, accepted: Container[str]) -> MicropipLockError | None:
    where = f"packages.{package.name}.file_name"
    if package.package_type != "package" or not package.wheel.filename.endswith(".whl"):
        return LockPolicyError(
            f"{package} is not a wheel",
            code="not-wheel",
            where=where,
            package=package.name,
            expected="a .whl of package_type package",
            got=f"{package.wheel.filename} of package_type {package.package_type}",
            hint="load it with pyodide.loadPackage before replaying, and leave it out of the lock",
        )
    try:
        identity = parse_identity(package.wheel.filename)
    except WheelMetadataError as error:
        error.where, error.package = where, package.name
        return error
    if identity.name != package.name or not _same_version(identity.version, package.version):
        return LockSchemaError(
            f"the file of {package} is of another package or version",
            code="filename",
            where=where,
            package=package.name,
            expected=f"{package.name} {package.version}",
            got=package.wheel.filename,
        )
    if any(tag in accepted for tag in identity.tags):
        return None
    return EnvironmentMismatchError(
        f"the wheel of {package} is built for {_built_for(identity.tags, abi)}, this is {named(abi.abi_version)}",
        code="tag-mismatch",
        where=where,
        package=package.name,
        expected=f"a pure wheel or one for {abi}",
        got=", ".join(sorted(identity.tags)),
        hint="freeze again in this runtime",
    )


def _built_for(tags: frozenset[str], here: Abi) -> str:
    """Tags in words: releases of Pyodide, else Pythons and platforms."""
    pythons = sorted({tag.split("-")[0] for tag in tags})
    if abis := abis_of_tags(tags):
        # Of this very ABI it is the Python that does not fit.
        other = f" and {', '.join(pythons)}" if here.abi_version in abis else ""
        return f"{' or '.join(map(named, abis))}{other}"
    platforms = sorted({tag.split("-")[2] for tag in tags} - {"any"})
    parts = [*pythons, *platforms]
    return ", ".join(parts[:_SHOWN_TAGS]) + (", …" if len(parts) > _SHOWN_TAGS else "")


def _same_version(one: Version, other: str) -> bool:
    try:
        return one == Version(other)
    except ValueError:
        return False
