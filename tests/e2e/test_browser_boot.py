"""A Pyodide in Chromium, in a page and in a worker, that boots from a lock of real wheels with ``data/boot.js``.

Nothing of ours runs inside: what is there afterwards is compared with what Python's replay leaves under Node.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.async_api import BrowserContext, Page

from micropip_lock import compile_stdlib
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from tests.e2e.chromium import PLACES, Place, Web
from tests.e2e.kernel import kernel
from tests.e2e.sets import PYODIDE_314, SETS, PackageSet

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

COMPILED = next(one for one in SETS if one.name == "rich-pydantic")
DATA = Path(__file__).resolve().parents[2] / "micropip_lock" / "data"
TREE = """
import hashlib, os, site
answer = {}
for folder, _, names in os.walk(root := site.getsitepackages()[0]):
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            answer[os.path.relpath(file.name, root)] = hashlib.sha256(file.read()).hexdigest()
"""

Freezer = Callable[[PackageSet], Awaitable[Lock]]


@contextlib.asynccontextmanager
async def open_context(web: Web) -> AsyncIterator[BrowserContext]:
    """A context of its own."""
    context = await web.browser.new_context()
    try:
        yield context
    finally:
        await context.close()


async def open_page(context: BrowserContext, web: Web, place: Place) -> Page:
    """A page with a door to what boots in it, or in its worker."""
    page = await context.new_page()
    page.set_default_timeout(120_000)
    await page.goto(f"{web.pages[place]}index.html?in={place}")
    await page.wait_for_function("window.kernel !== undefined")
    return page


async def _boot(page: Page, data: str, web: Web, place: Place, **asked: Any) -> dict[str, Any]:
    options = {"boot": f"{data}boot.js", "directory": urljoin(web.pages[place], "/pyodide/"), **asked}
    told: dict[str, Any] = await page.evaluate("options => kernel.bootFromLock(options)", options)
    return told


@pytest.mark.parametrize("place", PLACES)
async def test_boot(web: Web, frozen_under_node: Freezer, place: Place) -> None:
    """Wheels are asked for before the runtime is ready, work, and lie there as a replay leaves them, byte for byte."""
    lock = await frozen_under_node(COMPILED)
    with PackageIndex() as files:
        data = files.mount("/data/", DATA)
        async with open_context(web) as context:
            page = await open_page(context, web, place)
            told = await _boot(page, data, web, place, lock=lock.to_json())
            answer, tree = [await page.evaluate("code => kernel.ask(code)", code) for code in (COMPILED.use, TREE)]
    async with kernel(PYODIDE_314) as node:
        replayed = await node.pyodide.replay(lock)
    order = told["happened"]
    asked = [at for at, one in enumerate(order) if one.startswith("asked ")]
    assert (len(lock), COMPILED.answer, replayed.tree) == (len(asked), answer, tree)
    assert asked[0] < order.index("loadPyodide ended") < order.index("mount") < order.index("done")


@pytest.mark.parametrize("place", PLACES)
async def test_a_second_visit_asks_for_no_wheel(web: Web, frozen_under_node: Freezer, place: Place) -> None:
    """With a store the second page of the same person fetches no wheel, and works."""
    lock = await frozen_under_node(COMPILED)
    with PackageIndex() as files:
        data = files.mount("/data/", DATA)
        async with open_context(web) as context:
            visits = []
            for _ in range(2):
                page = await open_page(context, web, place)
                told = await _boot(page, data, web, place, lock=lock.to_json(), store="boot")
                asked = sum(one.startswith("asked ") for one in told["happened"])
                visits.append((asked, await page.evaluate("code => kernel.ask(code)", COMPILED.use)))
                await page.close()
    assert [(len(lock), COMPILED.answer), (0, COMPILED.answer)] == visits


VISITS = """
async (name) => {
  const root = await navigator.storage.getDirectory();
  const sizes = {};
  try {
    const visits = await (await root.getDirectoryHandle(name)).getDirectoryHandle("visits");
    for await (const [key, file] of visits.entries()) sizes[key] = (await file.getFile()).size;
  } catch {
    // Nothing was left so far.
  }
  return sizes;
}
"""
FLIP = """
async ([name, sha256]) => {
  const root = await navigator.storage.getDirectory();
  const wheels = await (await root.getDirectoryHandle(name)).getDirectoryHandle("wheels");
  const file = await (await wheels.getDirectoryHandle(sha256.slice(0, 2))).getFileHandle(sha256);
  const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer());
  bytes[bytes.length >> 1] ^= 1;
  const writer = await file.createWritable();
  await writer.write(bytes);
  await writer.close();
}
"""
ELSEWHERE = """
import inspect, rich.table, rich.markdown
answer = [len(inspect.getsource(rich.table)) > 20_000, rich.table.Table(title="hi").title]
"""


async def _first_visit(context: BrowserContext, data: str, web: Web, lock: Lock) -> None:
    """A worker boots, imports, and leaves something for the next visit."""
    page = await open_page(context, web, "worker")
    await _boot(page, data, web, "worker", lock=lock.to_json(), store="boot")
    before = await page.evaluate(VISITS, "boot")
    assert COMPILED.answer == await page.evaluate("code => kernel.ask(code)", COMPILED.use)
    # Compiled modules are kept when there was a pause, and then what the visit leaves.
    more = f"([name, before]) => ({VISITS})(name).then((now) => Object.values(now)[0] > before + 100_000)"
    await page.wait_for_function(more, arg=["boot", max(before.values(), default=0)], polling=200)
    assert 1 == len(await page.evaluate(VISITS, "boot"))
    await page.close()


async def test_what_a_visit_leaves(web: Web, frozen_under_node: Freezer) -> None:
    """The second visit needs no wheel but for what the first one did not read, and every file is as it was."""
    lock = await frozen_under_node(COMPILED)
    with PackageIndex() as files:
        data = files.mount("/data/", DATA)
        async with open_context(web) as context:
            await _first_visit(context, data, web, lock)
            page = await open_page(context, web, "worker")
            await context.route("**/*.whl", lambda route: route.abort())
            told = await _boot(page, data, web, "worker", lock=lock.to_json(), store="boot", leaves=True)
            answers = [
                await page.evaluate("code => kernel.ask(code)", code) for code in (COMPILED.use, ELSEWHERE, TREE)
            ]
    async with kernel(PYODIDE_314) as node:
        replayed = await node.pyodide.replay(lock)
    assert not [one for one in told["happened"] if one.startswith("asked ")]
    assert [COMPILED.answer, [True, "hi"], replayed.tree] == answers


async def test_a_wheel_that_rotted_since_the_last_visit(web: Web, frozen_under_node: Freezer) -> None:
    """It is seen behind the boot, and fetched again; the visit after that asks for nothing."""
    lock = await frozen_under_node(COMPILED)
    rich = lock.packages["rich"]
    with PackageIndex() as files:
        data = files.mount("/data/", DATA)
        async with open_context(web) as context:
            await _first_visit(context, data, web, lock)
            orders = []
            for rots in (True, False):
                page = await open_page(context, web, "worker")
                if rots:
                    await page.evaluate(FLIP, ["boot", rich.wheel.digest.hex])
                told = await _boot(page, data, web, "worker", lock=lock.to_json(), store="boot")
                orders.append([one for one in told["happened"] if one in ("done", "settled") or "asked" in one])
                assert COMPILED.answer == await page.evaluate("code => kernel.ask(code)", COMPILED.use)
                await page.close()
    (_, asked, _), healed = orders
    assert ["done", "settled"] == [one for one in orders[0] if "asked" not in one] == healed
    assert "done" == orders[0][0]
    assert asked.startswith("asked rich-")


async def test_from_a_compiled_standard_library(web: Web, frozen_under_node: Freezer, tmp_path: Path) -> None:
    """A page that boots from bytecode imports bytecode, and the wheels work."""
    lock = await frozen_under_node(COMPILED)
    await compile_stdlib(tmp_path / "python_stdlib.zip")
    with PackageIndex() as files:
        data, stdlib = files.mount("/data/", DATA), files.mount("/stdlib/", tmp_path)
        async with open_context(web) as context:
            page = await open_page(context, web, "worker")
            told = await _boot(page, data, web, "worker", lock=lock.to_json(), stdlib=f"{stdlib}python_stdlib.zip")
            names = await page.evaluate(
                "code => kernel.ask(code)", "import asyncio, json; answer = [asyncio.__file__[-4:], json.__file__[-4:]]"
            )
            answer = await page.evaluate("code => kernel.ask(code)", COMPILED.use)
    assert ([".pyc", ".pyc"], COMPILED.answer, "done") == (names, answer, told["happened"][-1])


@pytest.mark.parametrize("place", PLACES)
async def test_stopped_while_wheels_arrive(web: Web, frozen_under_node: Freezer, place: Place) -> None:
    """An abort during the downloads ends each of them, and is told as one."""
    lock = await frozen_under_node(COMPILED)
    with PackageIndex() as files:
        data = files.mount("/data/", DATA)
        async with open_context(web) as context:
            page = await open_page(context, web, place)
            told = await _boot(page, data, web, place, lock=lock.to_json(), abortAfter="fetch")
    assert "cancelled" == told["code"]
    assert "mount" not in told["happened"]
    assert any(one.startswith("ended ") for one in told["happened"])
