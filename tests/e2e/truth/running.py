"""Brings the programs into a kernel and asks it for differences.

Left to others: which kernel, and how many programs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from tests.e2e.truth.wheels import as_json

_INSIDE = ("side", "sides", "operations", "imports", "programs", "claims", "library")


class Asked(Protocol):
    """A kernel, wherever it runs."""

    async def ask(self, code: str) -> Any:
        """Run code that assigns ``answer``."""
        ...


async def bring(kernel: Asked) -> None:
    """Make the modules of this directory that run inside importable there, and the wheels."""
    here = Path(__file__).parent
    texts = {
        f"{name}.py": (here / f"{name}.py").read_text("utf-8") for name in _INSIDE if (here / f"{name}.py").exists()
    }
    await kernel.ask(f"""
import json, pathlib, sys
inside = pathlib.Path("/inside/tests/e2e/truth")
inside.mkdir(parents=True, exist_ok=True)
for name, text in json.loads({json.dumps(texts)!r}).items():
    (inside / name).write_text(text, "utf-8")
if "/inside" not in sys.path:
    sys.path.append("/inside")
pathlib.Path("/truth").mkdir(exist_ok=True)
from tests.e2e.truth import programs
programs.trial = programs.Trial({as_json()!r})
answer = 0
""")


async def first_difference(kernel: Asked, start: int, stop: int) -> dict[str, Any] | None:
    """Run the programs of these numbers."""
    answer: dict[str, Any] | None = await kernel.ask(f"""
from tests.e2e.truth import programs
answer = programs.trial.first(range({start}, {stop}))
""")
    return answer


async def registered(kernel: Asked, start: int, stop: int) -> tuple[list[str], list[str], list[str]]:
    """Operations that are known, that the programs of these numbers use, and that succeed in one of them."""
    known, used, succeeded = await kernel.ask(f"""
from tests.e2e.truth import programs
answer = programs.trial.coverage(range({start}, {stop}))
""")
    return known, used, succeeded
