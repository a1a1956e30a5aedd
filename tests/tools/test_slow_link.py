"""Tests of :mod:`tools.slow_link`: what is measured through it can be believed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.request import ProxyHandler, build_opener

from micropip_lock.testing import PackageIndex, wheel
from tools.slow_link import SlowLink

BUILT = wheel("demo", files={"data.bin": bytes(200_000)})


def timed(url: str) -> tuple[bytes, float]:
    began = time.perf_counter()
    # No proxy of this machine between the two.
    with build_opener(ProxyHandler({})).open(url, timeout=20) as answer:
        return answer.read(), time.perf_counter() - began


def test_delay_bandwidth_and_count(package_index: PackageIndex) -> None:
    """Bytes arrive unchanged and counted, no sooner than two round trips and their own length of time allow."""
    path = f"/files/{package_index.add(BUILT).filename}"
    with SlowLink(package_index.origin, round_trip=0.1, megabits=4.0) as link:
        data, seconds = timed(link.origin + path)
        received = link.received
    assert seconds >= 0.2 + 8 * len(data) / 4e6
    assert 0 < received - BUILT.size < 1500
    assert BUILT.data == data


def test_bandwidth_is_shared(package_index: PackageIndex) -> None:
    """Two downloads at once take as long as one after the other."""
    path = f"/files/{package_index.add(BUILT).filename}"
    with SlowLink(package_index.origin, round_trip=0.0, megabits=8.0) as link, ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        got = [data for data, _ in pool.map(timed, [link.origin + path] * 2)]
        seconds = time.perf_counter() - began
    assert seconds >= 8 * 2 * BUILT.size / 8e6
    assert [BUILT.data] * 2 == got
