"""An install that is interrupted anywhere, in Pyodide under Node: the package with its record, or nothing of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

PACK = wheel(
    "pack",
    requires=["lib"],
    files={"pack/__init__.py": "one = 1\n", "pack/deep/er.py": "", "flat.py": "flat = 1\n"},
    data={"data/etc/pack/settings": "a = 1\n"},
)

FAULTS = """
import builtins, errno, io, os, pathlib

class Faults:
    '''Counts what changes the file system, and fails at one such operation.'''

    def __init__(self):
        self.at, self.count = None, 0
        self.real = builtins.open, io.open, os.mkdir

    def _step(self):
        self.count += 1
        if self.count == self.at:
            raise OSError(errno.ENOSPC, "No space left on device")

    def __enter__(self):
        real_open, _, real_mkdir = self.real

        def opened(file, mode="r", *args, **kwargs):
            if set(mode) & set("wxa+"):
                self._step()
                found = real_open(file, mode, *args, **kwargs)
                try:
                    # Once more when the file is there and empty.
                    self._step()
                except OSError:
                    found.close()
                    raise
                return found
            return real_open(file, mode, *args, **kwargs)

        def mkdir(*args, **kwargs):
            self._step()
            return real_mkdir(*args, **kwargs)

        builtins.open = io.open = opened
        os.mkdir = mkdir
        return self

    def __exit__(self, *_):
        builtins.open, io.open, os.mkdir = self.real
"""
"""The file operations of Python that an install uses, inside Pyodide."""

STATE = """
def state():
    from micropip_lock import wiring
    found = dict(wiring.tree_here())
    settings = pathlib.Path("/etc/pack/settings")
    if settings.exists():
        found[str(settings)] = settings.read_text()
    return found
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[PYODIDE_314, PYODIDE_029])
async def recording(request: pytest.FixtureRequest) -> AsyncIterator[Kernel]:
    """A Pyodide that records, and an index with a package, in two versions, and what it needs."""
    with PackageIndex() as index:
        index.add(PACK)
        index.add(wheel("lib"))
        async with kernel(request.param, index_urls=[index.url]) as running:
            await running.ask(f"""
import micropip, micropip_lock
micropip.set_index_urls({index.url!r})
micropip_lock.record()
answer = 0
""")
            yield running


async def test_any_file_operation_may_fail(recording: Kernel) -> None:
    """Whatever file operation fails, each of the two packages is whole with its record, or nothing of it is there."""
    found: dict[str, Any] = await recording.ask(f"""
import asyncio
{FAULTS}{STATE}
import micropip, micropip_lock
empty = state()
await micropip.install("pack")
full = state()
micropip.uninstall(["pack", "lib"])
# micropip's uninstall leaves the copies that Pyodide makes of data files.
pathlib.Path("/etc/pack/settings").unlink()
files = {{path for path in full if path not in empty}}
of_lib = {{path for path in files if path.startswith("lib")}}
wrong, failures, at = [], 0, 0
while True:
    at += 1
    with Faults() as faults:
        faults.at = at
        try:
            await micropip.install("pack")
            failed = False
        except Exception as error:
            # It comes through JavaScript, which has one kind of error.
            assert "No space left" in str(error), error
            failed = True
        # The install of the other one is not stopped by it.
        await asyncio.sleep(0.02)
    now = state()
    added = set(now) - set(empty)
    # "lib" was asked for by nobody, and may be there alone: its record is its own.
    if any(now[path] != full[path] for path in added) or added not in (set(), of_lib, files - of_lib, files):
        wrong.append([at, sorted(added)])
    if added and sorted((await micropip_lock.freeze(strict=False)).unlocked):
        wrong.append([at, "cannot be frozen"])
    if faults.count < at:
        break
    # A few are no matter: to make a folder that is there already.
    failures += failed
    micropip.uninstall([name for name in ("pack", "lib") if name in micropip.list()])
    pathlib.Path("/etc/pack/settings").unlink(missing_ok=True)
    if state() != empty:
        wrong.append([at, "not as before"])
        break
answer = {{"wrong": wrong, "failures": failures, "whole": state() == full}}
micropip.uninstall([name for name in ("pack", "lib") if name in micropip.list()])
pathlib.Path("/etc/pack/settings").unlink(missing_ok=True)
""")

    # Six files, three records of micropip's and two of ours, a copy, each two operations; folders; and of lib.
    assert ([], True, True) == (found["wrong"], found["failures"] >= 24, found["whole"])


async def test_a_cancellation_at_any_turn(recording: Kernel) -> None:
    """Whenever an install is cancelled, no record is there without its package, and none of a package without one."""
    found: dict[str, Any] = await recording.ask(f"""
import asyncio, pathlib
{STATE}
import micropip, micropip_lock
empty = state()
await micropip.install("pack")
full = state()
micropip.uninstall(["pack", "lib"])
pathlib.Path("/etc/pack/settings").unlink()
files = {{path for path in full if path not in empty}}
of_lib = {{path for path in files if path.startswith("lib")}}
wrong, cancelled, done = [], 0, 0
turns = 0
while done < 3:
    task = asyncio.ensure_future(micropip.install("pack"))
    for _ in range(turns):
        if task.done():
            break
        await asyncio.sleep(0)
    turns += 1
    task.cancel()
    try:
        await task
        done += 1
    except asyncio.CancelledError:
        cancelled += 1
    # What JavaScript has under way comes to its end.
    await asyncio.sleep(0.02)
    now = state()
    added = set(now) - set(empty)
    if any(now[path] != full[path] for path in added) or added not in (set(), of_lib, files - of_lib, files):
        wrong.append([turns, sorted(added)])
    micropip.uninstall([name for name in ("pack", "lib") if name in micropip.list()])
    pathlib.Path("/etc/pack/settings").unlink(missing_ok=True)
answer = {{"wrong": wrong, "cancelled": cancelled}}
""")

    assert ([], True) == (found["wrong"], found["cancelled"] > 3)
