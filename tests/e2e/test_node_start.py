"""A start pack of what imports really read, in a Pyodide under Node, and a boot from it."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
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
    assert process.returncode == 0, "\n".join(line[:300] for line in errors.decode().splitlines()[-25:])
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


def _compiled(root: Path, lock: Lock) -> dict[str, set[str]]:
    """Of which sources a bundle's pack has bytecode, by package."""
    assert lock.start is not None
    names = {package.wheel.digest: package.name for package in lock}
    found: dict[str, set[str]] = {}
    for one in parse_start_pack((root / lock.start.url).read_bytes()):
        if one.compiled:
            (length,) = struct.unpack_from("<I", one.compiled)
            _, modules = json.loads(one.compiled[4 : 4 + length])
            found[names[one.digest]] = {path for path, _ in modules}
    return found


async def test_what_imports_read(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """The pack has what an import reads, extension modules too, and far less than the wheels; a boot from it works."""
    lock = await frozen_under_node(COMPILED)
    done = await api.bundle(lock, tmp_path, start=True)
    made = Lock.from_json((tmp_path / "pyodide-lock.json").read_text("utf-8"))
    packed, compiled = _packed(tmp_path, made), _compiled(tmp_path, made)
    assert made.start is not None
    assert ((), True) == (done.notes, made.start.size < (made.size or 0) * 0.8)
    assert "rich-" + made.packages["rich"].version + ".dist-info/METADATA" in packed["rich"]
    assert ("rich/__init__.py" in compiled["rich"], "rich/__init__.py" in packed["rich"]) == (True, False)
    assert any(path.endswith(".so") for path in packed["pydantic-core"])
    assert "rich/traceback.py" not in packed["rich"] | compiled["rich"]
    with PackageIndex() as site:
        address = site.mount("/bundle/", tmp_path)
        told = await _boot(
            lock=f"{address}pyodide-lock.json",
            readRanges=str(tmp_path),
            early="import rich, pydantic",
            code=COMPILED.use,
            whole=True,
        )
        plain = await _boot(lock=f"{address}pyodide-lock.json", code=COMPILED.use)
    order = told["happened"]
    assert (COMPILED.answer, COMPILED.answer, plain["tree"]) == (told["answer"], plain["answer"], told["tree"])
    assert order.index("done") < order.index("complete")
    assert not [one for one in order[: order.index("early code ended")] if one.startswith("read a part of")]
    assert ("start" in order, "start" in plain["happened"]) == (True, False)
    assert f"asked {made.start.url}" not in plain["happened"]


async def test_its_bytecode_is_kept_for_locks_that_name_it(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """The next visit has it from the store and asks for no pack; a lock that names no pack gets none of it."""
    lock = await frozen_under_node(COMPILED)
    await api.bundle(lock, tmp_path / "bundle", start=True)
    made = Lock.from_json((tmp_path / "bundle" / "pyodide-lock.json").read_text("utf-8"))
    (tmp_path / "bundle" / "plain.json").write_text(replace(made, start=None).to_json(), "utf-8")
    code = "import importlib.util, os, rich\nanswer = os.path.exists(importlib.util.cache_from_source(rich.__file__))"
    with PackageIndex() as site:
        address = site.mount("/bundle/", tmp_path / "bundle")
        visits = [
            await _boot(
                lock=f"{address}{name}", readRanges=str(tmp_path / "bundle"), store=str(tmp_path / "store"), code=code
            )
            for name in ("pyodide-lock.json", "plain.json", "pyodide-lock.json")
        ]
    assert [True, False, True] == [visit["answer"] for visit in visits]
    assert [True, False, False] == ["start" in visit["happened"] for visit in visits]


async def test_named_imports(frozen_under_node: Freezer, tmp_path: Path) -> None:
    """What is named is imported instead; what cannot be is told, and the pack is made."""
    lock = await frozen_under_node(COMPILED)
    done = await api.bundle(lock, tmp_path, start=True, imports=["rich.traceback", "no_such_module"])
    compiled = _compiled(tmp_path, Lock.from_json((tmp_path / "pyodide-lock.json").read_text("utf-8")))
    (note,) = done.notes
    assert ("rich/traceback.py" in compiled["rich"], "pydantic" in compiled) == (True, False)
    assert note.startswith('no_such_module could not be imported to see what it needs: "ModuleNotFoundError')
