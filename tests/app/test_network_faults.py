"""Every fault of the network on the host, against a real server: its outcome, and that nothing else changed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.app.obtain import Sources
from micropip_lock.app.replay import ReplayReport, replay
from micropip_lock.core.digest import Digest
from micropip_lock.core.mirrors import Mirror
from micropip_lock.core.model import Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.core.policy import Policy
from micropip_lock.errors import MicropipLockError, ReplayCancelled
from micropip_lock.testing import (
    BuiltWheel,
    PackageIndex,
    RandomFailure,
    Reset,
    Stall,
    Status,
    WrongBytes,
    wheel,
)
from tests.app.replaying import ABI, AT_ONCE, Runtime, outcomes, snapshot
from tests.network_faults import BYSTANDER, ROWS, VICTIM, afflicted, asked, publish


@pytest.fixture
async def fetcher(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostIndexFetcher]:
    """A fetcher that is quick to lose patience, on a machine without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with HostIndexFetcher(connect_timeout=2, idle_timeout=0.4) as one:
        yield one


@pytest.fixture
def mirror(package_index: PackageIndex, tmp_path: Path) -> Mirror:
    """The index is filled; a mirror of it."""
    return Mirror(to=publish(package_index, tmp_path / "mirror"))


def lock_of(index: PackageIndex, *wheels: BuiltWheel) -> Lock:
    return Lock(
        abi=ABI,
        packages=by_name(
            LockedPackage(
                name=one.project,
                display_name=one.name,
                version=one.version,
                wheel=Wheel(url=index.file_url(one.filename), digest=Digest.of(one.data), size=one.size),
                origin=Origin(kind="index", url=index.file_url(one.filename), index=index.url),
            )
            for one in wheels
        ),
    )


async def run(
    site: Path, lock: Lock, fetcher: HostIndexFetcher, sources: Sources | None = None, policy: Policy | None = None
) -> ReplayReport:
    return await replay(
        lock,
        site=SitePackages(site),
        runtime=Runtime(),
        fetcher=fetcher,
        installer=SiteInstaller(site),
        sources=sources or Sources(patience=AT_ONCE),
        policy=policy or Policy(),
    )


def resident(site: Path) -> None:
    """Something that is there before."""
    site.mkdir()
    (site / "mine.py").write_text("mine = 1\n")


def downloads() -> int:
    """Threads of downloads that live on after two seconds."""
    threads = [one for one in threading.enumerate() if one.name.startswith("fetch ")]
    for one in threads:
        one.join(2)
    return sum(one.is_alive() for one in threads)


@pytest.mark.parametrize("name", ROWS)
async def test_expected_outcome(
    name: str, package_index: PackageIndex, mirror: Mirror, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """Each fault has its own error after just so many requests, or none; the environment is the lock or as before."""
    row, site = ROWS[name], tmp_path / "site"
    fetcher._policy = row.policy
    resident(site)
    before = snapshot(site)
    lock = afflicted(lock_of(package_index, BYSTANDER, VICTIM), row, package_index)
    if row.code is None:
        report = await run(site, lock, fetcher, policy=row.policy)
        assert ({"alpha": "installed", "beta": "installed"}, ()) == (outcomes(report), report.notes)
        assert "value = 7" in (site / "beta.py").read_text()
    else:
        with pytest.raises(MicropipLockError) as caught:
            await run(site, lock, fetcher, policy=row.policy)
        error = caught.value
        assert (row.code, "beta", True, {"alpha", "beta"}, "failed", before) == (
            error.code,
            error.package,
            bool(error.hint) or row.code == "size",
            set(outcomes(error.report)),
            outcomes(error.report)["beta"],
            snapshot(site),
        )
    package_index.log.wait_until_quiet()
    assert (row.requests, 1, 0) == (asked(package_index), len(asyncio.all_tasks()), downloads())
    assert [] == [one for one in package_index.log if "range" in one.headers or "authorization" in one.headers]


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.code and row.mended])
async def test_another_source_mends_it(
    name: str, package_index: PackageIndex, mirror: Mirror, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """Whatever one source does, a replay succeeds when another one has the wheel, and says what the first one did."""
    row = ROWS[name]
    fetcher._policy = row.policy
    lock = afflicted(lock_of(package_index, BYSTANDER, VICTIM), row, package_index)
    sources = Sources(patience=AT_ONCE, mirrors=(mirror,), policy=row.policy)
    report = await run(tmp_path / "site", lock, fetcher, sources, row.policy)
    (note,) = report.notes
    lied = row.code in ("digest-mismatch", "not-a-wheel", "too-large")
    assert ({"alpha": "installed", "beta": "installed"}, True) == (
        outcomes(report),
        note.startswith("beta: ") and ("sent other bytes" if lied else f"({row.code}) did not send it") in note,
    )


async def test_two_sources_disagree(
    package_index: PackageIndex, mirror: Mirror, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """N29: of two that disagree the one with the locked hash is taken, whichever comes first; the liar is named."""
    package_index.fault("/mirror/*", WrongBytes())
    package_index.fault(f"/files/{VICTIM.filename}", Status(404))
    lock = lock_of(package_index, VICTIM)
    second = Mirror(to=package_index.mount("/second", tmp_path / "mirror"))
    sources = Sources(patience=AT_ONCE, mirrors=(mirror, second))
    report = await run(tmp_path / "site", lock, fetcher, sources)
    assert ({"beta": "installed"}, 2, True) == (
        outcomes(report),
        package_index.log.count("/mirror/*"),
        any("sent other bytes than the lock names" in note for note in report.notes),
    )


async def test_an_index_that_is_down(package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path) -> None:
    """N30: a replay asks no index for what its addresses give, and never asks another index than the recorded one."""
    with PackageIndex() as public:
        public.add(VICTIM)
        package_index.add(VICTIM)
        package_index.fault("/simple/*", Status(503))
        lock, sources = lock_of(package_index, VICTIM), Sources(patience=AT_ONCE, indexes=fetcher)
        report = await run(tmp_path / "one", lock, fetcher, sources)
        pages = package_index.log.count("/simple/*")
        package_index.fault("/files/*", Status(503))
        with pytest.raises(MicropipLockError) as caught:
            await run(tmp_path / "two", lock, fetcher, sources)
        assert ({"beta": "installed"}, 0, "server-error", 0) == (
            outcomes(report),
            pages,
            caught.value.code,
            len(public.log),
        )


async def test_the_recorded_index_by_hash(
    package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """A file that moved is found by its SHA-256 on the index that the lock recorded; one with another hash is not."""
    package_index.add(VICTIM)
    lock = lock_of(package_index, VICTIM)
    (package,) = lock
    moved = package_index.file_url(VICTIM.filename).replace("/files/", "/gone/")
    lock = Lock(abi=ABI, packages=by_name([replaced(package, moved)]))
    sources = Sources(patience=AT_ONCE, indexes=fetcher)
    report = await run(tmp_path / "one", lock, fetcher, sources)
    with PackageIndex() as other:
        other.add(wheel("beta", files={"beta.py": "value = 8\n"}))
        elsewhere = Lock(abi=ABI, packages=by_name([replaced(package, moved, index=other.url)]))
        with pytest.raises(MicropipLockError) as caught:
            await run(tmp_path / "two", elsewhere, fetcher, sources)
        fetched = other.log.count("/files/*")
    assert ({"beta": "installed"}, ["not-found", "not-in-index"], 0, {}) == (
        outcomes(report),
        [one.code for one in caught.value.errors],
        fetched,
        snapshot(tmp_path / "two"),
    )


def replaced(package: LockedPackage, url: str, index: str | None = None) -> LockedPackage:
    """The package at another address, recorded from an index."""
    assert package.origin is not None
    origin = replace(package.origin, index=index or package.origin.index)
    return replace(package, wheel=replace(package.wheel, url=url), origin=origin)


@pytest.mark.parametrize("fault", [Status(503), Reset(), Reset(after="half"), WrongBytes()])
async def test_two_hundred_wheels_through_a_bad_connection(
    fault: Status | Reset | WrongBytes, package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """N31: where three requests of ten fail, two hundred wheels arrive, from one source and without another.

    Other bytes are worth no third try, because what lies twice is no chance: they need a mirror.
    """
    wheels = [wheel(f"w{number}") for number in range(200)]
    folder = tmp_path / "mirror" / "files"
    folder.mkdir(parents=True)
    for one in wheels:
        package_index.add(one)
        (folder / one.filename).write_bytes(one.data)
    mirrors = (Mirror(to=package_index.mount("/mirror", tmp_path / "mirror")),) if isinstance(fault, WrongBytes) else ()
    package_index.fault("/files/*", RandomFailure(0.3, seed=5, fault=fault))
    report = await run(
        tmp_path / "site", lock_of(package_index, *wheels), fetcher, Sources(patience=AT_ONCE, mirrors=mirrors)
    )
    asked_again = package_index.log.count("/files/*") - 200
    assert (200, True, 1) == (report.count("installed"), asked_again > 30, len(asyncio.all_tasks()))


@pytest.mark.parametrize("stage", ["first request", "second try", "mirror"])
async def test_cancelled_in_fetch(
    stage: str, package_index: PackageIndex, mirror: Mirror, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """C01: a replay that is cancelled while a server is silent ends at once; no request, thread or task is left."""
    site = tmp_path / "site"
    resident(site)
    before = snapshot(site)
    if stage != "first request":
        package_index.fault(f"/files/{VICTIM.filename}", Status(503, times=1 if stage == "second try" else 3))
    package_index.fault("*.whl", Stall(after=5))
    # Only the cancellation may end the silence.
    fetcher._span = fetcher._answer_within = 600.0
    task = asyncio.create_task(
        run(
            site,
            lock_of(package_index, BYSTANDER, VICTIM),
            fetcher,
            Sources(patience=AT_ONCE, mirrors=(mirror,)),
        )
    )
    count = {"first request": 1, "second try": 2, "mirror": 4}[stage]
    await asyncio.to_thread(package_index.log.wait_for, f"*{VICTIM.filename}", count=count)
    task.cancel()
    with pytest.raises(ReplayCancelled):
        await task
    tasks = len(asyncio.all_tasks())
    await asyncio.to_thread(package_index.log.wait_until_quiet)
    assert (1, 0, before, count) == (
        tasks,
        downloads(),
        snapshot(site),
        package_index.log.count(f"*{VICTIM.filename}"),
    )
