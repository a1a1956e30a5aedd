"""The standard library of a Pyodide, compiled by that very Pyodide under Node.

Rules this file keeps:

1. The interpreter that compiles is the one that will import; no bytecode of the host gets in.
2. The child ends when we do: it is killed when the call is cancelled or takes too long.

Left to others: what the archive looks like (:mod:`micropip_lock.core.stdlib`, which runs inside), finding Node and
fetching Pyodide (:mod:`micropip_lock.adapters.runtimes`).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from micropip_lock.adapters.node import child_environment
from micropip_lock.adapters.runtimes import find_node
from micropip_lock.errors import RuntimeFailedError, UsageError

STDLIB: Final = "python_stdlib.zip"

_PATIENCE: Final = 300.0
"""Seconds: thirty times what a slow machine takes for all of it."""


async def compile_stdlib(
    directory: Path, *, imports: Sequence[str] = (), everything: bool = False, sources: bool = True
) -> bytes:
    """Compile the standard library of a Pyodide.

    Args:
        directory: Holds ``pyodide.mjs`` and ``python_stdlib.zip``.
        imports: Modules to compile, and all that they import, beside what a boot uses.
        everything: Compile every module.
        sources: Keep the sources of what is compiled.

    Returns:
        A zip archive for ``loadPyodide``'s ``stdLibURL``; the same bytes for the same arguments.

    Raises:
        RuntimeMissingError: code ``no-node``.
        RuntimeFailedError: code ``runtime-failed``.
        UsageError: codes ``pyodide-spec``, ``no-module``.
    """
    if not (directory / STDLIB).is_file():
        raise UsageError(
            "this Pyodide has no standard library to compile",
            code="pyodide-spec",
            got=str(directory),
            expected=f"a directory with {STDLIB}",
        )
    node = await asyncio.to_thread(find_node)
    with tempfile.TemporaryDirectory(prefix="micropip-lock-") as scratch:
        places = {}
        for name in ("core/stdlib.py", "data/stdlib.mjs"):
            place = places[name] = Path(scratch) / Path(name).name
            place.write_bytes(importlib.resources.files("micropip_lock").joinpath(name).read_bytes())
        output = Path(scratch) / STDLIB
        told = await _run(
            [
                str(node),
                str(places["data/stdlib.mjs"]),
                json.dumps(
                    {
                        "directory": directory.resolve().as_posix(),
                        "program": str(places["core/stdlib.py"]),
                        "output": str(output),
                        "imports": list(imports),
                        "everything": everything,
                        "sources": sources,
                    }
                ),
            ]
        )
        if failed := json.loads(told)["failed"]:
            raise UsageError(
                "the standard library of this Pyodide has no such module", code="no-module", got="; ".join(failed)
            )
        return output.read_bytes()


async def _run(command: Sequence[str]) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_environment(),
    )
    try:
        told, errors = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError as error:
        raise RuntimeFailedError(
            "Pyodide did not compile its standard library",
            code="runtime-failed",
            expected=f"an end within {_PATIENCE:g} seconds",
            got="none",
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        # A crash of Pyodide prints its own source, a megabyte on one line; Node adds where it was.
        told_lines = (line.strip()[:300] for line in errors.decode("utf-8", "replace").splitlines())
        lines = [line for line in told_lines if line and not line.startswith(("at ", "Node.js "))]
        raise RuntimeFailedError(
            "Pyodide did not compile its standard library",
            code="runtime-failed",
            got="; ".join(lines[-5:]) or f"exit code {process.returncode}",
        )
    return told
