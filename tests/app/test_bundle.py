"""Tests of :mod:`micropip_lock.app.bundle`: every wheel under its digest, the lock last, nothing fetched twice."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.folder import Folder
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.app.bundle import LOCK_NAME, Bundled, bundle, bundled_lock
from micropip_lock.app.obtain import Sources
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.local_wheel import local_file_name, local_origin
from micropip_lock.core.mirrors import Mirror
from micropip_lock.core.model import Lock, Origin
from micropip_lock.core.policy import Policy
from micropip_lock.errors import MicropipLockError, NotFoundError, StorageError
from micropip_lock.ports import Fetched
from micropip_lock.testing import BuiltWheel, wheel
from tests.app.replaying import ALL, AT_ONCE, NAMES, WHEELS, Network, lock_of, locked, snapshot, url_of


def path_of(built: BuiltWheel) -> str:
    return local_file_name(Digest.of(built.data), built.filename)


async def run(root: Path, lock: Lock = ALL, network: Any = None, **options: Any) -> Bundled:
    options = {
        "kept": KeptWheels(root.parent / "kept"),
        "sources": Sources(patience=AT_ONCE),
        "folder": Folder(root),
        "concurrency": 3,
        **options,
    }
    return await bundle(lock, fetcher=network or Network(), **options)


async def failing(root: Path, lock: Lock = ALL, network: Any = None, **options: Any) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        await run(root, lock, network, **options)
    return caught.value


async def test_everything_is_there(tmp_path: Path) -> None:
    """The directory holds each wheel under its digest, and a lock that names them there and where they came from."""
    network = Network()
    done = await run(tmp_path / "out", network=network)
    files = {path: data for path, data in snapshot(tmp_path / "out").items() if data is not None}
    lock = Lock.from_json(files.pop(LOCK_NAME).decode())
    expected = {path_of(built): built.data for built in WHEELS.values()}
    assert (expected, [path_of(WHEELS[name]) for name in sorted(NAMES)], True, 8, 3) == (
        files,
        [package.wheel.url for package in lock],
        all(package.origin == ALL.packages[package.name].origin for package in lock),
        done.requests,
        network.peak,
    )
    assert (tuple(sorted(NAMES)), sum(len(data) for data in expected.values()), f"{LOCK_NAME} and 8 wheels") == (
        done.added,
        done.size,
        str(done),
    )


async def test_again(tmp_path: Path) -> None:
    """A bundle that is whole sends no request, and writes nothing."""
    await run(tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    network = Network()
    done = await run(tmp_path / "out", network=network)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert ([], 0, before, "pyodide-lock.json and 8 wheels, 8 of them there before") == (
        network.asked,
        done.requests,
        after,
        str(done),
    )


async def test_reproducible(tmp_path: Path) -> None:
    """The same lock makes the same bytes."""
    await run(tmp_path / "one")
    await run(tmp_path / "two", concurrency=1)
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


async def test_a_bundle_of_a_bundle(tmp_path: Path) -> None:
    """A bundle's lock is bundled to the same bytes again."""
    await run(tmp_path / "one")
    lock = Lock.from_json((tmp_path / "one" / LOCK_NAME).read_text("utf-8"), base=(tmp_path / "one").as_uri() + "/")

    class Files:
        async def fetch(self, url: str, **options: Any) -> Fetched:
            return Fetched(data=Path(url.removeprefix("file://")).read_bytes(), url=url)

    await run(tmp_path / "two", lock, Files())
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


@pytest.mark.parametrize("damage", [b"", b"PK other bytes"])
async def test_what_is_damaged_is_fetched_again(tmp_path: Path, damage: bytes) -> None:
    """A file that is there with other bytes than the lock names is replaced."""
    await run(tmp_path / "out")
    before = snapshot(tmp_path / "out")
    (tmp_path / "out" / path_of(WHEELS["beta"])).write_bytes(damage)
    done = await run(tmp_path / "out")
    assert (("beta",), before) == (done.added, snapshot(tmp_path / "out"))


async def test_failures_are_collected(tmp_path: Path) -> None:
    """All failures are told, what arrived stays for the next attempt, and there is no lock."""
    gone = {name: [NotFoundError(f"{name} is gone", status=404)] for name in ("beta", "eta")}
    error = await failing(tmp_path / "out", network=Network(gone))
    there = {Path(path).name for path, data in snapshot(tmp_path / "out").items() if data is not None}
    expected = {WHEELS[name].filename for name in NAMES if name not in gone}
    assert (["beta", "eta"], "beta is gone", expected) == (
        [one.package for one in error.errors],
        error.message,
        there,
    )
    done = await run(tmp_path / "out")
    assert ("beta", "eta") == done.added


async def test_the_lock_that_was_there_stays(tmp_path: Path) -> None:
    """A bundle that fails leaves the lock of the one before, whole."""
    await run(tmp_path / "out", lock_of(WHEELS["alpha"]))
    before = (tmp_path / "out" / LOCK_NAME).read_bytes()
    await failing(tmp_path / "out", network=Network({"beta": [NotFoundError("gone")]}))
    assert before == (tmp_path / "out" / LOCK_NAME).read_bytes()


async def test_cancelled_at_every_await(tmp_path: Path) -> None:
    """Cancelled at any turn of the loop, there is no lock or a whole one, no half file and no task; then it goes on."""
    ends = []
    for turns in range(500):
        root = tmp_path / str(turns)
        task = asyncio.create_task(run(root, network=Network(), concurrency=2))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            files = {path: data for path, data in snapshot(root).items() if data is not None}
            half = [path for path, data in files.items() if Digest.of(data).hex not in path]
            ends.append((half, len(asyncio.all_tasks())))
            there = len(files)
            done = await run(root, network=Network())
            assert len(NAMES) - there == len(done.added)
        else:
            break
    assert (True, [([], 1)] * len(ends)) == (10 < len(ends) < 500, ends)


async def test_a_full_disk(tmp_path: Path) -> None:
    """A write that fails ends the bundle at once with its own error, and nothing half-written stays."""

    class Full(Folder):
        written = 0

        def write(self, path: str, data: bytes) -> None:
            self.written += 1
            if self.written == 3:
                raise StorageError("beta cannot be written", code="not-written", got="No space left on device")
            super().write(path, data)

    error = await failing(tmp_path / "out", folder=Full(tmp_path / "out"))
    files = [path for path, data in snapshot(tmp_path / "out").items() if data is not None]
    assert ("not-written", 2, 1) == (error.code, len(files), len(asyncio.all_tasks()))


async def test_other_bytes(tmp_path: Path) -> None:
    """Bytes that are not what the lock names are never written; a mirror that has the right ones is noted."""
    network = Network({"beta": [b"PK wrong"] * 2})
    error = await failing(tmp_path / "out", lock_of(WHEELS["beta"]), network)
    assert ("digest-mismatch", {}) == (error.code, snapshot(tmp_path / "out"))

    class Mirrored(Network):
        async def fetch(self, url: str, **options: Any) -> Fetched:
            if url.startswith("https://mirror.example/"):
                return Fetched(data=WHEELS["beta"].data, url=url)
            return await super().fetch(url, **options)

    mirrored = Mirrored({"beta": [b"PK wrong"] * 2})
    sources = Sources(patience=AT_ONCE, mirrors=(Mirror(to="https://mirror.example"),))
    done = await run(tmp_path / "out", lock_of(WHEELS["beta"]), mirrored, sources=sources)
    assert ("beta: files.example sent other bytes than the lock names; taken from mirror.example",) == done.notes


async def test_a_wheel_that_lies_inside(tmp_path: Path) -> None:
    """A wheel that a replay would refuse is refused, though its digest is right."""

    def add(entries: dict[str, bytes]) -> None:
        entries["evil.py"] = b""

    bad = wheel("bad", mutate=add)
    error = await failing(tmp_path / "out", lock_of(bad), Network(wheels=[bad]))
    assert ("not-in-record", "bad", {}) == (error.code, error.package, snapshot(tmp_path / "out"))


async def test_wheels_of_this_machine(tmp_path: Path) -> None:
    """A wheel from a local file comes from where it is kept, and sends no request."""
    mine = wheel("mine")
    kept = KeptWheels(tmp_path / "kept")
    kept.put(admit(mine.data, Digest.of(mine.data), filename=mine.filename))
    package = locked(mine, origin=local_origin(mine.filename))
    lock = replace(lock_of(replace(package, wheel=replace(package.wheel, url=path_of(mine)))), base=kept.address)
    network = Network()
    done = await run(tmp_path / "out", lock, network, kept=kept)
    assert ((path_of(mine),), (), []) == (done.wheels, done.added, network.asked)


async def test_wheels_of_the_store(tmp_path: Path) -> None:
    """A wheel that was fetched once comes from the store, without a request; what is fetched is kept there."""

    class Shelf:
        def __init__(self) -> None:
            self.wheels: dict[Digest, VerifiedWheel] = {}

        async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
            return self.wheels.get(digest)

        async def put(self, wheel: VerifiedWheel) -> bool:
            self.wheels[wheel.digest] = wheel
            return True

    shelf, first, second = Shelf(), Network(), Network()
    await run(tmp_path / "one", lock_of(WHEELS["alpha"]), first, store=shelf)
    done = await run(tmp_path / "two", lock_of(WHEELS["alpha"], WHEELS["beta"]), second, store=shelf)
    asked = [name for name, _ in second.asked]
    assert (1, [WHEELS["beta"].filename], ("alpha", "beta"), 2) == (
        len(first.asked),
        asked,
        done.added,
        len(shelf.wheels),
    )


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (Policy(allow_hosts=("cdn.example",)), "host-not-allowed"),
        (Policy(ask_above_bytes=1), "large-download"),
        (Policy(index_pins={"beta": "https://other.example/simple"}), "index-pin"),
    ],
)
async def test_the_policy(tmp_path: Path, policy: Policy, code: str) -> None:
    """What a replay may not fetch, a bundle may not either; nothing is asked and nothing is written."""
    network = Network()
    error = await failing(tmp_path / "out", network=network, policy=policy)
    assert (code, [], False) == (error.code, network.asked, (tmp_path / "out").exists())


async def test_sizes_that_no_lock_says(tmp_path: Path) -> None:
    """Sizes are known once the wheels are there, and stand in the lock; the policy counts bytes as they arrive."""
    unsized = lock_of(*(replace(one, wheel=replace(one.wheel, size=None)) for one in ALL))
    await run(tmp_path / "out", unsized)
    lock = Lock.from_json((tmp_path / "out" / LOCK_NAME).read_text("utf-8"))
    error = await failing(tmp_path / "small", unsized, policy=Policy(max_download_bytes=2000))
    assert (ALL.size, "too-large") == (lock.size, error.code)


def test_where_a_wheel_came_from_stays() -> None:
    """A lock that says no origin keeps the address as one."""
    package = locked(WHEELS["beta"], origin=None)
    lock = bundled_lock(lock_of(package), {package.name: 1})
    (found,) = lock
    assert (Origin(kind="url", url=url_of(WHEELS["beta"])), path_of(WHEELS["beta"])) == (found.origin, found.wheel.url)


async def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """A place that is none is told as such."""
    (tmp_path / "out").write_text("a file")
    error = await failing(tmp_path / "out")
    assert ("not-written", ["out"]) == (error.code, os.listdir(tmp_path))
