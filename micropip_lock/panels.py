"""``ml.panel()``: what is installed, where it came from, and what can be done with it, in a notebook.

Where ipywidgets is installed (the extra ``panel``), with buttons; where it is not, the same as HTML to read. In a
Pyodide kernel it shows and changes the environment; elsewhere it shows a lock.

Left to others: widgets (:mod:`micropip_lock.panel_widgets`), HTML (:mod:`micropip_lock.panel_page`), verbs
(:mod:`micropip_lock.panel_actions`).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from micropip_lock.core.model import Lock
from micropip_lock.errors import UsageError
from micropip_lock.panel_actions import Actions, HereActions
from micropip_lock.panel_page import PanelPage
from micropip_lock.panel_rows import rows_of

if TYPE_CHECKING:
    from micropip_lock.panel_widgets import Panel

NO_WIDGETS = "this is to read only: with ipywidgets installed (`micropip-lock[panel]`) it has buttons"


def panel(
    lock: Lock | str | Path | None = None, *, actions: Actions | None = None, widgets: bool | None = None
) -> Panel | PanelPage:
    """The panel of this kernel, or of a lock.

    Args:
        lock: What to show and to compare with: a lock, or whatever names one (a path, a URL, a link, its text).
            Default: what is installed in this kernel.
        actions: What the buttons do; for tests and other front ends.
        widgets: Whether to use ipywidgets; default: where it is installed.

    Returns:
        A widget, or an object that shows itself as HTML: let it be the last value of a cell.

    Raises:
        UsageError: code ``needs-lock``: without widgets, where there is nothing to show.
        MicropipLockError: without widgets, what reading a lock from a text or a path raises.
    """
    does = actions or HereActions()
    if find_spec("ipywidgets") is not None if widgets is None else widgets:
        from micropip_lock.panel_widgets import Panel

        return Panel(does, lock)
    if isinstance(lock, Path) or (isinstance(lock, str) and not _is_text(lock)):
        lock = Path(lock).read_text("utf-8") if Path(lock).is_file() else lock
    if isinstance(lock, str):
        from micropip_lock.core.formats.any_lock import parse_lock

        lock = parse_lock(lock)
    if lock is None:
        if not does.in_kernel:
            raise UsageError(
                "there is nothing to show: this is no Pyodide kernel",
                code="needs-lock",
                hint="micropip_lock.panel(lock), with a lock or its path",
            )
        return _page(does.environment(), "This kernel")
    assert isinstance(lock, Lock)
    return _page(lock, "A lock")


def _page(lock: Lock, title: str) -> PanelPage:
    return PanelPage(lock=lock, rows=rows_of(lock), title=title, notes=(NO_WIDGETS, *map(str, lock.notes)))


def _is_text(lock: str) -> bool:
    return lock.lstrip().startswith(("{", "#", "["))
