"""Lock links as people use them: a lock in an address, and back.

Rules this file keeps:

1. Opening a link installs nothing. :func:`open_link` sends no request; what a link leaves to the network is asked for
   where a person said so (:func:`resolve_link`, and :func:`~micropip_lock.load.load_lock` on the way to a replay).
2. A lock that a page's link held counts as read from that page: a public page leads to no private network.

Left to others: the format (:mod:`micropip_lock.core.link`), what is asked (:mod:`micropip_lock.app.resolve`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from micropip_lock import wiring
from micropip_lock.app.resolve import fetch_reference, resolve_short
from micropip_lock.core.digest import Digest
from micropip_lock.core.link import ShortLink, base_digest, decode_link, encode_link
from micropip_lock.core.link_address import Reference, check_reference, page_of, with_fragment
from micropip_lock.core.link_outline import Base
from micropip_lock.core.model import TOOL_NAME, Lock, LockedPackage
from micropip_lock.core.policy import Policy
from micropip_lock.errors import LinkError, UsageError
from micropip_lock.sources import MirrorLike, read_sources

LONG: Final = 2_000
"""Characters of a link that some programs cut."""

VERY_LONG: Final = 8_000
"""Characters of a link that many programs cut, or refuse."""

Form = Literal["full", "short"]


def share(
    lock: Lock | str, base: str = "", *, form: Form = "full", spell_out: bool = False, pyodide: str | None = None
) -> str:
    """A lock as a link, to be opened by :func:`open_link`, by any verb, and by pages.

    Args:
        lock: A lock, or its JSON text.
        base: The page to open it in, e.g. ``https://site.example/lab/index.html``; default: the fragment alone.
        form: ``full``: everything is in the link. ``short``: addresses and digests of packages that came from an index
            are left to it, and one digest over all of them proves the answers; so it needs the index to be there.
        spell_out: Say all of the packages of Pyodide's own distribution. Otherwise they are told by their names, and
            opening the link takes the lock of that same Pyodide, which each Pyodide has.
        pyodide: The Pyodide whose distribution that is, a release or a directory; default: in Pyodide this one, on the
            host the one in the user's cache that has most of them.

    Raises:
        LinkError: codes ``too-long``, ``encoding``.
        UsageError: code ``link-form``: no such form.
    """
    if form not in ("full", "short"):
        raise UsageError("no such form of a link", code="link-form", expected="full or short", got=str(form))
    found = Lock.from_json(lock) if isinstance(lock, str) else lock
    runtime = None if spell_out else _runtime_of(found, pyodide)
    return with_fragment(base, encode_link(found, short=form == "short", base=runtime))


def share_reference(lock_url: str, data: bytes, base: str = "") -> str:
    """A link that says where a lock lies, and what its bytes are.

    Args:
        lock_url: Where anyone can read it.
        data: The bytes that lie there.
        base: The page to open it in.

    Raises:
        LinkError: codes ``url``, ``scheme``, ``credentials``, ``filename``: no such address.
    """
    check_reference(lock_url)
    return with_fragment(base, f"#lock-url={lock_url};sha256={Digest.of(data).hex}")


def open_link(url: str) -> Lock:
    """The lock that a link holds: no network, nothing installed.

    Args:
        url: An address with a link in its fragment, or the fragment.

    Raises:
        LinkError: what is wrong with the link (:func:`~micropip_lock.core.link.decode_link`); code ``needs-network``
            for a link that does not hold all of its lock: see :func:`resolve_link`.
    """
    found = decode_link(url, find_base=find_base)
    if not isinstance(found, Lock):
        what = "names packages only" if isinstance(found, ShortLink) else f"says where the lock lies: {found.url}"
        raise LinkError(
            f"the link {what}",
            code="needs-network",
            expected="a link of the full form",
            hint="await micropip_lock.resolve_link(url), or replay it: these ask, and prove what came",
        )
    return _from_page(found, url)


async def resolve_link(
    url: str,
    *,
    policy: Policy | None = None,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | Path | None = None,
    pyodide: str | None = None,
) -> Lock:
    """The lock that a link means, whatever its form: what it does not hold is asked for, and proven.

    Args:
        url: An address with a link in its fragment, or the fragment.
        policy: Whom to ask; default as for :func:`~micropip_lock.load.load_lock`.
        mirrors: Where else to ask, as for :func:`~micropip_lock.replaying.replay`.
        bundle: Whom to ask last, as for :func:`~micropip_lock.replaying.replay`.
        pyodide: What a ``pylock.toml`` is read for.

    Raises:
        LinkError, LockPolicyError, HashMismatchError, FetchError: see :mod:`micropip_lock.app.resolve`.
    """
    found = decode_link(url, find_base=find_base)
    if isinstance(found, Lock):
        return _from_page(found, url)
    rules = wiring.policy_in_force(policy)
    fetcher, page = wiring.fetcher(rules), page_of(url)
    if isinstance(found, Reference):
        abi = wiring.abi_to_lock_for(pyodide)
        return await fetch_reference(found, fetcher, page=page, abi=abi, policy=rules)
    sources = read_sources(fetcher, mirrors=mirrors, bundle=bundle, policy=rules)
    return _from_page(
        await resolve_short(found, fetcher, page=page, mirrors=sources.mirrors, bundle=sources.bundle, policy=rules),
        url,
    )


def find_base(digest: bytes) -> Base | None:
    """The packages of the runtime's lock that has a digest: of this Pyodide, or of those in the user's cache."""
    return next((base for base in wiring.runtime_packages() if base_digest(base) == digest), None)


def _runtime_of(lock: Lock, pyodide: str | None) -> Base | None:
    if not any(package.origin is None or package.origin.kind == "runtime" for package in lock):
        return None
    best, most = None, 0
    for base in wiring.runtime_packages(pyodide):
        told = sum(_says(base.get(package.name, {}), package) for package in lock)
        if told > most:
            best, most = base, told
    return best


def _says(entry: Mapping[str, Any], package: LockedPackage) -> bool:
    """Whether an entry is a Pyodide's own, and of this wheel; what has a table of ours is of one site's lock."""
    return entry.get("sha256") == package.wheel.digest.hex and TOOL_NAME not in (entry.get("tool") or {})


def _from_page(lock: Lock, url: str) -> Lock:
    return lock if lock.base is not None else replace(lock, base=page_of(url))
