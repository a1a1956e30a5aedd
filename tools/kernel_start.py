"""How long a kernel of a JupyterLite site takes to start: from the click to its first answer.

``make bench-kernel`` builds three sites of the same wheels, in ``.cache/bench-kernel``, and starts kernels of them in
turn (A B C A B C …) in Chromium; it prints the table of ``docs/jupyterlite.md``; with ``--write`` it puts it there.

- **stock**: JupyterLite as it comes. The kernel's packages lie in Pyodide's own distribution, which the site has too:
  nothing comes from further away than with us.
- **locked**: the same with a lock of micropip-lock.
- **bytecode**: the same with ``--micropip-lock-bytecode``.

Rules this file keeps:

1. Every first visit is a new profile on disk, every second visit a new browser with the profile of a first one: what a
   browser keeps between visits it keeps here, compiled WebAssembly with it.
2. The clock runs in the page, from the call that starts a session until the kernel has answered; the application is
   idle by then. Where there are packages to import, importing them comes after, and is told beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from playwright.async_api import BrowserContext, Page, async_playwright

from micropip_lock.core.model import Lock, by_name
from micropip_lock.testing import PackageIndex
from tests.e2e.chromium import FLAGS, chromium_path
from tests.lite.conftest import LOCKED, kernel_directory, lock_of, sources
from tests.lite.lab import DRIVER
from tests.lite.static_host import StaticHost
from tools.slow_link import SlowLink
from tools.tables import put
from tools.visits import nginx

ROOT: Final = Path(__file__).resolve().parents[1]
WORK: Final = ROOT / ".cache" / "bench-kernel"
DOCUMENT: Final = ROOT / "docs" / "jupyterlite.md"
ROUND_TRIP: Final = 0.03
MEGABITS: Final = 50.0
SITES: Final = ("stock", "locked", "bytecode")
ROOTS: Final = ("ipywidgets", "rich", "pydantic", "msgpack")
_IMPORTS: Final = "import ipywidgets, rich.console, pydantic, msgpack"
_WITH: Final = {
    "locked": ("--micropip-lock", "environment.json", "--micropip-lock-kernel", "kernel"),
    "bytecode": ("--micropip-lock", "environment.json", "--micropip-lock-kernel", "kernel", "--micropip-lock-bytecode"),
}

_START: Final = """
async () => {
  const app = window.jupyterapp;
  const began = performance.now();
  const connection = await app.serviceManager.sessions.startNew({
    path: "n.ipynb", name: "n.ipynb", type: "notebook", kernel: { name: "python" },
  });
  window.kernel = connection.kernel;
  await window.kernel.info;
  const reply = await window.kernel.requestExecute({ code: "1" }).done;
  return [reply.content.status, performance.now() - began];
}
"""
_RUN: Final = """
async (code) => {
  const began = performance.now();
  const reply = await window.kernel.requestExecute({ code }).done;
  return [reply.content.status, performance.now() - began];
}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """One start of a kernel, in milliseconds.

    Attributes:
        ready: Until its first answer.
        imported: Importing the locked packages, after that.
    """

    ready: float
    imported: float


def build(names: Sequence[str]) -> dict[str, Path]:
    """Build the sites; their directories by name."""
    shutil.rmtree(WORK, ignore_errors=True)
    made: dict[str, Path] = {}
    with PackageIndex() as index:
        lock = _asked(lock_of(LOCKED, index)).to_json()
        # The stock site takes its wheels from a locked one.
        for name in sorted({*names, "locked"}, key=("locked", "bytecode", "stock").index):
            directory = sources(WORK / name)
            if name == "stock":
                _as_distribution(made["locked"], directory / "static" / "pyodide")
            else:
                kernel_directory(directory / "kernel")
                (directory / "environment.json").write_text(lock)
            output = directory / "_output"
            command = [
                sys.executable,
                "-m",
                "jupyterlite_core",
                "build",
                "--no-sourcemaps",
                "--output-dir",
                str(output),
            ]
            subprocess.run([*command, *_WITH.get(name, ())], cwd=directory, check=True, stdout=subprocess.DEVNULL)
            made[name] = output
    return {name: made[name] for name in names}


def _asked(lock: Lock) -> Lock:
    """The lock with what a person asked for marked, as in one that was frozen."""
    packages = (replace(one, requested=one.name in ROOTS) for one in lock)
    return replace(lock, packages=by_name(packages))


def _as_distribution(site: Path, target: Path) -> None:
    """Make a Pyodide distribution of a locked site's runtime and wheels: files by their own names beside the lock."""
    shutil.copytree(site / "static" / "pyodide", target)
    folder = site / "static" / "micropip-lock"
    lock = json.loads((folder / "pyodide-lock.json").read_text())
    lock.pop("tool", None)
    for name, one in [*lock["packages"].items()]:
        if name == "micropip-lock":
            del lock["packages"][name]
            continue
        path = (folder / one["file_name"]).resolve()
        one["file_name"] = path.name
        one.pop("tool", None)
        shutil.copyfile(path, target / path.name)
    (target / "pyodide-lock.json").write_text(json.dumps(lock))


@contextlib.contextmanager
def served(directory: Path, *, slow: bool) -> Iterator[str]:
    """Serve a site: as it is on this machine, or by nginx through a slow link; its address."""
    if not slow:
        with StaticHost(directory) as host:
            yield host.url
        return
    with nginx(directory) as server, SlowLink(server.url, round_trip=ROUND_TRIP, megabits=MEGABITS) as link:
        yield f"{link.origin}/"


@contextlib.asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[BrowserContext]:
    """Chromium with a profile on disk."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium_path(), args=FLAGS
        )
        try:
            yield context
        finally:
            await context.close()


async def start(url: str, profile: Path) -> Start:
    """Visit a site and start a kernel.

    Raises:
        AssertionError: A cell failed.
    """
    async with browser(profile) as context:
        page = await context.new_page()
        page.set_default_timeout(120_000)
        await _idle(page, url)
        told = []
        for program, argument in ((_START, None), (_RUN, _IMPORTS)):
            status, milliseconds = await page.evaluate(program, argument)
            assert status == "ok", (url, argument, status)
            told.append(float(milliseconds))
        # What is kept for the next visit is written behind.
        await asyncio.sleep(4)
    return Start(ready=told[0], imported=told[1])


async def _idle(page: Page, url: str) -> None:
    await page.add_init_script(DRIVER)
    await page.goto(f"{url}lab/index.html")
    await page.wait_for_function("window.jupyterapp !== undefined")
    await page.evaluate("() => lab.ready()")
    await asyncio.sleep(2)


async def measured(sites: dict[str, Path], *, rounds: int, slow: bool) -> dict[tuple[str, str], list[Start]]:
    """Start kernels in turn; by site and visit."""
    found: dict[tuple[str, str], list[Start]] = {}
    with contextlib.ExitStack() as stack:
        urls = {name: stack.enter_context(served(path, slow=slow)) for name, path in sites.items()}
        for number in range(rounds):
            for name, url in urls.items():
                with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
                    for visit in ("first", "second"):
                        one = await start(url, Path(profile))
                        found.setdefault((name, visit), []).append(one)
                        place = "slow" if slow else "loopback"
                        told = f"ready {one.ready:6.0f}  import {one.imported:6.0f} ms"
                        print(f"{place} #{number} {name:10} {visit:6}  {told}", file=sys.stderr, flush=True)
    return found


def rows(found: dict[tuple[str, str], list[Start]], link: str) -> Iterator[str]:
    """Rows of the table."""
    for visit in ("first", "second"):
        base = statistics.median(one.ready for one in found["stock", visit]) if ("stock", visit) in found else None
        for name in SITES:
            if not (starts := found.get((name, visit))):
                continue
            ready, imported = (statistics.median(getattr(one, key) for one in starts) for key in ("ready", "imported"))
            ratio = "" if base is None else f"{ready / base:.2f}"
            yield f"| {link}, {visit} visit | {name} | {ready:,.0f} | {ratio} | {imported:,.0f} | {len(starts)} |"


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="make bench-kernel", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="starts of each site, visit and link")
    parser.add_argument("--sites", default=",".join(SITES), help="which sites")
    parser.add_argument("--links", default="loopback,slow", help="which links")
    parser.add_argument("--built", action="store_true", help="the sites are there from an earlier run")
    parser.add_argument("--write", action="store_true", help="put the table into docs/jupyterlite.md")
    arguments = parser.parse_args()
    names = arguments.sites.split(",")
    sites = {name: WORK / name / "_output" for name in names} if arguments.built else build(names)
    lines = ["| where | site | kernel ready, ms | × stock | then imports, ms | starts |", "|--|--|--:|--:|--:|--:|"]
    for link in arguments.links.split(","):
        told = "localhost" if link == "loopback" else "30 ms, 50 Mbit/s"
        lines += rows(asyncio.run(measured(sites, rounds=arguments.rounds, slow=link == "slow")), told)
    table = "\n".join([*lines, "", f"Two cores of {os.uname().machine}; medians."])
    print(table)
    if arguments.write:
        put(DOCUMENT, "kernel", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
