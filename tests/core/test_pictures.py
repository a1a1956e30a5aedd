"""Tests of :mod:`micropip_lock.core.pictures`: whole, saying what they show, with no markup of others."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.needed import Tree, tree
from micropip_lock.core.pictures import (
    MAX_DRAWN,
    Part,
    graph_svg,
    needs_table,
    sizes_table,
    spans_table,
    table_html,
    treemap,
    treemap_svg,
)
from micropip_lock.core.waterfall import Span, waterfall_svg
from tests.core.test_needed import CYCLE, RICH, lock_of

SVG = "{http://www.w3.org/2000/svg}"
# What XML can hold, markup included.
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=9
)
nasty = texts | st.sampled_from(["<script>", "\"onload='x'", "&amp;", "</svg>", "]]>"])


def titles(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}title")]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=60))
def test_areas_are_as_the_sizes(sizes: list[int]) -> None:
    """Each rectangle is inside the whole, has its share of it, and none covers another: together they are the whole."""
    sizes.sort(reverse=True)
    spots = treemap(sizes, 720, 360)
    total = sum(sizes)
    assert len(sizes) == len(spots)
    for size, spot in zip(sizes, spots, strict=True):
        assert isclose(size / total, spot.width * spot.height / (720 * 360), rel_tol=1e-6, abs_tol=1e-9)
        assert min(spot.left, spot.top) >= 0
        assert spot.left + spot.width <= 720 + 1e-6
        assert spot.top + spot.height <= 360 + 1e-6
    for number, one in enumerate(spots):
        for other in spots[:number]:
            apart_x = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
            apart_y = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
            assert apart_x < 1e-6 or apart_y < 1e-6


def test_rectangles_are_near_to_squares() -> None:
    """The example of the paper: six, six, four, three, two, two, one in six by four."""
    spots = treemap([6, 6, 4, 3, 2, 2, 1], 6, 4)
    assert (3, 2) == (spots[0].width, spots[0].height)
    assert max(max(one.width / one.height, one.height / one.width) for one in spots) < 3.1


@given(st.lists(st.tuples(nasty, st.integers(0, 10**7)), max_size=12), nasty)
def test_any_treemap(items: list[tuple[str, int]], label: str) -> None:
    """Whatever parts are called, the picture is well-formed, says all of them, and its label is the label."""
    parts = [Part(name=name, size=size, words=f"{name}: {size}") for name, size in items]
    svg = treemap_svg(parts, label)
    drawn = sorted(part.words for part in parts if part.size)
    assert bool(drawn) == bool(svg)
    if svg:
        root = ET.fromstring(svg)
        assert (f"{SVG}svg", label, "img") == (root.tag, root.get("aria-label"), root.get("role"))
        assert drawn == sorted(titles(svg))
        assert {f"{SVG}{name}" for name in ("svg", "g", "rect", "text", "title")} >= {one.tag for one in root.iter()}


@given(st.dictionaries(nasty, st.lists(nasty, max_size=4), max_size=8))
def test_any_graph(needs: dict[str, list[str]]) -> None:
    """Whatever needs what, cycles included, every package and every need is in the picture and in the table."""
    unique = {name: tuple(dict.fromkeys(needed)) for name, needed in needs.items()}
    found = Tree(roots=(), needs=unique, versions=dict.fromkeys(needs, "1"), entries=())
    svg = graph_svg(found, "x")
    names = {*needs, *(needed for wanted in needs.values() for needed in wanted)}
    edges = [f"{name} needs {needed}" for name, wanted in unique.items() for needed in wanted if name != needed]
    assert bool(names) == bool(svg)
    if svg:
        assert sorted([*edges, *(f"{name} 1" if name in needs else name for name in names)]) == sorted(titles(svg))
    rows = ET.fromstring(needs_table(found)).findall("tbody/tr")
    assert sorted(names) == sorted((row[0].text or "") for row in rows)


def test_needs_go_from_left_to_right() -> None:
    """Who needs something stands to its left, and no two boxes are in one place."""
    root = ET.fromstring(graph_svg(tree(RICH), "x"))
    spots = {
        (group[0].text or "").split()[0]: (float(group[1].get("x", "")), float(group[1].get("y", "")))
        for group in root.findall(f"{SVG}g")
    }
    assert spots["rich"][0] < spots["markdown-it-py"][0] < spots["mdurl"][0]
    assert len(spots) == len({*spots.values()})


def test_what_is_missing_is_drawn() -> None:
    """What a package needs and the lock lacks has a box, and a row that says so."""
    assert "gone" in titles(graph_svg(tree(CYCLE), "x"))
    assert "not in the lock" in needs_table(tree(CYCLE))


def test_too_much_to_look_at() -> None:
    """Hundreds of packages are a table only."""
    lock = lock_of({f"p{number}": [] for number in range(MAX_DRAWN + 1)})
    parts = [Part(name=package.name, size=1, words="") for package in lock]
    assert ("", "") == (graph_svg(tree(lock), "x"), treemap_svg(parts, "x"))
    assert MAX_DRAWN + 2 == sizes_table(parts).count("<tr>") == needs_table(tree(lock)).count("<tr>")


def test_sizes_as_a_table() -> None:
    """The largest is first, shares add up, and what has no size is there as well."""
    parts = [Part(name="a", size=1, words=""), Part(name="b", size=3, words="")]
    rows = [[cell.text for cell in row] for row in ET.fromstring(sizes_table(parts, ["c"])).findall("tbody/tr")]
    assert [["b", "3", "75.0 %"], ["a", "1", "25.0 %"], ["c", "not known", None]] == rows


def test_times_as_a_table() -> None:
    """Each stretch of the waterfall is a row of the table."""
    spans = [
        Span(stage="plan", package=None, start=0, end=0.01),
        Span(stage="fetch", package="a", start=0.01, end=0.11, size=5),
    ]
    rows = [[cell.text for cell in row] for row in ET.fromstring(spans_table(spans)).findall("tbody/tr")]
    assert [["all", "plan", "0", "10", None], ["a", "fetch", "10", "100", "5"]] == rows
    assert 2 == len([one for one in ET.fromstring(waterfall_svg(spans)).iter() if one.tag.endswith("title")])


@pytest.mark.parametrize("text", ["<b>", "&", '"'])
def test_tables_hold_no_markup(text: str) -> None:
    """Captions, heads and cells are text."""
    table = ET.fromstring(table_html(text, (text, text), [(text, text)]))
    assert [text] * 5 == [one.text for one in table.iter() if one.tag in ("caption", "th", "td")]
