"""docs/features.md and docs/faults.md name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def missing(text: str) -> list[str]:
    """Tests that a text names and that no file defines."""
    return [
        f"{path}::{name}"
        for path, name in NAMED.findall(text)
        if not ROOT.joinpath(path).is_file() or not re.search(rf"def {name}\(", ROOT.joinpath(path).read_text("utf-8"))
    ]


def test_every_named_test_exists() -> None:
    """Each proof in the feature table is a test of that name in that file."""
    text = ROOT.joinpath("docs/features.md").read_text("utf-8")
    assert len(NAMED.findall(text)) > 30
    assert [] == missing(text)


def test_every_fault_has_tests_that_exist() -> None:
    """Each fault has an outcome and a test; each named test is one, and no fault is there twice."""
    text = ROOT.joinpath("docs/faults.md").read_text("utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if re.match(r"\| [A-Z]\d\d ", line)]
    known = [row[0].split()[0] for row in rows]
    assert [] == missing(text)
    assert sorted(set(known)) == sorted(known)
    assert {f"N{number:02}" for number in range(1, 32)} <= set(known)
    assert [] == [row[0] for row in rows if len(row) != 7 or not row[1].strip() or not row[5].strip()]
    assert [] == [row[0] for row in rows if not re.search(r"host|Node|engine|`tests/", row[6])]


def test_a_made_up_test_is_noticed() -> None:
    """A name that no file defines is reported."""
    name = "test_nobody_wrote_this"
    assert [f"tests/house/test_features.py::{name}"] == missing(f"`tests/house/test_features.py::{name}`")


def test_every_row_has_a_state() -> None:
    """Each row says Y, part or –; a Y names a test."""
    text = ROOT.joinpath("docs/features.md").read_text("utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if re.match(r"\| \d", line)]
    assert {"Y", "part", "–"} >= {row[2].strip() for row in rows}
    assert [] == [row[0] for row in rows if row[2].strip() == "Y" and not NAMED.search(row[3])]
