"""Decisions have numbers of their own."""

from __future__ import annotations

import re
from pathlib import Path

DECISIONS = sorted((Path(__file__).parents[2] / "docs" / "adr").glob("*.md"))


def test_numbers_are_unique() -> None:
    """Each decision has a number that no other has, in its name and in its title alike."""
    named = [int(path.name[:4]) for path in DECISIONS]
    titled = [int(re.match(r"# (\d+)\. ", path.read_text("utf-8"))[1]) for path in DECISIONS]  # type: ignore[index]

    assert sorted(set(named)) == named
    assert named == titled


def test_references_lead_somewhere() -> None:
    """A decision that a text refers to by its number is there."""
    numbers = {int(path.name[:4]) for path in DECISIONS}
    root = Path(__file__).parents[2]
    named = {
        int(number)
        for folder in ("micropip_lock", "docs", "tests")
        for path in (root / folder).rglob("*")
        if path.suffix in (".py", ".md")
        for number in re.findall(r"\bADR (\d+)\b", path.read_text("utf-8"))
    }

    assert named
    assert set() == named - numbers
