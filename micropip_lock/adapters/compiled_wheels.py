"""Wheels with bytecode, compiled by the very Pyodide that will import them, under Node.

Rules this file keeps: those of :mod:`micropip_lock.adapters.stdlib`.

Left to others: what the wheel looks like (:mod:`micropip_lock.core.compiled_wheel`, which runs inside).
"""

from __future__ import annotations

import asyncio
import importlib.resources
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from micropip_lock.adapters.runtimes import find_node
from micropip_lock.adapters.stdlib import run_compiler

_PROGRAMS: Final = {
    "micropip_lock.core.stdlib": "core/stdlib.py",
    "micropip_lock.core.compiled_wheel": "core/compiled_wheel.py",
}


async def compile_wheels(directory: Path, wheels: Sequence[bytes]) -> list[bytes]:
    """Each wheel with bytecode, in the order given.

    Args:
        directory: Of the Pyodide that will import them.
        wheels: Whole archives.

    Raises:
        RuntimeMissingError: code ``no-node``.
        RuntimeFailedError: code ``runtime-failed``.
    """
    node = await asyncio.to_thread(find_node)
    files = importlib.resources.files("micropip_lock")
    with tempfile.TemporaryDirectory(prefix="micropip-lock-") as text:
        scratch = Path(text)
        programs = {name: scratch / f"{number}.py" for number, name in enumerate(_PROGRAMS)}
        for name, path in programs.items():
            path.write_bytes(files.joinpath(_PROGRAMS[name]).read_bytes())
        script = scratch / "wheels.mjs"
        script.write_bytes(files.joinpath("data/wheels.mjs").read_bytes())
        pairs = [(scratch / f"{number}.whl", scratch / f"{number}.compiled.whl") for number in range(len(wheels))]
        for (given, _), data in zip(pairs, wheels, strict=True):
            given.write_bytes(data)
        await run_compiler(
            [
                str(node),
                str(script),
                json.dumps(
                    {
                        "directory": directory.resolve().as_posix(),
                        "programs": {name: str(path) for name, path in programs.items()},
                        "wheels": [[str(given), str(made)] for given, made in pairs],
                    }
                ),
            ],
            "the wheels",
        )
        return [made.read_bytes() for _, made in pairs]
