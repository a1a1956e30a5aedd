"""The log tells what was asked, when, and how much at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from micropip_lock.testing import PackageIndex, Request, RequestLog, Stall, Status, wheel


def test_a_request_is_finished_when_its_client_has_read_it(
    package_index: PackageIndex, ask: Callable[..., Any]
) -> None:
    """Whoever has read an answer finds its whole entry in the log."""
    built = package_index.add(wheel("six"))
    reply = ask(package_index.file_url(built.filename) + "?v=1%202", X_Asked="yes")
    request = package_index.log.requests()[0]
    expected = (
        "GET",
        package_index.origin,
        f"/files/{built.filename}",
        "v=1%202",
        "yes",
        200,
        len(reply.body),
        1,
        False,
    )
    assert expected == (
        request.method,
        request.origin,
        request.path,
        request.query,
        request.headers["x-asked"],
        request.status,
        request.bytes_sent,
        request.concurrency,
        request.aborted,
    )
    assert request.seconds is not None
    assert 0 <= request.seconds < 5


def test_filters(package_index: PackageIndex, ask: Callable[..., Any]) -> None:
    """Paths are selected by glob, method and status, in the order they were asked."""
    package_index.add(wheel("b"))
    package_index.add(wheel("a"))
    for name, method in (("b", "GET"), ("a", "HEAD"), ("zzz", "GET")):
        ask(f"{package_index.url}/{name}/", method)
    log = package_index.log
    expected = (["/simple/b/", "/simple/a/", "/simple/zzz/"], ["/simple/a/"], ["/simple/zzz/"], 1, 3)
    assert expected == (
        log.paths("/simple/*"),
        log.paths(method="HEAD"),
        log.paths(status=404),
        log.count("/simple/a*"),
        len(log),
    )


def test_clear(package_index: PackageIndex, ask: Callable[..., Any]) -> None:
    """After clear, only later requests are listed."""
    ask(f"{package_index.url}/")
    package_index.log.clear()
    ask(f"{package_index.url}/later/")
    assert [request.path for request in package_index.log] == ["/simple/later/"]


def test_one_after_another_is_never_concurrent(package_index: PackageIndex, ask: Callable[..., Any]) -> None:
    """A client that waits for each answer is never seen twice at once, on however many connections."""
    package_index.add(wheel("six", files={"six.py": b"x" * 600_000}))
    for _ in range(100):
        ask(package_index.file_url("six-1.0-py3-none-any.whl"))
    assert package_index.log.peak_concurrency() == 1


def test_peak_concurrency(package_index: PackageIndex, ask: Callable[..., Any]) -> None:
    """Requests held open together are counted together, and only those that match."""
    package_index.latency = 0.3
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(ask, [f"{package_index.url}/{name}/" for name in "abcd"] + [f"{package_index.origin}/other"]))
    log = package_index.log
    assert (log.peak_concurrency(), log.peak_concurrency("/simple/*"), log.peak_concurrency("/nothing")) == (5, 4, 0)
    assert max(request.concurrency for request in log) == 5


def test_peak_concurrency_of_known_intervals() -> None:
    """An answer that ends at the instant another starts does not overlap it."""
    log = RequestLog()
    first = log.begin(Request(method="GET", origin="", path="/1"))
    second = log.begin(Request(method="GET", origin="", path="/2"))
    first.finish()
    third = log.begin(Request(method="GET", origin="", path="/3"))
    second.finish()
    third.finish()
    assert (log.peak_concurrency(), [request.concurrency for request in log]) == (2, [1, 2, 2])


def test_a_client_that_hangs_up_is_noticed(package_index: PackageIndex, ask: Callable[..., Any]) -> None:
    """A stalled request whose client gave up ends as aborted, without waiting for the index to close."""
    package_index.add(wheel("six"))
    package_index.fault("*.whl", Stall())
    with pytest.raises(TimeoutError):
        ask(package_index.file_url("six-1.0-py3-none-any.whl"), timeout=0.2)
    [request] = package_index.log.wait_until_quiet(timeout=5)
    assert (request.aborted, request.status, request.bytes_sent) == (True, 200, 0)


def test_wait_for(package_index: PackageIndex, ask: Callable[..., Any]) -> None:
    """A test can wait until a request has arrived, even one that is never answered."""
    package_index.fault("*", Stall())

    def give_up() -> None:
        with contextlib.suppress(OSError):
            ask(f"{package_index.url}/six/", timeout=1)

    thread = threading.Thread(target=give_up)
    thread.start()
    [request] = package_index.log.wait_for("/simple/six/", timeout=5)
    assert request.ended is None
    with pytest.raises(TimeoutError, match="/simple/six/"):
        package_index.log.wait_until_quiet(timeout=0.05)
    with pytest.raises(TimeoutError, match="expected 2 requests"):
        package_index.log.wait_for("*", count=2, timeout=0.05)
    thread.join()


def test_nothing_is_written_to_stderr(
    package_index: PackageIndex, ask: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """Requests, refusals and hang-ups leave stdout and stderr empty."""
    package_index.fault("/simple/a/", Status(500))
    package_index.fault("/simple/b/", Stall())
    for name in ("a", "missing"):
        ask(f"{package_index.url}/{name}/")
    with pytest.raises(TimeoutError):
        ask(f"{package_index.url}/b/", timeout=0.1)
    ask(package_index.url, "BREW")
    package_index.log.wait_until_quiet()
    assert capfd.readouterr() == ("", "")


def test_repr_lists_the_requests(package_index: PackageIndex, ask: Callable[..., Any]) -> None:
    """A failing assertion about the log shows what was asked."""
    ask(f"{package_index.url}/six/", Connection="close")
    assert f"GET {package_index.url}/six/ 404" in repr(package_index.log)
