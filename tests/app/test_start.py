"""Tests of :mod:`micropip_lock.app.start`: what imports read is put into one file, which the bundle's lock names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.folder import Folder
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.app.bundle import LOCK_NAME, Bundled, bundle
from micropip_lock.app.obtain import Sources
from micropip_lock.app.start import Start, imports_of
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock
from micropip_lock.core.start_pack import parse_start_pack
from micropip_lock.errors import MicropipLockError, RuntimeFailedError, RuntimeMissingError
from micropip_lock.ports import FilesRead
from micropip_lock.testing import wheel
from tests.app.replaying import AT_ONCE, Network, lock_of, locked, snapshot

# Not compressible: packed as large as it is.
NOISE = "".join(Digest.of(str(number).encode()).hex for number in range(300))
ALPHA = wheel("alpha", files={"alpha/__init__.py": "", "alpha/unread.py": NOISE})
BETA = wheel("beta", files={"beta.py": "", "data.txt": NOISE})
BOTH = lock_of(ALPHA, BETA)
BASE = "file:///bundle/"


class Watch:
    """Stands for the runtime; keeps what it was asked, and what was in the directory then."""

    def __init__(self, root: Path, answer: FilesRead | BaseException | None = None) -> None:
        read = {ALPHA.filename: frozenset({"alpha/__init__.py"}), BETA.filename: frozenset({"beta.py"})}
        self.answer = answer or FilesRead(read=read, failed={})
        self.asked: list[tuple[str | None, tuple[str, ...]]] = []
        self.there: set[str] = set()
        self._root = root

    async def files_read(self, lock: Lock, names: Sequence[str]) -> FilesRead:
        self.asked.append((lock.base, tuple(names)))
        self.there = {Path(path).name for path, data in snapshot(self._root).items() if data is not None}
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


async def run(root: Path, watch: Watch, lock: Lock = BOTH, imports: tuple[str, ...] = (), **options: Any) -> Bundled:
    return await bundle(
        lock,
        folder=Folder(root),
        fetcher=Network(wheels=(ALPHA, BETA)),
        kept=KeptWheels(root.parent / "kept"),
        sources=Sources(patience=AT_ONCE),
        concurrency=3,
        start=Start(watch=watch, base=BASE, imports=imports),
        **options,
    )


def written(root: Path) -> Lock:
    return Lock.from_json((root / LOCK_NAME).read_text("utf-8"))


async def test_a_pack_beside_the_wheels(tmp_path: Path) -> None:
    """The lock names a file whose name and digest are its content's; it holds what was read, and not the rest."""
    root = tmp_path / "out"
    done = await run(root, Watch(root))
    start = written(root).start
    assert start is not None
    data = (root / start.url).read_bytes()
    assert (start.digest, start.size, start.url) == (Digest.of(data), len(data), f"start-{start.digest.hex[:16]}.pack")
    assert (start.url, f"{LOCK_NAME} and 2 wheels, with a start pack") == (done.start, str(done))
    packed = {one.digest: b"".join(part for _, part in one.segments) for one in parse_start_pack(data)}
    assert {Digest.of(one.data) for one in (ALPHA, BETA)} == set(packed)
    assert all(b"PK\x05\x06" in parts and len(parts) < 4000 for parts in packed.values())
    assert b"alpha/__init__.py" in packed[Digest.of(ALPHA.data)]


async def test_the_runtime_is_asked_when_the_wheels_are_there(tmp_path: Path) -> None:
    """What is imported is what was asked for, and the lock is not yet there while it is tried."""
    root = tmp_path / "out"
    watch = Watch(root)
    await run(root, watch, lock_of(locked(ALPHA), locked(BETA, requested=True)))
    assert ([(BASE, ("beta",))], {ALPHA.filename, BETA.filename}) == (watch.asked, watch.there)


async def test_named_imports(tmp_path: Path) -> None:
    """Modules that are named are imported instead, in that order."""
    root = tmp_path / "out"
    watch = Watch(root)
    await run(root, watch, imports=("beta", "alpha.unread"))
    assert [(BASE, ("beta", "alpha.unread"))] == watch.asked


def test_imports_of() -> None:
    """Where nobody asked for a package by name, all modules are imported, each once."""
    both = lock_of(locked(ALPHA, imports=("a", "b")), locked(BETA, imports=("b", "c")))
    assert ("a", "b", "c") == imports_of(both)


async def test_a_failed_import_is_told(tmp_path: Path) -> None:
    """A module that cannot be imported is a note, and the pack is made."""
    root = tmp_path / "out"
    watch = Watch(root)
    assert isinstance(watch.answer, FilesRead)
    watch.answer = replace(watch.answer, failed={"beta": "ImportError: no"})
    done = await run(root, watch)
    assert ("beta could not be imported to see what it needs: 'ImportError: no'",) == done.notes
    assert written(root).start is not None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (FilesRead(read={ALPHA.filename: frozenset()}, failed={}), "not-mounted"),
        (RuntimeMissingError("there is no Node", code="no-node"), "no-node"),
    ],
)
async def test_no_runtime_no_lock(tmp_path: Path, answer: FilesRead | BaseException, code: str) -> None:
    """Where the environment cannot be tried, that is told; the wheels stay for the next attempt."""
    root = tmp_path / "out"
    watch = Watch(root, answer)
    with pytest.raises((RuntimeFailedError, RuntimeMissingError)) as caught:
        await run(root, watch)
    assert isinstance(caught.value, MicropipLockError)
    assert (code, False) == (caught.value.code, (root / LOCK_NAME).exists())
    assert {ALPHA.filename, BETA.filename} == {
        Path(path).name for path, data in snapshot(root).items() if data is not None
    }


async def test_a_bundle_without(tmp_path: Path) -> None:
    """A bundle that is made of a bundle's lock has no pack that lies elsewhere."""
    root = tmp_path / "out"
    await run(root, Watch(root))
    again = await bundle(
        replace(written(root), base=root.as_uri() + "/"),
        folder=Folder(root),
        fetcher=Network(wheels=(ALPHA, BETA)),
        kept=KeptWheels(tmp_path / "kept"),
        concurrency=1,
    )
    assert (None, None) == (again.start, written(root).start)
