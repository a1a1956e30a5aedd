"""Replay: fetch, check and install exactly what a lock names, all or nothing.

Mock packages of micropip come after the wheels, in the same transaction.

Rules this file keeps:

1. Plan first, offline: ABI, wheel tags, what is there already. Nothing is asked of the network for what is.
2. Fetch everything concurrently (bounded, largest first); every byte is hashed by us before anything is unpacked.
3. Only when every wheel has been admitted, opened and found right for this place does the installer touch the
   environment, and it changes all or nothing.
4. The bytes of wheels that no address names to others are kept, so that what was replayed can be frozen.
5. Nothing stays that the lock does not name, when the replay is to be exact: but what records and replays.
6. One typed error comes out, with a report of every package's outcome; a cancellation leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final

from packaging.utils import canonicalize_name

from micropip_lock.app.admission import fetch_admitted
from micropip_lock.app.clashes import refuse_import_clashes
from micropip_lock.app.extras import find_extras
from micropip_lock.app.first_failure import first_failure
from micropip_lock.app.in_place import damaged_in, imported_again
from micropip_lock.app.installs import installs, keep_local
from micropip_lock.app.joining import AS_IT_WAS, join
from micropip_lock.app.obtain import Sources, Supply
from micropip_lock.app.origins import installed_in, mocks_in
from micropip_lock.app.report import Outcome as Outcome
from micropip_lock.app.report import PackageOutcome as PackageOutcome
from micropip_lock.app.report import ReplayReport as ReplayReport
from micropip_lock.app.run import Run, nothing_done
from micropip_lock.app.stored import StoreUse, offline_error
from micropip_lock.core.digest import VerifiedWheel
from micropip_lock.core.judgement import download_fault
from micropip_lock.core.mocks import plan_mocks
from micropip_lock.core.model import Lock
from micropip_lock.core.plain_wheel import open_wheel
from micropip_lock.core.plan import Download, make_plan
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.wheel_place import check_place
from micropip_lock.errors import (
    AlreadyImportedError,
    MicropipLockError,
    ReplayCancelled,
    UsageError,
)
from micropip_lock.ports import (
    Fetcher,
    Installer,
    Progress,
    QueueingFetcher,
    Runtime,
    SiteReader,
    Store,
    WheelKeep,
)

DEFAULT_CONCURRENCY: Final = 6


async def replay(
    lock: Lock,
    *,
    site: SiteReader,
    runtime: Runtime,
    fetcher: Fetcher,
    installer: Installer,
    keep: WheelKeep | None = None,
    store: Store | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    force: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
    own_modules: Iterable[str] = (),
    policy: Policy = DEFAULT_POLICY,
    sources: Sources | None = None,
    exact: bool = False,
    tools: Iterable[str] = (),
) -> ReplayReport:
    """Make the environment hold exactly what ``lock`` names; what else is installed stays, or goes when ``exact``.

    A second call for the same lock with the same options joins the first (:mod:`micropip_lock.app.joining`).

    Args:
        lock: What to install.
        site: The environment as it is.
        runtime: The interpreter it is for.
        fetcher: Gets the wheels.
        installer: Puts them in place.
        keep: Keeps the bytes of wheels that came from local files.
        store: Wheels that were fetched once: asked before the network, and given what was fetched.
        concurrency: Downloads at a time.
        force: Install again what is there, and replace packages whose modules are imported already.
        offline: Send no request: succeed only when everything is installed already, in the store, or in files here.
        progress: Told what happens.
        own_modules: Top-level modules that are imported only by micropip-lock itself; replacing them is safe.
        policy: What is allowed; checked before the first request, and bytes again as they arrive.
        sources: Where to ask for a wheel beside its own address.
        exact: Remove what the lock does not name, in the same transaction.
        tools: What stays then, with all it needs: what installs and replays here.

    Raises:
        MicropipLockError: nothing was changed; ``error.report`` has every package's outcome.
        BusyError: another replay is changing this environment.
        ReplayCancelled: nothing was changed.
    """
    if concurrency < 1:
        raise UsageError("concurrency is at least 1", got=str(concurrency))
    own, stay = frozenset(own_modules), frozenset(tools)

    async def begin(told: Progress) -> ReplayReport:
        try:
            # Before anything is read: what was interrupted is put right first.
            async with installer.hold() as recovered:
                supply = Supply(sources, lock.base, offline=offline)
                options = (keep, StoreUse(store), concurrency, force, offline, told, own, policy, supply)
                return await _replay(lock, site, runtime, fetcher, installer, *options, exact, stay, recovered)
        except MicropipLockError as error:
            if error.report is None:
                error.report = nothing_done(lock).report(done=False)
            raise

    where = None if sources is None else (sources.mirrors, sources.bundle, sources.indexes is None)
    asked = (lock.id, lock.base, store is None, concurrency, force, offline, own, policy, where, exact, stay)
    return await join(installer, asked, begin, progress)


async def _replay(
    lock: Lock,
    site: SiteReader,
    runtime: Runtime,
    fetcher: Fetcher,
    installer: Installer,
    keep: WheelKeep | None,
    stored: StoreUse,
    concurrency: int,
    force: bool,
    offline: bool,
    progress: Progress | None,
    own_modules: frozenset[str],
    policy: Policy,
    supply: Supply,
    exact: bool,
    tools: frozenset[str],
    recovered: Sequence[str],
) -> ReplayReport:
    started = time.perf_counter()
    try:
        installed = installed_in(site, runtime.lock(), lock.packages)
        extras = find_extras(lock, site, runtime, installed, tools) if exact else ()
        plan = make_plan(
            lock, installed, abi=runtime.abi(), tags=runtime.tags(), force=force, policy=policy, extras=extras
        )
        if damaged := damaged_in(lock, plan, site, runtime.lock()):
            plan = make_plan(
                lock,
                installed,
                abi=runtime.abi(),
                tags=runtime.tags(),
                force=force,
                damaged=damaged,
                policy=policy,
                extras=extras,
            )
        staying = (one.name for one in installed if one not in extras)
        mocks, removed_mocks = plan_mocks(lock, mocks_in(site), staying, exact=exact)
    except MicropipLockError as error:
        run = nothing_done(lock)
        run.failures = {one.package: one for one in reversed(error.errors or (error,)) if one.package}
        error.report = run.report(done=False)
        raise
    run = Run(
        lock=lock,
        plan=plan,
        progress=progress,
        started=started,
        policy=policy,
        supply=supply,
        offline=offline,
        stored=stored,
        mocks=mocks,
        removed_mocks=removed_mocks,
        python=runtime.markers()["python_full_version"],
    )
    run.spent("plan", None, started)
    run.tell("plan")
    old_mocks = (*(old for change in mocks for old in change.replaces), *removed_mocks)
    imported = imported_again(plan, old_mocks, site, runtime.imported(), own_modules)
    if imported and not force:
        names = ", ".join(sorted(imported))
        imported_error = AlreadyImportedError(
            f"modules that the lock replaces{' or leaves out' if exact else ''} are imported already: {names}",
            package=min(imported.values()),
            got=names,
        )
        run.failures.update(dict.fromkeys(imported.values(), imported_error))
        imported_error.report = run.report(done=False)
        raise imported_error
    try:
        await _fetch_all(run, fetcher, concurrency)
        run.fetched_at = time.perf_counter()
        refuse_import_clashes(run.admitted)
        not_kept = [] if keep is None else keep_local(run.plan, run.admitted, keep)
        notes = await installer.install(
            installs(run.plan, run.admitted),
            lambda stage, name: _step(run, stage, name),
            mocks=mocks,
            removes=[one.directory for one in plan.removed],
            removed_mocks=removed_mocks,
        )
    except asyncio.CancelledError as error:
        raise ReplayCancelled(AS_IT_WAS) from error
    except MicropipLockError as error:
        if error.package and error.package not in run.failures:
            run.failures[error.package] = error
        error.report = run.report(done=False)
        raise
    run.spent("install", None, run.fetched_at)
    run.tell("done")
    warned = [f"{name}: {one}" for name in plan.order for one in run.admitted[name].warnings]
    notes = (*recovered, *notes, *not_kept, *stored.notes(), *warned)
    return run.report(done=True, notes=notes, restart_required=bool(imported))


def _step(run: Run, stage: str, name: str) -> None:
    run.tell(stage, run.lock.packages.get(canonicalize_name(name)))


async def _fetch_all(run: Run, fetcher: Fetcher, concurrency: int) -> None:
    """Every wheel, admitted; the first failure stops what has not begun and lets nothing half-done live on.

    Raises:
        MicropipLockError: of one package; see :func:`~micropip_lock.app.first_failure.first_failure`.
        CancelledError: when this was cancelled, or when a fetcher gave up by a cancellation of its own.
    """
    queueing = fetcher if isinstance(fetcher, QueueingFetcher) else None
    has_turns = queueing is not None and queueing.take_turns(concurrency)
    gate = asyncio.Semaphore(max(1, len(run.plan.downloads)) if has_turns else concurrency)
    try:
        async with asyncio.TaskGroup() as tasks:
            for download in run.plan.downloads:
                tasks.create_task(_fetch_one(run, fetcher, gate, download), name=f"fetch {download.package.name}")
    except BaseExceptionGroup as group:
        raise first_failure(run.failures, group) from group
    finally:
        if queueing is not None:
            queueing.take_turns(None)
    if run.missing:
        raise offline_error(run.missing)
    if len(run.admitted) < len(run.plan.downloads):
        # A task group takes a task that ends cancelled for one that is done.
        raise asyncio.CancelledError("a download was cancelled")


async def _fetch_one(run: Run, fetcher: Fetcher, gate: asyncio.Semaphore, download: Download) -> None:
    package = download.package
    began: float | None = None

    async def attempt(url: str, reload: bool) -> VerifiedWheel:
        nonlocal began
        arrived = 0

        def received(count: int) -> None:
            nonlocal arrived
            run.arrived += count - arrived
            arrived = count
            # Another attempt begins at zero; what is told never goes back.
            run.received[package.name] = max(count, run.received.get(package.name, 0))
            run.tell("fetch", package)

        def check() -> None:
            # Sizes that the lock does not state are known only now.
            if (fault := download_fault(run.policy, sum(run.received.values()))) is not None:
                raise fault

        async with gate:
            if run.failures:
                # This turn came free because another failed; its cancellation is on the way here.
                await asyncio.Event().wait()
            began = began or time.perf_counter()
            run.requests += 1
            return await fetch_admitted(
                fetcher, package, url, reload=reload, policy=run.policy, received=received, check=check
            )

    try:
        asked = time.perf_counter()
        wheel = stored = await run.stored.take(download, run.policy)
        if stored is not None:
            run.spent("store", package.name, asked, stored.size)
            run.tell("store", package)
        elif run.offline and not run.supply.has_source_of(download):
            run.missing.append(package)
            return
        if wheel is None:
            wheel = (await run.supply.obtain(download, attempt)).value
            run.spent("fetch", package.name, began or asked, wheel.size)
        # Looked into while others are on their way.
        arrived_at = time.perf_counter()
        opened = open_wheel(wheel)
        check_place(opened, run.python)
        run.spent("check", package.name, arrived_at)
        run.admitted[package.name] = opened
    except MicropipLockError as error:
        error.package = error.package or package.name
        run.failures[package.name] = error
        raise
    finally:
        if began is not None:
            run.seconds[package.name] = time.perf_counter() - began
    if stored is None:
        await run.stored.keep(download, wheel)
