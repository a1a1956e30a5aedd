"""A Pyodide under Node that Python code can be asked for values.

Left to others: running Pyodide (:mod:`micropip_lock.adapters.node`), which is the code under test as well.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from micropip_lock.adapters.indexes import read_index_settings
from micropip_lock.adapters.node import EmbeddedPyodide
from micropip_lock.ports import ProgressEvent

_MARK: Final = "answer of the kernel: "


@dataclass(kw_only=True, slots=True)
class Kernel:
    """One running Pyodide.

    Attributes:
        pyodide: The product's own handle of it.
        printed: Lines that code printed.
        events: Progress that the product told.
    """

    pyodide: EmbeddedPyodide
    printed: list[str] = field(default_factory=list)
    events: list[ProgressEvent] = field(default_factory=list)

    async def ask(self, code: str) -> Any:
        """Run code that assigns ``answer``; that value, by way of JSON.

        Raises:
            AssertionError: The code failed; the text is its traceback.
        """
        self.printed.clear()
        failure = await self.pyodide.run(f"{code}\nimport json\nprint({_MARK!r} + json.dumps(answer))\n")
        assert failure is None, failure
        (line,) = (line for line in self.printed if line.startswith(_MARK))
        return json.loads(line.removeprefix(_MARK))

    async def failure(self, code: str) -> Any:
        """Run code that must raise an error of our tree; its JSON form."""
        return await self.ask(
            "from micropip_lock.errors import MicropipLockError\n"
            "try:\n" + "\n".join(f"    {line}" for line in code.strip().splitlines()) + "\n"
            "except MicropipLockError as error:\n"
            "    answer = error.to_json()\n"
        )

    async def tree(self) -> dict[str, str]:
        """SHA-256 of every file in site-packages, by path."""
        found: dict[str, str] = await self.ask("from micropip_lock import wiring; answer = wiring.tree_here()")
        return found


@contextlib.asynccontextmanager
async def kernel(
    pyodide: str | None = None, *, index_urls: Sequence[str] = (), store: Path | None = None
) -> AsyncIterator[Kernel]:
    """Boot a Pyodide and end it.

    Args:
        pyodide: A version.
        index_urls: What :meth:`EmbeddedPyodide.install_and_freeze` asks, credentials in them included.
        store: Where its engine keeps wheels and bytecode.
    """
    printed: list[str] = []
    events: list[ProgressEvent] = []
    async with EmbeddedPyodide(
        pyodide,
        # Never the configuration of this machine: a test asks only indexes that it runs.
        indexes=read_index_settings(index_urls, environ={}) if index_urls else None,
        store=store,
        progress=events.append,
        output=lambda stream, text: printed.append(text),
    ) as running:
        yield Kernel(pyodide=running, printed=printed, events=events)
