"""Play many random schedules of faults: ``make schedules ARGS="--count 10000"``.

Prints what was injected, what came of it, the seeds of what broke the guarantee, and how long cancelling took; fails
when anything did break it. ``--chromium N`` plays N in Chromium, ``--kills N`` ends pages and browsers at N moments.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.schedules.playing import Ending, Theatre, memory_directory
from tests.schedules.points import Schedule


def main() -> int:
    """Play; 1 when something broke the guarantee."""
    parser = argparse.ArgumentParser(description="random schedules of faults, on the host and in Chromium")
    parser.add_argument("--count", type=int, help="on the host (default: 10000, without the other two options)")
    parser.add_argument("--from", dest="start", type=int, default=0, help="the first seed")
    parser.add_argument("--every", action="store_true", help="every single fault at every point of every scenario, too")
    parser.add_argument("--chromium", type=int, default=0, help="in Chromium")
    parser.add_argument("--kills", type=int, default=0, help="moments at which a page or browser ends")
    options = parser.parse_args()
    count = options.count
    if count is None:
        count = 0 if options.chromium or options.kills else 10_000
    failed = _host(count, options.start, every=options.every) if count or options.every else 0
    if options.chromium or options.kills:
        failed += _chromium(options.chromium, options.kills, options.start)
    return 1 if failed else 0


def _host(count: int, start: int, *, every: bool) -> int:
    began = time.perf_counter()
    endings: list[tuple[int | None, Ending]] = []
    with tempfile.TemporaryDirectory(dir=memory_directory()) as root:
        theatre = Theatre(Path(root))
        seeds = range(start, start + count)
        endings += [(seed, theatre.play(Schedule.at_random(seed, theatre.passed))) for seed in seeds]
        if every:
            endings += [(None, theatre.play(one)) for name in theatre.passed for one in theatre.all_single(name)]
    _print_table([ending for _, ending in endings])
    latencies = sorted(1000 * one.latency for _, one in endings if one.latency is not None)
    if latencies:
        p95 = latencies[int(0.95 * (len(latencies) - 1))]
        spread = f"p50 {latencies[len(latencies) // 2]:.1f} ms, p95 {p95:.1f} ms, longest {latencies[-1]:.1f} ms"
        print(f"cancelled {len(latencies)} times: {spread}")
    wrong = [(seed, ending) for seed, ending in endings if ending.wrong]
    for seed, ending in wrong:
        print(f"seed {seed}: {ending.schedule}: {ending.acted}: {ending.outcome}: {'; '.join(ending.wrong)}")
    seconds = time.perf_counter() - began
    print(f"{len(endings)} schedules in {seconds:.0f} s; {len(wrong)} broke the guarantee")
    return len(wrong)


def _print_table(endings: list[Ending]) -> None:
    """A row for each fault: how often it happened, and how the replays ended in which it did."""
    ends: dict[str, Counter[str]] = {}
    for ending in endings:
        for kind, fault in set(ending.acted) or {("nothing", "")}:
            ends.setdefault(f"{kind}: {fault}".rstrip(": "), Counter())[_group(ending.outcome)] += 1
    columns = ("done", "one typed error", "cancelled", "cancelled when done", "the listener's own", "interrupt")
    print("| fault | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for fault, counts in sorted(ends.items()):
        print(f"| {fault} | " + " | ".join(str(counts[column] or "") for column in columns) + " |")
    total = Counter(_group(ending.outcome) for ending in endings)
    print("| all | " + " | ".join(str(total[column]) for column in columns) + " |")


def _group(outcome: str) -> str:
    known = {
        "done": "done",
        "cancelled": "cancelled",
        "cancelled, rollback": "cancelled",
        "cancelled when done": "cancelled when done",
        "foreign": "the listener's own",
        "interrupt": "interrupt",
    }
    return known.get(outcome, "one typed error")


def _chromium(count: int, kills: int, start: int) -> int:
    numbers = {
        "MICROPIP_LOCK_SCHEDULES": f"{start}-{start + count}",
        "MICROPIP_LOCK_KILLS": f"{start}-{start + kills}",
    }
    files = [
        *(["tests/e2e/test_browser_schedules.py"] if count else []),
        *(["tests/e2e/test_browser_kills.py"] if kills else []),
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-s", *files]
    return subprocess.run(command, env={**os.environ, **numbers}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
