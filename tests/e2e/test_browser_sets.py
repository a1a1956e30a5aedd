"""Real packages in Pyodide 314 in Chromium, in a page and in a worker: record, freeze, replay, freeze again.

Each set is installed in one page and replayed in another, once; the tests then look at what happened. Compiled
packages are among the sets: on the main thread, Chromium compiles larger modules only asynchronously.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import pytest_asyncio
from packaging.utils import canonicalize_name

from micropip_lock.core.dist_info import RECORD_FILE
from micropip_lock.core.model import Lock
from tests.e2e.chromium import PLACES, Place, Web, browser_kernel
from tests.e2e.sets import PYODIDE_314, SETS, PackageSet

pytestmark = pytest.mark.browser

CASES = [one for one in SETS if PYODIDE_314 in one.runtimes]
RESULTS = Path(__file__).resolve().parents[2] / "test-results"
WRITTEN_BY_THE_INSTALLER = {"INSTALLER", "PYODIDE_REQUIRES"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What happened to one set.

    Attributes:
        packages: The set.
        text: The lock after micropip installed it with recording on.
        tree: Site-packages then.
        report: What the replay in another page reported.
        stages: Stages of which its progress told.
        replayed: Site-packages there.
        refrozen: The lock there.
        verified: Whether verify agreed there.
        answer: What using the roots gave there.
        fetched: Wheels that the replay asked for.
    """

    packages: PackageSet
    text: str
    tree: dict[str, str]
    report: dict[str, Any]
    stages: list[str]
    replayed: dict[str, str]
    refrozen: str
    verified: bool
    answer: object
    fetched: list[str]


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=CASES, ids=lambda one: one.name)
async def stories(request: pytest.FixtureRequest, web: Web) -> Mapping[Place, Story]:
    """Two pages and one lock in each place; the places at the same time, because they do not touch each other."""
    web.index.log.clear()
    told = await asyncio.gather(*(_story(web, request.param, place) for place in PLACES))
    return dict(zip(PLACES, told, strict=True))


@pytest.fixture(params=PLACES)
def story(request: pytest.FixtureRequest, stories: Mapping[Place, Story]) -> Story:
    """What happened in one place."""
    return stories[request.param]


async def _story(web: Web, packages: PackageSet, place: Place) -> Story:
    async with browser_kernel(web, place) as first:
        text = await first.ask(f"""
import micropip, micropip_lock
with micropip_lock.record():
    await micropip.install({list(packages.roots)!r}, index_urls={web.index.url!r})
    answer = (await micropip_lock.freeze()).to_json()
""")
        tree = await first.tree()
    async with browser_kernel(web, place) as second:
        before = len(web.asked(place))
        report, stages = await second.ask(f"""
import micropip_lock
events = []
report = await micropip_lock.replay({text!r}, progress=events.append)
answer = [report.to_json(), [event.stage for event in events]]
""")
        fetched = web.asked(place)[before:]
        replayed = await second.tree()
        refrozen, verified = await second.ask(f"""
import micropip_lock
answer = [(await micropip_lock.freeze()).to_json(), (await micropip_lock.verify({text!r})).ok]
""")
        answer = await second.ask(packages.use)
        if packages.name == "ipywidgets":
            html = await second.ask(f"""
import micropip_lock
answer = (await micropip_lock.replay({text!r}))._repr_html_()
""")
            await second.page.evaluate("html => show(html)", html)
            RESULTS.mkdir(exist_ok=True)
            await second.page.screenshot(path=RESULTS / f"replay-in-{place}.png", full_page=True)
    return Story(
        packages=packages,
        text=text,
        tree=tree,
        report=report,
        stages=stages,
        replayed=replayed,
        refrozen=refrozen,
        verified=verified,
        answer=answer,
        fetched=fetched,
    )


def test_trees_are_identical(story: Story) -> None:
    """A replay leaves every file that micropip left, but for the two files that say how it was installed.

    What the page itself had loaded before has a record where recording was on, and none where nothing recorded.
    """
    installed = {one["name"] for one in story.report["packages"] if one["outcome"] == "installed"}
    differing = {
        path.name
        for path in (PurePosixPath(path) for path, _ in story.tree.items() ^ story.replayed.items())
        if path.name != RECORD_FILE or canonicalize_name(path.parent.name.partition("-")[0]) in installed
    }

    assert set() == differing - WRITTEN_BY_THE_INSTALLER


def test_freeze_is_a_fixed_point(story: Story) -> None:
    """Freezing what was replayed gives the same bytes."""
    assert story.text == story.refrozen


def test_verify_agrees(story: Story) -> None:
    """The replayed environment is what the lock says, by every file's own digest."""
    assert story.verified is True


def test_each_wheel_is_asked_for_once(story: Story) -> None:
    """A replay asks for each wheel it does not find installed once, and for nothing else."""
    lock = Lock.from_json(story.text)
    installed = {one["name"] for one in story.report["packages"] if one["outcome"] == "installed"}

    assert sorted(f"/files/{one.wheel.filename}" for one in lock if one.name in installed) == sorted(story.fetched)


def test_only_the_tools_own_wheels_are_skipped(story: Story) -> None:
    """All of the set is installed by the replay; only packaging, which micropip-lock brought, may be there already."""
    skipped = {one["name"] for one in story.report["packages"] if one["outcome"] != "installed"}

    assert set() == skipped - {"packaging"}


def test_progress_is_told(story: Story) -> None:
    """Progress tells of the plan, the downloads, the installs and the end, in this order."""
    order = [stage for place, stage in enumerate(story.stages) if stage not in story.stages[:place]]

    assert ("plan", "fetch", "done") == (order[0], order[1], order[-1])


def test_roots_work(story: Story) -> None:
    """The roots do their work after a replay, compiled ones on the main thread too."""
    assert story.packages.answer == story.answer
