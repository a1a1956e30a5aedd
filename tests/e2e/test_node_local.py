"""Wheels from local files in Pyodide under Node: kept, frozen, saved, and replayed where nothing of them was."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import pytest_asyncio

from micropip_lock import api
from micropip_lock.adapters.runtimes import pyodide_directory
from micropip_lock.cli import main
from micropip_lock.core.digest import Digest
from micropip_lock.core.local_wheel import local_file_name
from micropip_lock.core.model import Lock
from micropip_lock.load import load_lock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.asking import load_lock_beside, the
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314

pytestmark = pytest.mark.node
in_one_loop = pytest.mark.asyncio(loop_scope="module")

MINE = wheel("my-own", "1.0+local", files={"my_own.py": "answer = 42\n"}, requires=["listed"], extras={"more": []})
LISTED = wheel("listed", files={"listed.py": ""})
SHARED = wheel("on-the-index-too", files={"shared.py": ""})
NAME = local_file_name(Digest.of(MINE.data), MINE.filename)

WRITE = """
from pathlib import Path
from pyodide.http import pyfetch
async def put(url, path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(await (await pyfetch(url)).bytes())
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index() -> AsyncIterator[PackageIndex]:
    """An index with all but the local wheel."""
    with PackageIndex() as running:
        running.add(LISTED)
        running.add(SHARED)
        yield running


@pytest.fixture(scope="module")
def files(index: PackageIndex, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a static host; the wheel that only a person has lies on it for tests to fetch."""
    root = tmp_path_factory.mktemp("host")
    (root / MINE.filename).write_bytes(MINE.data)
    return index.mount("/host/", root)


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What happened in two Pyodides.

    Attributes:
        text: The lock of the first.
        notes: Codes of its notes.
        by_micropip: What ``micropip.freeze()`` gave there.
        same_kernel: What a replay of the lock reported in the first, after the package was uninstalled.
        trees: Of both.
        saved: What was written beside the lock, by path.
        reported: What the replay in the second reported.
        refrozen: The lock of the second.
        asked: Paths that the second asked the index for.
    """

    text: str
    notes: list[str]
    by_micropip: str
    same_kernel: dict[str, str]
    trees: tuple[dict[str, str], dict[str, str]]
    saved: dict[str, str]
    reported: dict[str, str]
    refrozen: str
    asked: list[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[PYODIDE_314, PYODIDE_029])
async def story(request: pytest.FixtureRequest, index: PackageIndex, files: str) -> Story:
    """Install a local wheel, freeze, save; replay what was saved in another Pyodide, freeze again."""
    async with kernel(request.param, index_urls=[index.url]) as first:
        told = await first.ask(f"""{WRITE}
import micropip, micropip_lock as ml
micropip.set_index_urls({index.url!r})
await put({files + MINE.filename!r}, "/data/of-somebody/{MINE.filename}")
with ml.record():
    await micropip.install("my-own[more] @ emfs:/data/of-somebody/{MINE.filename}")
    by_micropip = micropip.freeze()
Path("/data/of-somebody/{MINE.filename}").unlink()
lock = await ml.freeze()
from micropip_lock import wiring
tree = wiring.tree_here()
saved = await ml.save(lock, "/out/pyodide-lock.json")
micropip.uninstall("my-own")
again = await ml.replay(lock)
import base64
answer = dict(
    text=lock.to_json(), notes=[note.code for note in lock.notes], by_micropip=by_micropip, tree=tree,
    same_kernel={{one.name: one.outcome for one in again.packages}}, saved=saved.to_json(),
    files={{
        path.relative_to("/out").as_posix(): base64.b64encode(path.read_bytes()).decode()
        for path in Path("/out").rglob("*") if path.is_file()
    }},
)
""")
    index.log.clear()
    async with kernel(request.param, index_urls=[index.url]) as second:
        again = await second.ask(f"""
import base64, micropip, micropip_lock as ml
from pathlib import Path
micropip.set_index_urls({index.url!r})
for name, data in {told["files"]!r}.items():
    Path("/drive/project", name).parent.mkdir(parents=True, exist_ok=True)
    Path("/drive/project", name).write_bytes(base64.b64decode(data))
report = await ml.replay("/drive/project/pyodide-lock.json")
from micropip_lock import wiring
import my_own
assert my_own.answer == 42
answer = dict(
    reported={{one.name: one.outcome for one in report.packages}}, tree=wiring.tree_here(),
    text=(await ml.freeze()).to_json(),
)
""")
    return Story(
        text=told["text"],
        notes=told["notes"],
        by_micropip=told["by_micropip"],
        same_kernel=told["same_kernel"],
        trees=(told["tree"], again["tree"]),
        saved={"path": told["saved"]["path"], **dict.fromkeys(told["saved"]["wheels"], "wheel")},
        reported=again["reported"],
        refrozen=again["text"],
        asked=index.log.paths(),
    )


def test_it_is_locked_by_what_it_is(story: Story) -> None:
    """The lock has its digest, its size and a file beside the lock; nothing of where it lay; and says so in a note."""
    mine = the(Lock.from_json(story.text), "my-own")

    assert (NAME, MINE.sha256, MINE.size, "local", True, None, ("more",), False, ["local-wheel"]) == (
        mine.wheel.url,
        mine.wheel.digest.hex,
        mine.wheel.size,
        mine.origin and mine.origin.kind,
        mine.requested,
        mine.requirement,
        mine.extras,
        "somebody" in story.text,
        story.notes,
    )


def test_micropips_freeze_gives_the_same(story: Story) -> None:
    """``micropip.freeze()``, which may ask nobody, gives the same text."""
    assert story.text == story.by_micropip


def test_saved_beside_the_lock(story: Story) -> None:
    """``save`` tells the lock and the one wheel that it wrote, relative to the lock."""
    assert {"path": "/out/pyodide-lock.json", NAME: "wheel"} == story.saved


def test_replay_in_the_same_kernel(story: Story) -> None:
    """A lock that was never written finds its wheel in what is kept."""
    assert {"listed": "skipped", "my-own": "installed"} == story.same_kernel


def test_trees_are_identical(story: Story) -> None:
    """Both environments are equal, file by file, but for the two files that say who installed."""
    first, second = story.trees
    differing = {path for path in {*first, *second} if first.get(path) != second.get(path)}

    assert {"INSTALLER", "PYODIDE_REQUIRES"} == {PurePosixPath(path).name for path in differing}


def test_freeze_is_a_fixed_point(story: Story) -> None:
    """What was replayed from a saved lock is frozen to the same bytes."""
    assert story.text == story.refrozen


def test_the_index_was_asked_for_the_rest(story: Story) -> None:
    """The replay fetched what the index has; the freeze then asked for the page of the local wheel and nothing more."""
    assert ({"listed": "installed", "my-own": "installed"}, [f"/files/{LISTED.filename}", "/simple/my-own/"]) == (
        story.reported,
        story.asked,
    )


def version_of(story: Story) -> str:
    """The Pyodide that a story was told in."""
    return PYODIDE_314 if Lock.from_json(story.text).abi.abi_version == "2026_0" else PYODIDE_029


@in_one_loop
async def test_from_a_static_host_and_into_a_directory(
    story: Story, index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory of a saved lock is all that a static host needs: its URL replays here, and in a Pyodide."""
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path / "cache"))
    host = tmp_path / "host"
    (host / NAME).parent.mkdir(parents=True)
    (host / NAME).write_bytes(MINE.data)
    (host / "pyodide-lock.json").write_text(story.text, "utf-8")
    url = index.mount(f"/static-{json.loads(story.text)['info']['abi_version']}/", host) + "pyodide-lock.json"
    report = await api.replay(url, target=tmp_path / "site")
    lock = await load_lock(url)
    again = await api.freeze_site(tmp_path / "site", pyodide=version_of(story), index_urls=[index.url])

    assert (2, True, story.text) == (
        report.count("installed"),
        (await api.verify_directory(lock, tmp_path / "site")).ok,
        again.to_json(),
    )


@in_one_loop
async def test_pyodide_itself_loads_it(story: Story, tmp_path: Path) -> None:
    """Pyodide's own ``loadPackage`` takes the lock and the wheel beside it; the index's is laid there, too."""
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(MINE.data)
    document = json.loads(story.text)
    document["packages"]["listed"]["file_name"] = LISTED.filename
    (tmp_path / LISTED.filename).write_bytes(LISTED.data)
    (tmp_path / "pyodide-lock.json").write_text(json.dumps(document), "utf-8")
    answer = await load_lock_beside(
        tmp_path / "pyodide-lock.json", "my-own", "import my_own; answer = my_own.answer", version=version_of(story)
    )

    assert 42 == answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(index: PackageIndex) -> AsyncIterator[Kernel]:
    """A Pyodide that records."""
    async with kernel(PYODIDE_314, index_urls=[index.url]) as one:
        await one.ask(f"""{WRITE}
import builtins, micropip, micropip_lock
builtins.put = put
micropip.set_index_urls({index.url!r})
micropip_lock.record()
answer = 0
""")
        yield one


@in_one_loop
async def test_an_index_that_has_the_very_bytes_is_preferred(running: Kernel, index: PackageIndex) -> None:
    """A local copy of what the index has is locked by the index's address, found by SHA-256: no wheel is fetched."""
    await running.ask(f"""
await put({index.file_url(SHARED.filename)!r}, "/home/{SHARED.filename}")
import micropip
await micropip.install("emfs:/home/{SHARED.filename}")
answer = 0
""")
    index.log.clear()
    lock = Lock.from_json(
        await running.ask("""
import micropip_lock
answer = (await micropip_lock.freeze(roots=["on-the-index-too"])).to_json()
""")
    )
    package = the(lock, "on-the-index-too")

    assert (index.file_url(SHARED.filename), index.url, ["/simple/on-the-index-too/"]) == (
        package.wheel.url,
        package.origin and package.origin.index,
        index.log.paths(),
    )


@in_one_loop
async def test_without_the_bytes_it_is_refused(running: Kernel, files: str) -> None:
    """When what was kept is gone, freeze refuses and says what to do; so does a replay of the text, elsewhere."""
    told: dict[str, Any] = await running.ask(f"""
import shutil, micropip, micropip_lock as ml
from pathlib import Path
await put({files + MINE.filename!r}, "/home/{MINE.filename}")
await micropip.install("emfs:/home/{MINE.filename}")
lock = await ml.freeze(roots=["my-own"])
shutil.rmtree(Path.home() / ".cache/micropip-lock")
answer = {{}}
try:
    await ml.freeze(roots=["my-own"])
except ml.UnlockableError as error:
    answer["frozen"] = [(item.name, item.code, "recording is on" in item.hint) for item in error.items]
for name, verb in dict(saved=ml.save(lock, "/home/x.json"), replayed=ml.replay(lock.to_json(), force=True)).items():
    try:
        await verb
    except ml.MicropipLockError as error:
        answer[name] = [error.code, error.package, "micropip_lock.save" in error.hint]
answer["written"] = Path("/home/x.json").exists()
""")
    gone = ["relative-url", "my-own", True]

    assert {"frozen": [["my-own", "not-replayable", True]], "saved": gone, "replayed": gone, "written": False} == told


@in_one_loop
async def test_a_full_disk_installs_nothing(running: Kernel, files: str) -> None:
    """A wheel that cannot be kept is not installed either, and the error says why."""
    told = await running.ask(f"""
import shutil, micropip
from importlib.metadata import distributions
from pathlib import Path
from micropip_lock.errors import MicropipLockError
micropip.uninstall("my-own")
cache = Path.home() / ".cache"
shutil.rmtree(cache, ignore_errors=True)
cache.write_text("not a directory")
await put({files + MINE.filename!r}, "/home/{MINE.filename}")
try:
    await micropip.install("emfs:/home/{MINE.filename}")
except MicropipLockError as error:
    answer = [error.code, [one.name for one in distributions() if one.name == "my-own"]]
cache.unlink()
""")

    assert ["not-kept", []] == told


def test_the_command_line(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``freeze ./x.whl -o`` writes lock and wheel; elsewhere that lock replays in a Pyodide and into a directory."""
    work = tmp_path / "work"
    work.mkdir()
    (work / MINE.filename).write_bytes(MINE.data)
    shared = pyodide_directory(None).parents[1]

    def run(machine: str, *arguments: str) -> str:
        cache = tmp_path / machine
        monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(cache))
        for name in ("pyodide", "tools"):
            # Only wheels are kept anew: the runtimes are those of this machine.
            cache.mkdir(exist_ok=True)
            if not (cache / name).exists():
                (cache / name).symlink_to(shared / name)
        code = main([*arguments])
        streams = capsys.readouterr()
        assert code == 0, streams.err
        return streams.out

    monkeypatch.chdir(work)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    wheels = json.loads(
        run("mine", "freeze", f"./{MINE.filename}", "--index-url", index.url, "-o", "out.json", "--json")
    )["wheels"]
    (work / MINE.filename).unlink()
    printed = run("theirs", "replay", "out.json", "--in-pyodide", "-c", "import my_own; print(my_own.answer)")
    run("theirs", "replay", "out.json", "--target", "site")
    mine = the(Lock.from_json((work / "out.json").read_bytes()), "my-own")

    assert ([NAME], NAME, MINE.data, "42\n", "answer = 42\n") == (
        wheels,
        mine.wheel.url,
        (work / NAME).read_bytes(),
        printed,
        (work / "site" / "my_own.py").read_text(),
    )
