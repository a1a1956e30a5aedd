"""Tests of :mod:`bench.remote`: what the page is asked, what it answers, and what happens when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from bench.node import SampleError
from bench.remote import Remote


def ask(address: str, answer: dict[str, Any] | None = None) -> Any:
    data = None if answer is None else json.dumps(answer).encode()
    # No proxy of this machine between the two.
    with build_opener(ProxyHandler({})).open(Request(address, data=data), timeout=20) as got:
        assert "*" == got.headers["Access-Control-Allow-Origin"]
        text = got.read()
    return json.loads(text) if text else None


def page(address: str, answers: list[dict[str, Any]]) -> list[Any]:
    """A page that gives these answers; what it was asked, until nothing is left to do or nobody is there."""
    asked = []
    with contextlib.suppress(OSError):
        while (order := ask(address)) is not None:
            asked.append(order)
            ask(address, answers[len(asked) - 1])
    return asked


async def test_a_page_is_asked_in_turn() -> None:
    """It learns name and argument, its value comes back, and its error is raised."""
    with Remote().serving() as remote:
        asked = asyncio.create_task(asyncio.to_thread(page, remote.address, [{"value": 7}, {}, {"error": "no\nwheel"}]))
        assert (7, None) == (await remote.call("phase", "boot"), await remote.call("heap", None))
        with pytest.raises(SampleError, match="no\nwheel"):
            await remote.call("phase", "install")
    assert [("phase", "boot"), ("heap", None), ("phase", "install")] == [
        (one["name"], one["argument"]) for one in await asked
    ]


async def test_a_browser_that_ended() -> None:
    """Nobody waits for its answer."""
    began = time.monotonic()
    with Remote().serving() as remote, pytest.raises(SampleError, match="the browser ended"):
        await remote.call("phase", "boot", lives=lambda: False)
    assert time.monotonic() - began < 30


async def test_a_page_that_waits_is_told_to_stop() -> None:
    """When it is over, nothing is left to do."""
    with Remote().serving() as remote:
        asked = asyncio.create_task(asyncio.to_thread(page, remote.address, []))
        await asyncio.sleep(0.2)
    assert [] == await asked
