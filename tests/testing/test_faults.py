"""Every fault does on the wire what its name says, once or as often as told, and then the index is right again."""

from __future__ import annotations

import gzip
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from micropip_lock.errors import UsageError
from micropip_lock.testing import (
    BuiltWheel,
    ContentLength,
    CorsOff,
    Delay,
    EarlyEof,
    Endless,
    Fault,
    GzipEncoded,
    Html,
    NotFound,
    PackageIndex,
    RandomFailure,
    Redirect,
    Reset,
    Slow,
    StaleCache,
    Stall,
    Status,
    WrongBytes,
    WrongOffset,
    wheel,
)

type Ask = Callable[..., Any]

SIX = wheel("six", "1.16.0", files={"six.py": b"x = 1\n" * 400})


@pytest.fixture
def index(package_index: PackageIndex) -> Iterator[PackageIndex]:
    """An index with six, all of whose scripted faults must happen."""
    package_index.add(SIX)
    yield package_index
    assert package_index.unused_faults() == []


def url(index: PackageIndex, built: BuiltWheel = SIX) -> str:
    return index.file_url(built.filename)


def raw(index: PackageIndex, method: str = "GET") -> bytes:
    """Everything the server sends until it closes the connection."""
    host, port = index.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"{method} /files/{SIX.filename} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def test_status_with_retry_after(index: PackageIndex, ask: Ask) -> None:
    """The status comes as often as told, with its Retry-After and with CORS headers; then the file."""
    index.fault("*.whl", Status(503, times=2, retry_after="1"))
    replies = [ask(url(index)) for _ in range(3)]
    expected = [(503, "1", "*"), (503, "1", "*"), (200, None, "*")]
    assert expected == [
        (reply.status, reply.headers["Retry-After"], reply.headers["Access-Control-Allow-Origin"]) for reply in replies
    ]


def test_a_status_nobody_knows(index: PackageIndex, ask: Ask) -> None:
    """Any number can be sent as a status."""
    index.fault("*.whl", Status(599))
    assert ask(url(index)).status == 599


def test_not_found(index: PackageIndex, ask: Ask) -> None:
    """The file is gone, once."""
    index.fault("*.whl", NotFound(times=1))
    assert [ask(url(index)).status for _ in range(2)] == [404, 200]


def test_delay(index: PackageIndex, ask: Ask) -> None:
    """The right answer comes late."""
    index.fault("*.whl", Delay(0.2, times=1))
    started = time.monotonic()
    reply = ask(url(index))
    assert SIX.data == reply.body
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("after", [0, 100])
def test_stall(index: PackageIndex, after: int) -> None:
    """Headers and the first bytes come, then silence on an open connection."""
    index.fault("*.whl", Stall(after=after, times=1))
    connection = http.client.HTTPConnection(index.origin.removeprefix("http://"), timeout=0.3)
    connection.request("GET", f"/files/{SIX.filename}")
    response = connection.getresponse()
    assert (200, str(SIX.size)) == (response.status, response.headers["Content-Length"])
    assert SIX.data[:after] == (response.read(after) if after else b"")
    with pytest.raises(TimeoutError):
        response.read(1)
    connection.close()


def test_slow(index: PackageIndex, ask: Ask) -> None:
    """The right bytes drip at the given rate."""
    index.fault("*.whl", Slow(SIX.size / 0.5, times=1))
    started = time.monotonic()
    reply = ask(url(index))
    took = time.monotonic() - started
    assert SIX.data == reply.body
    assert 0.4 < took < 3


def test_reset_before_headers(index: PackageIndex, ask: Ask) -> None:
    """The connection is reset instead of answered; the log has no status for it."""
    index.fault("*.whl", Reset(times=1))
    with pytest.raises(ConnectionResetError):
        ask(url(index))
    statuses = [ask(url(index)).status, *[request.status for request in index.log]]
    assert statuses == [200, None, 200]


@pytest.mark.parametrize("after", ["half", 10])
def test_reset_mid_body(index: PackageIndex, after: Any) -> None:
    """Headers and a part of the body arrive, then a reset: not an orderly end."""
    index.fault("*.whl", Reset(after=after, times=1))
    connection = http.client.HTTPConnection(index.origin.removeprefix("http://"), timeout=5)
    connection.request("GET", f"/files/{SIX.filename}")
    response = connection.getresponse()
    with pytest.raises(ConnectionResetError):
        response.read()
    connection.close()
    expected = SIX.size // 2 if after == "half" else after
    assert (str(SIX.size), expected) == (response.headers["Content-Length"], index.log.requests()[0].bytes_sent)


def test_content_length_longer_than_the_body(index: PackageIndex, ask: Ask) -> None:
    """All bytes arrive, but fewer than announced."""
    index.fault("*.whl", ContentLength(+7, times=1))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(url(index))
    assert (SIX.data, 7) == (caught.value.partial, caught.value.expected)


def test_content_length_shorter_than_the_body(index: PackageIndex, ask: Ask) -> None:
    """The body is cut where the header says it ends, which no client can notice."""
    index.fault("*.whl", ContentLength(-7, times=1))
    assert SIX.data[:-7] == ask(url(index)).body


def test_chunked_early_eof(index: PackageIndex, ask: Ask) -> None:
    """Half of a chunked body arrives without its last chunk."""
    index.fault("*.whl", EarlyEof(times=1))
    with pytest.raises(http.client.IncompleteRead):
        ask(url(index))
    head, _, body = raw(index_with(index, EarlyEof(times=1))).partition(b"\r\n\r\n")
    half = SIX.data[: SIX.size // 2]
    assert b"Transfer-Encoding: chunked" in head
    assert b"%x\r\n%s\r\n" % (len(half), half) == body


@pytest.mark.parametrize("framing", ["chunked-complete", "until-close"])
def test_early_eof_that_cannot_be_noticed(index: PackageIndex, ask: Ask, framing: Any) -> None:
    """Half of the body arrives, and its framing says that this was all."""
    index.fault("*.whl", EarlyEof(framing, times=1))
    reply = ask(url(index))
    assert (SIX.data[: SIX.size // 2], None) == (reply.body, reply.headers["Content-Length"])


@pytest.mark.parametrize("rate", [None, 2_000_000])
def test_endless(index: PackageIndex, rate: float | None) -> None:
    """After the right body come zeros without end, until the client hangs up."""
    index.fault("*.whl", Endless(bytes_per_second=rate, times=1))
    connection = http.client.HTTPConnection(index.origin.removeprefix("http://"), timeout=5)
    connection.request("GET", f"/files/{SIX.filename}")
    received = connection.getresponse().read(SIX.size + 500_000)
    connection.close()
    assert SIX.data + bytes(500_000) == received
    assert index.log.wait_until_quiet()[0].aborted


def test_wrong_bytes(index: PackageIndex, ask: Ask) -> None:
    """One byte differs; length and headers do not."""
    index.fault("*.whl", WrongBytes(times=1), WrongBytes(at=0, times=1))
    middle, first, right = (ask(url(index)) for _ in range(3))
    differing = [
        [position for position, pair in enumerate(zip(SIX.data, reply.body, strict=True)) if pair[0] != pair[1]]
        for reply in (middle, first, right)
    ]
    assert ([[SIX.size // 2], [0], []], right.headers["ETag"]) == (differing, middle.headers["ETag"])


def test_html(index: PackageIndex, ask: Ask) -> None:
    """A login page comes with status 200 under the wheel's address."""
    index.fault("*.whl", Html(times=1))
    reply = ask(url(index))
    assert (
        reply.status,
        reply.headers["Content-Type"],
        reply.body[:15],
    ) == (200, "text/html; charset=utf-8", b"<!DOCTYPE html>")


def test_gzip_encoded(index: PackageIndex, ask: Ask) -> None:
    """The transfer is compressed and says so; decoded, it is the file, even if a range was asked for."""
    index.fault("*.whl", GzipEncoded(times=2))
    replies = [ask(url(index)), ask(url(index), Range="bytes=0-9")]
    expected = [(200, "gzip", SIX.data)] * 2
    assert expected == [
        (reply.status, reply.headers["Content-Encoding"], gzip.decompress(reply.body)) for reply in replies
    ]


def test_redirect_to_another_origin(index: PackageIndex, ask: Ask) -> None:
    """The same path on another host is one placeholder away, percent-encoded."""
    index.fault("/files/*", Redirect("http://files.example{path}?x=1", status=307, times=1))
    reply = ask(f"{index.origin}/files/a%2Bb.whl")
    assert (reply.status, reply.headers["Location"]) == (307, "http://files.example/files/a%2Bb.whl?x=1")


def test_redirect_loop(index: PackageIndex, ask: Ask) -> None:
    """Without an address, a path redirects to itself, so many times or for ever."""
    index.fault("*.whl", Redirect(times=3))
    replies = [ask(url(index)) for _ in range(4)]
    assert [reply.status for reply in replies] == [302, 302, 302, 200]
    assert f"/files/{SIX.filename}" == replies[0].headers["Location"]


def test_stale_cache(index: PackageIndex, ask: Ask) -> None:
    """Old bytes come, cacheable for a year, until the client asks to go past the cache."""
    index.fault("*.whl", StaleCache(b"old"))
    replies = [ask(url(index)), ask(url(index), Cache_Control="no-cache"), ask(url(index), Pragma="no-cache")]
    assert [b"old", SIX.data, SIX.data] == [reply.body for reply in replies]
    assert replies[0].headers["Cache-Control"] == "max-age=31536000"


def test_stale_cache_once(index: PackageIndex, ask: Ask) -> None:
    """With times, the cache recovers by itself."""
    index.fault("*.whl", StaleCache(b"old", times=1))
    assert [b"old", SIX.data] == [ask(url(index)).body for _ in range(2)]


def test_wrong_offset(index: PackageIndex, ask: Ask) -> None:
    """A resumed download continues somewhere else; whole downloads pass and use nothing up."""
    index.fault("*.whl", WrongOffset(by=5, times=1))
    whole, part, right = ask(url(index)), ask(url(index), Range="bytes=100-"), ask(url(index), Range="bytes=100-")
    assert (SIX.data, SIX.data[105:], SIX.data[100:]) == (whole.body, part.body, right.body)
    assert f"bytes 105-{SIX.size - 1}/{SIX.size}" == part.headers["Content-Range"]


def test_cors_off(index: PackageIndex, ask: Ask) -> None:
    """The right answer lacks every CORS header, and preflights are refused."""
    index.fault("*.whl", CorsOff(times=2))
    replies = [ask(url(index)), ask(url(index), "OPTIONS"), ask(url(index))]
    cors = [
        [name for name in reply.headers if name.lower().startswith(("access-control", "cross-"))] for reply in replies
    ]
    assert ([reply.status for reply in replies], cors[0], cors[1], bool(cors[2])) == ([200, 405, 200], [], [], True)
    assert SIX.data == replies[0].body


def test_preflights_use_no_other_fault(index: PackageIndex, ask: Ask) -> None:
    """A fault is for the request, not for the preflight that comes before it."""
    index.fault("*.whl", Status(503, times=1))
    statuses = [ask(url(index), "OPTIONS", Origin="https://lab.example").status, ask(url(index)).status]
    assert statuses == [204, 503]


def test_random_failure_is_repeatable(package_index_factory: Callable[..., PackageIndex], ask: Ask) -> None:
    """Equal seeds fail equal requests, whatever the port; another seed fails others; the share is about the rate."""
    outcomes = []
    for seed in (1, 1, 2):
        index = package_index_factory()
        index.fault("*", RandomFailure(0.3, seed))
        outcomes.append([ask(f"{index.origin}/{number}").status for number in range(200)])
    assert outcomes[0] == outcomes[1]
    assert outcomes[0] != outcomes[2]
    assert 40 <= outcomes[0].count(503) <= 80


def test_random_failure_lets_a_retry_through(index: PackageIndex, ask: Ask) -> None:
    """Each attempt draws anew, so that what failed once succeeds in the end."""
    index.fault("*.whl", RandomFailure(0.5, 7, fault=NotFound()))
    statuses = [ask(url(index)).status for _ in range(20)]
    assert {200, 404} == set(statuses)


def test_a_rate_beyond_one_is_refused() -> None:
    """A rate is a share."""
    with pytest.raises(UsageError, match="a rate is a share"):
        RandomFailure(30)


@pytest.mark.parametrize(
    "fault",
    [
        Stall(times=1),
        Slow(1, times=1),
        Endless(times=1),
        ContentLength(5, times=1),
        EarlyEof(times=1),
        Reset(after=5, times=1),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_head_requests_never_get_a_body(index: PackageIndex, fault: Fault) -> None:
    """Whatever the fault, an answer to HEAD ends with its headers."""
    index.fault("*.whl", fault)
    host, port = index.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"HEAD /files/{SIX.filename} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = connection.recv(65536)
    assert (received[:12], received.partition(b"\r\n\r\n")[2]) == (b"HTTP/1.1 200", b"")


def index_with(index: PackageIndex, *faults: Fault) -> PackageIndex:
    """The index, after these faults were scripted for wheels."""
    index.fault("*.whl", *faults)
    return index
