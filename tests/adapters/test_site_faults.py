"""Whatever fails while a site is changed, and whenever: it is as it was before."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.site import SiteInstaller, sweep
from micropip_lock.errors import EnvironmentMismatchError, StorageError, WheelRecordError
from micropip_lock.ports import Install
from micropip_lock.testing import wheel
from tests.adapters.installing import EXTENSION, NEIGHBOUR, NEW, OLD, SCHEMES, install_of, put, snapshot


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


def prepared(tmp_path: Path) -> tuple[Path, list[Install]]:
    """A site in use, and a replay that replaces, adds, shares and spreads."""
    site = tmp_path / "prefix" / "site"
    asyncio.run(put(site, install_of(OLD), install_of(NEIGHBOUR), prefix=site.parent))
    (site / "empty" / "deeper").mkdir(parents=True)
    (site / "fresh").mkdir()
    return site, [install_of(NEW, replaces=["six-1.15.dist-info"]), install_of(SCHEMES)]


def attempt(site: Path, installs: Sequence[Install], faults: Faults, **options: Any) -> str:
    """The code of the error, or ``done``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", faults.wrap(os.rename))
        patch.setattr(Path, "write_bytes", faults.wrap(Path.write_bytes))
        patch.setattr(Path, "mkdir", faults.wrap(Path.mkdir))
        patch.setattr(Path, "read_bytes", faults.wrap(Path.read_bytes))
        patch.setattr(Path, "chmod", faults.wrap(Path.chmod))
        patch.setattr(tempfile, "mkdtemp", faults.wrap(tempfile.mkdtemp))
        try:
            asyncio.run(put(site, *installs, prefix=site.parent, **options))
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
    wrong = [
        (number, code, same)
        for number, (code, same) in enumerate(found, start=1)
        if (code, same) not in (("storage", True), (("done", False) if number == len(found) else ()))
    ]
    failed = sum(code == "storage" for code, _ in found)
    assert ([], ("done", False), True) == (wrong, found[-1], failed > 40)


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
    assert ([("storage", {})] * len(left), True) == (left, len(left) > 10)


def test_a_rollback_that_fails_keeps_what_it_has(tmp_path: Path) -> None:
    """When putting back fails as well, the error says so and the replaced files are still there to be found."""
    codes = []
    for number in range(1, 200):
        site, installs = prepared(tmp_path / str(number))
        before = {what for what in snapshot(site).values() if what != "directory"}
        faults = Faults(number, forever=True)
        code = attempt(site, installs, faults)
        codes.append(code)
        if faults.seen < number:
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
    """An interrupt right after any move or new directory, before it could be written down, is undone as well."""
    wrong = []
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
            patch.setattr(os, "rename", interrupted(os.rename))
            patch.setattr(Path, "mkdir", interrupted(Path.mkdir))
            try:
                asyncio.run(put(site, *installs, prefix=site.parent))
            except KeyboardInterrupt:
                if before != snapshot(tmp_path / str(number)):
                    wrong.append(number)
        if seen < number:
            break
    assert ([], True) == (wrong, number > 20)


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


async def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    """The staging directory of a process that is gone goes; one in use, or with replaced files, stays."""
    gone, running, kept = (
        tmp_path / f".micropip-lock-{name}" for name in ("999999999-a", f"{os.getppid()}-b", "999999998-c")
    )
    for directory in (gone / "0", running / "0", kept / "replaced"):
        directory.mkdir(parents=True)
    sweep(tmp_path)
    assert [False, True, True] == [gone.exists(), running.exists(), kept.exists()]
