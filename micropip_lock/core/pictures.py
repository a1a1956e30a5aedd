"""A lock as inline SVG, sizes as a treemap and needs as a graph, and each of them as a table beside it.

Rules this file keeps:

1. Nothing from a lock becomes markup: every text is escaped, and all else is numbers of ours.
2. Each picture has a label, each of its parts a title, and a table says the same to whoever does not see it.
3. Colours are the reader's own: ``currentColor``, and JupyterLab's brand colour where there is one.
4. A picture that would be too large to look at is left out: ``""``; its table is not.

Left to others: time (:mod:`micropip_lock.core.waterfall`), which values (:mod:`micropip_lock.core.needed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from micropip_lock.core.cycles import back_edges
from micropip_lock.core.needed import Tree
from micropip_lock.core.waterfall import Span

ACCENT: Final = "var(--jp-brand-color1, currentColor)"
GROUND: Final = "var(--jp-layout-color1, Canvas)"
MAX_DRAWN: Final = 300
"""Packages that a picture shows; more of them are lines and dots."""

_WIDTH: Final = 720
_HEIGHT: Final = 360
_LETTER: Final = 6.6
_ROW: Final = 24
_COLUMN: Final = 190
_BOX: Final = 150


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a treemap.

    Attributes:
        name: What it is.
        size: Its weight, above 0.
        words: What its title says.
    """

    name: str
    size: int
    words: str


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A place in a picture, in its units."""

    left: float
    top: float
    width: float
    height: float


def treemap(sizes: Sequence[float], width: float, height: float) -> list[Rectangle]:
    """Rectangles whose areas are as the sizes, which are sorted, the largest first; none is thinner than need be.

    Source: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000).
    """
    total = sum(sizes)
    if total <= 0:
        return []
    areas = [size * width * height / total for size in sizes]
    placed: list[Rectangle] = []
    left = top = 0.0
    start = 0
    while start < len(areas):
        side = min(width - left, height - top)
        end = start + 1
        while end < len(areas) and _worst(areas[start : end + 1], side) <= _worst(areas[start:end], side):
            end += 1
        strip = sum(areas[start:end]) / side if side > 0 else 0.0
        along = 0.0
        for area in areas[start:end]:
            length = area / strip if strip > 0 else 0.0
            across_width = width - left <= height - top
            spot = (left + along, top, length, strip) if across_width else (left, top + along, strip, length)
            placed.append(Rectangle(*spot))
            along += length
        if width - left <= height - top:
            top += strip
        else:
            left += strip
        start = end
    return placed


def _worst(areas: Sequence[float], side: float) -> float:
    """The worst ratio of sides in a strip."""
    total = sum(areas)
    if total <= 0 or side <= 0 or areas[-1] <= 0:
        return float("inf")
    return max(side * side * areas[0] / (total * total), total * total / (side * side * areas[-1]))


def treemap_svg(parts: Iterable[Part], label: str) -> str:
    """A treemap, the largest part first; ``""`` when there is nothing to draw, or too much.

    Args:
        parts: In any order.
        label: What the whole is, for screen readers.
    """
    drawn = sorted((part for part in parts if part.size > 0), key=lambda part: (-part.size, part.name))
    if not 0 < len(drawn) <= MAX_DRAWN:
        return ""
    spots = treemap([part.size for part in drawn], _WIDTH, _HEIGHT)
    pieces = [_opening(_WIDTH, _HEIGHT, label)]
    for part, spot in zip(drawn, spots, strict=True):
        pieces.append(
            f'<g><title>{escape(part.words)}</title><rect x="{spot.left:.1f}" y="{spot.top:.1f}" '
            f'width="{spot.width:.1f}" height="{spot.height:.1f}" fill="{ACCENT}" fill-opacity="0.14" '
            'stroke="currentColor" stroke-opacity="0.6"/>'
        )
        letters = int((spot.width - 8) / _LETTER)
        if letters >= 3 and spot.height >= 16:
            pieces.append(
                f'<text x="{spot.left + 4:.1f}" y="{spot.top + 13:.1f}">{escape(_short(part.name, letters))}</text>'
            )
        pieces.append("</g>")
    return "".join([*pieces, "</svg>"])


def graph_svg(tree: Tree, label: str) -> str:
    """What needs what, from left to right; ``""`` when there is nothing to draw, or too much.

    Args:
        tree: The packages.
        label: What the whole is, for screen readers.
    """
    names = sorted({*tree.versions, *(needed for needs in tree.needs.values() for needed in needs)})
    if not 0 < len(names) <= MAX_DRAWN:
        return ""
    spots = _placed(names, tree)
    width = max(left for left, _ in spots.values()) + _BOX
    height = max(top for _, top in spots.values()) + _ROW
    pieces = [_opening(width, height, label)]
    for name, needed in _edges(tree):
        (left, top), (to_left, to_top) = spots[name], spots[needed]
        start, middle = (left + _BOX, top + _ROW / 2), (to_left, to_top + _ROW / 2)
        bend = max(30.0, (middle[0] - start[0]) / 2)
        pieces.append(
            f'<path d="M{start[0]:.0f} {start[1]:.0f}C{start[0] + bend:.0f} {start[1]:.0f} {middle[0] - bend:.0f} '
            f'{middle[1]:.0f} {middle[0]:.0f} {middle[1]:.0f}" fill="none" stroke="currentColor" stroke-opacity="0.35">'
            f"<title>{escape(f'{name} needs {needed}')}</title></path>"
        )
    for name, (left, top) in spots.items():
        version = tree.versions.get(name, "")
        is_root = name in tree.roots
        pieces.append(
            f"<g><title>{escape(f'{name} {version}' if version else name)}</title>"
            f'<rect x="{left}" y="{top + 2}" width="{_BOX}" height="{_ROW - 4}" rx="4" fill="{GROUND}"/>'
            f'<rect x="{left}" y="{top + 2}" width="{_BOX}" height="{_ROW - 4}" rx="4" fill="{ACCENT}" '
            f'fill-opacity="{0.25 if is_root else 0.1}" stroke="currentColor" '
            f'stroke-opacity="{0.8 if version else 0.3}"/><text x="{left + 6}" y="{top + 16}">'
            f"{escape(_short(name, int(_BOX / _LETTER) - 2))}</text></g>"
        )
    return "".join([*pieces, "</svg>"])


def sizes_table(parts: Iterable[Part], unsized: Iterable[str] = ()) -> str:
    """The treemap as a table; what has no size stands at its end."""
    drawn = sorted(parts, key=lambda part: (-part.size, part.name))
    total = sum(part.size for part in drawn) or 1
    rows = [(part.name, str(part.size), f"{part.size * 100 / total:.1f} %") for part in drawn]
    return table_html("Sizes", ("Package", "Bytes", "Share"), [*rows, *((name, "not known", "") for name in unsized)])


def needs_table(tree: Tree) -> str:
    """The graph as a table."""
    users: dict[str, list[str]] = {}
    for name, needed in _edges(tree):
        users.setdefault(needed, []).append(name)
    names = sorted({*tree.versions, *users})
    return table_html(
        "What needs what",
        ("Package", "Version", "Needs", "Needed by"),
        [
            (
                name,
                tree.versions.get(name, "not in the lock"),
                ", ".join(tree.needs.get(name, ())),
                ", ".join(users.get(name, ())),
            )
            for name in names
        ],
    )


def spans_table(spans: Sequence[Span]) -> str:
    """The waterfall of a replay as a table."""
    return table_html(
        "Where the time went",
        ("Package", "Stage", "From (ms)", "For (ms)", "Bytes"),
        [
            (
                span.package or "all",
                span.stage,
                f"{span.start * 1000:.0f}",
                f"{(span.end - span.start) * 1000:.0f}",
                "" if span.size is None else str(span.size),
            )
            for span in spans
        ],
    )


def table_html(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names its rows; every text is escaped."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _edges(tree: Tree) -> Iterator[tuple[str, str]]:
    return ((name, needed) for name in sorted(tree.needs) for needed in tree.needs[name] if needed != name)


def _placed(names: Sequence[str], tree: Tree) -> dict[str, tuple[int, int]]:
    """Where each box goes: as many columns from the left as there are needs before it, cycles cut open."""
    depths = _depths(names, tree.needs)
    columns: dict[int, list[str]] = {}
    for name in names:
        columns.setdefault(depths[name], []).append(name)
    users: dict[str, list[str]] = {}
    for name, needed in _edges(tree):
        users.setdefault(needed, []).append(name)
    rows: dict[str, int] = {}
    for depth in sorted(columns):
        # Near to who needs it: by the mean row of those that are placed already.
        above = {name: [rows[user] for user in users.get(name, ()) if user in rows] for name in columns[depth]}
        ordered = sorted(columns[depth], key=lambda name: (sum(above[name]) / max(1, len(above[name])), name))
        rows |= {name: row for row, name in enumerate(ordered)}
    return {name: (depths[name] * _COLUMN, rows[name] * _ROW) for name in names}


def _depths(names: Sequence[str], needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    cut = back_edges({name: needs.get(name, ()) for name in names})
    forward = {
        name: [needed for needed in needs.get(name, ()) if needed not in cut.get(name, ()) and needed != name]
        for name in names
    }
    open_users = dict.fromkeys(names, 0)
    for needed in (needed for name in names for needed in forward[name]):
        open_users[needed] += 1
    depths = dict.fromkeys(names, 0)
    queue = [name for name in names if open_users[name] == 0]
    while queue:
        name = queue.pop()
        for needed in forward[name]:
            depths[needed] = max(depths[needed], depths[name] + 1)
            open_users[needed] -= 1
            if open_users[needed] == 0:
                queue.append(needed)
    return depths


def _opening(width: float, height: float, label: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" style="max-width:100%;height:auto" font-size="11" font-family="sans-serif" '
        'fill="currentColor" xmlns="http://www.w3.org/2000/svg">'
    )


def _short(name: str, letters: int) -> str:
    return name if len(name) <= letters else name[: max(1, letters - 1)] + "…"
