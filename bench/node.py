"""One sample under Node: a process of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.stand import HERE, Stand
from micropip_lock.adapters.runtimes import find_node

_SCRIPT: Final = HERE / "page" / "node.mjs"
_PATIENCE: Final = 300.0


class SampleError(Exception):
    """A contender failed; the text is its own."""


def describe(names: Sequence[str]) -> list[dict[str, Any]]:
    """What contenders say of themselves: name, label, places, visits, links, empty."""
    command = [str(find_node()), str(_SCRIPT), "--describe", *names]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    told: list[dict[str, Any]] = json.loads(answer.stdout)
    return told


def contenders() -> list[str]:
    """All there are, by name."""
    return sorted(path.stem for path in (HERE / "contenders").glob("*.mjs"))


def visit(stand: Stand, spec: dict[str, Any]) -> dict[str, Any]:
    """One visit; what it keeps goes to the directory that the specification names as ``store``.

    Raises:
        SampleError: The contender failed.
    """
    stand.counts()
    command = [str(find_node()), "--expose-gc", "--no-warnings", str(_SCRIPT), json.dumps(spec)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise SampleError(f"no end within {_PATIENCE:g} seconds") from error
    if answer.returncode:
        raise SampleError(answer.stderr.strip()[-600:])
    sample: dict[str, Any] = json.loads(answer.stdout.strip().splitlines()[-1])
    return {**{key: value for key, value in sample.items() if key != "counts"}, **sample["counts"]}


def cold(stand: Stand, spec: dict[str, Any]) -> dict[str, Any]:
    """A first visit: nothing is kept from before, and what it keeps is thrown away."""
    with tempfile.TemporaryDirectory(prefix="bench-") as store:
        return visit(stand, spec | {"store": str(Path(store))})
