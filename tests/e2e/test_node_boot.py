"""A Pyodide under Node that boots from a lock of real wheels with ``data/boot.js``, as a page of one's own does.

Nothing of ours runs inside while it boots; afterwards our tools are put on the path and say what is there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import compile_stdlib
from micropip_lock.adapters.indexes import EXPLICIT, IndexConfig
from micropip_lock.adapters.node import own_source
from micropip_lock.adapters.runtimes import find_node, pyodide_directory, tool_wheels
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from tests.e2e.kernel import kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314, SETS, PackageSet

pytestmark = pytest.mark.node

BOOT = Path(__file__).resolve().parents[2] / "micropip_lock" / "data" / "boot.js"
WIDGETS = next(one for one in SETS if one.name == "ipywidgets")
COMPILED = next(one for one in SETS if one.name == "rich-pydantic")
PURE = next(one for one in SETS if one.name == "plotly")

Freezer = Callable[[PackageSet], Awaitable[Lock]]


async def _boot(version: str = PYODIDE_314, **asked: Any) -> dict[str, Any]:
    """What ``boot.mjs`` says."""
    process = await asyncio.create_subprocess_exec(
        *(str(find_node()), str(Path(__file__).with_name("boot.mjs"))),
        json.dumps({"directory": str(pyodide_directory(version)), "boot": str(BOOT), **asked}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    # A crash of Pyodide prints its own source, a megabyte on one line.
    assert process.returncode == 0, "\n".join(
        line for line in errors.decode().splitlines() if len(line) < 300 and "wasm://" not in line
    )
    told: dict[str, Any] = json.loads(out)
    return told


@pytest.mark.slow
@pytest.mark.parametrize("packages", [WIDGETS, COMPILED], ids=lambda one: one.name)
async def test_it_is_the_environment_that_a_replay_makes(
    catalogue: PackageIndex, frozen_under_node: Freezer, packages: PackageSet, tmp_path: Path
) -> None:
    """Every byte of site-packages is as Python's replay leaves it; verify agrees, and a freeze gives the same lock."""
    lock = await frozen_under_node(packages)
    path = tmp_path / "pyodide-lock.json"
    path.write_text(lock.to_json(), "utf-8")
    own = tmp_path / "own.zip"
    own.write_bytes(own_source())
    tools = tool_wheels([IndexConfig(url=catalogue.url, source=EXPLICIT)])
    library = [
        {"path": str(own), "format": "zip"},
        *({"path": str(wheel), "format": "wheel"} for wheel in tools),
    ]
    told = await _boot(lock=lock.to_json(), code=packages.use, library=library, verify=str(path))
    assert packages.answer == told["answer"]
    assert (True, lock.to_json()) == (told["verified"]["ok"], told["refrozen"])
    async with kernel(PYODIDE_314) as node:
        replayed = await node.pyodide.replay(lock)
    assert replayed.tree == told["tree"]


@pytest.mark.slow
async def test_an_older_pyodide(catalogue: PackageIndex) -> None:
    """Pyodide 0.29 boots from a lock of its own."""
    packages = next(one for one in SETS if one.name == "rich")
    async with kernel(PYODIDE_029, index_urls=[catalogue.url]) as node:
        lock = (await node.pyodide.install_and_freeze(packages.roots)).lock
    told = await _boot(PYODIDE_029, lock=lock.to_json(), code=packages.use)
    assert packages.answer == told["answer"]


@pytest.mark.slow
async def test_wheels_arrive_while_the_runtime_boots(
    catalogue: PackageIndex, frozen_under_node: Freezer, tmp_path: Path
) -> None:
    """The first wheel is asked for before the runtime is ready, also when the lock itself has to be fetched."""
    lock = await frozen_under_node(WIDGETS)
    (tmp_path / "pyodide-lock.json").write_text(lock.to_json(), "utf-8")
    with PackageIndex() as site:
        address = site.mount("/site/", tmp_path)
        told = await _boot(lock=f"{address}pyodide-lock.json")
    order = told["happened"]
    wheels = [at for at, one in enumerate(order) if one.startswith("asked ") and one.endswith(".whl")]
    assert (len(lock), "asked pyodide-lock.json") == (len(wheels), order[0])
    assert wheels[0] < order.index("loadPyodide ended") < order.index("mount") < order.index("done")


@pytest.mark.slow
async def test_a_second_boot_asks_for_nothing(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """With a store no wheel is fetched the second time, and the environment is the same."""
    lock = await frozen_under_node(WIDGETS)
    first, second = [await _boot(lock=lock.to_json(), store=str(tmp_path), code=WIDGETS.use) for _ in range(2)]
    asked = [sum(one.startswith("asked ") for one in told["happened"]) for told in (first, second)]
    assert ([len(lock), 0], first["tree"], WIDGETS.answer) == (asked, second["tree"], second["answer"])


@pytest.mark.slow
async def test_it_leaves_no_names_and_loads_nothing(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """Python looks anew for modules, without loading ``importlib.metadata`` for it, and no name of ours is there."""
    lock = await frozen_under_node(PURE)
    code = (
        "import sys, __main__\n"
        "answer = [name for name in vars(__main__) if 'micropip_lock' in name or 'keep' in name]\n"
        "answer.append('importlib.metadata' in sys.modules)"
    )
    told = await _boot(lock=lock.to_json(), store=str(tmp_path / "store"), code=code)
    assert [False] == told["answer"]


async def test_some_of_the_packages(frozen_under_node: Freezer) -> None:
    """Only what is asked for and what it needs is fetched and mounted."""
    lock = await frozen_under_node(WIDGETS)
    told = await _boot(lock=lock.to_json(), packages=["Traitlets"])
    tops = {path.split("/")[0] for path in told["tree"]}
    assert {"traitlets", f"traitlets-{lock.packages['traitlets'].version}.dist-info"} == tops


@pytest.mark.slow
async def test_from_a_compiled_standard_library(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """Both ways to a faster start go together; an archive that is not the one that was named is told."""
    lock = await frozen_under_node(COMPILED)
    made = await compile_stdlib(tmp_path / "python_stdlib.zip")
    asked: dict[str, Any] = {"lock": lock.to_json(), "stdlib": str(made.path), "code": COMPILED.use}
    told = await _boot(**asked, stdlibSha256=made.digest.hex)
    wrong = await _boot(**{**asked, "code": None}, stdlibSha256=Digest.of(b"").hex)
    assert (COMPILED.answer, "digest-mismatch") == (told["answer"], wrong["error"]["code"])


def _for_another_pyodide(lock: dict[str, Any]) -> None:
    lock["info"]["abi_version"] = "2025_0"


def _with_another_digest(lock: dict[str, Any]) -> None:
    lock["packages"]["narwhals"]["sha256"] = "0" * 64


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "code"), [(_for_another_pyodide, "abi-mismatch"), (_with_another_digest, "digest-mismatch")]
)
async def test_a_failure_leaves_an_empty_pyodide_that_runs(
    frozen_under_node: Freezer, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    """What cannot be installed is told with a code; the Pyodide runs, and nothing is in site-packages."""
    lock = json.loads((await frozen_under_node(PURE)).to_json())
    change(lock)
    told = await _boot(lock=json.dumps(lock), code="answer = 1 + 1")
    assert ("LockError", code, 2, {}) == (told["error"]["name"], told["error"]["code"], told["answer"], told["tree"])
