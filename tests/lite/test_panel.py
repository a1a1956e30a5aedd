"""The panel in a notebook of the built site, in Chromium: by mouse, by keyboard, by axe-core, in both themes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page

from micropip_lock import open_link, share
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from tests.e2e.axe import violations
from tests.lite.conftest import Served, lock_of
from tests.lite.lab import visitor

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PANEL: Final = ".jp-OutputArea-output > .widget-vbox"
PICTURES: Final = Path(__file__).parents[2] / "test-results"
CELL: Final = "import micropip_lock as ml\n\nml.panel()"


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
        yield page


async def _told(page: Page, text: str) -> None:
    """Wait until the panel says so, and see what axe-core finds then."""
    await page.wait_for_selector(f"{PANEL} [role=status]:has-text({json.dumps(text)})")
    await page.wait_for_selector(f"{PANEL} button:has-text('Refresh'):enabled")
    await _nothing_found(page)


async def _nothing_found(page: Page) -> None:
    assert [] == await violations(page, PANEL)


async def _press(page: Page, title: str) -> None:
    await page.click(f"{PANEL} button:text-is('{title}')")


def _field(page: Page, label: str) -> Locator:
    return page.locator(PANEL).get_by_label(label, exact=True)


async def _look(page: Page, view: str, shown: str) -> None:
    await page.select_option(f"{PANEL} select:near(:text('View'))", view)
    await page.wait_for_selector(f"{PANEL} {shown}")
    await _nothing_found(page)


async def test_by_mouse(page: Page, lock: Lock, served: Served) -> None:
    """Every view and what each button brings is what it says, and axe-core finds nothing wrong with any of it."""
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
    # It opens on this site, and says all of the lock, since no other Pyodide has the lock of this site.
    assert (True, True) == (link.startswith(f"{served.url}lab/index.html#lock="), "comm" in open_link(link).packages)
    await _field(page, "Lock").fill(share(lock))
    await _press(page, "Compare")
    await _told(page, "they differ")
    await _press(page, "Replay…")
    await _told(page, "replay it?")
    await _press(page, "No")
    await _told(page, "nothing was installed")
    await _press(page, "Replay…")
    await _told(page, "replay it?")
    await _press(page, "Yes, replay it")
    await _told(page, "replayed: 2 packages")
    await _look(page, "Last replay", "svg[role=img]")
    await _look(page, "Packages", "td:has-text('snowballstemmer-3.1.1')")


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
async def test_themes(page: Page, theme: str) -> None:
    """In the dark and the light theme axe-core finds contrast enough; what a person looks at is kept as a picture."""
    await page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    await page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    for view, shown in (("Sizes", "svg[role=img]"), ("Packages", "caption:has-text(' packages, by ')")):
        await _look(page, view, shown)
        PICTURES.mkdir(exist_ok=True)
        await page.locator(PANEL).screenshot(path=PICTURES / f"panel-{view}-{theme.split()[1]}.png".lower())


async def test_by_keyboard(page: Page, lock: Lock) -> None:
    """Tab, Enter, Space and arrows do everything; the focus is never lost, and a question has it on its No."""
    await page.evaluate("document.querySelector('.jp-Cell.jp-mod-active').focus()")
    await _tab_to(page, "Refresh")
    await page.keyboard.press("Enter")
    await _told(page, "up to date")
    await _tab_to(page, "Verify")
    await page.keyboard.press("Space")
    await _told(page, "the environment is")
    assert "Verify" == await _focused(page)
    await _tab_to(page, "Lock")
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(share(lock))
    await _tab_to(page, "Replay…")
    await page.keyboard.press("Enter")
    await _told(page, "replay it?")
    assert "No" == await _focused(page)
    await page.keyboard.press("Enter")
    await _told(page, "nothing was installed")
    assert "Replay…" == await _focused(page)
    await page.keyboard.press("Enter")
    await _told(page, "replay it?")
    await _tab_to(page, "Yes, replay it")
    await page.keyboard.press("Enter")
    await _told(page, "replayed: ")
    assert "Replay…" == await _focused(page)
    await _tab_to(page, "View")
    # Arrows alone are the notebook's; in a list that Space opened they are the list's.
    await _press_each(page, "Space", "ArrowDown", "Enter")
    await page.wait_for_selector(f"{PANEL} svg[role=img]")
    await _press_each(page, "Space", "ArrowUp", "Enter")
    await _tab_to(page, "Search")
    await page.keyboard.type("pure-eval")
    await page.wait_for_selector(f"{PANEL} caption:has-text('1 of ')")
    await page.keyboard.press("Control+a")
    await page.keyboard.press("Delete")
    await _tab_to(page, "Sort by")
    await _press_each(page, "Space", "Home", "Enter")
    await page.wait_for_selector(f"{PANEL} th[aria-sort=ascending]:text-is('Package')")
    await _tab_to(page, "Packages")
    await page.keyboard.press("End")
    await page.wait_for_function("document.activeElement.scrollTop > 0")
    # None of these keys was a command of the notebook.
    assert 1 == await page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length")
    assert CELL == await page.evaluate("jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel.source")


async def _press_each(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)
        # An open list is the browser's own, and the page cannot see it.
        await page.wait_for_timeout(300)


async def _focused(page: Page) -> str:
    """What a screen reader calls the element that has the focus."""
    name: str = await page.evaluate(
        "((one) => one.labels?.[0]?.innerText || one.ariaLabel || one.innerText)(document.activeElement)"
    )
    return name


async def _tab_to(page: Page, name: str) -> None:
    passed = []
    for _ in range(20):
        await page.keyboard.press("Tab")
        passed.append(await _focused(page))
        if passed[-1] == name:
            return
    raise AssertionError(f"Tab leads not to {name}, but to {passed}")


async def test_the_status_bar_opens_it(page: Page) -> None:
    """The item at the bottom shows the panel in a tab beside the notebook, with buttons that work."""
    await page.click(".micropip-lock-status")
    tab = page.locator("[id^=micropip-lock-panel]")
    await tab.locator("table").wait_for()
    assert "Packages of panel.ipynb" in await page.locator(".lm-TabBar-tabLabel").all_inner_texts()
    await tab.locator("button:text-is('Refresh')").click()
    await tab.locator("[role=status]:has-text('up to date')").wait_for()
    assert [] == await violations(page, "[id^=micropip-lock-panel] .widget-vbox")
    await page.locator(".lm-TabBar-tab", has_text="Packages of").locator(".lm-TabBar-tabCloseIcon").click()
    await tab.wait_for(state="detached")
