"""Replay and recovery, as people call them: in a kernel they work on it, on the host on directories.

A kernel that only replays loads no more than this: what freezes, verifies and bundles is :mod:`micropip_lock.api`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from micropip_lock import wiring
from micropip_lock.app import replay as _replay
from micropip_lock.app import save as _save
from micropip_lock.app.replay import DEFAULT_CONCURRENCY, ReplayReport
from micropip_lock.app.report import Recovery
from micropip_lock.core.model import Lock
from micropip_lock.core.plan import TOOLS
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import UsageError
from micropip_lock.load import LockLike, load_lock
from micropip_lock.ports import Progress
from micropip_lock.sources import MirrorLike, read_sources

# What a replay needs of a kernel is there when it begins: so is the thread that its downloads arrive on.
wiring.get_ready()


async def replay(
    lock: LockLike,
    *,
    concurrency: int = DEFAULT_CONCURRENCY,
    progress: Progress | None = None,
    target: str | Path | None = None,
    offline: bool = False,
    force: bool = False,
    eager: bool = False,
    store: bool = True,
    exact: bool = False,
    policy: Policy | None = None,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | Path | None = None,
) -> ReplayReport:
    """Install exactly what a lock names, concurrently, every byte checked, all or nothing.

    In a kernel's memory wheels are mounted: their files are there at once, and each is unpacked and compared with its
    RECORD when it is first read.

    Called again for the same lock with the same options while it runs, it joins: both get the progress and the report.

    Args:
        lock: A lock, its text, a path, a URL or a lock link; see :func:`~micropip_lock.load.load_lock`.
        concurrency: Downloads at a time.
        progress: Told what happens (:class:`~micropip_lock.ports.ProgressEvent`).
        target: A directory to fill instead of this kernel.
        offline: Send no request: succeed only when everything is installed already, in the store, or in files here.
        force: Install again what is there, and replace packages whose modules are imported already.
        store: Take wheels that were fetched once from the browser's (under Node the host's) store, and keep them there.
        eager: Unpack and check every file, and open every extension module, before it returns.
        exact: Remove what is installed and not in the lock; in this kernel all but micropip, micropip-lock, piplite,
            the kernel's own packages and what they need.
        policy: What is allowed; default: what recording was turned on with, else :class:`Policy`'s own defaults. Many
            hosts and large downloads need ``Policy(consent=True)``.
        mirrors: Asked for what a wheel's own address does not give: base addresses, or rewrites of a prefix
            (``{"https://files.example/": "https://mirror.example/"}``). Then the recorded index is asked for a file
            with the same SHA-256.
        bundle: Asked last: what :func:`bundle` wrote, a directory or its address.

    Raises:
        MicropipLockError: nothing was changed; ``error.report`` has every package's outcome.
        BusyError: another replay is changing the environment.
        ReplayCancelled: nothing was changed.
    """
    rules = wiring.policy_in_force(policy)
    if target is not None:
        return await replay_into_directory(
            await load_lock(lock, policy=rules, mirrors=mirrors, bundle=bundle),
            Path(target),
            policy=rules,
            concurrency=concurrency,
            offline=offline,
            force=force,
            exact=exact,
            progress=progress,
            mirrors=mirrors,
            bundle=bundle,
            store=store,
        )
    place, keep = wiring.here(), wiring.keep()
    fetcher = wiring.fetcher(rules)
    loaded = _save.based(await load_lock(lock, policy=rules, mirrors=mirrors, bundle=bundle), keep)
    try:
        return await _replay.replay(
            loaded,
            site=place.site,
            runtime=place.runtime,
            fetcher=fetcher,
            sources=read_sources(fetcher, mirrors=mirrors, bundle=bundle, policy=rules),
            installer=wiring.installer(None, eager=eager),
            keep=keep,
            store=wiring.store() if store else None,
            policy=rules,
            concurrency=concurrency,
            offline=offline,
            force=force,
            exact=exact,
            tools=TOOLS,
            progress=progress,
            own_modules=place.own_modules,
        )
    finally:
        # What did arrive is kept also when something did not: the next attempt need not ask for it.
        wiring.settle()


async def recover(target: str | Path | None = None) -> Recovery:
    """Bring an environment to exactly before, or exactly after, a replay of it that was interrupted.

    A replay does so itself before it begins; this is for one that is to be read or used as it is.

    Args:
        target: A directory that a replay filled, instead of this kernel.

    Raises:
        BusyError: a replay is changing it right now.
        StorageError: codes ``journal``, ``rollback``: it cannot be put right.
        UsageError: code ``no-directory``.
    """
    directory = None if target is None else Path(target)
    if directory is None:
        wiring.here()
    elif not directory.is_dir():
        raise UsageError("there is no such directory", code="no-directory", got=str(directory))
    async with wiring.installer(directory).hold() as notes:
        return Recovery(notes=tuple(notes))


async def replay_into_directory(
    lock: Lock,
    target: Path,
    *,
    concurrency: int = DEFAULT_CONCURRENCY,
    offline: bool = False,
    force: bool = False,
    exact: bool = False,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | Path | None = None,
    store: bool = True,
) -> ReplayReport:
    """Fill a directory with exactly what a lock names.

    The directory is for the lock's ABI: put it on ``sys.path`` of such a Pyodide, or mount it there. With ``exact``
    nothing stays in it that was installed and is not in the lock. On the host,
    wheels that were fetched once are kept in the user's cache by their digest and taken from there; ``store=False``
    does neither. The other arguments are those of :func:`replay`.

    Raises:
        MicropipLockError: nothing was changed.
    """
    if target.exists() and not target.is_dir():
        raise UsageError("the target is not a directory", code="target", got=str(target))
    place = wiring.directory(target, lock.abi)
    runtime = wiring.here().runtime if wiring.in_pyodide() else place.runtime
    keep = wiring.keep()
    fetcher = wiring.fetcher(policy)
    return await _replay.replay(
        _save.based(lock, keep),
        site=place.site,
        runtime=runtime,
        fetcher=fetcher,
        sources=read_sources(fetcher, mirrors=mirrors, bundle=bundle, policy=policy),
        installer=wiring.installer(target),
        keep=keep,
        store=wiring.store() if store else None,
        policy=policy,
        concurrency=concurrency,
        offline=offline,
        force=force,
        exact=exact,
        progress=progress,
        own_modules=wiring.here().own_modules if wiring.in_pyodide() else (),
    )
