"""Pyodide's own ``loadPackage`` under Node: with our locks, and past micropip while recording is on.

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
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import kernel
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


RECORDS = """
from pathlib import Path
from site import getsitepackages
def records():
    found = Path(getsitepackages()[0]).glob("*/micropip-lock.json")
    return sorted(path.parent.name.partition("-")[0] for path in found)
"""


async def test_what_load_package_brings_is_recorded(catalogue: PackageIndex, tmp_path: Path) -> None:
    """What was loaded before recording, between installs and before its end gets the record of the runtime's lock."""
    async with kernel(PYODIDE_314, index_urls=[catalogue.url]) as running:
        entries = await running.ask("""
import pyodide_js
packages = pyodide_js._api.lockfile_packages.to_py()
answer = {name: packages[name] for name in ("six", "attrs", "pytz")}
""")
        for entry in entries.values():
            built = wheel(entry["name"], entry["version"], files={f"{entry['name']}/__init__.py": ""})
            (tmp_path / entry["file_name"]).write_bytes(built.data)
        found = await running.ask(f"""{RECORDS}
import micropip, micropip_lock, pyodide_js
manager = pyodide_js._api.packageManager
manager.installBaseUrl = {f"{tmp_path}/"!r}  # a distribution of three files, on every machine
before = records()
await pyodide_js.loadPackage("six")
found = [records()]
recording = micropip_lock.record()
found.append(records())
await pyodide_js.loadPackage("attrs")
found.append(records())
await micropip.install("markupsafe", index_urls={catalogue.url!r})
found.append(records())
await pyodide_js.loadPackage("pytz")
recording.stop()
found.append(records())
answer = [sorted(set(one) - set(before)) for one in found]
""")
        lock = Lock.from_json(
            await running.ask("""
import micropip_lock
answer = (await micropip_lock.freeze(roots=["six", "attrs", "pytz"])).to_json()
""")
        )
        left = await running.ask("""
import micropip
from pathlib import Path
from site import getsitepackages
micropip.uninstall(["six", "attrs", "pytz"])
site = Path(getsitepackages()[0])
answer = [path.name for name in ("six", "attrs", "pytz") for path in site.glob(f"{name}*")]
""")
    recorded = {package.name: package.wheel.digest.hex for package in lock}

    assert (
        [[], ["six"], ["six"], ["attrs", "markupsafe", "six"], ["attrs", "markupsafe", "pytz", "six"]],
        {name: entry["sha256"] for name, entry in entries.items()},
        {"runtime"},
        [],
    ) == (found, recorded, {package.origin.kind for package in lock if package.origin}, left)
