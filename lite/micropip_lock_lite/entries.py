"""Entries of a lock for wheels that are at hand: what a wheel says of itself is enough.

Rules this file keeps:

1. Each wheel is opened as strictly as a replay opens it, and must fit the runtime.
2. Of what METADATA requires, markers are evaluated for the runtime; what is required and not among the wheels is an
   error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import NormalizedName

from micropip_lock.core.abis import marker_environment, runtime_tags
from micropip_lock.core.digest import VerifiedWheel
from micropip_lock.core.faults import raise_all
from micropip_lock.core.graph import Requirements, needs_of, parse_requirements
from micropip_lock.core.imports import import_names
from micropip_lock.core.metadata import parse_metadata
from micropip_lock.core.model import Abi, Lock, LockedPackage, Wheel, by_name
from micropip_lock.core.preflight import misfits
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.core.wheel_place import check_place
from micropip_lock.errors import LockGraphError, MicropipLockError


def entries_of(
    wheels: Mapping[str, VerifiedWheel], abi: Abi, *, elsewhere: Mapping[str, LockedPackage]
) -> dict[str, LockedPackage]:
    """One entry for each wheel, by normalised name.

    Args:
        wheels: By what the lock is to name them: an address or a path relative to it.
        abi: Of the runtime.
        elsewhere: Entries that are there already, and may be needed.

    Raises:
        MicropipLockError: what is wrong with a wheel; ``missing-dependency``; all of it in ``errors``.
    """
    faults: list[MicropipLockError] = []
    opened: dict[str, OpenedWheel] = {}
    for url, wheel in wheels.items():
        try:
            opened[url] = OpenedWheel(wheel)
            check_place(opened[url], abi.python)
        except MicropipLockError as error:
            faults.append(error)
    raise_all(faults)
    metadata = {one.identity.name: parse_metadata(one.metadata) for one in opened.values()}
    requirements = {name: parse_requirements(name, fields.requires) for name, fields in metadata.items()}
    others: dict[NormalizedName, Requirements] = {
        one.name: Requirements() for one in elsewhere.values() if one.name not in metadata
    }
    needs = needs_of(requirements | others, {}, marker_environment(abi))
    raise_all([_missing(name, needs[name].missing) for name in sorted(metadata) if needs[name].missing])
    packages = by_name(
        LockedPackage(
            name=one.identity.name,
            display_name=metadata[one.identity.name].name,
            version=str(one.identity.version),
            wheel=Wheel(url=url, digest=one.wheel.digest, size=one.wheel.size),
            imports=import_names(one.names, declared=metadata[one.identity.name].import_names),
            depends=needs[one.identity.name].depends,
        )
        for url, one in opened.items()
    )
    raise_all([*misfits(Lock(abi=abi, packages=packages), abi=abi, tags=frozenset(runtime_tags(abi)))])
    return packages


def _missing(name: str, missing: tuple[str, ...]) -> LockGraphError:
    return LockGraphError(
        f"{name} needs what is not there",
        package=name,
        expected=f"wheels of {', '.join(missing)}",
        got="none",
        hint="put them beside the others",
    )
