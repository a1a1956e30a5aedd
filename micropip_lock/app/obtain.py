"""Obtain: one locked wheel from wherever it can be had, in a fixed order, by what it is and never by its name alone.

Rules this file keeps:

1. The order is the wheel's own address; mirrors, as given; the recorded index, asked for a file with the locked
   SHA-256; a bundle. A host that was given up and never answered in this replay is asked after all others.
2. A failure that may pass is tried again in place (:mod:`micropip_lock.core.patience`); bytes of another digest or size
   are asked for once more past every cache; anything else moves on to the next source at once.
3. A host is unsteady once a failure that may pass did pass there. Its sources are worth :data:`ROUNDS` rounds, so that
   many wheels arrive through a bad connection; where nothing ever passed, a source fails after its tries.
4. What is wrong with the lock or forbidden ends the search: no other source can mend it.
5. When all sources failed, the first one's error is raised, with all of them in its ``errors``. Whoever sent other
   bytes than the lock names is reported also when another source had the right ones.
6. It starts no task, so that a cancellation leaves none; whoever waits holds nobody's turn.

Left to others: how bytes are fetched, held and admitted: the ``attempt`` that a caller gives raises the typed errors.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

from micropip_lock.app.network import Network
from micropip_lock.core.dist_info import public_url
from micropip_lock.core.faults import raise_all
from micropip_lock.core.index_page import page_url, parse_page
from micropip_lock.core.local_wheel import is_reachable, local_file_name
from micropip_lock.core.mirrors import Mirror
from micropip_lock.core.patience import FIRST_WAIT, tries_for, wait_before
from micropip_lock.core.plan import Download
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import (
    FetchError,
    HashMismatchError,
    InputError,
    MicropipLockError,
    NotFoundError,
    WheelTooLargeError,
)
from micropip_lock.ports import IndexFetcher

ROUNDS: Final = 4
"""Rounds over the sources for one wheel whose hosts are unsteady."""

_BETWEEN_ROUNDS: Final = 4 * FIRST_WAIT
_NAMED: Final = 5

type Attempt[T] = Callable[[str, bool], Awaitable[T]]
"""Fetches an address (past every cache when the second argument is true) and admits what came."""

Kind = Literal["url", "mirror", "index", "bundle"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """What waiting needs.

    Attributes:
        sleep: Waits so many seconds.
        chance: Gives a number from 0 to 1, for the jitter of waits.
    """

    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where to ask beside a wheel's own address.

    Attributes:
        mirrors: In the order to ask.
        indexes: Asks project pages of the indexes that a lock names; ``None`` to ask none.
        bundle: Address of a directory that ``bundle`` wrote, or of the lock in it.
        policy: Where files and pages may come from.
        patience: How waiting is done.
    """

    mirrors: tuple[Mirror, ...] = ()
    indexes: IndexFetcher | None = None
    bundle: str | None = None
    policy: Policy = DEFAULT_POLICY
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One source that did not have the wheel.

    Attributes:
        kind: Which source it was.
        address: Where it was asked, for people.
        error: What came instead.
    """

    kind: Kind
    address: str
    error: MicropipLockError


@dataclass(frozen=True, kw_only=True, slots=True)
class Obtained[T]:
    """What an attempt gave, and what failed before.

    Attributes:
        value: What the attempt returned.
        kind: The source that had it.
        address: Where that was.
        failures: Of the sources asked before, in order.
    """

    value: T
    kind: Kind
    address: str
    failures: tuple[Failure, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know: a sentence for each source that lied, and one for those that failed."""
        came = f"taken from {_shown(self.address)}"
        liars = [one for one in self.failures if isinstance(one.error, HashMismatchError | WheelTooLargeError)]
        silent = [f"{_shown(one.address)} ({one.error.code})" for one in self.failures if one not in liars]
        return (
            *(f"{_shown(one.address)} sent other bytes than the lock names; {came}" for one in liars),
            *([f"{', '.join(silent)} did not send it; {came}"] if silent else []),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    kind: Kind
    # ``None`` for the index, which has to be asked for the address first.
    address: str | None


class Supply:
    """The sources of one replay, and what it has learned about their hosts.

    Args:
        sources: Where to ask.
        base: The lock's own address: what it may name depends on that.
        offline: Ask nobody: only what lies on this machine is a source.

    Attributes:
        pages: Project pages that were asked for.
    """

    def __init__(self, sources: Sources | None = None, base: str | None = None, *, offline: bool = False) -> None:
        self._sources = Sources() if sources is None else sources
        self._base = base
        self._offline = offline
        self._network = (
            None
            if self._sources.indexes is None
            else Network(self._sources.indexes, concurrency=4, sleep=self._sources.patience.sleep)
        )
        self._answered: set[str] = set()
        self._unsteady: set[str] = set()
        self._dead: set[str] = set()
        self._told: dict[str, list[str]] = {}
        self.pages = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of all that was obtained: each sentence once, with the packages it is of."""
        return tuple(sorted(f"{_listed(sorted(names))}: {sentence}" for sentence, names in self._told.items()))

    def has_source_of(self, download: Download) -> bool:
        """Whether there is anybody to ask; offline, only this machine."""
        return bool(self._sources_of(download))

    async def obtain[T](self, download: Download, attempt: Attempt[T]) -> Obtained[T]:
        """Get one wheel.

        Args:
            download: The wheel and its own address.
            attempt: Fetches and admits one address.

        Raises:
            MicropipLockError: what the first source failed with, all sources in ``errors``; or what no source can mend.
        """
        failures: dict[str, Failure] = {}
        waiting = self._sources_of(download)
        for number in range(1, ROUNDS + 1):
            again: list[_Source] = []
            while waiting:
                source = self._next(waiting)
                address = source.address
                try:
                    if address is None:
                        address = await self._by_hash(download)
                        if address in failures or address == download.url:
                            # Nowhere else, then.
                            continue
                    value = await self._from(address, attempt, others=bool(waiting))
                except (FetchError, HashMismatchError, WheelTooLargeError) as error:
                    failure = Failure(kind=source.kind, address=address or _index_of(download), error=error)
                    failures.setdefault(failure.address, failure)
                    if address is not None and self._may_pass(error, address):
                        again.append(_Source(kind=source.kind, address=address))
                    continue
                before = tuple(failures[one] for one in failures if one != address)
                got = Obtained(value=value, kind=source.kind, address=address, failures=before)
                for note in got.notes:
                    self._told.setdefault(note, []).append(download.package.name)
                return got
            if not again or number == ROUNDS:
                break
            waiting = again
            await self._sources.patience.sleep(_BETWEEN_ROUNDS * (1 + self._sources.patience.chance()))
        errors = [one.error for one in failures.values()]
        if len(errors) > 1:
            raise_all(errors)
        raise errors[0]

    def _sources_of(self, download: Download) -> list[_Source]:
        """All of them, each address once, in order."""
        wheel, origin = download.package.wheel, download.package.origin
        found = [_Source(kind="url", address=download.url)]
        # What is beside a lock, in a bundle for instance, has its mirrors where it came from.
        originals = [download.url, *([origin.url] if origin is not None and urlsplit(origin.url).scheme else [])]
        copies = (mirror.address(one, wheel) for mirror in self._sources.mirrors for one in originals)
        found += [_Source(kind="mirror", address=address) for address in copies if address is not None]
        if self._network is not None and origin is not None and origin.index is not None:
            found.append(_Source(kind="index", address=None))
        if self._sources.bundle is not None:
            given = self._sources.bundle
            folder = given if given.endswith(".json") else f"{given.rstrip('/')}/"
            found.append(_Source(kind="bundle", address=_below(folder, local_file_name(wheel.digest, wheel.filename))))
        if self._offline:
            found = [one for one in found if one.address is not None and not is_reachable(one.address)]
        return list({one.address: one for one in reversed(found)}.values())[::-1]

    def _next(self, waiting: list[_Source]) -> _Source:
        """The first one whose host is not known to be dead, else the first one."""
        alive = (at for at, one in enumerate(waiting) if one.address is None or _host(one.address) not in self._dead)
        return waiting.pop(next(alive, 0))

    async def _from[T](self, address: str, attempt: Attempt[T], *, others: bool) -> T:
        """Ask one address until it is given up."""
        host = _host(address)
        failed, reload = 0, False
        while True:
            try:
                value = await attempt(address, reload)
            except (HashMismatchError, WheelTooLargeError) as error:
                self._lives(host)
                # A stale cache on the way is the one cause that asking again, past every cache, can mend.
                if reload or error.code == "not-a-wheel":
                    raise
                reload = True
            except FetchError as error:
                failed += 1
                if tries_for(error) == 1:
                    raise
                wait = wait_before(failed, error, self._sources.patience.chance())
                if failed >= tries_for(error) or wait is None or (others and host in self._dead):
                    if host not in self._answered:
                        self._dead.add(host)
                    raise
                await self._sources.patience.sleep(wait)
            else:
                self._lives(host)
                if failed:
                    self._unsteady.add(host)
                return value

    def _may_pass(self, error: MicropipLockError, address: str) -> bool:
        """Whether a source that was given up is worth another round."""
        return tries_for(error) > 1 and wait_before(1, error, 0.0) is not None and _host(address) in self._unsteady

    def _lives(self, host: str) -> None:
        self._answered.add(host)
        self._dead.discard(host)

    async def _by_hash(self, download: Download) -> str:
        """The address at which the recorded index has the very file.

        Raises:
            FetchError: it cannot be asked, or has no such file.
        """
        package, policy = download.package, self._sources.policy
        index = _index_of(download)
        assert self._network is not None
        if (fault := policy.address_fault(index, base=self._base, package=package.name)) is not None:
            raise _not_asked(fault)
        self.pages += 1
        page = await self._network.page(page_url(index, package.name))
        if page is None:
            raise NotFoundError(f"the index has no project {package.name}", url=public_url(index))
        text = page.data.decode("utf-8", "replace")
        try:
            files = parse_page(text, page.content_type, page.url, matters=lambda name: name.endswith(".whl"))
        except InputError as error:
            raise FetchError(
                "the index sent a page that cannot be read", code=error.code, url=error.url, got=error.got
            ) from error
        same = next((one for one in files if one.digest == package.wheel.digest), None)
        if same is None:
            raise NotFoundError(
                f"the index has no file of {package.name} with the locked sha256",
                code="not-in-index",
                url=public_url(page.url),
                expected=f"sha256 {package.wheel.digest}",
                got=f"{len(files)} wheels",
            )
        if (fault := policy.address_fault(same.url, base=page.url, package=package.name)) is not None:
            raise _not_asked(fault)
        return same.url


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _index_of(download: Download) -> str:
    origin = download.package.origin
    return (origin.index if origin is not None else None) or ""


def _not_asked(fault: InputError) -> FetchError:
    return FetchError(fault.message, code=fault.code, expected=fault.expected, got=fault.got, hint=fault.hint)


def _below(base: str, path: str) -> str:
    """A path below an address; the standard library joins relative names to schemes that it knows only."""
    if base.startswith("emfs:"):
        return "emfs" + urljoin("file" + base.removeprefix("emfs"), path).removeprefix("file")
    return urljoin(base, path)


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _shown(address: str) -> str:
    """A host, or for a file its address without credentials."""
    return _host(public_url(address)) or public_url(address)
