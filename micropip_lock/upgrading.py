"""Upgrade, as people call it: a new lock in which one package, and what it forces, has moved.

Rules this file keeps:

1. The lock is replayed first, so that what stays is exactly what it was, wherever it came from; then micropip moves
   what is to move, within what the rest requires, and the result is frozen.
2. On the host this happens in a Pyodide of its own. In a kernel it happens there, and the kernel is brought back to
   what it was, whatever happened; so it has to be lockable as it is. Nothing moves before that is known.
3. There is a whole new lock, or an error and the old one.

Left to others: the new lock from the two (:mod:`micropip_lock.core.upgrading`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from micropip_lock import api, wiring
from micropip_lock.app.save import based
from micropip_lock.core.model import Lock
from micropip_lock.core.plan import TOOLS
from micropip_lock.core.policy import Policy
from micropip_lock.core.upgrading import Wanted, check_agrees, merged, read_wanted
from micropip_lock.errors import AlreadyImportedError, UsageError
from micropip_lock.load import LockLike, load_lock
from micropip_lock.ports import Progress
from micropip_lock.sources import MirrorLike, bundle_address


async def upgrade(
    lock: LockLike,
    *names: str,
    index_urls: Sequence[str] = (),
    pre: bool = False,
    pyodide: str | None = None,
    progress: Progress | None = None,
    policy: Policy | None = None,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | None = None,
) -> Lock:
    """Move one package of a lock, or several, to the newest that the rest allows; the rest stays pinned.

    What the new version requires and is not there, or not new enough, moves with it. The lock itself is not changed,
    and neither is the environment: ``diff`` the two and ``replay`` the new one.

    Args:
        lock: A lock, its text, a path or a URL.
        names: Packages of the lock; ``"rich>=14"`` for another requirement than the lock has.
        index_urls: Where to look; default: the user's pip and uv configuration (in a kernel, what micropip asks).
        pre: Take pre-releases too.
        pyodide: On the host: a version, a directory, or ``None`` for the pinned version.
        progress: Told what happens.
        policy: What is allowed, as for ``replay``.
        mirrors: As for ``replay``.
        bundle: As for ``replay``.

    Raises:
        UsageError: codes ``unknown-package``, ``bad-requirement``, ``upgrade-address``, ``nothing-to-upgrade``.
        OutcomeError: codes ``install-failed`` (what stays allows no newer one), ``upgrade-conflict``.
        MicropipLockError: what a replay and a freeze raise.
    """
    rules = wiring.policy_in_force(policy)
    old = based(await load_lock(lock, pyodide=pyodide, policy=rules), wiring.keep())
    wanted = read_wanted(old, names)
    if tools := sorted(TOOLS & {one.name for one in wanted}):
        raise UsageError("what installs here cannot upgrade itself", code="upgrade-tool", got=", ".join(tools))
    if wiring.in_pyodide():
        new = await _in_this_kernel(old, wanted, index_urls, pre, rules, progress, mirrors, bundle)
    else:
        async with wiring.embedded(pyodide, index_urls=index_urls, progress=progress) as runtime:
            new = await runtime.upgrade(
                old,
                names=[one.name for one in wanted],
                requirements=[one.requirement for one in wanted],
                pre=pre,
                policy=rules,
                mirrors=mirrors,
                bundle=bundle_address(bundle),
            )
    return merged(old, new, wanted)


async def upgrade_here(
    lock: Lock,
    names: Sequence[str],
    requirements: Sequence[str],
    index_urls: Sequence[str],
    *,
    with_default: bool,
    pre: bool,
    policy: Policy,
    **options: Any,
) -> Lock:
    """Put the lock in place here, move packages of it, and freeze them with all they need.

    Raises:
        OutcomeError: codes ``install-failed``, ``upgrade-conflict``; the environment is then as it happens to be.
    """
    await api.replay(lock, policy=policy, **options)
    with wiring.recording(policy=policy):
        # What else is here is no part of it, and stays.
        before = await api.freeze(roots=list(lock.packages), policy=policy)
        await wiring.move(names, requirements, index_urls, with_default=with_default, pre=pre)
        after = await api.freeze(roots=list(lock.packages), policy=policy)
    check_agrees(before.notes, after.notes)
    return after


async def _in_this_kernel(
    lock: Lock,
    wanted: Sequence[Wanted],
    index_urls: Sequence[str],
    pre: bool,
    policy: Policy,
    progress: Progress | None,
    mirrors: Sequence[MirrorLike],
    bundle: str | None,
) -> Lock:
    was = await api.freeze(policy=policy)
    try:
        return await upgrade_here(
            lock,
            [one.name for one in wanted],
            [one.requirement for one in wanted],
            index_urls,
            with_default=not index_urls,
            pre=pre,
            policy=policy,
            progress=progress,
            mirrors=mirrors,
            bundle=bundle,
        )
    finally:
        await _bring_back(was, policy, mirrors, bundle)


async def _bring_back(was: Lock, policy: Policy, mirrors: Sequence[MirrorLike], bundle: str | None) -> None:
    try:
        await api.replay(was, exact=True, policy=policy, mirrors=mirrors, bundle=bundle)
    except AlreadyImportedError:
        # What is imported is what comes back.
        await api.replay(was, exact=True, force=True, policy=policy, mirrors=mirrors, bundle=bundle)
