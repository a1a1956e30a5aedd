"""Listing Pyodide's file system from its JavaScript side gives what the operating system's calls give, or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

SETUP = """
import os, sys
from pathlib import Path
from shutil import rmtree
import pyodide_js
from pyodide.code import run_js
from micropip_lock.adapters.memory_files import LISTING
from micropip_lock.adapters.pyodide import _listing
from micropip_lock.adapters.site_reader import SitePackages, list_files

FS = pyodide_js.FS
root = Path("/home/listed")
rmtree(root, ignore_errors=True)
for path, text in {
    "one.py": "1", "empty.py": "", "pack/__init__.py": "12", "pack/deep/er/mod.py": "123", "pack/é ü.txt": "é",
    "a\\nb/c d.py": "1", "😀.py": "1234", "back\\\\slash.py": "1", "-1.0.dist-info/RECORD": "one.py,,\\n",
    "pack/__pycache__/x.pyc": "1", "__pycache__/y.pyc": "1", "looks/__pycache__": "a file",
}.items():
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, "utf-8")
(root / "folder/without/files").mkdir(parents=True)

def told():
    # Whether it was listed, and whether that is what the operating system says.
    listed = _listing(root)
    if listed is None:
        return "not listed"
    times = {
        path: max((status := (root / path).stat()).st_mtime, status.st_ctime) * 1000 for path in listed.sizes
    }
    return [
        len(listed.sizes),
        dict(listed.sizes) == dict(list_files(root).sizes),
        listed.changed.keys() == times.keys() and all(abs(listed.changed[path] - times[path]) < 1 for path in times),
    ]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[PYODIDE_314, PYODIDE_029])
async def node(request: pytest.FixtureRequest) -> AsyncIterator[Kernel]:
    async with kernel(request.param) as running:
        yield running


async def test_the_same_as_by_the_operating_system(node: Kernel) -> None:
    """Paths, sizes and times are those of ``os.scandir`` and ``os.stat``; caches and empty folders are left out."""
    assert [10, True, True] == await node.ask(SETUP + "answer = told()")


async def test_after_changes(node: Kernel) -> None:
    """Files that were written again, cut, renamed or removed are listed as they are now."""
    changes = """
(root / "one.py").write_text("longer than it was")
os.truncate(root / "pack/__init__.py", 1)
os.rename(root / "pack/deep", root / "elsewhere")
os.remove(root / "empty.py")
os.utime(root / "😀.py", (1, 1))
answer = told()
"""
    assert [9, True, True] == await node.ask(SETUP + changes)


async def test_where_the_time_is_turned_back(node: Kernel) -> None:
    """A file whose time was set back is still listed with the time of that change: it may have been edited."""
    code = """
record = _listing(root).changed["-1.0.dist-info/RECORD"]
(root / "one.py").write_text("2")
os.utime(root / "one.py", (1, 1))
answer = _listing(root).changed["one.py"] >= record
"""
    assert await node.ask(SETUP + code)


@pytest.mark.parametrize(
    "change",
    [
        'os.symlink("one.py", root / "link.py")',
        'os.symlink("/lib", root / "pack/link")',
        'os.symlink("nowhere", root / "broken")',
        '(root / "disk").mkdir(); FS.mount(FS.filesystems.NODEFS, to_js({"root": "."}), str(root / "disk"))',
        "rmtree(root)",
        'rmtree(root); root.write_text("a file")',
    ],
    ids=["link", "link-to-a-folder", "broken-link", "mounted-disk", "nowhere", "file"],
)
async def test_not_listed(node: Kernel, change: str) -> None:
    """What holds a link or a mounted disk, or is no directory, is left to the operating system."""
    code = f"""
from js import Object
from pyodide.ffi import to_js as _to_js
to_js = lambda value: _to_js(value, dict_converter=Object.fromEntries)
{change}
answer = [told(), SitePackages(root, listing=_listing).files() == list_files(root)]
if (root / "disk").is_dir():
    FS.unmount(str(root / "disk"))
rmtree(root) if root.is_dir() else root.unlink(missing_ok=True)
"""
    assert ["not listed", True] == await node.ask(SETUP + code)


async def test_what_else_is_listed(node: Kernel) -> None:
    """Memory that is mounted below is listed, and so is a directory that a link leads to."""
    code = """
(root / "memory").mkdir()
FS.mount(FS.filesystems.MEMFS, run_js("({})"), str(root / "memory"))
(root / "memory/x.py").write_text("12345")
(root / "memory/deep").mkdir()
(root / "memory/deep/y.py").write_text("1")
mounted = told()
FS.unmount(str(root / "memory"))
link = Path("/home/link-to-listed")
link.unlink(missing_ok=True)
link.symlink_to(root)
answer = [mounted, dict(_listing(link).sizes) == dict(list_files(root).sizes)]
"""
    assert [[12, True, True], True] == await node.ask(SETUP + code)


async def test_its_own_site_packages(node: Kernel) -> None:
    """The runtime's own site-packages, and its library, are listed as the operating system lists them."""
    code = """
import site
roots = [Path(site.getsitepackages()[0]), Path(sys.prefix) / "lib"]
answer = [[dict(_listing(one).sizes) == dict(list_files(one).sizes) for one in roots if one.is_dir()]]
"""
    assert [[True, True]] == await node.ask(SETUP + code)


async def test_a_file_system_that_tells_no_times(node: Kernel) -> None:
    """Where nodes have no times, as in an Emscripten that names them in another way, nothing is listed."""
    code = """
lister = run_js(LISTING)
fake = run_js('''(times) => {
  const MEMFS = {};
  const file = { name: "a.py", mode: 0o100644, usedBytes: 1, ...times };
  const top = { mode: 0o040755, mount: { type: MEMFS }, contents: { "a.py": file } };
  return { filesystems: { MEMFS }, lookupPath: () => ({ node: top }) };
}''')
times = run_js("({ mtime: 1, ctime: 2 })")
answer = [lister(fake(times), "/") is not None, lister(fake(run_js("({ timestamp: 1 })")), "/") is None]
"""
    assert [True, True] == await node.ask(SETUP + code)
