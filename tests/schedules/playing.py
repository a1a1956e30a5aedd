"""Play a schedule of faults, and judge what came of it: exactly the lock, or exactly what was there before."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from micropip_lock.adapters.recovery import recover
from micropip_lock.app.report import ReplayReport
from micropip_lock.core.model import Mock
from micropip_lock.errors import MicropipLockError, ReplayCancelled
from tests.adapters.installing import snapshot
from tests.schedules.points import FITTING, INTERRUPTS, ForeignError, Interrupt, Points, Schedule
from tests.schedules.worlds import SCENARIOS, World

type State = tuple[dict[str, bytes | str], dict[str, Mock]]
"""Every file, and every mock package in memory."""

_STOPPED: Final = (Interrupt, KeyboardInterrupt)


def memory_directory() -> str | None:
    """A directory in memory, where there is one: a schedule makes and removes a hundred files."""
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None


@dataclass(kw_only=True, slots=True)
class Ending:
    """What came of one schedule.

    Attributes:
        schedule: What was played.
        acted: (kind of point, fault) of what happened.
        outcome: ``done``, ``cancelled``, ``cancelled when done``, the code of the error, or ``foreign``, ``interrupt``.
        wrong: What broke the guarantee; nothing may.
        passed: Kinds of all points that were passed.
        latency: Seconds from the cancellation to the error, if it ended so.
    """

    schedule: Schedule
    acted: list[tuple[str, str]]
    outcome: str = ""
    wrong: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    latency: float | None = None


@dataclass(kw_only=True, slots=True)
class _Ran:
    """What the loop saw of one replay."""

    error: BaseException | None = None
    report: ReplayReport | None = None
    began: float | None = None
    latency: float | None = None
    tasks: int = 0
    unheard: list[str] = field(default_factory=list)


class Theatre:
    """Environments to play in, each made once and put back when a replay changed it.

    Args:
        root: A directory of its own.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._worlds: dict[str, World] = {}
        self._before: dict[str, State] = {}
        self._after: dict[str, State] = {}
        self.passed: dict[str, list[str]] = {}
        for name in SCENARIOS:
            self._make(name)

    def _make(self, name: str) -> None:
        scenario = SCENARIOS[name]
        template = World(scenario=scenario, root=self._root / "templates" / name)
        template.root.mkdir(parents=True)
        if scenario.before is not None:
            asyncio.run(template.replay(scenario.before))
        world = self._worlds[name] = World(scenario=scenario, root=self._root / name, memory=dict(template.memory))
        shutil.copytree(template.root, world.root, symlinks=True)
        self._before[name] = _state(world)
        ending = self.play(Schedule(scenario=name), judged=False)
        self._after[name] = _state(world)
        assert (("done", []), True) == ((ending.outcome, ending.wrong), self._after[name] != self._before[name])
        self._put_back(name)
        # Once more: what is imported on the way passes points, too.
        self.passed[name] = self.play(Schedule(scenario=name), judged=False).passed
        self._put_back(name)

    def _put_back(self, name: str) -> None:
        world, memory = self._worlds[name], self._before[name][1]
        if _state(world) != self._before[name]:
            shutil.rmtree(world.root)
            shutil.copytree(self._root / "templates" / name, world.root, symlinks=True)
        self._worlds[name] = World(scenario=world.scenario, root=world.root, memory=dict(memory))

    def all_single(self, name: str, *, without: Sequence[str] = ()) -> Iterator[Schedule]:
        """Every fault at every point that a scenario passes when nothing fails, but for some kinds of points."""
        for point, kind in enumerate(self.passed[name]):
            if kind in without:
                continue
            for number in range(len(FITTING[kind])):
                yield Schedule(scenario=name, faults={point: number})

    def play(self, schedule: Schedule, *, judged: bool = True) -> Ending:
        """Play a schedule, and judge it."""
        name = schedule.scenario
        if judged:
            self._put_back(name)
        world = self._worlds[name]
        points = world.points = Points(schedule)
        ran = _Ran()
        with points.on_disk():
            try:
                asyncio.run(_run(world, schedule, ran))
            except BaseException as error:  # noqa: BLE001  # whatever came out is what is judged
                ran.error = error
        ending = Ending(schedule=schedule, acted=points.acted, passed=points.passed, outcome=_outcome(ran))
        if isinstance(ran.error, ReplayCancelled):
            ending.latency = ran.latency
        if judged:
            ending.wrong = self._judge(world, ran, ending)
        return ending

    def _judge(self, world: World, ran: _Ran, ending: Ending) -> list[str]:
        name, points = ending.schedule.scenario, world.points
        before, after = self._before[name], self._after[name]
        world.points = Points(Schedule(scenario=name))
        state = _state(world)
        faults = {fault for _, fault in points.acted}
        swept = (
            ending.outcome in ("rollback", "interrupt", "cancelled, rollback")
            or any(fault in INTERRUPTS for fault in faults)
            or any(kind.startswith("clearing") for kind, _ in points.acted)
        )
        if swept and world.site.is_dir():
            # What is left then is the next one's to clear up.
            recover(world.site, world.prefix, copied=world.scenario.lasting)
            state = _state(world)
            if state[0].get("site") == "directory" and len(state[0]) == 1:
                state = ({}, state[1])
        expected = {"before": before, "after": after}
        allowed = _allowed(ran, world.told)
        if ("clearing", "no-access") in points.acted:
            # Directories that became empty and are not ours to remove stay.
            state, after = _files(state), _files(after)
            expected = {"before": _files(before), "after": after}
        wrong = [] if any(state == expected[one] for one in allowed) else [_difference(state, expected, allowed)]
        if not _is_expected(ran.error, faults):
            wrong.append(f"ended with {ran.error!r}")
        wrong += _unreported(world, ran)
        if world.active:
            wrong.append(f"{world.active} requests left")
        if ending.outcome != "interrupt":
            # One may end the loop itself, which then cancels what is left.
            wrong += [*ran.unheard, *([f"{ran.tasks - 1} tasks left"] if ran.tasks != 1 else [])]
        if not wrong and (swept or len(points.passed) % 8 == 0):
            wrong += self._then(world, after)
        return wrong

    def _then(self, world: World, after: State) -> list[str]:
        """The next replay must succeed, whatever this one left."""
        try:
            asyncio.run(world.replay(world.scenario.lock))
        except MicropipLockError as error:
            return [f"the next replay failed: {error!r}"]
        state = _state(world)
        if state == after or _files(state) == after:
            return []
        return [f"after the next replay: {_difference(state, {'after': after}, ('after',))}"]


async def _run(world: World, schedule: Schedule, ran: _Ran) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: ran.unheard.append(f"unheard: {context.get('message')}"))
    task = asyncio.create_task(world.replay(), name="replay")

    def stop() -> None:
        ran.began = ran.began or time.perf_counter()
        task.cancel()

    async def stop_later(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        world.points.acted.append(("turn", "cancel"))
        stop()

    world.points.stop = stop
    stopper = asyncio.create_task(stop_later(schedule.turn)) if schedule.turn is not None else None
    try:
        ran.report = await task
    except (Exception, asyncio.CancelledError, Interrupt) as error:  # noqa: BLE001  # whatever came out is judged
        ran.error = error
        ran.latency = None if ran.began is None else time.perf_counter() - ran.began
    if stopper is not None:
        stopper.cancel()
        await asyncio.gather(stopper, return_exceptions=True)
    ran.tasks = len(asyncio.all_tasks())


def _state(world: World) -> State:
    return snapshot(world.root), dict(world.memory)


def _files(state: State) -> State:
    return {path: what for path, what in state[0].items() if what != "directory"}, state[1]


def _outcome(ran: _Ran) -> str:
    match ran.error:
        case None:
            return "done"
        case ReplayCancelled(__cause__=MicropipLockError(code="rollback")):
            return "cancelled, rollback"
        case ReplayCancelled(report=None):
            return "cancelled"
        case ReplayCancelled():
            return "cancelled when done"
        case MicropipLockError(code=code):
            return code
        case error if isinstance(error, _STOPPED):
            return "interrupt"
        case ForeignError():
            return "foreign"
        case error:
            return type(error).__name__


def _allowed(ran: _Ran, told: str) -> tuple[str, ...]:
    """What the environment may be."""
    match _outcome(ran):
        case "done" | "cancelled when done":
            return ("after",)
        case "interrupt":
            # It may come when all is done but the clearing up.
            return ("before", "after")
        case "foreign" if told == "done":
            # A listener that fails when it is told that all is done.
            return ("after",)
        case _:
            return ("before",)


def _is_expected(error: BaseException | None, faults: set[str]) -> bool:
    if error is None or isinstance(error, MicropipLockError | ReplayCancelled):
        return True
    if isinstance(error, ForeignError):
        # A store may do what it likes.
        return "foreign" in faults and not str(error).startswith("store")
    return isinstance(error, _STOPPED) and any(one in faults for one in INTERRUPTS)


def _unreported(world: World, ran: _Ran) -> list[str]:
    """Packages that the report of a failure does not name."""
    if isinstance(ran.error, MicropipLockError):
        report = ran.error.report
        if report is None:
            return ["an error without a report"]
    elif ran.error is None:
        report = ran.report
    else:
        return []
    named = {one.name for one in report.packages} if report is not None else set()
    lock = world.scenario.lock
    missing = ({*lock.packages, *lock.mocks}) - named
    return [f"not in the report: {sorted(missing)}"] if missing else []


def _difference(state: State, expected: Mapping[str, State], allowed: tuple[str, ...]) -> str:
    is_other = [name for name, one in expected.items() if state == one]
    if is_other:
        return f"the environment is {is_other[0]}, and not {' or '.join(allowed)}"
    target = expected[allowed[0]]
    paths = sorted(path for path in state[0].keys() | target[0].keys() if state[0].get(path) != target[0].get(path))
    memory = "" if state[1] == target[1] else f"; memory {sorted(state[1])}"
    return f"neither before nor after: not as {allowed[0]}: {paths[:5]}{memory}"
