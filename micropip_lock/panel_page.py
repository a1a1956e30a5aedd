"""The panel as HTML: what it shows, with nothing to press. Also what is shown where there are no widgets.

Rules this file keeps:

1. Nothing from a lock, an index or an error becomes markup.
2. Colours are JupyterLab's variables, with the system's own colours behind them, so that light and dark both read; no
   state is told by colour alone.
3. A picture has its table beside it.

Left to others: pictures (:mod:`micropip_lock.core.pictures`), pressing (:mod:`micropip_lock.panel_widgets`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final, Literal

from micropip_lock.core.compare import LockDiff, VerifyReport
from micropip_lock.core.model import Lock
from micropip_lock.core.needed import tree
from micropip_lock.core.pictures import (
    Part,
    graph_svg,
    needs_table,
    sizes_table,
    spans_table,
    table_html,
    treemap_svg,
)
from micropip_lock.core.shown import human_size
from micropip_lock.core.waterfall import Span, waterfall_svg
from micropip_lock.errors import MicropipLockError
from micropip_lock.panel_rows import Row, Sort, chosen

Tone = Literal["plain", "good", "bad"]

STYLE: Final = """<style>
.mpl-panel{color:var(--jp-ui-font-color1,CanvasText);font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif)}
.mpl-panel table{border-collapse:collapse;width:100%;margin:4px 0 8px;font-size:13px}
.mpl-panel caption{text-align:left;font-weight:600;padding:4px 0}
.mpl-panel th,.mpl-panel td{text-align:left;padding:3px 10px 3px 0;vertical-align:top;font-weight:400;
 border-bottom:1px solid var(--jp-border-color2,GrayText)}
.mpl-panel th{white-space:nowrap}
.mpl-panel td{overflow-wrap:anywhere}
.mpl-panel td.mpl-good{white-space:nowrap}
.mpl-panel thead th,.mpl-panel .mpl-asked th{font-weight:600}
.mpl-panel td.mpl-number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.mpl-panel .mpl-scroll{overflow:auto;max-height:60vh}
.mpl-panel .mpl-scroll:focus-visible,.mpl-panel summary:focus-visible,.mpl-panel button:focus-visible,
.mpl-panel textarea:focus-visible{outline:2px solid var(--jp-brand-color1,Highlight);outline-offset:1px}
.mpl-panel .mpl-good::before{content:"✓ "}
.mpl-panel .mpl-bad::before{content:"✗ "}
.mpl-panel .mpl-bad{font-weight:600}
.mpl-panel .mpl-message{white-space:pre-wrap;margin:4px 0;padding:6px 10px;
 border-left:4px solid var(--jp-border-color1,GrayText);font-family:var(--jp-code-font-family,ui-monospace,monospace)}
.mpl-panel .mpl-message.mpl-bad{border-left-color:var(--jp-error-color1,#b3261e);font-weight:400}
.mpl-panel .mpl-message.mpl-good{border-left-color:var(--jp-success-color1,#1b6b2f)}
.mpl-panel progress{width:100%;accent-color:var(--jp-brand-color1,Highlight)}
.mpl-panel h2,.mpl-panel h3{font-size:15px;margin:4px 0}
.mpl-panel textarea{width:100%;box-sizing:border-box;font-family:var(--jp-code-font-family,ui-monospace,monospace);
 color:inherit;background:var(--jp-layout-color1,Canvas)}
.mpl-panel button{font:inherit;color:inherit;background:var(--jp-layout-color2,ButtonFace);padding:4px 12px;
 border:1px solid var(--jp-border-color1,GrayText);border-radius:2px}
.mpl-panel svg{margin:4px 0}
</style>"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """How far one package of a replay is.

    Attributes:
        stage: What it is at.
        received: Bytes.
        total: Bytes, when known.
    """

    stage: str
    received: int = 0
    total: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelPage:
    """The panel where there are no widgets: shown by ``_repr_html_``, else as text.

    Attributes:
        lock: What is shown.
        rows: Its packages.
        title: What it is.
        notes: Sentences above it.
        spans: Of the last replay.
    """

    lock: Lock
    rows: Sequence[Row]
    title: str
    notes: Sequence[str] = field(default=())
    spans: Sequence[Span] = field(default=())

    def __repr__(self) -> str:
        return f"<PanelPage {self.title}: {len(self.rows)} packages>"

    def _repr_html_(self) -> str:
        notes = "".join(message_html(note) for note in self.notes)
        parts = [
            heading_html(self.title, self.lock),
            notes,
            packages_html(self.rows),
            folded("Sizes", sizes_html(self.lock)),
            folded("What needs what", graph_html(self.lock)),
            folded("Where the time of the last replay went", spans_html(self.spans)) if self.spans else "",
        ]
        return STYLE + wrapped("".join(parts))


def wrapped(html: str) -> str:
    """A piece of the panel, styled."""
    return f'<div class="mpl-panel">{html}</div>'


def heading_html(title: str, lock: Lock | None) -> str:
    """What is shown, in one line."""
    if lock is None:
        return f"<h2>{escape(title)}</h2>"
    count = f"{len(lock)} package{'s' * (len(lock) != 1)}"
    size = human_size(lock.size)
    facts = ", ".join([count, *([size] if size else []), str(lock.abi)])
    return f"<h2>{escape(title)}</h2><div>{escape(facts)} · lock <code>{lock.id[:12]}</code></div>"


def message_html(text: str, tone: Tone = "plain", *, is_alert: bool = False) -> str:
    """A sentence, read out by screen readers when it is an alert."""
    kind = "" if tone == "plain" else f" mpl-{tone}"
    role = ' role="alert"' if is_alert else ""
    return f'<div class="mpl-message{kind}"{role}>{escape(text)}</div>'


def error_html(error: MicropipLockError) -> str:
    """An error as people read it."""
    return message_html(str(error), "bad", is_alert=True)


def packages_html(rows: Sequence[Row], *, search: str = "", sort: Sort = "name") -> str:
    """The packages as a table."""
    found = chosen(rows, search=search, sort=sort)
    body = "".join(
        f"<tr{' class=mpl-asked' if row.requested else ''}><th scope=row>{escape(row.name)}</th>"
        f"<td>{escape(row.version)}</td><td>{escape(row.source)}</td>"
        f"<td class=mpl-number>{escape(human_size(row.size))}</td>"
        f"<td class=mpl-{'bad' if row.is_wrong else 'good'}>{escape(row.state)}</td></tr>"
        for row in found
    )
    shown = f"{len(found)} of {len(rows)} packages" if len(found) != len(rows) else f"{len(rows)} packages"
    sorting = f", by {sort}; those in bold were asked for"
    head = "".join(
        f'<th scope="col"{sorted_by(name, sort)}>{title}</th>'
        for name, title in (
            ("name", "Package"),
            ("version", "Version"),
            ("source", "Source"),
            ("size", "Size"),
            ("state", "State"),
        )
    )
    caption = f"<caption>{escape(shown + sorting)}</caption>"
    return scrolling(f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", "Packages")


def sorted_by(column: str, sort: Sort) -> str:
    """The attribute that tells screen readers by which column a table is sorted."""
    if column != sort:
        return ""
    return f' aria-sort="{"descending" if sort == "size" else "ascending"}"'


def scrolling(html: str, label: str) -> str:
    """A region that scrolls, which the keyboard can reach."""
    return f'<div class="mpl-scroll" role="region" aria-label="{escape(label)}" tabindex="0">{html}</div>'


def folded(title: str, html: str) -> str:
    """A part that is opened when somebody wants it."""
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def sizes_html(lock: Lock) -> str:
    """The sizes of the wheels, as a picture and as a table."""
    parts = [
        Part(
            name=package.name,
            size=package.wheel.size,
            words=f"{package.name} {package.version}: {human_size(package.wheel.size)}",
        )
        for package in lock
        if package.wheel.size
    ]
    unsized = [package.name for package in lock if not package.wheel.size]
    label = f"Sizes of {len(parts)} packages; the table below has the numbers"
    told = "" if parts else message_html("the lock says the size of no wheel")
    return told + treemap_svg(parts, label) + folded("The sizes as a table", sizes_table(parts, unsized))


def graph_html(lock: Lock) -> str:
    """What needs what, as a picture and as a table."""
    found = tree(lock)
    label = f"What {len(found.versions)} packages need; the table below has the names"
    drawn = scrolling(graph_svg(found, label), "Graph of needs")
    return drawn + folded("The needs as a table", needs_table(found))


def spans_html(spans: Sequence[Span]) -> str:
    """Where the time of a replay went, as a picture and as a table."""
    if not spans:
        return message_html("nothing was replayed here yet")
    return scrolling(waterfall_svg(spans), "Timeline of the replay") + folded(
        "The times as a table", spans_table(spans)
    )


def findings_html(report: VerifyReport) -> str:
    """What a verification found."""
    summary = message_html(report.lines()[-1], "good" if report.ok else "bad")
    if not report.findings:
        return summary
    columns = ("severity", "package", "code", "message", "path", "expected", "got")
    rows = [[finding.to_json().get(name, "") for name in ("package", "severity", *columns[2:])] for finding in report]
    titles = ("Package", "Severity", "Code", "What", "File", "Expected", "Got")
    return summary + scrolling(table_html("Findings", titles, rows), "Findings")


def diff_html(diff: LockDiff, before: str, after: str) -> str:
    """How two locks differ."""
    if diff.ok:
        return message_html(f"{before} and {after} say the same", "good")
    kinds = {"!": "other", "+": "added", "-": "removed", "~": "changed"}
    rows, more = list[list[str]](), list[str]()
    for line in diff.lines():
        mark, _, text = line.partition(" ")
        if mark in kinds:
            rows.append([kinds[mark], text])
        else:
            more.append(line.strip())
            rows.append(["", line.strip()])
    return scrolling(table_html(f"From {before} to {after}", ("Change", "What"), rows), "Differences")


def progress_html(bars: Mapping[str, Bar], received: int, total: int | None, stage: str) -> str:
    """How far a replay is, in all and for each package under way."""
    most = total or sum(bar.total or 0 for bar in bars.values()) or 1
    done = human_size(received) + (f" of {human_size(total)}" if total else "")
    whole = (
        f"<div>{escape(stage)} · {escape(done)}</div>"
        f'<progress aria-label="All packages" value="{min(received, most)}" max="{most}"></progress>'
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(bar.stage)}</td><td>'
        f'<progress aria-label="{escape(name)}" value="{_done(bar)}" max="{bar.total or 1}"></progress></td></tr>'
        for name, bar in bars.items()
    )
    table = f"<table><caption>Packages</caption><tbody>{rows}</tbody></table>" if rows else ""
    return whole + scrolling(table, "Progress of each package")


def _done(bar: Bar) -> int:
    most = bar.total or 1
    return most if bar.stage not in ("fetch", "plan") else min(bar.received, most)


def link_html(link: str, code: str | None) -> str:
    """A link to copy, with its length, and as a QR code where there is one.

    Args:
        link: The link.
        code: SVG of ours, drawn from numbers.
    """
    length = f"{len(link)} characters"
    warning = " — some programs cut links off at 2,000" if len(link) > 2000 else ""
    # The handler is ours; the link is only data of it.
    copy = (
        f'<button type="button" data-link="{escape(link)}" '
        "onclick=\"navigator.clipboard.writeText(this.dataset.link);this.textContent='Copied'\">Copy link</button>"
    )
    return (
        f"<h3>Link</h3><div>{escape(length + warning)}</div>"
        f'<textarea readonly rows="4" aria-label="Lock link">{escape(link)}</textarea>{copy}{code or ""}'
    )
