"""The compiled standard library in real Pyodide: what boots from it, and that its modules are the same."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import compile_stdlib
from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Wheel
from micropip_lock.errors import RuntimeFailedError, UsageError
from micropip_lock.testing import PackageIndex, wheel
from tests.app.replaying import lock_of, locked
from tests.e2e.sets import PYODIDE_029, PYODIDE_314

pytestmark = pytest.mark.node


async def _told(version: str, archive: Path) -> dict[str, Any]:
    """What ``stdlib.mjs`` says of a runtime with a standard library."""
    process = await asyncio.create_subprocess_exec(
        *(str(find_node()), str(Path(__file__).with_name("stdlib.mjs"))),
        *(str(pyodide_directory(version)), str(archive)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    told: dict[str, Any] = json.loads(out)
    return told


@pytest.mark.slow
@pytest.mark.parametrize("version", [PYODIDE_314, PYODIDE_029])
async def test_its_modules_are_the_same(version: str, tmp_path: Path) -> None:
    """Each module of the library imports, or fails to, as with Pyodide's own, and all that import come as bytecode."""
    made = await compile_stdlib(tmp_path / "stdlib.zip", pyodide=version, everything=True)
    own, ours = await asyncio.gather(
        _told(version, pyodide_directory(version) / "python_stdlib.zip"), _told(version, made.path)
    )
    assert own["outcomes"] == ours["outcomes"]
    assert own["source"] == ours["source"]
    assert own["shown"] == ours["shown"]
    assert "json/decoder.py" in ours["shown"]
    assert ([], True) == (own["bytecode"], len(ours["bytecode"]) > 300)


@pytest.mark.slow
async def test_for_a_lock(tmp_path: Path) -> None:
    """What the modules of a lock, and those named beside them, import of the library is bytecode, and no more."""
    built = wheel(
        "alpha",
        files={
            "alpha.py": "import plistlib, sys\nsys.modules['alpha.moved'] = plistlib\n",
            "alpha_later.py": "import netrc\nimport lzma_not\n",
        },
    )
    with PackageIndex() as index:
        index.add(built)
        place = Wheel(url=index.file_url(built.filename), digest=Digest.of(built.data), size=built.size)
        lock = lock_of(locked(built, wheel=place, origin=None))
        made = await compile_stdlib(tmp_path / "stdlib.zip", lock=lock, imports=["alpha_later"])
    with zipfile.ZipFile(made.path) as archive:
        compiled = {name for name in archive.namelist() if name.endswith(".pyc")}
    assert {"plistlib.pyc", "netrc.pyc"} <= compiled
    assert not {"wave.pyc", "tkinter/__init__.pyc"} & compiled
    (note,) = made.notes
    assert note.startswith("alpha_later could not be imported")


@pytest.mark.slow
@pytest.mark.parametrize("version", [PYODIDE_314, PYODIDE_029])
async def test_a_boot_compiles_nothing(version: str, tmp_path: Path) -> None:
    """All that a boot imports from the archive is bytecode, and a module that was named, and what it imports, too."""
    made = await compile_stdlib(tmp_path / "stdlib.zip", pyodide=version, imports=["argparse"])
    told = await _told(version, made.path)
    with zipfile.ZipFile(made.path) as archive:
        compiled = {name for name in archive.namelist() if name.endswith(".pyc")}
    assert {"argparse.pyc", "gettext.pyc", "pyodide/__init__.pyc"} <= compiled
    assert "html/parser.pyc" not in compiled
    assert {"asyncio.base_events", "pyodide.webloop", "inspect"} <= set(told["booted"])
    assert (made.size, made.digest) == (made.path.stat().st_size, Digest.of(made.path.read_bytes()))


@pytest.mark.slow
async def test_without_sources(tmp_path: Path) -> None:
    """Without the sources it boots all the same; a traceback then has no lines, and there is no source to get."""
    made = await compile_stdlib(tmp_path / "stdlib.zip", sources=False)
    told = await _told(PYODIDE_314, made.path)
    assert None is told["source"]
    assert "json/decoder.py" in told["shown"]
    assert "raise JSONDecodeError" not in told["shown"]


@pytest.mark.slow
async def test_the_same_bytes(tmp_path: Path) -> None:
    """Compiling twice gives one archive."""
    made = [await compile_stdlib(tmp_path / name) for name in ("a.zip", "b.zip")]
    assert made[0].digest == made[1].digest


async def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    """A name that the library does not have is refused, and nothing is written."""
    with pytest.raises(UsageError) as caught:
        await compile_stdlib(tmp_path / "stdlib.zip", imports=["json", "no_such_module"])
    assert ("no-module", []) == (caught.value.code, [*tmp_path.iterdir()])


async def test_a_pyodide_that_does_not_boot(tmp_path: Path) -> None:
    """A runtime that fails is told with its own words."""
    (tmp_path / "pyodide.mjs").write_text("throw new Error('no runtime here')", "utf-8")
    (tmp_path / "python_stdlib.zip").write_bytes(b"")
    with pytest.raises(RuntimeFailedError, match="did not compile") as caught:
        await compile_stdlib(tmp_path / "out.zip", pyodide=str(tmp_path))
    assert "no runtime here" in str(caught.value.got)


async def test_a_cancelled_compilation_leaves_no_process(tmp_path: Path) -> None:
    """A cancellation ends the child, and nothing is written."""
    task = asyncio.create_task(compile_stdlib(tmp_path / "stdlib.zip", everything=True))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [] == [*tmp_path.iterdir()]
