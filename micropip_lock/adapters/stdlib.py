"""The standard library of a Pyodide, compiled by that very Pyodide under Node.

Rules this file keeps:

1. The interpreter that compiles is the one that will import; no bytecode of the host gets in.
2. What an embedded runtime boots from is kept under a name that holds whatever decides its bytes.
3. The child ends when we do: it is killed when the call is cancelled or takes too long.

Left to others: what the archive looks like (:mod:`micropip_lock.core.stdlib`, which runs inside), finding Node and
fetching Pyodide (:mod:`micropip_lock.adapters.runtimes`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.resources
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from micropip_lock.adapters.atomic import write_atomically
from micropip_lock.adapters.host import cache_dir
from micropip_lock.adapters.runtimes import child_environment, find_node
from micropip_lock.errors import MicropipLockError, RuntimeFailedError, UsageError

STDLIB: Final = "python_stdlib.zip"

_OWN_IMPORTS: Final = (
    *(
        "configparser",
        "csv",
        "datetime",
        "email.parser",
        "encodings.cp437",
        "hashlib",
        "html.parser",
        "importlib.metadata",
    ),
    *("importlib.resources", "ipaddress", "platform", "pyodide.http", "sysconfig", "urllib.parse"),
)
"""What micropip and we import in an embedded runtime, beside what a boot uses."""

_PROGRAM: Final = ("core/stdlib.py", "data/stdlib.mjs")

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
        places = {name: Path(scratch) / Path(name).name for name in _PROGRAM}
        for name, data in _program():
            places[name].write_bytes(data)
        output = Path(scratch) / STDLIB
        told = await run_compiler(
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
            ],
            "its standard library",
        )
        if failed := json.loads(told)["failed"]:
            raise UsageError(
                "the standard library of this Pyodide has no such module", code="no-module", got="; ".join(failed)
            )
        return output.read_bytes()


async def kept_stdlib(directory: Path) -> Path | None:
    """The compiled standard library that an embedded runtime boots from: made once, kept in the user's cache.

    Args:
        directory: Of the runtime.

    Returns:
        ``None`` when it cannot be made or kept: the runtime's own does, only slower.
    """
    try:
        # Whatever decides the bytes is in the name.
        identity = hashlib.sha256((directory / STDLIB).read_bytes())
        for _name, data in _program():
            identity.update(data)
        identity.update(repr(_OWN_IMPORTS).encode())
        kept = cache_dir() / "stdlib" / f"{identity.hexdigest()}.zip"
        if not kept.is_file():
            data = await compile_stdlib(directory, imports=_OWN_IMPORTS)
            kept.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(write_atomically, kept, data)
    except (MicropipLockError, OSError):
        return None
    return kept


def _program() -> Iterator[tuple[str, bytes]]:
    for name in _PROGRAM:
        yield name, importlib.resources.files("micropip_lock").joinpath(name).read_bytes()


async def run_compiler(command: Sequence[str], what: str) -> bytes:
    """Run a program that compiles, to its end.

    Args:
        command: Of Node.
        what: It compiles, for people.

    Returns:
        What it told.

    Raises:
        RuntimeFailedError: code ``runtime-failed``.
    """
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
            f"Pyodide did not compile {what}",
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
            f"Pyodide did not compile {what}",
            code="runtime-failed",
            got="; ".join(lines[-5:]) or f"exit code {process.returncode}",
        )
    return told
