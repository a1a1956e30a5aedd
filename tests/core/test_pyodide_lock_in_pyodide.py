"""Our locks in Pyodide's own loader: what we write, it boots with.

Left to others: installing from a lock (tests/e2e).
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from micropip_lock.core.formats.pyodide_lock import format_pyodide_lock, parse_pyodide_lock
from micropip_lock.core.model import Lock
from tests.locks import FIXTURES, full_lock

pytestmark = pytest.mark.node

ABI = {"314.0.7": "2026_0", "0.29.5": "2025_0"}

# The loader's own copy of the lock, and the import it would load each package for.
SCRIPT = """
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const [directory, ...locks] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${directory}/pyodide.mjs`).href);
const found = [];
for (const lock of locks) {
  const pyodide = await loadPyodide({
    indexURL: `${directory}/`,
    lockFileContents: readFileSync(lock, "utf-8"),
    packageBaseUrl: "https://files.example/",
    stdout: () => {},
    stderr: () => {},
  });
  found.push({ packages: pyodide.lockfile.packages, info: pyodide.lockfile.info });
}
process.stdout.write(JSON.stringify(found));
process.exit(0);
"""


def booted_with(version: str, locks: list[Lock], tmp_path: Path) -> list[dict[str, object]]:
    """The lock that each Pyodide holds after it booted with our text."""
    script = tmp_path / "boot.mjs"
    script.write_text(SCRIPT, encoding="utf-8")
    paths = []
    for number, lock in enumerate(locks):
        path = tmp_path / f"{number}.json"
        path.write_text(format_pyodide_lock(lock), encoding="utf-8")
        paths.append(str(path))
    command = [str(find_node()), str(script), str(pyodide_directory(version)), *paths]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: list[dict[str, object]] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("version", ABI)
def test_pyodide_boots_with_what_we_write(version: str, tmp_path: Path) -> None:
    """Pyodide boots with each lock of its ABI that we wrote, and with one that says all that we can say."""
    everything = full_lock()
    locks = [replace(everything, abi=replace(everything.abi, abi_version=ABI[version]))]
    for path in FIXTURES:
        lock = parse_pyodide_lock(path.read_bytes())
        if lock.abi.abi_version == ABI[version]:
            locks.append(lock)
    found = booted_with(version, locks, tmp_path)

    assert [(lock.to_dict()["info"], lock.to_dict()["packages"]) for lock in locks] == [
        (one["info"], one["packages"]) for one in found
    ]
