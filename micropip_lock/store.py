"""The store of wheels that were fetched once, on the host: list, verify, let go.

A replay uses it by itself; these functions are for looking after it. Wheels from local files are kept elsewhere, and
none of this touches them.
"""

from __future__ import annotations

from collections.abc import Iterable

from micropip_lock import wiring
from micropip_lock.app import store as _store
from micropip_lock.app.store import StoreCleaned, StoreListing, StoreVerified
from micropip_lock.core.model import Lock


async def ls() -> StoreListing:
    """What is in the store.

    Raises:
        UsageError: code ``no-store``: in Pyodide, where the browser looks after it.
    """
    return await _store.ls(wiring.store_keeper())


async def verify() -> StoreVerified:
    """Hash everything in the store anew. What is damaged stays until a replay wants it, which fetches it again.

    Raises:
        UsageError: code ``no-store``.
    """
    return await _store.verify(wiring.store_keeper())


async def gc(
    *,
    max_age: float | None = None,
    max_size: int | None = None,
    keep: Iterable[Lock] | None = None,
    trial: bool = False,
) -> StoreCleaned:
    """Let go of wheels: without a rule, of those that were not used for 90 days.

    Args:
        max_age: Those not used for longer go, in seconds.
        max_size: Those used longest ago go until at most so many bytes are left.
        keep: Locks whose wheels stay; as the only rule all others go.
        trial: Touch nothing, only say what would go.

    Raises:
        UsageError: code ``no-store``.
    """
    staying = None if keep is None else frozenset(package.wheel.digest for lock in keep for package in lock)
    return await _store.gc(wiring.store_keeper(), max_age=max_age, max_size=max_size, keep=staying, trial=trial)
