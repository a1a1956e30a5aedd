"""Checks real wheels: none may be refused by mistake, and the engine must agree. ``make check-wheels``.

``python -m tools.check_wheels [DIRECTORY…]``: every wheel below the directories; by default those that the demo, the
end-to-end tests and the benchmarks have downloaded. What is refused is printed with its reason, and so is what the
engine's fast check (``js/src/wheel.ts``) takes although Python does not, or finds other facts in; the exit code is then
1. What that check leaves to Python is counted and named.
What was found is written down in ``docs/adr/0017-strict-wheels.md``.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError
from tests.contract.plain_wheels import Engine, differences

CACHE = Path(".cache")


def real_wheels(directories: Sequence[Path]) -> list[Path]:
    """Wheels below the directories, or in the caches of this project; one of each name, sorted by it."""
    found = {path.name: path for place in directories or [CACHE] for path in place.resolve().rglob("*.whl")}
    # The corpus may lie in the cache, too.
    return [found[name] for name in sorted(found) if name != "input.whl"]


def main(arguments: Sequence[str]) -> int:
    """Check and print; returns the exit code."""
    wheels = real_wheels([Path(argument) for argument in arguments])
    if not wheels:
        print("no wheels: run make demo or make bench-locate first, or name a directory", file=sys.stderr)
        return 2
    files, warnings, wrong, refused = 0, Counter[str](), 0, 0
    left: list[str] = []
    most = (0.0, "")
    with tempfile.TemporaryDirectory() as work, Engine(Path(work)) as engine:
        for path in wheels:
            data = path.read_bytes()
            facts = engine.open(path.name, data)
            if facts is None:
                left.append(path.name)
            if found := differences(path.name, data, facts):
                wrong += 1
                print(f"{path.name}\n  the engine and Python differ in: {', '.join(sorted(found))}")
            try:
                opened = OpenedWheel(admit(data, Digest.of(data), filename=path.name))
                files += sum(1 for _ in opened.files())
            except MicropipLockError as error:
                refused += 1
                print(f"{path.name}\n  {error}".replace("\n", "\n  "))
                continue
            warnings.update({warning.code for warning in opened.warnings})
            most = max(most, (opened.unpacked_size / len(data), path.name))
    print(f"{len(wheels)} wheels, {files} files: {refused} refused")
    print("with warnings: " + (", ".join(f"{count} {code}" for code, count in sorted(warnings.items())) or "none"))
    print(
        f"the engine takes {len(wheels) - len(left)} at once, {wrong} wrongly, and leaves to Python: {left or 'none'}"
    )
    print(f"the most that one grows: {most[0]:.1f} times ({most[1]})")
    return int(refused + wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
