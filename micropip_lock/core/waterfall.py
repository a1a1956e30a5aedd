"""Where the time of a replay went, as spans, as lines of text, and as an inline SVG.

Rules this file keeps: whatever is drawn has the same facts as text beside it; names are escaped; colours are the
reader's own (``currentColor``), so that light and dark pages show it alike.

Left to others: measuring (:mod:`micropip_lock.app.replay`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

SpanStage = Literal["plan", "store", "fetch", "check", "install"]

_MARKS: Final = {"plan": ".", "store": "s", "fetch": "=", "check": "c", "install": "#"}
_OPACITY: Final = {"plan": 0.35, "store": 0.5, "fetch": 0.7, "check": 0.45, "install": 1.0}
_ROW: Final = 14
_LABEL: Final = 170
_WIDTH: Final = 640


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One stretch of a replay.

    Attributes:
        stage: ``plan`` (offline: what to do), ``store`` (taken from the store), ``fetch`` (first request to last byte),
            ``check`` (looked into), ``install`` (put in place, all together).
        package: Normalised name, or ``None`` for the replay as a whole.
        start: Seconds since the replay began.
        end: The same.
        size: Bytes that arrived, where there are any.
    """

    stage: SpanStage
    package: str | None
    start: float
    end: float
    size: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object; seconds to a tenth of a millisecond."""
        return {
            "stage": self.stage,
            "package": self.package,
            "start": round(self.start, 4),
            "end": round(self.end, 4),
            "size": self.size,
        }


def waterfall_lines(spans: Sequence[Span], *, width: int = 60) -> list[str]:
    """One line for each span: its name, a bar, and how long it took.

    Args:
        spans: In the order to show.
        width: Characters of the longest bar.
    """
    total = max((span.end for span in spans), default=0.0)
    if total <= 0:
        return []
    longest = max(len(span.package or "all") for span in spans)
    lines = []
    for span in spans:
        first, last = round(span.start / total * width), round(span.end / total * width)
        bar = " " * min(first, width - 1) + _MARKS[span.stage] * max(last - first, 1)
        took = f"{(span.end - span.start) * 1000:.0f} ms"
        lines.append(f"{span.package or 'all':<{longest}}  {span.stage:<7}  |{bar:<{width}.{width}}| {took}")
    return lines


def waterfall_svg(spans: Sequence[Span]) -> str:
    """The spans as an inline SVG, each with a title that says it in words; ``""`` when there is nothing to show."""
    from html import escape

    total = max((span.end for span in spans), default=0.0)
    if total <= 0:
        return ""
    rows: dict[str | None, int] = {}
    for span in spans:
        rows.setdefault(span.package, len(rows))
    parts = [
        (
            f'<svg role="img" aria-label="Where the time of the replay went" width="{_LABEL + _WIDTH}" '
            f'height="{_ROW * len(rows)}" font-size="11" font-family="monospace" fill="currentColor">'
        )
    ]
    for package, row in rows.items():
        parts.append(f'<text x="0" y="{row * _ROW + 11}">{escape(_short(package or "all"))}</text>')
    for span in spans:
        left, right = span.start / total * _WIDTH, span.end / total * _WIDTH
        words = f"{span.package or 'all'}: {span.stage}, {(span.end - span.start) * 1000:.0f} ms"
        parts.append(
            f'<rect x="{_LABEL + left:.1f}" y="{rows[span.package] * _ROW + 2}" width="{max(right - left, 1):.1f}" '
            f'height="{_ROW - 4}" fill-opacity="{_OPACITY[span.stage]}"><title>{escape(words)}</title></rect>'
        )
    return "".join([*parts, "</svg>"])


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"
