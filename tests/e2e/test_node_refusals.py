"""What a replay refuses in Pyodide under Node, and that nothing changes when it does.

One Pyodide with one package in it meets every fault in turn; at the end it replays the same lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from micropip_lock.core.model import Abi, Lock
from micropip_lock.errors import MicropipLockError
from micropip_lock.testing import (
    ContentLength,
    EarlyEof,
    Fault,
    Html,
    NotFound,
    PackageIndex,
    Reset,
    Status,
    WrongBytes,
    wheel,
)
from tests.e2e.kernel import kernel

pytestmark = pytest.mark.node


def _other_abi(lock: Lock) -> Lock:
    return replace(lock, abi=Abi(abi_version="2025_0", arch="wasm32", platform="emscripten_4_0_9", python="3.13.2"))


def _same(lock: Lock) -> Lock:
    return lock


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One thing that goes wrong.

    Attributes:
        fault: What the index does to the wheel of ``beta``; None for nothing.
        change: What happens to the lock.
        code: Of the error that must come out.
        requests: How often the wheel of ``beta`` may be asked for.
    """

    fault: Fault | None = None
    change: Callable[[Lock], Lock] = _same
    code: str
    requests: int = 1


REFUSALS = {
    "other-bytes": Refusal(fault=WrongBytes(), code="digest-mismatch", requests=2),
    # Node ends an answer whose last chunk is missing as if it were whole; the digest tells.
    "chunks-missing": Refusal(fault=EarlyEof(), code="digest-mismatch", requests=2),
    "removed": Refusal(fault=NotFound(), code="not-found"),
    "login-page": Refusal(fault=Html(), code="not-a-wheel"),
    "blocked": Refusal(fault=Status(403), code="blocked"),
    "other-abi": Refusal(change=_other_abi, code="abi-mismatch", requests=0),
}
"""Faults that are told apart at once. Those worth another try are tested with the engine that tries."""

UNSTEADY = {
    "server-down": Refusal(fault=Status(503), code="server-error"),
    "cut-off": Refusal(fault=ContentLength(100), code="truncated"),
    "reset": Refusal(fault=Reset(), code="network"),
}
"""Faults that asking again may mend; how often that is done is not this file's matter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one refusal."""

    error: MicropipLockError
    before: dict[str, str]
    after: dict[str, str]
    requests: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordeal:
    """What came of all of them, and of the replay at the end."""

    outcomes: dict[str, Outcome]
    installed: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ordeal() -> Ordeal:
    """One Pyodide through every refusal."""
    outcomes = {}
    with PackageIndex() as index:
        index.add(wheel("alpha", requires=["beta"]))
        beta = index.add(wheel("beta"))
        index.add(wheel("resident"))
        async with kernel(index_urls=[index.url]) as first:
            lock = (await first.pyodide.install_and_freeze(["alpha"])).lock
        async with kernel(index_urls=[index.url]) as second:
            await second.pyodide.install_and_freeze(["resident"])
            for name, refusal in (REFUSALS | UNSTEADY).items():
                before = await second.tree()
                if refusal.fault is not None:
                    index.fault(f"*/{beta.filename}", refusal.fault)
                index.log.clear()
                with pytest.raises(MicropipLockError) as caught:
                    await second.pyodide.replay(refusal.change(lock))
                index.log.wait_until_quiet()
                index.clear_faults()
                outcomes[name] = Outcome(
                    error=caught.value,
                    before=before,
                    after=await second.tree(),
                    requests=index.log.count() if refusal.fault is None else index.log.count(f"*/{beta.filename}"),
                )
            report = (await second.pyodide.replay(lock)).report
    return Ordeal(outcomes=outcomes, installed={one["name"]: one["outcome"] for one in report["packages"]})


@pytest.mark.parametrize("name", REFUSALS | UNSTEADY)
def test_the_error_says_what_happened(ordeal: Ordeal, name: str) -> None:
    """Each fault has its own code, and a hint that says what to do next."""
    error = ordeal.outcomes[name].error

    assert ((REFUSALS | UNSTEADY)[name].code, True) == (error.code, bool(error.hint))


@pytest.mark.parametrize("name", REFUSALS | UNSTEADY)
def test_the_environment_is_as_it_was(ordeal: Ordeal, name: str) -> None:
    """A refused replay leaves every file as it was, and no new one."""
    outcome = ordeal.outcomes[name]

    assert outcome.before == outcome.after


@pytest.mark.parametrize("name", [name for name, refusal in (REFUSALS | UNSTEADY).items() if refusal.fault])
def test_the_error_names_the_package(ordeal: Ordeal, name: str) -> None:
    """The error of a fetch names the package whose wheel was at fault."""
    assert ordeal.outcomes[name].error.package == "beta"


@pytest.mark.parametrize("name", REFUSALS)
def test_the_network_is_asked_no_more_than_it_helps(ordeal: Ordeal, name: str) -> None:
    """A wrong digest is asked once more past every cache, what is gone only once, and another ABI never."""
    assert REFUSALS[name].requests == ordeal.outcomes[name].requests


def test_a_sound_replay_follows(ordeal: Ordeal) -> None:
    """After every refusal the same Pyodide replays the same lock."""
    assert {"alpha": "installed", "beta": "installed"} == ordeal.installed
