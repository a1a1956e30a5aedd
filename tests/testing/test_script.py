"""Faults take turns in order, are counted exactly, and tell when they did not happen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from micropip_lock.errors import UsageError
from micropip_lock.testing import Html, NotFound, PackageIndex, Status, WrongOffset, wheel

type Ask = Callable[..., Any]


def statuses(index: PackageIndex, ask: Ask, *paths: str, **headers: str) -> list[int]:
    return [ask(index.origin + path, **headers).status for path in paths]


def test_faults_take_turns_in_order(package_index: PackageIndex, ask: Ask) -> None:
    """The first fault happens as often as told, then the second, then the right answer."""
    package_index.fault("/simple/", Status(503, times=2), Status(429, times=1))
    assert statuses(package_index, ask, *["/simple/"] * 5) == [503, 503, 429, 200, 200]


def test_rules_are_tried_in_the_order_they_were_added(package_index: PackageIndex, ask: Ask) -> None:
    """A used-up rule makes way for the next one."""
    package_index.fault("/simple/*", Status(500, times=1))
    package_index.fault("*", Status(501, times=1))
    assert statuses(package_index, ask, *["/simple/"] * 3) == [500, 501, 200]


def test_a_rule_counts_for_all_paths_together(package_index: PackageIndex, ask: Ask) -> None:
    """Without each, one failure is one failure, whatever path it hits."""
    package_index.fault("*", Status(503, times=1))
    assert statuses(package_index, ask, "/a", "/b", "/a") == [503, 404, 404]


def test_each_path_on_its_own(package_index: PackageIndex, ask: Ask) -> None:
    """With each, every path fails once."""
    package_index.fault("*", Status(503, times=1), each=True)
    assert statuses(package_index, ask, "/a", "/b", "/a", "/b") == [503, 503, 404, 404]


def test_a_path_is_matched_decoded_and_without_its_query(package_index: PackageIndex, ask: Ask) -> None:
    """Globs are written the way people read paths."""
    package_index.fault("/files/a+b.whl", Status(503))
    assert statuses(package_index, ask, "/files/a%2Bb.whl?x=1", "/files/ab.whl") == [503, 404]


def test_a_fault_that_lets_a_request_pass_keeps_its_turn(package_index: PackageIndex, ask: Ask) -> None:
    """A fault for ranges waits for one; the fault after it does not overtake."""
    built = package_index.add(wheel("six"))
    package_index.fault("*.whl", WrongOffset(times=1), Status(503, times=1))
    url = package_index.file_url(built.filename)
    got = [ask(url).status, ask(url, Range="bytes=0-").headers["Content-Range"], ask(url).status]
    assert [200, f"bytes 1-{built.size - 1}/{built.size}", 503] == got


def test_counts_are_exact_under_concurrency(package_index: PackageIndex, ask: Ask) -> None:
    """Exactly so many requests fail, however many arrive at once."""
    package_index.fault("/simple/", Status(503, times=7))
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: ask(f"{package_index.url}/").status, range(40)))
    assert (got.count(503), got.count(200)) == (7, 33)


def test_unused_faults(package_index: PackageIndex, ask: Ask) -> None:
    """Faults that did not happen, or not often enough, are listed with their patterns."""
    never, partly, always, done = NotFound(times=1), Status(503, times=2), Html(), Status(429, times=1)
    package_index.fault("/typing-error/", never)
    package_index.fault("/a", partly)
    package_index.fault("/b", always)
    package_index.fault("/c", done)
    statuses(package_index, ask, "/a", "/b", "/c")
    assert [("/typing-error/", never), ("/a", partly)] == package_index.unused_faults()


@pytest.mark.parametrize("faults", [(), (Status(503, times=0),), (Status(503, times=-1),)])
def test_faults_that_cannot_happen_are_refused(package_index: PackageIndex, faults: tuple[Status, ...]) -> None:
    """A rule without a fault, or a fault that happens less than once, is a mistake in the test."""
    with pytest.raises(UsageError) as caught:
        package_index.fault("*.whl", *faults)
    assert caught.value.where == "fault('*.whl')"
