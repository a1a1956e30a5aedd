"""Real packages in Pyodide under Node: record, freeze, replay, freeze again, verify.

Each set is installed in one Pyodide and replayed in another, once; the tests then look at what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import pytest_asyncio
from pyodide_lock import PyodideLockSpec

from micropip_lock.adapters.node import Frozen, Replayed
from micropip_lock.core.compare import VerifyReport
from micropip_lock.testing import PackageIndex
from tests.e2e.kernel import kernel
from tests.e2e.sets import CASES, PackageSet, case_id

pytestmark = pytest.mark.node

WRITTEN_BY_THE_INSTALLER = {"INSTALLER", "PYODIDE_REQUIRES"}
"""The two files that say who installed, and what micropip resolved: a replay resolves nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What happened to one set.

    Attributes:
        packages: The set.
        frozen: After micropip installed it with recording on.
        replayed: After the replay in an empty Pyodide.
        fetched: Paths that the replay asked for, in order.
        peak: The most requests that ran at one time meanwhile.
        refrozen: The lock of the second Pyodide.
        verified: That Pyodide against the lock.
        second: What a second replay reported.
        second_requests: How many requests it sent.
        unimportable: Import names of the lock that cannot be imported, with their errors.
        answer: What using the roots gave.
        edited: The installed file that was then edited.
        after_edit: That Pyodide against the lock again.
    """

    packages: PackageSet
    frozen: Frozen
    replayed: Replayed
    fetched: list[str]
    peak: int
    refrozen: Frozen
    verified: VerifyReport
    second: dict[str, Any]
    second_requests: int
    unimportable: dict[str, str]
    answer: object
    edited: str
    after_edit: VerifyReport


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=CASES, ids=lambda case: "-".join(map(case_id, case))
)
async def story(request: pytest.FixtureRequest, catalogue: PackageIndex) -> Story:
    """Two Pyodides, one lock."""
    packages, version = request.param
    async with kernel(version, index_urls=[catalogue.url]) as first:
        frozen = await first.pyodide.install_and_freeze(packages.roots)
    async with kernel(version) as second:
        catalogue.log.clear()
        # Slow enough that downloads overlap when they are sent together.
        catalogue.latency = 0.1
        try:
            replayed = await second.pyodide.replay(frozen.lock)
        finally:
            catalogue.latency = 0.0
        fetched, peak = catalogue.log.paths(), catalogue.log.peak_concurrency()
        refrozen = await second.pyodide.freeze()
        verified = await second.pyodide.verify(frozen.lock)
        catalogue.log.clear()
        again = await second.pyodide.replay(frozen.lock)
        second_requests = catalogue.log.count()
        unimportable = await second.ask(f"""
import importlib
answer = {{}}
for name in {[name for package in frozen.lock for name in package.imports]!r}:
    try:
        importlib.import_module(name)
    except BaseException as error:
        answer[name] = repr(error)
""")
        answer = await second.ask(packages.use)
        edited = next(path for path in sorted(replayed.tree) if path.endswith("/__init__.py"))
        await second.ask(f"""
from pathlib import Path
from site import getsitepackages
path = Path(getsitepackages()[0], {edited!r})
answer = path.write_bytes(path.read_bytes() + b"# edited")
""")
        after_edit = await second.pyodide.verify(frozen.lock)
    return Story(
        packages=packages,
        frozen=frozen,
        replayed=replayed,
        fetched=fetched,
        peak=peak,
        refrozen=refrozen,
        verified=verified,
        second=again.report,
        second_requests=second_requests,
        unimportable=unimportable,
        answer=answer,
        edited=edited,
        after_edit=after_edit,
    )


def test_the_lock_holds_the_whole_closure(story: Story) -> None:
    """The lock has the roots and everything they need, all from the index, nothing left unlocked."""
    kinds = {package.origin.kind if package.origin else None for package in story.frozen.lock}

    assert (story.packages.size, {"index"}, ()) == (len(story.frozen.lock), kinds, tuple(story.frozen.lock.unlocked))


def test_roots_are_requested(story: Story) -> None:
    """What the person asked for is marked as requested, with the requirement, and nothing else is."""
    requested = {package.name: package.requirement for package in story.frozen.lock if package.requested}

    assert {root: root for root in story.packages.roots} == requested


def test_trees_are_identical(story: Story) -> None:
    """A replay leaves every file that micropip left, but for the two files that say how it was installed."""
    before, after = story.frozen.tree, story.replayed.tree
    differing = {PurePosixPath(path).name for path, _ in before.items() ^ after.items()}
    requires = any(path.endswith("/PYODIDE_REQUIRES") for path in before)

    assert WRITTEN_BY_THE_INSTALLER - (set() if requires else {"PYODIDE_REQUIRES"}) == differing


def test_freeze_is_a_fixed_point(story: Story) -> None:
    """Freezing what was replayed gives the same bytes."""
    assert story.frozen.lock.to_json() == story.refrozen.lock.to_json()


def test_each_wheel_is_asked_for_once(story: Story) -> None:
    """A replay asks for each wheel once and for nothing else: no page, no metadata."""
    wheels = sorted(f"/files/{package.wheel.filename}" for package in story.frozen.lock)

    assert wheels == sorted(story.fetched)


def test_downloads_run_together_but_no_more_than_six(story: Story) -> None:
    """Wheels are fetched concurrently, six at a time."""
    assert min(6, len(story.frozen.lock)) == story.peak


def test_second_replay_sends_nothing(story: Story) -> None:
    """A second replay skips every package and asks the network nothing."""
    outcomes = {package["outcome"] for package in story.second["packages"]}

    assert ({"skipped"}, 0, 0) == (outcomes, story.second_requests, story.second["requests"])


def test_verify_agrees(story: Story) -> None:
    """The replayed environment is what the lock says, by every file's own digest."""
    assert (True, (), len(story.frozen.lock)) == (
        story.verified.ok,
        story.verified.findings,
        story.verified.packages_checked,
    )


def test_verify_names_an_edited_file(story: Story) -> None:
    """Verify names the one installed file that was edited."""
    paths = [finding.path for finding in story.after_edit.findings if finding.severity == "error"]

    assert (False, [story.edited]) == (story.after_edit.ok, paths)


def test_every_import_name_is_importable(story: Story) -> None:
    """Every import name that the lock states can be imported after a replay."""
    assert story.packages.unimportable == story.unimportable


def test_roots_work(story: Story) -> None:
    """The roots do their work after a replay."""
    assert story.packages.answer == story.answer


def test_pyodide_lock_reads_it(story: Story, tmp_path: Path) -> None:
    """Pyodide's own lock library reads the lock, with no key that it does not know."""
    path = tmp_path / "pyodide-lock.json"
    path.write_text(story.frozen.lock.to_json(), "utf-8")
    spec = PyodideLockSpec.from_json(path)

    assert sorted(story.frozen.lock.packages) == sorted(spec.packages)
