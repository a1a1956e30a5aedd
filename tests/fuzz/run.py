"""Fuzz one target with Atheris: ``python -m tests.fuzz.run TARGET DIRECTORY [libFuzzer options]``.

DIRECTORY keeps what was found to reach new code, so that the next run goes on from there. ``make fuzz`` runs all.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Fuzz until the time is over or something breaks."""
    atheris = importlib.import_module("atheris")
    name, directory, *options = arguments
    with atheris.instrument_imports(include=["micropip_lock"]):
        targets = importlib.import_module("tests.fuzz.targets")
    kept = Path(directory)
    kept.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.seeds(name)):
        (kept / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *options, str(kept)], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
