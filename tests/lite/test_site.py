"""A site that was built with a lock, in Chromium, with no host but this machine to be reached."""

from __future__ import annotations

import pytest

from tests.lite.conftest import LOCKED, Served
from tests.lite.lab import visitor

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IMPORTS = """
import importlib, json
from importlib.metadata import distribution
lock = json.loads(await (await __import__("pyodide.http").http.pyfetch(%r)).string())
answer = {}
for name in %r:
    for module in lock["packages"][name]["imports"]:
        try:
            importlib.import_module(module)
        except Exception as error:
            answer[module] = repr(error)
"""


async def test_a_kernel_starts_with_the_lock_in_place(served: Served) -> None:
    """Every locked package is imported without an install, the environment is the lock, and recording is on."""
    async with visitor(served.browser) as lab:
        kernel = await lab.kernel(await lab.open(f"{served.url}lab/index.html"))
        lock = f"{served.url}static/micropip-lock/pyodide-lock.json"
        failed = await kernel.ask(IMPORTS % (lock, list(LOCKED)))
        # Its widgets are for a page with matplotlib.
        assert {"matplotlib_inline"} >= failed.keys()
        loaded = await kernel.ask("import sys; answer = 'micropip_lock.wiring' in sys.modules")
        assert not loaded
        report = await kernel.ask(f"import micropip_lock; answer = (await micropip_lock.verify({lock!r})).to_json()")
        assert [] == report["findings"]
        assert report["ok"]
        second = await kernel.ask("import json, micropip; answer = json.loads(micropip.freeze())['packages']")
        assert {"rich", "msgpack", "ipywidgets"} <= second.keys()
