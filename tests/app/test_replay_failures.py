"""Replay when something goes wrong: one typed error, a report of every package, nothing changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller
from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.errors import (
    AlreadyImportedError,
    BusyError,
    ConflictError,
    EnvironmentMismatchError,
    FetchError,
    HashMismatchError,
    LockPolicyError,
    LockSchemaError,
    NotFoundError,
    ReplayCancelled,
    WheelRecordError,
    WheelTooLargeError,
)
from micropip_lock.ports import ProgressEvent
from micropip_lock.testing import wheel
from tests.app.replaying import (
    ABI,
    ALL,
    NAMES,
    SIZES,
    WHEELS,
    Network,
    Runtime,
    failing,
    lock_of,
    locked,
    outcomes,
    run,
    snapshot,
)


def with_one_more(package: LockedPackage) -> Lock:
    return lock_of(WHEELS["alpha"], WHEELS["zeta"], package)


NATIVE = wheel("fast", tag="cp311-abi3-linux_x86_64")


async def test_one_failure(tmp_path: Path) -> None:
    """One failing download is raised with a report of every package; nothing is installed, nobody is left waiting."""
    gone = NotFoundError("gone", status=404)
    network = Network({SIZES[1]: [gone]}, pauses=3, hold=lambda name: asyncio.sleep(0 if name == SIZES[1] else 60))
    error = await failing(tmp_path / "site", network=network, concurrency=3)
    expected = dict.fromkeys(NAMES, "not-tried") | {SIZES[1]: "failed"}
    assert (gone, SIZES[1], expected, sorted([SIZES[0], SIZES[2]]), {}, 1) == (
        error,
        error.package,
        outcomes(error.report),
        sorted(network.cancelled),
        snapshot(tmp_path),
        len(asyncio.all_tasks()),
    )


async def test_what_was_fetched_is_told(tmp_path: Path) -> None:
    """The report tells what had arrived from what was never asked for."""
    network = Network({SIZES[1]: [NotFoundError("gone")]})
    error = await failing(tmp_path, network=network, concurrency=1)
    reasons = {one.name: one.reason for one in error.report.packages}
    assert ("fetched, not installed", "not-found", "not fetched") == tuple(reasons[name] for name in SIZES[:3])


async def test_which_failure_is_raised(tmp_path: Path) -> None:
    """When several fail at once, the first by name is raised, whatever the order of their sizes."""
    script = {name: [NotFoundError(name)] for name in NAMES}
    errors = [await failing(tmp_path, network=Network(script), concurrency=50) for _ in range(3)]
    assert ["alpha"] * 3 == [error.message for error in errors]


async def test_wrong_bytes_twice(tmp_path: Path) -> None:
    """Bytes of another digest are asked for once more past every cache, then raised."""
    network = Network({"beta": [b"PK wrong", b"PK wrong again"]}, wheels=[WHEELS["beta"]])
    error = await failing(tmp_path, lock_of(WHEELS["beta"]), network)
    assert (HashMismatchError, "digest-mismatch", [False, True], 2, {}) == (
        type(error),
        error.code,
        [reload for _, reload in network.asked],
        error.report.requests,
        snapshot(tmp_path),
    )


async def test_wrong_bytes_once(tmp_path: Path) -> None:
    """A stale cache is mended by the second attempt, and its bytes are counted."""
    built = WHEELS["beta"]
    network = Network({"beta": [b"PK stale"]})
    report = await run(tmp_path, lock_of(built), network)
    expected = ({"beta": "installed"}, [False, True], built.size + len(b"PK stale"), 2)
    assert expected == (
        outcomes(report),
        [reload for _, reload in network.asked],
        report.bytes_fetched,
        report.requests,
    )


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>log in", b'{"error": "no"}', b"not found\n"])
async def test_a_page_instead_of_a_wheel(tmp_path: Path, page: bytes) -> None:
    """A page is not asked for again and is named as what it is."""
    network = Network({"beta": [page]})
    error = await failing(tmp_path, lock_of(WHEELS["beta"]), network)
    assert ("not-a-wheel", 1) == (error.code, len(network.asked))


@pytest.mark.parametrize(("difference", "code"), [(1, "size"), (-1, "too-large")])
async def test_wrong_size_in_the_lock(tmp_path: Path, difference: int, code: str) -> None:
    """A size that the lock has wrong is the lock's fault; more bytes than it names are never read."""
    built = WHEELS["beta"]
    package = locked(built)
    package = replace(package, wheel=replace(package.wheel, size=built.size + difference))
    error = await failing(tmp_path, lock_of(package))
    kind = LockSchemaError if difference > 0 else WheelTooLargeError
    assert (kind, code, "beta") == (type(error), error.code, error.package)


async def test_offline(tmp_path: Path) -> None:
    """Offline nothing is asked; what is not there is named."""
    network = Network()
    await run(tmp_path, lock_of(WHEELS["beta"]))
    error = await failing(tmp_path, network=network, offline=True)
    assert (FetchError, "offline", [], 7, False) == (
        type(error),
        error.code,
        network.asked,
        error.report.count("not-tried"),
        "beta" in str(error.got),
    )


async def test_offline_with_everything_here(tmp_path: Path) -> None:
    """Offline succeeds when everything is installed."""
    await run(tmp_path)
    report = await run(tmp_path, offline=True)
    assert len(NAMES) == report.count("skipped")


@pytest.mark.parametrize(
    ("lock", "kind", "code"),
    [
        (replace(ALL, abi=replace(ABI, abi_version="2025_0")), EnvironmentMismatchError, "abi-mismatch"),
        (with_one_more(locked(NATIVE)), EnvironmentMismatchError, "tag-mismatch"),
        (with_one_more(locked(WHEELS["beta"], package_type="shared_library")), LockPolicyError, "not-wheel"),
        (with_one_more(locked(WHEELS["beta"], name=canonicalize_name("numpy"))), LockSchemaError, "filename"),
    ],
)
async def test_refused_before_any_request(tmp_path: Path, lock: Lock, kind: type[Exception], code: str) -> None:
    """A lock that cannot be replayed here is refused with a report, and nothing is asked of the network."""
    network = Network()
    error = await failing(tmp_path / "site", lock, network)
    not_tried = {"not-tried"} | ({"failed"} if error.package else set())
    assert (kind, code, [], not_tried, len(lock), {}) == (
        type(error),
        error.code,
        network.asked,
        set(outcomes(error.report).values()),
        len(error.report.packages),
        snapshot(tmp_path),
    )


async def test_all_misfits_are_in_the_report(tmp_path: Path) -> None:
    """Every package that does not fit here is told as failed, with its own reason; the others were not tried."""
    lock = with_one_more(replace(locked(WHEELS["beta"]), package_type="shared_library"))
    lock = replace(lock, packages={**lock.packages, NATIVE.name: locked(NATIVE)})
    error = await failing(tmp_path, lock)
    reasons = {one.name: one.reason for one in error.report.packages if one.outcome == "failed"}
    assert ({"beta": "not-wheel", NATIVE.name: "tag-mismatch"}, ["not-wheel", "tag-mismatch"]) == (
        reasons,
        [one.code for one in error.errors],
    )


async def test_already_imported(tmp_path: Path) -> None:
    """A module that would be replaced and is imported stops the replay, unless it is ours or forced."""
    await run(tmp_path, lock_of(wheel("beta", "0.9")), Network(wheels=[wheel("beta", "0.9")]))
    lock, network = lock_of(WHEELS["beta"]), Network()
    error = await failing(tmp_path, lock, network, runtime=Runtime("beta"))
    assert (AlreadyImportedError, "beta", [], {"beta": "failed"}) == (
        type(error),
        error.package,
        network.asked,
        outcomes(error.report),
    )


@pytest.mark.parametrize(("options", "restart"), [({"force": True}, True), ({"own_modules": ["beta"]}, False)])
async def test_imported_and_replaced_all_the_same(tmp_path: Path, options: dict[str, Any], restart: bool) -> None:
    """With force it is replaced and the report asks for a restart; a module of our own needs none."""
    await run(tmp_path, lock_of(wheel("beta", "0.9")), Network(wheels=[wheel("beta", "0.9")]))
    report = await run(tmp_path, lock_of(WHEELS["beta"]), runtime=Runtime("beta"), **options)
    assert ({"beta": "installed"}, restart) == (outcomes(report), report.restart_required)


async def test_imported_and_not_there_before(tmp_path: Path) -> None:
    """A module that is imported from elsewhere is no obstacle when nothing of that name is replaced."""
    assert {"beta": "installed"} == outcomes(await run(tmp_path, lock_of(WHEELS["beta"]), runtime=Runtime("beta")))


async def test_busy(tmp_path: Path) -> None:
    """A second replay into the same place is refused while one runs, and may follow afterwards."""
    installer = SiteInstaller(tmp_path)
    gate = asyncio.Event()

    async def wait(name: str) -> None:
        await gate.wait()

    first = asyncio.create_task(run(tmp_path, network=Network(hold=wait), installer=installer))
    await asyncio.sleep(0)
    error = await failing(tmp_path, lock_of(WHEELS["beta"]), installer=installer)
    gate.set()
    await first
    after = await run(tmp_path, installer=installer)
    assert (BusyError, len(NAMES)) == (type(error), after.count("skipped"))


async def test_not_busy_after_a_failure(tmp_path: Path) -> None:
    """A replay that failed is over."""
    installer = SiteInstaller(tmp_path)
    await failing(tmp_path, network=Network({"beta": [NotFoundError("x")]}), installer=installer)
    assert len(NAMES) == (await run(tmp_path, installer=installer)).count("installed")


async def test_a_wheel_that_lies_inside(tmp_path: Path) -> None:
    """A wheel with the right digest and wrong contents changes nothing, and the others are reported."""

    def add(entries: dict[str, bytes]) -> None:
        entries["evil.py"] = b""

    bad = wheel("bad", mutate=add)
    network = Network(wheels=[bad, *WHEELS.values()])
    error = await failing(tmp_path / "site", lock_of(bad, *WHEELS.values()), network)
    expected = {**dict.fromkeys(NAMES, "not-tried"), "bad": "failed"}
    assert (WheelRecordError, "not-in-record", expected, {}) == (
        type(error),
        error.code,
        outcomes(error.report),
        snapshot(tmp_path),
    )


async def test_a_conflict(tmp_path: Path) -> None:
    """A file of somebody else stops the replay after the fetch; the package is told as failed."""
    (tmp_path / "beta.py").write_text("mine")
    before = snapshot(tmp_path)
    error = await failing(tmp_path)
    assert (ConflictError, "failed", 7, before) == (
        type(error),
        outcomes(error.report)["beta"],
        error.report.count("not-tried"),
        snapshot(tmp_path),
    )


@pytest.mark.parametrize("stage", ["plan", "fetch", "verify", "install"])
async def test_a_listener_that_raises(tmp_path: Path, stage: str) -> None:
    """An error of the caller's own listener comes out as it is, and nothing is installed."""

    def listen(event: ProgressEvent) -> None:
        if event.stage == stage:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await run(tmp_path / "site", progress=listen)
    assert ({}, 1) == (snapshot(tmp_path), len(asyncio.all_tasks()))


async def test_a_listener_that_raises_beside_a_failure(tmp_path: Path) -> None:
    """An error that is none of ours and one of ours at the same time are no group."""

    def listen(event: ProgressEvent) -> None:
        if event.stage == "fetch":
            raise LookupError("mine")

    script = {name: [NotFoundError(name)] for name in NAMES[:4]}
    with pytest.raises(LookupError, match="mine"):
        await run(tmp_path / "site", network=Network(script, pauses=1), progress=listen, concurrency=50)
    assert {} == snapshot(tmp_path)


async def test_a_fetcher_that_gives_up(tmp_path: Path) -> None:
    """A download that ends by a cancellation of its own ends the replay as cancelled, not as done."""
    with pytest.raises(ReplayCancelled):
        await run(tmp_path / "site", network=Network({"beta": [asyncio.CancelledError()]}))
    assert {} == snapshot(tmp_path)


async def steps_until_done(site: Path, cancel_at: int) -> tuple[str, int]:
    """Replay, cancelled after so many turns of the loop.

    Returns:
        Whether it was cancelled, or cancelled when it was done, or done; and how many tasks are left.
    """
    task = asyncio.create_task(run(site, network=Network(), concurrency=2))
    for _ in range(cancel_at):
        if task.done():
            break
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except ReplayCancelled as error:
        return "cancelled" if error.report is None else "too late", len(asyncio.all_tasks())
    except asyncio.CancelledError:
        # It had not begun.
        return "cancelled", len(asyncio.all_tasks())
    return "done", len(asyncio.all_tasks())


async def test_cancelled_at_every_await(tmp_path: Path) -> None:
    """Cancelled at any turn of the loop, the tree is as it was and no task is left; or it was done, and it says so."""
    old = wheel("beta", "0.9", files={"beta.py": "old"})
    wrong, found = [], []
    for number in range(500):
        site = tmp_path / str(number)
        await run(site, lock_of(old), Network(wheels=[old]))
        before = snapshot(site)
        end, tasks = await steps_until_done(site, number)
        found.append(end)
        if (snapshot(site) == before) != (end == "cancelled") or tasks != 1:
            wrong.append((number, end))
        if end == "done":
            break
    assert ([], True, ["cancelled", "too late", "done"]) == (
        wrong,
        found.count("cancelled") > 20,
        list(dict.fromkeys(found)),
    )


async def test_cancelled_while_an_extension_is_loaded(tmp_path: Path) -> None:
    """A cancellation after the files were moved in moves them out again."""
    module, tag = "fast.cpython-314-wasm32-emscripten.so", "cp314-cp314-pyemscripten_2026_0_wasm32"
    fast = wheel("fast", files={module: "wasm"}, tag=tag)
    loading = asyncio.Event()

    async def load(path: Path) -> None:
        loading.set()
        await asyncio.Event().wait()

    site = tmp_path / "site"
    installer = SiteInstaller(site, load_extension=load)
    network = Network(wheels=[fast, *WHEELS.values()])
    task = asyncio.create_task(run(site, lock_of(fast, *WHEELS.values()), network, installer=installer))
    await loading.wait()
    there = (site / module).exists()
    task.cancel()
    with pytest.raises(ReplayCancelled):
        await task
    assert (True, {}, 1) == (there, snapshot(tmp_path), len(asyncio.all_tasks()))
