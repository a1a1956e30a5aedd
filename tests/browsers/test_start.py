"""A boot from a start pack in every browser: in a worker it is ready before the wheels are, in a page it waits."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin

import pytest

from micropip_lock.app.bundle import LOCK_NAME
from micropip_lock.testing import PackageIndex
from tests.browsers.driving import ROOT
from tests.browsers.kernel import Web, opened
from tests.e2e.start_bundle import BUILT, LATE, USE, Whole, start_bundle

_BOOT = """
async ({ boot, directory, lock }) => {
  const { bootFromLock, openStore } = await import(boot);
  const { loadPyodide } = await import(`${directory}pyodide.mjs`);
  globalThis.stages = [];
  globalThis.booted = await bootFromLock({
    loadPyodide,
    indexURL: directory,
    lock,
    store: openStore({ name: "start" }),
    pyodide: { stdout: () => {}, stderr: () => {} },
    onProgress: ({ stage }) => stages.push(stage),
  });
  return stages;
}
"""
_ASK = """
async (code) => {
  const names = booted.toPy({});
  await booted.runPythonAsync(code, { globals: names });
  return names.get("answer");
}
"""
_SETTLED = """
async () => {
  while (!stages.includes("settled")) await new Promise((resolve) => setTimeout(resolve, 50));
  return stages;
}
"""


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a start pack."""
    root = tmp_path_factory.mktemp("start") / "bundle"
    # Whoever drives a browser may have a loop in this thread.
    with ThreadPoolExecutor(1) as other:
        other.submit(lambda: asyncio.run(start_bundle(root))).result()
    return root


def test_ready_before_the_wheels(web: Web, bundled: Path) -> None:
    """In a worker imports work while no wheel is there, also of what the pack lacks; in the end all is as anywhere."""
    gate = threading.Event()
    if web.place == "page":
        gate.set()
    with PackageIndex() as site, opened(web, pyodide=False) as kernel:
        site.fault("*.whl", Whole(gate))
        asked = {
            "boot": f"{site.mount('/data/', ROOT / 'micropip_lock' / 'data')}boot.js",
            "directory": urljoin(web.page, "/pyodide/"),
            "lock": f"{site.mount('/bundle/', bundled)}{LOCK_NAME}",
        }
        begun = kernel.run(_BOOT, asked)
        answers = [kernel.run(_ASK, code) for code in (USE, LATE)]
        gate.set()
        stages = kernel.run(_SETTLED)
        parts = [one.path.rsplit("/", 1)[-1] for one in site.log.requests("*.whl") if "range" in one.headers]
    in_worker = web.place == "worker"
    assert ([2, 3], in_worker, in_worker) == (answers, "start" in begun, "complete" in stages)
    assert ([BUILT[0].filename] if in_worker else []) == parts
