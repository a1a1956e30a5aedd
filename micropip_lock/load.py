"""A lock from whatever names it: a path, a URL, a lock link, standard input or its text, in any format that is read.

Rules this file keeps:

1. Where a lock came from is kept in ``Lock.base``: its relative names resolve against it, and what it may name depends
   on it.
2. The address of a lock obeys the policy as those in it do: an insecure or unlisted host is not asked, also when a
   redirect leads there.
3. The text tells the format (:mod:`micropip_lock.core.formats.any_lock`), never the name of the file; that of a
   notebook only lets more bytes arrive.

Left to others: the network and the runtime (:mod:`micropip_lock.wiring`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from micropip_lock import wiring
from micropip_lock.core.formats.any_lock import is_pylock, parse_lock
from micropip_lock.core.json_text import MAX_BYTES
from micropip_lock.core.link_address import is_link
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import Policy
from micropip_lock.core.redact import public_url
from micropip_lock.errors import LockParseError, LockPolicyError, UsageError, WheelTooLargeError
from micropip_lock.ports import Fetched
from micropip_lock.sources import MirrorLike

LockLike = Lock | str | Path


async def load_lock(
    lock: LockLike,
    *,
    pyodide: str | None = None,
    policy: Policy | None = None,
    mirrors: Sequence[MirrorLike] = (),
    bundle: str | Path | None = None,
) -> Lock:
    """A lock from whatever names it.

    Args:
        lock: A lock, its text (``pyodide-lock.json``, ``pylock.toml``, or an ``.ipynb`` with a lock in its metadata),
            a path, an ``https:``/``http:``/``file:`` URL, a lock link, or ``-`` for standard input; in Pyodide also an
            ``emfs:`` address.
        pyodide: What a ``pylock.toml``, which is for many environments, is read for: a release, or a directory that
            holds one. Default: in Pyodide this one, elsewhere the newest that it fits.
        policy: What is allowed; default: what recording was turned on with, else ``Policy``'s own defaults.
        mirrors: Where else to ask what a short link leaves to an index, as for a replay.
        bundle: Whom to ask that last, as for a replay.

    Raises:
        LinkError: a lock link is damaged, or what it means is not there any more.
        LockParseError: code ``no-lock`` when there is no such file; and what parsing raises.
        LockPolicyError: codes ``insecure``, ``host-not-allowed``.
        FetchError: when the URL cannot be read.
        UsageError: codes ``bad-url``, ``pyodide-spec``.
    """
    if isinstance(lock, str) and lock.strip() == "-":
        return _parsed(await asyncio.to_thread(sys.stdin.buffer.read), None, pyodide)
    there = lock_at_hand(lock, pyodide=pyodide)
    if isinstance(there, Lock):
        return there
    if is_link(there):
        from micropip_lock.links import resolve_link

        return await resolve_link(there, policy=policy, mirrors=mirrors, bundle=bundle, pyodide=pyodide)
    rules = wiring.policy_in_force(policy)
    _check_address(there, rules)
    fetched = await _fetched(there, rules)
    return _parsed(fetched.data, fetched.url, pyodide)


def lock_at_hand(lock: LockLike, *, pyodide: str | None = None) -> Lock | str:
    """A lock, of its text or from a file; of an address or a link, that address or link.

    Args:
        lock: As for :func:`load_lock`, standard input excepted.
        pyodide: As there.

    Raises:
        LockParseError: code ``no-lock`` when there is no such file; and what parsing raises.
    """
    if isinstance(lock, Lock):
        return lock
    if isinstance(lock, Path):
        return _parsed(*_from_path(lock), pyodide)
    text = lock.strip()
    if text.startswith(("{", "[", "<")) or "\n" in text:
        return _parsed(text, None, pyodide)
    if is_link(text) or text.partition(":")[0].lower() in ("https", "http", "file", "emfs"):
        return text
    return _parsed(*_from_path(Path(text)), pyodide)


async def _fetched(url: str, policy: Policy) -> Fetched:
    most = _most_bytes(url)
    try:
        return await wiring.fetcher(policy).fetch(url, max_bytes=most)
    except WheelTooLargeError as error:
        # What stops a download does not know that it was none of a wheel.
        raise LockPolicyError(
            "the lock is too large",
            code="too-large",
            url=error.url,
            expected=f"at most {most} bytes",
            got=error.got,
            hint="a lock of a thousand packages has half a megabyte; check what this file is",
        ) from error


def _most_bytes(url: str) -> int:
    if not urlsplit(url).path.endswith(".ipynb"):
        return MAX_BYTES
    from micropip_lock.core.notebook import MAX_NOTEBOOK_BYTES

    return MAX_NOTEBOOK_BYTES


def _parsed(text: str | bytes, base: str | None, pyodide: str | None) -> Lock:
    return parse_lock(text, abi=wiring.abi_to_lock_for(pyodide) if is_pylock(text) else None, base=base)


def _check_address(url: str, policy: Policy) -> None:
    try:
        urlsplit(url)
    except ValueError as error:
        raise UsageError(
            "not an address", code="bad-url", got=str(error), hint="check the address of the lock"
        ) from error
    # A token in the query is a person's own here, and is not written down; other faults the fetcher tells.
    local = url.partition(":")[0].lower() in ("file", "emfs")
    fault = None if local else policy.address_fault(public_url(url))
    if isinstance(fault, LockPolicyError):
        raise fault


def _from_path(path: Path) -> tuple[bytes, str]:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        # ValueError: a name that no file can have.
        raise LockParseError(
            "the lock cannot be read",
            code="no-lock",
            where=repr(str(path)),
            got=getattr(error, "strerror", None) or str(error),
            hint="a lock is a path, a URL, a lock link or its text",
        ) from error
    return data, wiring.address_of(path)
