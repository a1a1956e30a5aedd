"""Tests of :mod:`micropip_lock.adapters.host`, against real servers on this machine."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.adapters.answers import follow_redirect, retry_after
from micropip_lock.adapters.host import HostFetcher, cache_dir, data_dir, origin_of, user_agent
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    FetchTimeoutError,
    MicropipLockError,
    NetworkError,
    NotFoundError,
    RedirectPolicyError,
    ServerError,
    TruncatedError,
    UsageError,
    WheelTooLargeError,
)
from micropip_lock.testing import (
    ContentLength,
    EarlyEof,
    Endless,
    GzipEncoded,
    NotFound,
    PackageIndex,
    Redirect,
    Reset,
    Slow,
    StaleCache,
    Stall,
    Status,
    wheel,
)
from micropip_lock.testing.faults import Fault
from micropip_lock.testing.log import Request

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n" * 5000, "noise.bin": bytes(range(256)) * 1000})


@pytest.fixture
def six(package_index: PackageIndex) -> str:
    """The address of a wheel."""
    return package_index.file_url(package_index.add(SIX).filename)


@pytest.fixture
async def fetcher(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostFetcher]:
    """A fetcher that is quick to lose patience, on a machine without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with HostFetcher(connect_timeout=2, idle_timeout=0.4) as one:
        yield one


async def failure(fetcher: HostFetcher, url: str, *, max_bytes: int | None = None) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        await fetcher.fetch(url, max_bytes=max_bytes)
    return caught.value


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server with one answer; yields its origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ended(index: PackageIndex) -> Request:
    """The first request of the log, when it has ended or after two seconds."""
    deadline = time.monotonic() + 2
    while (request := index.log.requests()[0]).ended is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return request


def join_downloads() -> int:
    """Wait for the threads of downloads, two seconds each, and count those that live on."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("fetch ")]
    for thread in threads:
        thread.join(2)
    return sum(thread.is_alive() for thread in threads)


def ok(handler: BaseHTTPRequestHandler, body: bytes = b"ok") -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


async def test_fetches_all_bytes(fetcher: HostFetcher, six: str) -> None:
    """A download is the file's bytes, its address and its content type."""
    fetched = await fetcher.fetch(six)
    assert (SIX.data, six, True) == (fetched.data, fetched.url, bool(fetched.content_type))


async def test_request_headers(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """A request says who asks and wants the file as it is; it carries no cookie, referrer or credentials."""
    await fetcher.fetch(six)
    headers = dict(package_index.log.requests()[0].headers)
    del headers["host"]
    assert {"user-agent": user_agent(), "accept": "*/*", "accept-encoding": "identity"} == headers


async def test_connections_are_reused(fetcher: HostFetcher) -> None:
    """Two downloads from one server share a connection."""
    peers = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = False
        peers.append(handler.client_address)
        ok(handler)

    BaseHTTPRequestHandler.protocol_version, before = "HTTP/1.1", BaseHTTPRequestHandler.protocol_version
    try:
        with serving(answer) as origin:
            await fetcher.fetch(origin)
            await fetcher.fetch(origin)
            fetcher.close()
    finally:
        BaseHTTPRequestHandler.protocol_version = before
    assert [peers[0]] * 2 == peers


async def test_many_at_a_time(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """As many downloads run at a time as are asked for."""
    package_index.latency = 0.2
    fetched = await asyncio.gather(*(fetcher.fetch(six) for _ in range(12)))
    assert ({SIX.data}, 12) == ({one.data for one in fetched}, package_index.log.peak_concurrency())


async def test_reload_passes_caches(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """With reload, a cache on the way does not answer."""
    package_index.fault("*.whl", StaleCache(b"old"))
    fetched = [(await fetcher.fetch(six)).data, (await fetcher.fetch(six, reload=True)).data]
    assert [b"old", SIX.data] == fetched


async def test_unasked_gzip_is_decoded(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """A transfer that a proxy compressed arrives as the file's own bytes."""
    package_index.fault("*.whl", GzipEncoded())
    assert SIX.data == (await fetcher.fetch(six)).data


async def test_broken_gzip(fetcher: HostFetcher) -> None:
    """A content encoding that cannot be decoded is an error of its own."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(b"this is no gzip")

    with serving(answer) as origin:
        error = await failure(fetcher, origin)
    assert (FetchError, "bad-encoding") == (type(error), error.code)


STATUSES = [
    (404, NotFoundError, "not-found"),
    (410, NotFoundError, "not-found"),
    (451, NotFoundError, "not-found"),
    (401, BlockedError, "blocked"),
    (403, BlockedError, "blocked"),
    (429, ServerError, "server-error"),
    (500, ServerError, "server-error"),
    (503, ServerError, "server-error"),
    (599, ServerError, "server-error"),
    (400, FetchError, "http-status"),
    (418, FetchError, "http-status"),
    (206, FetchError, "http-status"),
    (304, FetchError, "http-status"),
    (204, FetchError, "http-status"),
]


@pytest.mark.parametrize(("status", "kind", "code"), STATUSES)
async def test_statuses(
    fetcher: HostFetcher, package_index: PackageIndex, six: str, status: int, kind: type[FetchError], code: str
) -> None:
    """Every status but 200 has its class, code and number."""
    package_index.fault("*.whl", Status(status))
    error = await failure(fetcher, six)
    assert isinstance(error, FetchError)
    assert (kind, code, status, six) == (type(error), error.code, error.status, error.url)


FAULTS: list[tuple[Fault, type[MicropipLockError], str]] = [
    (NotFound(), NotFoundError, "not-found"),
    (Reset(), NetworkError, "network"),
    (Reset(after=0), TruncatedError, "truncated"),
    (Reset(after="half"), TruncatedError, "truncated"),
    (ContentLength(1000), TruncatedError, "truncated"),
    (EarlyEof("chunked"), TruncatedError, "truncated"),
    (Stall(), FetchTimeoutError, "timeout"),
    (Stall(after=1000), FetchTimeoutError, "timeout"),
    (Slow(200), FetchTimeoutError, "too-slow"),
    (Endless(), WheelTooLargeError, "too-large"),
    (Endless(bytes_per_second=100), FetchTimeoutError, "too-slow"),
    (Redirect(), RedirectPolicyError, "redirect-policy"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), FAULTS)
async def test_faults(
    fetcher: HostFetcher,
    package_index: PackageIndex,
    six: str,
    fault: Fault,
    kind: type[MicropipLockError],
    code: str,
) -> None:
    """Each way of a server to fail is one class and one code, in a bounded time."""
    package_index.fault("*.whl", fault)
    began = time.monotonic()
    error = await failure(fetcher, six, max_bytes=None if code == "too-slow" else 10 * len(SIX.data))
    assert (kind, code, True) == (type(error), error.code, time.monotonic() - began < 3.5)


@pytest.mark.parametrize("fault", [ContentLength(-1000), EarlyEof("chunked-complete"), EarlyEof("until-close")])
async def test_cuts_that_look_whole(fetcher: HostFetcher, package_index: PackageIndex, six: str, fault: Fault) -> None:
    """A body that is cut so that it looks whole arrives cut: its digest tells, not the transfer."""
    package_index.fault("*.whl", fault)
    data = (await fetcher.fetch(six)).data
    assert (SIX.data.startswith(data), len(data) < len(SIX.data)) == (True, True)


async def test_headers_that_drip(fetcher: HostFetcher) -> None:
    """A server that never finishes its headers is given up, though it is never silent."""
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not over.wait(0.05):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    with serving(answer) as origin, HostFetcher(connect_timeout=0.3, idle_timeout=0.3) as impatient:
        error = await failure(impatient, origin)
        over.set()
    assert (FetchTimeoutError, "too-slow") == (type(error), error.code)


async def test_size_cap(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """A file of exactly the cap is let through; one byte more is refused before its body is read."""
    size = len(SIX.data)
    exact = await fetcher.fetch(six, max_bytes=size)
    error = await failure(fetcher, six, max_bytes=size - 1)
    assert (size, "too-large", f"at most {size - 1} bytes", f"{size} bytes announced") == (
        len(exact.data),
        error.code,
        error.expected,
        error.got,
    )


async def test_cap_counts_decoded_bytes(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """The cap counts what a compressed transfer unpacks to."""
    package_index.fault("*.whl", GzipEncoded())
    assert (await failure(fetcher, six, max_bytes=len(SIX.data) - 1)).code == "too-large"


async def test_refused_connection(fetcher: HostFetcher) -> None:
    """A port where nobody listens is a NetworkError that names the host."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    error = await failure(fetcher, f"http://127.0.0.1:{port}/x")
    assert (NetworkError, "network", f"127.0.0.1:{port} cannot be reached") == (type(error), error.code, error.message)


async def test_unknown_host(fetcher: HostFetcher) -> None:
    """A name that does not resolve is a NetworkError that says so."""
    error = await failure(fetcher, "http://nobody.invalid/x")
    assert (NetworkError, "no host of the name nobody.invalid is known") == (type(error), error.message)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://index.example/x", "bad-url"),
        ("six-1.16.0.whl", "bad-url"),
        ("http:///x", "bad-url"),
        ("http://index.example:99999/", "bad-url"),
        ("http://[::1/", "bad-url"),
        ("file://elsewhere.example/x", "bad-url"),
        ("https://me:s3cret@index.example/x", "credentials"),
    ],
)
async def test_bad_addresses(fetcher: HostFetcher, url: str, code: str) -> None:
    """An address that cannot or may not be fetched is a UsageError that shows no password."""
    error = await failure(fetcher, url)
    assert (UsageError, code, False) == (type(error), error.code, "s3cret" in str(error))


@given(st.text(max_size=40).map(lambda text: "http://" + text) | st.text(max_size=40))
def test_any_redirect_is_a_value_or_our_error(location: str) -> None:
    """Whatever a Location header says, the answer is an http(s) address or a RedirectPolicyError."""
    try:
        found = follow_redirect("http://127.0.0.1/x", location)
    except RedirectPolicyError:
        found = "http://refused.invalid/"
    assert (found[:7], True) == ("http://", True) if found.startswith("http://") else found.startswith("https://")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(fetcher: HostFetcher, package_index: PackageIndex, six: str, status: int) -> None:
    """Five redirects are followed, a sixth is not, and the last address is told."""
    package_index.fault("*.whl", Redirect(status=status, times=5))
    fetched = await fetcher.fetch(six)
    package_index.fault("*.whl", Redirect(status=status, times=6))
    error = await failure(fetcher, six)
    assert (SIX.data, six, "at most 5 redirects") == (fetched.data, fetched.url, error.expected)


@pytest.mark.parametrize(
    ("url", "location", "code"),
    [
        ("https://index.example/a", "http://index.example/b", "redirect-policy"),
        ("https://index.example/a", "file:///etc/passwd", "redirect-policy"),
        ("http://index.example/a", "file:///etc/passwd", "redirect-policy"),
        ("http://index.example/a", "ftp://index.example/b", "redirect-policy"),
        ("https://index.example/a", "data:,x", "redirect-policy"),
        ("http://index.example/a", "https:///b", "redirect-policy"),
        ("https://index.example/a", "https://[::1", "redirect-policy"),
        ("https://index.example/a", "https://me:pw@index.example/b", "redirect-policy"),
        ("https://index.example/a", "https://127.0.0.1/b", "redirect-private"),
        ("https://index.example/a", "https://10.1.2.3/b", "redirect-private"),
        ("https://index.example/a", "https://169.254.169.254/latest", "redirect-private"),
        ("https://index.example/a", "https://[fe80::1]/b", "redirect-private"),
        ("https://index.example/a", "https://localhost:8000/b", "redirect-private"),
    ],
)
def test_forbidden_redirects(url: str, location: str, code: str) -> None:
    """Redirects to a less safe scheme, a local file or a private network are refused."""
    with pytest.raises(RedirectPolicyError) as caught:
        follow_redirect(url, location)
    assert code == caught.value.code


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://index.example/a/b", "../c?x=1", "https://index.example/c?x=1"),
        ("https://index.example/a", "//files.example/c", "https://files.example/c"),
        ("http://index.example/a", "https://index.example/a", "https://index.example/a"),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:2/a", "http://127.0.0.1:2/a"),
        ("https://10.0.0.1/a", "https://10.0.0.2/a", "https://10.0.0.2/a"),
    ],
)
def test_allowed_redirects(url: str, location: str, target: str) -> None:
    """Redirects within a scheme, to https:, and from private to private are followed."""
    assert target == follow_redirect(url, location)


async def test_redirect_to_a_file_reads_nothing(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """A server cannot make this machine read its own disk."""
    package_index.fault("*.whl", Redirect("file:///etc/hostname"))
    assert (await failure(fetcher, six)).code == "redirect-policy"


async def test_credentials_go_to_their_origin(package_index_factory: Callable[..., PackageIndex]) -> None:
    """Credentials are sent to the origin they were given for, and to no other."""
    index = package_index_factory(require_auth=("me", "pä:ss"))
    other = package_index_factory()
    for one in (index, other):
        one.add(SIX)
    with HostFetcher(credentials={index.origin.upper().replace("HTTP", "http") + "/": ("me", "pä:ss")}) as fetcher:
        first = await fetcher.fetch(index.file_url(SIX.filename))
        second = await fetcher.fetch(other.file_url(SIX.filename))
    sent = [request.headers.get("authorization") for request in other.log.requests()]
    assert (SIX.data, SIX.data, [None]) == (first.data, second.data, sent)


async def test_credentials_end_at_a_redirect(package_index_factory: Callable[..., PackageIndex]) -> None:
    """After a redirect to another origin nobody gets credentials any more, not even the first origin again."""
    index = package_index_factory(require_auth=("me", "pw"))
    other = package_index_factory()
    index.add(SIX)
    url = index.file_url(SIX.filename)
    index.fault("*.whl", Redirect(other.file_url(SIX.filename), times=1))
    other.fault("*.whl", Redirect(url, times=1))
    with HostFetcher(credentials={index.origin: ("me", "pw")}) as fetcher:
        error = await failure(fetcher, url)
    sent = [request.headers.get("authorization", "") != "" for request in index.log.requests() + other.log.requests()]
    assert (error.code, sent) == ("blocked", [True, False, False])


async def test_no_credentials_of_their_own(
    package_index_factory: Callable[..., PackageIndex], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .netrc of the user is not read."""
    index = package_index_factory(require_auth=("me", "pw"))
    index.add(SIX)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password pw\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with HostFetcher() as fetcher:
        error = await failure(fetcher, index.file_url(SIX.filename))
    assert (BlockedError, 401) == (type(error), getattr(error, "status", None))


async def test_signed_addresses_stay_secret(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """An error shows an address without its query, which may be a signature."""
    package_index.fault("*.whl", Status(403))
    error = await failure(fetcher, f"{six}?signature=s3cret#s3cret")
    assert (six, False) == (error.url, "s3cret" in str(error) + str(error.to_json()))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("9" * 5000, 1e12),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:30", 30.0),
        ("Wed, 21 Oct 2020 07:28:30 GMT", 0.0),
        ("Wed, 99 Oct 2026 07:28:30 GMT", None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """Retry-After is seconds or a date, and anything else is nothing."""
    assert seconds == retry_after(text, now=datetime(2026, 10, 21, 7, 28, tzinfo=UTC))


@given(st.text(max_size=60) | st.none())
def test_any_retry_after_is_a_value(text: str | None) -> None:
    """Whatever Retry-After says, the answer is nothing or a number of seconds."""
    assert (retry_after(text) or 0.0) >= 0.0


async def test_retry_after_is_told(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """A 429 with Retry-After carries the seconds."""
    package_index.fault("*.whl", Status(429, retry_after="17"))
    error = await failure(fetcher, six)
    assert (getattr(error, "retry_after", None), error.hint) == (17.0, "try again in 17 seconds")


async def test_progress(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """Progress is told in the task's own thread, grows, and never exceeds the file."""
    package_index.fault("*.whl", Slow(400_000))
    told: list[tuple[int, int]] = []
    await fetcher.fetch(six, progress=lambda received: told.append((received, threading.get_ident())))
    counts = [received for received, _ in told]
    assert (sorted(set(counts)), {threading.get_ident()}, True, True) == (
        counts,
        {thread for _, thread in told},
        len(counts) > 3,
        counts[-1] <= len(SIX.data),
    )


@pytest.mark.parametrize("fault", [Stall(), Stall(after=100), Endless(), Slow(5000)], ids=repr)
async def test_cancel(package_index: PackageIndex, six: str, fault: Fault) -> None:
    """A cancelled download returns at once, its connection is cut and its thread ends."""
    package_index.fault("*.whl", fault)
    with HostFetcher() as fetcher:
        task = asyncio.create_task(fetcher.fetch(six))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        took = time.monotonic() - began
        request = await asyncio.to_thread(ended, package_index)
        cut = time.monotonic() - began
    alive = await asyncio.to_thread(join_downloads)
    assert (took < 0.1, cut < 1, request.aborted, alive) == (True, True, True, 0)


async def test_cancel_before_an_answer() -> None:
    """A download that waits for the headers is cut too."""
    asked, gone = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        handler.connection.settimeout(5)
        if handler.connection.recv(1) == b"":
            gone.set()
        handler.close_connection = True

    with serving(answer) as origin, HostFetcher() as fetcher:
        task = asyncio.create_task(fetcher.fetch(origin))
        await asyncio.to_thread(asked.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gone.wait, 0.5)


async def test_cancel_while_connecting() -> None:
    """A download that cannot even connect does not hold up its task, nor the end of the program."""
    script = (
        "import asyncio, socket, time\n"
        "from micropip_lock.adapters import connections\n"
        "from micropip_lock.adapters.host import HostFetcher\n"
        "connections.Connections.open = lambda *a: time.sleep(60)\n"
        "async def main():\n"
        "    with HostFetcher() as fetcher:\n"
        "        try:\n"
        "            await asyncio.wait_for(fetcher.fetch('http://index.example/'), 0.1)\n"
        "        except TimeoutError:\n"
        "            print('gave up')\n"
        "asyncio.run(main())\n"
    )
    began = time.monotonic()
    result = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert (result.stdout, result.stderr, time.monotonic() - began < 10) == ("gave up\n", "", True)


async def test_cancelled_socket_is_not_reused(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """After a cancelled download the next one from the same server is whole."""
    package_index.fault("*.whl", Stall(after=100, times=1))
    task = asyncio.create_task(fetcher.fetch(six))
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait({task})
    assert SIX.data == (await fetcher.fetch(six)).data


async def test_file_url(fetcher: HostFetcher, tmp_path: Path) -> None:
    """A file: address is read from the disk, percent-encoding and all."""
    path = tmp_path / "six 100%.whl"
    path.write_bytes(SIX.data)
    told: list[int] = []
    fetched = await fetcher.fetch(path.as_uri(), max_bytes=len(SIX.data), progress=told.append)
    assert (SIX.data, path.as_uri()) == (fetched.data, fetched.url)


async def test_file_failures(fetcher: HostFetcher, tmp_path: Path) -> None:
    """A file that is missing, a directory or too large fails as its class says."""
    (tmp_path / "large").write_bytes(b"123")
    errors = [
        await failure(fetcher, (tmp_path / "missing").as_uri()),
        await failure(fetcher, tmp_path.as_uri()),
        await failure(fetcher, (tmp_path / "large").as_uri(), max_bytes=2),
        await failure(fetcher, (tmp_path / "a").as_uri() + "%00"),
    ]
    assert [NotFoundError, FetchError, WheelTooLargeError, FetchError] == [type(error) for error in errors]


async def test_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go through the configured proxy with its own credentials, but for the hosts of NO_PROXY."""
    seen: list[tuple[str, str | None, str | None]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers["Proxy-Authorization"], handler.headers["Authorization"]))
        ok(handler)

    with serving(answer) as proxy, serving(ok) as direct:
        monkeypatch.setenv("http_proxy", proxy.replace("://", "://me:p%40w@"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with HostFetcher() as fetcher:
            await fetcher.fetch("http://index.example/a")
            await fetcher.fetch(direct)
    assert seen == [("http://index.example/a", "Basic bWU6cEB3", None)]


async def test_private_redirect_over_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server's redirect into the private network is refused before anything is asked there."""
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", "http://169.254.169.254/latest/meta-data")
        handler.end_headers()

    with serving(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with HostFetcher() as fetcher:
            error = await failure(fetcher, "http://index.example/a")
    assert (error.code, asked) == ("redirect-private", ["http://index.example/a"])


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
async def test_bad_proxy(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A proxy that does not answer, or of a kind we do not speak to, is told as the proxy's fault."""
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with HostFetcher() as fetcher:
        error = await failure(fetcher, "https://index.example/a")
    assert (NetworkError, "proxy") == (type(error), error.code)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1, and the server context that uses it."""
    directory = tmp_path_factory.mktemp("certificate")
    key, cert = directory / "key.pem", directory / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=index.example"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=digitalSignature,keyCertSign"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_untrusted_certificate(fetcher: HostFetcher, certificate: tuple[Path, ssl.SSLContext]) -> None:
    """A certificate nobody vouches for is a TLS error with a hint on what to set."""
    with serving(ok, certificate[1]) as origin:
        error = await failure(fetcher, origin)
    assert (NetworkError, "tls", True) == (type(error), error.code, "SSL_CERT_FILE" in error.hint)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"])
async def test_trusted_certificate(
    monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, ssl.SSLContext], variable: str
) -> None:
    """The system's variable, pip's setting and its HTTP library's variable all name certificates to trust."""
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv(variable, str(certificate[0]))
    with serving(ok, certificate[1]) as origin, HostFetcher() as fetcher:
        assert (await fetcher.fetch(origin)).data == b"ok"


async def test_cancel_over_tls(certificate: tuple[Path, ssl.SSLContext]) -> None:
    """A cancelled TLS download ends its thread at once."""
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"x")
        over.wait(5)

    with serving(answer, certificate[1]) as origin, HostFetcher(ca_bundle=certificate[0]) as fetcher:
        task = asyncio.create_task(fetcher.fetch(origin))
        await asyncio.sleep(0.3)
        task.cancel()
        began = time.monotonic()
        await asyncio.wait({task})
        await asyncio.to_thread(join_downloads)
        took = time.monotonic() - began
        over.set()
    assert took < 0.5


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_bad_ca_bundle(tmp_path: Path, content: bytes | None) -> None:
    """Certificates that are missing or broken are a UsageError that names the file."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        HostFetcher(ca_bundle=path)
    assert ("bad-ca-bundle", str(path)) == (caught.value.code, caught.value.where)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://Index.Example:443/simple?x#y", "https://index.example"),
        ("http://u:p@index.example:8080", "http://index.example:8080"),
        ("http://[::1]:80/", "http://[::1]"),
        ("https://index.example:80/", "https://index.example:80"),
    ],
)
def test_origin(url: str, origin: str) -> None:
    """An origin has one spelling."""
    assert origin == origin_of(url)


def test_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache's place can be chosen; both directories bear this program's name otherwise."""
    monkeypatch.delenv("MICROPIP_LOCK_CACHE", raising=False)
    names = [cache_dir().name, data_dir().name]
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path))
    assert (["micropip-lock"] * 2, tmp_path) == (names, cache_dir())
