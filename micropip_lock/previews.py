"""What a lock would do, for a person to decide about before anything is installed.

Rules this file keeps:

1. Nothing is asked of the network, and nothing is installed: what only the network knows has no preview.
2. In Pyodide the preview also says what differs from this kernel, and whether the lock is for this Pyodide.

Left to others: what is in a preview (:mod:`micropip_lock.core.preview`).
"""

from __future__ import annotations

from collections.abc import Collection

from packaging.utils import canonicalize_name

from micropip_lock import wiring
from micropip_lock.core.link_address import is_link
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import Policy
from micropip_lock.core.preview import Here, Preview, preview_lock
from micropip_lock.errors import LinkError
from micropip_lock.links import open_link
from micropip_lock.load import LockLike, lock_at_hand


def preview(
    lock: LockLike,
    *,
    policy: Policy | None = None,
    approved: Collection[str] = (),
    usual_hosts: Collection[str] = (),
) -> Preview:
    """What a lock would do: who is asked, what is installed, how much is downloaded, what to look at twice.

    Args:
        lock: A lock, its text, a path, or a lock link that holds its lock.
        policy: What is allowed; default: what recording was turned on with, else :class:`Policy`'s own defaults.
        approved: Identities of locks that somebody agreed to before.
        usual_hosts: Hosts that well-known packages come from; a known name from elsewhere is warned of.

    Returns:
        The preview: print it, let a notebook show it, or take :meth:`~micropip_lock.core.preview.Preview.to_json`.

    Raises:
        LinkError: code ``needs-network`` for what has to be fetched first; and what is wrong with a link.
        LockPolicyError: what the policy refuses, and code ``too-many-hosts``; and what reading a lock raises.
    """
    return preview_lock(_at_hand(lock), _here(approved, usual_hosts), policy=wiring.policy_in_force(policy))


def _at_hand(lock: LockLike) -> Lock:
    there = lock_at_hand(lock)
    if isinstance(there, Lock):
        return there
    if is_link(there):
        return open_link(there)
    raise LinkError(
        "what is in a lock at an address is known once it is fetched",
        code="needs-network",
        hint="preview(await micropip_lock.load_lock(address)), if whoever has the address may know",
    )


def _here(approved: Collection[str], usual_hosts: Collection[str]) -> Here:
    if not wiring.in_pyodide():
        return Here(approved=approved, usual_hosts=usual_hosts)
    place = wiring.here()
    named = (dist.directory.removesuffix(".dist-info").rpartition("-") for dist in place.site.distributions())
    installed: dict[str, str] = {canonicalize_name(name): version for name, _, version in named if name}
    abi = place.runtime.abi().abi_version
    return Here(installed=installed, abi=abi, approved=approved, usual_hosts=usual_hosts)
