"""Our JavaScript engine inside Pyodide: the one of this interpreter, its store, and downloads that it does.

Beside :mod:`micropip_lock.adapters.pyodide` the only importer of ``pyodide*`` and ``js``.
"""

from __future__ import annotations

import asyncio
import json
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from site import getsitepackages
from typing import Any

from micropip_lock.adapters.engine_answers import fetch_error
from micropip_lock.adapters.mounting import EngineHeld, EngineStore
from micropip_lock.adapters.virtual_files import SCHEME, read_virtual
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import public_url
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import FetchError
from micropip_lock.ports import Fetched, FetchedRange

HEADERS_TIMEOUT = 45
"""Seconds until an answer's head must be there; not counted while it waits for its turn in the engine."""

IDLE_TIMEOUT = 30
"""Seconds without a byte after which a download is given up; also the span that the rate is measured over."""

MIN_RATE = 1000
"""Bytes per second below which a download is given up."""


@cache
def engine() -> Any:
    """The JavaScript engine, one for this interpreter."""
    import pyodide_js
    from pyodide.code import run_js

    # What importlib.resources would load besides costs a kernel as much as the engine.
    text = pkgutil.get_data("micropip_lock", "data/engine.js")
    assert text is not None
    found = run_js(text.decode("utf-8"))
    found.attach(pyodide_js)
    return found


def engine_store() -> EngineStore:
    """Where this kernel keeps wheels for the next one: what the browser has for it, under Node what the host names."""
    import js

    directory = getattr(js, "micropipLockStore", None)
    engine().openStore(directory if isinstance(directory, str) else None)
    return EngineStore(engine(), Path(getsitepackages()[0]))


def settle() -> None:
    """Let the engine keep wheels and check their files once nothing else is to do."""
    engine().settle()


async def store_all() -> None:
    """Wait until all wheels and compiled modules are kept that are to be."""
    await engine().storeAll()
    await engine().flushBytecode()


def gather_bytecode() -> None:
    """From now on gather what Python compiles of mounted wheels, for :func:`compiled_modules`."""
    engine().gatherBytecode(getsitepackages()[0])


async def compiled_modules() -> dict[str, dict[str, Any]]:
    """What was gathered: by file name of the wheel, ``paths`` of sources, and ``data`` in base64."""
    gathered: dict[str, dict[str, Any]] = json.loads(await engine().compiledModules())
    return gathered


def files_read() -> dict[str, list[str]]:
    """Which files of mounted wheels somebody read: by file name of the wheel, their paths in it."""
    read: dict[str, list[str]] = json.loads(engine().filesRead())
    return read


class EngineFetcher:
    """Fetches through the bundled JavaScript engine. Implements :class:`~micropip_lock.ports.IndexFetcher`.

    The platform follows redirects, up to 20 and unseen; where they led is checked before the body is read.

    Args:
        policy: Where redirects may lead.
    """

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        self._engine = engine()
        self._policy = policy

    def take_turns(self, concurrency: int | None) -> bool:
        return bool(self._engine.takeTurns(concurrency))

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> Fetched:
        if url.startswith(f"{SCHEME}:"):
            return read_virtual(url, max_bytes)
        result = await self._whole(url, max_bytes, progress, reload)
        return Fetched(data=result.bytes.to_bytes(), url=public_url(result.url), content_type=result.contentType or "")

    async def fetch_held(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> tuple[EngineHeld, str]:
        from pyodide.ffi import to_js

        if url.startswith(f"{SCHEME}:"):
            fetched = read_virtual(url, max_bytes)
            handle = self._engine.holdBytes(to_js(fetched.data), Digest.of(fetched.data).hex)
            return EngineHeld(handle), fetched.url
        result = await self._whole(url, max_bytes, progress, reload)
        return EngineHeld(self._engine.hold(result)), public_url(result.url)

    async def _whole(
        self, url: str, max_bytes: int | None, progress: Callable[[int], None] | None, reload: bool
    ) -> Any:
        from pyodide.ffi import create_proxy

        on_progress = create_proxy(progress) if progress else None
        options: dict[str, Any] = {"cache": "reload" if reload else "default"}
        try:
            return await self._download(url, options, max_bytes, on_progress)
        finally:
            if on_progress is not None:
                on_progress.destroy()

    async def fetch_page(self, url: str, *, accept: str, max_bytes: int) -> Fetched:
        # The platform's own fetch asks for compression, and undoes it.
        result = await self._download(url, {"accept": accept}, max_bytes)
        return Fetched(data=result.bytes.to_bytes(), url=public_url(result.url), content_type=result.contentType or "")

    async def fetch_range(self, url: str, first: int, last: int, *, max_whole: int) -> FetchedRange:
        size = last - first + 1
        result = await self._download(url, {"range": {"first": first, "last": last}}, max(max_whole, size))
        data, whole = result.bytes.to_bytes(), int(result.status) != 206
        if not whole and len(data) > size:
            raise FetchError(
                "the server sent other bytes than those asked for",
                code="wrong-range",
                url=public_url(url),
                expected=f"{size} bytes",
                got=f"{len(data)} bytes",
                hint="try again; a proxy or cache on the way may be broken",
            )
        # Content-Range is not among the headers that a page may read (CORS), so that only a whole file tells its size.
        return FetchedRange(
            data=data,
            first=0 if whole else first,
            total=len(data) if whole else None,
            whole=whole,
            url=public_url(result.url),
        )

    async def size_of(self, url: str) -> int | None:
        result = await self._download(url, {"headOnly": True}, None)
        announced = getattr(result, "announced", None)
        return int(announced) if isinstance(announced, int | float) and announced >= 0 else None

    async def _download(self, url: str, options: dict[str, Any], max_bytes: int | None, progress: Any = None) -> Any:
        from pyodide.ffi import create_proxy

        may_lead_to = create_proxy(lambda target: self._policy.redirect_fault(url, str(target)) is None)
        limits: dict[str, Any] = {
            "headersTimeoutMs": HEADERS_TIMEOUT * 1000,
            "idleTimeoutMs": IDLE_TIMEOUT * 1000,
            "minRate": {"bytes": MIN_RATE * IDLE_TIMEOUT, "perMs": IDLE_TIMEOUT * 1000},
        }
        if max_bytes is not None:
            limits["maxBytes"] = max_bytes
        # One text is quicker than an object for each of many downloads.
        handle = self._engine.ask(url, json.dumps({**limits, **options}), may_lead_to, progress)
        try:
            result = await handle.promise
        except asyncio.CancelledError:
            handle.abort()
            raise
        finally:
            may_lead_to.destroy()
        if str(getattr(result, "kind", "")) == "redirect":
            raise self._policy.redirect_fault(url, str(result.url)) or fetch_error(result, url, max_bytes)
        if not result.ok:
            raise fetch_error(result, url, max_bytes)
        return result
