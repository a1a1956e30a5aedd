"""Mock packages through the verbs, in directories: frozen, replayed, refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.freeze import freeze
from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Lock, Mock, mocks_by_name
from micropip_lock.errors import UnlockableError
from micropip_lock.testing import wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import RUNTIME, records_of
from tests.app.replaying import WHEELS, Runtime, failing, lock_of, outcomes, run

STAND_IN = Mock(
    name=canonicalize_name("stand-in"),
    display_name="Stand_In",
    version="1.0",
    persistent=True,
    modules={"stand_in": ""},
)
USER = wheel("user", requires=["stand-in>=1", "absent"])
LONER = wheel("loner")


def site(*mocks: Mock) -> MemorySite:
    found = MemorySite()
    for built in (USER, LONER):
        found.install(built, records_of(built))
    for mock in mocks:
        for path, text in mock_files(mock).items():
            found.write(path, text)
    return found


def test_a_mock_is_locked() -> None:
    """A mock package is in the lock, and what needs it neither depends on it nor misses it."""
    lock = freeze(site(STAND_IN), RUNTIME)
    user = lock.packages["user"]

    assert (mocks_by_name([STAND_IN]), (), ("absent",), ("stand-in",)) == (
        lock.mocks,
        user.depends,
        user.missing,
        user.mocked,
    )


@pytest.mark.parametrize(("roots", "mocks"), [(["user"], ["stand-in"]), (["loner"], []), (["Stand.In"], ["stand-in"])])
def test_roots(roots: list[str], mocks: list[str]) -> None:
    """Of the mock packages, a lock of some roots has those that these need, or that are among them."""
    assert mocks == list(freeze(site(STAND_IN), RUNTIME, roots=roots).mocks)


def test_one_name_twice() -> None:
    """A name that is a package and a mock package at once is refused: which is imported, nobody can say."""
    with pytest.raises(UnlockableError) as caught:
        freeze(site(replace(STAND_IN, name=canonicalize_name("loner"), display_name="loner", version="2.0")), RUNTIME)

    assert [("loner", "duplicate")] == [(item.name, item.code) for item in caught.value.items]


def test_one_that_cannot_be_locked() -> None:
    """A mock package that cannot be locked is an item under its own name; what needs it misses it."""
    broken = site(replace(STAND_IN, display_name="stand-in", version="1.0"))
    broken.remove("stand_in")
    lock = freeze(broken, RUNTIME, strict=False)

    assert ([("stand-in", "1.0", "mock-source")], ("absent", "stand-in"), {}) == (
        [(item.name, item.version, item.code) for item in lock.unlocked],
        lock.packages["user"].missing,
        dict(lock.mocks),
    )


async def test_replayed_into_a_directory(tmp_path: Path) -> None:
    """A lock with a mock package fills a directory with it, and the directory freezes to the same mocks."""
    lock = replace(lock_of(WHEELS["beta"]), mocks=mocks_by_name([STAND_IN]))
    done = await run(tmp_path, lock)
    again = freeze(SitePackages(tmp_path), RUNTIME)

    assert (lock.mocks, {"beta": "installed", "stand-in": "installed"}) == (
        again.mocks,
        outcomes(done),
    )


async def test_replayed_twice(tmp_path: Path) -> None:
    """A mock package that is there with the same sources is skipped, and said to be."""
    lock = replace(lock_of(WHEELS["beta"]), mocks=mocks_by_name([STAND_IN]))
    await run(tmp_path, lock)
    done = await run(tmp_path, lock)

    assert {"skipped"} == set(outcomes(done).values())


def locked_mock(version: str) -> Lock:
    return replace(lock_of(), mocks=mocks_by_name([replace(STAND_IN, version=version)]))


async def test_an_imported_module_is_not_pulled_away(tmp_path: Path) -> None:
    """Replacing a mock package whose module is imported is refused, as it is for a wheel."""
    await run(tmp_path, locked_mock("1.0"))
    error = await failing(tmp_path, locked_mock("2.0"), runtime=Runtime("stand_in"))

    assert ("already-imported", "stand-in", "stand_in") == (error.code, error.package, error.got)
