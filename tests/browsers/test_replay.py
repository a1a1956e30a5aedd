"""Record, freeze and replay in every browser, in a page and a worker: what arrives is the lock, or nothing changes.

One place freezes; a second one replays from the network, a third one from the store; a fourth one is refused again and
again, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import pytest

from micropip_lock.core.dist_info import RECORD_FILE
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, wheel
from micropip_lock.testing.faults import NotFound, Stall, WrongBytes
from tests.browsers.kernel import Kernel, Web, opened
from tests.e2e.wheelhouse import wheels

_WRITTEN_BY_THE_INSTALLER: Final = {"INSTALLER", "PYODIDE_REQUIRES", RECORD_FILE}

# A namespace that two wheels share, a data file, and a compiled package.
_WHEELS: Final = (
    wheel("ns-one", files={"ns/one.py": "answer = 1\n", "ns/data/one.txt": "one\n" * 100}, requires=["ns-two"]),
    wheel("ns-two", files={"ns/two/__init__.py": "answer = 2\n", "ns/two/empty.txt": ""}),
)
_ROOTS: Final = ("ns-one", "msgpack", "rich")
_USE: Final = """
import importlib.resources, inspect, msgpack
import importlib.metadata, ns.one, ns.two
from msgpack import _cmsgpack
from rich.text import Text
answer = [
    ns.one.answer + ns.two.answer,
    importlib.resources.files("ns").joinpath("data/one.txt").read_text()[:4],
    importlib.metadata.version("ns-two"),
    inspect.getsource(ns.two),
    msgpack.unpackb(msgpack.packb([1, 2])),
    Text.from_markup("[bold]hi[/]").plain,
]
"""
_USED: Final = [3, "one\n", "1.0", "answer = 2\n", [1, 2], "hi"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What happened in the first three places.

    Attributes:
        text: The lock.
        tree: Site-packages where micropip installed.
        report: What the replay reported.
        stages: Stages of which it told.
        fetched: Paths that it asked for.
        replayed: Site-packages after it, wheels mounted.
        eager: Site-packages after one more, every file written.
        refrozen: The lock there.
        verified: Whether verify agreed there.
        used: What using the packages gave there.
        fetched_next: Paths that the replay in the third place asked for.
        replayed_next: Site-packages after it.
        used_next: What using the packages gave there.
    """

    text: str
    tree: dict[str, str]
    report: dict[str, Any]
    stages: list[str]
    fetched: list[str]
    replayed: dict[str, str]
    eager: dict[str, str]
    refrozen: str
    verified: bool
    used: object
    fetched_next: list[str]
    replayed_next: dict[str, str]
    used_next: object


@pytest.fixture(scope="session")
def stocked(catalogue: PackageIndex) -> PackageIndex:
    """The catalogue with our own wheels."""
    for one in _WHEELS:
        catalogue.add(one)
    return catalogue


@pytest.fixture(scope="module")
def story(web: Web, stocked: PackageIndex) -> Story:
    """One lock, three places."""
    with opened(web) as first:
        text = first.ask(f"""
import micropip, micropip_lock as ml
with ml.record():
    await micropip.install({list(_ROOTS)!r}, index_urls={stocked.url!r})
    answer = (await ml.freeze()).to_json()
""")
        tree = first.tree()
    with opened(web) as second:
        stocked.log.clear()
        report, stages = second.ask(f"""
import micropip_lock as ml
events = []
report = await ml.replay({text!r}, progress=events.append)
await ml.wiring.store_all()
answer = [report.to_json(), [event.stage for event in events]]
""")
        fetched = stocked.log.paths(method="GET")
        replayed = second.tree()
        refrozen, verified = second.ask(f"""
import micropip_lock as ml
answer = [(await ml.freeze()).to_json(), (await ml.verify({text!r})).ok]
""")
        second.ask(f"""
import micropip_lock as ml
await ml.replay({text!r}, eager=True, force=True)
answer = 0
""")
        eager = second.tree()
        used = second.ask(_USE)
    with opened(web) as third:
        stocked.log.clear()
        third.ask(f"""
import micropip_lock as ml
await ml.replay({text!r})
answer = 0
""")
        fetched_next = stocked.log.paths(method="GET")
        replayed_next = third.tree()
        used_next = third.ask(_USE)
    return Story(
        text=text,
        tree=tree,
        report=report,
        stages=stages,
        fetched=fetched,
        replayed=replayed,
        eager=eager,
        refrozen=refrozen,
        verified=verified,
        used=used,
        fetched_next=fetched_next,
        replayed_next=replayed_next,
        used_next=used_next,
    )


@pytest.fixture(scope="module")
def untouched(web: Web) -> Iterator[Kernel]:
    """A place in which every replay fails, and no store has what the network has not."""
    with opened(web) as kernel:
        kernel.ask("import os; os.environ['MICROPIP_LOCK_STORE'] = 'off'; answer = 0")
        yield kernel


def test_freeze_is_a_fixed_point(story: Story) -> None:
    """Freezing what was replayed gives the same bytes."""
    assert story.text == story.refrozen


def test_trees_are_identical(story: Story) -> None:
    """A replay leaves every file that micropip left, but for those that say how it was installed."""
    differing = {PurePosixPath(path).name for path, _ in story.tree.items() ^ story.replayed.items()}

    assert set() == differing - _WRITTEN_BY_THE_INSTALLER


def test_a_mounted_tree_is_a_written_one(story: Story) -> None:
    """What is mounted reads as what is written: every file of the one is in the other, byte for byte."""
    differing = {PurePosixPath(path).name for path, _ in story.replayed.items() ^ story.eager.items()}

    assert (set(), True) == (differing - _WRITTEN_BY_THE_INSTALLER, len(story.replayed) > 100)


def test_the_next_visit_asks_for_nothing(web: Web, story: Story) -> None:
    """A second replay of the same lock takes every wheel from the store, but for a private window, which forgets."""
    expected = story.fetched if web.browser.name == "webkit-private" else []

    assert sorted(expected) == sorted(story.fetched_next)


def test_the_next_visit_has_the_same_files(story: Story) -> None:
    """What comes from the store is, and does, what came from the network."""
    assert (story.replayed, _USED) == (story.replayed_next, story.used_next)


def test_verify_agrees(story: Story) -> None:
    """What was replayed is what the lock says."""
    assert story.verified is True


def test_each_wheel_is_asked_for_once(story: Story) -> None:
    """A replay asks for each wheel that is not there once, and for nothing else."""
    installed = {one["name"] for one in story.report["packages"] if one["outcome"] == "installed"}
    wanted = [f"/files/{one.wheel.filename}" for one in Lock.from_json(story.text) if one.name in installed]

    assert (sorted(wanted), True) == (sorted(story.fetched), {"ns-one", "ns-two", "msgpack", "rich"} <= installed)


def test_progress_is_told(story: Story) -> None:
    """Progress tells of the plan first, then of downloads, and of the end last."""
    order = list(dict.fromkeys(story.stages))

    assert ("plan", "fetch", "done") == (order[0], order[1], order[-1])


def test_packages_work(story: Story) -> None:
    """Imports, data files, a shared namespace, metadata, sources and a compiled module work after a replay."""
    assert _USED == story.used


def _refusal(kernel: Kernel, text: str) -> tuple[str, str | None, bool]:
    """Error code and package of a replay, and whether site-packages stayed as it was."""
    before = kernel.tree()
    code, package = kernel.ask(f"""
import micropip_lock as ml
from micropip_lock.errors import MicropipLockError
try:
    await ml.replay({text!r})
    answer = ["", None]
except MicropipLockError as error:
    answer = [error.code, error.package]
""")
    return code, package, before == kernel.tree()


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """The same wheels at an origin that no cache knows.

    Attributes:
        index: They are here.
        text: The lock, with their addresses here.
        path: Of the wheel to spoil.
    """

    index: PackageIndex
    text: str
    path: str = f"/files/{_WHEELS[1].filename}"


@pytest.fixture
def elsewhere(story: Story, stocked: PackageIndex) -> Iterator[Elsewhere]:
    """One more index."""
    with PackageIndex() as index:
        for one in _WHEELS:
            index.add(one)
        for path in wheels("py314").values():
            index.add_file(path)
        yield Elsewhere(index=index, text=story.text.replace(stocked.origin, index.origin))


def test_a_wrong_digest_is_refused(untouched: Kernel, elsewhere: Elsewhere) -> None:
    """A wheel that is not the one the lock names changes nothing, though all others are right."""
    wrong = elsewhere.text.replace(_WHEELS[1].sha256, "0" * 64)

    assert ("digest-mismatch", "ns-two", True) == _refusal(untouched, wrong)


def test_spoilt_bytes_are_refused(untouched: Kernel, elsewhere: Elsewhere) -> None:
    """Wrong bytes of the right length change nothing; they are asked for twice, the second time past the cache."""
    elsewhere.index.fault(elsewhere.path, WrongBytes())
    told = _refusal(untouched, elsewhere.text)

    assert (("digest-mismatch", "ns-two", True), 2) == (told, elsewhere.index.log.count(elsewhere.path, method="GET"))


def test_a_wheel_that_is_gone_changes_nothing(untouched: Kernel, elsewhere: Elsewhere) -> None:
    """A wheel that is nowhere any more changes nothing, though all others arrive."""
    elsewhere.index.fault(elsewhere.path, NotFound())

    assert ("not-found", "ns-two", True) == _refusal(untouched, elsewhere.text)


def test_cancelling_changes_nothing(untouched: Kernel, elsewhere: Elsewhere) -> None:
    """A replay that is cancelled while a wheel arrives raises ReplayCancelled; no file, task or request is left."""
    before = untouched.tree()
    elsewhere.index.fault(elsewhere.path, Stall(after=100))
    untouched.ask(f"""
import asyncio, micropip_lock as ml, sys
sys._tasks_before = len(asyncio.all_tasks())
sys._replay = asyncio.ensure_future(ml.replay({elsewhere.text!r}))
answer = 0
""")
    elsewhere.index.log.wait_for(elsewhere.path, timeout=60)
    outcome, left = untouched.ask("""
import asyncio, sys
sys._replay.cancel()
answer = ["", 0]
try:
    await sys._replay
except BaseException as error:
    answer = [type(error).__name__, len(asyncio.all_tasks()) - sys._tasks_before]
""")
    elsewhere.index.log.wait_until_quiet()

    assert ("ReplayCancelled", 0, before) == (outcome, left, untouched.tree())
