"""Two who ask for one replay share it; what one of them does is nothing to the other."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.site import SiteInstaller
from micropip_lock.app.replay import ReplayReport
from micropip_lock.core.policy import Policy
from micropip_lock.errors import BusyError, NotFoundError, ReplayCancelled, StorageError
from micropip_lock.ports import ProgressEvent
from micropip_lock.testing import wheel
from tests.app.replaying import ALL, NAMES, WHEELS, Network, failing, lock_of, run, snapshot


class Together:
    """Replays into one place, held at the network until they are let go."""

    def __init__(self, site: Path, **script: Any) -> None:
        self.site = site
        self.gate = asyncio.Event()
        self.network = Network(hold=self._wait, **script)
        self.installer = SiteInstaller(site)

    async def _wait(self, name: str) -> None:
        await self.gate.wait()

    async def begin(self, progress: Callable[[ProgressEvent], None] | None = None) -> asyncio.Task[ReplayReport]:
        task = asyncio.create_task(run(self.site, ALL, self.network, installer=self.installer, progress=progress))
        # Long enough for all that can go on to wait at the gate.
        for _ in range(10):
            await asyncio.sleep(0)
        return task


def at_rest() -> bool:
    """No task is left but the test's own."""
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_both_get_the_report_and_the_progress(tmp_path: Path) -> None:
    """A second replay of the same lock asks for nothing, and gets the same report and every event from then on."""
    both = Together(tmp_path / "site")
    told: tuple[list[ProgressEvent], list[ProgressEvent]] = ([], [])
    first = await both.begin(told[0].append)
    already = len(told[0])
    second = await both.begin(told[1].append)
    both.gate.set()
    reports = await asyncio.gather(first, second)
    assert (True, True, len(NAMES), True) == (
        reports[0] is reports[1],
        already > 0 and told[0][already:] == told[1] and told[1][-1].stage == "done",
        len(both.network.asked),
        at_rest(),
    )


@pytest.mark.parametrize("leaver", [0, 1])
async def test_one_leaves(tmp_path: Path, leaver: int) -> None:
    """One is cancelled, whichever; the other has its environment."""
    both = Together(tmp_path / "site")
    tasks = [await both.begin(), await both.begin()]
    tasks[leaver].cancel()
    with pytest.raises(ReplayCancelled):
        await tasks[leaver]
    both.gate.set()
    report = await tasks[1 - leaver]
    assert (len(NAMES), [], True) == (report.count("installed"), both.network.cancelled, at_rest())


async def test_the_last_one_leaves(tmp_path: Path) -> None:
    """When both are cancelled nothing goes on: every request is cancelled before the last of them is told."""
    both = Together(tmp_path / "site")
    tasks = [await both.begin(), await both.begin()]
    for task in tasks:
        task.cancel()
    for task in tasks:
        with pytest.raises(ReplayCancelled):
            await task
    assert (0, True, {}) == (
        both.network.active,
        bool(both.network.cancelled) and at_rest(),
        snapshot(tmp_path),
    )


async def test_cancelled_and_not_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the rollback of a cancelled replay fails, the cancellation says so and carries the error that says where."""
    module, tag = "fast.cpython-314-wasm32-emscripten.so", "cp314-cp314-pyemscripten_2026_0_wasm32"
    fast = wheel("fast", files={module: "wasm"}, tag=tag)
    loading = asyncio.Event()

    async def load(path: Path) -> None:
        loading.set()
        await asyncio.Event().wait()

    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EIO, "no")

    installer = SiteInstaller(tmp_path / "site", load_extension=load)
    task = asyncio.create_task(run(tmp_path / "site", lock_of(fast), Network(wheels=[fast]), installer=installer))
    await loading.wait()
    task.cancel()
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ReplayCancelled) as caught:
        await task
    cause = caught.value.__cause__
    assert isinstance(cause, StorageError)
    assert ("rollback", True) == (cause.code, "put things back" in str(caught.value))


async def test_a_failure_is_everybodys(tmp_path: Path) -> None:
    """Both get the same error, and a third may begin anew."""
    both = Together(tmp_path / "site", script={"beta": [NotFoundError("x")]})
    tasks = [await both.begin(), await both.begin()]
    both.gate.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    again = await run(tmp_path / "site", installer=both.installer)
    assert (True, NotFoundError, len(NAMES)) == (ends[0] is ends[1], type(ends[0]), again.count("installed"))


async def test_a_listener_that_fails_leaves_alone(tmp_path: Path) -> None:
    """Whose listener fails is out with that error; the other one's replay goes on."""
    both = Together(tmp_path / "site")

    def fail(event: ProgressEvent) -> None:
        raise LookupError("mine")

    first = await both.begin()
    second = await both.begin(fail)
    both.gate.set()
    ends = await asyncio.gather(first, second, return_exceptions=True)
    assert (ReplayReport, LookupError, True) == (type(ends[0]), type(ends[1]), at_rest())


@pytest.mark.parametrize(
    "other",
    [
        {"lock": lock_of(WHEELS["beta"])},
        {"lock": replace(ALL, base="https://elsewhere.example/")},
        {"force": True},
        {"exact": True},
        {"offline": True},
        {"concurrency": 2},
        {"policy": Policy(consent=True)},
    ],
)
async def test_who_asks_for_something_else(tmp_path: Path, other: dict[str, Any]) -> None:
    """Another lock, or the same with other options, is refused, and the running one does not notice."""
    both = Together(tmp_path / "site")
    first = await both.begin()
    options: dict[str, Any] = {"lock": ALL, **other}
    error = await failing(tmp_path / "site", installer=both.installer, **options)
    both.gate.set()
    assert (BusyError, "busy", len(NAMES)) == (type(error), error.code, (await first).count("installed"))


async def test_nobody_joins_what_is_being_cancelled(tmp_path: Path) -> None:
    """A replay that its last caller has left is no longer one to join."""
    both = Together(tmp_path / "site")
    first = await both.begin()
    first.cancel()
    await asyncio.sleep(0)
    error = await failing(tmp_path / "site", installer=both.installer)
    with pytest.raises(ReplayCancelled):
        await first
    assert BusyError is type(error)


def test_another_loop(tmp_path: Path) -> None:
    """A replay whose loop ended without it is over; one of another loop that runs is not to be joined."""
    installer = SiteInstaller(tmp_path / "site")

    async def abandoned() -> None:
        both = Together(tmp_path / "site")
        both.installer = installer
        _ = await both.begin()

    asyncio.run(abandoned())
    report = asyncio.run(run(tmp_path / "site", installer=installer))
    assert len(NAMES) == report.count("installed")
