"""Bytecode that one kernel compiled of mounted wheels is there in the next one, never in the place of other code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import wiring
from micropip_lock.adapters.runtimes import pyodide_directory
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.formats.pyodide_lock import parse_pyodide_lock
from micropip_lock.core.model import Lock, by_name
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.testing import BuiltWheel, PackageIndex, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314
from tests.locks import changed

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="function")]

BUILT = wheel(
    "compiled",
    "1.0",
    files={"compiled/__init__.py": "answer = 42\n", "compiled/part.py": "def f():\n    return __file__\n"},
)

WHERE = """
import sys, compiled, compiled.part
from importlib.util import cache_from_source
from pathlib import Path
answer = {
    "value": compiled.answer,
    "file": compiled.part.f(),
    "found": Path(cache_from_source(compiled.__file__)).is_file(),
    "pycache": [str(path) for path in Path(compiled.__file__).parent.rglob("__pycache__")],
}
"""


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with PackageIndex() as running:
        running.add(BUILT)
        yield running


def locked(index: PackageIndex, version: str, built: BuiltWheel = BUILT, *, name: str = "compiled") -> Lock:
    """A lock of the one wheel."""
    entry = {
        "name": name,
        "version": built.filename.split("-")[1],
        "file_name": index.file_url(built.filename),
        "sha256": Digest.of(built.data).hex,
        "imports": [name],
    }

    def change(value: Any) -> None:
        six = value["packages"].pop("six")
        value["packages"][name] = {**six, **entry}
        if version == PYODIDE_029:
            value["info"].update(abi_version="2025_0", platform="emscripten_4_0_9", python="3.13.2")

    return parse_pyodide_lock(changed(change))


async def visit(running: Kernel, lock: Lock, code: str = WHERE) -> Any:
    """Replay, import, and let the engine keep what it kept."""
    await running.pyodide.replay(lock)
    answer = await running.ask(code)
    await running.ask("from micropip_lock import wiring; await wiring.store_all(); answer = 0")
    return answer


@pytest.mark.parametrize("version", [PYODIDE_314, PYODIDE_029])
async def test_the_next_kernel_finds_it(version: str, index: PackageIndex, tmp_path: Path) -> None:
    """The first kernel compiles, the second one finds bytecode; both see the same files in site-packages."""
    lock = locked(index, version)
    async with kernel(version, store=tmp_path) as first:
        cold = await visit(first, lock)
    async with kernel(version, store=tmp_path) as second:
        warm = await visit(second, lock)

    assert (cold["value"], cold["file"], cold["pycache"]) == (warm["value"], warm["file"], warm["pycache"])
    assert (cold["found"], warm["found"], warm["pycache"]) == (False, True, [])


async def test_names_of_a_person_stay(index: PackageIndex, tmp_path: Path) -> None:
    """What is run inside leaves no name in anybody's globals, and takes none away."""
    names = (
        "import __main__; answer = sorted(name for name in vars(__main__) if 'keep' in name or 'micropip_lock' in name)"
    )
    async with kernel(PYODIDE_314, store=tmp_path) as running:
        await running.ask("import __main__; __main__.keep = __main__.my_keep = 1; answer = 0")
        before = await running.ask(names)
        await visit(running, locked(index, PYODIDE_314))
        assert before == await running.ask(names)
        assert 1 == await running.ask("import __main__; answer = __main__.keep")


async def _compiled(text: str) -> dict[str, bytes]:
    """Bytecode of ``compiled/__init__.py`` of this text, as a wheel of a site brings it: Python takes it unseen."""
    other = wheel("compiled", "1.0", files={"compiled/__init__.py": text})
    (made,) = await wiring.compiled_wheels(pyodide_directory(PYODIDE_314), [other.data])
    opened = OpenedWheel(admit(made, Digest.of(made), filename=other.filename))
    return {name: data for name, data in opened.files() if name.endswith(".pyc")}


def _built(files: dict[str, bytes], name: str = "compiled", version: str = "1.0") -> BuiltWheel:
    sources = {"compiled/__init__.py": "answer = 42\n", "compiled/part.py": ""} if name == "compiled" else {}
    return wheel(name, version, files={**sources, **files})


async def _answer(tmp_path: Path, *locks: Lock, kept: bool = True) -> Any:
    """What the module says after one replay over the other."""
    async with kernel(PYODIDE_314, store=tmp_path if kept else None) as running:
        for lock in locks:
            await running.pyodide.replay(lock)
        return await running.ask("import compiled; answer = compiled.answer")


@pytest.mark.parametrize("kept", [True, False])
async def test_bytecode_that_a_wheel_brings_is_taken(kept: bool, tmp_path: Path) -> None:
    """Python finds it where it looks, with and without a store, as it would in an unpacked wheel."""
    # What it was compiled from is another text: only bytecode can tell 43.
    built = _built(await _compiled("answer = 43\n"))
    with PackageIndex() as index:
        index.add(built)
        assert 43 == await _answer(tmp_path, locked(index, PYODIDE_314, built), kept=kept)


async def test_bytecode_of_a_wheel_that_was_replaced_is_not_taken(tmp_path: Path) -> None:
    """It goes with its source: what comes in its place is compiled, however little Python would have looked."""
    old, new = (
        _built(await _compiled("answer = 43\n")),
        _built({"compiled/__init__.py": b"answer = 'new'\n"}, version="2.0"),
    )
    with PackageIndex() as index:
        index.add(old)
        index.add(new)
        locks = [locked(index, PYODIDE_314, one) for one in (old, new)]
        assert "new" == await _answer(tmp_path, *locks)


@pytest.mark.parametrize("folder", ["compiled/", "compiled/__pycache__/"])
async def test_bytecode_of_anothers_module_is_not_taken(folder: str, tmp_path: Path) -> None:
    """A wheel brings bytecode for its own modules only, and only where Python keeps it."""
    ((_, data),) = (await _compiled("answer = 'evil'\n")).items()
    evil = _built({f"{folder}__init__.cpython-314.pyc": data}, name="aevil")
    good = _built({})
    with PackageIndex() as index:
        index.add(evil)
        index.add(good)
        both = locked(index, PYODIDE_314, good)
        other = locked(index, PYODIDE_314, evil, name="aevil").packages
        assert 42 == await _answer(tmp_path, replace(both, packages=by_name([*both, *other.values()])))


async def test_bytecode_that_is_unpacked_is_found(tmp_path: Path) -> None:
    """What Pyodide or micropip unpacks while bytecode is kept elsewhere is not compiled again, if of that source."""
    files = await _compiled("answer = 42\n")
    built = _built(files)
    unpack = f"""
import builtins, importlib, io, zipfile
from site import getsitepackages
zipfile.ZipFile(io.BytesIO(bytes.fromhex({built.data.hex()!r}))).extractall(getsitepackages()[0])
importlib.invalidate_caches()
compiled_files, compile_ = [], builtins.compile
def spy(source, name, *more, **options):
    compiled_files.append(name)
    return compile_(source, name, *more, **options)
builtins.compile = spy
try:
    import compiled
    {{}}
finally:
    builtins.compile = compile_
answer = [compiled.answer, [name for name in compiled_files if "site-packages" in str(name)]]
"""
    with PackageIndex() as index:
        first = wheel("first", "1.0", files={"first.py": ""})
        index.add(first)
        async with kernel(PYODIDE_314, store=tmp_path) as running:
            await running.pyodide.replay(locked(index, PYODIDE_314, first, name="first"))
            value, names = await running.ask(unpack.replace("{}", "import compiled.part"))
    assert (42, ["part.py"]) == (value, [name.rsplit("/", 1)[-1] for name in names])


async def test_an_edited_source_is_compiled_anew(index: PackageIndex, tmp_path: Path) -> None:
    """Bytecode of a source that was edited is not taken, and what was compiled of it is not kept for others."""
    lock = locked(index, PYODIDE_314)
    edit = """
import importlib
from pathlib import Path
from site import getsitepackages
Path(getsitepackages()[0], "compiled/__init__.py").write_text("answer = 'edited'\\n")
importlib.invalidate_caches()
import compiled
answer = compiled.answer
"""
    async with kernel(PYODIDE_314, store=tmp_path) as first:
        await visit(first, lock)
    async with kernel(PYODIDE_314, store=tmp_path) as second:
        edited = await visit(second, lock, edit)
    async with kernel(PYODIDE_314, store=tmp_path) as third:
        after = await visit(third, lock)

    assert edited == "edited"
    assert after["value"] == 42


async def test_a_mount_that_fails_is_written_as_files(index: PackageIndex, tmp_path: Path) -> None:
    """When the engine cannot mount, for whatever reason, the replay writes real files."""
    lock = locked(index, PYODIDE_314)
    async with kernel(PYODIDE_314, store=tmp_path) as running:
        await running.ask('''
from pyodide.code import run_js
import pyodide_js
run_js("""(FS) => {
  globalThis.refused = 0;
  const { lookupPath } = FS;
  FS.lookupPath = (path, ...rest) => {
    if (String(path).endsWith("site-packages") && new Error().stack.includes("prepare")) {
      globalThis.refused += 1;
      throw { errno: 44 };
    }
    return lookupPath(path, ...rest);
  };
}""")(pyodide_js.FS)
answer = 0
''')
        answer = await visit(running, lock)
        refused = await running.ask("import js; answer = js.refused")

    assert (answer["value"], answer["pycache"], refused) == (42, [], 1)


async def test_damaged_bytecode_is_as_good_as_none(index: PackageIndex, tmp_path: Path) -> None:
    """A store whose bytecode was changed gives the source, which is compiled again."""
    lock = locked(index, PYODIDE_314)
    async with kernel(PYODIDE_314, store=tmp_path) as first:
        await visit(first, lock)
    (kept,) = tmp_path.rglob("bytecode.*")
    data = kept.read_bytes()
    kept.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    async with kernel(PYODIDE_314, store=tmp_path) as second:
        warm = await visit(second, lock)

    assert (warm["value"], warm["found"]) == (42, False)


TAKEN = """
import builtins, importlib, marshal, os, sys
from pathlib import Path
from site import getsitepackages
root = Path(getsitepackages()[0])
{change}
opened = []
def note(event, arguments):
    if event == "open" and "compiled" in str(arguments[0]):
        opened.append(str(arguments[0]).rsplit("/", 1)[-1])
sys.addaudithook(note)
import compiled, compiled.part
spec = compiled.__spec__
answer = {{
    "value": compiled.answer,
    "part": [compiled.part.f().rsplit("/", 2)[-1], compiled.part.f.__code__.co_filename.rsplit("/", 1)[-1]],
    "spec": [spec.name, spec.origin == compiled.__file__, list(spec.submodule_search_locations)[0][-8:]],
    "opened": opened,
}}
"""
UNTOUCHED = {
    "value": 42,
    "part": ["part.py", "part.py"],
    "spec": ["compiled", True, "compiled"],
    # Neither sources nor files of bytecode: the code is taken from where it is.
    "opened": [],
}


@pytest.mark.parametrize("version", [PYODIDE_314, PYODIDE_029])
async def test_a_module_as_it_was_mounted_is_taken_at_once(version: str, index: PackageIndex, tmp_path: Path) -> None:
    """Nothing is opened to import it, and it is the module that the finder would have found."""
    lock = locked(index, version)
    async with kernel(version, store=tmp_path) as first:
        await visit(first, lock)
    async with kernel(version, store=tmp_path) as second:
        assert UNTOUCHED == await visit(second, lock, TAKEN.format(change=""))


@pytest.mark.parametrize(
    ("change", "value", "part"),
    [
        pytest.param('(root / "compiled/__init__.py").write_text("answer = 43\\n")', 43, "part.py", id="edited"),
        pytest.param(
            '(root / "compiled/part").mkdir(); (root / "compiled/part/__init__.py").write_text("f = lambda: __file__")',
            42,
            "__init__.py",
            id="a package in its place",
        ),
        pytest.param(
            '(root / "compiled/part.py").unlink(); '
            '(root / "compiled/part.py").write_text("def f():\\n    return \'x/other.py\'\\n")',
            42,
            "other.py",
            id="replaced",
        ),
        pytest.param(
            '(root / "compiled").rename(root / "moved"); (root / "compiled").mkdir(); '
            '(root / "compiled/__init__.py").write_text("answer = 44"); '
            '(root / "compiled/part.py").write_text("f = lambda: \'x/new.py\'")',
            44,
            "new.py",
            id="another directory",
        ),
    ],
)
async def test_a_module_that_was_touched_is_looked_for(
    change: str, value: int, part: str, index: PackageIndex, tmp_path: Path
) -> None:
    """Whatever somebody does to a mounted package, import finds what it would find in one that was unpacked."""
    lock = locked(index, PYODIDE_314)
    async with kernel(PYODIDE_314, store=tmp_path) as first:
        await visit(first, lock)
    async with kernel(PYODIDE_314, store=tmp_path) as second:
        found = await visit(second, lock, TAKEN.format(change=change))
    assert (value, part) == (found["value"], found["part"][0].rsplit("/", 1)[-1])


async def test_a_package_of_another_wheel_comes_first(tmp_path: Path) -> None:
    """A module that was compiled before does not hide the package that import takes before it."""
    rivals = wheel("rivals", "1.0", files={"compiled/part/__init__.py": "f = lambda: 'x/package.py'\n"})
    with PackageIndex() as index:
        index.add(BUILT)
        index.add(rivals)
        alone = locked(index, PYODIDE_314)
        async with kernel(PYODIDE_314, store=tmp_path) as first:
            await visit(first, alone)
        other = locked(index, PYODIDE_314, rivals, name="rivals").packages
        both = replace(alone, packages=by_name([*alone.packages.values(), *other.values()]))
        async with kernel(PYODIDE_314, store=tmp_path) as second:
            found = await visit(second, both, TAKEN.format(change=""))
    assert "package.py" == found["part"][0].rsplit("/", 1)[-1]


SOLO = wheel(
    "solo",
    "1.0",
    files={"solo.py": "where = 'module'\n", "pair/__init__.py": "", "pair/part.py": "", "other/__init__.py": ""},
)
SOLO_USED = "import solo, pair.part, other; answer = solo.where"
BEFORE = """
from pathlib import Path
from site import getsitepackages
Path(getsitepackages()[0], "solo").mkdir()
Path(getsitepackages()[0], "solo/__init__.py").write_text("where = 'package'")
answer = 0
"""
MOVED = """
import os
from site import getsitepackages
root = getsitepackages()[0]
os.rename(f"{root}/pair", "/tmp/pair")
os.rename(f"{root}/other", f"{root}/pair")
try:
    import pair.part
    answer = "found"
except ModuleNotFoundError as error:
    answer = error.name
"""


async def test_what_was_there_before_comes_first(tmp_path: Path) -> None:
    """A package that somebody put into site-packages before the replay is what the next visit imports, too."""
    with PackageIndex() as index:
        index.add(SOLO)
        lock = locked(index, PYODIDE_314, SOLO, name="solo")
        async with kernel(PYODIDE_314, store=tmp_path) as first:
            assert "module" == await visit(first, lock, SOLO_USED)
        async with kernel(PYODIDE_314, store=tmp_path) as second:
            await second.ask(BEFORE)
            assert "package" == await visit(second, lock, "import solo; answer = solo.where")


async def test_a_directory_that_took_anothers_place(tmp_path: Path) -> None:
    """It has the time of the mount, and not that module."""
    with PackageIndex() as index:
        index.add(SOLO)
        lock = locked(index, PYODIDE_314, SOLO, name="solo")
        async with kernel(PYODIDE_314, store=tmp_path) as first:
            await visit(first, lock, SOLO_USED)
        async with kernel(PYODIDE_314, store=tmp_path) as second:
            assert "pair.part" == await visit(second, lock, MOVED)
