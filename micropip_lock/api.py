"""The functions people call, in a notebook and on the host.

In Pyodide they work on the running kernel; on the host they work on directories, or on a Pyodide of their own under
Node. Every returned value has a useful ``repr``, ``_repr_html_`` and ``to_json()``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as _replaced
from pathlib import Path
from typing import Any

from micropip_lock import wiring
from micropip_lock.app import bundle as _bundle
from micropip_lock.app import freeze as _freeze
from micropip_lock.app import save as _save
from micropip_lock.app import verify as _verify
from micropip_lock.app.bundle import Bundled
from micropip_lock.app.record import Recording
from micropip_lock.app.replay import DEFAULT_CONCURRENCY, ReplayReport
from micropip_lock.app.save import Saved
from micropip_lock.app.start import Start
from micropip_lock.core import compare
from micropip_lock.core.compare import LockDiff, VerifyReport
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import MicropipLockError, UsageError
from micropip_lock.load import LockLike, load_lock
from micropip_lock.ports import Progress
from micropip_lock.replaying import recover as recover
from micropip_lock.replaying import replay as replay
from micropip_lock.replaying import replay_into_directory as replay_into_directory
from micropip_lock.sources import MirrorLike, bundle_address, read_sources


def record(*, policy: Policy | None = None) -> Recording:
    """Record from now on: each micropip, ``%pip`` and piplite install leaves its origin in dist-info.

    Also ``micropip.freeze()`` returns our strict lock while recording is on. Calling it again changes nothing but the
    policy, when one is given.

    Args:
        policy: Where packages may come from; an install from elsewhere is refused before anything of it is fetched.

    Returns:
        The recording: ``stop()`` it, or use it in a ``with`` statement.

    Raises:
        RuntimeMissingError: outside Pyodide, or without a supported micropip.
    """
    return wiring.recording(policy=policy)


async def freeze(
    *,
    strict: bool = True,
    roots: Sequence[str] | None = None,
    index_urls: Sequence[str] = (),
    trust_metadata: bool = False,
    progress: Progress | None = None,
    policy: Policy | None = None,
) -> Lock:
    """Lock what is installed in this kernel.

    What has no record of where it came from (pip, uv, a wheel unpacked by hand) is looked up on the indexes, and proven
    by the RECORD inside the wheel there; nothing else sends a request.

    Args:
        strict: Raise when something cannot be locked; otherwise list it in the lock (``lock.unlocked``).
        roots: Keep only these distributions and what they need.
        index_urls: Where to look; default: the indexes that micropip asks.
        trust_metadata: Let the METADATA that an index states prove a wheel, without looking into it.
        progress: Told as each distribution is located.
        policy: What is allowed; default: what recording was turned on with, else :class:`Policy`'s own defaults.

    Raises:
        UnlockableError: with every distribution that cannot be locked and why.
        LockPolicyError: code ``too-large``: more than a lock may hold.
        UsageError: code ``unknown-root``.
        RuntimeMissingError: outside Pyodide.
    """
    return await _frozen(
        wiring.here(),
        strict=strict,
        roots=roots,
        index_urls=index_urls,
        trust=trust_metadata,
        progress=progress,
        policy=wiring.policy_in_force(policy),
    )


async def freeze_site(
    directory: Path,
    *,
    pyodide: str | None = None,
    strict: bool = True,
    roots: Sequence[str] | None = None,
    index_urls: Sequence[str] = (),
    trust_metadata: bool = False,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Lock:
    """Lock what somebody installed into a directory for Pyodide, with pip or uv for instance.

    Args:
        directory: Site-packages, or a virtual environment.
        pyodide: A release or a directory; default: what the compiled wheels in it are for, else the pinned release.
        strict: As for :func:`freeze`, and so are the arguments below.
        roots: Keep only these distributions and what they need.
        index_urls: Where to look; default: the user's pip and uv configuration, else micropip's own default.
        trust_metadata: Let the METADATA that an index states prove a wheel.
        progress: Told as each distribution is located.
        policy: What is allowed.

    Raises:
        UnlockableError: with every distribution that cannot be locked and why.
        LockPolicyError: code ``too-large``: more than a lock may hold.
        UsageError: codes ``no-directory``, ``no-site``, ``pyodide-spec``, ``abi-ambiguous``, ``unknown-root``; and
            what reading the configuration raises.
    """
    place = await asyncio.to_thread(wiring.site_to_freeze, directory, pyodide)
    return await _frozen(
        place,
        strict=strict,
        roots=roots,
        index_urls=index_urls,
        trust=trust_metadata,
        progress=progress,
        policy=policy,
    )


async def _frozen(
    place: wiring.Surroundings,
    *,
    strict: bool,
    roots: Sequence[str] | None,
    index_urls: Sequence[str],
    trust: bool,
    progress: Progress | None,
    policy: Policy,
) -> Lock:
    return await _freeze.freeze_located(
        place.site,
        place.runtime,
        indexes=lambda: wiring.indexes(index_urls, progress=progress, policy=policy),
        policy=policy,
        kept=place.kept,
        strict=strict,
        roots=roots,
        seeds=place.seeds,
        trust_metadata=trust,
        progress=progress,
    )


async def save(lock: Lock, path: str | Path) -> Saved:
    """Write a lock as a file, and beside it every wheel that came from a local file.

    The directory can then be copied to another machine or a static host, and the lock replayed by its path or URL. A
    lock without such wheels needs no more than its text: ``lock.to_json()``.

    Args:
        lock: What :func:`freeze` or :func:`load_lock` gave.
        path: The file to write, or to replace; its directory is made when it is not there. An ``.ipynb`` has to be
            there: it keeps the lock in its metadata, and all else as it is.

    Raises:
        LockPolicyError: code ``relative-url``: the bytes of a wheel are not kept here any more.
        StorageError: code ``not-written``; the lock was not changed.
        MicropipLockError: a wheel beside the lock that was opened cannot be read, or has other bytes.
    """
    path = Path(path)
    if path.suffix == ".ipynb":
        from micropip_lock.notebook import save_in

        return await save_in(lock, path)
    wheels = await _save.save(
        lock, path.name, writer=wiring.folder(path.parent), kept=wiring.keep(), fetcher=wiring.fetcher()
    )
    return Saved(path=str(path), wheels=wheels)


async def bundle(
    lock: LockLike,
    directory: str | Path,
    *,
    concurrency: int = DEFAULT_CONCURRENCY,
    progress: Progress | None = None,
    policy: Policy | None = None,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | Path | None = None,
    store: bool = True,
    start: bool = False,
    imports: Sequence[str] = (),
    pyodide: str | None = None,
) -> Bundled:
    """Write every wheel of a lock into a directory, and beside them a lock that names them there.

    The directory can be put on any static host or carried away; its lock is replayed by its path or URL, and loaded by
    Pyodide itself. What is there already and has the right bytes is not fetched again.

    Args:
        lock: A lock, its text, a path or a URL.
        directory: Where; made when it is not there.
        concurrency: Wheels at a time.
        progress: Told as wheels arrive.
        policy: What is allowed, as for :func:`replay`.
        mirrors: As for :func:`replay`.
        bundle: As for :func:`replay`: another bundle, asked last.
        store: Take wheels that were fetched once from the store, and keep them there.
        start: Make a start pack, too: the environment is imported in a real Pyodide under Node, and the parts of the
            wheels that this reads are put into one file, which ``bootFromLock`` fetches first.
        imports: Modules to import for it; default: those of the packages that were asked for.
        pyodide: A version, a directory, or ``None`` for the pinned version to import them in.

    Raises:
        UsageError: code ``imports-without-start``.
        RuntimeMissingError, RuntimeFailedError: the start pack; what arrived is there for the next attempt.
        MicropipLockError: the first wheel's failure, all of them in ``errors``; the lock in the directory, if there is
            one, was not changed, and what arrived is there for the next attempt.
    """
    if imports and not start:
        raise UsageError("imports are for a start pack", code="imports-without-start", hint="start=True, --start")
    rules = wiring.policy_in_force(policy)
    loaded = await load_lock(lock, policy=rules, mirrors=mirrors, bundle=bundle)
    keep, fetcher = wiring.keep(), wiring.fetcher(rules)
    done = await _bundle.bundle(
        _save.based(loaded, keep),
        folder=wiring.folder(Path(directory)),
        start=_start(Path(directory), imports, pyodide, rules, progress) if start else None,
        fetcher=fetcher,
        kept=keep,
        store=wiring.store() if store else None,
        sources=read_sources(fetcher, mirrors=mirrors, bundle=bundle, policy=rules),
        concurrency=concurrency,
        progress=progress,
        policy=rules,
    )
    return _replaced(done, path=str(Path(directory) / done.path))


def _start(
    directory: Path, imports: Sequence[str], pyodide: str | None, policy: Policy, progress: Progress | None
) -> Start:
    watch = wiring.file_watch(pyodide, policy=policy, progress=progress)
    return Start(watch=watch, base=f"{wiring.address_of(directory)}/", imports=tuple(imports))


async def verify(lock: LockLike, *, policy: Policy | None = None) -> VerifyReport:
    """Compare this kernel with a lock, and every installed file with its RECORD.

    Findings only: it never raises for what it finds. An environment is ``ok`` when every locked package is the locked
    wheel by a record of its origin and allowed by the policy, every file is as installed, and nothing was added to it.
    What else is there is in the notes.
    """
    place, rules = wiring.here(), wiring.policy_in_force(policy)
    return _verify.verify(await load_lock(lock, policy=rules), place.site, place.runtime.lock(), policy=rules)


async def verify_directory(
    lock: Lock, directory: Path, *, wheels: Path | None = None, policy: Policy = DEFAULT_POLICY
) -> VerifyReport:
    """Compare a directory with a lock, and every file with its RECORD.

    Args:
        lock: What it is to hold.
        directory: Site-packages, or a virtual environment.
        wheels: A directory of wheels: one that the lock names proves what was installed without a record.
        policy: What is allowed.

    Raises:
        UsageError: code ``no-directory``.
    """
    place = wiring.site_to_verify(directory, lock.abi)
    if wheels is None:
        return _verify.verify(lock, place.site, place.runtime.lock(), policy=policy)
    read_wheel = wiring.wheels_in(wheels)
    return _verify.verify(lock, place.site, place.runtime.lock(), read_wheel=read_wheel, policy=policy)


async def verify_wheels(lock: Lock, directory: Path, *, policy: Policy = DEFAULT_POLICY) -> VerifyReport:
    """Check wheels in a directory against a lock: digest, size, container, identity, every file against RECORD.

    Raises:
        UsageError: code ``no-directory``.
    """
    return _verify.verify_wheels(lock, wiring.wheels_in(directory), policy=policy)


def diff(a: Lock | str, b: Lock | str) -> LockDiff:
    """What changed from ``a`` to ``b``.

    Args:
        a: A lock, or its JSON text; :func:`~micropip_lock.load.load_lock` reads paths, URLs and other formats.
        b: The same.

    Raises:
        InputError: what parsing a text raises.
    """
    first, second = (Lock.from_json(one) if isinstance(one, str) else one for one in (a, b))
    return compare.diff(first, second)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedRun:
    """What happened in an embedded Pyodide.

    Attributes:
        report: Of the replay.
        stdout: What the code printed.
        stderr: What it printed to standard error.
        error: Its traceback, when it failed.
        tree: SHA-256 of every file in site-packages after the replay, by path.
    """

    report: ReplayReport
    stdout: str
    stderr: str
    error: str | None
    tree: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Everything but the tree."""
        return {"report": self.report.to_json(), "stdout": self.stdout, "stderr": self.stderr, "error": self.error}


def index_notes(index_urls: Sequence[str] = ()) -> tuple[str, ...]:
    """What of the user's pip and uv configuration :func:`freeze_requirements` leaves out, and why.

    Raises:
        UsageError: codes ``bad-index-url``, ``bad-config``, ``no-index``.
    """
    return wiring.index_notes(index_urls)


async def freeze_requirements(
    requirements: Sequence[str],
    *,
    index_urls: Sequence[str] = (),
    pyodide: str | None = None,
    strict: bool = True,
    constraints: Sequence[str] = (),
    pre: bool = False,
    cells: Sequence[tuple[int, str]] = (),
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Lock:
    """Install requirements in a real Pyodide under Node, with recording on, and freeze it.

    Args:
        requirements: As for ``micropip.install``; also ``file:`` addresses of wheels on this machine.
        index_urls: Indexes to ask, in order; default: the user's pip and uv configuration, else micropip's own.
        pyodide: A version (fetched and kept in the user's cache), a directory, or ``None`` for the pinned version.
        strict: Raise when something cannot be locked.
        constraints: Version constraints (PEP 508).
        pre: Take pre-releases too.
        cells: Code to run then, with its number, one after the other in one namespace: that of a notebook.
        progress: Told what happens.
        policy: What is allowed.

    Raises:
        OutcomeError: ``install-failed``, ``cell-failed``, ``unlockable``, ``runtime-missing`` ….
    """
    async with wiring.embedded(pyodide, index_urls=index_urls, progress=progress) as runtime:
        frozen = await runtime.install_and_freeze(
            requirements, constraints, strict=strict, pre=pre, cells=cells, policy=policy
        )
    return frozen.lock


def python_of(pyodide: str | None = None) -> str:
    """The version of the Python that a Pyodide brings; ``""`` when it does not say.

    Args:
        pyodide: A version, a directory, or ``None`` for the pinned version.

    Raises:
        UsageError: code ``pyodide-spec``.
    """
    return wiring.embedded_abi(pyodide).python


async def replay_in_pyodide(
    lock: Lock,
    *,
    code: str | None = None,
    pyodide: str | None = None,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | Path | None = None,
    store: bool = True,
) -> EmbeddedRun:
    """Replay a lock into a fresh Pyodide under Node, then run code in it.

    Args:
        lock: What to install.
        code: What to run then.
        pyodide: A version, a directory, or ``None`` for the pinned version.
        progress: Told what happens.
        policy: What is allowed.
        mirrors: Where else to ask, as for :func:`replay`.
        bundle: What :func:`bundle` wrote, as for :func:`replay`.
        store: Let it use the store of this machine.

    Raises:
        MicropipLockError: as :func:`replay`; the code's own failure is in ``error`` of the result.
    """
    printed: dict[str, list[str]] = {"stdout": [], "stderr": []}
    async with wiring.embedded(
        pyodide,
        installs=False,
        progress=progress,
        output=lambda stream, text: printed[stream].append(text + "\n"),
        store=wiring.store_directory() if store else None,
    ) as runtime:
        try:
            replayed = await runtime.replay(
                _save.based(lock, wiring.keep()),
                policy=policy,
                mirrors=mirrors,
                bundle=bundle_address(bundle),
            )
        except MicropipLockError as failure:
            if isinstance(failure.report, dict):
                failure.report = ReplayReport.from_json(failure.report)
            raise
        for lines in printed.values():
            lines.clear()
        error = await runtime.run(code) if code is not None else None
    return EmbeddedRun(
        report=ReplayReport.from_json(replayed.report),
        stdout="".join(printed["stdout"]),
        stderr="".join(printed["stderr"]),
        error=error,
        tree=replayed.tree,
    )
