"""Pyodide's own ``loadPackage`` under Node, with our locks.

Under Node, Pyodide takes a ``file_name`` for a path, so it cannot load a lock with absolute addresses there
(micropip-lock replays it); with base names beside the wheels it can.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from micropip_lock.core.model import Lock
from tests.e2e.sets import PYODIDE_314, SETS, PackageSet
from tests.e2e.wheelhouse import wheels

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="session")]

BY_NAME = {one.name: one for one in SETS}


@pytest.mark.parametrize("name", ["rich-pydantic", "plotly"])
async def test_pyodide_loads_our_lock_from_a_directory(
    name: str, frozen_under_node: Callable[[PackageSet], Awaitable[Lock]], tmp_path: Path
) -> None:
    """With file names made relative and the wheels beside it, Pyodide loads our lock under Node, closure and all."""
    packages = BY_NAME[name]
    document = json.loads((await frozen_under_node(packages)).to_json())
    kept = {path.name: path for path in wheels("py314").values()}
    for entry in document["packages"].values():
        entry["file_name"] = entry["file_name"].rpartition("/")[2]
        shutil.copy(kept[entry["file_name"]], tmp_path)
    lock = tmp_path / "pyodide-lock.json"
    lock.write_text(json.dumps(document), "utf-8")
    command = [
        *(str(find_node()), str(Path(__file__).with_name("load_lock.mjs"))),
        *(str(pyodide_directory(PYODIDE_314)), str(lock), str(tmp_path), packages.use, *packages.roots),
    ]
    answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]

    assert packages.answer == json.loads(answer.stdout)
