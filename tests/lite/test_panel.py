"""The panel in a notebook of the built site, in Chromium: by mouse, by keyboard, by what axe-core finds, in both themes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page

from micropip_lock import open_link, share
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from tests.lite.conftest import Served, lock_of
from tests.lite.lab import visitor

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

AXE: Final = Path(__file__).parents[2] / "js/node_modules/axe-core/axe.min.js"
PANEL: Final = ".jp-OutputArea-output > .widget-vbox"
CELL: Final = "import micropip_lock as ml\n\nml.panel()"
FOUND: Final = """
async (panel) => {
  const { violations, passes } = await axe.run(panel);
  if (passes.length < 10) throw new Error("axe looked at nothing");
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}
"""


@pytest.fixture(scope="module")
def lock() -> Iterator[Lock]:
    """Two packages that the site does not have."""
    with PackageIndex() as index:
        yield lock_of(("snowballstemmer", "roman-numerals"), index)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(served: Served) -> AsyncIterator[Page]:
    """A notebook with the panel."""
    async with visitor(served.browser) as lab:
        page = await lab.open(f"{served.url}lab/index.html")
        await page.set_viewport_size({"width": 1280, "height": 900})
        await lab.notebook(page, "panel.ipynb", {}, [CELL])
        await lab.opened(page)
        await page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        await page.wait_for_selector(f"{PANEL} table")
        await page.add_script_tag(path=AXE)
        yield page


async def _told(page: Page, text: str) -> None:
    """Wait until the panel says so, and see what axe-core finds then."""
    await page.wait_for_selector(f"{PANEL} [role=status]:has-text({json.dumps(text)})")
    await page.wait_for_selector(f"{PANEL} button:has-text('Refresh'):enabled")
    await _nothing_found(page)


async def _nothing_found(page: Page) -> None:
    assert [] == await page.evaluate(FOUND, PANEL)


async def _press(page: Page, title: str) -> None:
    await page.click(f"{PANEL} button:text-is({json.dumps(title)})")


def _field(page: Page, label: str) -> Locator:
    return page.locator(PANEL).get_by_label(label, exact=True)


async def _look(page: Page, view: str, shown: str) -> None:
    await page.select_option(f"{PANEL} select:near(:text('View'))", view)
    await page.wait_for_selector(f"{PANEL} {shown}")
    await _nothing_found(page)


async def _told(page: Page, text: str) -> None:
    """Wait until the panel says so and rests, and see what axe-core finds then."""
    await page.wait_for_selector(f"{PANEL} [role=status]:has-text({json.dumps(text)})")
    await page.wait_for_selector(f"{PANEL} button:text-is('Refresh'):enabled")
    await _nothing_found(page)


async def _nothing_found(page: Page) -> None:
    assert [] == await page.evaluate(FOUND, PANEL)


async def _press(page: Page, title: str) -> None:
    await page.click(f"{PANEL} button:text-is({json.dumps(title)})")


async def _look(page: Page, view: str, shown: str) -> None:
    await _field(page, "View").select_option(view)
    await page.wait_for_selector(f"{PANEL} {shown}")
    await _nothing_found(page)


async def test_by_mouse(page: Page, lock: Lock, served: Served) -> None:
    """Every button and every view does what it says, and axe-core finds nothing wrong with any of them."""
    await _told(page, "up to date")
    await _press(page, "Freeze")
    await _told(page, "frozen: lock ")
    await _press(page, "Verify")
    await _told(page, "the environment is what the lock says")
    await _look(page, "Packages", "td:text-is('verified')")
    await _field(page, "Search").fill("rich")
    await page.wait_for_selector(f"{PANEL} caption:has-text('1 of ')")
    await _field(page, "Search").fill("")
    await _field(page, "Sort by").select_option("size")
    await page.wait_for_selector(f"{PANEL} th[aria-sort=descending]:text-is('Size')")
    await _nothing_found(page)
    await _look(page, "Sizes", "svg[role=img]")
    await page.click(f"{PANEL} summary")
    await _nothing_found(page)
    await _look(page, "What needs what", "svg[role=img]")
    await _field(page, "Package").select_option("comm")
    await _press(page, "Why?")
    await _told(page, "comm")
    await _press(page, "Share")
    await _told(page, "a link of ")
    link = await _field(page, "Lock link").input_value()
    print(link[:300])
    print(open_link(link))
    await _field(page, "Lock").fill(share(lock))
    await _press(page, "Compare")
    await _told(page, "they differ")
    await _press(page, "Replay…")
    await _told(page, "replay it?")
    print(await page.inner_text(PANEL))
    await page.screenshot(path="/tmp/panel2.png")
    await _press(page, "No")
    await _told(page, "nothing was installed")
    await _press(page, "Replay…")
    await _told(page, "replay it?")
    await _press(page, "Yes, replay it")
    await _told(page, "replayed: 2 packages")
    await _look(page, "Last replay", "svg[role=img]")
    await page.screenshot(path="/tmp/panel3.png")
    await _look(page, "Packages", "th:text-is('snowballstemmer')")


async def _focused(page: Page) -> str:
    return await page.evaluate("(e => e.innerText || e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.outerHTML.slice(0,99))(document.activeElement)")

async def test_by_keyboard(page: Page, lock: Lock) -> None:
    """."""
    await page.evaluate("document.querySelector('.jp-Cell.jp-mod-active').focus()")
    async def tab_to(label):
        seen = []
        for _ in range(30):
            await page.keyboard.press("Tab")
            seen.append(await _focused(page))
            if seen[-1].startswith(label): return
        print(seen)
        raise AssertionError(label)
    await tab_to("Refresh")
    await page.keyboard.press("Enter")
    await _told(page, "up to date")
    print("after Refresh:", await _focused(page))
    await tab_to("Verify")
    await page.keyboard.press("Space")
    await page.wait_for_timeout(50)
    print("during verify:", await _focused(page))
    await _told(page, "the environment is")
    print("after verify:", await _focused(page))
    await tab_to("Lock")
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(share(lock))
    await tab_to("Replay…")
    await page.keyboard.press("Enter")
    await _told(page, "replay it?")
    print("question:", await _focused(page))
    await page.keyboard.press("Enter")
    await _told(page, "nothing was installed")
    print("after No:", await _focused(page))
    await page.keyboard.press("Enter")
    await _told(page, "replay it?")
    await page.keyboard.press("Tab")
    print(await _focused(page))
    await page.keyboard.press("Enter")
    await _told(page, "replayed")
    print("after yes:", await _focused(page))
    await tab_to("View")
    await page.keyboard.press("ArrowDown")
    await page.wait_for_selector(f"{PANEL} svg[role=img]")
    await page.keyboard.press("ArrowUp")
    await tab_to("Search")
    await page.keyboard.type("pure")
    await page.wait_for_selector(f"{PANEL} caption:has-text('1 of ')")
    await page.keyboard.press("Control+a")
    await page.keyboard.press("Delete")
    await tab_to("Sort by")
    await page.keyboard.type("size")
    await page.wait_for_selector(f"{PANEL} th[aria-sort=descending]:text-is('Size')")
    await tab_to("2")
    await page.keyboard.press("End")
    await page.wait_for_timeout(200)
    print("scroll", await page.evaluate("[document.activeElement.scrollTop, document.activeElement.outerHTML.slice(0,90)]"))
    assert 1 == await page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length")
