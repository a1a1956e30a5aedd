"""Resolve: the lock of a link that does not hold all of it, from where it says, proven by the digest that it has.

Rules this file keeps:

1. Nothing is taken on trust: a lock by reference has the SHA-256 of the link, a lock of a short link has its id, which
   stands for every address and digest in it. Anything else is refused.
2. A short link's indexes are asked as it names them; then their mirrors; then a bundle. Whoever answers may be wrong or
   lie, so that each gets to be asked first before the link is given up.
3. Every address obeys the policy as the addresses in a lock do; a public page leads to no private network.

Left to others: what a link says (:mod:`micropip_lock.core.link`), requests (:mod:`micropip_lock.app.network`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote, urljoin

from micropip_lock.app.network import Network
from micropip_lock.core.digest import Digest
from micropip_lock.core.formats.any_lock import parse_lock
from micropip_lock.core.index_page import IndexFile, page_url, parse_page
from micropip_lock.core.json_text import MAX_BYTES
from micropip_lock.core.link import ShortLink
from micropip_lock.core.link_address import Reference
from micropip_lock.core.link_pack import Entry
from micropip_lock.core.mirrors import Mirror
from micropip_lock.core.model import Abi, Lock, Wheel
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.redact import public_url
from micropip_lock.errors import (
    FetchError,
    HashMismatchError,
    InputError,
    LinkError,
    LockPolicyError,
    MicropipLockError,
    NotFoundError,
)
from micropip_lock.ports import IndexFetcher

CONCURRENCY: Final = 8
"""Project pages asked for at a time."""

LOCK_NAME: Final = "pyodide-lock.json"
"""What the lock of a bundle is called."""

# How the path of a file's address ends where it has the file's BLAKE2b digest in it.
_DIGEST_PATH: Final = re.compile(r"/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/[^/]*")


async def fetch_reference(
    reference: Reference,
    fetcher: IndexFetcher,
    *,
    page: str | None = None,
    abi: Abi | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Lock:
    """The lock that a link says the address of.

    Args:
        reference: What the link says.
        fetcher: The network.
        page: The page that the link is of, when it is known.
        abi: What a ``pylock.toml`` is read for.
        policy: Where it may lie.

    Raises:
        HashMismatchError: code ``digest-mismatch``: another text lies there now.
        LockPolicyError, FetchError: it may not, or cannot, be asked for; and what reading a lock raises.
    """
    _allow(policy, reference.url, page)
    fetched = await Network(fetcher, concurrency=1).whole(reference.url, max_bytes=MAX_BYTES)
    got = Digest.of(fetched.data)
    if got != reference.digest:
        raise HashMismatchError(
            "the lock is not the one that the link means",
            url=public_url(fetched.url),
            expected=f"sha256 {reference.digest}",
            got=f"{got} ({len(fetched.data)} bytes)",
            hint="it changed since the link was made: ask who sent it for a new one",
        )
    return parse_lock(fetched.data, abi=abi, base=fetched.url)


async def resolve_short(
    link: ShortLink,
    fetcher: IndexFetcher,
    *,
    page: str | None = None,
    mirrors: Sequence[Mirror] = (),
    bundle: str | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Lock:
    """The lock of a short link, with the addresses and digests that the indexes have for what it names.

    Args:
        link: What it says.
        fetcher: The network.
        page: The page that the link is of, when it is known.
        mirrors: Where else the pages of an index lie.
        bundle: Address of a directory that ``bundle`` wrote.
        policy: Which indexes may be asked.

    Raises:
        LinkError: code ``index-differs``: no combination of answers is the lock that the link means;
            ``not-on-index``: nobody lists a file of it.
        FetchError: nobody could be asked.
    """
    run = _Run(link, Network(fetcher, concurrency=CONCURRENCY), page, mirrors, bundle, policy)
    return await run.lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What a source says of one file."""

    digest: bytes
    path: bytes
    size: int | None


class _Run:
    def __init__(
        self,
        link: ShortLink,
        network: Network,
        page: str | None,
        mirrors: Sequence[Mirror],
        bundle: str | None,
        policy: Policy,
    ) -> None:
        self._link = link
        self._network = network
        self._page = page
        self._mirrors = mirrors
        self._bundle = bundle
        self._policy = policy
        self._pages: dict[str, asyncio.Task[tuple[IndexFile, ...]]] = {}
        self._bundled: asyncio.Task[Lock] | None = None

    async def lock(self) -> Lock:
        sources = 1 + len(self._mirrors) + (self._bundle is not None)
        differs: LinkError | None = None
        failure: MicropipLockError | None = None
        try:
            for first in range(sources):
                order = [first, *(number for number in range(sources) if number != first)]
                try:
                    return await self._attempt(order)
                except (FetchError, InputError) as error:
                    if isinstance(error, LockPolicyError):
                        raise
                    failure = failure or error
                    if isinstance(error, LinkError) and error.code == "checksum":
                        differs = error
        finally:
            # No request outlives the answer.
            tasks = [*self._pages.values(), *([self._bundled] if self._bundled else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if differs is None:
            assert failure is not None
            raise failure
        raise LinkError(
            "the indexes do not have what the link means any more",
            code="index-differs",
            expected=f"lock {self._link.id}",
            got=differs.got,
            hint="a file was replaced, or its index tells other facts: ask who sent the link for the full form",
        ) from differs

    async def _attempt(self, order: Sequence[int]) -> Lock:
        entries = self._link.outline.entries
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._completed(entry, order)) for entry in entries]
        found = []
        for task in tasks:
            entry = task.result()
            if isinstance(entry, MicropipLockError):
                raise entry
            found.append(entry)
        outline = replace(self._link.outline, entries=found)
        return replace(self._link, outline=outline).lock()

    async def _completed(self, entry: Entry, order: Sequence[int]) -> Entry | MicropipLockError:
        """An entry with what a source says, or why there is none."""
        if entry.digest:
            return entry
        failure: MicropipLockError | None = None
        for number in order:
            try:
                found = await self._found(entry, number)
            except (FetchError, InputError) as error:
                if isinstance(error, LockPolicyError):
                    return error
                failure = failure or error
                continue
            if found is None or (entry.has_path and not found.path) or (entry.size >= 0 and found.size is None):
                continue
            size = found.size if entry.size >= 0 and found.size is not None else -1
            return replace(entry, digest=found.digest, path=found.path if entry.has_path else b"", size=size)
        return failure or LinkError(
            f"no index lists {unquote(entry.file)} in the way that the link means",
            code="not-on-index",
            package=entry.name,
            url=public_url(entry.index),
            expected="its SHA-256, its size and its address",
            got="not all of them",
            hint="it was removed, or the index tells less than when the link was made: ask for the full form",
        )

    async def _found(self, entry: Entry, number: int) -> _Found | None:
        if number > len(self._mirrors):
            return await self._in_bundle(entry)
        url: str | None = page_url(entry.index, entry.name)
        if number > 0:
            wheel = Wheel(url=url or "", digest=Digest(bytes(32)))
            url = self._mirrors[number - 1].address(url or "", wheel)
        if url is None:
            return None
        _allow(self._policy, url, self._page, package=entry.name)
        if url not in self._pages:
            self._pages[url] = asyncio.create_task(self._files(url))
        filename = unquote(entry.file)
        for file in await asyncio.shield(self._pages[url]):
            if file.filename == filename and file.digest is not None:
                return _Found(digest=file.digest.raw, path=_path_in(file.url), size=file.size)
        return None

    async def _files(self, url: str) -> tuple[IndexFile, ...]:
        named = {unquote(entry.file) for entry in self._link.outline.entries}
        page = await self._network.page(url)
        if page is None:
            raise NotFoundError("the index does not know it", url=public_url(url))
        text = page.data.decode("utf-8", "replace")
        return parse_page(text, page.content_type, page.url, matters=named.__contains__)

    async def _in_bundle(self, entry: Entry) -> _Found | None:
        if self._bundled is None:
            self._bundled = asyncio.create_task(self._read_bundle())
        lock = await asyncio.shield(self._bundled)
        package = lock.packages.get(entry.name)
        if package is None or package.wheel.filename != unquote(entry.file):
            return None
        origin = package.origin.url if package.origin is not None else ""
        return _Found(digest=package.wheel.digest.raw, path=_path_in(origin), size=package.wheel.size)

    async def _read_bundle(self) -> Lock:
        address = self._bundle or ""
        fetched = await self._network.whole(
            address if address.endswith(".json") else urljoin(address, LOCK_NAME), max_bytes=MAX_BYTES
        )
        return parse_lock(fetched.data, base=fetched.url)


def _path_in(url: str) -> bytes:
    """The digest in the path of an address, 32 bytes, or none."""
    match = _DIGEST_PATH.search(url)
    return bytes.fromhex("".join(match.groups())) if match else b""


def _allow(policy: Policy, url: str, page: str | None, *, package: str | None = None) -> None:
    fault = policy.address_fault(url, base=page, package=package)
    if fault is not None:
        raise fault
