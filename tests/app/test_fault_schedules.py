"""Guarantee G under schedules of faults: exactly the lock, or byte-identical to before with one typed error.

``make schedules`` plays many more.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from micropip_lock.adapters.journal import Journal
from tests.schedules.playing import Ending, Theatre, memory_directory
from tests.schedules.points import Schedule

SMALL = ("fresh", "emptied")
RANDOM = 400


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    """Every scenario, in a real directory."""
    with tempfile.TemporaryDirectory(dir=memory_directory()) as root:
        yield Theatre(Path(root))


def played(theatre: Theatre, schedules: Iterable[Schedule]) -> list[Ending]:
    """What came of schedules, none of which broke the guarantee."""
    endings = [theatre.play(schedule) for schedule in schedules]
    assert [] == [(one.schedule, one.acted, one.outcome, one.wrong) for one in endings if one.wrong]
    return endings


@pytest.mark.parametrize("name", SMALL)
def test_every_fault_at_every_point(theatre: Theatre, name: str) -> None:
    """Every single fault at every point of the network, the store, the disk and the listener."""
    endings = played(theatre, theatre.all_single(name))
    outcomes = Counter(one.outcome for one in endings)
    assert (True, True) == (len(endings) > 300, {"done", "storage", "interrupt"} <= outcomes.keys())
    assert [] == [one.schedule for one in endings if len(one.acted) != 1]


def test_every_fault_of_an_interpreter(theatre: Theatre) -> None:
    """Extension modules that cannot be opened, a memory that refuses, a place that does not last, a store that lies."""
    others = ("disk", "disk after", "clearing", "clearing after", "asked", "half")
    single = (one for name in ("lasting", "mirrored") for one in theatre.all_single(name, without=others))
    acted = {pair for one in played(theatre, single) for pair in one.acted}
    assert {"persist", "load", "memory", "store get", "store put", "body", "listener", "lock"} == {
        kind for kind, _ in acted
    }


def test_random_schedules(theatre: Theatre) -> None:
    """One to three faults in replays that replace, remove, share, mount nothing and ask mirrors; cancelled at times."""
    endings = played(theatre, (Schedule.at_random(seed, theatre.passed) for seed in range(RANDOM)))
    acted = {pair for one in endings for pair in one.acted}
    assert len(acted) > 70
    # None that was cancelled was in the middle of anything long.
    assert 5 > max(one.latency for one in endings if one.latency is not None)


def test_every_turn_of_the_loop(theatre: Theatre) -> None:
    """Cancelled after any number of turns of the loop."""
    for name in theatre.passed:
        outcomes = list[str]()
        while "done" not in outcomes:
            (ending,) = played(theatre, [Schedule(scenario=name, turn=len(outcomes))])
            outcomes.append(ending.outcome)
        assert len(outcomes) > 3


def test_a_schedule_repeats_itself(theatre: Theatre) -> None:
    """The same seed is the same replay, whatever was played before."""
    schedules = [Schedule.at_random(seed, theatre.passed) for seed in range(10)]
    first, second = ([(one.acted, one.outcome) for one in played(theatre, schedules)] for _ in range(2))
    assert first == second


def test_what_breaks_the_guarantee_is_noticed(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installer that puts nothing back is found wrong, however its replay ends."""
    monkeypatch.setattr(Journal, "undo", lambda journal, copied=False: [])
    others = ("disk after", "clearing", "clearing after", "asked", "half")
    endings = [theatre.play(one) for one in theatre.all_single("fresh", without=others)]
    broken = [one for one in endings if one.wrong]
    assert {"storage", "cancelled", "interrupt"} <= {one.outcome for one in broken}
