"""``make bench``: measure, print the tables, keep the samples; with ``--publish``, write docs/benchmarks.md.

``make bench ARGS="--sets S,M --rounds 5 --contenders limit,load-package,ours-python --links loopback"`` narrows it.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench import node, table
from bench.plan import PLAN, QUICK, legs
from bench.run import run
from bench.samples import Sample
from bench.stand import HERE, MEGABITS, ROOT, ROUND_TRIP, stand
from micropip_lock.adapters.runtimes import PYODIDE_VERSION, find_node
from tests.e2e.chromium import chromium_path

RESULTS: Final = HERE / "results"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
PUBLISHED: Final = ROOT / "docs" / "benchmarks.json"

_FIRST: Final = ("wire", "limit", "boot", "load-package", "load-package-in-boot")


def arguments() -> argparse.Namespace:
    """The command line."""

    def words(text: str) -> tuple[str, ...]:
        return tuple(text.split(","))

    parser = argparse.ArgumentParser(prog="make bench", description="measure replays against the limit and others")
    parser.add_argument("--sets", type=words, help="of S, K, M, B, X, L")
    parser.add_argument("--places", type=words, help="of worker, page, node")
    parser.add_argument("--links", type=words, help="of loopback, slow")
    parser.add_argument("--visits", type=words, help="of cold, warm")
    parser.add_argument("--contenders", type=words, help="names of files in bench/contenders")
    parser.add_argument("--rounds", type=int, help="samples of each contender")
    parser.add_argument("--quick", action="store_true", help="S and M in a worker, a few rounds")
    parser.add_argument("--freeze", action="store_true", help="measure freezing too, as the whole run does")
    parser.add_argument("--publish", action="store_true", help="write docs/benchmarks.md and docs/benchmarks.json")
    parser.add_argument("--render", type=Path, nargs="+", help="measure nothing: take these files' samples together")
    return parser.parse_args()


def facts() -> dict[str, Any]:
    """What is said of a run."""
    commit = subprocess.run(
        ["git", "-c", "safe.directory=*", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    browser = subprocess.run([chromium_path(), "--version"], capture_output=True, text=True, check=False)
    script = "console.log(process.version)"
    version = subprocess.run([find_node(), "-e", script], capture_output=True, text=True, check=False)
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": commit.stdout.strip() or "unknown",
        # A bench alone makes about two; what is more, others did.
        "machine": f"{os.cpu_count()} cores, {platform.machine()}; load average {os.getloadavg()[2]:.0f}",
        "runtime": f"Pyodide {PYODIDE_VERSION}; {' '.join(browser.stdout.split()[:2])}; Node {version.stdout.strip()}",
    }


def freeze_seconds() -> dict[str, float] | None:
    """Medians of both freezes, by the tool that measures them."""
    target = RESULTS / "freeze.json"
    command = [sys.executable, "-m", "tools.bench_freeze", "--json", str(target)]
    # It fails when ours is slower, which is a result as well.
    subprocess.run(command, cwd=ROOT, check=False)
    if not target.exists():
        return None
    told = json.loads(target.read_text("utf-8"))
    return {
        "ours": statistics.median(told["ours"]),
        "theirs": statistics.median(told["theirs"]),
        "packages": told["packages"],
    }


def tell(sample: Sample) -> None:
    """One line as it comes."""
    cell = sample.cell
    head = f"{cell.set} {cell.place} {cell.link} {cell.visit} #{sample.round} {sample.contender:22}"
    if sample.error is not None:
        print(f"{head} failed: {sample.error}", flush=True)
        return
    print(
        f"{head} boot {sample.boot:6.0f}  tool {sample.prepare:5.0f}  install {sample.install:7.0f}"
        f"  import {sample.imports:6.0f}  total {sample.total:7.0f} ms",
        flush=True,
    )


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; everything that the page is made of."""
    chosen = legs(
        QUICK if options.quick else PLAN,
        sets=options.sets,
        places=options.places,
        links=options.links,
        visits=options.visits,
        rounds=options.rounds,
    )
    known = node.contenders()
    names = options.contenders or [*_FIRST, *(name for name in known if name not in _FIRST)]
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"no such contender: {', '.join(unknown)}; there are {', '.join(known)}")
    told = node.describe(names)
    needed = list(dict.fromkeys(leg.cell.set for leg in chosen))
    whole = not any((options.sets, options.places, options.links, options.visits, options.contenders, options.quick))
    samples: list[Sample] = []

    def take(sample: Sample) -> None:
        samples.append(sample)
        tell(sample)

    # Whoever stops a long run, also one in the background, keeps what it has so far.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with stand(needed) as served:
        try:
            asyncio.run(run(served, chosen, told, take))
        except KeyboardInterrupt:
            print("stopped; what there is so far counts", flush=True)
        sets = {
            name: {"wheels": len(one.packages), "files": one.files, "size": one.size, "imports": len(one.imports)}
            for name, one in served.sets.items()
        }
    return {
        "facts": facts(),
        "sets": sets,
        "labels": {one["name"]: one["label"] for one in told},
        "freeze": freeze_seconds() if whole or options.freeze else None,
        "samples": [one.to_json() for one in samples],
    }


def together(files: list[Path]) -> dict[str, Any]:
    """Several results as one; of what cannot be added, the last one's counts."""
    results: list[dict[str, Any]] = [json.loads(path.read_text("utf-8")) for path in files]
    return {
        "facts": results[-1]["facts"],
        "sets": {name: one for result in results for name, one in result["sets"].items()},
        "labels": {name: label for result in results for name, label in result["labels"].items()},
        "freeze": next((one["freeze"] for one in reversed(results) if one["freeze"]), None),
        "samples": [sample for result in results for sample in result["samples"]],
    }


def page_of(result: dict[str, Any]) -> str:
    """The page that a result makes."""
    return table.document(
        [Sample.from_json(one) for one in result["samples"]],
        result["labels"],
        facts=result["facts"],
        sets=result["sets"],
        freeze=result["freeze"],
        round_trip=ROUND_TRIP,
        megabits=MEGABITS,
    )


def main() -> int:
    """Measure and tell."""
    options = arguments()
    began = time.perf_counter()
    RESULTS.mkdir(exist_ok=True)
    if options.render:
        result = together(options.render)
    else:
        result = measured(options)
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
        target = RESULTS / f"{stamp}-{result['facts']['commit']}.json"
        target.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        print(f"\n{target.relative_to(ROOT)}, {time.perf_counter() - began:.0f} s")
    text = page_of(result)
    print(text.partition("## The sets")[2])
    if options.publish:
        PAGE.write_text(text, "utf-8")
        PUBLISHED.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 1 if any(sample["error"] for sample in result["samples"]) else 0


if __name__ == "__main__":
    sys.exit(main())
