"""A preview as text and as HTML.

Rules this file keeps:

1. No text of a lock becomes markup, and none can hide, reorder or break others: it is escaped, and what would not show
   is replaced.
2. The text is that of ``js/src/preview-text.ts``, line for line.

Left to others: what is in it (:mod:`micropip_lock.core.preview`).
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from micropip_lock.core.preview import UNTOLD, Preview, PreviewedHost, PreviewedPackage, PreviewWarning
from micropip_lock.core.shown import WITHOUT_BREAKS, human_size, visible

SHOWN_NAMES: Final = 12
"""Names that a line lists; it says how many more there are."""

_STANDING: Final = {
    "new": "new: this site has not installed this lock before, as far as it remembers",
    "approved": "approved: somebody here let this site install this lock without asking",
    "running": "running: this lock is in place already",
}


def preview_lines(preview: Preview) -> list[str]:
    """A preview as text, one fact a line."""
    return [
        f"{summary(preview)}, for {_clean(preview.abi)}",
        *(host_line(one) for one in preview.hosts),
        *(f"found by name on {_clean(index)}" for index in preview.indexes),
        _STANDING[preview.standing],
        *(f"warning: {warning_line(one)}" for one in preview.warnings),
        *(f"  {'  '.join(cell for cell in package_cells(one) if cell)}" for one in preview.packages),
        *([f"also installed here, and not in the lock: {names(preview.beside)}"] if preview.beside else []),
        UNTOLD,
        f"lock {_clean(preview.lock)}",
    ]


def summary(preview: Preview) -> str:
    """How many packages and bytes."""
    size = f"{'at least ' if preview.unsized else ''}{human_size(preview.download)} to download"
    if preview.unsized and not preview.download:
        size = "of sizes that the lock does not state"
    return f"{counted(len(preview.packages))}, {size}"


def counted(number: int) -> str:
    """A number of packages."""
    return f"{number} package{'' if number == 1 else 's'}"


def host_line(host: PreviewedHost) -> str:
    """Who is asked for what."""
    where = f"from {_clean(host.host)}" if host.host else "from beside the lock"
    return f"{where}: {counted(host.packages)}{f', {human_size(host.size)}' if host.size else ''}"


def warning_line(warning: PreviewWarning) -> str:
    """What to look at twice."""
    message = _clean(warning.message)
    return f"{names(warning.packages)}: {message}" if warning.packages else message


def package_cells(package: PreviewedPackage) -> tuple[str, str, str, str, str]:
    """Name, version, size, host, and what it changes."""
    change = {"adds": "new here", "same": "installed", "replaces": f"replaces {package.installed}", None: ""}
    size = "size not stated" if package.size is None else human_size(package.size)
    cells = (package.name, package.version, size, package.host or "beside the lock", change[package.change])
    return tuple(map(_clean, cells))  # type: ignore[return-value]  # mypy does not count the items of a map


def names(found: tuple[str, ...]) -> str:
    """Names in a line."""
    more = len(found) - SHOWN_NAMES
    return ", ".join(map(_clean, found[:SHOWN_NAMES])) + (f" and {more} more" if more > 0 else "")


def preview_html(preview: Preview) -> str:
    """A preview as HTML."""
    return "".join(_html(preview))


def _html(preview: Preview) -> Iterator[str]:
    yield "<section>"
    yield f"<p><strong>{escape(summary(preview))}</strong>, for {escape(_clean(preview.abi))}</p><ul>"
    for one in preview.hosts:
        yield f"<li>{escape(host_line(one))}</li>"
    for index in preview.indexes:
        yield f"<li>found by name on {escape(_clean(index))}</li>"
    yield f"<li>{escape(_STANDING[preview.standing])}</li>"
    for warning in preview.warnings:
        yield f"<li><strong>warning:</strong> {escape(warning_line(warning))}</li>"
    if preview.beside:
        yield f"<li>also installed here, and not in the lock: {escape(names(preview.beside))}</li>"
    head = "".join(f"<th>{title}</th>" for title in ("package", "version", "size", "from", "here"))
    yield f"</ul><table><thead><tr>{head}</tr></thead><tbody>"
    for package in preview.packages:
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in package_cells(package))}</tr>"
    yield f"</tbody></table><p>{escape(UNTOLD)}</p><p>lock <code>{escape(_clean(preview.lock))}</code></p></section>"


def _clean(text: str) -> str:
    return visible(text.translate(WITHOUT_BREAKS))
