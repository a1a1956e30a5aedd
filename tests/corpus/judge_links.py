"""Judges the links: each is opened as a LOCK argument is, and its lock replayed into an environment on disk.

Rules this file keeps: those of ``judge_locks.py``. A link sends no request by itself, so that every request counts.
"""

from __future__ import annotations

from pathlib import Path

from micropip_lock.core.model import Lock
from micropip_lock.load import load_lock
from tests.corpus.judge_locks import judge_read
from tests.corpus.judge_wheels import Files
from tests.corpus.judging import Expect, Got


async def judge(folder: Path, expect: Expect, work: Path) -> Got:
    """Run a case."""
    return await judge_read(folder, work, _read)


async def _read(given: Path, files: Files) -> Lock:
    return await load_lock(given.read_text("utf-8"), pyodide="314.0.7")
