"""Chromium, driven by Playwright as in the end-to-end tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browsers.driving import PATIENCE, Tab, as_text, found, from_text
from tests.e2e.chromium import FLAGS


@dataclass(frozen=True, kw_only=True, slots=True)
class ChromiumTab:
    """One page in a context of its own."""

    page: Page

    def evaluate(self, function: str, argument: object = None) -> Any:
        return from_text(self.page.evaluate(as_text(function, argument)))

    def close(self) -> None:
        self.page.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Chromium:
    """A running Chromium."""

    browser: Browser
    version: str
    name: str = "chromium"

    def open(self, url: str) -> Tab:
        # One context for all: storage that one tab writes is there in the next.
        context = self.browser.contexts[0] if self.browser.contexts else self.browser.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(url)
        return ChromiumTab(page=page)


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    """A running Chromium.

    Raises:
        DrivingError: There is none.
    """
    path = found("find-chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        try:
            yield Chromium(browser=browser, version=browser.version)
        finally:
            browser.close()
