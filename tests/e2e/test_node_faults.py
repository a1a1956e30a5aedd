"""Every fault of the network in Pyodide under Node, against a real server; one Pyodide meets them all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, LockedPackage, Wheel, by_name
from micropip_lock.errors import MicropipLockError
from micropip_lock.testing import BuiltWheel, PackageIndex, RandomFailure, Reset, Stall, Status, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.network_faults import BYSTANDER, ROWS, VICTIM, afflicted, asked, publish

pytestmark = pytest.mark.node

FAULTS = {name: row for name, row in ROWS.items() if row.node is not None}

IMPATIENT = """
from micropip_lock.adapters import engine
from micropip_lock.app import obtain
from micropip_lock.core import patience
engine.IDLE_TIMEOUT = 0.4
patience.FIRST_WAIT = obtain._BETWEEN_ROUNDS = 0.01
"""
"""Faults last as long as they must and no longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one fault.

    Attributes:
        code: Of the error; ``None`` when the replay succeeded.
        hint: Of the error.
        package: That the error names.
        requests: For the victim's wheel at its own place.
        tree: The files of site-packages afterwards.
        mended: Notes of a replay of the same with a mirror, which succeeded.
    """

    code: str | None
    hint: str
    package: str | None
    requests: int
    tree: dict[str, str]
    mended: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordeal:
    """What came of all of them."""

    before: dict[str, str]
    outcomes: dict[str, Outcome]
    headers: frozenset[str]


async def _removed(running: Kernel) -> None:
    """Take out what a replay put in."""
    await running.ask("""
import micropip, importlib.metadata as metadata
there = [one for one in ("alpha", "beta") if any(metadata.distributions(name=one))]
if there:
    micropip.uninstall(there)
answer = None
""")


async def _outcome(running: Kernel, lock: Lock, row: Any, index: PackageIndex, mirror: str) -> Outcome:
    index.log.clear()
    afflicted_lock = afflicted(lock, row, index)
    code, hint, package, mended = None, "", None, ()
    try:
        await running.pyodide.replay(afflicted_lock, policy=row.policy)
    except MicropipLockError as error:
        code, hint, package = error.code, error.hint, error.package
    index.log.wait_until_quiet()
    requests, tree = asked(index), await running.tree()
    await _removed(running)
    if code is not None and row.mended:
        report = (await running.pyodide.replay(afflicted_lock, policy=row.policy, mirrors=[mirror])).report
        mended = tuple(report["notes"])
        await _removed(running)
    index.clear_faults()
    return Outcome(code=code, hint=hint, package=package, requests=requests, tree=tree, mended=mended)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Kernel]:
    """A Pyodide that is quick to lose patience."""
    async with kernel() as one:
        await one.ask(f"{IMPATIENT}\nanswer = None")
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ordeal(running: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Ordeal:
    """One Pyodide through every fault."""
    outcomes, headers = {}, set[str]()
    with PackageIndex() as index:
        mirror = publish(index, tmp_path_factory.mktemp("mirror"))
        lock = await lock_of(running, index, [BYSTANDER, VICTIM])
        before = await running.tree()
        for name, row in FAULTS.items():
            outcomes[name] = await _outcome(running, lock, row, index, mirror)
            headers |= {header for one in index.log for header in one.headers}
    return Ordeal(before=before, outcomes=outcomes, headers=frozenset(headers))


async def lock_of(running: Kernel, index: PackageIndex, wheels: Sequence[BuiltWheel]) -> Lock:
    """A lock of made wheels for this Pyodide."""
    packages = [
        LockedPackage(
            name=built.project,
            display_name=built.name,
            version=built.version,
            wheel=Wheel(url=index.file_url(built.filename), digest=Digest.of(built.data), size=built.size),
        )
        for built in wheels
    ]
    return replace((await running.pyodide.freeze(strict=False)).lock, packages=by_name(packages))


@pytest.mark.parametrize("name", FAULTS)
def test_expected_outcome(ordeal: Ordeal, name: str) -> None:
    """Each fault has its own error after just so many requests, or none."""
    outcome = ordeal.outcomes[name]
    assert FAULTS[name].here(under_node=True) == (outcome.code, outcome.requests)


@pytest.mark.parametrize("name", [name for name, row in FAULTS.items() if row.here(under_node=True)[0]])
def test_the_environment_is_as_it_was(ordeal: Ordeal, name: str) -> None:
    """A fault that ends a replay leaves every file as it was; its error names the package and says what to do."""
    outcome = ordeal.outcomes[name]
    assert (ordeal.before, "beta", True) == (
        outcome.tree,
        outcome.package,
        bool(outcome.hint) or outcome.code == "size",
    )


@pytest.mark.parametrize("name", [name for name, row in FAULTS.items() if row.here(under_node=True)[0] and row.mended])
def test_another_source_mends_it(ordeal: Ordeal, name: str) -> None:
    """Whatever one source does, a replay succeeds when another one has the wheel, and says what the first one did."""
    (note,) = ordeal.outcomes[name].mended
    assert note.startswith("beta: ")


def test_no_header_that_needs_a_permission(ordeal: Ordeal) -> None:
    """No credential, cookie, referrer or range was sent, whatever went wrong."""
    assert set() == ordeal.headers & {"authorization", "cookie", "referer", "range"}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("fault", [Status(503), Reset(after="half")])
async def test_two_hundred_wheels_through_a_bad_connection(running: Kernel, fault: Status | Reset) -> None:
    """N31: where three requests of ten fail, two hundred wheels arrive."""
    with PackageIndex() as index:
        prefix = type(fault).__name__.lower()
        lock = await lock_of(running, index, [index.add(wheel(f"{prefix}{number}")) for number in range(200)])
        index.fault("/files/*", RandomFailure(0.3, seed=5, fault=fault))
        report = (await running.pyodide.replay(lock)).report
        again = index.log.count("/files/*") - 200
    installed = [one["name"] for one in report["packages"] if one["outcome"] == "installed"]
    assert (200, True) == (len(installed), again > 30)


@pytest.mark.asyncio(loop_scope="module")
async def test_cancelled_in_fetch(running: Kernel, tmp_path: Path) -> None:
    """C01: a replay that is cancelled while a server is silent ends at once; no task and no request is left."""
    with PackageIndex() as index:
        lock = await lock_of(running, index, [index.add(wheel(name)) for name in ("quiet", "silent")])
        index.fault("/files/*", Stall(after=5))
        before = await running.tree()
        answer = await running.ask(f"""
import asyncio
from micropip_lock import api
from micropip_lock.adapters import engine
from micropip_lock.core.model import Lock
from micropip_lock.errors import ReplayCancelled
engine.IDLE_TIMEOUT = 600
lock = Lock.from_json({lock.to_json()!r})
others = asyncio.all_tasks()
arrived = asyncio.Event()
task = asyncio.create_task(api.replay(lock, progress=lambda event: event.received and arrived.set()))
await arrived.wait()
task.cancel()
try:
    await task
    ended = "done"
except ReplayCancelled:
    ended = "cancelled"
answer = [ended, len(asyncio.all_tasks() - others)]
engine.IDLE_TIMEOUT = 0.4
""")
        index.log.wait_until_quiet()
        after = await running.tree()
    assert (["cancelled", 0], before) == (answer, after), json.dumps(answer)
