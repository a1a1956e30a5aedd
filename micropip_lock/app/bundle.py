"""Bundle: every wheel of a lock in one directory, beside a lock that names them relative to itself.

The directory can be put on any static host, or on a disk that is carried away: a replay of its lock needs nothing else.

Rules this file keeps:

1. The lock is written last, in one step: whatever interrupts a bundle, there is no lock or a whole one.
2. Every byte is compared with the lock, and every wheel is opened and checked as strictly as a replay does, before it
   is written; each file is written whole or not at all.
3. What is there and has the right digest is not fetched again, so that an interrupted bundle goes on where it was.
4. All failures are collected; what arrived stays for the next attempt.
5. The same lock makes the same bytes, a start pack (:mod:`micropip_lock.app.start`) apart: that has what was seen.
   Nothing that is there is removed: several locks can lie in one directory.

Left to others: where bytes come from (:mod:`micropip_lock.app.obtain`), files (:class:`~micropip_lock.ports.Folder`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, Final

from packaging.utils import NormalizedName

from micropip_lock.app.admission import fetch_admitted
from micropip_lock.app.obtain import Sources, Supply
from micropip_lock.app.start import Start, with_start
from micropip_lock.app.stored import StoreUse
from micropip_lock.core.abis import runtime_tags
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.faults import raise_all
from micropip_lock.core.judgement import download_fault
from micropip_lock.core.local_wheel import is_reachable, local_file_name
from micropip_lock.core.model import Lock, LockedPackage, Origin, by_name
from micropip_lock.core.plan import Download, absolute_url, make_plan
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.core.wheel_place import check_place
from micropip_lock.errors import MicropipLockError, StorageError, UsageError
from micropip_lock.ports import Fetcher, Folder, KeptWheels, Progress, ProgressEvent, Store

LOCK_NAME: Final = "pyodide-lock.json"
"""What Pyodide, and everybody else, calls a lock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundled:
    """What a bundle holds, and what it took.

    Attributes:
        path: Of the lock.
        wheels: Of each wheel, relative to the directory of the lock, by name of the package.
        added: Names of the packages whose wheel was not there yet.
        size: Bytes of all wheels.
        requests: Requests sent.
        start: Of the start pack, relative to the directory of the lock, when there is one.
        notes: What a person should know.
    """

    path: str
    wheels: tuple[str, ...]
    added: tuple[str, ...]
    size: int
    requests: int
    start: str | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.wheels)
        there = "" if len(self.added) == count else f", {count - len(self.added)} of them there before"
        start = ", with a start pack" if self.start else ""
        return f"{self.path} and {count} wheel{'s' * (count != 1)}{there}{start}"

    def to_json(self) -> dict[str, Any]:
        """The attributes."""
        return {
            "path": self.path,
            "wheels": list(self.wheels),
            "added": list(self.added),
            "size": self.size,
            "requests": self.requests,
            "start": self.start,
            "notes": list(self.notes),
        }


@dataclass(kw_only=True, slots=True)
class _Work:
    """The mutable side of one bundle."""

    total: int | None
    supply: Supply
    received: dict[str, int] = field(default_factory=dict)
    sizes: dict[NormalizedName, int] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    failures: dict[str, MicropipLockError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    requests: int = 0


async def bundle(
    lock: Lock,
    *,
    folder: Folder,
    fetcher: Fetcher,
    kept: KeptWheels,
    store: Store | None = None,
    sources: Sources | None = None,
    concurrency: int,
    start: Start | None = None,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Bundled:
    """Write a lock with all of its wheels.

    Args:
        lock: What to bundle.
        folder: The directory.
        fetcher: Gets the wheels.
        kept: Wheels from local files.
        store: Wheels that were fetched once: asked before the network, and given what was fetched.
        sources: Where to ask for a wheel beside its own address.
        concurrency: Wheels at a time.
        start: Make a start pack, and how.
        progress: Told as wheels arrive, with stages ``plan``, ``store``, ``fetch``, ``start`` and ``done``.
        policy: What is allowed, as for a replay.

    Returns:
        What the directory holds; ``path`` is relative to it.

    Raises:
        MicropipLockError: what making a plan raises; the first wheel's failure, with all failures in ``errors``. The
            lock in the directory, if there is one, was not changed.
        StorageError: code ``not-written``.
    """
    if concurrency < 1:
        raise UsageError("concurrency is at least 1", got=str(concurrency))
    plan = make_plan(lock, (), abi=lock.abi, tags=runtime_tags(lock.abi), policy=policy)
    work = _Work(total=plan.total_bytes, supply=Supply(sources, lock.base))
    stored, gate = StoreUse(store), asyncio.Semaphore(concurrency)

    def tell(stage: str, package: LockedPackage | None = None) -> None:
        if progress is not None:
            progress(
                ProgressEvent(
                    stage=stage,
                    package=package.name if package else None,
                    received=work.received.get(package.name, 0) if package else 0,
                    total=package.wheel.size if package else None,
                    all_received=sum(work.received.values()),
                    all_total=work.total,
                )
            )

    async def put(download: Download) -> None:
        package = download.package
        wheel = package.wheel
        path = local_file_name(wheel.digest, wheel.filename)

        async def attempt(url: str, reload: bool) -> VerifiedWheel:
            async with gate:
                work.requests += 1
                return await fetch_admitted(
                    fetcher, package, url, reload=reload, policy=policy, received=received, check=check
                )

        def check() -> None:
            if (fault := download_fault(policy, sum(work.received.values()))) is not None:
                raise fault

        def received(count: int) -> None:
            # Another attempt begins at zero; what is told never goes back.
            work.received[package.name] = max(count, work.received.get(package.name, 0))
            tell("fetch", package)

        try:
            verified = there(package, path) or kept.get(wheel.digest, wheel.filename)
            if verified is None:
                work.added.append(package.name)
                verified = await stored.take(download, policy)
                if verified is not None:
                    tell("store", package)
            if verified is None:
                verified = (await work.supply.obtain(download, attempt)).value
                await stored.keep(download, verified)
            opened = OpenedWheel(verified)
            check_place(opened, lock.abi.python)
            folder.write(path, verified.data)
            work.sizes[package.name] = len(verified.data)
            work.notes += [f"{package.name}: {one}" for one in opened.warnings]
        except StorageError:
            # A full disk is full for all of them.
            raise
        except MicropipLockError as error:
            error.package = error.package or package.name
            work.failures[package.name] = error

    def there(package: LockedPackage, path: str) -> VerifiedWheel | None:
        data, wheel = folder.read(path), package.wheel
        if data is None or Digest.of(data) != wheel.digest:
            return None
        return admit(data, wheel.digest, filename=wheel.filename, size=wheel.size, package=package.name)

    tell("plan")
    try:
        async with asyncio.TaskGroup() as tasks:
            for download in plan.downloads:
                tasks.create_task(put(download), name=f"bundle {download.package.name}")
    except* StorageError as full:
        raise full.exceptions[0] from None
    raise_all([work.failures[name] for name in sorted(work.failures)])
    if len(work.sizes) < len(plan.downloads):
        # A task group takes a task that ends cancelled for one that is done.
        raise asyncio.CancelledError("a download was cancelled")
    whole = bundled_lock(lock, work.sizes)
    started: tuple[str, ...] = ()
    if start is not None:
        tell("start")
        whole, started = await with_start(whole, start, folder)
    folder.write(LOCK_NAME, whole.to_json().encode("utf-8"))
    tell("done")
    return Bundled(
        path=LOCK_NAME,
        wheels=tuple(package.wheel.url for package in whole),
        added=tuple(sorted(work.added)),
        size=sum(work.sizes.values()),
        requests=work.requests + work.supply.pages,
        start=None if whole.start is None else whole.start.url,
        notes=(*work.supply.notes, *stored.notes(), *sorted(work.notes), *started),
    )


def bundled_lock(lock: Lock, sizes: dict[NormalizedName, int]) -> Lock:
    """The lock with every wheel beside it; where each one came from stays in it.

    Args:
        lock: As it was.
        sizes: Bytes of each wheel, now that all are known.
    """
    packages = []
    for package in lock:
        url = absolute_url(package, lock.base) if package.origin is None else ""
        origin = Origin(kind="url", url=url) if is_reachable(url) else package.origin
        wheel = replace(
            package.wheel,
            url=local_file_name(package.wheel.digest, package.wheel.filename),
            size=sizes[package.name],
        )
        packages.append(replace(package, wheel=wheel, origin=origin))
    return replace(lock, packages=by_name(packages), start=None, base=None)
