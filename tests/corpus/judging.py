"""Runs a case from its folder, as any other project would: the input and ``expect.json``, nothing else.

What this file knows: who judges which group, what an environment's state is, and how a result is compared.

Left to others: the judges (``judge_*.py``); each is given a folder, what is expected and an empty directory.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

JUDGES = {
    "wheels": "judge_wheels",
    "locks": "judge_locks",
    "pylocks": "judge_locks",
    "links": "judge_links",
    "records": "judge_records",
}
"""Group to the module whose coroutine function ``judge`` decides its cases."""

type Expect = Mapping[str, Any]
type Judge = Callable[[Path, Expect, Path], Coroutine[Any, Any, Got]]

COMPARED = ("verdict", "error", "code", "state")


@dataclass(frozen=True, kw_only=True, slots=True)
class Got:
    """What came of a case.

    Attributes:
        verdict: ``reject``, ``accept`` or ``warn``.
        error: Class of the error, or ``""``.
        code: Of the error or warning, or ``""``.
        state: ``S0``, ``S1``, ``installed``, or what was changed.
    """

    verdict: str
    error: str = ""
    code: str = ""
    state: str = "S0"

    def differences(self, expect: Expect) -> dict[str, tuple[str, str]]:
        """Expected and got, for each fact that differs."""
        return {key: (expect[key], getattr(self, key)) for key in COMPARED if expect[key] != getattr(self, key)}


def judged(folder: Path, work: Path) -> tuple[Expect, Got]:
    """Run the case of a folder.

    Args:
        folder: With ``expect.json`` and the input.
        work: An empty directory.
    """
    expect = json.loads((folder / "expect.json").read_text("utf-8"))
    judge: Judge = import_module(f"tests.corpus.{JUDGES[folder.parent.name]}").judge
    return expect, asyncio.run(judge(folder, expect, work))


def tree_state(root: Path) -> dict[str, str]:
    """Everything below a directory and the interpreter's ``sys.path``: kind, mode and SHA-256 by relative path."""
    state = {"sys.path": "\n".join(sys.path)}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            content = os.readlink(path)
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else "directory"
        state[path.relative_to(root).as_posix()] = f"{mode:o} {content}"
    return state


def state_after(before: Mapping[str, str], after: Mapping[str, str], requests: int) -> str:
    """``S0`` or ``S1`` when nothing changed, else what did."""
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if changed:
        return f"changed: {', '.join(changed[:5])}"
    return "S1" if requests else "S0"
