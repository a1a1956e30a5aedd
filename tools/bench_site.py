"""What a lock costs when a site is built: time and size, beside a plain ``jupyter lite build``.

``make bench-site`` freezes some sixty real packages once (kept in ``.cache/bench-site``), builds four sites and prints
the table of ``docs/jupyterlite.md``; with ``--write`` it puts it there.

Rules this file keeps:

1. Every build is of a fresh directory, by the command that people run, and is timed as a whole.
2. The first build with a lock fetches its wheels; the others find them in the cache, as a second build does.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from micropip_lock import api
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import Policy
from tools.tables import put

ROOT: Final = Path(__file__).resolve().parents[1]
WORK: Final = ROOT / ".cache" / "bench-site"
DOCUMENT: Final = ROOT / "docs" / "jupyterlite.md"
REQUIREMENTS: Final = (
    *("ipywidgets", "rich", "pydantic", "msgpack", "plotly", "tqdm", "sympy", "networkx", "beautifulsoup4", "requests"),
    *(
        "pytest",
        "httpx",
        "typer",
        "openpyxl",
        "fsspec",
        "babel",
        "docutils",
        "cachetools",
        "attrs",
        "tabulate",
        "natsort",
        "humanize",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One build.

    Attributes:
        name: What was built.
        seconds: The whole command.
        size: Bytes of the site.
        files: How many.
    """

    name: str
    seconds: float
    size: int
    files: int

    @property
    def row(self) -> str:
        """As a row of the table."""
        return f"| {self.name} | {self.seconds:.1f} s | {self.size / 1e6:.1f} MB | {self.files} |"


def frozen(work: Path) -> Path:
    """A lock of :data:`REQUIREMENTS`, frozen once; its path."""
    path = work / "pyodide-lock.json"
    if not path.is_file():
        print(f"freezing {len(REQUIREMENTS)} requirements", file=sys.stderr)
        lock = asyncio.run(api.freeze_requirements(REQUIREMENTS, policy=Policy(consent=True)))
        work.mkdir(parents=True, exist_ok=True)
        path.write_text(lock.to_json(), "utf-8")
    return path


def measured(name: str, work: Path, options: Sequence[str]) -> Measured:
    """Build a site of an empty directory; what an earlier build fetched stays.

    Raises:
        subprocess.CalledProcessError: it failed; what it printed was shown.
    """
    sources, output = work / "sources", work / "site"
    shutil.rmtree(output, ignore_errors=True)
    sources.mkdir(parents=True, exist_ok=True)
    (sources / ".jupyterlite.doit.db").unlink(missing_ok=True)
    command = [*(sys.executable, "-m", "jupyterlite_core", "build", "--no-sourcemaps"), "--output-dir", str(output)]
    began = time.perf_counter()
    subprocess.run([*command, *options], cwd=sources, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    sizes = [path.stat().st_size for path in output.rglob("*") if path.is_file()]
    return Measured(name=name, seconds=seconds, size=sum(sizes), files=len(sizes))


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="make bench-site", description=__doc__.partition("\n")[0])
    parser.add_argument("--lock", type=Path, help="measure with this lock; it has to hold what a kernel needs")
    parser.add_argument("--write", action="store_true", help="put the table into docs/jupyterlite.md")
    arguments = parser.parse_args()
    path = (arguments.lock or frozen(WORK)).resolve()
    count = len(Lock.from_json(path.read_bytes()))
    shutil.rmtree(WORK / "sources", ignore_errors=True)
    ours = ("--micropip-lock", str(path), "--micropip-lock-kernel", str(path))
    rows = [
        measured("plain", WORK, ()),
        measured(f"with a lock of {count} packages, wheels fetched", WORK, ours),
        measured("the same again, wheels at hand", WORK, ours),
        measured("the same with bytecode", WORK, (*ours, "--micropip-lock-bytecode")),
        measured("the same with bytecode again", WORK, (*ours, "--micropip-lock-bytecode")),
    ]
    table = "\n".join(["| site | build | size | files |", "|--|--:|--:|--:|", *(one.row for one in rows)])
    print(table)
    if arguments.write:
        put(DOCUMENT, "build", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
