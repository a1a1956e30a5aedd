"""Obtaining one wheel: which source is asked when, how often, after how long, and what is said of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from micropip_lock.app.obtain import Failure, Obtained, Patience, Sources, Supply
from micropip_lock.core.mirrors import Mirror
from micropip_lock.core.plan import Download
from micropip_lock.core.policy import Policy
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    FetchTimeoutError,
    HashMismatchError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
    NetworkError,
    NotFoundError,
    RedirectPolicyError,
    ServerError,
    TruncatedError,
    WheelTooLargeError,
)
from micropip_lock.ports import Fetched, FetchedRange
from micropip_lock.testing import wheel
from tests.app.replaying import locked, url_of

SIX = wheel("six", "1.16.0")
URL = url_of(SIX)
MIRROR = f"https://mirror.example/{SIX.filename}"
ELSEWHERE = f"https://cdn.example/{SIX.filename}"
BUNDLED = f"https://bundle.example/b/wheels/{SIX.sha256}/{SIX.filename}"
PAGE = "https://index.example/simple/six/"
DOWNLOAD = Download(package=locked(SIX), url=URL)

DOWN = ServerError("down", status=503)
GONE = NotFoundError("gone", status=404)
WRONG = HashMismatchError("wrong bytes")
LARGE = WheelTooLargeError("too many bytes")
HTML = HashMismatchError("a page", code="not-a-wheel")

Step = MicropipLockError | None
"""What one request gives: an error, or the wheel."""


@dataclass
class World:
    """A network in memory with a clock that only waiting moves.

    Attributes:
        script: By address what its requests give, one after another; the last one for all that follow. Others give the
            wheel.
        page: What the index answers; a value for ``json``, or an error.
        asked: Addresses in order; with ``!`` where caches were to be passed.
        waits: Seconds that were waited.
    """

    script: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    page: Any = None
    asked: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    async def attempt(self, url: str, reload: bool) -> str:
        turn = sum(one.rstrip("!") == url for one in self.asked)
        self.asked.append(url + "!" * reload)
        await asyncio.sleep(0)
        steps = self.script.get(url, (None,))
        step = steps[min(turn, len(steps) - 1)]
        if step is not None:
            raise step
        return url

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    async def fetch_page(self, url: str, *, accept: str, max_bytes: int) -> Fetched:
        self.asked.append(url)
        if isinstance(self.page, MicropipLockError):
            raise self.page
        return Fetched(data=json.dumps(self.page).encode(), url=url, content_type="application/json")

    async def fetch(self, url: str, **options: Any) -> Fetched:
        raise AssertionError(f"obtain fetches through its attempt only: {url}")

    async def fetch_range(self, url: str, first: int, last: int, *, max_whole: int) -> FetchedRange:
        raise AssertionError(f"no ranges are asked for: {url}")

    async def size_of(self, url: str) -> int | None:
        raise AssertionError(f"no size is asked for: {url}")

    def supply(self, **changes: Any) -> Supply:
        patience = Patience(sleep=self.sleep, chance=lambda: 0.0)
        return Supply(Sources(patience=patience, **changes))

    def everywhere(self, **changes: Any) -> Supply:
        """With every kind of source."""
        mirrors = (Mirror(to="https://mirror.example"),)
        return self.supply(**{"mirrors": mirrors, "indexes": self, "bundle": "https://bundle.example/b", **changes})


def listing(url: str = ELSEWHERE, sha256: str = SIX.sha256) -> dict[str, Any]:
    """A project page with one file."""
    return {"files": [{"filename": SIX.filename, "url": url, "hashes": {"sha256": sha256}}]}


async def failing(supply: Supply, world: World, download: Download = DOWNLOAD) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        await supply.obtain(download, world.attempt)
    return caught.value


def after(seconds: float) -> ServerError:
    return ServerError("wait", status=429, retry_after=seconds)


@pytest.mark.parametrize(
    ("steps", "asked", "waits"),
    [
        ([None], [URL], []),
        ([DOWN, None], [URL] * 2, [0.5]),
        ([DOWN, DOWN, None], [URL] * 3, [0.5, 1.0]),
        ([DOWN, NetworkError("x"), None], [URL] * 3, [0.5, 1.0]),
        ([TruncatedError("x"), None], [URL] * 2, [0.5]),
        ([FetchTimeoutError("x"), None], [URL] * 2, [0.5]),
        ([NetworkError("x", code="tls"), None], [URL] * 2, [0.5]),
        ([FetchTimeoutError("x", code="too-slow"), None], [URL] * 2, [0.5]),
        ([after(7.0), None], [URL] * 2, [7.0]),
        ([after(0.0), None], [URL] * 2, [0.5]),
        ([after(60.0), None], [URL] * 2, [60.0]),
        ([WRONG, None], [URL, f"{URL}!"], []),
        ([LARGE, None], [URL, f"{URL}!"], []),
        ([DOWN, WRONG, DOWN, None], [URL, URL, f"{URL}!", f"{URL}!"], [0.5, 1.0]),
    ],
)
async def test_one_source_that_recovers(steps: Sequence[Step], asked: list[str], waits: list[float]) -> None:
    """What may pass is waited for and asked again, other bytes are asked for past every cache, and no note is left."""
    world = World({URL: steps})
    got = await world.supply().obtain(DOWNLOAD, world.attempt)
    assert (Obtained(value=URL, kind="url", address=URL), (), asked, waits) == (
        got,
        got.notes,
        world.asked,
        world.waits,
    )


@pytest.mark.parametrize(
    ("error", "asked", "waits"),
    [
        (DOWN, 3, [0.5, 1.0]),
        (NetworkError("x"), 3, [0.5, 1.0]),
        (TruncatedError("x"), 3, [0.5, 1.0]),
        (FetchTimeoutError("x"), 3, [0.5, 1.0]),
        (NetworkError("x", code="tls"), 2, [0.5]),
        (FetchTimeoutError("x", code="too-slow"), 2, [0.5]),
        (after(60.5), 1, []),
        (after(1e12), 1, []),
        (GONE, 1, []),
        (BlockedError("x", status=403), 1, []),
        (BlockedError("x", code="cors"), 1, []),
        (BlockedError("x", code="insecure"), 1, []),
        (RedirectPolicyError("x"), 1, []),
        (FetchError("x", code="http-status"), 1, []),
        (WRONG, 2, []),
        (LARGE, 2, []),
        (HTML, 1, []),
    ],
)
async def test_one_source_that_does_not(error: MicropipLockError, asked: int, waits: list[float]) -> None:
    """A source is given up after its tries, at once when nothing will pass, and the error is the source's own."""
    world = World({URL: [error]})
    assert (error, asked, waits, ()) == (
        await failing(world.supply(), world),
        len(world.asked),
        world.waits,
        error.errors,
    )


@pytest.mark.parametrize("error", [GONE, WRONG, LARGE, HTML, DOWN, after(61.0), BlockedError("x", code="cors")])
async def test_the_order_of_sources(error: MicropipLockError) -> None:
    """The wheel's own address, mirrors, the recorded index by hash, the bundle; at the end the first one's error."""
    script = {one: [error] for one in (URL, MIRROR, ELSEWHERE, BUNDLED)}
    world = World(script, page=listing())
    raised = await failing(world.everywhere(), world)
    order = list(dict.fromkeys(one.rstrip("!") for one in world.asked))
    assert ([URL, MIRROR, PAGE, ELSEWHERE, BUNDLED], type(error), error.code, (error,) * 4) == (
        order,
        type(raised),
        raised.code,
        raised.errors,
    )


@pytest.mark.parametrize(
    ("broken", "kind", "address"),
    [
        ([], "url", URL),
        ([URL], "mirror", MIRROR),
        ([URL, MIRROR], "index", ELSEWHERE),
        ([URL, MIRROR, ELSEWHERE], "bundle", BUNDLED),
    ],
)
async def test_the_first_source_that_has_it(broken: list[str], kind: str, address: str) -> None:
    """The first source with the right bytes ends the search, and those before it are told."""
    world = World({one: [GONE] for one in broken}, page=listing())
    got = await world.everywhere().obtain(DOWNLOAD, world.attempt)
    said = [one for note in got.notes for one in broken if f"{one.split('/')[2]} (not-found)" in note]
    assert (kind, address, address, broken, broken) == (
        got.kind,
        got.address,
        got.value,
        said,
        [one.address for one in got.failures],
    )


async def test_the_liar_is_reported() -> None:
    """Two sources that disagree: the one that matches is taken, and the other one is named."""
    world = World({URL: [WRONG]})
    got = await world.everywhere().obtain(DOWNLOAD, world.attempt)
    assert (
        "mirror",
        (Failure(kind="url", address=URL, error=WRONG),),
        ("files.example sent other bytes than the lock names; taken from mirror.example",),
    ) == (got.kind, got.failures, got.notes)


async def test_what_many_share_is_said_once() -> None:
    """A sentence that is true of many packages is in the report once, with their names."""
    names = [f"p{number}" for number in range(7)]
    built = [wheel(name) for name in names]
    world = World({url_of(one): [GONE] for one in built})
    supply = world.everywhere()
    for one in built:
        await supply.obtain(Download(package=locked(one), url=url_of(one)), world.attempt)
    assert (
        "p0, p1, p2, p3, p4 and 2 more: files.example (not-found) did not send it; taken from mirror.example",
    ) == supply.notes


@pytest.mark.parametrize(
    "error",
    [
        LockSchemaError("the lock names a wrong size", code="size"),
        LockPolicyError("too much", code="large-download"),
    ],
)
async def test_what_no_source_can_mend(error: MicropipLockError) -> None:
    """What is wrong with the lock, or forbidden, is raised at once."""
    world = World({URL: [error]}, page=listing())
    assert (error, [URL]) == (await failing(world.everywhere(), world), world.asked)


@pytest.mark.parametrize(
    ("page", "code", "pages"),
    [
        (listing(sha256="0" * 64), "not-in-index", 1),
        ({"files": [{"filename": SIX.filename, "url": ELSEWHERE}]}, "not-in-index", 1),
        ({"files": []}, "not-in-index", 1),
        ([], "index-page", 1),
        (GONE, "not-found", 1),
        (DOWN, "server-error", 3),
        (BlockedError("x", status=401), "blocked", 1),
        (listing("http://cdn.example/six-1.16.0-py3-none-any.whl"), "insecure", 1),
        (listing("file:///etc/six-1.16.0-py3-none-any.whl"), "local-path", 1),
        (listing("https://10.0.0.1/six-1.16.0-py3-none-any.whl"), "private-address", 1),
    ],
)
async def test_an_index_that_has_it_not(page: Any, code: str, pages: int) -> None:
    """A file with another hash or none, or at an address that may not be asked, is never taken; the reason is told."""
    world = World({URL: [GONE]}, page=page)
    error = await failing(world.supply(indexes=world), world)
    assert (GONE.code, ["not-found", code], [URL] + [PAGE] * pages) == (
        error.code,
        [one.code for one in error.errors],
        world.asked,
    )


async def test_an_index_that_has_it_at_the_same_address() -> None:
    """An address is asked once, whoever names it, and the error is the address's own."""
    world = World({URL: [GONE]}, page=listing(URL))
    assert (GONE, [URL, PAGE]) == (await failing(world.supply(indexes=world), world), world.asked)


@pytest.mark.parametrize(
    ("policy", "base", "codes"),
    [
        (Policy(allow_hosts=("files.example",)), None, ["not-found", "host-not-allowed"]),
        (Policy(allow_hosts=("files.example", "index.example")), None, ["not-found", "host-not-allowed"]),
        (Policy(), "https://lock.example/pyodide-lock.json", ["not-found"]),
    ],
)
async def test_the_policy_of_the_index(policy: Policy, base: str | None, codes: list[str]) -> None:
    """An index, and where its file lies, are asked only when the policy lets them be."""
    world = World({URL: [GONE], ELSEWHERE: [GONE]}, page=listing())
    supply = Supply(Sources(indexes=world, policy=policy, patience=Patience(sleep=world.sleep)), base)
    error = await failing(supply, world)
    asked = [URL, PAGE][: 1 if policy.allow_hosts == ("files.example",) else 2]
    if policy.allow_hosts is None:
        asked, codes = [URL, PAGE, ELSEWHERE], ["not-found", "not-found"]
    assert (asked, codes) == (world.asked, [one.code for one in error.errors])


async def test_a_private_index_of_a_lock_from_the_web() -> None:
    """A lock from the web cannot make this machine ask its own network through the index that it names."""
    package = locked(SIX)
    assert package.origin is not None
    inside = replace(package, origin=replace(package.origin, index="https://192.168.1.1/simple"))
    world = World({URL: [GONE]}, page=listing())
    supply = Supply(Sources(indexes=world), "https://lock.example/pyodide-lock.json")
    error = await failing(supply, world, replace(DOWNLOAD, package=inside))
    assert ([URL], ["not-found", "private-address"]) == (world.asked, [one.code for one in error.errors])


async def test_mirrors_of_what_a_bundle_holds() -> None:
    """A wheel that lies beside its lock has its mirrors where it came from."""
    beside = "https://bundle.example/wheels/six.whl"
    world = World({beside: [GONE]})
    supply = world.supply(mirrors=(Mirror(of="https://files.example", to="https://mirror.example"),))
    got = await supply.obtain(replace(DOWNLOAD, url=beside), world.attempt)
    assert (MIRROR, [beside, MIRROR]) == (got.value, world.asked)


@pytest.mark.parametrize(
    ("bundle", "address"),
    [
        ("https://bundle.example/b", BUNDLED),
        ("https://bundle.example/b/", BUNDLED),
        ("https://bundle.example/b/pyodide-lock.json", BUNDLED),
        ("file:///b/", f"file:///b/wheels/{SIX.sha256}/{SIX.filename}"),
        ("emfs:/b", f"emfs:/b/wheels/{SIX.sha256}/{SIX.filename}"),
    ],
)
async def test_where_a_bundle_has_it(bundle: str, address: str) -> None:
    """A bundle is a directory or the lock in it; the wheel lies under its digest."""
    world = World({URL: [GONE]})
    got = await world.supply(bundle=bundle).obtain(DOWNLOAD, world.attempt)
    assert address == got.address.replace("emfs:///", "emfs:/")


@pytest.mark.parametrize(
    ("bundle", "mirror", "asked"),
    [
        ("file:///b", "https://mirror.example", [f"file:///b/wheels/{SIX.sha256}/{SIX.filename}"]),
        ("https://bundle.example/b", "file:///mirror", [f"file:///mirror/{SIX.filename}"]),
        ("https://bundle.example/b", "https://mirror.example", []),
    ],
)
async def test_offline(bundle: str, mirror: str, asked: list[str]) -> None:
    """Offline, only files of this machine are sources: no address of the web, and no index."""
    world = World()
    sources = Sources(bundle=bundle, mirrors=(Mirror(to=mirror),), indexes=world)
    supply = Supply(sources, offline=True)
    there = supply.has_source_of(DOWNLOAD)
    if there:
        await supply.obtain(DOWNLOAD, world.attempt)
    assert (asked, bool(asked)) == (world.asked, there)


async def test_a_dead_host_is_asked_last() -> None:
    """A host that was given up and never answered is asked after the others for the wheels that follow."""
    world = World({URL: [DOWN]})
    supply = world.everywhere()
    first = await supply.obtain(DOWNLOAD, world.attempt)
    world.asked.clear()
    second = await supply.obtain(DOWNLOAD, world.attempt)
    assert (["files.example (server-error) did not send it; taken from mirror.example"], [MIRROR], ()) == (
        list(first.notes),
        world.asked,
        second.notes,
    )


async def test_an_unsteady_host_is_worth_more() -> None:
    """Where failures have passed, three in a row are chance, and the sources are asked in further rounds."""
    other = url_of(wheel("other"))
    world = World({other: [DOWN, None], URL: [*[DOWN] * 7, None]})
    supply = world.supply()
    await supply.obtain(Download(package=locked(wheel("other")), url=other), world.attempt)
    got = await supply.obtain(DOWNLOAD, world.attempt)
    assert (URL, (), [0.5, 0.5, 1.0, 2.0, 0.5, 1.0, 2.0, 0.5]) == (got.value, got.notes, world.waits)


@pytest.mark.parametrize(
    ("before", "error", "asked"),
    [
        ([None], DOWN, 3),
        ([DOWN, None], DOWN, 4 * 3),
        ([DOWN, None], after(3600.0), 1),
        ([DOWN, None], GONE, 1),
        ([WRONG, None], DOWN, 3),
    ],
)
async def test_rounds_end(before: Sequence[Step], error: MicropipLockError, asked: int) -> None:
    """Four rounds on a host that was seen to be unsteady and no more; none for what does not pass, or on others."""
    other = url_of(wheel("other"))
    world = World({other: before, URL: [error]})
    supply = world.supply()
    await supply.obtain(Download(package=locked(wheel("other")), url=other), world.attempt)
    assert (error, asked) == (await failing(supply, world), world.asked.count(URL))


async def test_jitter() -> None:
    """Waits are longer by up to half, by chance, so that many clients do not come back at one moment."""
    world = World({URL: [DOWN]})
    patience = Patience(sleep=world.sleep, chance=iter([1.0, 0.5, 0.0]).__next__)
    await failing(Supply(Sources(patience=patience)), world)
    assert [0.75, 1.25] == world.waits


async def test_cancelled_at_every_await() -> None:
    """Whenever it is cancelled, nothing is asked afterwards and no task is left."""
    script, ends = {one: [DOWN] for one in (URL, MIRROR, ELSEWHERE, BUNDLED)}, []
    for turns in range(200):
        world = World(script, page=DOWN)
        task = asyncio.create_task(world.everywhere().obtain(DOWNLOAD, world.attempt))
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            with pytest.raises(ServerError):
                await task
            break
        task.cancel()
        asked = len(world.asked)
        with pytest.raises(asyncio.CancelledError):
            await task
        ends.append((len(world.asked) - asked, len(asyncio.all_tasks())))
    assert (True, {(0, 1)}) == (15 < len(ends) < 200, set(ends))
