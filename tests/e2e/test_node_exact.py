"""Exact replays and interrupted ones, in Pyodide under Node: what replays stays, and what was half done is undone."""

from __future__ import annotations

from typing import Any

import pytest

from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize("pyodide", [PYODIDE_314, PYODIDE_029])
async def test_an_exact_replay_in_a_kernel(pyodide: Any) -> None:
    """What is not in the lock goes, also from what Pyodide says is loaded, and what replays stays; asked for twice
    at once it is one replay; a journal that was left is followed when recording begins.
    """
    with PackageIndex() as index:
        for name in ("pack", "extra"):
            index.add(wheel(name, files={f"{name}.py": f"name = {name!r}\n"}))
        async with kernel(pyodide, index_urls=[index.url]) as running:
            found: dict[str, Any] = await running.ask(f"""
import asyncio, json, pathlib, site
import micropip, micropip_lock, pyodide_js
here = pathlib.Path(site.getsitepackages()[0])
await pyodide_js.loadPackage("micropip")
def names():
    return sorted(path.name for path in here.iterdir() if path.name != "__pycache__")
tools = names()
micropip.set_index_urls({index.url!r})
micropip_lock.record()
await micropip.install("pack")
micropip_lock.record().stop()
lock = await micropip_lock.freeze()
micropip_lock.record()
await micropip.install("extra")
micropip.add_mock_package("pretend", "1.0", modules={{"pretend": ""}})
reports = await asyncio.gather(*[micropip_lock.replay(lock, exact=True) for _ in range(2)])
after = names()
micropip_lock.record().stop()
staging = here / ".micropip-lock-1-x"
(staging / "replaced").mkdir(parents=True)
(staging / "replaced" / "0").write_text((here / "pack.py").read_text())
(here / "pack.py").unlink()
plan = {{"format": 2, "outgoing": [["pack.py", ".micropip-lock-1-x/replaced/0"]], "sizes": [9]}}
(staging / "journal").write_text(json.dumps({{**plan, "made": [], "incoming": [], "emptied": []}}))
try:
    await micropip_lock.freeze()
    refused = None
except micropip_lock.MicropipLockError as error:
    refused = error.code
micropip_lock.record()
import pack
answer = {{
    "one": reports[0] is reports[1],
    "removed": sorted(one.name for one in reports[0].packages if one.outcome == "removed"),
    "more": sorted(set(after) - set(tools)),
    "less": sorted(set(tools) - set(after)),
    "loaded": sorted(name for name in pyodide_js.loadedPackages.object_keys() if name in ("extra", "pack")),
    "mocks": micropip.list_mock_packages() and sorted(micropip.list_mock_packages()),
    "refused": refused,
    "staging": staging.exists(),
    "again": str(await micropip_lock.recover()),
    "name": pack.name,
}}
""")
    assert (["extra", "pretend"], ["pack-1.0.dist-info", "pack.py"], []) == (
        found["removed"],
        found["more"],
        found["less"],
    )
    assert (True, ["pack"], [], "interrupted-replay", False, "nothing was left half done", "pack") == (
        found["one"],
        found["loaded"],
        found["mocks"],
        found["refused"],
        found["staging"],
        found["again"],
        found["name"],
    )
