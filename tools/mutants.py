"""Change the code that judges strangers' bytes, one place at a time, and see whether a test minds: ``make mutants``.

Options through ``ARGS="--sample 600 --seed 1 policy read"``; names are parts of a module's path. It prints a table
(as in ``docs/mutants.md``) and writes each change that no test minds to ``.cache/mutants/survivors.txt``. It fails
(exit 1) below :data:`TARGET` per cent.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Final

from tools.mutant_runs import Plan
from tools.mutations import Mutation, mutated, mutations

TARGET: Final = 85
LEAST: Final = 25
"""Per file, when there is a sample."""
SCRATCH: Final = Path(".cache/mutants")
_ZIP: Final = "test_zip.py test_zip_entry.py test_zip_directory.py test_wheel.py test_remote_wheel.py"
_LOCK: Final = "test_pyodide_lock.py test_pyodide_lock_refusals.py test_pyodide_lock_mocks.py"
_PYLOCK: Final = "test_pylock.py test_pylock_refusals.py"
_POLICY: Final = "test_policy.py test_judgement.py"
TESTS: Final = {
    "policy": _POLICY,
    "policy_fields": _POLICY,
    "policy_table": _POLICY,
    "judgement": f"{_POLICY} test_hosts.py",
    "hosts": f"test_hosts.py {_POLICY}",
    "read": f"test_read.py test_tool_table.py {_LOCK} {_PYLOCK}",
    "json_text": "test_json_text.py test_json_places.py test_pyodide_lock_refusals.py",
    "json_places": "test_json_places.py test_json_text.py",
    "faults": f"test_read.py test_pyodide_lock_refusals.py {_PYLOCK}",
    "toml_text": f"test_toml_text.py {_PYLOCK}",
    "formats/pyodide_lock": _LOCK,
    "formats/tool_table": f"test_tool_table.py {_LOCK}",
    "formats/pylock": _PYLOCK,
    "formats/pylock_entries": _PYLOCK,
    "formats/pylock_file": _PYLOCK,
    "digest": "test_digest.py",
    "dist_info": "test_dist_info.py",
    "entry_points": "test_entry_points.py test_wheel_metadata.py test_wheel.py",
    "wheel": "test_wheel.py test_wheel_place.py test_wheel_warnings.py",
    "wheel_metadata": "test_wheel_metadata.py test_wheel.py",
    "wheel_name": "test_wheel.py test_wheel_metadata.py test_wheel_place.py",
    "wheel_place": "test_wheel_place.py test_wheel.py",
    "wheel_record": "test_wheel.py",
    "wheel_warnings": "test_wheel_warnings.py test_wheel.py",
    "zip": _ZIP,
    "zip_directory": _ZIP,
    "zip_entry": _ZIP,
    "zip_paths": _ZIP,
}
"""The modules under ``micropip_lock/core`` and the tests that must mind a change of each.

The corpus is not among them, for it takes too long to be run so often: what it alone minds counts as not minded.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """How a module did: how many changes there are, how many were tried, and what became of them."""

    there: int
    killed: int
    survived: int
    timeout: int

    @property
    def score(self) -> float:
        """Per cent of the changes tried that a test minds. One that never ends is minded: the run does not pass."""
        tried = self.killed + self.survived + self.timeout
        return 100 * (tried - self.survived) / tried if tried else 100.0

    def row(self, name: str) -> str:
        """A row of the table."""
        tried = self.killed + self.survived + self.timeout
        cells = (f"`{name}`", self.there, tried, self.killed, self.timeout, self.survived, f"{self.score:.1f} %")
        return f"| {' | '.join(map(str, cells))} |"


def path_of(name: str) -> Path:
    """The file of a module under ``micropip_lock/core``."""
    return Path("micropip_lock/core") / f"{name}.py"


def guards_of(name: str) -> tuple[str, ...]:
    """The files of its tests."""
    return tuple(f"tests/core/{one}" for one in TESTS[name].split())


def chosen(changes: dict[str, list[Mutation]], sample: int | None, seed: int) -> dict[str, list[Mutation]]:
    """All changes, or so many of them at random: :data:`LEAST` of each module, and the rest where they fall."""
    if sample is None:
        return changes
    dice = random.Random(seed)  # noqa: S311  # a sample that can be drawn again
    picked = {name: dice.sample(all_, min(LEAST, len(all_))) for name, all_ in changes.items()}
    left = [(name, one) for name, all_ in changes.items() for one in all_ if one not in picked[name]]
    missing = max(0, sample - sum(map(len, picked.values())))
    for name, one in dice.sample(left, min(missing, len(left))):
        picked[name].append(one)
    return picked


def tried(name: str, source: str, changes: list[Mutation]) -> dict[str, str]:
    """What became of each change of a module.

    Raises:
        SystemExit: Its tests do not pass unchanged, or could not be run.
    """
    SCRATCH.mkdir(parents=True, exist_ok=True)
    stem = SCRATCH / name.replace("/", "-")
    plan = Plan(
        module=f"micropip_lock.core.{name.replace('/', '.')}",
        path=str(path_of(name).resolve()),
        source=source,
        tests=guards_of(name),
        mutations=tuple(changes),
        processes=os.cpu_count() or 1,
        log=str(stem.with_suffix(".log").resolve()),
    )
    results = stem.with_suffix(".json")
    command = [sys.executable, "-m", "tools.mutant_runs", str(results)]
    if subprocess.run(command, input=plan.to_json(), text=True, check=False).returncode:
        sys.exit(f"{name}: its tests could not be run; see {plan.log}")
    outcomes: dict[str, str] = loads(results.read_text("utf-8"))
    return outcomes


def shown(name: str, source: str, one: Mutation) -> str:
    """A change that no test minds, as a line of a diff."""
    lines = difflib.unified_diff(source.splitlines(), mutated(source, one).splitlines(), n=0, lineterm="")
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join([f"{path_of(name)}:{one.line} {one.operator}:{one.occurrence}", *changed])


def main() -> int:
    """Try the changes and tell."""
    parser = argparse.ArgumentParser(description="change the code of the checks, and see whether a test minds")
    parser.add_argument("--sample", type=int, help=f"so many changes at random, at least {LEAST} per file")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: 1)")
    parser.add_argument("names", nargs="*", help="parts of the paths of modules (default: all)")
    options = parser.parse_args()
    names = [name for name in TESTS if not options.names or any(part in name for part in options.names)]
    sources = {name: path_of(name).read_text("utf-8") for name in names}
    there = {name: mutations(source) for name, source in sources.items()}
    survivors, counts = [], []
    print("| file | changes | tried | minded | never ends | not minded | score |\n|--|--|--|--|--|--|--|")
    for name, changes in chosen(there, options.sample, options.seed).items():
        outcomes = tried(name, sources[name], changes)
        got = list(outcomes.values())
        count = Count(
            there=len(there[name]) - got.count("invalid"),
            killed=got.count("killed"),
            survived=got.count("survived"),
            timeout=got.count("timeout"),
        )
        counts.append(count)
        print(count.row(f"{name}.py"), flush=True)
        survivors += [
            shown(name, sources[name], one)
            for one in sorted(changes, key=lambda one: one.line)
            if outcomes[f"{one.operator}:{one.occurrence}"] == "survived"
        ]
        (SCRATCH / "survivors.txt").write_text("\n\n".join(survivors) + "\n", "utf-8")
    total = Count(
        **{key: sum(getattr(one, key) for one in counts) for key in ("there", "killed", "survived", "timeout")}
    )
    print(total.row("all"))
    return 0 if total.score >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
