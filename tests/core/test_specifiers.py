"""Requirements and markers of strangers: a value, or the error of packaging, never a stack that is used up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement

from micropip_lock.core.specifiers import MAX_PARENTHESES, parse_marker, parse_requirement

CONDITION = "os_name == 'posix'"


def nested(levels: int) -> str:
    return "(" * levels + CONDITION + ")" * levels


@pytest.mark.parametrize("levels", [0, MAX_PARENTHESES])
def test_as_deep_as_allowed(levels: int) -> None:
    """Parentheses up to the cap are parsed, as packaging parses them."""
    marker = nested(levels)

    assert (Marker(marker), Requirement(f"six; {marker}")) == (
        parse_marker(marker),
        parse_requirement(f"six; {marker}"),
    )


@pytest.mark.parametrize("levels", [MAX_PARENTHESES + 1, 100_000])
def test_deeper(levels: int) -> None:
    """One level more is refused, and so are a hundred thousand, closed or not."""
    for text in (nested(levels), "(" * levels, ")" * levels + "(" * levels):
        with pytest.raises(InvalidMarker):
            parse_marker(text)
        with pytest.raises(InvalidRequirement):
            parse_requirement(f"six; {text}")


def test_many_in_a_row() -> None:
    """Parentheses beside each other are no depth."""
    marker = " or ".join([nested(2)] * 100)

    assert Marker(marker) == parse_marker(marker)


@given(st.text(st.sampled_from("()ab'<>=; []@./"), max_size=60))
def test_as_packaging(text: str) -> None:
    """Whatever the text, packaging's answer is the answer."""
    try:
        expected: object = Requirement(text)
    except InvalidRequirement:
        expected = None
    try:
        found: object = parse_requirement(text)
    except InvalidRequirement:
        found = None

    assert expected == found or text.count("(") > MAX_PARENTHESES
