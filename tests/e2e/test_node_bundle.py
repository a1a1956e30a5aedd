"""A bundle serves every reader of locks under Node: our replay, and Pyodide's own ``loadPackage``."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
import pytest_asyncio

from micropip_lock import api
from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from micropip_lock.core.model import Lock
from micropip_lock.load import load_lock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import kernel

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bundled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lock]:
    """A bundle of two wheels and the lock it was made of; the index is gone."""
    root = tmp_path_factory.mktemp("bundle")
    with PackageIndex() as index:
        index.add(wheel("alpha", requires=["beta"], files={"alpha.py": "import beta\nvalue = beta.value\n"}))
        index.add(wheel("beta", "1.0+local", files={"beta.py": "value = 7\n"}))
        async with kernel(index_urls=[index.url]) as first:
            lock = (await first.pyodide.install_and_freeze(["alpha"])).lock
        await api.bundle(lock, root)
    return root, lock


async def test_pyodide_loads_it(bundled: tuple[Path, Lock]) -> None:
    """Pyodide boots with the bundle's lock and loads its packages by name, as they are."""
    root, _ = bundled
    command = [
        *(str(find_node()), str(Path(__file__).with_name("load_lock.mjs")), str(pyodide_directory(None))),
        *(str(root / "pyodide-lock.json"), str(root), "import alpha; answer = alpha.value", "alpha"),
    ]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 7 == json.loads(done.stdout)


@pytest.mark.parametrize("way", ["lock", "bundle"])
async def test_replayed_in_pyodide(bundled: tuple[Path, Lock], way: str) -> None:
    """A replay takes the bundle's own lock, or the wheels for the lock it was made of, when the index is gone."""
    root, before = bundled
    lock = await load_lock(root / "pyodide-lock.json") if way == "lock" else before
    code = "import alpha; print(alpha.value)"
    run = await api.replay_in_pyodide(lock, code=code, bundle=root if way == "bundle" else None)
    assert ("7\n", None, way == "bundle") == (run.stdout, run.error, len(run.report.notes) > 0)
