"""Bytes by URL on a CPython host, and where this program keeps its own files there.

Rules this file keeps:

1. Nothing is sent that the caller did not give: no cookies, no ``.netrc``, no credentials from a URL.  Credentials go
   to the origin they were given for, and to nobody once a request has been redirected to another origin.
2. Redirects are followed here, as far as the policy lets them lead.
3. Whatever the server does, an answer ends: within limits for connecting, for silence and for slowness, and within a
   cap on bytes.  A cancelled task's connection is shut down at once, also while it waits for the server.
4. Every failure is a :class:`~micropip_lock.errors.FetchError` of its own class, or the cap's
   :class:`~micropip_lock.errors.WheelTooLargeError`; a body is whole or it is an error.

Left to others: asking again, concurrency and digests (:mod:`micropip_lock.app.replay`), sockets, proxies and
certificates (:mod:`micropip_lock.adapters.connections`), what an answer means (:mod:`micropip_lock.adapters.answers`),
bodies (:mod:`micropip_lock.adapters.bodies`).
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import platformdirs
import urllib3

from micropip_lock.adapters.answers import REDIRECTS, failure_of, follow_redirect, refusal_of
from micropip_lock.adapters.bodies import read_body, read_file
from micropip_lock.adapters.connections import Connections, Line
from micropip_lock.adapters.pip_settings import configured_ca_bundle
from micropip_lock.adapters.places import Places
from micropip_lock.core.dist_info import public_url
from micropip_lock.core.policy import DEFAULT_POLICY, Policy, too_many_redirects
from micropip_lock.errors import (
    FetchTimeoutError,
    UsageError,
)
from micropip_lock.ports import Fetched

APP_NAME: Final = "micropip-lock"
_TELL_EVERY: Final = 0.05


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Directory for what can be fetched again; ``MICROPIP_LOCK_CACHE`` overrides it.  It may not exist yet."""
    own = (os.environ if environ is None else environ).get("MICROPIP_LOCK_CACHE")
    return Path(own) if own else platformdirs.user_cache_path(APP_NAME, appauthor=False)


def store_dir(environ: Mapping[str, str] | None = None) -> Path | None:
    """Directory of wheels that were fetched once; ``None`` when ``MICROPIP_LOCK_STORE=off`` turns the store off."""
    environ = os.environ if environ is None else environ
    off = environ.get("MICROPIP_LOCK_STORE", "").strip().lower() == "off"
    return None if off else cache_dir(environ) / "store"


def user_agent() -> str:
    """``micropip-lock/<version>``."""
    try:
        return f"{APP_NAME}/{version(APP_NAME)}"
    except PackageNotFoundError:
        return APP_NAME


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` of a URL, in one spelling: lower case, without the scheme's own port.

    Raises:
        ValueError: The URL has no valid port.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """An answer with its whole body.

    Attributes:
        data: The body, decoded.
        url: The address after redirects.
        status: 200, or 206 when a range was asked for.
        headers: As the server sent them.
    """

    data: bytes
    url: str
    status: int
    headers: Mapping[str, str]


class HostFetcher:
    """Implements :class:`micropip_lock.ports.Fetcher` over urllib3; use it as a context manager, or :meth:`close` it.

    Each download has a thread of its own, so that a stuck one holds up nobody, nor the end of the program.  How many
    run at a time is the caller's decision.

    Args:
        credentials: User and password by origin (``https://index.example``).
        ca_bundle: File or directory of certificates to trust instead of the system's; what pip is configured to trust
            when not given.
        connect_timeout: Seconds to connect.
        idle_timeout: Seconds without a byte after which a download fails; also the span ``min_rate`` is measured over.
        min_rate: Bytes per second below which a download fails.
        policy: How many redirects are followed, and where to.

    Raises:
        UsageError: codes ``bad-ca-bundle``, ``bad-config``.
    """

    def __init__(
        self,
        *,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        ca_bundle: Path | None = None,
        connect_timeout: float = 15.0,
        idle_timeout: float = 30.0,
        min_rate: float = 1000.0,
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self._credentials = {origin_of(origin): pair for origin, pair in (credentials or {}).items()}
        self._connections = Connections(
            ca_bundle=ca_bundle or configured_ca_bundle(os.environ, Places.of_this_process()),
            connect_timeout=connect_timeout,
            idle_timeout=idle_timeout,
        )
        self._answer_within = connect_timeout + idle_timeout
        self._span = idle_timeout
        self._min_rate = min_rate
        self._user_agent = user_agent()
        self._policy = policy

    def close(self) -> None:
        """Close the idle connections; a later download opens new ones."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> Fetched:
        """All bytes at ``url``; see :meth:`micropip_lock.ports.Fetcher.fetch`.

        ``progress`` is called in the task's own thread, at most 20 times a second.

        Raises:
            FetchError: one of its subclasses.
            WheelTooLargeError: more than ``max_bytes``.
            UsageError: code ``bad-url``.
        """
        scheme = checked_scheme(url)
        line = Line()
        tell = _teller(asyncio.get_running_loop(), line, progress)

        def work() -> Fetched:
            if scheme == "file":
                return read_file(url, line, tell, max_bytes)
            got = self._get(url, line, tell, max_bytes, no_cache if reload else {})
            return Fetched(data=got.data, url=got.url, content_type=got.headers.get("Content-Type", ""))

        no_cache = {"Cache-Control": "no-cache", "Pragma": "no-cache"}
        return await self._transfer(url, line, work)

    async def _transfer[T](self, url: str, line: Line, work: Callable[[], T]) -> T:
        """Run a download in a thread of its own, and watch it."""
        outcome: Future[T] = Future()

        def run() -> None:
            # From here on a cancelled task leaves the outcome to nobody instead of making it an error to set it.
            outcome.set_running_or_notify_cancel()
            try:
                outcome.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
                outcome.set_exception(error)
            finally:
                line.finish()

        threading.Thread(target=run, name=f"fetch {public_url(url)}", daemon=True).start()
        waiting = asyncio.wrap_future(outcome)
        try:
            await self._watch(waiting, line, url)
            return waiting.result()
        finally:
            if not waiting.done():
                line.stop()
                waiting.cancel()
            elif not waiting.cancelled():
                # A task that is cancelled just as its download fails would leave an exception that nobody looked at.
                waiting.exception()

    async def _watch[T](self, waiting: asyncio.Future[T], line: Line, url: str) -> None:
        """Return when the download has ended.

        The socket's own timeouts see silence only; a server that sends a byte now and then is seen here.
        """
        within, before = self._answer_within, 0
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=within)
            if done:
                return
            received = line.received
            if not line.answered or received - before < self._min_rate * self._span:
                host = urlsplit(url).hostname
                raise FetchTimeoutError(
                    f"{host} answers too slowly",
                    code="too-slow",
                    url=public_url(url),
                    expected=f"{self._min_rate:.0f} bytes per second over {self._span:.0f} s",
                    got=f"{received - before} bytes in {within:.0f} s",
                )
            within, before = self._span, received

    def _get(
        self, url: str, line: Line, tell: Callable[[int], None], max_bytes: int | None, asking: Mapping[str, str]
    ) -> Received:
        credentials = self._credentials.get(origin_of(url))
        for _ in range(self._policy.max_redirects + 1):
            response = self._open(url, line, credentials, asking)
            try:
                location = response.headers.get("Location") if response.status in REDIRECTS else None
                if location is None:
                    partial = response.status == 206 and "Range" in asking
                    if not partial and (refusal := refusal_of(response.status, response.headers, url)) is not None:
                        raise refusal
                    line.answered = True
                    data = read_body(response, url, line, tell, max_bytes)
                    return Received(data=data, url=url, status=response.status, headers=response.headers)
                target = follow_redirect(url, location, self._policy)
                if origin_of(target) != origin_of(url):
                    credentials = None
                url = target
            finally:
                # A body that was read to its end has gone back to the pool already; this closes all others.
                response.close()
        raise too_many_redirects(url, self._policy.max_redirects)

    def _open(
        self, url: str, line: Line, credentials: tuple[str, str] | None, asking: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        headers = {"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity", **asking}
        if credentials is not None:
            pair = b64encode(":".join(credentials).encode("utf-8")).decode("ascii")
            headers["Authorization"] = f"Basic {pair}"
        try:
            return self._connections.open(url, headers, line)
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise failure_of(error, url, began=False) from error


def checked_scheme(url: str) -> str:
    """The scheme of an address that can be fetched.

    Raises:
        UsageError: codes ``bad-url``, ``credentials``.
    """
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port != 0
    except ValueError as error:
        raise UsageError("not a URL", code="bad-url", got=str(error)) from error
    if parts.scheme not in ("http", "https", "file") or not port_is_valid:
        raise UsageError(
            "not an address that can be fetched",
            code="bad-url",
            url=public_url(url),
            expected="https:, http: or file:",
            got=parts.scheme or "no scheme",
        )
    if parts.username is not None:
        raise UsageError(
            "the address has credentials in it",
            code="credentials",
            url=public_url(url),
            hint="give credentials for the origin, beside the address",
        )
    if parts.scheme != "file" and not parts.hostname:
        raise UsageError("the address has no host", code="bad-url", url=public_url(url))
    return parts.scheme


def _teller(
    loop: asyncio.AbstractEventLoop, line: Line, progress: Callable[[int], None] | None
) -> Callable[[int], None]:
    """What the reading thread reports its bytes to."""
    last = 0.0

    def show(received: int) -> None:
        if progress is not None and not line.stopped:
            progress(received)

    def tell(received: int) -> None:
        nonlocal last
        line.received = received
        now = time.monotonic()
        # Each report wakes the event loop, so a fast download must not send one for each chunk.
        if progress is not None and not line.stopped and now - last >= _TELL_EVERY:
            last = now
            loop.call_soon_threadsafe(show, received)

    return tell
