"""Tests of :mod:`micropip_lock.adapters.host` and the bodies it reads, against real servers on this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from micropip_lock.adapters.host import HostFetcher, cache_dir, origin_of, user_agent
from micropip_lock.core.policy import Policy
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    FetchTimeoutError,
    MicropipLockError,
    NetworkError,
    NotFoundError,
    RedirectPolicyError,
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
)
from micropip_lock.testing.faults import Fault
from tests.adapters.servers import SIX, failure, serving


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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(fetcher: HostFetcher, package_index: PackageIndex, six: str, status: int) -> None:
    """Five redirects are followed, a sixth is not, and the last address is told."""
    package_index.fault("*.whl", Redirect(status=status, times=5))
    fetched = await fetcher.fetch(six)
    package_index.fault("*.whl", Redirect(status=status, times=6))
    error = await failure(fetcher, six)
    assert (SIX.data, six, "at most 5 redirects") == (fetched.data, fetched.url, error.expected)


@pytest.mark.parametrize("limit", [1, 7])
async def test_the_policy_limits_redirects(package_index: PackageIndex, six: str, limit: int) -> None:
    """As many redirects as the policy allows are followed, and not one more."""
    package_index.fault("*.whl", Redirect(times=limit))
    with HostFetcher(policy=Policy(max_redirects=limit)) as fetcher:
        fetched = await fetcher.fetch(six)
        package_index.fault("*.whl", Redirect(times=limit + 1))
        error = await failure(fetcher, six)
    assert (SIX.data, f"at most {limit} redirects") == (fetched.data, error.expected)


async def test_redirect_to_a_host_that_is_not_listed(package_index: PackageIndex, six: str) -> None:
    """A redirect to a host that is not on the policy's list is not followed."""
    package_index.fault("*.whl", Redirect(six.replace("127.0.0.1", "localhost")))
    with HostFetcher(policy=Policy(allow_hosts=("127.0.0.1",))) as fetcher:
        error = await failure(fetcher, six)
    assert ("redirect-policy", "127.0.0.1", 1) == (error.code, error.expected, len(package_index.log.requests()))


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
    """The cache's place can be chosen; its directory bears this program's name otherwise."""
    monkeypatch.delenv("MICROPIP_LOCK_CACHE", raising=False)
    name = cache_dir().name
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path))
    assert ("micropip-lock", tmp_path) == (name, cache_dir())
