"""What is odd about a lock and taken all the same: each a note, none of which is part of the lock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from micropip_lock.core.formats.pyodide_lock import format_pyodide_lock, parse_pyodide_lock
from tests.locks import FIXTURES, SIX, VALID, full_lock


def packages(**fields: dict[str, Any]) -> str:
    """A lock of packages that differ from six in their name and these fields."""
    entries = {
        name: SIX | {"name": name, "file_name": f"{name}-1.16.0-py3-none-any.whl"} | more
        for name, more in fields.items()
    }
    return json.dumps(VALID | {"packages": entries})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (packages(a={}, b={"depends": ["a"]}), []),
        (packages(a={"shared_library": False, "tool": {}}), []),
        (packages(a={"depends": ["A"]}), [("a", "self-dependency", None)]),
        (packages(a={"depends": ["b"]}, b={"depends": ["A"]}), [("b", "dependency-cycle", "a")]),
        (packages(a={"index": "x", "later": 1}), [("a", "unknown-key", "a"), ("a", "unknown-key", "a")]),
        (packages(a={"index": "x"}, b={"index": "y"}), [("a", "unknown-key", "a, b")]),
        (packages(a={"tool": {"micropip-lock": {"yanked": "broken"}}}), [("a", "yanked", "broken")]),
        (
            packages(**{name: {"index": "x"} for name in "abcde"}),
            [("a", "unknown-key", "a, b, c and 2 more")],
        ),
    ],
)
def test_notes(text: str, expected: list[tuple[str, str, str | None]]) -> None:
    """Keys that are not known, packages that need themselves or each other are noted."""
    notes = parse_pyodide_lock(text).notes

    assert expected == [(note.package, note.code, note.got) for note in notes]
    assert {"note"} >= {note.severity for note in notes}


def test_notes_name_the_key() -> None:
    """The note says which key it is."""
    (note,) = parse_pyodide_lock(packages(a={"index": "x"})).notes

    assert note.message.endswith(": index")


def test_a_cycle_that_we_wrote_is_no_news() -> None:
    """A lock of ours has its cycle where Pyodide's loader does not see it, so nothing is noted."""
    assert () == parse_pyodide_lock(format_pyodide_lock(full_lock())).notes


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_locks_of_pyodide_are_not_odd(path: Any) -> None:
    """Of Pyodide's own locks, and micropip's, nothing is noted but self-dependencies."""
    assert {"self-dependency"} >= {note.code for note in parse_pyodide_lock(path.read_bytes()).notes}


def test_notes_are_not_the_lock() -> None:
    """Notes change neither the lock's identity nor equality."""
    odd = parse_pyodide_lock(packages(a={"depends": ["a"]}))
    plain = parse_pyodide_lock(packages(a={}))

    assert (plain, plain.id, 1) == (odd, odd.id, len(odd.notes))
