"""Replay: everything is fetched and checked before anything changes, largest first and never too many at once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.replay import ReplayReport
from micropip_lock.core.digest import Digest
from micropip_lock.core.local_wheel import local_origin
from micropip_lock.core.model import LockedPackage, Origin, Wheel
from micropip_lock.errors import (
    UsageError,
)
from micropip_lock.ports import Fetched, Install, ProgressEvent
from tests.app.replaying import (
    ALL,
    NAMES,
    SIZES,
    WHEELS,
    Network,
    failing,
    lock_of,
    locked,
    outcomes,
    run,
    snapshot,
    url_of,
)


async def test_everything_is_installed(tmp_path: Path) -> None:
    """Each wheel is asked for once, everything is in place, and the report says so."""
    network = Network()
    report = await run(tmp_path / "site", network=network)
    expected = (
        dict.fromkeys(sorted(NAMES), "installed"),
        sorted((built.filename, False) for built in WHEELS.values()),
        sum(built.size for built in WHEELS.values()),
        len(NAMES),
        ALL.id,
        True,
    )
    assert expected == (
        outcomes(report),
        sorted(network.asked),
        report.bytes_fetched,
        report.requests,
        report.lock_id,
        all((tmp_path / "site" / f"{name}.py").is_file() for name in NAMES),
    )


async def test_the_report_survives_json(tmp_path: Path) -> None:
    """A report is the same after JSON, times rounded."""
    facts = (await run(tmp_path)).to_json()
    assert facts == ReplayReport.from_json(facts).to_json()


@pytest.mark.parametrize("concurrency", [1, 2, 3, 6, 50])
async def test_concurrency_is_bounded(tmp_path: Path, concurrency: int) -> None:
    """Never more downloads at one time than asked for, and as many as that."""
    network = Network(pauses=5)
    await run(tmp_path, network=network, concurrency=concurrency)
    assert min(concurrency, len(NAMES)) == network.peak


@pytest.mark.parametrize(("has_turns", "peak"), [(True, len(NAMES)), (False, 2)])
async def test_a_fetcher_that_has_turns(tmp_path: Path, has_turns: bool, peak: int) -> None:
    """It is told how many are to be under way, and asked for all at once, where it can keep to that."""

    class Queueing(Network):
        told: ClassVar[list[int | None]] = []

        def take_turns(self, concurrency: int | None) -> bool:
            self.told.append(concurrency)
            return has_turns

    Queueing.told.clear()
    network = Queueing(pauses=5)
    await run(tmp_path, network=network, concurrency=2)
    assert ([2, None], peak) == (network.told, network.peak)


async def test_concurrency_of_none(tmp_path: Path) -> None:
    """A concurrency below one is an error of the caller."""
    assert UsageError is type(await failing(tmp_path, concurrency=0))


async def test_largest_first(tmp_path: Path) -> None:
    """Requests are sent in the order of size."""
    network = Network()
    await run(tmp_path, network=network, concurrency=2)
    assert [WHEELS[name].filename for name in SIZES] == [filename for filename, _ in network.asked]


async def test_unknown_size(tmp_path: Path) -> None:
    """A lock without sizes is replayed; the total is not known."""
    package = locked(WHEELS["beta"])
    events: list[ProgressEvent] = []
    lock = lock_of(replace(package, wheel=replace(package.wheel, size=None)))
    report = await run(tmp_path, lock, progress=events.append)
    assert ({"beta": "installed"}, {None}) == (outcomes(report), {event.all_total for event in events})


async def test_second_replay_asks_nothing(tmp_path: Path) -> None:
    """What is installed already is skipped without a request, and the tree stays."""
    await run(tmp_path)
    before = snapshot(tmp_path)
    network = Network()
    report = await run(tmp_path, network=network)
    assert (set(NAMES), {"skipped"}, [], before) == (
        set(outcomes(report)),
        set(outcomes(report).values()),
        network.asked,
        snapshot(tmp_path),
    )


@pytest.mark.parametrize("damage", ["edited", "gone"])
async def test_what_was_damaged_is_installed_again(tmp_path: Path, damage: str) -> None:
    """A package whose record is right and whose files are not is put right; the others are skipped."""
    await run(tmp_path)
    before = snapshot(tmp_path)
    victim = next(path for path in sorted(tmp_path.rglob("*.py")) if "beta" in str(path))
    victim.unlink() if damage == "gone" else victim.write_text("edited = True\n", "utf-8")
    report = await run(tmp_path)
    assert {"alpha": "skipped", "beta": "installed", "gamma": "skipped"} == {
        name: outcomes(report)[name] for name in ("alpha", "beta", "gamma")
    }
    assert before == snapshot(tmp_path)


async def test_only_what_is_missing(tmp_path: Path) -> None:
    """What is there is not asked for again."""
    await run(tmp_path, lock_of(WHEELS["beta"], WHEELS["gamma"]))
    network = Network()
    await run(tmp_path, network=network)
    asked = {filename for filename, _ in network.asked}
    assert {built.filename for name, built in WHEELS.items() if name not in ("beta", "gamma")} == asked


async def test_an_edited_record_is_not_believed(tmp_path: Path) -> None:
    """A package whose RECORD was changed after it was recorded is installed again."""
    await run(tmp_path, lock_of(WHEELS["beta"]))
    with (tmp_path / "beta-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("more.py,,\n")
    assert {"beta": "installed"} == outcomes(await run(tmp_path, lock_of(WHEELS["beta"])))


async def test_force(tmp_path: Path) -> None:
    """With force everything is fetched and installed again, to the same tree."""
    await run(tmp_path)
    before = snapshot(tmp_path)
    report = await run(tmp_path, force=True)
    assert ({"installed"}, before) == (set(outcomes(report).values()), snapshot(tmp_path))


async def test_progress_is_monotone(tmp_path: Path) -> None:
    """What is told never goes back, also when a wheel is fetched twice; it ends with all bytes."""
    events: list[ProgressEvent] = []
    script = {"beta": [b"PK" + b"x" * (WHEELS["beta"].size - 2)], "eta": [b"PK stale"]}
    await run(tmp_path, network=Network(script, pauses=4), progress=events.append, concurrency=3)
    everything = [event.all_received for event in events]
    each = {name: [event.received for event in events if event.package == name] for name in NAMES}
    back = [name for name, counts in each.items() if counts != sorted(counts)]
    over = [event for event in events if event.total is not None and event.received > event.total]
    total = sum(built.size for built in WHEELS.values())
    assert (sorted(everything), [], [], total, {total}) == (
        everything,
        back,
        over,
        everything[-1],
        {event.all_total for event in events},
    )


async def test_stages(tmp_path: Path) -> None:
    """The stages of a package come in their order, between the plan and the end."""
    events: list[ProgressEvent] = []
    await run(tmp_path, lock_of(WHEELS["beta"]), progress=events.append)
    assert ["plan", "fetch", "verify", "install", "done"] == list(dict.fromkeys(event.stage for event in events))


class KeptInstalls:
    """An installer that keeps what it was asked to install."""

    def __init__(self) -> None:
        self.installs: list[Install] = []

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[Sequence[str]]:
        yield ()

    async def install(
        self, installs: Sequence[Install], on_step: Callable[[str, str], None], **_more: object
    ) -> Sequence[str]:
        self.installs = list(installs)
        return ()


async def test_installed_in_the_order_of_dependencies(tmp_path: Path) -> None:
    """Whatever arrives first, dependencies are installed first."""
    kept = KeptInstalls()
    lock = lock_of(
        locked(WHEELS["alpha"], depends=(canonicalize_name("zeta"),)),
        locked(WHEELS["zeta"], depends=(canonicalize_name("theta"),)),
        WHEELS["theta"],
        WHEELS["beta"],
    )
    await run(tmp_path, lock, installer=kept)
    assert ["theta", "zeta", "alpha", "beta"] == [one.package.name for one in kept.installs]


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        (
            Origin(kind="index", url=url_of(WHEELS["beta"]), index="https://index.example/simple"),
            "https://index.example/simple",
        ),
        (Origin(kind="index", url=url_of(WHEELS["beta"])), "pypi"),
        (Origin(kind="url", url=url_of(WHEELS["beta"])), url_of(WHEELS["beta"])),
        (Origin(kind="runtime", url=url_of(WHEELS["beta"])), "pyodide"),
        (None, url_of(WHEELS["beta"])),
    ],
)
async def test_records_are_what_recording_writes(tmp_path: Path, origin: Origin | None, source: str) -> None:
    """Each package gets our records and micropip's, so that both can freeze it again."""
    await run(tmp_path, lock_of(locked(WHEELS["beta"], origin=origin)))
    (dist,) = SitePackages(tmp_path).distributions()
    names = ("INSTALLER", "PYODIDE_SOURCE", "PYODIDE_URL", "PYODIDE_SHA256")
    expected = ["micropip-lock", source, url_of(WHEELS["beta"]), Digest.of(WHEELS["beta"].data).hex]
    assert expected == [dist.read_text(name) for name in names]


class Disk(Network):
    """Serves the wheels from paths of this machine."""

    async def fetch(self, url: str, **options: Any) -> Fetched:
        fetched = await super().fetch(f"https://files.example/{url.rpartition('/')[2]}", **options)
        return replace(fetched, url=url)


LOCAL = locked(WHEELS["alpha"], origin=local_origin(WHEELS["alpha"].filename))
FROM_DISK = Wheel(url=f"file:///srv/{WHEELS['alpha'].filename}", digest=Digest.of(WHEELS["alpha"].data))


@pytest.mark.parametrize(
    "package", [LOCAL, locked(WHEELS["alpha"], origin=None, wheel=FROM_DISK)], ids=["said", "seen"]
)
async def test_local_wheels_are_kept(tmp_path: Path, package: LockedPackage) -> None:
    """A replay keeps the wheel that no address names to others, and records it as local: it can be frozen again."""
    keep, built = KeptWheels(tmp_path / "kept"), WHEELS["alpha"]
    lock = replace(lock_of(package, WHEELS["beta"]), base="file:///srv/lock.json")
    await run(tmp_path / "site", lock, Disk(), keep=keep)
    files = [(tmp_path / "site" / built.dist_info / name).read_text() for name in ("micropip-lock.json", "PYODIDE_URL")]
    kept = keep.get(Digest.of(built.data), built.filename)
    assert ("local", built.filename, False, built.data, 1) == (
        json.loads(files[0])["source"],
        files[1],
        "srv" in "".join(files),
        kept and kept.data,
        len(list(keep.root.rglob("*.whl"))),
    )


async def test_a_wheel_that_cannot_be_kept_is_replayed(tmp_path: Path) -> None:
    """A full disk for what is kept does not stop a replay; its report says what that means."""
    (tmp_path / "kept").write_text("in the way")
    built = WHEELS["alpha"]
    lock = lock_of(locked(built, origin=local_origin(built.filename)))
    report = await run(tmp_path / "site", lock, keep=KeptWheels(tmp_path / "kept"))
    assert (1, ["alpha 1.0: its wheel could not be kept, a freeze here will refuse it"]) == (
        report.count("installed"),
        [note.partition(" (")[0] for note in report.notes],
    )
