"""Obtaining one wheel, whatever the sources do: the locked bytes or one typed error, after so many requests at most."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.app.obtain import ROUNDS
from micropip_lock.core.patience import LONGEST_WAIT, TRIES
from micropip_lock.core.plan import Download
from micropip_lock.errors import (
    BlockedError,
    FetchTimeoutError,
    HashMismatchError,
    LockSchemaError,
    MicropipLockError,
    NetworkError,
    NotFoundError,
    RedirectPolicyError,
    ServerError,
    TruncatedError,
    WheelTooLargeError,
)
from micropip_lock.testing import wheel
from tests.app.replaying import locked, url_of
from tests.app.test_obtain import BUNDLED, DOWNLOAD, ELSEWHERE, MIRROR, URL, Step, World, listing

ADDRESSES = (URL, MIRROR, ELSEWHERE, BUNDLED)
FAILURES: Sequence[MicropipLockError] = (
    NotFoundError("gone", status=404),
    BlockedError("blocked", code="cors"),
    ServerError("down", status=503),
    ServerError("wait", status=429, retry_after=7.0),
    ServerError("wait long", status=429, retry_after=3600.0),
    NetworkError("no answer"),
    NetworkError("no TLS", code="tls"),
    FetchTimeoutError("silent"),
    FetchTimeoutError("slow", code="too-slow"),
    TruncatedError("cut"),
    RedirectPolicyError("elsewhere"),
    HashMismatchError("other bytes"),
    HashMismatchError("a page", code="not-a-wheel"),
    WheelTooLargeError("too many bytes"),
)
LOCK_FAULT = LockSchemaError("a wrong size", code="size")

steps = st.lists(st.none() | st.sampled_from(FAILURES), min_size=1, max_size=8)
scripts = st.fixed_dictionaries(dict.fromkeys(ADDRESSES, steps))


def play(script: Mapping[str, Sequence[Step]], before: Sequence[Step] = ()) -> tuple[World, str | MicropipLockError]:
    """What comes of one script; before it another wheel of the same host was obtained, or not."""
    other = url_of(wheel("other"))
    world = World({**script, other: [*before, None]}, page=listing())
    supply = world.everywhere()

    async def run() -> str | MicropipLockError:
        await supply.obtain(Download(package=locked(wheel("other")), url=other), world.attempt)
        world.asked.clear()
        try:
            return (await supply.obtain(DOWNLOAD, world.attempt)).value
        except MicropipLockError as error:
            return error

    return world, asyncio.run(run())


@given(scripts, st.sampled_from([(), (ServerError("down", status=503),)]))
def test_the_wheel_or_a_typed_error(script: Mapping[str, Sequence[Step]], before: Sequence[Step]) -> None:
    """Whatever happens, it ends: with the wheel from where it was, or with the first source's error and all others."""
    world, outcome = play(script, before)
    asked = [one.rstrip("!") for one in world.asked]
    most = (TRIES + 1) * (ROUNDS if before else 1)
    assert [] == [one for one in ADDRESSES if asked.count(one) > most]
    assert [] == [wait for wait in world.waits if wait > LONGEST_WAIT]
    if isinstance(outcome, str):
        turn = asked.count(outcome) - 1
        assert script[outcome][min(turn, len(script[outcome]) - 1)] is None
        assert outcome == asked[-1]
    else:
        first, *others = outcome.errors
        assert (outcome.code, len(ADDRESSES) - 1) == (first.code, len(others))
        assert first in script[URL]


@given(scripts, st.sampled_from(ADDRESSES))
def test_one_good_source_is_enough(script: Mapping[str, Sequence[Step]], good: str) -> None:
    """Where one source has the wheel at once, it is obtained, whatever all others do."""
    _, outcome = play({**script, good: [None]})
    assert isinstance(outcome, str)


@given(scripts, st.sampled_from(ADDRESSES))
def test_a_fault_of_the_lock_ends_it(script: Mapping[str, Sequence[Step]], where: str) -> None:
    """What no source can mend is raised as it is, as soon as it is seen."""
    world, outcome = play({**script, where: [LOCK_FAULT]})
    assert (where in world.asked) == (outcome is LOCK_FAULT)
