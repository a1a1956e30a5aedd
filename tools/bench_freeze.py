"""How long a freeze takes in Pyodide against ``micropip.freeze()`` on the same environment.

Run it with ``make bench-freeze``; options through ``ARGS="--count 300"``.  What it does, all in one run:

1. The real packages of the end-to-end tests, and made ones up to ``--count`` distributions, are installed into a real
   Pyodide by micropip while recording is on. The made ones have as many files and as long a METADATA as
   real ones.
2. Both freezes run in turn (A B A B …), each ``--rounds`` times; recording is off, so that ``micropip.freeze()`` is its
   own. Ours is strict, with all its checks; both give JSON text.

It prints the medians and their ratio, and fails (exit 1) when ours takes longer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
from pathlib import Path
from typing import Any, Final

from micropip_lock.testing import BuiltWheel, PackageIndex, wheel
from tests.e2e.kernel import kernel
from tests.e2e.sets import PYODIDE_314, SETS
from tests.e2e.wheelhouse import pure_markupsafe, wheels

MEASURE: Final = """
import gc
import time
import micropip
from micropip_lock import api, wiring
from micropip_lock.adapters.site_reader import InstalledDirectory
place = wiring.here()
ours, theirs, hashed = [], [], []
read_file = InstalledDirectory.read_file
InstalledDirectory.read_file = lambda self, path: hashed.append(path) or read_file(self, path)
for _ in range(ROUNDS):
    # Neither pays for what the other leaves behind.
    gc.collect()
    began = time.perf_counter()
    text = (await api.freeze()).to_json()
    ours.append(time.perf_counter() - began)
    gc.collect()
    began = time.perf_counter()
    micropip.freeze()
    theirs.append(time.perf_counter() - began)
answer = {
    "packages": len((await api.freeze()).packages),
    "files": len(place.site.files().sizes),
    "hashed": len(hashed) // (ROUNDS + 1),
    "ours": ours,
    "theirs": theirs,
}
"""

CLASSIFIERS: Final = [
    *(f"Classifier: Programming Language :: Python :: 3.{minor}" for minor in range(8, 15)),
    "Classifier: Development Status :: 5 - Production/Stable",
    "Classifier: Intended Audience :: Developers",
    "Classifier: Operating System :: OS Independent",
    "Project-URL: Documentation, https://docs.example/",
    "Project-URL: Source, https://source.example/",
]


def made_wheel(number: int, chance: random.Random) -> BuiltWheel:
    """A wheel of a usual size: mostly some dozen files, now and then some hundred."""
    name = f"made-{number}"
    package = name.replace("-", "_")
    count = min(400, int(chance.lognormvariate(3.2, 1.0)))
    files = {f"{package}/__init__.py": f"number = {number}\n"}
    for module in range(count):
        folder = f"{package}/part{module % 5}"
        files[f"{folder}/__init__.py"] = ""
        files[f"{folder}/module{module}.py"] = "def function():\n    return 1\n" * chance.randint(3, 100)
    earlier = chance.sample(range(number), min(number, chance.randint(0, 4)))
    description = "A paragraph of the description, as long as one usually is.\n" * chance.randint(10, 120)
    return wheel(
        name,
        "1.0",
        files=files,
        requires=[*(f"made-{other}>=0.5" for other in earlier), 'colorama>=0.4; sys_platform == "win32"'],
        extras={"test": ["pytest>=8", "coverage[toml]"], "docs": ["sphinx>=7", "furo"]},
        metadata_extra=[*CLASSIFIERS, "Description-Content-Type: text/markdown", "", description],
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="measure freeze against micropip.freeze")
    parser.add_argument("--count", type=int, default=150, help="distributions to install")
    parser.add_argument("--rounds", type=int, default=11, help="how often each freeze runs")
    parser.add_argument("--pyodide", help="a version, instead of the pinned one")
    parser.add_argument("--made-only", action="store_true", help="no real wheels")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    return parser.parse_args()


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Install everything and measure."""
    chance = random.Random(150)  # noqa: S311  # the same wheels each time, no secret
    requirements: list[str] = []
    with PackageIndex() as index:
        real = 0
        if not options.made_only:
            for path in {path.name: path for name in ("py314", "py313") for path in wheels(name).values()}.values():
                index.add_file(path)
            index.add(pure_markupsafe())
            sets = [one for one in SETS if (options.pyodide or PYODIDE_314) in one.runtimes]
            requirements += sorted({root for one in sets for root in one.roots})
            real = sum(one.size for one in sets)
        for number in range(max(0, options.count - real)):
            built = made_wheel(number, chance)
            index.add(built)
            requirements.append(built.project)
        async with kernel(options.pyodide, index_urls=[index.url]) as running:
            await running.pyodide.install_and_freeze(requirements)
            answer: dict[str, Any] = await running.ask(f"ROUNDS = {options.rounds}\n{MEASURE}")
    return answer


def main() -> int:
    """Measure and tell."""
    options = arguments()
    answer = asyncio.run(measure(options))
    ours, theirs = statistics.median(answer["ours"]), statistics.median(answer["theirs"])
    print(f"{answer['packages']} packages, {answer['files']} files; {answer['hashed']} of them had to be hashed")
    print(f"micropip_lock.freeze()  {ours * 1000:7.1f} ms, the first {answer['ours'][0] * 1000:.1f} ms")
    print(f"micropip.freeze()       {theirs * 1000:7.1f} ms, the first {answer['theirs'][0] * 1000:.1f} ms")
    print(f"ratio                   {ours / theirs:7.2f} (at most 1)")
    if options.json:
        options.json.write_text(json.dumps(answer | {"ratio": ours / theirs}, indent=2, sort_keys=True) + "\n", "utf-8")
    return 0 if ours <= theirs else 1


if __name__ == "__main__":
    sys.exit(main())
