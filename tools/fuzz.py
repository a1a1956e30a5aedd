"""Fuzz every reader of strangers' bytes for a while: ``make fuzz``.

Options through ``ARGS="--minutes 30 --target lock"``; as many targets run at a time as there are processors. What
reached new code is kept under ``.cache/fuzz/`` and used again the next time.

It prints how many inputs each target took, and fails (exit 1) when one crashed, hung (25 s for one input), took more
than 2 GiB, or raised what is not our error; the input is kept, and the line to try it again is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.targets import TARGETS

KEPT: Final = Path(".cache/fuzz")
_EXECUTED: Final = re.compile(r"^stat::number_of_executed_units:\s+(\d+)$|^Done (\d+) runs", re.MULTILINE)
_COVERED: Final = re.compile(r"\bft: (\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """How one target did.

    Attributes:
        name: The target.
        ok: Whether nothing broke.
        executed: Inputs.
        features: What libFuzzer counts as covered.
        inputs: Inputs kept, each of which reaches something the others do not.
        log: What it printed.
    """

    name: str
    ok: bool
    executed: int
    features: int
    inputs: int
    log: Path


def fuzz(name: str, minutes: float) -> Run:
    """Fuzz one target in a process of its own."""
    directory = KEPT / name
    broken = KEPT / "broken"
    for needed in (directory, broken):
        needed.mkdir(parents=True, exist_ok=True)
    log = KEPT / f"{name}.log"
    command = [sys.executable, "-m", "tests.fuzz.run", name, str(directory), f"-max_total_time={int(minutes * 60)}"]
    command += ["-timeout=25", "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={broken}/{name}-"]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    text = log.read_text("utf-8", "replace")
    executed = [int(one or other) for one, other in _EXECUTED.findall(text)]
    covered = [int(count) for count in _COVERED.findall(text)]
    return Run(
        name=name,
        ok=done.returncode == 0,
        executed=max(executed, default=0),
        features=max(covered, default=0),
        inputs=len(list(directory.iterdir())),
        log=log,
    )


def main() -> int:
    """Fuzz and tell."""
    parser = argparse.ArgumentParser(description="fuzz the readers of locks, dist-info, index pages and wheels")
    parser.add_argument("--minutes", type=float, default=1, help="for each target (default: 1)")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this one; repeatable")
    options = parser.parse_args()
    names = options.target or list(TARGETS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(lambda name: fuzz(name, options.minutes), names))
    print(f"{'target':<12}{'inputs tried':>14}{'features':>10}{'kept':>8}  result")
    for run in runs:
        print(f"{run.name:<12}{run.executed:>14,}{run.features:>10,}{run.inputs:>8,}  {'ok' if run.ok else 'BROKEN'}")
    for run in runs:
        if not run.ok:
            print(f"\n{run.name}: see {run.log}", file=sys.stderr)
            for path in sorted((KEPT / "broken").glob(f"{run.name}-*")):
                print(f"  {sys.executable} -m tests.fuzz.run {run.name} {KEPT / run.name} {path}", file=sys.stderr)
    return 0 if all(run.ok for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
