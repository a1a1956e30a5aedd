"""Lock links and locks of notebooks on a site, in Chromium: asked about, there for the first cell; what goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Page

from micropip_lock import open_link, share
from micropip_lock.core.model import Lock, by_name
from micropip_lock.testing import PackageIndex
from tests.lite.conftest import Served, lock_of
from tests.lite.lab import visitor

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PACKAGES = ("snowballstemmer", "roman-numerals")
IMPORT = "import roman_numerals, snowballstemmer; answer = snowballstemmer.__name__"


def _link(served: Served, lock: Lock) -> str:
    return share(lock, base=f"{served.url}lab/index.html")


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """Where the packages of locks are."""
    with PackageIndex() as running:
        yield running


async def _focused(page: Page) -> str:
    text: str = await page.evaluate("document.activeElement.textContent || document.activeElement.type")
    return text


async def test_a_link_is_opened(served: Served, index: PackageIndex) -> None:
    """Nothing is asked of any host before the yes; then the first cell imports, also after a restart and a reload."""
    lock = lock_of(PACKAGES, index)
    async with visitor(served.browser) as lab:
        index.log.clear()
        page = await lab.open(_link(served, lock))
        start = asyncio.create_task(lab.kernel(page))
        dialog = await page.wait_for_selector(".jp-Dialog")
        assert dialog is not None
        told = await dialog.inner_text()
        assert ("2 packages" in told, "127.0.0.1" in told, lock.id in told) == (True, True, True)
        # The answer that Enter gives is no, and the focus does not leave the dialog.
        focus = [await _focused(page)]
        for _ in range(6):
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.querySelector('.jp-Dialog').contains(document.activeElement)")
            focus.append(await _focused(page))
        assert focus[0] == "Cancel"
        assert "Install" in focus
        assert 0 == index.log.count()
        await page.click(".jp-Dialog button.jp-mod-accept")
        kernel = await start
        assert "snowballstemmer" == await kernel.ask(IMPORT)
        frozen = await kernel.ask("import json, micropip; answer = json.loads(micropip.freeze())['packages']")
        assert {one.wheel.url for one in lock} == {entry["file_name"] for entry in frozen.values()}
        await kernel.restart()
        assert "snowballstemmer" == await kernel.ask(IMPORT)
        asked = index.log.count()
        await page.reload()
        await page.wait_for_function("window.jupyterapp !== undefined")
        again = await lab.kernel(page, "other.ipynb")
        assert "snowballstemmer" == await again.ask(IMPORT)
        # The store of the tab had the wheels.
        assert asked == index.log.count()


async def test_what_the_site_has_comes_from_the_site(served: Served, index: PackageIndex) -> None:
    """Nobody else is asked for wheels which the site has, too; who opens a link is told before there is a kernel."""
    lock = lock_of(("rich", "markdown-it-py", "mdurl", "pygments"), index)
    async with visitor(served.browser) as lab:
        index.log.clear()
        page = await lab.open(_link(served, lock))
        await page.wait_for_selector(".Toastify__toast:has-text('This address brings packages along')")
        start = asyncio.create_task(lab.kernel(page))
        await page.click(".jp-Dialog button.jp-mod-accept")
        kernel = await start
        assert await kernel.ask("import rich.table, sys; answer = sys.pycache_prefix is not None")
        assert 0 == index.log.count()


def _moved(lock: Lock, **changes: Any) -> Lock:
    """The lock with another wheel for its first package."""
    first, *others = lock
    return replace(lock, packages=by_name([replace(first, wheel=replace(first.wheel, **changes)), *others]))


@pytest.mark.parametrize("harm", ["not-found", "digest-mismatch", "abi-mismatch"])
async def test_what_is_wrong_with_a_link(served: Served, index: PackageIndex, harm: str) -> None:
    """A wheel that is gone, another wheel, another Pyodide: the kernel works, and the page says what was wrong."""
    lock = lock_of(PACKAGES, index)
    match harm:
        case "not-found":
            index.remove("roman_numerals-4.1.0-py3-none-any.whl")
        case "digest-mismatch":
            _, second = lock
            lock = _moved(lock, digest=second.wheel.digest, size=None)
        case _:
            lock = replace(lock, abi=replace(lock.abi, abi_version="2025_0"))
    async with visitor(served.browser, forgiven={"404": "the wheel is gone", harm: "told", "WASM": ""}) as lab:
        page = await lab.open(_link(served, lock))
        start = asyncio.create_task(lab.kernel(page))
        if harm != "abi-mismatch":
            await page.click(".jp-Dialog button.jp-mod-accept")
        kernel = await start
        notice = page.locator(".Toastify__toast", has_text="not in place")
        await notice.get_by_role("button", name="Show All").click()
        assert harm in await page.locator(".jp-Dialog").inner_text()
        await page.click(".jp-Dialog button.jp-mod-accept")
        assert "rich" == await kernel.ask("import rich; answer = rich.__name__")
        assert await kernel.ask("import importlib.util as u; answer = u.find_spec('snowballstemmer') is None")


async def test_a_notebook_with_a_lock(served: Served, index: PackageIndex) -> None:
    """Escape leaves the site's packages; Restore asks again; commands verify, share, save and freeze what is there."""
    lock = lock_of(PACKAGES, index)
    value = json.loads(lock.to_json())
    async with visitor(served.browser) as lab:
        await lab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await lab.open(f"{served.url}lab/index.html")
        await lab.notebook(page, "with-a-lock.ipynb", {"micropip-lock": value})
        dialog = await page.wait_for_selector(".jp-Dialog")
        assert dialog is not None
        assert "This notebook brings its packages along" in await dialog.inner_text()
        await page.keyboard.press("Escape")
        kernel = await lab.opened(page)
        assert await kernel.ask("import importlib.util as u; answer = u.find_spec('snowballstemmer') is None")

        restore = asyncio.create_task(_command(page, "restore"))
        await page.click(".jp-Dialog button.jp-mod-accept")
        await restore
        assert "snowballstemmer" == await kernel.ask(IMPORT)
        await page.wait_for_function(
            "document.querySelector('.micropip-lock-status').textContent === '2 packages · verified'"
        )
        # What the button in the toolbar does: freeze, and write it down.
        await page.click(".jp-NotebookPanel-toolbar >> text=Lock")
        await page.wait_for_selector("text=The notebook brings its packages along now.")
        await _command(page, "copy-link")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(f"{served.url}lab/index.html")
        assert lock.packages.keys() == open_link(copied).packages.keys()
        await _command(page, "freeze")
        read = "path => jupyterapp.serviceManager.contents.get(path, { content: true }).then((file) => file.content)"
        saved = await page.evaluate(read, "pyodide-lock.json")
        assert lock.packages.keys() == (saved if isinstance(saved, dict) else json.loads(saved))["packages"].keys()
        await kernel.run("from pathlib import Path; import roman_numerals; Path(roman_numerals.__file__).unlink()")
        check = asyncio.create_task(_command(page, "verify"))
        dialog = await page.wait_for_selector(".jp-Dialog")
        assert dialog is not None
        assert "roman-numerals" in await dialog.inner_text()
        await page.click(".jp-Dialog button.jp-mod-accept")
        await check
        assert "1 differs" == await page.inner_text(".micropip-lock-status")

        inspect = asyncio.create_task(_command(page, "inspect"))
        dialog = await page.wait_for_selector(".jp-Dialog")
        assert dialog is not None
        assert "2 packages" in await dialog.inner_text()
        await page.click(".jp-Dialog button.jp-mod-accept")
        await inspect


async def _command(page: Page, name: str) -> None:
    await page.evaluate("id => jupyterapp.commands.execute(id)", f"micropip-lock:{name}")
