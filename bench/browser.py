"""One sample in Chromium: a browser of its own, cold with a new profile, warm with one that has seen the page before.

No debugger is attached (:mod:`bench.remote`), as none is where people work.

Memory and processor time are read from Linux' own books; on other systems they stay 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from bench.remote import Remote
from bench.stand import Stand
from tests.e2e.chromium import chromium_path

_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Garbage is collected between the phases, so that memory can be compared.
    "--js-flags=--expose-gc",
)
_CALMS_DOWN: Final = 1.0
"""Seconds that a browser has for its own start before anything is measured."""
_STAYS: Final = 5.0
"""Seconds that a page is looked at before it is left: only of such does Chromium keep compiled code."""
_PROCESSES: Final = Path("/proc")


async def cold(stand: Stand, spec: dict[str, Any]) -> dict[str, Any]:
    """A first visit, in a new profile.

    Raises:
        SampleError: The contender failed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as profile:
        return await _visit(stand, spec, Path(profile), stays=0.0)


async def warm(stand: Stand, spec: dict[str, Any], profile: Path) -> dict[str, Any]:
    """A visit with a profile that is kept.

    Raises:
        SampleError: The contender failed.
    """
    return await _visit(stand, spec, profile, stays=_STAYS)


async def _visit(stand: Stand, spec: dict[str, Any], profile: Path, *, stays: float) -> dict[str, Any]:
    known = renderers()
    with Remote().serving() as remote, _chromium(profile) as browser:
        browser.open(f"{stand.page}/bench/page/index.html?{urlencode({'in': spec['place'], 'orders': remote.address})}")

        async def call(name: str, argument: Any) -> Any:
            return await remote.call(name, argument, lives=browser.lives)

        await call("begin", spec)
        await asyncio.sleep(_CALMS_DOWN)
        stand.counts()
        start = spent()
        sample: dict[str, Any] = {name: await call("phase", name) for name in ("boot", "prepare")}
        prepared = spent()
        sample["install"] = await call("phase", "install")
        sample["install_cpu"] = spent() - prepared
        counts = stand.counts()
        installed = memory(renderers() - known)
        sample["imports"] = await call("phase", "imports")
        sample["total_cpu"] = spent() - start
        imported = memory(renderers() - known)
        heap = await call("heap", None)
        await call("phase", "settle")
        await asyncio.sleep(stays)
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


class _Browser:
    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, address: str) -> None:
        command = [chromium_path(), *_FLAGS, f"--user-data-dir={self._profile}", address]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        if self._process is None:
            return
        # It writes down what it keeps.
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def _chromium(profile: Path) -> Iterator[_Browser]:
    browser = _Browser(profile)
    try:
        yield browser
    finally:
        browser.close()


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
