"""What tests ask of a Pyodide under Node, as a person would: install, freeze; and of Pyodide itself: load a lock."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.testing import BuiltWheel, PackageIndex
from tests.e2e.kernel import Kernel
from tests.e2e.sets import PYODIDE_314


async def install(running: Kernel, *requirements: str, **options: Any) -> None:
    """``micropip.install``, as a person calls it."""
    await running.ask(f"import micropip; await micropip.install({list(requirements)!r}, **{options!r}); answer = 0")


async def frozen(running: Kernel, *roots: str, strict: bool = True) -> Lock:
    """The lock of what is installed, or of a closure in it."""
    return Lock.from_json(
        await running.ask(f"""
import micropip_lock
answer = (await micropip_lock.freeze(strict={strict!r}, roots={list(roots) or None!r})).to_json()
""")
    )


def the(lock: Lock, name: str) -> LockedPackage:
    """One package of a lock."""
    return lock.packages[canonicalize_name(name)]


def url_of(index: PackageIndex, built: BuiltWheel) -> str:
    """The address of a wheel on the index."""
    return index.file_url(built.filename)


async def refused(running: Kernel, requirement: str) -> tuple[str, bool]:
    """The code of the error that an install raises, and whether every file stayed as it was."""
    before = await running.tree()
    error = await running.failure(f"import micropip; await micropip.install({requirement!r})")
    return error["code"], before == await running.tree()


async def load_with_pyodide(lock: Lock, directory: Path, wheels: list[BuiltWheel], name: str, code: str) -> Any:
    """Boot Pyodide under Node with a lock whose wheels lie in a directory, load one package, and run code."""
    for built in wheels:
        (directory / built.filename).write_bytes(built.data)
    document = json.loads(lock.to_json())
    for entry in document["packages"].values():
        entry["file_name"] = entry["file_name"].rpartition("/")[2]
    path = directory / "pyodide-lock.json"
    path.write_text(json.dumps(document), "utf-8")
    return await load_lock_beside(path, name, code)


async def load_lock_beside(path: Path, name: str, code: str, *, version: str = PYODIDE_314) -> Any:
    """Boot Pyodide under Node with a lock and the wheels that lie beside it, load one package, and run code."""
    command = [
        *(str(find_node()), str(Path(__file__).with_name("load_lock.mjs"))),
        *(str(pyodide_directory(version)), str(path), str(path.parent), code, name),
    ]
    # A load that hangs is the very defect; a sound one takes a second or two.
    answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout)
