"""A start pack of what imports really read, in a Pyodide under Node, and a boot from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import api
from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from micropip_lock.core.digest import admit
from micropip_lock.core.model import Lock
from micropip_lock.core.start_pack import parse_start_pack
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.testing import PackageIndex
from tests.e2e.sets import PYODIDE_314, SETS, PackageSet

pytestmark = [pytest.mark.node, pytest.mark.slow]

BOOT = Path(__file__).resolve().parents[2] / "micropip_lock" / "data" / "boot.js"
COMPILED = next(one for one in SETS if one.name == "rich-pydantic")

Freezer = Callable[[PackageSet], Awaitable[Lock]]


async def _boot(**asked: Any) -> dict[str, Any]:
    """What ``boot.mjs`` says."""
    process = await asyncio.create_subprocess_exec(
        *(str(find_node()), str(Path(__file__).with_name("boot.mjs"))),
        json.dumps({"directory": str(pyodide_directory(PYODIDE_314)), "boot": str(BOOT), **asked}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    told: dict[str, Any] = json.loads(out)
    return told


def _packed(root: Path, lock: Lock) -> dict[str, set[str]]:
    """Which files a bundle's pack has, by package."""
    assert lock.start is not None
    parts = {one.digest: one for one in parse_start_pack((root / lock.start.url).read_bytes())}
    found: dict[str, set[str]] = {}
    for package in lock:
        data = (root / package.wheel.url).read_bytes()
        opened = OpenedWheel(admit(data, package.wheel.digest, filename=package.wheel.filename))
        there = bytearray(len(data))
        for offset, part in parts[package.wheel.digest].segments:
            assert data[offset : offset + len(part)] == part
            there[offset : offset + len(part)] = b"\1" * len(part)
        found[package.name] = {path for path, header, _, _, stop in opened.places() if all(there[header:stop])}
    return found


async def test_what_imports_read(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """The pack has what an import reads, extension modules too, and far less than the wheels; a boot from it works."""
    lock = await frozen_under_node(COMPILED)
    done = await api.bundle(lock, tmp_path, start=True)
    made = Lock.from_json((tmp_path / "pyodide-lock.json").read_text("utf-8"))
    packed = _packed(tmp_path, made)
    assert made.start is not None
    assert ((), True) == (done.notes, made.start.size < (made.size or 0) * 0.8)
    assert {"rich/__init__.py", "rich-" + made.packages["rich"].version + ".dist-info/METADATA"} <= packed["rich"]
    assert any(path.endswith(".so") for path in packed["pydantic-core"])
    assert "rich/traceback.py" not in packed["rich"]
    with PackageIndex() as site:
        address = site.mount("/bundle/", tmp_path)
        told = await _boot(lock=f"{address}pyodide-lock.json", readRanges=str(tmp_path), code=COMPILED.use, whole=True)
        plain = await _boot(lock=f"{address}pyodide-lock.json", code=COMPILED.use)
    order = told["happened"]
    assert (COMPILED.answer, COMPILED.answer, plain["tree"]) == (told["answer"], plain["answer"], told["tree"])
    assert order.index("done") < order.index("complete")
    assert ("start" in order, "start" in plain["happened"]) == (True, False)
    assert f"asked {made.start.url}" not in plain["happened"]


async def test_named_imports(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """What is named is imported instead; what cannot be is told, and the pack is made."""
    lock = await frozen_under_node(COMPILED)
    done = await api.bundle(lock, tmp_path, start=True, imports=["rich.traceback", "no_such_module"])
    packed = _packed(tmp_path, Lock.from_json((tmp_path / "pyodide-lock.json").read_text("utf-8")))
    (note,) = done.notes
    assert ("rich/traceback.py" in packed["rich"], "pydantic/__init__.py" in packed["pydantic"]) == (True, False)
    assert note.startswith('no_such_module could not be imported for the start pack: "ModuleNotFoundError')
