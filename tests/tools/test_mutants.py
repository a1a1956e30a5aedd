"""Tests of :mod:`tools.mutants` and :mod:`tools.mutations`, as far as they need no tool of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutants import LEAST, TESTS, Count, chosen, guards_of, path_of
from tools.mutations import Mutation

ROOT = Path(__file__).parents[2]


def _changes(count: int) -> list[Mutation]:
    return [Mutation(operator="AddNot", occurrence=number, line=number + 1, place=None) for number in range(count)]


@pytest.mark.parametrize("name", sorted(TESTS))
def test_modules_and_their_tests_are_there(name: str) -> None:
    """Each module that is changed exists, and so does each file of its tests."""
    assert [] == [one for one in (path_of(name), *map(Path, guards_of(name))) if not (ROOT / one).exists()]


def test_no_check_is_left_out() -> None:
    """Every module of the wheel checker, of the archive's and of the policy is changed."""
    there = {
        path.stem
        for pattern in ("wheel*", "zip*", "policy*")
        for path in (ROOT / "micropip_lock/core").glob(f"{pattern}.py")
    }
    assert set() == there - set(TESTS)


def test_a_sample_has_some_of_each() -> None:
    """A sample has the least of each module, or all it has, is as large as was asked, and is the same every time."""
    changes = {"small": _changes(3), "large": _changes(400), "other": _changes(30)}
    picked = chosen(changes, 100, 1)
    assert (True, 3, 100, True) == (
        chosen(changes, 100, 1) == picked,
        len(picked["small"]),
        sum(map(len, picked.values())),
        all(len(picked[name]) >= min(LEAST, len(changes[name])) for name in changes),
    )


def test_no_sample_is_all() -> None:
    """Without a size every change is tried."""
    changes = {"large": _changes(400)}
    assert changes == chosen(changes, None, 1)


def test_scores() -> None:
    """What never ends is minded; what was not tried does not count."""
    assert (75.0, 100.0) == (
        Count(there=9, killed=2, survived=1, timeout=1).score,
        Count(there=9, killed=0, survived=0, timeout=0).score,
    )
