"""What processes that ended in the middle of a change left in a directory: found, undone or finished, and removed.

Rules this file keeps:

1. Only who holds the directory recovers it; a staging directory of a process that lives is left alone.
2. A change that was not committed is undone, one that was is finished: exactly before, or exactly after.
3. Looking changes nothing.

Left to others: the plans themselves (:mod:`micropip_lock.adapters.journal`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from micropip_lock.adapters.exclusive import is_held
from micropip_lock.adapters.journal import COMMITTED, PLAN, STAGING_PREFIX, Move, clear, read_journal
from micropip_lock.errors import StorageError

ROLLED_BACK = "an interrupted replay was rolled back first"
FINISHED = "an interrupted replay, which was committed, was cleared up first"


def recover(root: Path, prefix: Path, *, alone: bool = True, copied: bool = False) -> tuple[str, ...]:
    """Bring a directory to exactly before or exactly after every change that was interrupted in it.

    Args:
        root: The directory, held by the caller.
        prefix: The environment it belongs to.
        alone: Other processes are kept off. If they cannot be, what those left that seem to live is left alone.
        copied: The directory may be a copy that was written file by file, and cut short.

    Returns:
        What was done, as notes; sweeping up files that never took part in a change is not worth one.

    Raises:
        StorageError: code ``journal``: a plan cannot be followed; code ``rollback``: the file system refuses.
        OSError: the directory cannot be listed.
    """
    notes = []
    for staging in _staged(root):
        if not alone and _is_running(staging):
            continue
        if copied and _is_begun(staging / PLAN):
            # No file is moved before a copy has the whole plan.
            clear(staging)
        elif (staging / PLAN).exists():
            _check(staging, read_journal(root, prefix, staging, PLAN).undo(copied=copied))
            notes.append(ROLLED_BACK)
        elif (staging / COMMITTED).exists():
            _check(staging, read_journal(root, prefix, staging, COMMITTED).finish(copied=copied))
            notes.append(FINISHED)
        else:
            clear(staging)
    return tuple(notes)


def unfinished(root: Path) -> Literal["running", "interrupted"] | None:
    """Whether a directory is half changed: right now, or by a process that ended."""
    try:
        if not any((staging / PLAN).exists() for staging in _staged(root)):
            return None
    except OSError:
        # What cannot be listed is told by who lists it next.
        return None
    return "running" if is_held(root) else "interrupted"


def stuck(staging: Path, moves: Sequence[Move], got: str) -> StorageError:
    """The error for a change that could not be undone."""
    return StorageError(
        "the file system refused, and then refused to put things back",
        code="rollback",
        where=str(staging),
        got=f"{got}; {len(moves)} files are not where they were, {moves[0][0]} first",
        hint="what was replaced is kept in that directory; free some space: the next replay or recover puts it back",
    )


def _is_begun(plan: Path) -> bool:
    try:
        return plan.stat().st_size == 0
    except OSError:
        return False


def _check(staging: Path, moves: Sequence[Move]) -> None:
    if moves:
        raise stuck(staging, moves, "an interrupted replay")


def _staged(root: Path) -> Iterator[Path]:
    for name in sorted(name for name in os.listdir(root) if name.startswith(STAGING_PREFIX)):
        staging = root / name
        if staging.is_dir() and not staging.is_symlink():
            yield staging


def _is_running(staging: Path) -> bool:
    owner = staging.name.removeprefix(STAGING_PREFIX).partition("-")[0]
    if not owner.isdecimal() or sys.platform == "win32":
        # There is no harmless way to ask.
        return True
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return int(owner) != os.getpid()
