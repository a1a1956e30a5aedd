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
from micropip_lock.app.start import failures, imports_of
from micropip_lock.core.digest import Digest
from micropip_lock.core.policy import Policy
from micropip_lock.load import LockLike, load_lock
from micropip_lock.ports import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledStdlib:
    """A standard library with bytecode, for ``loadPyodide({stdLibURL})`` of one Pyodide.

    Attributes:
        path: Where it was written.
        digest: SHA-256 of it.
        size: Bytes.
        original_size: Bytes of the one that comes with Pyodide.
        notes: What a person should know.
    """

    path: Path
    digest: Digest
    size: int
    original_size: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.size:,} bytes, {self.size - self.original_size:+,} against Pyodide's own"

    def to_json(self) -> dict[str, Any]:
        """A JSON value."""
        return {
            "path": str(self.path),
            "sha256": self.digest.hex,
            "size": self.size,
            "original_size": self.original_size,
            "notes": list(self.notes),
        }


async def compile_stdlib(
    output: Path | str,
    *,
    pyodide: str | None = None,
    imports: Sequence[str] = (),
    lock: LockLike | None = None,
    everything: bool = False,
    sources: bool = True,
    progress: Progress | None = None,
    policy: Policy | None = None,
) -> CompiledStdlib:
    """Compile the standard library of a Pyodide, so that it boots in a third of the time.

    Boot a page with ``loadPyodide({stdLibURL})`` from the file; it fits no other build of Pyodide.

    Args:
        output: The file to write.
        pyodide: A release, or the directory of one; default: the pinned release.
        imports: Modules to compile, and all that they import, beside those that a boot uses.
        lock: An environment: it is replayed into that Pyodide, the modules of what was asked for are imported there,
            and so are ``imports``; what they import of the standard library is compiled.
        everything: Compile every module: some 3 MB more to download.
        sources: Keep the sources of what is compiled, for tracebacks and ``inspect.getsource``.
        progress: Told when a runtime has to be brought, and as wheels of ``lock`` arrive.
        policy: What is allowed, as for :func:`~micropip_lock.replay`.

    Raises:
        MicropipLockError: ``lock`` cannot be replayed.
        UsageError: codes ``pyodide-spec``, ``pyodide-too-old``, ``no-module``.
        RuntimeMissingError: codes ``no-node``, ``no-npm``, ``pyodide-fetch``, ``fetch-timeout``.
        RuntimeFailedError: code ``runtime-failed``.
        StorageError: code ``not-written``.
    """
    notes: tuple[str, ...] = ()
    if lock is not None:
        rules = wiring.policy_in_force(policy)
        environment = await load_lock(lock, pyodide=pyodide, policy=rules)
        watch = wiring.file_watch(pyodide, policy=rules, progress=progress)
        seen = await watch.files_read(environment, (*imports_of(environment), *imports))
        imports, notes = seen.stdlib, failures(seen)
    data, original_size = await wiring.compiled_stdlib(
        pyodide, imports=imports, everything=everything, sources=sources, progress=progress
    )
    path = Path(output)
    await asyncio.to_thread(wiring.folder(path.parent).write, path.name, data)
    digest = Digest.of(data)
    return CompiledStdlib(path=path, digest=digest, size=len(data), original_size=original_size, notes=notes)
