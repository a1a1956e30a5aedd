"""A process may end at any file operation: the next one finds the site exactly before or exactly after."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.exclusive import LOCK_FILE, exclusive
from micropip_lock.adapters.journal import COMMITTED, PLAN
from micropip_lock.adapters.recovery import FINISHED, ROLLED_BACK, recover, unfinished
from micropip_lock.adapters.site import SiteInstaller
from micropip_lock.core.mocks import MockInstall
from micropip_lock.core.model import Mock
from micropip_lock.errors import BusyError, StorageError
from tests.adapters.dying import DONE, KILLED, ends_at, every_end
from tests.adapters.installing import NEIGHBOUR, NEW, install_of, prepared, put, snapshot

PRETEND = MockInstall(
    mock=Mock(
        name=canonicalize_name("pretend"),
        display_name="pretend",
        version="1.0",
        persistent=True,
        modules={"pretend": "", "pretend.deep": "x = 1\n"},
    )
)

Work = Callable[[], Coroutine[Any, Any, object]]


class Change:
    """A site in use, and work that replaces, adds, shares, spreads, removes and mocks; always in the same place."""

    def __init__(self, place: Path, *, as_pyodide: bool = False) -> None:
        self._template, self.installs = prepared(place / "template")
        self.site = place / "prefix" / "site"
        self._as_pyodide = as_pyodide
        self.reset()

    def reset(self) -> Work:
        """The site as it was before, and the work to do."""
        shutil.rmtree(self.site.parent, ignore_errors=True)
        shutil.copytree(self._template.parent, self.site.parent)
        return self.work

    async def work(self) -> None:
        installer = SiteInstaller(self.site, prefix=self.site.parent, as_pyodide=self._as_pyodide)
        await installer.install(
            self.installs, lambda stage, name: None, mocks=[PRETEND], removes=["other-1.0.dist-info"]
        )

    def tree(self) -> dict[str, bytes | str]:
        return snapshot(self.site.parent)

    def recover(self) -> tuple[str, ...]:
        return recover(self.site, self.site.parent)

    def killed_with(self, name: str, number: int) -> None:
        """Let the work end with a file of that name in its staging directory, at that operation or the next such."""
        while KILLED == ends_at(number, self.reset()):
            if any(self.site.glob(f".micropip-lock-*/{name}")):
                return
            number += 1
        raise AssertionError("it never lay there")


@pytest.mark.parametrize("as_pyodide", [False, True])
def test_killed_at_any_operation(tmp_path: Path, as_pyodide: bool) -> None:
    """Wherever it ends, recovery gives one of two trees, byte for byte: before up to the commit, after from then on."""
    change = Change(tmp_path, as_pyodide=as_pyodide)
    before = change.tree()
    asyncio.run(change.work())
    names = {repr(before): "before", repr(change.tree()): "after"}
    found: list[str] = []
    code = KILLED
    for _, code in every_end(lambda number: change.reset()):  # noqa: B007  # the last one is looked at
        half = unfinished(change.site)
        notes = change.recover()
        found.append(names.get(repr(change.tree()), "neither"))
        told = (half == "interrupted") == (notes == (ROLLED_BACK,))
        assert (True, None, ()) == (told, unfinished(change.site), change.recover())
    assert (DONE, ["before", "after"]) == (code, list(dict.fromkeys(found)))
    assert (True, True) == (found.count("before") > 60, found.count("after") > 10)


@pytest.mark.parametrize(("name", "number", "is_before"), [(PLAN, 65, True), (PLAN, 90, True), (COMMITTED, 80, False)])
def test_killed_while_recovering(tmp_path: Path, name: str, number: int, is_before: bool) -> None:
    """A recovery that ends at any operation is taken up by the next one, and ends in the same tree."""
    change = Change(tmp_path)
    before = change.tree()
    asyncio.run(change.work())
    wanted = before if is_before else change.tree()
    change.killed_with(name, number)
    half = shutil.copytree(change.site.parent, tmp_path / "half", symlinks=True)

    def prepare(number: int) -> Work:
        shutil.rmtree(change.site.parent)
        shutil.copytree(half, change.site.parent, symlinks=True)

        async def again() -> None:
            change.recover()

        return again

    wrong, count = [], 0
    for count, _ in every_end(prepare):
        change.recover()
        if change.tree() != wanted:
            wrong.append(count)
    assert ([], True) == (wrong, count > 10)


@pytest.mark.parametrize("name", [PLAN, COMMITTED])
def test_the_next_install_recovers(tmp_path: Path, name: str) -> None:
    """The next change of the site begins with the recovery, and says so."""
    change = Change(tmp_path)
    change.killed_with(name, 65)

    async def next_one() -> list[str]:
        async with SiteInstaller(change.site, prefix=change.site.parent).hold() as notes:
            return list(notes)

    notes = asyncio.run(next_one())
    assert ([ROLLED_BACK if name == PLAN else FINISHED], []) == (notes, list(change.site.glob(".micropip-lock*")))


def test_who_lives_is_left_alone(tmp_path: Path) -> None:
    """What another process is doing is neither swept nor joined: the second one is told that it is busy."""
    site = tmp_path / "site"
    site.mkdir()
    staging = site / ".micropip-lock-1-live"
    (staging / "0").mkdir(parents=True)
    (staging / PLAN).write_text("{}")
    ready, go_on = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with exclusive(site):
            os.write(ready[1], b"x")
            os.read(go_on[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        with pytest.raises(BusyError) as caught:
            asyncio.run(put(site, install_of(NEW)))
        assert ("busy", "running", True) == (caught.value.code, unfinished(site), (staging / PLAN).exists())
    finally:
        os.write(go_on[1], b"x")
        os.waitpid(child, 0)
    assert "interrupted" == unfinished(site)


async def test_two_installers_of_one_process(tmp_path: Path) -> None:
    """Two installers for one directory, reached by a link too, do not meet; neither leaves anything of its hold."""
    (tmp_path / "link").symlink_to("site")
    first, second = SiteInstaller(tmp_path / "site"), SiteInstaller(tmp_path / "link")
    async with first.hold():
        with pytest.raises(BusyError):
            async with second.hold():
                pass
        with pytest.raises(BusyError):
            async with first.hold():
                pass
        await first.install([install_of(NEW)], lambda stage, name: None)
    await second.install([install_of(NEIGHBOUR)], lambda stage, name: None)
    assert [] == [name for name in os.listdir(tmp_path / "site") if name.startswith(".")]


@pytest.mark.parametrize("fails", ["flock", "both"])
def test_where_directories_cannot_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """On file systems that lock no directory, a file in it is locked and goes; without any lock the living stay."""
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", refuse)
    if fails == "both":
        monkeypatch.setattr(fcntl, "lockf", refuse)
    for owner in (os.getppid(), 999_999_999):
        (tmp_path / f".micropip-lock-{owner}-x" / "0").mkdir(parents=True)
    with exclusive(tmp_path) as alone:
        recover(tmp_path, tmp_path, alone=alone)
        held = (tmp_path / LOCK_FILE).exists()
    left = sorted(os.listdir(tmp_path))
    if fails == "flock":
        assert (True, True, []) == (alone, held, left)
    else:
        kept = [f".micropip-lock-{os.getppid()}-x"]
        assert (False, kept) == (alone, [name for name in left if name != LOCK_FILE])


PLANS: dict[str, object] = {
    "no text": b"\xff",
    "no object": [],
    "another format": {"format": 3},
    "a place outside": {"incoming": [[".micropip-lock-1-x/0", "../victim"]]},
    "a place by a link": {"incoming": [[".micropip-lock-1-x/0", "link/victim"]]},
    "an absolute place": {"outgoing": [["/etc/victim", ".micropip-lock-1-x/replaced/0"]]},
    "not from its staging": {"incoming": [["other.py", "mine.py"]]},
    "into another staging": {"incoming": [[".micropip-lock-1-x/0", ".micropip-lock-2-y/0"]]},
    "a directory outside": {"made": [".."]},
    "the site itself": {"emptied": ["."]},
    "a size of nothing": {"sizes": [1]},
    "a file without its size": {"outgoing": [["a", ".micropip-lock-1-x/replaced/0"]], "sizes": []},
    "a size below zero": {"outgoing": [["a", ".micropip-lock-1-x/replaced/0"]], "sizes": [-1]},
    "a size in words": {"outgoing": [["a", ".micropip-lock-1-x/replaced/0"]], "sizes": ["1"]},
    "a truth for a size": {"outgoing": [["a", ".micropip-lock-1-x/replaced/0"]], "sizes": [True]},
    "sizes by name": {"sizes": {}},
    "no pair": {"incoming": [["a"]]},
    "no names": {"made": [1]},
    "a null": {"made": ["a\0b"]},
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("name", [PLAN, COMMITTED])
def test_a_plan_that_is_none_of_ours(tmp_path: Path, plan: object, name: str) -> None:
    """A plan that moves anything but its own files and those of the site is refused, and nothing is touched."""
    site = tmp_path / "site"
    staging = site / ".micropip-lock-1-x"
    staging.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (site / "link").symlink_to(tmp_path / "outside")
    for place in ("victim", "outside/victim", "site/other.py"):
        (tmp_path / place).write_text(place)
    full = (
        {
            "format": 2,
            "outgoing": [],
            "sizes": [1 for _ in plan.get("outgoing", ())],
            "made": [],
            "incoming": [],
            "emptied": [],
            **plan,
        }
        if isinstance(plan, dict)
        else plan
    )
    (staging / name).write_bytes(full if isinstance(full, bytes) else json.dumps(full).encode())
    before = snapshot(tmp_path)
    with pytest.raises(StorageError) as caught:
        recover(site, site)
    assert ("journal", before) == (caught.value.code, snapshot(tmp_path))
