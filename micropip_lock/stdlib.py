"""The face of the compiled standard library: what it is called with and gives back.

Left to others: compiling (:mod:`micropip_lock.adapters.stdlib`), the command line (:mod:`micropip_lock.cli_stdlib`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from micropip_lock import wiring
from micropip_lock.core.digest import Digest
from micropip_lock.ports import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledStdlib:
    """A standard library with bytecode, for ``loadPyodide({stdLibURL})`` of one Pyodide.

    Attributes:
        path: Where it was written.
        digest: SHA-256 of it.
        size: Bytes.
        original_size: Bytes of the one that comes with Pyodide.
    """

    path: Path
    digest: Digest
    size: int
    original_size: int

    def __str__(self) -> str:
        return f"{self.path}: {self.size:,} bytes, {self.size - self.original_size:+,} against Pyodide's own"

    def to_json(self) -> dict[str, Any]:
        """A JSON value."""
        return {
            "path": str(self.path),
            "sha256": self.digest.hex,
            "size": self.size,
            "original_size": self.original_size,
        }


async def compile_stdlib(
    output: Path | str,
    *,
    pyodide: str | None = None,
    imports: Sequence[str] = (),
    everything: bool = False,
    sources: bool = True,
    progress: Progress | None = None,
) -> CompiledStdlib:
    """Compile the standard library of a Pyodide, so that it boots in a third of the time.

    Boot a page with ``loadPyodide({stdLibURL})`` from the file; it fits no other build of Pyodide.

    Args:
        output: The file to write.
        pyodide: A release, or the directory of one; default: the pinned release.
        imports: Modules to compile, and all that they import, beside those that a boot uses.
        everything: Compile every module: some 3 MB more to download.
        sources: Keep the sources of what is compiled, for tracebacks and ``inspect.getsource``.
        progress: Told when a runtime has to be brought.

    Raises:
        UsageError: codes ``pyodide-spec``, ``pyodide-too-old``, ``no-module``.
        RuntimeMissingError: codes ``no-node``, ``no-npm``, ``pyodide-fetch``, ``fetch-timeout``.
        RuntimeFailedError: code ``runtime-failed``.
        StorageError: code ``not-written``.
    """
    data, original_size = await wiring.compiled_stdlib(
        pyodide, imports=imports, everything=everything, sources=sources, progress=progress
    )
    path = Path(output)
    await asyncio.to_thread(wiring.folder(path.parent).write, path.name, data)
    return CompiledStdlib(path=path, digest=Digest.of(data), size=len(data), original_size=original_size)
