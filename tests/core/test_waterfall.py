"""Where the time of a replay went: text, SVG and JSON say the same, whatever the names and times."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.waterfall import Span, waterfall_lines, waterfall_svg

SPANS = [
    Span(stage="plan", package=None, start=0.0, end=0.1),
    Span(stage="fetch", package="rich", start=0.1, end=0.9, size=1000),
    Span(stage="check", package="rich", start=0.9, end=0.95),
    Span(stage="install", package=None, start=0.95, end=1.0),
]


def test_lines() -> None:
    """Each span is a line, its bar where it was on the way from beginning to end."""
    assert waterfall_lines(SPANS, width=10) == [
        "all   plan     |.         | 100 ms",
        "rich  fetch    | ======== | 800 ms",
        "rich  check    |         c| 50 ms",
        "all   install  |         #| 50 ms",
    ]


def test_svg() -> None:
    """Packages are rows, and each bar says in words what it shows."""
    picture = ET.fromstring(waterfall_svg(SPANS))

    assert [text.text for text in picture.iter("text")] == ["all", "rich"]
    assert [title.text for title in picture.iter("title")] == [
        "all: plan, 100 ms",
        "rich: fetch, 800 ms",
        "rich: check, 50 ms",
        "all: install, 50 ms",
    ]


def test_json() -> None:
    """A span's facts, with times that are no longer than they are true."""
    assert SPANS[1].to_json() == {"stage": "fetch", "package": "rich", "start": 0.1, "end": 0.9, "size": 1000}


def test_nothing() -> None:
    """A replay that took no time has nothing to show."""
    assert (waterfall_lines([]), waterfall_svg([])) == ([], "")


times = st.floats(0, 1e6, allow_nan=False)
spans = st.builds(
    lambda stage, package, a, b: Span(stage=stage, package=package, start=min(a, b), end=max(a, b)),
    st.sampled_from(["plan", "store", "fetch", "check", "install"]),
    # What XML cannot hold at all is in no name of a distribution.
    st.none() | st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn", "Cc"]), max_size=40),
    times,
    times,
)


@given(st.lists(spans, max_size=20), st.integers(1, 200))
def test_any_spans(found: list[Span], width: int) -> None:
    """No name leaves its place: the SVG is well-formed, and every bar is as wide as it may be."""
    lines, picture = waterfall_lines(found, width=width), waterfall_svg(found)

    assert len(lines) in (0, len(found))
    assert {line.rindex("| ") - line.index("  |") for line in lines if "|" not in line.split("  |")[0]} <= {width + 3}
    if picture:
        assert len(list(ET.fromstring(picture).iter("rect"))) == len(found)
