"""Where a replay asks beside a wheel's own address: what people write, read.

Rules this file keeps:

1. What a person names is judged before the first request, by the same policy as what a lock names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from micropip_lock import wiring
from micropip_lock.app.obtain import Sources
from micropip_lock.core.mirrors import read_mirrors
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import UsageError
from micropip_lock.ports import IndexFetcher

MirrorLike = str | Mapping[str, str]
"""A base address, ``PREFIX=ADDRESS``, or a table of rewrites."""


def bundle_address(bundle: str | Path | None) -> str | None:
    """The address of a bundle that is named by a path or an address.

    Raises:
        UsageError: code ``no-directory``.
    """
    if bundle is None or (isinstance(bundle, str) and bundle.startswith(("https:", "http:", "file:", "emfs:"))):
        return bundle
    path = Path(bundle)
    if path.is_file():
        # The lock in it.
        path = path.parent
    if not path.is_dir():
        raise UsageError("there is no such directory", code="no-directory", got=str(bundle))
    return f"{wiring.address_of(path)}/"


def read_sources(
    asks: IndexFetcher,
    *,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | Path | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Sources:
    """Where a replay asks for a wheel beside its own address.

    Args:
        asks: Asks the project pages of the indexes that a lock names.
        mirrors: As :func:`~micropip_lock.core.mirrors.read_mirrors` takes them.
        bundle: A directory that ``bundle`` wrote, or its address, or that of the lock in it.
        policy: Where files may come from.

    Raises:
        UsageError: codes ``bad-mirror``, ``no-directory``.
        LockPolicyError: the policy forbids a mirror or the bundle.
    """
    places, address = read_mirrors(mirrors), bundle_address(bundle)
    for one in (*(place.to for place in places), *([address] if address else [])):
        fault = None if one.startswith(("file:", "emfs:")) else policy.address_fault(one)
        if fault is not None:
            raise fault
    return Sources(mirrors=places, indexes=asks, bundle=address, policy=policy)
