"""Whatever fails while a site is changed, and whenever: it is as it was before."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.recovery import recover
from micropip_lock.adapters.site import SiteInstaller
from micropip_lock.errors import EnvironmentMismatchError, StorageError, WheelRecordError
from micropip_lock.ports import Install
from micropip_lock.testing import wheel
from tests.adapters.installing import EXTENSION, NEIGHBOUR, NEW, install_of, prepared, put, snapshot


async def test_a_bad_wheel_changes_nothing(tmp_path: Path) -> None:
    """One wheel with a changed file, last of three, and nothing of the others is installed."""

    def change(entries: dict[str, bytes]) -> None:
        entries["bad.py"] = b"changed"

    bad = wheel("bad", files={"bad.py": "x"}, mutate=change)
    with pytest.raises(WheelRecordError):
        await put(tmp_path / "site", install_of(NEIGHBOUR), install_of(NEW), install_of(bad))
    assert {} == snapshot(tmp_path)


class Faults:
    """Fails the n-th file operation, or every one from the n-th on."""

    def __init__(self, number: int, *, forever: bool = False) -> None:
        self.number, self.forever, self.seen = number, forever, 0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def faulty(*args: Any, **kwargs: Any) -> Any:
            self.seen += 1
            if self.seen == self.number or (self.forever and self.seen > self.number):
                raise OSError(28, "No space left on device", str(args[0]) if args else None)
            return call(*args, **kwargs)

        return faulty


CLEARING = ("rmdir", "unlink")
"""Operations of the clearing up, whose failure changes nothing but what is left to the next one to sweep."""


def attempt(
    site: Path, installs: Sequence[Install], faults: Faults, *, more: Sequence[str] = (), **options: Any
) -> str:
    """The code of the error, or ``done``."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("rename", "replace", "mkdir", "fsync", "listdir", *more):
            patch.setattr(os, name, faults.wrap(getattr(os, name)))
        patch.setattr(Path, "write_bytes", faults.wrap(Path.write_bytes))
        patch.setattr(Path, "read_bytes", faults.wrap(Path.read_bytes))
        patch.setattr(Path, "chmod", faults.wrap(Path.chmod))
        try:
            asyncio.run(put(site, *installs, **{"prefix": site.parent, **options}))
        except StorageError as error:
            return error.code
    return "done"


def outcomes(tmp_path: Path, **options: Any) -> Iterator[tuple[str, bool]]:
    """For every n: how a replay ends whose n-th file operation fails, and whether the tree is as it was."""
    for number in range(1, 500):
        site, installs = prepared(tmp_path / str(number))
        before = snapshot(tmp_path / str(number))
        faults = Faults(number)
        code = attempt(site, installs, faults, **options)
        yield code, before == snapshot(tmp_path / str(number))
        if faults.seen < number:
            return


@pytest.mark.parametrize("as_pyodide", [False, True])
def test_any_file_operation_may_fail(tmp_path: Path, as_pyodide: bool) -> None:
    """Whichever single file operation fails, the tree is byte-identical, empty directories included."""
    found = list(outcomes(tmp_path, as_pyodide=as_pyodide))
    # Some may fail and nothing is lost: making what is there already, the flush of what is done.
    wrong = [(number, one) for number, one in enumerate(found) if one not in (("storage", True), ("done", False))]
    assert ([], ("done", False), True) == (wrong, found[-1], sum(code == "storage" for code, _ in found) > 40)


def test_what_cannot_be_cleared_up_is_swept(tmp_path: Path) -> None:
    """Also when clearing up fails: the next one to hold the site finds it exactly before or exactly after."""
    site, installs = prepared(tmp_path / "whole")
    asyncio.run(put(site, *installs, prefix=site.parent))
    after = snapshot(site)
    wrong, codes = [], []
    for number in range(1, 500):
        site, installs = prepared(tmp_path / str(number))
        before = snapshot(site)
        faults = Faults(number)
        codes.append(attempt(site, installs, faults, more=CLEARING, prefix=site.parent))
        recover(site, site.parent)
        if snapshot(site) != (after if codes[-1] == "done" else before):
            wrong.append((number, codes[-1]))
        if faults.seen < number:
            break
    assert ([], True, True) == (wrong, codes.count("done") > 10, codes.count("storage") > 40)


def test_any_file_operation_may_fail_in_a_new_place(tmp_path: Path) -> None:
    """Whichever file operation fails, of a site that was not there nothing is left, not even its parents."""
    left = []
    for number in range(1, 500):
        root = tmp_path / str(number)
        root.mkdir()
        faults = Faults(number)
        code = attempt(root / "a" / "site", [install_of(NEW)], faults)
        if faults.seen < number:
            break
        left.append((code, snapshot(root)))
    wrong = [(number, one) for number, one in enumerate(left) if one[0] != "done" and one != ("storage", {})]
    assert ([], True) == (wrong, len(left) > 10)


def test_a_rollback_that_fails_keeps_what_it_has(tmp_path: Path) -> None:
    """When putting back fails as well, the error says so and the replaced files are still there to be found."""
    codes = []
    for number in range(1, 200):
        site, installs = prepared(tmp_path / str(number))
        before = {what for what in snapshot(site).values() if what != "directory"}
        faults = Faults(number, forever=True)
        code = attempt(site, installs, faults)
        codes.append(code)
        if code == "done":
            break
        assert before <= set(snapshot(site).values())
    assert {"storage", "rollback", "done"} == set(codes)


async def refuse(path: Path) -> None:
    raise EnvironmentMismatchError("cannot be loaded", code="extension-load", where=str(path))


async def cancel(path: Path) -> None:
    raise asyncio.CancelledError


async def interrupt(path: Path) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("load", "error"),
    [(refuse, EnvironmentMismatchError), (cancel, asyncio.CancelledError), (interrupt, KeyboardInterrupt)],
)
def test_failure_after_the_move(
    tmp_path: Path, load: Callable[[Path], Awaitable[None]], error: type[BaseException]
) -> None:
    """An extension module that cannot be loaded, a cancellation or an interrupt there undoes everything."""
    site, installs = prepared(tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(error):
        asyncio.run(put(site, *installs, install_of(wheel("fast", files={EXTENSION: "wasm"})), load_extension=load))
    assert before == snapshot(tmp_path)


def test_an_interrupt_between_any_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt right after any move or new directory is undone as well; right after the commit it is done."""
    site, installs = prepared(tmp_path / "whole")
    asyncio.run(put(site, *installs, prefix=site.parent))
    after, found = snapshot(tmp_path / "whole"), []
    for number in range(1, 200):
        site, installs = prepared(tmp_path / str(number))
        before = snapshot(tmp_path / str(number))
        seen = 0

        def interrupted(call: Callable[..., Any], number: int = number) -> Callable[..., Any]:
            def then_interrupt(*args: Any, **kwargs: Any) -> Any:
                nonlocal seen
                call(*args, **kwargs)
                seen += 1
                if seen == number:
                    raise KeyboardInterrupt

            return then_interrupt

        with monkeypatch.context() as patch:
            for name in ("rename", "replace", "mkdir"):
                patch.setattr(os, name, interrupted(getattr(os, name)))
            try:
                asyncio.run(put(site, *installs, prefix=site.parent))
            except KeyboardInterrupt:
                tree = snapshot(tmp_path / str(number))
                found.append("before" if tree == before else "after" if tree == after else f"neither at {number}")
        if seen < number:
            break
    assert (["before", "after"], 1, True) == (list(dict.fromkeys(found)), found.count("after"), number > 20)


async def test_cancelled_while_unpacking(tmp_path: Path) -> None:
    """Between two wheels others may run, and a cancellation that arrives there leaves nothing."""
    told: list[str] = []
    second = asyncio.Event()

    def listen(stage: str, name: str) -> None:
        told.append(name)
        if len(told) == 2:
            second.set()

    installs = [install_of(wheel(f"p{number}")) for number in range(5)]
    task = asyncio.create_task(SiteInstaller(tmp_path / "site").install(installs, listen))
    await second.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (True, {}) == (len(told) < 5, snapshot(tmp_path))


async def test_a_listener_that_raises_undoes_everything(tmp_path: Path) -> None:
    """An error of the caller's own listener leaves the environment as it was."""

    def listen(stage: str, name: str) -> None:
        if (stage, name) == ("install", "other"):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await SiteInstaller(tmp_path).install([install_of(NEW), install_of(NEIGHBOUR)], listen)
    assert {} == snapshot(tmp_path)


@pytest.mark.parametrize("turn", [1, 5, 20])
def test_a_disk_that_is_full_in_the_middle_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    """A write that is cut short, of a wheel's file or of the plan itself, leaves nothing behind."""
    site, installs = prepared(tmp_path)
    before = snapshot(tmp_path)
    whole, seen = Path.write_bytes, 0

    def cut_short(path: Path, data: bytes) -> int:
        nonlocal seen
        seen += 1
        if seen == turn:
            whole(path, data[: len(data) // 2])
            raise OSError(28, "No space left on device", str(path))
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", cut_short)
    with pytest.raises(StorageError) as caught:
        asyncio.run(put(site, *installs, prefix=site.parent))
    assert ("storage", before) == (caught.value.code, snapshot(tmp_path))


def test_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When memory runs out while files are unpacked, nothing stays of them."""
    site, installs = prepared(tmp_path)
    before = snapshot(tmp_path)

    def refuse(path: Path, data: bytes) -> int:
        raise MemoryError

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(MemoryError):
        asyncio.run(put(site, *installs, prefix=site.parent))
    assert before == snapshot(tmp_path)


async def test_nothing_is_seen_before_the_commit(tmp_path: Path) -> None:
    """Code that runs in another task meanwhile sees no file of the lock until all of them are there."""
    installs = [install_of(wheel(f"p{number}")) for number in range(5)]
    seen: set[int] = set()
    task = asyncio.create_task(put(tmp_path, *installs))
    while not task.done():
        seen.add(sum(not path.name.startswith(".") for path in tmp_path.iterdir()))
        await asyncio.sleep(0)
    assert {0, 10} >= seen | {sum(1 for _ in tmp_path.iterdir())}
