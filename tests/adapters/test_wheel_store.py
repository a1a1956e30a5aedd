"""Tests of :mod:`micropip_lock.adapters.wheel_store`: what is read is what was put, and nothing else ever is."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.host import store_dir
from micropip_lock.adapters.wheel_store import WheelStore
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.testing import BuiltWheel, wheel

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})
RICH = wheel("rich", "15.0", files={"rich/__init__.py": "#" * 200_000})
DIGEST = Digest.of(SIX.data)


def verified(built: BuiltWheel = SIX) -> VerifiedWheel:
    return admit(built.data, Digest.of(built.data), filename=built.filename)


def place(root: Path, digest: Digest = DIGEST) -> Path:
    return root / "wheels" / digest.hex[:2] / digest.hex


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def extra(root: Path, kind: str, data: bytes, digest: Digest = DIGEST) -> Path:
    """What the engine keeps beside a wheel."""
    path = root / "extras" / digest.hex / kind
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(hashlib.sha256(data).digest() + data)
    return path


async def test_what_was_put_is_there(tmp_path: Path) -> None:
    """A wheel is given by its digest, under the name that is asked for, and lies where the engine looks for it."""
    kept = await WheelStore(tmp_path).put(verified()), await WheelStore(tmp_path).put(verified())
    found = await WheelStore(tmp_path).get(DIGEST, "six-1.16.0-1-py3-none-any.whl")
    expected = ((True, True), SIX.data, "six-1.16.0-1-py3-none-any.whl", [f"wheels/{DIGEST.hex[:2]}/{DIGEST.hex}"])
    assert expected == (kept, found and found.data, found and found.filename, files(tmp_path))


async def test_nothing_is_there(tmp_path: Path) -> None:
    """What was never put is not there, and asking and listing make no directory."""
    store = WheelStore(tmp_path / "store")
    found = await store.get(DIGEST, SIX.filename), list(await store.wheels()), await store.is_intact(DIGEST)
    assert ((None, [], True), False) == (found, (tmp_path / "store").exists())


@pytest.mark.parametrize("bit", [0, 8 * 100 + 3, 8 * len(SIX.data) - 1])
async def test_a_flipped_bit(tmp_path: Path, bit: int) -> None:
    """A file in which one bit changed is not given, and is gone; putting the wheel again mends it."""
    store = WheelStore(tmp_path)
    await store.put(verified())
    data = bytearray(SIX.data)
    data[bit // 8] ^= 1 << bit % 8
    place(tmp_path).write_bytes(data)
    found = await store.is_intact(DIGEST), await store.get(DIGEST, SIX.filename), files(tmp_path)
    await store.put(verified())
    assert ((False, None, []), SIX.data) == (found, place(tmp_path).read_bytes())


@pytest.mark.parametrize("data", [b"", SIX.data[:-1], b"<html>", SIX.data + b"x"], ids=["empty", "cut", "page", "more"])
async def test_other_bytes_are_replaced(tmp_path: Path, data: bytes) -> None:
    """Putting a wheel where other bytes lie replaces them."""
    store = WheelStore(tmp_path)
    place(tmp_path).parent.mkdir(parents=True)
    place(tmp_path).write_bytes(data)
    kept = await store.put(verified())
    assert (True, SIX.data) == (kept, place(tmp_path).read_bytes())


async def test_a_directory_in_the_way(tmp_path: Path) -> None:
    """What is no file at a wheel's place is none, and the wheel is not kept."""
    store = WheelStore(tmp_path)
    place(tmp_path).mkdir(parents=True)
    assert (None, False) == (await store.get(DIGEST, SIX.filename), await store.put(verified()))


class Full:
    """Fails the n-th call of a function as a full disk does."""

    def __init__(self, number: int) -> None:
        self.number, self.seen = number, 0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def faulty(*given: Any, **named: Any) -> Any:
            self.seen += 1
            if self.seen == self.number:
                raise OSError(28, "No space left on device")
            return call(*given, **named)

        return faulty


async def test_a_full_disk(tmp_path: Path) -> None:
    """Whichever call meets a full disk: the wheel is not kept, nothing of it is left, and what was kept is there."""
    store = WheelStore(tmp_path)
    await store.put(verified(RICH))
    answers = []
    for number in range(1, 20):
        full = Full(number)
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in ((os, "fsync"), (os, "chmod"), (os, "replace"), (os, "mkdir"), (tempfile, "mkstemp")):
                patch.setattr(owner, name, full.wrap(getattr(owner, name)))
            answers.append(store.write(verified()))
        found = store.read(DIGEST, SIX.filename)
        names = [path.rpartition("/")[2] for path in files(tmp_path)]
        assert (answers[-1], sorted([DIGEST.hex] * answers[-1] + [RICH.sha256])) == (found is not None, sorted(names))
        if full.seen < number:
            break
        place(tmp_path).unlink(missing_ok=True)
    assert (False, True) == (answers[0], answers[-1])


def _hammer(root: str, barrier: Any, failures: Any) -> None:
    store = WheelStore(Path(root))
    barrier.wait()
    for _ in range(60):
        store.write(verified(RICH))
        found = store.read(Digest.of(RICH.data), RICH.filename)
        if found is None or found.data != RICH.data:
            failures.put("lost")
        asyncio.run(store.put(verified()))


def test_two_processes(tmp_path: Path) -> None:
    """Processes that put and read the same wheels at once always find them whole, and leave nothing else behind."""
    context = multiprocessing.get_context("spawn")
    barrier, failures = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_hammer, args=(str(tmp_path), barrier, failures)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    names = sorted(path.rpartition("/")[2] for path in files(tmp_path))
    assert ([0, 0, 0], True, sorted([SIX.sha256, RICH.sha256])) == (
        [process.exitcode for process in processes],
        failures.empty(),
        names,
    )


KILLED = """
import os, signal, sys
from pathlib import Path
from micropip_lock.adapters.wheel_store import WheelStore
from tests.adapters.test_wheel_store import RICH, verified
setattr(os, sys.argv[2], lambda *given, **named: os.kill(os.getpid(), signal.SIGKILL))
WheelStore(Path(sys.argv[1])).write(verified(RICH))
"""


@pytest.mark.parametrize("call", ["fdopen", "fsync", "chmod", "replace"])
async def test_a_killed_process(tmp_path: Path, call: str) -> None:
    """A process that is killed while it writes leaves nothing that is given or listed, and gc takes the rest away."""
    command = [sys.executable, "-c", KILLED, str(tmp_path), call]
    done = await asyncio.to_thread(subprocess.run, command, check=False)
    store, digest = WheelStore(tmp_path), Digest.of(RICH.data)
    found = await store.get(digest, RICH.filename), list(await store.wheels()), len(files(tmp_path))
    in_use = await store.remove_parts(time.time() - 3600), len(files(tmp_path))
    await store.remove_parts(time.time() + 1)
    assert (-signal.SIGKILL, (None, [], 1), (0, 1), []) == (done.returncode, found, in_use, files(tmp_path))


async def test_a_listing(tmp_path: Path) -> None:
    """Each digest is listed with its sizes, the time of its last use, and what the wheel calls itself."""
    store = WheelStore(tmp_path)
    await store.put(verified())
    await store.put(verified(RICH))
    extra(tmp_path, "checked", b"yes")
    only = Digest.of(b"gone")
    extra(tmp_path, "pyc", b"code", only)
    (tmp_path / "wheels" / "README").write_text("not ours")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1_000, 1_000))
    await store.get(DIGEST, SIX.filename)
    listed = {one.digest: (one.size, one.extra_size, one.title, one.used > 1_000) for one in await store.wheels()}
    expected = {
        DIGEST: (SIX.size, 35, "six 1.16.0", True),
        Digest.of(RICH.data): (RICH.size, 0, "rich 15.0", False),
        only: (None, 36, "", False),
    }
    assert expected == listed


async def test_a_listing_of_damage(tmp_path: Path) -> None:
    """What is no wheel any more is listed without a name."""
    place(tmp_path).parent.mkdir(parents=True)
    place(tmp_path).write_bytes(b"PK\5\6")
    assert [("", 4)] == [(one.title, one.size) for one in await WheelStore(tmp_path).wheels()]


async def test_extras_are_verified(tmp_path: Path) -> None:
    """An extra whose bytes are not those of its digest is damage, and so is one that is too short to have any."""
    store = WheelStore(tmp_path)
    await store.put(verified())
    path = extra(tmp_path, "checked", b"yes")
    answers = [await store.is_intact(DIGEST)]
    for data in (path.read_bytes()[:-1] + b"?", b"short"):
        path.write_bytes(data)
        answers.append(await store.is_intact(DIGEST))
    assert [True, False, False] == answers


async def test_removing(tmp_path: Path) -> None:
    """A wheel goes with its extras, one that is not there is no error, and others stay."""
    store = WheelStore(tmp_path)
    await store.put(verified())
    await store.put(verified(RICH))
    extra(tmp_path, "checked", b"yes")
    gone = [await store.remove(DIGEST), await store.remove(DIGEST)]
    assert ([True, True], [RICH.sha256]) == (gone, [path.rpartition("/")[2] for path in files(tmp_path)])


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"MICROPIP_LOCK_CACHE": "/c"}, Path("/c/store")),
        ({"MICROPIP_LOCK_CACHE": "/c", "MICROPIP_LOCK_STORE": ""}, Path("/c/store")),
        ({"MICROPIP_LOCK_CACHE": "/c", "MICROPIP_LOCK_STORE": "off"}, None),
        ({"MICROPIP_LOCK_CACHE": "/c", "MICROPIP_LOCK_STORE": " OFF "}, None),
    ],
)
def test_where_it_is(environ: dict[str, str], expected: Path | None) -> None:
    """The store is in the cache, unless the environment turns it off."""
    assert expected == store_dir(environ)
