"""Guarantee G in real Chromium, in a page and in a worker: mounted replays against an index that misbehaves by a seed.

``make schedules ARGS="--chromium 500"`` plays more of them.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
import pytest_asyncio

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, LockedPackage, Wheel, by_name
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
    Redirect,
    Reset,
    Slow,
    StaleCache,
    Stall,
    Status,
    WrongBytes,
    wheel,
)
from tests.e2e.chromium import PLACES, BrowserKernel, Place, Web, browser_kernel

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

START, END = (int(one) for one in os.environ.get("MICROPIP_LOCK_SCHEDULES", "0-25").split("-"))

FAULTS: Final[Sequence[Fault]] = (
    NotFound(),
    Status(403),
    Status(429, retry_after="3600"),
    Status(503),
    Status(503, times=1),
    Reset(),
    Reset(times=1),
    Reset(after="half"),
    Reset(after="half", times=2),
    ContentLength(100),
    ContentLength(-100),
    EarlyEof("chunked"),
    EarlyEof("until-close", times=1),
    WrongBytes(),
    WrongBytes(times=1),
    Html(),
    Endless(),
    Stall(after=10),
    Slow(2000.0),
    GzipEncoded(),
    Redirect(times=1),
    StaleCache(b"PK old bytes"),
    CorsOff(),
    Delay(0.1),
)

PROVOKED: Final = {
    "Failed to load resource": "the index is told to fail",
    "CORS policy": "the index is told to forget its header",
}

KERNEL: Final = """
import asyncio, time
import micropip, micropip_lock
from micropip_lock import wiring
from micropip_lock.adapters import engine, pyodide
from micropip_lock.app import obtain
from micropip_lock.core import patience
from micropip_lock.errors import MicropipLockError, ReplayCancelled
from pyodide.code import run_js

engine.IDLE_TIMEOUT = 0.4
patience.FIRST_WAIT = obtain._BETWEEN_ROUNDS = 0.01
downloads = run_js('''(engine) => {
  const downloads = { left: 0 };
  const { download } = engine;
  engine.download = (...asked) => {
    downloads.left++;
    const handle = download.apply(engine, asked);
    void handle.promise.then(() => downloads.left--);
    return handle;
  };
  return downloads;
}''')(engine.engine())


async def play(text, cancel_at, fail_at):
    # `cancel_at`: milliseconds, or events when it is negative; `fail_at`: the event at which the listener fails.
    seen, began, others = 0, None, asyncio.all_tasks()

    def cancel():
        nonlocal began
        began = began or time.perf_counter()
        task.cancel()

    def listen(event):
        nonlocal seen
        seen += 1
        if seen == -cancel_at:
            cancel()
        if seen == fail_at:
            raise LookupError(event.stage)

    task = asyncio.create_task(micropip_lock.replay(text, progress=listen))
    timer = asyncio.get_running_loop().call_later(cancel_at / 1000, cancel) if cancel_at > 0 else None
    names, latency = None, None
    try:
        names = [one.name for one in (await task).packages]
        outcome = "done"
    except ReplayCancelled as error:
        outcome = "cancelled" if error.report is None else "cancelled when done"
        latency = time.perf_counter() - began
    except MicropipLockError as error:
        outcome = error.code
        names = None if error.report is None else [one.name for one in error.report.packages]
    except LookupError as error:
        outcome = "foreign, done" if str(error) == "done" else "foreign"
    if timer is not None:
        timer.cancel()
    tasks = len(asyncio.all_tasks() - others - {task})
    await asyncio.sleep(0)
    return {
        "outcome": outcome,
        "names": names,
        "latency": latency,
        "tasks": tasks,
        "downloads": downloads.left,
        "tree": wiring.tree_here(),
    }


def remove(names):
    there = [name for name in names if name in micropip.list()]
    if there:
        micropip.uninstall(there)
    return wiring.tree_here()
"""


@dataclass(kw_only=True, slots=True)
class Stage:
    """One kernel in which schedules are played.

    Attributes:
        kernel: It.
        index: What its replays ask.
        empty: A lock of its runtime that names nothing.
        before: The files that are there when nothing was replayed.
        outcomes: Of everything that was played.
        latencies: Seconds from a cancellation to its error.
        published: Files that the index has.
    """

    kernel: BrowserKernel
    index: PackageIndex
    empty: Lock
    before: Mapping[str, str]
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    published: set[str] = field(default_factory=set)

    async def play(self, seed: int) -> list[str]:
        """Play the schedule of a seed.

        Returns:
            What broke the guarantee.
        """
        chance = random.Random(seed)
        # Now and then what an earlier schedule fetched, which the store may have.
        content = seed if chance.random() < 0.7 else seed // 10
        names = ("alpha", "beta", "gamma", "delta")[: chance.choice((1, 2, 4))]
        built = [_wheel(name, content) for name in names]
        self.index.clear_faults()
        lock = replace(self.empty, packages=by_name([self._locked(one) for one in built]))
        for one in chance.sample(built, chance.choice((0, 1, 1, min(2, len(built))))):
            self.index.fault(f"/files/{one.filename}", chance.choice(FAULTS))
        cancel_at = chance.choice((0, 0, 0, -chance.randint(1, 12), chance.randint(1, 300)))
        fail_at = chance.choice((0, 0, 0, 0, chance.randint(1, 12)))
        played = await self.kernel.ask(f"answer = await play({lock.to_json()!r}, {cancel_at}, {fail_at})")
        self.outcomes[played["outcome"]] += 1
        if played["latency"] is not None:
            self.latencies.append(played["latency"])
        wrong = self._judged(built, played)
        cleared = await self.kernel.ask(f"answer = remove({names!r})")
        return [*wrong, *(["not removed"] if cleared != self.before else [])]

    def _locked(self, built: BuiltWheel) -> LockedPackage:
        if built.filename not in self.published:
            self.published.add(built.filename)
            self.index.add(built)
        url = self.index.file_url(built.filename)
        return LockedPackage(
            name=built.project,
            display_name=built.name,
            version=built.version,
            wheel=Wheel(url=url, digest=Digest.of(built.data), size=built.size),
            imports=(built.name,),
        )

    def _judged(self, built: Sequence[BuiltWheel], played: Mapping[str, Any]) -> list[str]:
        wrong = [f"{played[what]} {what} left" for what in ("tasks", "downloads") if played[what]]
        tree: dict[str, str] = played["tree"]
        if played["outcome"] in ("done", "cancelled when done", "foreign, done"):
            added = {path: digest for path, digest in tree.items() if self.before.get(path) != digest}
            files = {path: digest for one in built for path, digest in _files(one).items()}
            records = {path for path in added if path not in files}
            folders = {path.partition("/")[0] for path in files if ".dist-info/" in path}
            if self.before.items() - tree.items() or files.items() - added.items():
                wrong.append("not the lock")
            if {path.partition("/")[0] for path in records} != folders:
                wrong.append(f"more than the lock: {sorted(records)}")
        elif tree != self.before:
            wrong.append(f"not as before: {sorted(tree.items() ^ self.before.items())[:5]}")
        named = None if played["names"] is None else sorted(played["names"])
        if not played["outcome"].startswith(("cancelled", "foreign")) and named != sorted(one.project for one in built):
            wrong.append(f"the report names {named}")
        return wrong


def _wheel(name: str, content: int) -> BuiltWheel:
    files = {f"{name}.py": f"value = {content}\n", f"shared/{name}.txt": f"{content} " * 30_000}
    return wheel(name, f"1.{content}", files=files)


def _files(built: BuiltWheel) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(built.data)) as archive:
        return {path: hashlib.sha256(archive.read(path)).hexdigest() for path in archive.namelist()}


@pytest_asyncio.fixture(loop_scope="session", params=PLACES)
async def stage(web: Web, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A kernel, and an index of its own."""
    place: Place = request.param
    with PackageIndex() as index:
        async with browser_kernel(web, place, forgiven=PROVOKED) as running:
            text = await running.ask(f"""
{KERNEL}
import builtins
builtins.play, builtins.remove = play, remove
from micropip_lock.core.model import Lock
answer = Lock(abi=pyodide.PyodideRuntime().abi(), packages=dict()).to_json()
""")
            yield Stage(kernel=running, index=index, empty=Lock.from_json(text), before=await running.tree())


async def test_random_schedules(stage: Stage, request: pytest.FixtureRequest) -> None:
    """Whatever the index does, and whenever it is cancelled: the lock, or as before; no task or download is left."""
    share = list(PLACES).index(request.node.callspec.params["stage"])
    wrong = []
    for seed in range(START + share, END, len(PLACES)):
        broken = await stage.play(seed)
        wrong += [(seed, one) for one in broken]
    stage.index.log.wait_until_quiet()
    latencies = sorted(stage.latencies)
    p95 = 1000 * latencies[int(0.95 * (len(latencies) - 1))] if latencies else 0.0
    print(f"{dict(stage.outcomes)}; cancelled {len(latencies)} times, p95 {p95:.0f} ms; wrong: {wrong}")
    assert [] == wrong
    assert {"done"} < stage.outcomes.keys()
