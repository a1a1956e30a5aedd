"""Replay with a store: what was fetched once is not fetched again, and a store never makes a replay fail."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.adapters.wheel_store import WheelStore
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.model import Wheel
from micropip_lock.core.policy import Policy
from micropip_lock.errors import NotFoundError, ReplayCancelled
from micropip_lock.ports import ProgressEvent, Store
from tests.app.replaying import ALL, NAMES, WHEELS, Network, failing, lock_of, locked, outcomes, run, snapshot, url_of

FETCHED = "sha256 and every file checked"
STORED = f"from the store, {FETCHED}"


class Broken:
    """A store without room, that has nothing."""

    async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        return None

    async def put(self, wheel: VerifiedWheel) -> bool:
        return False


async def test_the_second_replay_sends_nothing(tmp_path: Path) -> None:
    """A second replay elsewhere sends no request, offline too, gives the same files, and says where they came from."""
    store = WheelStore(tmp_path / "store")
    first = await run(tmp_path / "one", store=store)
    network = Network()
    second = await run(tmp_path / "two", network=network, store=store)
    third = await run(tmp_path / "three", network=network, store=store, offline=True)
    assert (len(NAMES), [], [(0, 0), (0, 0)]) == (
        first.requests,
        network.asked,
        [(report.requests, report.bytes_fetched) for report in (second, third)],
    )
    assert ({FETCHED}, {STORED}, {"installed"}) == (
        {one.reason for one in first.packages},
        {one.reason for report in (second, third) for one in report.packages},
        set(outcomes(third).values()),
    )
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two") == snapshot(tmp_path / "three")


async def test_offline_names_what_is_missing(tmp_path: Path) -> None:
    """Offline, the error names what is neither installed nor stored and nothing else, and nothing changes."""
    store = WheelStore(tmp_path / "store")
    some = lock_of(*(WHEELS[name] for name in NAMES if name not in ("beta", "zeta")))
    await run(tmp_path / "one", some, store=store)
    network = Network()
    error = await failing(tmp_path / "two", network=network, store=store, offline=True)
    assert ("offline", "missing: beta 1.0, zeta 1.0", [], False) == (
        error.code,
        error.got,
        network.asked,
        (tmp_path / "two").exists(),
    )
    reasons = {one.name: one.reason for one in error.report.packages}
    assert {"beta": "not fetched", "alpha": "from the store, not installed"} == {
        name: reasons[name] for name in ("alpha", "beta")
    }


async def test_a_flipped_bit_is_fetched_again(tmp_path: Path) -> None:
    """A stored wheel that rotted is fetched again, alone, and kept anew."""
    store = WheelStore(tmp_path / "store")
    await run(tmp_path / "one", store=store)
    path = store.path(Digest.of(WHEELS["beta"].data))
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    network = Network()
    report = await run(tmp_path / "two", network=network, store=store)
    assert ([(WHEELS["beta"].filename, False)], 1, WHEELS["beta"].data) == (
        network.asked,
        report.requests,
        path.read_bytes(),
    )
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


async def test_a_store_without_room(tmp_path: Path) -> None:
    """A store that keeps nothing is a note of the report, and the replay is as without one."""
    report = await run(tmp_path / "one", store=Broken())
    names = ", ".join(sorted(NAMES))
    expected = (f"the store could not keep {names}: the next replay fetches what it lacks",)
    assert (expected, {"installed"}) == (report.notes, set(outcomes(report).values()))


class Lying(Broken):
    """A store that gives a wheel of the right size and name that nobody asked for."""

    async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        built = next(one for one in WHEELS.values() if one.filename == filename)
        other = bytes([*built.data[:-1], built.data[-1] ^ 1])
        return admit(other, Digest.of(other), filename=filename)


class Failing(Broken):
    """A store that breaks its word, in both ways."""

    async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        raise OSError("no store")

    async def put(self, wheel: VerifiedWheel) -> bool:
        raise OSError("no store")


@pytest.mark.parametrize(("store", "notes"), [(Lying(), 1), (Failing(), 2)])
async def test_a_store_that_breaks_its_word(tmp_path: Path, store: Store, notes: int) -> None:
    """Other wheels than those asked for are not taken, and a store that fails is a note; everything is fetched."""
    report = await run(tmp_path, store=store)
    assert ({FETCHED}, notes) == ({one.reason for one in report.packages}, len(report.notes))


async def test_what_failed_keeps_what_arrived(tmp_path: Path) -> None:
    """A replay that failed at its last wheel leaves the others in the store: the next one fetches what is missing."""
    store = WheelStore(tmp_path / "store")
    gone = NotFoundError("gone", url=url_of(WHEELS["eta"]))

    others_kept = asyncio.Event()

    class Watched(WheelStore):
        async def put(self, wheel: VerifiedWheel) -> bool:
            kept = await super().put(wheel)
            if len(await self.wheels()) == len(NAMES) - 1:
                others_kept.set()
            return kept

    async def last(name: str) -> None:
        if name == "eta":
            await others_kept.wait()

    network = Network({"eta": [gone]}, hold=last)
    await failing(tmp_path / "one", network=network, store=Watched(tmp_path / "store"))
    network = Network()
    await run(tmp_path / "one", network=network, store=store)
    assert [(WHEELS["eta"].filename, False)] == network.asked


async def test_refused_bytes_are_not_kept(tmp_path: Path) -> None:
    """What does not have the digest of the lock never comes into the store."""
    store = WheelStore(tmp_path / "store")
    wrong = Network({"alpha": [b"PK wrong", b"PK wrong"]})
    error = await failing(tmp_path / "one", lock_of(WHEELS["alpha"]), wrong, store=store)
    assert ("digest-mismatch", []) == (error.code, list(await store.wheels()))


async def test_a_wrong_size_in_the_lock(tmp_path: Path) -> None:
    """A lock with a wrong size is refused with a store as without one."""
    store = WheelStore(tmp_path / "store")
    built = WHEELS["alpha"]
    await run(tmp_path / "one", lock_of(built), store=store)
    package = locked(built, wheel=Wheel(url=url_of(built), digest=Digest.of(built.data), size=built.size + 1))
    codes = [(await failing(tmp_path / "two", lock_of(package), store=one)).code for one in (None, store)]
    assert ["size", "size"] == codes


async def test_the_cap_holds_for_the_store(tmp_path: Path) -> None:
    """A stored wheel that is larger than the policy allows is not taken, where the lock does not name its size."""
    store = WheelStore(tmp_path / "store")
    built = WHEELS["alpha"]
    package = locked(built, wheel=Wheel(url=url_of(built), digest=Digest.of(built.data)))
    await run(tmp_path / "one", lock_of(package), store=store)
    policy = Policy(max_wheel_bytes=built.size - 1)
    error = await failing(tmp_path / "two", lock_of(package), store=store, policy=policy)
    assert "too-large" in error.code


async def test_local_files_are_not_copied(tmp_path: Path) -> None:
    """A wheel that a local file holds is not put into the store as well."""
    store, keep = WheelStore(tmp_path / "store"), KeptWheels(tmp_path / "kept")
    built = WHEELS["alpha"]
    path = tmp_path / built.filename
    path.write_bytes(built.data)
    package = locked(built)
    package = replace(package, wheel=replace(package.wheel, url=path.as_uri()), origin=None)

    class Disk(Network):
        async def fetch(self, url: str, **options: object) -> object:  # type: ignore[override]
            return await super().fetch(url_of(built), **options)  # type: ignore[arg-type]

    report = await run(
        tmp_path / "one", replace(lock_of(package), base=tmp_path.as_uri() + "/"), Disk(), store=store, keep=keep
    )
    assert ("installed", []) == (outcomes(report)["alpha"], list(await store.wheels()))


async def test_progress(tmp_path: Path) -> None:
    """Progress tells of each wheel that was found, whole, and counts none of them among the bytes to fetch."""
    store = WheelStore(tmp_path / "store")
    await run(tmp_path / "one", lock_of(WHEELS["alpha"], WHEELS["beta"]), store=store)
    events: list[ProgressEvent] = []
    lock = lock_of(WHEELS["alpha"], WHEELS["beta"], WHEELS["gamma"])
    await run(tmp_path / "two", lock, store=store, progress=events.append)
    found = [(one.package, one.received, one.total) for one in events if one.stage == "store"]
    last = events[-1]
    size = {name: WHEELS[name].size for name in ("alpha", "beta", "gamma")}
    assert (sorted((name, size[name], size[name]) for name in ("alpha", "beta")), size["gamma"], size["gamma"]) == (
        sorted(found),
        last.all_received,
        last.all_total,
    )


@pytest.mark.parametrize("moment", ["get", "put"])
async def test_cancelled_in_the_store(tmp_path: Path, moment: str) -> None:
    """A replay that is cancelled while the store works ends at once, and changes nothing."""
    reached = asyncio.Event()

    class Slow(Broken):
        async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
            await self._stop("get")
            return None

        async def put(self, wheel: VerifiedWheel) -> bool:
            await self._stop("put")
            return True

        async def _stop(self, here: str) -> None:
            if here == moment:
                reached.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(run(tmp_path / "site", store=Slow()))
    await reached.wait()
    task.cancel()
    with pytest.raises(ReplayCancelled):
        await task
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert (False, set()) == ((tmp_path / "site").exists(), others)


async def test_all_is_as_without_a_store(tmp_path: Path) -> None:
    """Without a store nothing is kept, and every replay fetches everything."""
    networks = [Network(), Network()]
    for number, network in enumerate(networks):
        await run(tmp_path / str(number), ALL, network)
    assert [len(NAMES)] * 2 == [len(network.asked) for network in networks]
