"""Tests of :mod:`micropip_lock.core.faults`: collected, then raised once, the gravest first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.faults import MAX_FAULTS, Faults, raise_all
from micropip_lock.errors import (
    EnvironmentMismatchError,
    LockGraphError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
    WheelMetadataError,
)

GRAVITY = {
    LockSchemaError: 0,
    WheelMetadataError: 0,
    LockPolicyError: 1,
    LockGraphError: 2,
    EnvironmentMismatchError: 3,
}
kinds = st.sampled_from(list(GRAVITY))


def collected(faults: Faults) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        faults.check()
    return caught.value


@given(st.lists(kinds, min_size=1, max_size=MAX_FAULTS - 1))
def test_the_gravest_first(found: list[type[MicropipLockError]]) -> None:
    """A wrong form comes before what is not allowed, that before what does not fit; else as they were found."""
    faults, errors = Faults(), [kind(str(number)) for number, kind in enumerate(found)]
    for error in errors:
        faults.add(error)
    told = collected(faults)
    expected = tuple(sorted(errors, key=lambda error: GRAVITY[type(error)]))
    assert (expected, type(expected[0]), expected[0].message) == (told.errors, type(told), told.message)


def test_nothing_was_found() -> None:
    """Nothing collected raises nothing."""
    faults = Faults()
    faults.check()
    raise_all(())
    faults.add(LockGraphError("one"))
    assert "one" == collected(faults).message


def test_enough_is_enough() -> None:
    """The hundredth fault ends the reading, with all of them."""
    faults = Faults()
    for number in range(MAX_FAULTS - 1):
        faults.add(EnvironmentMismatchError(str(number)))
    with pytest.raises(LockSchemaError) as caught:
        faults.add(LockSchemaError("last"))
    assert (MAX_FAULTS, "last") == (len(caught.value.errors), caught.value.message)


def test_what_was_found_is_left_as_it_was() -> None:
    """The error that is raised is a copy: a fault does not come to hold itself."""
    first = LockSchemaError("first")
    with pytest.raises(LockSchemaError) as caught:
        raise_all([first, LockGraphError("second")])
    assert ((), 2) == (first.errors, len(caught.value.errors))
