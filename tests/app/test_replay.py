"""Replay: everything is fetched and checked before anything changes, and one typed error tells the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller, SitePackages, TargetRuntime
from micropip_lock.app.replay import ReplayReport, replay
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.errors import (
    AlreadyImportedError,
    BusyError,
    ConflictError,
    EnvironmentMismatchError,
    FetchError,
    HashMismatchError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
    NetworkError,
    NotFoundError,
    ReplayCancelled,
    UsageError,
    WheelRecordError,
    WheelTooLargeError,
)
from micropip_lock.ports import Fetched, Install, ProgressEvent
from micropip_lock.testing import BuiltWheel, wheel

ABI = Abi(abi_version="2026_0", python="3.14.2")
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
# Sizes differ, and not in the order of the names.
TEXTS = {name: "#" * (len(name) * 100 + number) for number, name in enumerate(NAMES)}
WHEELS = {name: wheel(name, files={f"{name}.py": text}) for name, text in TEXTS.items()}
SIZES = sorted(NAMES, key=lambda name: -WHEELS[name].size)


def url_of(built: BuiltWheel) -> str:
    return f"https://files.example/{built.filename}"


def locked(built: BuiltWheel, **changes: Any) -> LockedPackage:
    package = LockedPackage(
        name=canonicalize_name(built.name),
        display_name=built.name,
        version=built.version,
        wheel=Wheel(url=url_of(built), digest=Digest.of(built.data), size=built.size),
        imports=(built.name,),
        origin=Origin(kind="index", url=url_of(built), index="https://index.example/simple"),
    )
    return replace(package, **changes)


def lock_of(*packages: LockedPackage | BuiltWheel) -> Lock:
    made = [locked(one) if isinstance(one, BuiltWheel) else one for one in packages]
    return Lock(abi=ABI, packages=by_name(made))


def with_one_more(package: LockedPackage) -> Lock:
    return lock_of(WHEELS["alpha"], WHEELS["zeta"], package)


ALL = lock_of(*WHEELS.values())
NATIVE = wheel("fast", tag="cp311-abi3-linux_x86_64")
Step = BaseException | bytes


@dataclass
class Network:
    """Serves wheels from memory, by a script: for each address what to raise or to send instead, one after another.

    Attributes:
        asked: (file name, reload) of every request, in order.
        active: Requests that are under way.
        peak: The most that were at one time.
        cancelled: Requests that were cancelled while under way.
        hold: Waits here before it answers, when given.
        pauses: How often each request lets others run.
    """

    script: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    hold: Callable[[str], Awaitable[None]] | None = None
    pauses: int = 2
    wheels: Iterable[BuiltWheel] = tuple(WHEELS.values())
    asked: list[tuple[str, bool]] = field(default_factory=list)
    active: int = 0
    peak: int = 0
    cancelled: list[str] = field(default_factory=list)

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> Fetched:
        built = next(one for one in self.wheels if url_of(one) == url)
        turn = sum(filename == built.filename for filename, _ in self.asked)
        self.asked.append((built.filename, reload))
        self.active += 1
        self.peak = max(self.peak, self.active)
        steps = self.script.get(built.name, ())
        answer = steps[turn] if turn < len(steps) else built.data
        try:
            for pause in range(self.pauses):
                await asyncio.sleep(0)
                if progress and isinstance(answer, bytes):
                    progress(len(answer) * pause // self.pauses)
            if self.hold:
                await self.hold(built.name)
        except asyncio.CancelledError:
            self.cancelled.append(built.name)
            raise
        finally:
            self.active -= 1
        if isinstance(answer, BaseException):
            raise answer
        if max_bytes is not None and len(answer) > max_bytes:
            raise WheelTooLargeError("too many bytes", expected=str(max_bytes), got=str(len(answer)))
        return Fetched(data=answer, url=url)


class Runtime(TargetRuntime):
    """A target's runtime in which some modules are imported."""

    def __init__(self, *imported: str) -> None:
        super().__init__(ABI)
        self._imported = dict.fromkeys(imported, "")

    def imported(self) -> Mapping[str, str]:
        return self._imported


def snapshot(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


async def run(site: Path, lock: Lock = ALL, network: Network | None = None, **options: Any) -> ReplayReport:
    options = {"runtime": Runtime(), "installer": SiteInstaller(site), **options}
    return await replay(lock, site=SitePackages(site), fetcher=network or Network(), **options)


async def failing(site: Path, lock: Lock = ALL, network: Network | None = None, **options: Any) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        await run(site, lock, network, **options)
    return caught.value


def outcomes(report: ReplayReport) -> dict[str, str]:
    return {one.name: one.outcome for one in report.packages}


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


async def test_concurrency_of_none(tmp_path: Path) -> None:
    """A concurrency below one is an error of the caller."""
    assert UsageError is type(await failing(tmp_path, concurrency=0))


async def test_largest_first(tmp_path: Path) -> None:
    """Requests are sent in the order of size."""
    network = Network()
    await run(tmp_path, network=network, concurrency=2)
    assert [WHEELS[name].filename for name in SIZES] == [filename for filename, _ in network.asked]


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
    network = Network({SIZES[1]: [NetworkError("offline")]})
    error = await failing(tmp_path, network=network, concurrency=1)
    reasons = {one.name: one.reason for one in error.report.packages}
    assert ("fetched, not installed", "network", "not fetched") == tuple(reasons[name] for name in SIZES[:3])


async def test_which_failure_is_raised(tmp_path: Path) -> None:
    """When several fail at once, the first by name is raised, whatever the order of their sizes."""
    script = {name: [NetworkError(name)] for name in NAMES}
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
    error = await failing(tmp_path, installer=installer)
    gate.set()
    await first
    after = await run(tmp_path, installer=installer)
    assert (BusyError, len(NAMES)) == (type(error), after.count("skipped"))


async def test_not_busy_after_a_failure(tmp_path: Path) -> None:
    """A replay that failed is over."""
    installer = SiteInstaller(tmp_path)
    await failing(tmp_path, network=Network({"beta": [NetworkError("x")]}), installer=installer)
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

    script = {name: [NetworkError(name)] for name in NAMES[:4]}
    with pytest.raises(LookupError, match="mine"):
        await run(tmp_path / "site", network=Network(script, pauses=1), progress=listen, concurrency=50)
    assert {} == snapshot(tmp_path)


async def test_a_fetcher_that_gives_up(tmp_path: Path) -> None:
    """A download that ends by a cancellation of its own ends the replay as cancelled, not as done."""
    with pytest.raises(ReplayCancelled):
        await run(tmp_path / "site", network=Network({"beta": [asyncio.CancelledError()]}))
    assert {} == snapshot(tmp_path)


async def steps_until_done(site: Path, cancel_at: int) -> tuple[bool, int]:
    """Replay, cancelled after so many turns of the loop.

    Returns:
        Whether it was cancelled, and how many tasks are left.
    """
    task = asyncio.create_task(run(site, network=Network(), concurrency=2))
    for _ in range(cancel_at):
        if task.done():
            break
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except ReplayCancelled:
        return True, len(asyncio.all_tasks())
    except asyncio.CancelledError:
        # It had not begun.
        return True, len(asyncio.all_tasks())
    return False, len(asyncio.all_tasks())


async def test_cancelled_at_every_await(tmp_path: Path) -> None:
    """Cancelled at any turn of the loop, the tree is as it was and no task is left; or it was done before."""
    old = wheel("beta", "0.9", files={"beta.py": "old"})
    wrong, cancelled = [], 0
    for number in range(500):
        site = tmp_path / str(number)
        await run(site, lock_of(old), Network(wheels=[old]))
        before = snapshot(site)
        was_cancelled, tasks = await steps_until_done(site, number)
        cancelled += was_cancelled
        if (snapshot(site) == before) != was_cancelled or tasks != 1:
            wrong.append(number)
        if not was_cancelled:
            break
    assert ([], True) == (wrong, cancelled > 20)


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


class KeptInstalls:
    """An installer that keeps what it was asked to install."""

    def __init__(self) -> None:
        self.installs: list[Install] = []

    async def install(self, installs: Sequence[Install], on_step: Callable[[str, str], None]) -> Sequence[str]:
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
        (Origin(kind="index", url=url_of(WHEELS["beta"]), index="https://index.example/simple"), "pypi"),
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
