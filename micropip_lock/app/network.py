"""Asking several servers at once: bounded, patient, counted.

Rules this file keeps:

1. At most so many requests at a time; one that waits to be tried again holds nobody up.
2. What may pass (5xx, 429, a broken or silent connection) is tried again, twice; what will not, is raised at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from micropip_lock.errors import (
    FetchError,
    FetchTimeoutError,
    NetworkError,
    NotFoundError,
    ServerError,
    TruncatedError,
)
from micropip_lock.ports import Fetched, FetchedRange, IndexFetcher

ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""Simple API pages, JSON rather than HTML (PEP 691, "Version + Format Selection")."""

MAX_PAGE: Final = 64 << 20
"""Bytes of a project page; the largest real ones have some ten million."""

PAUSES: Final = (0.2, 1.0)
"""Seconds before the second and the third try."""

LONGEST_PAUSE: Final = 10.0
"""Seconds that a server may make us wait (``Retry-After``); it is given up when it asks for more."""

_PASSING: Final = (ServerError, NetworkError, FetchTimeoutError, TruncatedError)


class Network:
    """One run's requests.

    Args:
        fetcher: Who asks.
        concurrency: The most requests at a time.
        sleep: Waits so many seconds.

    Attributes:
        received: Body bytes that were used, of pages (decompressed) and files.
    """

    def __init__(
        self,
        fetcher: IndexFetcher,
        *,
        concurrency: int,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self.received = 0
        self._sleep = sleep
        self._fetcher = fetcher
        self._turn = asyncio.Semaphore(concurrency)

    async def page(self, url: str) -> Fetched | None:
        """A project page, or ``None`` when the index has none (404, 410).

        Raises:
            FetchError: any other failure; WheelTooLargeError beyond :data:`MAX_PAGE`.
        """
        try:
            got = await self._patiently(lambda: self._fetcher.fetch_page(url, accept=ACCEPT, max_bytes=MAX_PAGE))
        except NotFoundError as error:
            if error.status in (404, 410):
                return None
            raise
        self.received += len(got.data)
        return got

    async def part(self, url: str, first: int, last: int, *, max_whole: int) -> FetchedRange:
        """The bytes ``first`` to ``last``, or the whole file; see ``ports.RangeFetcher``."""
        got = await self._patiently(lambda: self._fetcher.fetch_range(url, first, last, max_whole=max_whole))
        self.received += len(got.data)
        return got

    async def size_of(self, url: str) -> int | None:
        """Bytes of a file, when the server says it."""
        return await self._patiently(lambda: self._fetcher.size_of(url))

    async def whole(self, url: str, *, max_bytes: int) -> Fetched:
        """All bytes of a file."""
        got = await self._patiently(lambda: self._fetcher.fetch(url, max_bytes=max_bytes))
        self.received += len(got.data)
        return got

    async def _patiently[T](self, ask: Callable[[], Awaitable[T]]) -> T:
        for pause in PAUSES:
            try:
                async with self._turn:
                    return await ask()
            except FetchError as error:
                if not isinstance(error, _PASSING) and error.code != "wrong-range":
                    raise
                wait = max(pause, error.retry_after or 0.0)
                if wait > LONGEST_PAUSE:
                    raise
            await self._sleep(wait)
        async with self._turn:
            return await ask()
