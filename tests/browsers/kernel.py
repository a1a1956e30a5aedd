"""A page or a worker of any browser, with or without a Pyodide in it.

Rules this file keeps:

1. Page, runtime and wheels come from this machine; page and wheels from different origins, so that CORS is as in life.
2. Neither JSPI nor SharedArrayBuffer is there, whatever the browser has.
3. What goes wrong in a page and is caught by nobody fails the test that opened it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

from micropip_lock.testing import PackageIndex
from tests.browsers.driving import READY, ROOT, Browser, Tab
from tests.e2e.chromium import Place

ENGINE: Final = (ROOT / "micropip_lock" / "data" / "engine.js").read_text("utf-8")


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """Where the pages of one browser find everything.

    Attributes:
        browser: A running one.
        index: Every wheel, micropip-lock's own included.
        page: Address of the page; an origin of its own, so that browser and place have a storage of their own.
        lock: The lock that Pyodide boots with.
        place: In the page itself, or in a worker.
    """

    browser: Browser
    index: PackageIndex
    page: str
    lock: str
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """One place in one tab."""

    web: Web
    tab: Tab

    def run(self, source: str, argument: object = None) -> Any:
        """Call a JavaScript function in the place with one JSON value."""
        return self.tab.evaluate("told => place.run(told)", {"source": source, "argument": argument})

    def engine(self, source: str, argument: object = None) -> Any:
        """Call a JavaScript function of ``(engine, argument)`` with the bundled engine; Pyodide takes no part."""
        return self.run(
            f"({{ engine, argument }}) => ({source})((0, eval)(engine), argument)",
            {"engine": ENGINE, "argument": argument},
        )

    def boot(self) -> None:
        """Start Pyodide and bring micropip-lock from the index."""
        directory = urljoin(self.web.page, "/pyodide/")
        self.tab.evaluate(
            "options => place.boot(options)", {"directory": directory, "lock": self.web.lock, "packages": ["micropip"]}
        )
        self.ask(
            f"import micropip\nawait micropip.install('micropip-lock', index_urls={self.web.index.url!r})\nanswer = 0"
        )

    def ask(self, code: str) -> Any:
        """Run Python that assigns ``answer``; that value."""
        return self.tab.evaluate("code => place.ask(code)", code)

    def tree(self) -> dict[str, str]:
        """SHA-256 of every file in site-packages, by path."""
        found: dict[str, str] = self.ask("from micropip_lock import wiring; answer = wiring.tree_here()")
        return found

    def errors(self) -> list[str]:
        """What nobody caught."""
        told: list[str] = self.tab.evaluate("() => errors")
        return told


@contextlib.contextmanager
def opened(web: Web, *, pyodide: bool = True) -> Iterator[Kernel]:
    """A tab of its own; closed at the end, after a look at what went wrong in it."""
    tab = web.browser.open(f"{web.page}index.html?in={web.place}")
    try:
        tab.evaluate(READY)
        kernel = Kernel(web=web, tab=tab)
        if pyodide:
            kernel.boot()
        yield kernel
        assert [] == kernel.errors()
    finally:
        tab.close()
