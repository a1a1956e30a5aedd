"""Mock packages of micropip through a freeze and a replay, in Pyodide under Node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from micropip_lock.core.model import Lock
from micropip_lock.errors import MicropipLockError
from micropip_lock.testing import NotFound, PackageIndex, wheel
from tests.e2e.kernel import Kernel, kernel

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

ADD = '''
import micropip
micropip.add_mock_package("in-memory", "1.5", modules={
    "in_memory": """
        def double(number):
            return 2 * number
    """,
    "in_memory.part": "",
})
micropip.add_mock_package("infiles", "2.0", modules={"in_files": "WORD = 'täxt'"}, persistent=True)
micropip.add_mock_package("Plain-Default", "3.0")
'''

USE = """
import importlib.metadata, micropip
from in_memory import double
import in_files, in_memory.part
answer = [double(21), in_files.WORD, importlib.metadata.version("in-memory"), sorted(micropip.list_mock_packages())]
"""

USED = [42, "täxt", "1.5", ["Plain-Default", "in-memory", "infiles"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One environment with mocks, and what became of its lock.

    Attributes:
        lock: As frozen.
        used: What the mocks gave where they were added.
        tree: Files where they were added.
        running: Another Pyodide, into which the lock was replayed.
        replayed: Files there.
        outcomes: What the replay said of each package.
        index: The index that both used.
    """

    lock: Lock
    used: object
    tree: dict[str, str]
    running: Kernel
    replayed: dict[str, str]
    outcomes: dict[str, str]
    index: PackageIndex


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story() -> AsyncIterator[Story]:
    """Two Pyodides and one lock."""
    with PackageIndex() as index:
        index.add(wheel("dependent", requires=["in-memory", "infiles>=1"]))
        async with kernel(index_urls=[index.url]) as first:
            await first.ask(f"{ADD}\nanswer = 0")
            frozen = await first.pyodide.install_and_freeze(["dependent"])
            used = await first.ask(USE)
        async with kernel(index_urls=[index.url]) as second:
            replay = await second.pyodide.replay(frozen.lock)
            yield Story(
                lock=frozen.lock,
                used=used,
                tree=frozen.tree,
                running=second,
                replayed=replay.tree,
                outcomes={one["name"]: one["outcome"] for one in replay.report["packages"]},
                index=index,
            )


async def test_sources_are_in_the_lock(story: Story) -> None:
    """A lock has each mock package with its version, where it was kept, and the text of its modules."""
    assert {
        "in-memory": (
            "in-memory",
            "1.5",
            False,
            {"in_memory": "\ndef double(number):\n    return 2 * number\n", "in_memory.part": ""},
        ),
        "infiles": ("infiles", "2.0", True, {"in_files": "WORD = 'täxt'"}),
        "plain-default": ("Plain-Default", "3.0", False, {"Plain-Default": ""}),
    } == {
        name: (one.display_name, one.version, one.persistent, dict(one.modules))
        for name, one in story.lock.mocks.items()
    }


async def test_dependents_name_no_package_that_is_not_there(story: Story) -> None:
    """What needs a mock package has it apart from its dependencies, which all are in the lock."""
    (dependent,) = story.lock

    assert ((), (), ("in-memory", "infiles")) == (dependent.depends, dependent.missing, dependent.mocked)


async def test_replayed_mocks_work(story: Story) -> None:
    """Replayed mock packages are micropip's own mocks again, and import as they did."""
    assert (USED, USED) == (story.used, await story.running.ask(USE))


async def test_the_files_are_the_same(story: Story) -> None:
    """A replayed environment has the files that the recorded one had, those of mocks byte for byte."""

    def content(tree: dict[str, str]) -> dict[str, str]:
        installers = {f"dependent-1.0.dist-info/{name}" for name in ("INSTALLER", "PYODIDE_REQUIRES")}
        return {path: digest for path, digest in tree.items() if path not in installers}

    assert content(story.tree) == content(story.replayed)


async def test_freezing_again_gives_the_same(story: Story) -> None:
    """Freeze, replay, freeze: the same bytes."""
    assert story.lock.to_json() == (await story.running.pyodide.freeze()).lock.to_json()


async def test_each_is_reported(story: Story) -> None:
    """The report of a replay has every mock package beside every package."""
    assert dict.fromkeys(["dependent", "infiles", "in-memory", "plain-default"], "installed") == story.outcomes


async def test_what_is_there_is_skipped(story: Story) -> None:
    """A second replay of the same lock changes nothing and says that it skipped everything."""
    report = (await story.running.pyodide.replay(story.lock)).report

    assert {"skipped"} == {one["outcome"] for one in report["packages"]}


async def test_verify_finds_nothing(story: Story) -> None:
    """An environment with the mock packages of its lock is what the lock says."""
    assert () == (await story.running.pyodide.verify(story.lock)).findings


async def test_a_failed_replay_takes_mocks_away_again(story: Story) -> None:
    """When something fails after the mock packages were put in place, those that were there before are back."""
    changed = {name: replace(one, version="9.0") for name, one in story.lock.mocks.items()}
    error = await story.running.failure(f"""
import pyodide_js
from micropip_lock import wiring
from micropip_lock.core.model import Lock
from micropip_lock.errors import StorageError
import micropip_lock
installer = wiring.installer(None)
def fail(installs):
    raise StorageError("made to fail", code="made-to-fail")
before, installer._after = installer._after, fail
try:
    await micropip_lock.replay({replace(story.lock, mocks=changed).to_json()!r}, force=True)
finally:
    installer._after = before
""")
    again = (await story.running.pyodide.freeze()).lock.to_json()

    assert ("made-to-fail", story.lock.to_json(), USED) == (error["code"], again, await story.running.ask(USE))


async def test_a_failed_download_adds_no_mock(story: Story) -> None:
    """When a wheel cannot be fetched, no mock package is added."""
    story.index.add(wheel("lacking"))
    async with kernel(index_urls=[story.index.url]) as source:
        lock = (await source.pyodide.install_and_freeze(["lacking"])).lock
    story.index.fault("*/lacking-*", NotFound())
    async with kernel() as fresh:
        with pytest.raises(MicropipLockError) as caught:
            await fresh.pyodide.replay(replace(lock, mocks=story.lock.mocks))
        mocks = await fresh.ask("import micropip; answer = micropip.list_mock_packages()")

    assert ("not-found", []) == (caught.value.code, mocks)


async def test_a_mock_made_by_a_function_cannot_be_locked(story: Story) -> None:
    """A module made by a function has no text: an item names it, and the rest can still be locked."""
    async with kernel() as running:
        error = await running.failure("""
import micropip, micropip_lock
micropip.add_mock_package("by-function", "1.0", modules={"made": lambda module: None})
await micropip_lock.freeze()
""")
        lock = await running.ask("""
import micropip_lock
answer = (await micropip_lock.freeze(strict=False)).to_json()
""")

    assert ([("by-function", "1.0", "mock-callable")], True, {}) == (
        [(item["name"], item["version"], item["code"]) for item in error["items"]],
        bool(error["items"][0]["hint"]),
        dict(Lock.from_json(lock).mocks),
    )


async def test_a_mock_never_hides_a_package_of_the_lock(story: Story) -> None:
    """A lock that installs what a mock package stands in for is refused before anything is fetched."""
    story.index.add(wheel("both"))
    async with kernel(index_urls=[story.index.url]) as source:
        lock = (await source.pyodide.install_and_freeze(["both"])).lock
    async with kernel() as running:
        await running.ask("import micropip; micropip.add_mock_package('both', '1.0'); answer = 0")
        with pytest.raises(MicropipLockError) as caught:
            await running.pyodide.replay(lock)

    assert ("mock-in-place", "both") == (caught.value.code, caught.value.package)
