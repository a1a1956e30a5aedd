"""A Pyodide in Chromium, in a page or in a worker of it, that Python code can be asked for values.

Rules this file keeps:

1. The page, the runtime and the wheels come from this machine; page and wheels from different origins, so that CORS
   is as it is in life.
2. What a page logs as an error, or throws and nobody catches, fails the test that opened it.
3. The tools get in as they do in life: the lock that Pyodide boots with names them, and ``micropip`` brings
   micropip-lock from an index.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urljoin

from playwright.async_api import Browser, Page, async_playwright

from micropip_lock.adapters.runtimes import pyodide_directory
from micropip_lock.testing import PackageIndex
from tests.e2e.wheelhouse import wheels

type Place = Literal["page", "worker"]

PLACES: Final[tuple[Place, ...]] = ("page", "worker")

_ROOT: Final = Path(__file__).resolve().parents[2]
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """Where pages find everything.

    Attributes:
        browser: A running Chromium.
        index: Every wheel, micropip-lock's own included; another origin than the page.
        pages: Address of the page for each place, each of its own origin: the index sees who asks.
        lock: The lock that Pyodide boots with.
    """

    browser: Browser
    index: PackageIndex
    pages: Mapping[Place, str]
    lock: str

    def asked(self, place: Place) -> list[str]:
        """Paths that pages of this place asked the index for, in order, preflights left out."""
        scheme, _, host, *_ = self.pages[place].split("/")
        origin = f"{scheme}//{host}"
        requests = self.index.log.requests(method="GET")
        return [request.path for request in requests if request.headers.get("origin") == origin]


@dataclass(kw_only=True, slots=True)
class BrowserKernel:
    """One running Pyodide.

    Attributes:
        page: Its page.
        errors: What the page logged as errors or threw.
    """

    page: Page
    errors: list[str] = field(default_factory=list)

    async def ask(self, code: str) -> Any:
        """Run code that assigns ``answer``; that value, by way of JSON."""
        return await self.page.evaluate("code => kernel.ask(code)", code)

    async def tree(self) -> dict[str, str]:
        """SHA-256 of every file in site-packages, by path."""
        found: dict[str, str] = await self.ask("from micropip_lock import wiring; answer = wiring.tree_here()")
        return found


def chromium_path() -> str:
    """The Chromium of this machine, brought if need be.

    Raises:
        AssertionError: There is none; the text says what was tried.
    """
    found = subprocess.run([_ROOT / "tools" / "find-chromium"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def runtime_lock(index: PackageIndex) -> str:
    """Pyodide's own lock, in which micropip and packaging are the pinned wheels that ``index`` serves."""
    lock = json.loads((pyodide_directory(None) / "pyodide-lock.json").read_text("utf-8"))
    for requirement, path in wheels("tools").items():
        name, _, version = requirement.partition("==")
        lock["packages"][name] |= {
            "version": version,
            "file_name": index.file_url(path.name),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    return json.dumps(lock)


def build_project(directory: Path) -> Path:
    """The project's own wheel; that its engine is fresh is another test's claim, so no hook runs."""
    command = [*(sys.executable, "-m", "hatchling", "build", "--target", "wheel"), "--directory", str(directory)]
    answer = subprocess.run(
        command,
        cwd=_ROOT,
        env={**os.environ, "HATCH_BUILD_NO_HOOKS": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (built,) = directory.glob("*.whl")
    return built


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS])
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def browser_kernel(
    web: Web,
    place: Place,
    *,
    lock: str | None = None,
    packages: tuple[str, ...] = ("micropip",),
    tools: bool = True,
    forgiven: Mapping[str, str] | None = None,
) -> AsyncIterator[BrowserKernel]:
    """Open a page and boot Pyodide in it.

    Args:
        web: Where everything is.
        place: In the page itself, or in a worker.
        lock: What Pyodide boots with; default: its own.
        packages: What ``loadPackage`` loads.
        tools: Install micropip-lock from the index.
        forgiven: Parts of error messages that the test provokes, and why.
    """
    context = await web.browser.new_context()
    try:
        page = await context.new_page()
        page.set_default_timeout(120_000)
        kernel = BrowserKernel(page=page)
        page.on("console", lambda message: kernel.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: kernel.errors.append(str(error)))
        await page.goto(f"{web.pages[place]}index.html?in={place}")
        await page.wait_for_function("window.kernel !== undefined")
        await page.evaluate(
            "options => kernel.boot(options)",
            {"directory": urljoin(web.pages[place], "/pyodide/"), "lock": lock or web.lock, "packages": list(packages)},
        )
        if tools:
            await kernel.ask(
                f"import micropip\nawait micropip.install('micropip-lock', index_urls={web.index.url!r})\nanswer = 0"
            )
        yield kernel
        unexpected = [error for error in kernel.errors if not any(part in error for part in forgiven or {})]
        assert [] == unexpected
    finally:
        await context.close()
