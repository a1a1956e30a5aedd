"""Wheels of a boot from a lock are asked for from a worker of their own in Chromium: they arrive at any time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import pytest

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Wheel
from micropip_lock.testing import PackageIndex, Status, wheel
from micropip_lock.testing.answers import Answer, plain
from micropip_lock.testing.exchange import Exchange
from micropip_lock.testing.faults import Fault
from tests.app.replaying import lock_of, locked
from tests.e2e.chromium import PLACES, Place, Web
from tests.e2e.test_browser_boot import DATA, open_context, open_page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BUILT = tuple(wheel(f"alpha{number}", files={f"alpha{number}.py": f"VALUE = {number}\n"}) for number in range(9))
USE = f"import {', '.join(f'alpha{number}' for number in range(9))}; answer = alpha8.VALUE"

type Booted = tuple[dict[str, Any], Callable[[str], Any]]


@dataclass(frozen=True, slots=True)
class Counted(Fault):
    """Answers with how many wheels were asked for until now, and has those arrive from now on."""

    files: PackageIndex
    gate: threading.Event

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        return True

    def play(self, exchange: Exchange) -> Answer | None:
        self.gate.set()
        return plain(200, str(self.files.log.count("*.whl")))


@dataclass(frozen=True, slots=True)
class Gated(Fault):
    """No answer before the gate is open."""

    gate: threading.Event

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        return True

    def play(self, exchange: Exchange) -> Answer | None:
        while not self.gate.is_set():
            exchange.wait(0.02)
        return exchange.right()


@contextlib.asynccontextmanager
async def _booted(web: Web, place: Place, files: PackageIndex, **asked: Any) -> AsyncIterator[Booted]:
    for one in BUILT:
        files.add(one)
    places = [Wheel(url=files.file_url(one.filename), digest=Digest.of(one.data), size=one.size) for one in BUILT]
    lock = lock_of(*(locked(one, wheel=where, origin=None) for one, where in zip(BUILT, places, strict=True)))
    async with open_context(web) as context:
        page = await open_page(context, web, place)
        directory = urljoin(web.pages[place], "/pyodide/")
        options = {"boot": f"{files.mount('/data/', DATA)}boot.js", "directory": directory, "lock": lock.to_json()}
        told = await page.evaluate("options => kernel.bootFromLock(options)", {**options, "aside": True, **asked})
        yield told, lambda code: page.evaluate("code => kernel.ask(code)", code)


@pytest.mark.parametrize("place", PLACES)
async def test_while_the_runtime_takes_the_thread(web: Web, place: Place) -> None:
    """All wheels are asked for, more than at a time, while the thread that boots takes nothing in."""
    gate = threading.Event()
    # Another origin: a browser has so many connections to each.
    with PackageIndex() as files, PackageIndex() as other:
        files.fault("*.whl", Gated(gate))
        other.fault("/count", Counted(files, gate))
        hold = {"address": urljoin(other.file_url("x"), "/count"), "until": len(BUILT)}
        async with _booted(web, place, files, hold=hold) as (told, ask):
            assert ["held 9"] == [one for one in told["happened"] if one.startswith("held")]
            assert (8, 6) == (await ask(USE), files.log.peak_concurrency("*.whl"))


@pytest.mark.parametrize("how", ["throws", "fails"])
async def test_without_such_a_worker(web: Web, how: str) -> None:
    """Where a page may have no worker the wheels are asked for in place, each once."""
    with PackageIndex() as files:
        async with _booted(web, "page", files, worker=how) as (told, ask):
            assert "done" in told["happened"]
            assert (8, len(BUILT)) == (await ask(USE), files.log.count("*.whl", method="GET"))


async def test_what_a_server_refuses(web: Web) -> None:
    """An answer that says no is the same failure as in place, and nothing is installed."""
    with PackageIndex() as files:
        files.fault("*alpha3*.whl", Status(404))
        async with _booted(web, "worker", files) as (told, _):
            assert ("not-found", False) == (told["code"], "mount" in told["happened"])


async def test_stopped(web: Web) -> None:
    """An abort is told as one, and nothing is installed."""
    with PackageIndex() as files:
        async with _booted(web, "worker", files, abortAfter="fetch") as (told, _):
            assert ("cancelled", False) == (told["code"], "mount" in told["happened"])
