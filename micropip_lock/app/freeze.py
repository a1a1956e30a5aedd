"""Freeze: what is really installed, as a lock; or the list of what cannot be locked and why.

Rules this file keeps:

1. It receives only a :class:`~micropip_lock.ports.SiteReader`, so it cannot write; it never resolves and asks no
   network.
2. Only what is installed, and only what a replay needs: the tools that record and replay (``micropip``,
   ``micropip-lock``) and what only they need are left out unless somebody asked for them.
3. The same environment gives the same bytes: nothing of the run (time, order, directory names) enters the lock.
4. Nothing is left out in silence: a distribution is locked, is a tool, or is an item with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Final
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.app.origins import origin_of, same_version
from micropip_lock.core.dist_info import OriginRecord, RecordRow, parse_record
from micropip_lock.core.graph import Needs, closure, needs_of, parse_requirements
from micropip_lock.core.imports import import_names
from micropip_lock.core.mocks import present_mock, read_mock
from micropip_lock.core.model import Lock, LockedPackage, Mock, Wheel, by_name, mocks_by_name
from micropip_lock.core.wheel import parse_identity
from micropip_lock.errors import MicropipLockError, RecordError, Unlockable, UnlockableError, UsageError
from micropip_lock.ports import InstalledDist, Runtime, RuntimeLock, SiteReader

TOOLS: Final = frozenset(map(canonicalize_name, ("micropip", "micropip-lock", "piplite", "pyodide-kernel")))
"""What records, freezes and replays; the runtime or the site brings it, a lock need not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """One installed distribution as read."""

    name: NormalizedName
    display_name: str
    version: str
    requirements: tuple[Requirement, ...]
    imports: tuple[str, ...]
    record: OriginRecord


def freeze(site: SiteReader, runtime: Runtime, *, strict: bool = True, roots: Sequence[str] | None = None) -> Lock:
    """Lock what is installed.

    Args:
        site: Where to read.
        runtime: The interpreter it is installed for.
        strict: Raise when something cannot be locked; else list it in the lock under ``unlocked``.
        roots: Keep only these and what they need.

    Raises:
        UnlockableError: with every item, when ``strict``.
        UsageError: code ``unknown-root``.
    """
    found, mocks, unlockable, tools = _read(site, runtime.lock())
    needs = needs_of(
        {**tools, **dict.fromkeys(mocks, ()), **{name: one.requirements for name, one in found.items()}},
        {name: one.record.extras for name, one in found.items()},
        runtime.markers(),
    )
    kept = _kept(found, needs, roots, {item.name for item in unlockable} | mocks.keys())
    missed = {str(missing) for name in kept for missing in needs[name].missing}
    if roots is not None:
        # Only what the asked-for closure is missing matters then.
        wanted = missed | set(map(canonicalize_name, roots))
        unlockable = [item for item in unlockable if item.name in wanted]
    else:
        # What a tool brought along is no more the lock's business than the tool.
        brought = {str(missing) for name in closure(TOOLS, needs) for missing in needs[name].missing} - missed
        unlockable = [item for item in unlockable if item.name not in brought]
    if unlockable and strict:
        count = f"{len(unlockable)} installed distribution{'s' * (len(unlockable) > 1)}"
        raise UnlockableError(f"{count} cannot be locked", items=unlockable)
    packages = [_locked(found[name], needs[name], kept, mocks.keys()) for name in kept]
    if roots is not None:
        wanted_mocks = {*map(canonicalize_name, roots), *(name for package in packages for name in package.mocked)}
        mocks = {name: mock for name, mock in mocks.items() if name in wanted_mocks}
    return Lock(
        abi=runtime.abi(),
        packages=by_name(packages),
        mocks=mocks_by_name(mocks.values()),
        unlocked=tuple(unlockable),
    )


def _locked(one: _Found, needs: Needs, kept: set[NormalizedName], mocks: AbstractSet[str]) -> LockedPackage:
    left_out = {name for name in needs.depends if name not in kept and name not in mocks}
    return LockedPackage(
        name=one.name,
        display_name=one.display_name,
        version=one.version,
        wheel=Wheel(
            url=one.record.origin.url,
            digest=one.record.digest,
            size=one.record.size,
            upload_time=one.record.upload_time,
        ),
        imports=one.imports,
        depends=tuple(name for name in needs.depends if name in kept),
        missing=tuple(sorted({*needs.missing, *left_out} - TOOLS)),
        mocked=tuple(name for name in needs.depends if name in mocks),
        origin=one.record.origin,
        requested=one.record.requested,
        requirement=one.record.requirement,
        extras=one.record.extras,
    )


def _kept(
    found: Mapping[NormalizedName, _Found],
    needs: Mapping[NormalizedName, Needs],
    roots: Sequence[str] | None,
    others: set[str],
) -> set[NormalizedName]:
    if roots is not None:
        names = [canonicalize_name(root) for root in roots]
        for name in names:
            if name not in found and name not in others:
                raise UsageError(
                    f"{name} is not installed",
                    code="unknown-root",
                    got=name,
                    hint="roots are names of installed distributions",
                )
        return closure(names, needs) & found.keys()
    requested = {name for name, one in found.items() if one.record.requested}
    needed_by_tools = closure(TOOLS - requested, needs)
    return closure((name for name in found if name not in needed_by_tools or name in requested), needs) & found.keys()


def _read(
    site: SiteReader, runtime_lock: RuntimeLock
) -> tuple[
    dict[NormalizedName, _Found],
    dict[NormalizedName, Mock],
    list[Unlockable],
    dict[NormalizedName, tuple[Requirement, ...]],
]:
    """What can be locked, the mock packages, what cannot be locked, and what the tools among that require."""
    found: dict[NormalizedName, _Found] = {}
    mocks: dict[NormalizedName, Mock] = {}
    unlockable: list[Unlockable] = []
    tools: dict[NormalizedName, tuple[Requirement, ...]] = {}
    twice: dict[NormalizedName, str] = {}
    for dist in sorted(site.distributions(), key=lambda dist: dist.directory):
        try:
            one = _read_one(dist, runtime_lock)
        except MicropipLockError as error:
            mock = _mock_of(dist)
            if isinstance(mock, Mock):
                if mock.name in mocks:
                    twice[mock.name] = mock.version
                mocks[mock.name] = mock
                continue
            if mock is not None:
                unlockable.append(mock)
                continue
            name, _, version = dist.directory.removesuffix(".dist-info").partition("-")
            if canonicalize_name(name) in TOOLS:
                tools[canonicalize_name(name)] = _requirements_of_tool(dist)
                continue
            unlockable.append(_item(canonicalize_name(name), version, error))
            continue
        if one.name in found:
            twice[one.name] = found[one.name].version
        found[one.name] = one
    twice |= {name: one.version for name, one in found.items() if name in mocks}
    for item in unlockable:
        # One of two that cannot be read: which of them is imported, nobody can say.
        name = canonicalize_name(item.name)
        there = found.get(name) or mocks.get(name)
        if there is not None:
            twice[name] = there.version
    for name, version in twice.items():
        found.pop(name, None)
        mocks.pop(name, None)
        unlockable.append(
            Unlockable(
                name=name,
                version=version,
                code="duplicate",
                reason="two dist-info directories claim this name",
                hint="uninstall it until it is gone, then install it once",
            )
        )
    return found, mocks, sorted(unlockable, key=lambda item: (item.name, item.version, item.code)), tools


def _mock_of(dist: InstalledDist) -> Mock | Unlockable | None:
    """A mock package, or why it cannot be locked; ``None`` for what is none."""
    present = present_mock(dist)
    if present is None:
        return None
    try:
        return read_mock(dist)
    except RecordError as error:
        return _item(present.name, present.version, error)


def _item(name: NormalizedName, version: str, error: MicropipLockError) -> Unlockable:
    reason = error.message + (f" ({error.got})" if error.got else "")
    return Unlockable(name=name, version=version, code=error.code, reason=reason, hint=error.hint)


def _requirements_of_tool(dist: InstalledDist) -> tuple[Requirement, ...]:
    """What a tool needs, for leaving that out with it; a tool that cannot be read needs nothing."""
    fields = HeaderParser().parsestr(dist.read_text("METADATA") or "")
    try:
        return parse_requirements(dist.directory, map(str, fields.get_all("Requires-Dist") or ()))
    except RecordError:
        return ()


def _read_one(dist: InstalledDist, runtime_lock: RuntimeLock) -> _Found:
    metadata = dist.read_text("METADATA")
    if metadata is None:
        raise RecordError("METADATA is missing or not UTF-8", code="no-metadata", hint="reinstall the package")
    fields = HeaderParser().parsestr(metadata)
    display_name, version = str(fields.get("Name", "")).strip(), str(fields.get("Version", "")).strip()
    name = canonicalize_name(display_name)
    directory_name, _, directory_version = dist.directory.removesuffix(".dist-info").partition("-")
    if canonicalize_name(directory_name) != name or not same_version(directory_version, version):
        raise RecordError(
            "METADATA and the dist-info directory name different distributions",
            code="identity",
            expected=dist.directory,
            got=f"{display_name} {version}",
            hint="uninstall it: a lock cannot say which of the two it is",
        )
    record = origin_of(dist, name, version, runtime_lock)
    _require_replayable(record)
    _check_identity(record, name, version)
    rows = _rows(dist)
    declared = fields.get_all("Import-Name")
    return _Found(
        name=name,
        display_name=display_name,
        version=version,
        requirements=parse_requirements(name, map(str, fields.get_all("Requires-Dist") or ())),
        imports=import_names((row.path for row in rows), declared=declared and [str(one) for one in declared]),
        record=record,
    )


def _rows(dist: InstalledDist) -> tuple[RecordRow, ...]:
    text = dist.read_text("RECORD")
    if text is None:
        raise RecordError("RECORD is missing", code="record-unreadable", hint="reinstall the package")
    return parse_record(text)


def _check_identity(record: OriginRecord, name: NormalizedName, version: str) -> None:
    filename = Wheel(url=record.origin.url, digest=record.digest).filename
    identity = parse_identity(filename)
    if identity.name != name or not same_version(str(identity.version), version):
        raise RecordError(
            "the recorded wheel is of another distribution",
            code="identity",
            expected=f"{name} {version}",
            got=filename,
            hint="reinstall the package while recording is on",
        )


def _require_replayable(record: OriginRecord) -> None:
    if urlsplit(record.origin.url).scheme not in ("https", "http"):
        raise RecordError(
            "its wheel was a local file that no other machine can reach",
            code="not-replayable",
            got=record.origin.url,
            hint="put the wheel on a server or an index and install it from there",
        )
