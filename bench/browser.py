"""One sample in Chromium: a page of its own, cold in a new profile, warm in one that has seen it before.

Memory and processor time are read from Linux' own books; on other systems they stay 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Error, Page, Playwright, async_playwright

from bench.node import SampleError
from bench.stand import Stand
from tests.e2e.chromium import chromium_path

_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Garbage is collected between the phases, so that memory can be compared.
    "--js-flags=--expose-gc",
)
_PATIENCE: Final = 300.0
_PROCESSES: Final = Path("/proc")


class Chromium:
    """Visits pages."""

    def __init__(self, playwright: Playwright, browser: Browser) -> None:
        self._playwright = playwright
        self._browser = browser

    async def cold(self, stand: Stand, spec: dict[str, Any]) -> dict[str, Any]:
        """A first visit: nothing is kept from before.

        Raises:
            SampleError: The contender failed.
        """
        known = renderers()
        context = await self._browser.new_context()
        try:
            return await _visit(context, stand, spec, known)
        finally:
            await context.close()

    async def warm(self, stand: Stand, spec: dict[str, Any], profile: Path) -> dict[str, Any]:
        """A visit with a profile that is kept, in a browser that was started for it.

        Raises:
            SampleError: The contender failed.
        """
        known = renderers()
        context = await self._playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium_path(), args=[*_FLAGS]
        )
        try:
            return await _visit(context, stand, spec, known)
        finally:
            await context.close()


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Chromium]:
    """A running Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=[*_FLAGS])
        try:
            yield Chromium(playwright, browser)
        finally:
            await browser.close()


async def _visit(context: BrowserContext, stand: Stand, spec: dict[str, Any], known: set[int]) -> dict[str, Any]:
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE * 1000)
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text) if message.type == "error" else None)
    try:
        await page.goto(f"{stand.page}/bench/page/index.html?in={spec['place']}")
        await page.wait_for_function("window.call !== undefined")
        stand.counts()
        await _call(page, "begin", spec)
        start = spent()
        sample: dict[str, Any] = {name: await _call(page, "phase", name) for name in ("boot", "prepare")}
        prepared = spent()
        sample["install"] = await _call(page, "phase", "install")
        sample["install_cpu"] = spent() - prepared
        counts = stand.counts()
        installed = memory(renderers() - known)
        sample["imports"] = await _call(page, "phase", "imports")
        sample["total_cpu"] = spent() - start
        imported = memory(renderers() - known)
        heap = await _call(page, "heap", None)
        await _call(page, "phase", "settle")
    except Error as error:
        raise SampleError("; ".join([error.message[-900:], *noise[-2:]])) from error
    except TimeoutError as error:
        raise SampleError("; ".join([f"no end within {_PATIENCE:g} seconds", *noise[-2:]])) from error
    later = stand.counts()
    return {
        **sample,
        "requests": counts["requests"] + later["requests"],
        "bytes": counts["bytes"] + later["bytes"],
        "heap": heap,
        "installed": installed["private"],
        "imported": imported["private"],
        "peak": imported["peak"],
    }


async def _call(page: Page, name: str, argument: Any) -> Any:
    # Playwright's own time limit is not for what a page computes.
    async with asyncio.timeout(_PATIENCE):
        return await page.evaluate("([name, argument]) => window.call(name, argument)", [name, argument])


def renderers() -> set[int]:
    """Processes of Chromium that render pages, started by this one."""
    return {process for process, (_, command) in _descendants().items() if b"--type=renderer" in command}


def spent() -> float:
    """Milliseconds of processor time that the running processes of Chromium took so far."""
    return sum(took for took, command in _descendants().values() if b"--type=" in command or b"chrom" in command)


def _descendants() -> dict[int, tuple[float, bytes]]:
    """Processor time and command line of every process that this one started, or that those did."""
    parents: dict[int, int] = {}
    found: dict[int, tuple[float, bytes]] = {}
    for entry in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            # proc(5): after the name in parentheses, state and parent come first, utime and stime 12th and 13th.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            took = 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            found[int(entry.name)] = took, (entry / "cmdline").read_bytes()

    def ours(process: int) -> bool:
        while process > 1:
            process = parents.get(process, 0)
            if process == os.getpid():
                return True
        return False

    return {process: one for process, one in found.items() if ours(process)}


def memory(processes: set[int]) -> dict[str, int]:
    """Bytes of that process of these which has most: private ones now, resident ones at their most."""
    found = []
    for process in processes:
        with contextlib.suppress(OSError):
            text = "".join((_PROCESSES / str(process) / name).read_text() for name in ("smaps_rollup", "status"))
            sizes = {key: 1024 * int(size) for key, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
            private = sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)
            found.append({"private": private, "peak": sizes.get("VmHWM", 0)})
    return max(found, key=lambda one: one["private"], default={"private": 0, "peak": 0})
