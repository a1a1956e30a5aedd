"""The panel with buttons, of ipywidgets' core controls and nothing else.

Rules this file keeps:

1. One thing is done at a time; while it is, the other buttons rest, and what can be cancelled has a button for it. The
   button that was pressed stays, since what is switched off loses the focus of the keyboard.
2. Nothing is installed before the person has seen from where, and said yes on a second button.
3. The focus goes to a question when there is one, on its No, and comes back to the button that asked.
4. What happens is told where screen readers hear it: one place for the state, one for what is wrong.

Left to others: what is done (:mod:`micropip_lock.panel_actions`), HTML (:mod:`micropip_lock.panel_page`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from ipywidgets import HTML, Button, Dropdown, HBox, Layout, Text, VBox

from micropip_lock.core.compare import LockDiff, VerifyReport, diff
from micropip_lock.core.model import Lock
from micropip_lock.core.needed import why
from micropip_lock.core.waterfall import Span
from micropip_lock.errors import MicropipLockError, UsageError
from micropip_lock.panel_actions import Actions
from micropip_lock.panel_page import (
    STYLE,
    Bar,
    diff_html,
    error_html,
    findings_html,
    graph_html,
    heading_html,
    link_html,
    message_html,
    packages_html,
    progress_html,
    sizes_html,
    spans_html,
    wrapped,
)
from micropip_lock.panel_rows import SORTS, Row, rows_of
from micropip_lock.ports import ProgressEvent

VIEWS: Final = ("Packages", "Sizes", "What needs what", "Last replay", "Findings", "Differences", "Link", "Why")
_WRAPS: Final = {"flex_flow": "row wrap", "align_items": "center"}
_REDRAW_AFTER: Final = 0.1


class Panel(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The panel.

    Args:
        actions: What the buttons do.
        lock: What to show and to compare with; ``None`` for the environment.
    """

    def __init__(self, actions: Actions, lock: Lock | str | Path | None = None) -> None:
        self._actions = actions
        self._given = lock
        self.lock: Lock | None = None
        self.other: Lock | None = None
        self.report: VerifyReport | None = None
        self.difference: LockDiff | None = None
        self.spans: tuple[Span, ...] = ()
        self.link: str | None = None
        self._why = ""
        self._rows: list[Row] = []
        self._task: asyncio.Task[None] | None = None
        self._waiting: Lock | None = None
        self._bars: dict[str, Bar] = {}
        self._drawn_at = 0.0
        super().__init__(self._build(), layout=Layout(width="100%"))
        self._enable()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            # Nobody runs tasks here yet: `await panel.refresh()`.
            self._say("press Refresh")
        else:
            self._start(self.refresh)

    def _build(self) -> list[Any]:
        self.heading, self.status = HTML(), HTML()
        self.body, self.bars, self.summary = HTML(), HTML(), HTML()
        self.search = Text(description="Search", placeholder="name, version, source, state", continuous_update=True)
        self.sort = Dropdown(description="Sort by", options=SORTS, value="name")
        self.view = Dropdown(description="View", options=VIEWS, value="Packages")
        self.package = Dropdown(description="Package", options=[])
        self.path = Text(description="Lock", placeholder="a path, a URL or a lock link", continuous_update=False)
        self.file = Text(description="File", value="pyodide-lock.json", continuous_update=False)
        self.refresh_button = self._button("Refresh", self.refresh, "Look again at what is here")
        self.freeze_button = self._button("Freeze", self.freeze, "Lock what is installed, strictly")
        self.verify_button = self._button("Verify", self.verify, "Compare what is installed with the lock, every file")
        self.share_button = self._button("Share", self.share, "A link that carries the lock")
        self.compare_button = self._button("Compare", self.compare, "What differs between this and the lock named here")
        self.replay_button = self._button("Replay…", self.ask, "Show what replaying the lock named here would do")
        self.save_button = self._button("Save", self.save, "Write the lock into the file, or into a notebook")
        self.upgrade_button = self._button("Upgrade", self.upgrade, "Move this package, and what it forces")
        self.why_button = self._button("Why?", self.explain, "Why this package is here")
        self.yes_button = self._button("Yes, replay it", self.replay, "Install exactly this lock")
        self.no_button = Button(description="No", tooltip="Install nothing")
        self.no_button.on_click(lambda _button: self._refuse())
        self.cancel_button = Button(description="Cancel", tooltip="Stop; what was begun is undone")
        self.cancel_button.on_click(lambda _button: self.cancel())
        for control in (self.search, self.sort, self.view):
            control.observe(lambda _change: self._draw(), names="value")
        self.question = VBox([self.summary, HBox([self.no_button, self.yes_button])])
        self.progress = VBox([self.bars, HBox([self.cancel_button])])
        self.question.layout.display = self.progress.layout.display = "none"
        return [
            HTML(STYLE),
            self.heading,
            self.status,
            self._row(self.refresh_button, self.freeze_button, self.verify_button, self.share_button),
            self._row(self.path, self.compare_button, self.replay_button),
            self._row(self.file, self.save_button),
            self._row(self.package, self.upgrade_button, self.why_button),
            self.question,
            self.progress,
            self._row(self.view, self.search, self.sort),
            self.body,
        ]

    def _row(self, *controls: Any) -> Any:
        return HBox(list(controls), layout=Layout(**_WRAPS))

    def _button(self, title: str, action: Callable[[], Awaitable[None]], help_text: str) -> Any:
        button = Button(description=title, tooltip=help_text)
        button.on_click(lambda pressed: self._start(action, pressed))
        return button

    async def refresh(self) -> None:
        """Look again: at the lock that was given, else at the environment.

        Raises:
            MicropipLockError: shown by the panel when a button was pressed.
        """
        given = self._given
        if given is not None and not isinstance(given, Lock):
            given = await self._actions.load(str(given))
        if given is None and self._actions.in_kernel:
            given = self._actions.environment()
        self._show(given, None)
        self._say("nothing to show yet: name a lock, and press Compare" if given is None else "up to date")

    async def freeze(self) -> None:
        """Lock what is installed, strictly."""
        lock = await self._actions.freeze()
        self._show(lock, None)
        self._say(f"frozen: lock {lock.id[:12]}; Save writes it, Share makes a link of it", "good")

    async def verify(self) -> None:
        """Compare the environment with the lock that is named, else with the one that is shown."""
        lock = await self._named() or self._shown()
        self.report = await self._actions.verify(lock)
        self._show(lock, self.report)
        self.view.value = "Findings"
        self._say(self.report.lines()[-1], "good" if self.report.ok else "bad")

    async def compare(self) -> None:
        """Show how the lock that is named differs from what is shown; with nothing shown, show it."""
        other = await self._named(is_needed=True)
        assert other is not None
        if self.lock is None:
            self._show(other, None)
            self._say("this is the lock")
            return
        self.other, self.difference = other, diff(self.lock, other)
        self.view.value = "Differences"
        self._say("they differ" if self.difference else "they say the same", "plain" if self.difference else "good")

    async def ask(self) -> None:
        """Show what a replay of the lock that is named, else of the one that is shown, would do."""
        self._ask_for(await self._named() or self._shown())

    async def replay(self) -> None:
        """Install what was asked about."""
        lock, self._waiting = self._waiting, None
        self.question.layout.display = "none"
        if lock is None:
            return
        report = await self._watched(lambda told: self._actions.replay(lock, told))
        self.spans = tuple(report.spans)
        self._given = None if self._given is None else lock
        self._show(self._actions.environment() if self._actions.in_kernel else lock, None)
        self.view.value = "Packages"
        restart = "; restart the kernel: modules of another version are still loaded" if report.restart_required else ""
        self._say(f"replayed: {len(report.packages)} packages in {report.seconds:.1f} s{restart}", "good")

    async def upgrade(self) -> None:
        """Make a lock in which the chosen package has moved; it is shown, not installed."""
        before, name = self._shown(), self.package.value
        after = await self._watched(lambda told: self._actions.upgrade(before, name, told))
        self.difference = diff(before, after)
        self._show(after, None)
        self._given = after
        self.view.value = "Differences"
        self._say(
            "nothing newer fits" if self.difference.ok else "upgraded in the lock; Replay… installs it",
            "plain" if self.difference.ok else "good",
        )

    async def save(self) -> None:
        """Write the lock that is shown."""
        self._say(f"wrote {await self._actions.save(self._shown(), self.file.value.strip())}", "good")

    async def share(self) -> None:
        """Make a link of the lock that is shown."""
        self.link = self._actions.share(self._shown())
        self.view.value = "Link"
        self._say(f"a link of {len(self.link)} characters", "good")

    async def explain(self) -> None:
        """Say why the chosen package is there."""
        self._why = str(why(self._shown(), str(self.package.value)))
        self.view.value = "Why"
        self._say(self._why.splitlines()[0])

    def cancel(self) -> None:
        """Stop what is under way."""
        if self._task is not None:
            self._task.cancel()

    async def done(self) -> None:
        """Wait until what is under way has ended."""
        while self._task is not None:
            await asyncio.wait([self._task])

    def _start(self, action: Callable[[], Awaitable[None]], pressed: Any = None) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(self._guarded(action, pressed))

    async def _guarded(self, action: Callable[[], Awaitable[None]], pressed: Any) -> None:
        self._enable(False, but=pressed)
        try:
            await action()
        except MicropipLockError as error:
            self.status.value = wrapped(error_html(error))
        except asyncio.CancelledError as stopped:
            # A replay that was done already when it was told to stop has its report.
            is_done = getattr(stopped, "report", None) is not None
            self._say("it was done already" if is_done else "cancelled; nothing was changed")
        except Exception as bug:
            # Nobody looks at the task: what it hides here is seen nowhere.
            told = message_html(f"{type(bug).__name__}: {bug}\nthis is a bug in micropip-lock", "bad", is_alert=True)
            self.status.value = wrapped(told)
            raise
        finally:
            self.progress.layout.display = "none"
            self._task = None
            self._enable()
            if pressed is self.yes_button:
                # It is gone from the screen.
                self.replay_button.focus()

    async def _watched[T](self, action: Callable[[Callable[[ProgressEvent], None]], Awaitable[T]]) -> T:
        self._bars, self._drawn_at = {}, 0.0
        self.bars.value, self.progress.layout.display = "", ""
        return await action(self._told)

    def _told(self, event: ProgressEvent) -> None:
        if event.package is not None:
            self._bars[event.package] = Bar(stage=event.stage, received=event.received, total=event.total)
        now = time.monotonic()
        if now - self._drawn_at >= _REDRAW_AFTER or event.stage == "done":
            self._drawn_at = now
            self.bars.value = wrapped(progress_html(self._bars, event.all_received, event.all_total, event.stage))

    async def _named(self, *, is_needed: bool = False) -> Lock | None:
        text = self.path.value.strip()
        return await self._actions.load(text) if text or is_needed else None

    def _shown(self) -> Lock:
        if self.lock is None:
            raise UsageError("there is no lock", code="no-lock", hint="name one under Lock, and press Compare")
        return self.lock

    def _refuse(self) -> None:
        self._waiting = None
        self.question.layout.display = "none"
        self._say("nothing was installed")
        self.replay_button.focus()

    def _ask_for(self, lock: Lock) -> None:
        self._waiting = None
        self.question.layout.display = "none"
        # What the policy refuses has no preview, and is not asked about.
        self.summary.value = wrapped(self._actions.preview(lock)._repr_html_())
        self._waiting, self.question.layout.display = lock, ""
        self._say("replay it? what that would do is below")
        self.no_button.focus()

    def _show(self, lock: Lock | None, report: VerifyReport | None) -> None:
        self.lock, self.report = lock, report
        self._rows = [] if lock is None else rows_of(lock, report)
        chosen = self.package.value
        names = [] if lock is None else sorted(lock.packages)
        self.package.options = names
        if names:
            self.package.value = chosen if chosen in names else names[0]
        title = "This kernel" if self._given is None and self._actions.in_kernel else "A lock"
        self.heading.value = wrapped(heading_html(title, lock))
        self._draw()

    def _draw(self) -> None:
        self.body.value = wrapped(self._content(str(self.view.value)))

    def _content(self, view: str) -> str:
        none = message_html("nothing here yet")
        match view:
            case "Packages":
                return packages_html(self._rows, search=self.search.value, sort=self.sort.value)
            case "Sizes" if self.lock is not None:
                return sizes_html(self.lock)
            case "What needs what" if self.lock is not None:
                return graph_html(self.lock)
            case "Last replay":
                return spans_html(self.spans)
            case "Findings" if self.report is not None:
                return findings_html(self.report)
            case "Differences" if self.difference is not None:
                before, after = self.difference.before_id[:12], self.difference.after_id[:12]
                return diff_html(self.difference, before, after)
            case "Link" if self.link is not None:
                return link_html(self.link, self._actions.code_of(self.link))
            case "Why" if self._why:
                return message_html(self._why)
        return none

    def _say(self, text: str, tone: Any = "plain") -> None:
        self.status.value = wrapped(f'<div role="status" aria-live="polite">{message_html(text, tone)}</div>')

    def _enable(self, on: bool = True, but: Any = None) -> None:
        always = (self.refresh_button, self.share_button, self.compare_button, self.save_button, self.why_button)
        for button in (*always, self.upgrade_button):
            button.disabled = not (on or button is but)
        for button in (self.freeze_button, self.verify_button, self.replay_button, self.yes_button):
            button.disabled = not (self._actions.in_kernel and (on or button is but))
