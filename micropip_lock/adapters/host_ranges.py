"""Parts of files and pages of indexes on a CPython host: what locating needs beyond whole downloads.

Everything that :mod:`micropip_lock.adapters.host` keeps (credentials, redirects, limits, errors) holds here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from micropip_lock.adapters.connections import Line
from micropip_lock.adapters.host import HostFetcher, Received, checked_scheme
from micropip_lock.core.dist_info import public_url
from micropip_lock.errors import FetchError, UsageError, WheelTooLargeError
from micropip_lock.ports import Fetched, FetchedRange

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_SMALL: Final = 1 << 16
"""Bytes of a whole file that are taken rather than asking again."""


class HostIndexFetcher(HostFetcher):
    """Implements :class:`micropip_lock.ports.IndexFetcher`; arguments as for :class:`HostFetcher`."""

    async def fetch_page(self, url: str, *, accept: str, max_bytes: int) -> Fetched:
        got = await self._ask(url, {"Accept": accept, "Accept-Encoding": "gzip"}, max_bytes)
        return Fetched(data=got.data, url=got.url, content_type=got.headers.get("Content-Type", ""))

    async def fetch_range(self, url: str, first: int, last: int, *, max_whole: int) -> FetchedRange:
        got = await self._ask(url, {"Range": f"bytes={first}-{last}"}, max(max_whole, last - first + 1))
        if got.status == 200:
            return FetchedRange(data=got.data, first=0, total=len(got.data), whole=True, url=got.url)
        total = _total(got, url, first, last)
        return FetchedRange(data=got.data, first=first, total=total, whole=False, url=got.url)

    async def size_of(self, url: str) -> int | None:
        # The first byte's answer tells the size as HEAD would, from servers and caches that refuse HEAD as well.
        try:
            got = await self.fetch_range(url, 0, 0, max_whole=_SMALL)
        except WheelTooLargeError:
            return None
        return got.total

    async def _ask(self, url: str, asking: Mapping[str, str], max_bytes: int) -> Received:
        if checked_scheme(url) == "file":
            raise UsageError(
                "an index on this machine's disk is not asked",
                code="bad-url",
                url=public_url(url),
                expected="https: or http:",
                got="file:",
            )
        line = Line()
        tell = _count(line)
        return await self._transfer(url, line, lambda: self._get(url, line, tell, max_bytes, asking))


def _count(line: Line) -> Callable[[int], None]:
    def tell(received: int) -> None:
        line.received = received

    return tell


def _total(got: Received, url: str, first: int, last: int) -> int | None:
    """The whole file's size, from an answer that is checked to be the range that was asked for.

    Source: HTTP Semantics (RFC 9110, section 14.4).
    """
    said = got.headers.get("Content-Range", "")
    found = _CONTENT_RANGE.fullmatch(said)
    start, stop = (int(found[1]), int(found[2])) if found else (-1, -1)
    # A range that reaches beyond the end is cut there.
    if start != first or stop > last or len(got.data) != stop - start + 1:
        raise FetchError(
            "the server sent other bytes than those asked for",
            code="wrong-range",
            url=public_url(url),
            expected=f"bytes {first}-{last}",
            got=f"{said or 'no Content-Range'}, {len(got.data)} bytes",
            hint="try again; a proxy or cache on the way may be broken",
        )
    return int(found[3]) if found and found[3] != "*" else None
