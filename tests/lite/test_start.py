"""A site with bytecode: kernels start from one file of what they read, and mount their wheels."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import pytest_asyncio

from micropip_lock import wiring
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, by_name
from micropip_lock.core.start_pack import parse_start_pack
from micropip_lock.errors import HashMismatchError, RuntimeFailedError
from micropip_lock.testing import PackageIndex
from micropip_lock_lite.addon import _TRAITS
from micropip_lock_lite.build import build
from micropip_lock_lite.check import check
from micropip_lock_lite.options import read_options
from micropip_lock_lite.place import Place
from tests.lite.conftest import Built, Served, kernel_directory, lite, lock_of, sources
from tests.lite.lab import Lab, LabKernel, visitor
from tests.lite.static_host import StaticHost

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.asyncio(loop_scope="session")]

FOLDER = Path("static/micropip-lock")
OPTIONS = ("--micropip-lock", "environment.json", "--micropip-lock-kernel", "kernel", "--micropip-lock-bytecode")
_KEPT = """
import asyncio, js
async def kept():
    store = await (await js.navigator.storage.getDirectory()).getDirectoryHandle("micropip-lock")
    return [name async for name in (await store.getDirectoryHandle("wheels")).keys()]
for _ in range(300):
    if len(await kept()) > %d:
        break
    await asyncio.sleep(0.1)
answer = True
"""
NAMES = ("rich", "markdown-it-py", "mdurl", "pygments", "msgpack")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sources of a site with rich and msgpack; a person asked for rich."""
    found = sources(tmp_path_factory.mktemp("start"))
    kernel_directory(found / "kernel")
    with PackageIndex() as index:
        lock = lock_of(NAMES, index)
        packages = by_name(replace(one, requested=one.name == "rich") for one in lock)
        (found / "environment.json").write_text(replace(lock, packages=packages).to_json())
        yield found


@pytest.fixture(scope="module")
def site(directory: Path) -> Built:
    """The site."""
    built = lite(directory, *OPTIONS)
    assert built.code == 0, built.log
    return built


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def host(site: Built) -> AsyncIterator[StaticHost]:
    """Serves it."""
    with StaticHost(site.output) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lab(served: Served, host: StaticHost) -> AsyncIterator[Lab]:  # it goes first
    """A visitor."""
    async with visitor(served.browser) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kernel(lab: Lab, host: StaticHost) -> LabKernel:
    """The first kernel of a first visit."""
    return await lab.kernel(await lab.open(f"{host.url}lab/index.html"))


def _locks(site: Built) -> dict[str, Lock]:
    return {path.name: Lock.from_json(path.read_bytes()) for path in (site.output / FOLDER).glob("*.json")}


async def test_what_is_read_lies_in_one_file(site: Built) -> None:
    """Each lock names a pack of its own: what the kernel and what was asked for read, a small part of it all."""
    locks = _locks(site)
    assert {"kernel.json", "pyodide-lock.json"} == locks.keys()
    sizes = {}
    for name, lock in locks.items():
        assert lock.start is not None
        data = (site.output / FOLDER / lock.start.url).read_bytes()
        assert (Digest.of(data), len(data)) == (lock.start.digest, lock.start.size)
        parts = {one.digest: sum(len(part) for _, part in one.segments) for one in parse_start_pack(data)}
        sizes[name] = {
            str(one.name): (parts[one.wheel.digest], one.wheel.size) for one in lock if one.wheel.digest in parts
        }
    kernels, everyones = sizes["kernel.json"], sizes["pyodide-lock.json"]
    assert {"ipython", "micropip", "micropip-lock", "piplite", "pyodide-kernel"} <= kernels.keys()
    assert {"rich", "msgpack"} == everyones.keys() & {"rich", "msgpack"} == {"rich", "msgpack"} - kernels.keys()
    taken, whole = (sum(one[at] or 0 for one in kernels.values()) for at in (0, 1))
    assert taken < whole / 3
    # Nobody asked for it: what describes it is enough.
    assert everyones["msgpack"][0] < 10_000
    assert any("rich/__pycache__" in path for path in _packed(site, locks["pyodide-lock.json"], "rich"))


def _packed(site: Built, lock: Lock, name: str) -> list[str]:
    """Names of the files of a wheel whose whole bytes are in the pack."""
    assert lock.start is not None
    data = (site.output / FOLDER / lock.start.url).read_bytes()
    package = next(one for one in lock if one.name == name)
    (parts,) = (one for one in parse_start_pack(data) if one.digest == package.wheel.digest)
    text = b"".join(part for _, part in parts.segments)
    with ZipFile(site.output / FOLDER / package.wheel.url) as archive:
        whole = (site.output / FOLDER / package.wheel.url).read_bytes()
        return [
            one.filename
            for one in archive.infolist()
            if whole[one.header_offset : one.header_offset + 30 + len(one.filename) + one.compress_size] in text
        ]


async def test_a_kernel_begins_with_it(host: StaticHost, kernel: LabKernel) -> None:
    """No wheel was asked for whole before the first answer; what was asked for is there, with its metadata."""
    assert await kernel.ask("import rich, importlib.metadata as m; answer = m.version('rich')")
    assert 1 == len([path for path in host.asked if path.endswith(".pack")])
    before = host.asked[: host.asked.index(next(path for path in host.asked if path.endswith(".pack"))) + 1]
    assert [] == [path for path in before if path.endswith(".whl")]


async def test_modules_come_compiled(kernel: LabKernel) -> None:
    """Python takes the bytecode that the site's Pyodide made, of wheels and of its own library."""
    code = """
import os, sys, IPython.core.interactiveshell as shell, unittest.mock as mock
answer = [
    os.path.isfile(shell.__cached__ if hasattr(shell, "__cached__") else shell.__spec__.cached),
    shell.__spec__.cached.startswith(sys.pycache_prefix),
    mock.__spec__.origin.endswith(".pyc"),
]
"""
    assert [True, True, True] == await kernel.ask(code)


async def test_what_the_file_lacks_comes_when_it_is_needed(kernel: LabKernel) -> None:
    """A module, its source and a traceback that shows it are there as if everything had been unpacked."""
    code = "import inspect, rich.table, msgpack; answer = inspect.getsource(rich.table.Table.add_row)[:60]"
    assert "def add_row(" in await kernel.ask(code)
    failure = await kernel.run("import rich.table; rich.table.Table(1).add_row(object())")
    assert failure is not None
    assert "rich/table.py" in failure


async def test_the_drive_comes_first_again(kernel: LabKernel) -> None:
    """The path is Python's own once a person's code runs: a file beside the notebook is imported."""
    code = """
import importlib, sys
from pathlib import Path
Path("beside.py").write_text("VALUE = 7")
importlib.invalidate_caches()
import beside
answer = [sys.path[0], beside.VALUE]
"""
    assert ["", 7] == await kernel.ask(code)


async def test_the_environment_is_the_lock(host: StaticHost, kernel: LabKernel) -> None:
    """What was mounted verifies against the site's lock, and freezes."""
    code = (
        f"import micropip_lock; answer = (await micropip_lock.verify('{host.url}{FOLDER}/pyodide-lock.json')).to_json()"
    )
    report = await kernel.ask(code)
    # Nobody asked for it; it is there for whoever imports it.
    assert {"widgetsnbextension": "missing"} == {one["package"]: one["code"] for one in report["findings"]}
    frozen = await kernel.ask("import json, micropip; answer = sorted(json.loads(micropip.freeze())['packages'])")
    assert {"rich", "msgpack"} <= {*frozen}


async def test_the_next_visit_asks_for_no_wheel(lab: Lab, host: StaticHost, kernel: LabKernel) -> None:
    """What arrived behind was kept, each wheel hashed: neither the pack nor a wheel is asked for again."""
    await kernel.ask(_KEPT % len(NAMES))
    await kernel.page.wait_for_timeout(3000)
    host.asked.clear()
    page = await lab.open(f"{host.url}lab/index.html")
    assert await (await lab.kernel(page, "second.ipynb")).ask("import rich.table, msgpack; answer = True")
    assert ([], True) == ([one for one in host.asked if one.endswith((".whl", ".pack"))], bool(host.asked))


@pytest.mark.parametrize("harm", ["pack", "wheel", "both"])
async def test_what_is_wrong_with_a_file_leaves_a_kernel(
    served: Served, site: Built, tmp_path: Path, harm: str
) -> None:
    """Without the pack wheels are fetched whole; a wheel that is gone leaves a kernel with the others, or its parts."""
    shutil.copytree(site.output, tmp_path / "site")
    lock = _locks(site)["pyodide-lock.json"]
    assert lock.start is not None
    urls = {"pack": lock.start.url, "wheel": next(one.wheel.url for one in lock if one.name == "msgpack")}
    for url in urls.values() if harm == "both" else [urls[harm]]:
        (tmp_path / "site" / FOLDER / url).unlink()
    forgiven = {"404": "the file is gone", "Failed to": "Pyodide says so", "error occurred": "Pyodide says so"}
    async with visitor(served.browser, forgiven=forgiven) as lab:
        with StaticHost(tmp_path / "site") as host:
            kernel = await lab.kernel(await lab.open(f"{host.url}lab/index.html"))
            assert await kernel.ask("import rich.table; answer = True")
            assert (harm == "pack") is (await kernel.run("import msgpack") is None)


async def test_check_reads_it(directory: Path, site: Built, tmp_path: Path) -> None:
    """``jupyter lite check`` is content with the site, and tells a start pack that is another one, or gone."""
    fine = lite(directory, *OPTIONS, verb="check")
    assert fine.code == 0, fine.log
    shutil.copytree(site.output, tmp_path / "out")
    place = Place(lite=directory, output=tmp_path / "out", cache=tmp_path)
    start = _locks(site)["kernel.json"].start
    assert start is not None
    pack = place.folder / start.url
    pack.write_bytes(pack.read_bytes()[:-1] + b"x")
    with pytest.raises(HashMismatchError, match="the start pack of the site"):
        check(place)
    pack.unlink()
    with pytest.raises(HashMismatchError, match="no such file"):
        check(place)
    pack.write_bytes((site.output / FOLDER / start.url).read_bytes())
    (program,) = place.folder.glob("runtime-*/pyodide.mjs")
    program.write_text("broken(")
    with pytest.raises(HashMismatchError, match="what kernels load first"):
        check(place)
    shutil.rmtree(program.parent)
    shutil.rmtree(place.folder / "stdlib")
    with pytest.raises(HashMismatchError, match="what kernels load first"):
        check(place)


async def test_building_again_runs_nothing(directory: Path, site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another output has the same bytes, and is made without Node."""
    (directory / ".jupyterlite.doit.db").unlink(missing_ok=True)
    monkeypatch.setenv("NODE", str(directory / "no-node"))
    again = lite(directory, *OPTIONS, output="again")

    assert again.code == 0, again.log
    assert site.files == again.files


async def test_where_nothing_can_be_seen(
    directory: Path, site: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime that fails to show what is read leaves a site of whole wheels, and the build says why."""

    class Blind:
        async def files_read(self, lock: Lock, names: Any) -> Any:  # the port's
            raise RuntimeFailedError("it fell over", code="runtime-failed")

    monkeypatch.setattr(wiring, "file_watch", lambda *_given, **_more: Blind())
    cache = tmp_path / "cache"
    shutil.copytree(directory / ".cache" / "micropip-lock", cache, ignore=shutil.ignore_patterns("read-*.json"))
    place = Place(lite=directory, output=tmp_path / "out", cache=cache)
    shutil.copytree(site.output / "extensions", place.output / "extensions")
    place.bring_runtime(site.output / "static" / "pyodide")
    told = {"lock": "environment.json", "kernel": "kernel", "bytecode": True}
    options = read_options({**dict.fromkeys(_TRAITS), **told}, directory)
    made = await build(options, place, has_runtime=True, tell=lambda _text: None)

    assert any("it fell over" in note for note in made.notes)
    lock = json.loads((place.folder / "pyodide-lock.json").read_text())
    assert "start" not in lock["tool"]["micropip-lock"]
