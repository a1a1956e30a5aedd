"""Judges the locks: each is read from where the case says, and replayed into an environment on disk.

Rules this file keeps:

1. The network is a table of files: the lock under its own address, and the wheels of the folder. Everything asked for
   after the lock itself counts as a request.
2. The environment holds a neighbour and a store; all of it is compared before and after.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest.mock import patch

from micropip_lock import wiring
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.adapters.site import SiteInstaller, SitePackages, TargetRuntime
from micropip_lock.app.replay import replay
from micropip_lock.core.abis import ABIS
from micropip_lock.core.model import Lock
from micropip_lock.errors import MicropipLockError
from micropip_lock.load import load_lock
from tests.corpus.judge_wheels import SITE, Files
from tests.corpus.judging import Expect, Got, state_after, tree_state

NEIGHBOUR = {
    f"{SITE}/neighbour.py": "OWNED = True\n",
    f"{SITE}/neighbour-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: neighbour\nVersion: 1.0\n",
    f"{SITE}/neighbour-1.0.dist-info/RECORD": "neighbour.py,,\n",
    "lib/python3.14/json/__init__.py": "",
    "store/blob": "kept",
}


async def judge(folder: Path, expect: Expect, work: Path) -> Got:
    """Run a case."""
    return await judge_read(folder, work, lambda given, files: _read(given, expect["base"], files))


async def judge_read(folder: Path, work: Path, read: Callable[[Path, Files], Awaitable[Lock]]) -> Got:
    """Run a case whose lock is read in some way.

    Args:
        folder: Of the case.
        work: An empty directory.
        read: Reads the lock from the input, with the network of these files.
    """
    for path, text in NEIGHBOUR.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text, encoding="utf-8")
    files = Files()
    for wheel in folder.glob("*.whl"):
        files.add(wheel.name, wheel.read_bytes())
    (given,) = folder.glob("input.*")
    before = tree_state(work)
    try:
        warnings = await _replayed(given, read, files, work)
    except MicropipLockError as error:
        state = state_after(before, tree_state(work), files.requests)
        return Got(verdict="reject", error=type(error).__name__, code=error.code, state=state)
    after = tree_state(work)
    kept = all(after.get(path) == state for path, state in before.items() if state[:5] != "40755")
    installed = {path for path in after.keys() - before if path.endswith(".dist-info/RECORD")}
    state = "installed" if kept and len(installed) == files.requests > 0 else "odd"
    return Got(verdict="warn" if warnings else "accept", code=", ".join(warnings), state=state)


async def _read(given: Path, base: str, files: Files) -> Lock:
    if base.startswith("https:"):
        files.content[base + given.name], files.requests = given.read_bytes(), -1
        return await load_lock(base + given.name, pyodide="314.0.7")
    if base == "file:":
        return await load_lock(given, pyodide="314.0.7")
    return await load_lock(given.read_text("utf-8"), pyodide="314.0.7")


async def _replayed(given: Path, read: Callable[[Path, Files], Awaitable[Lock]], files: Files, work: Path) -> list[str]:
    """The codes of what was noted."""
    with patch.object(wiring, "fetcher", lambda *arguments, **options: files):
        lock = await read(given, files)
    site = work / SITE
    await replay(
        lock,
        site=SitePackages(site, prefix=work),
        runtime=TargetRuntime(ABIS["2026_0"]),
        fetcher=files,
        installer=SiteInstaller(site, prefix=work),
        keep=KeptWheels(work / "store"),
    )
    return [note.code for note in lock.notes]
