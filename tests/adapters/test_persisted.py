"""Directories that are synchronised with a place that lasts: whole there, or known to be cut short."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from micropip_lock.adapters import journal
from micropip_lock.adapters.persisted import Persistence
from micropip_lock.adapters.recovery import recover
from micropip_lock.adapters.site import SiteInstaller
from micropip_lock.core.mocks import MockInstall
from micropip_lock.errors import BusyError
from micropip_lock.testing import wheel
from tests.adapters.installing import NEW, install_of, prepared, put, snapshot
from tests.adapters.test_site_killed import PRETEND

UNRELATED = wheel("unrelated", "1.0", files={"unrelated.py": ""})


@pytest.fixture(autouse=True)
def fine_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """This file system counts nanoseconds: nothing has to be later than now to be younger than what was just copied."""
    monkeypatch.setattr(journal, "_LATER", 0.0)


class CutError(Exception):
    """The tab ends, or there is no room."""


class Place:
    """Where a directory lasts, written file after file: what is new in the order of paths, then what goes, backwards.

    So does Pyodide's synchronisation with the origin's private files: a new file is there, empty, before its bytes are,
    which come all at once, out of a file beside it that Chromium shows (``.crswap``); and one that is there is written
    again when the file in memory is younger.

    Args:
        mounted: The directory in memory.
        kept: Where it lasts.
        cut_at: The operation before which it ends.
    """

    def __init__(self, mounted: Path, kept: Path, *, cut_at: int = 0, one_step: bool = False) -> None:
        self.mounted, self.kept, self.cut_at, self.one_step = mounted, kept, cut_at, one_step
        self.operations, self.syncs, self.busy, self.released = 0, 0, False, 0
        self.pause: Callable[[], Any] | None = None
        if not kept.exists():
            shutil.copytree(mounted, kept)

    def persistence(self) -> Persistence:
        async def hold(name: str) -> Any:
            return SimpleNamespace(busy=self.busy, release=self._release)

        async def sync(mount: object) -> None:
            self.syncs += 1
            if self.pause is not None:
                await self.pause()
            self._synchronise()

        script = SimpleNamespace(
            hold=hold,
            mountOf=lambda fs, path: "mount" if Path(path) == self.mounted else None,
            isOneStep=lambda fs, mount: self.one_step,
            sync=sync,
        )
        return Persistence(lambda text: script, None, CutError)

    def _release(self) -> None:
        self.released += 1

    def _step(self) -> None:
        self.operations += 1
        if self.operations == self.cut_at:
            raise CutError("cut")

    @staticmethod
    def _swaps(target: Path) -> Iterator[Path]:
        yield from (target.with_name(f"{target.name}{number}.crswap") for number in ("", ".1", ".2"))

    def _synchronise(self) -> None:
        here, there = ({path.relative_to(root) for path in root.rglob("*")} for root in (self.mounted, self.kept))
        for path in sorted(here, key=lambda path: path.as_posix()):
            source, target = self.mounted / path, self.kept / path
            if source.is_dir():
                if not target.is_dir():
                    self._step()
                    target.mkdir()
            elif not target.exists() or source.stat().st_mtime_ns > target.stat().st_mtime_ns:
                if not target.exists():
                    self._step()
                    target.touch()
                self._step()
                swap = next(swap for swap in self._swaps(target) if not swap.exists())
                swap.touch()
                self._step()
                shutil.copyfile(source, swap)
                # The kernel's own time for it may be some milliseconds old.
                os.utime(swap, ns=(time.time_ns(), time.time_ns()))
                swap.replace(target)
        for path in sorted(there - here, key=lambda path: path.as_posix(), reverse=True):
            self._step()
            target = self.kept / path
            if target.is_dir():
                target.rmdir()
            else:
                target.unlink()


def changed_whole(tmp_path: Path) -> tuple[Path, Place]:
    """A site in use, and the place to which a change of a copy of it was written to its end."""
    template, _ = prepared(tmp_path / "template")
    shutil.copytree(template, tmp_path / "whole")
    whole = Place(tmp_path / "whole", tmp_path / "kept")
    assert () == asyncio.run(change(tmp_path / "whole", whole))
    return template, whole


async def change(site: Path, place: Place, mocks: tuple[MockInstall, ...] = (PRETEND,)) -> Any:
    installs = [install_of(NEW, replaces=["six-1.15.dist-info"])]
    installer = SiteInstaller(site, persistence=place.persistence())
    return await installer.install(installs, lambda stage, name: None, mocks=mocks, removes=["other-1.0.dist-info"])


def test_a_copy_that_is_cut_short(tmp_path: Path) -> None:
    """Wherever the synchronisation ends, what lasts is exactly before or exactly after once it is recovered."""
    template, whole = changed_whole(tmp_path)
    before, after = snapshot(template), snapshot(whole.mounted)
    found = []
    for number in range(1, whole.operations + 1):
        site, kept = tmp_path / f"site{number}", tmp_path / f"kept{number}"
        shutil.copytree(template, site)
        notes = asyncio.run(change(site, Place(site, kept, cut_at=number)))
        # It went on in memory, where nothing is amiss.
        assert (1, after) == (len(notes), snapshot(site))
        # The next tab: what lasts is mounted, and recovered in memory.
        again = tmp_path / f"again{number}"
        shutil.copytree(kept, again)
        recover(again, again, copied=True)
        tree = snapshot(again)
        found.append("before" if tree == before else "after" if tree == after else f"neither at {number}")
        # Another change, or the same once more, is what writes it where it lasts.
        if number % 2:
            assert () == asyncio.run(put(again, install_of(UNRELATED), persistence=Place(again, kept).persistence()))
        elif found[-1] == "before":
            assert () == asyncio.run(change(again, Place(again, kept)))
            assert after == snapshot(again), number
        else:
            continue
        assert snapshot(again) == snapshot(kept), number
    assert (["before", "after"], 3, after) == (list(dict.fromkeys(found)), whole.syncs, snapshot(tmp_path / "kept"))


def test_a_recovery_that_is_cut_short(tmp_path: Path) -> None:
    """What was put back is written where it lasts by the next change: wherever that ends, too, nothing is lost."""
    template, whole = changed_whole(tmp_path)
    before, after = snapshot(template), snapshot(whole.mounted)
    chance = random.Random(0)
    wrong = []
    for number in range(60):
        first, second = chance.randint(1, whole.operations), chance.randint(1, whole.operations // 2)
        places = [tmp_path / f"{name}{number}" for name in ("first", "kept", "second", "third")]
        shutil.copytree(template, places[0])
        asyncio.run(change(places[0], Place(places[0], places[1], cut_at=first)))
        shutil.copytree(places[1], places[2])
        cut = Place(places[2], places[1], cut_at=second)
        asyncio.run(put(places[2], install_of(UNRELATED), persistence=cut.persistence()))
        shutil.copytree(places[1], places[3])
        recover(places[3], places[3], copied=True)
        tree = {path: data for path, data in snapshot(places[3]).items() if not path.startswith("unrelated")}
        wrong += [] if tree in (before, after) else [(first, second)]
    assert [] == wrong


async def test_one_step_is_enough(tmp_path: Path) -> None:
    """A place that takes all in one step is written once, when it is done; a directory in memory never."""
    site, _ = await asyncio.to_thread(prepared, tmp_path)
    place = Place(site, tmp_path / "kept", one_step=True)
    await change(site, place)
    other = Place(tmp_path / "not mounted", tmp_path / "kept", one_step=True)
    await SiteInstaller(tmp_path / "elsewhere", persistence=other.persistence()).install(
        [install_of(NEW)], lambda stage, name: None
    )
    assert (1, 1, 0, 0) == (place.syncs, place.released, other.syncs, other.released)


async def test_no_room_to_persist(tmp_path: Path) -> None:
    """When there is no room, the environment in memory is the lock's, and a note says that it will not last."""
    site, _ = await asyncio.to_thread(prepared, tmp_path)
    place = Place(site, tmp_path / "kept", cut_at=3, one_step=True)
    before = snapshot(tmp_path / "kept")
    notes = await change(site, place)
    assert (["not persisted"], True, False) == (
        [note.partition(":")[0] for note in notes],
        (site / "six-1.16.dist-info").is_dir(),
        before == snapshot(site),
    )


async def test_another_tab_has_it(tmp_path: Path) -> None:
    """A directory that another tab is changing is left alone; nothing is read, written or released."""
    site, _ = await asyncio.to_thread(prepared, tmp_path)
    place = Place(site, tmp_path / "kept")
    place.busy = True
    before = snapshot(site)
    with pytest.raises(BusyError):
        await change(site, place)
    assert (before, 0, 0) == (snapshot(site), place.syncs, place.released)


@pytest.mark.parametrize("moment", ["planned", "committed", "cleared"])
async def test_cancelled_while_it_is_persisted(tmp_path: Path, moment: str) -> None:
    """Cancelled before the first move, nothing is changed; later it is brought to its end."""
    site, _ = await asyncio.to_thread(prepared, tmp_path)
    place = Place(site, tmp_path / "kept")
    before = snapshot(site)
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        if place.syncs == ["planned", "committed", "cleared"].index(moment) + 1:
            waiting.set()
            await go_on.wait()

    place.pause = pause
    task = asyncio.create_task(change(site, place))
    await waiting.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    if moment == "planned":
        with pytest.raises(asyncio.CancelledError):
            await task
        assert before == snapshot(site)
    else:
        assert () == await task
        assert snapshot(site) == snapshot(tmp_path / "kept")
    assert [] == list(site.glob(".micropip-lock*"))
