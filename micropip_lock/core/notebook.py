"""A Jupyter notebook (``.ipynb``, format 4): the lock in its metadata, and its code cells.

Rules this file keeps:

1. A notebook is changed by replacing a piece of its text: whatever is not replaced keeps its bytes, its order and its
   line ends, also what this file does not understand.
2. Only what is read is judged: the top of the notebook, its metadata, the sources of its cells. A key that is there
   twice in one of those is refused. Size and depth are bounded before the parser runs.
3. The lock is the JSON value of ``pyodide-lock.json``, unwrapped, under ``metadata["micropip-lock"]``: JupyterLab and
   nbformat keep it, and sort its keys as we do. Its faults are told with that place in front.

Source: nbformat 4.5, ``nbformat.v4.5.schema.json``. Left to others: what a lock is
(:mod:`micropip_lock.core.formats.pyodide_lock`), files (:mod:`micropip_lock.notebook`).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from micropip_lock.core.formats.pyodide_lock import lock_to_dict, parse_pyodide_lock
from micropip_lock.core.json_splice import (
    Member,
    Number,
    break_before,
    check_depth,
    formatted,
    indent_unit,
    members,
    newline_of,
    replaced,
    table,
    whole_table,
)
from micropip_lock.core.model import TOOL_NAME, Lock
from micropip_lock.core.shown import shown
from micropip_lock.errors import LockParseError, LockPolicyError, LockSchemaError, MicropipLockError

LOCK_KEY: Final = TOOL_NAME
"""The key of the lock in the metadata of a notebook."""

LOCK_PLACE: Final = f"metadata.{LOCK_KEY}"

MAX_NOTEBOOK_BYTES: Final = 64 * 2**20
"""Largest notebook that is read: outputs are in it, pictures too."""

MAX_NOTEBOOK_DEPTH: Final = 128
"""Deepest nesting that is read: outputs of plotting libraries are some tables deep."""

# nbformat writes keys sorted, so that "cells" is first; a lock has no such key, and no number by the name of the other.
_NOTEBOOK: Final = re.compile(r'\s*\{\s*"cells"\s*:\s*\[|(?<!\\)"nbformat"\s*:\s*-?[0-9]')
_HEAD: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A code cell.

    Attributes:
        number: Its place among all cells, from 1, as people count.
        source: Its text.
        member: Where its source is in the notebook's text.
    """

    number: int
    source: str
    member: Member


@dataclass(frozen=True, kw_only=True, slots=True)
class Notebook:
    """A notebook's text, and where in it the parts are that this program knows.

    Attributes:
        text: All of it.
        metadata: The table of that name.
        entries: What is in the metadata.
        cells: Code cells, in order.
        first_cell: Characters before the first cell, or before the end of the list where there is none.
        minor: ``nbformat_minor``.
        cell_ids: Identifiers that cells have.
        language: Of the kernel, when the notebook names it.
    """

    text: str
    metadata: Member
    entries: tuple[Member, ...]
    cells: tuple[Cell, ...]
    first_cell: int
    minor: int
    cell_ids: frozenset[str]
    language: str | None

    @property
    def lock_member(self) -> Member | None:
        """Where the lock is."""
        return next((one for one in self.entries if one.key == LOCK_KEY), None)


def is_notebook(text: str | bytes) -> bool:
    """Whether a text is a notebook, or would like to be, rather than a lock."""
    if isinstance(text, bytes):
        if not text[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return False
        text = text.decode("utf-8", "replace")
    text = text.removeprefix("\ufeff")
    return text[:_HEAD].lstrip().startswith("{") and (
        _NOTEBOOK.match(text) is not None or ('"nbformat"' in text and _NOTEBOOK.search(text) is not None)
    )


def read_notebook(text: str | bytes) -> Notebook:
    """Read a notebook.

    Args:
        text: As it arrived.

    Raises:
        LockParseError: codes ``empty``, ``encoding``, ``not-json``, ``depth``, ``duplicate-key``.
        LockSchemaError: codes ``notebook-schema``, ``notebook-version``.
        LockPolicyError: code ``too-large``.
    """
    source = _decoded(text)
    check_depth(source, MAX_NOTEBOOK_DEPTH)
    by_key = {one.key: one for one in whole_table(source)}
    version = by_key["nbformat"].data if "nbformat" in by_key else None
    if not isinstance(version, Number) or int(version.text if version.is_whole else -1) != 4:
        got = version.text if isinstance(version, Number) else "nothing" if version is None else shown(version)
        raise LockSchemaError(
            "not a notebook of format 4",
            code="notebook-version",
            where="nbformat",
            expected="4",
            got=got[:40],
            hint="open and save it in JupyterLab, which brings it up to date",
        )
    minor = by_key["nbformat_minor"].data if "nbformat_minor" in by_key else None
    metadata, cells = by_key.get("metadata"), by_key.get("cells")
    if metadata is None or not isinstance(metadata.data, dict):
        raise _schema("metadata", "a table", None if metadata is None else metadata.data)
    if cells is None or not isinstance(cells.data, list):
        raise _schema("cells", "a list", None if cells is None else cells.data)
    found = list(members(source, cells.value))
    info = metadata.data.get("language_info")
    language = info.get("name") if isinstance(info, dict) else None
    return Notebook(
        text=source,
        metadata=metadata,
        entries=tuple(table(source, metadata.value, "metadata")),
        cells=tuple(_code_cells(source, found)),
        first_cell=found[0].start if found else cells.end - 1,
        minor=int(minor.text) if isinstance(minor, Number) and minor.is_whole else 0,
        cell_ids=frozenset(
            one.data["id"] for one in found if isinstance(one.data, dict) and isinstance(one.data.get("id"), str)
        ),
        language=language if isinstance(language, str) else None,
    )


def parse_embedded(text: str | bytes, *, base: str | None = None) -> Lock:
    """The lock in a notebook.

    Args:
        text: The notebook, as it arrived.
        base: Address that relative file names resolve against: the notebook's own.

    Raises:
        LockParseError: code ``no-embedded-lock``; and what :func:`read_notebook` raises.
        MicropipLockError: what reading the lock raises, with the place in the notebook.
    """
    notebook = read_notebook(text)
    member = notebook.lock_member
    if member is None:
        raise LockParseError(
            "the notebook has no lock in it",
            code="no-embedded-lock",
            where=LOCK_PLACE,
            hint="micropip-lock embed LOCK NOTEBOOK puts one in",
        )
    if not isinstance(member.data, dict):
        raise LockSchemaError(
            "what is in the lock's place is no lock",
            code="type",
            where=LOCK_PLACE,
            expected="a table",
            got=shown(_told(member)),
        )
    try:
        return parse_pyodide_lock(notebook.text[member.value : member.end], base=base)
    except MicropipLockError as error:
        raise _placed(error) from error


def embed_lock(lock: Lock, text: str | bytes) -> str:
    """The notebook with a lock in its metadata, in the place of one that was there; all else keeps its bytes.

    Raises:
        MicropipLockError: what :func:`read_notebook` raises.
    """
    notebook = read_notebook(text)
    value = lock_to_dict(lock)
    member = notebook.lock_member
    if member is not None:
        return replaced(notebook.text, member.value, member.end, formatted(notebook.text, value, member.start))
    return _inserted(notebook, value)


def with_source(text: str, cell: Cell, source: str) -> str:
    """The notebook with another source in a code cell; a list of lines stays one."""
    value: Any = _lines(source) if isinstance(cell.member.data, list) else source
    return replaced(text, cell.member.value, cell.member.end, formatted(text, value, cell.member.start))


def with_first_cell(notebook: Notebook, source: str) -> str:
    """The notebook with a code cell before all others."""
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None}
    if notebook.minor >= 5:
        # nbformat 4.5: an identifier, unique in the notebook.
        names = (f"script{number or ''}" for number in range(len(notebook.cell_ids) + 1))
        cell["id"] = next(name for name in names if name not in notebook.cell_ids)
    cell |= {"metadata": {}, "outputs": [], "source": _lines(source)}
    text, at = notebook.text, notebook.first_cell
    if text[at] != "]":
        written = formatted(text, cell, at)
        return replaced(text, at, at, f"{written},{break_before(text, at) or ' '}")
    # The list is empty.
    unit, end, first = indent_unit(text), newline_of(text), text.rfind("[", 0, at) + 1
    around = ("", "") if unit is None else (f"{end}{unit * 2}", f"{end}{unit}")
    return replaced(text, first, at, around[0] + formatted(text, cell, first) + around[1])


def _decoded(text: str | bytes) -> str:
    if len(text) > MAX_NOTEBOOK_BYTES:
        raise LockPolicyError(
            "the notebook is too large",
            code="too-large",
            expected=f"at most {MAX_NOTEBOOK_BYTES} bytes",
            got=f"{len(text)} bytes",
            hint="clear the outputs of its cells",
        )
    try:
        source = text if isinstance(text, str) else text.decode("utf-8")
        source.encode("utf-8")
    except UnicodeError as error:
        raise LockParseError(
            "the notebook is not UTF-8 text", code="encoding", expected="UTF-8", got=str(error)[:100]
        ) from error
    if not source.strip("\ufeff \t\r\n"):
        raise LockParseError("the notebook is empty", code="empty", expected="a JSON table", got="no text")
    return source


def _code_cells(source: str, cells: list[Member]) -> Iterator[Cell]:
    for number, member in enumerate(cells, start=1):
        cell = member.data
        if not isinstance(cell, dict):
            raise _schema(f"cells[{number - 1}]", "a table", cell)
        if cell.get("cell_type") != "code":
            continue
        text = cell.get("source")
        lines: list[Any] = text if isinstance(text, list) else [text]
        if not all(isinstance(line, str) for line in lines):
            raise _schema(f"cells[{number - 1}].source", "a string or a list of strings", text)
        where = {one.key: one for one in members(source, member.value)}
        yield Cell(number=number, source="".join(lines), member=where["source"])


def _inserted(notebook: Notebook, value: dict[str, Any]) -> str:
    """The lock as a new entry of the metadata: before the first key that sorts behind it."""
    text, entries = notebook.text, notebook.entries
    key = json.dumps(LOCK_KEY)
    behind = next((one for one in entries if one.key > LOCK_KEY), None)
    if behind is not None:
        written = f"{key}: {formatted(text, value, behind.start)},{break_before(text, behind.start) or ' '}"
        return replaced(text, behind.start, behind.start, written)
    if entries:
        last = entries[-1]
        written = f",{break_before(text, last.start) or ' '}{key}: {formatted(text, value, last.start)}"
        return replaced(text, last.end, last.end, written)
    metadata = notebook.metadata
    return replaced(text, metadata.value, metadata.end, formatted(text, {LOCK_KEY: value}, metadata.start))


def _lines(source: str) -> list[str]:
    """As nbformat has a text: a list of lines with their ends."""
    return source.splitlines(keepends=True)


def _told(member: Member) -> Any:
    return int(member.data.text) if isinstance(member.data, Number) and member.data.is_whole else member.data


def _placed(error: MicropipLockError) -> MicropipLockError:
    """The error with the place in the notebook before its own."""

    def moved(one: MicropipLockError) -> MicropipLockError:
        other = copy.copy(one)
        other.where = f"{LOCK_PLACE}: {one.where}" if one.where else LOCK_PLACE
        return other

    placed = moved(error)
    placed.errors = tuple(moved(one) for one in error.errors)
    return placed


def _schema(where: str, expected: str, got: Any) -> LockSchemaError:
    return LockSchemaError(
        "not a notebook",
        code="notebook-schema",
        where=where,
        expected=expected,
        got="nothing" if got is None else "a number" if isinstance(got, Number) else shown(got),
        hint="open and save it in JupyterLab",
    )
