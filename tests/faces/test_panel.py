"""Tests of :mod:`micropip_lock.panels`: rows, pages, widgets; in a browser they are looked at elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import micropip_lock as ml
from micropip_lock import panel_actions
from micropip_lock.app.report import PackageOutcome, ReplayReport
from micropip_lock.core.compare import VerifyReport, diff
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock
from micropip_lock.core.preview import Preview, preview_lock
from micropip_lock.core.verdict import Finding
from micropip_lock.core.waterfall import Span
from micropip_lock.errors import MicropipLockError, OutcomeError, ReplayCancelled, Unlockable, UsageError
from micropip_lock.panel_actions import HereActions, qr_svg
from micropip_lock.panel_page import (
    Bar,
    diff_html,
    error_html,
    findings_html,
    link_html,
    packages_html,
    progress_html,
)
from micropip_lock.panel_rows import SORTS, Row, chosen, rows_of
from micropip_lock.panel_widgets import VIEWS, Panel
from micropip_lock.panels import panel
from micropip_lock.ports import Progress, ProgressEvent
from tests.core.test_needed import RICH, lock_of
from tests.locks import full_lock
from tests.strategies import locks

TAGS = {
    *("button", "caption", "code", "details", "div", "g", "h2", "h3", "path", "pre", "progress", "rect", "region"),
    *(
        "li",
        "p",
        "strong",
        "ul",
        "section",
        "style",
        "summary",
        "svg",
        "table",
        "tbody",
        "td",
        "text",
        "textarea",
        "th",
        "thead",
        "title",
        "tr",
    ),
}


class _Tags(HTMLParser):
    """The elements and attributes of a page, and whether each that opens closes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Elements of a page; each is one that we write, and has no handler but ours."""
    found = _Tags()
    found.feed(html)
    found.close()
    assert [] == found.open
    assert {tag for tag, _ in found.seen} <= TAGS
    handlers = {(tag, name) for tag, attributes in found.seen for name in attributes if name.startswith("on")}
    assert handlers <= {("button", "onclick")}
    return found.seen


MOVED = replace(
    RICH,
    packages={
        **RICH.packages,
        "rich": replace(
            RICH.packages["rich"], version="2", wheel=replace(RICH.packages["rich"].wheel, digest=Digest.of(b"2"))
        ),
    },
)


class FakeActions:
    """Answers for a kernel; keeps what it was asked."""

    def __init__(self, *, in_kernel: bool = True) -> None:
        self.in_kernel = in_kernel
        self.asked: list[Any] = []
        self.locks = {"rich.json": RICH, "moved.json": MOVED}
        self.hold: asyncio.Event | None = None
        self.failure: Exception | None = None

    def environment(self) -> Lock:
        return RICH

    async def load(self, text: str) -> Lock:
        if text not in self.locks:
            raise UsageError("nothing there", code="of-a-test", hint="name <another>")
        return self.locks[text]

    async def freeze(self) -> Lock:
        if self.failure:
            raise self.failure
        return RICH

    async def verify(self, lock: Lock) -> VerifyReport:
        found = () if lock is RICH else (Finding(package="rich", code="version", message="another <b>version</b>"),)
        return VerifyReport(lock_id=lock.id, findings=found, packages_checked=len(lock), files_checked=3)

    def preview(self, lock: Lock) -> Preview:
        return preview_lock(lock)

    async def replay(self, lock: Lock, progress: Progress) -> ReplayReport:
        self.asked.append(("replay", lock.id))
        progress(ProgressEvent(stage="fetch", package="rich", received=5, total=10, all_received=5, all_total=20))
        if self.hold is not None:
            await self.hold.wait()
        outcome = PackageOutcome(name="rich", version="1", outcome="installed")
        spans = (Span(stage="fetch", package="rich", start=0, end=0.5, size=10),)
        return ReplayReport(lock_id=lock.id, packages=(outcome,), spans=spans, seconds=0.5)

    async def upgrade(self, lock: Lock, name: str, progress: Progress) -> Lock:
        self.asked.append(("upgrade", lock.id, name))
        return MOVED

    async def save(self, lock: Lock, path: str) -> str:
        self.asked.append(("save", lock.id, path))
        return path

    def share(self, lock: Lock) -> str:
        return f"https://x.example/#lock={lock.id}&<script>"

    def code_of(self, link: str) -> str | None:
        return None


@pytest.fixture
def actions() -> FakeActions:
    return FakeActions()


async def opened(actions: FakeActions, lock: Any = None) -> Panel:
    """A panel that has looked at what there is."""
    found = Panel(actions, lock)
    await found.done()
    return found


def body(found: Panel) -> str:
    elements(found.heading.value + found.status.value + found.bars.value + found.summary.value)
    elements(found.body.value)
    return str(found.body.value)


async def press(found: Panel, button: Any) -> None:
    assert not button.disabled
    button.click()
    await found.done()


async def test_what_is_installed(actions: FakeActions) -> None:
    """At first the packages of this kernel are shown, and what can be done with them."""
    found = await opened(actions)
    assert ("This kernel" in found.heading.value, "up to date" in found.status.value) == (True, True)
    assert all(name in body(found) for name in RICH.packages)
    assert [*RICH.packages] == [*found.package.options]


async def test_every_view(actions: FakeActions) -> None:
    """Each view shows something, before and after there is something to show, of elements that we write."""
    found = await opened(actions)
    for button in (found.verify_button, found.share_button, found.why_button):
        await press(found, button)
    found.path.value = "moved.json"
    await press(found, found.compare_button)
    for view in VIEWS:
        found.view.value = view
        assert (view == "Last replay") == ("nothing was replayed" in body(found))
        assert "nothing here yet" not in body(found)
    empty = await opened(FakeActions(in_kernel=False))
    for view in VIEWS:
        empty.view.value = view
        assert body(empty)


async def test_search_and_sort(actions: FakeActions) -> None:
    """The table follows what is searched and by what it is sorted, and says so to screen readers."""
    found = await opened(actions)
    found.search.value = "MD"
    assert ("mdurl" in body(found), "pygments" in body(found), "1 of 5 packages" in body(found)) == (True, False, True)
    found.sort.value = "size"
    assert [("th", "descending")] == [
        (tag, one["aria-sort"]) for tag, one in elements(body(found)) if "aria-sort" in one
    ]


async def test_a_replay_is_asked_for_first(actions: FakeActions) -> None:
    """Nothing is installed by the first button; the summary names hosts, and No leaves everything."""
    found = await opened(actions)
    found.path.value = "moved.json"
    await press(found, found.replay_button)
    assert ("", True, []) == (found.question.layout.display, "files.example" in found.summary.value, actions.asked)
    found.no_button.click()
    assert ("none", []) == (found.question.layout.display, actions.asked)
    await press(found, found.yes_button)
    assert [] == actions.asked
    await press(found, found.replay_button)
    await press(found, found.yes_button)
    assert ([("replay", MOVED.id)], "none", True) == (
        actions.asked,
        found.question.layout.display,
        "replayed: 1 packages in 0.5 s" in found.status.value,
    )
    found.view.value = "Last replay"
    assert "Where the time of the replay went" in body(found)


async def test_progress_and_cancel(actions: FakeActions) -> None:
    """While a replay goes on its progress is shown, other buttons rest, and Cancel stops it."""
    actions.hold = asyncio.Event()
    found = await opened(actions)
    await press(found, found.replay_button)
    found.yes_button.click()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bars = [one for tag, one in elements(found.bars.value) if tag == "progress"]
    assert [("All packages", "5", "20"), ("rich", "5", "10")] == [
        (one["aria-label"], one["value"], one["max"]) for one in bars
    ]
    assert ("", True, True) == (
        found.progress.layout.display,
        found.freeze_button.disabled,
        found.replay_button.disabled,
    )
    found.cancel_button.click()
    await found.done()
    assert ("none", False, True) == (
        found.progress.layout.display,
        found.freeze_button.disabled,
        "cancelled; nothing was changed" in found.status.value,
    )


async def test_a_cancel_that_came_too_late(actions: FakeActions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that was done already when it was told to stop is not said to have changed nothing."""

    async def replay(lock: Lock, progress: Progress) -> ReplayReport:
        raise ReplayCancelled(report=ReplayReport(lock_id=lock.id, packages=()))

    monkeypatch.setattr(actions, "replay", replay)
    found = await opened(actions)
    await press(found, found.replay_button)
    await press(found, found.yes_button)
    assert "it was done already" in found.status.value


async def test_verify(actions: FakeActions) -> None:
    """Against the lock that is named, else against what is shown; findings are text, states tell what is wrong."""
    found = await opened(actions)
    await press(found, found.verify_button)
    assert "the environment is what the lock says" in found.status.value
    found.path.value = "moved.json"
    await press(found, found.verify_button)
    assert ("Findings", True) == (found.view.value, "another &lt;b&gt;version" in body(found))
    found.view.value = "Packages"
    assert "<td class=mpl-bad>version</td>" in body(found)


async def test_upgrade_and_save(actions: FakeActions) -> None:
    """An upgrade shows its lock and what moved, and installs nothing; Save writes it where the file says."""
    found = await opened(actions)
    found.package.value = "rich"
    await press(found, found.upgrade_button)
    assert ([("upgrade", RICH.id, "rich")], "Differences", MOVED) == (actions.asked, found.view.value, found.lock)
    assert "rich 1 -&gt; 2" in body(found)
    found.file.value = " book.ipynb "
    await press(found, found.save_button)
    assert ("save", MOVED.id, "book.ipynb") == actions.asked[-1]


async def test_share(actions: FakeActions) -> None:
    """The link can be copied as text and by a button, and is data in both."""
    found = await opened(actions)
    await press(found, found.share_button)
    button = next(one for tag, one in elements(body(found)) if tag == "button")
    assert (f"https://x.example/#lock={RICH.id}&<script>", True) == (
        button["data-link"],
        "<textarea readonly" in body(found),
    )


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (OutcomeError("no <b>way</b>", code="of-a-test", hint="none"), "of-a-test: no &lt;b&gt;way"),
        (ZeroDivisionError("<b>"), "ZeroDivisionError: &lt;b&gt;\nthis is a bug"),
    ],
)
async def test_what_fails_is_told(actions: FakeActions, failure: Exception, told: str) -> None:
    """An error, of ours or not, is read out, and the panel goes on."""
    found = await opened(actions)
    actions.failure = failure
    found.freeze_button.click()
    task = found._task
    assert task is not None
    await asyncio.wait([task])
    assert isinstance(task.exception(), None.__class__ if isinstance(failure, MicropipLockError) else ZeroDivisionError)
    assert (True, True) == (told in found.status.value, 'role="alert"' in found.status.value)
    actions.failure = None
    await press(found, found.freeze_button)
    assert "frozen: lock" in found.status.value


async def test_on_a_desktop(actions: FakeActions) -> None:
    """Without an environment there is a lock to look at; what needs an environment rests."""
    actions.in_kernel = False
    found = await opened(actions)
    assert "name a lock" in found.status.value
    resting = (found.freeze_button, found.verify_button, found.replay_button)
    assert [True] * 3 == [button.disabled for button in resting]
    await press(found, found.share_button)
    assert "no-lock" in found.status.value
    found.path.value = "rich.json"
    await press(found, found.compare_button)
    assert (RICH, "A lock" in found.heading.value) == (found.lock, True)
    assert MOVED == (await opened(actions, "moved.json")).lock
    assert "of-a-test" in (await opened(actions, "nobody.json")).status.value


def test_without_a_loop(actions: FakeActions) -> None:
    """Where nothing runs tasks yet the panel is made, and says what to do."""
    found = Panel(actions)
    assert "press Refresh" in found.status.value
    asyncio.run(found.refresh())
    assert "rich" in body(found)


async def test_every_control_has_a_name(actions: FakeActions) -> None:
    """Each control has a description, each button says what it does, and there are core controls only."""
    controls = [found for found in _all(await opened(actions)) if not hasattr(found, "children")]
    assert {"HTML", "Text", "Dropdown", "Button"} == {type(one).__name__ for one in controls}
    assert {one._view_module for one in controls} == {"@jupyter-widgets/controls"}
    assert all(one.description for one in controls if type(one).__name__ != "HTML")
    assert all(one.tooltip for one in controls if type(one).__name__ == "Button")


def _all(widget: Any) -> list[Any]:
    return [widget, *(found for child in getattr(widget, "children", ()) for found in _all(child))]


def test_rows() -> None:
    """Rows have what cannot be locked, mocks, what verify finds wrong, and what is there without the lock."""
    report = VerifyReport(
        lock_id="x",
        findings=(
            Finding(package="rich", code="version", message=""),
            Finding(package="extra", code="not-locked", message=""),
            Finding(package="mdurl", code="pth-file", message="", severity="note"),
        ),
        packages_checked=2,
        files_checked=0,
    )
    lock = replace(RICH, unlocked=(Unlockable(name="mine", version="1", code="no-record", reason="why"),))
    states = {row.key: (row.state, row.is_wrong) for row in rows_of(lock, report)}
    assert {
        "rich": ("version", True),
        "extra": ("not-locked", True),
        "mdurl": ("verified", False),
    }.items() <= states.items()
    assert ("cannot be locked: why", True) == states["mine"]
    assert [row.key for row in rows_of(RICH)] == sorted(RICH.packages)


rows = st.builds(
    Row,
    name=st.text(max_size=6),
    key=st.text(max_size=6),
    version=st.text(max_size=6),
    source=st.text(max_size=6) | st.just("<img src=x onerror=x>"),
    size=st.none() | st.integers(0, 10**9),
    state=st.text(max_size=6) | st.just("</td><script>"),
    is_wrong=st.booleans(),
)


@given(st.lists(rows, max_size=6), st.text(max_size=3), st.sampled_from(SORTS))
def test_any_rows(found: list[Row], search: str, sort: Any) -> None:
    """Whatever is in a row, the table is of our elements; a search finds what holds its words, sorted."""
    kept = chosen(found, search=search, sort=sort)
    elements(packages_html(found, search=search, sort=sort))
    assert {*map(id, kept)} <= {*map(id, found)}
    assert len(found) == len(chosen(found, sort=sort))


@given(locks())
def test_any_lock_as_a_page(lock: Lock) -> None:
    """Any lock is shown without widgets, of our elements, whatever its texts are."""
    elements(panel(lock, widgets=False)._repr_html_())
    elements(diff_html(diff(lock, RICH), "a<b", "c>d"))


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text(one: str, other: str) -> None:
    """Errors, links, findings and progress of any text are of our elements."""
    elements(error_html(OutcomeError(one, code="x", got=other, hint=other)))
    elements(link_html(one, None))
    finding = Finding(package=one, code=other, message=one, got=other)
    elements(findings_html(VerifyReport(lock_id=one, findings=(finding,), packages_checked=1, files_checked=1)))
    elements(progress_html({one: Bar(stage=other, received=3, total=2), other: Bar(stage="fetch")}, 3, None, one))


def test_without_widgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ipywidgets is missing the panel is a page with the same pictures; where nothing is to show it says so."""
    monkeypatch.setattr("micropip_lock.panels.find_spec", lambda name: None)
    path = tmp_path / "lock.json"
    path.write_text(full_lock().to_json(), encoding="utf-8")
    found: Any = ml.panel(path)
    page = found._repr_html_()
    assert ("<PanelPage A lock: 4 packages>", 2, True) == (repr(found), page.count("<svg"), "to read only" in page)
    assert page == panel(full_lock().to_json())._repr_html_()
    assert "This kernel" in panel(actions=FakeActions())._repr_html_()
    with pytest.raises(UsageError) as caught:
        ml.panel()
    assert "needs-lock" == caught.value.code


def test_the_widget_is_what_panel_gives() -> None:
    """With ipywidgets installed the panel is a widget that does what the package does."""
    found = ml.panel(RICH)
    assert isinstance(found, Panel)
    assert isinstance(found._actions, HereActions)
    assert not found._actions.in_kernel


def test_a_code() -> None:
    """A link becomes a code where something draws codes; a link that is too long becomes none."""
    drawn = qr_svg("https://site.example/#lock=a")
    assert drawn is not None
    assert ({"svg", "g", "path"}, "The link as a QR code") == (
        {tag for tag, _ in elements(drawn)},
        elements(drawn)[0][1]["aria-label"],
    )
    assert None is qr_svg("a" * 5000)

    def make(text: str, **options: Any) -> Any:
        if len(text) > 5:
            raise ValueError
        return SimpleNamespace(save=lambda out, **more: out.write(b"<svg width='1'></svg>"))

    assert '<svg role="img" aria-label="The link as a QR code" width=\'1\'></svg>' == qr_svg("a", make)
    assert None is qr_svg("a link", make)


async def test_the_real_actions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The buttons call the functions of the package."""
    real = HereActions()
    monkeypatch.setattr(panel_actions, "share", lambda lock, base: f"{base}#{lock.id}")
    monkeypatch.setenv("MICROPIP_LOCK_PAGE_URL", "https://site.example/lab/index.html?path=a#lock=old")
    path = tmp_path / "lock.json"
    lock = lock_of({"a": []}, "a")
    page = "https://site.example/lab/index.html?path=a"
    assert (f"{page}#{lock.id}", str(path)) == (real.share(lock), await real.save(lock, str(path)))
    assert lock.id == (await real.load(str(path))).id
    for action in (real.freeze, lambda: real.verify(lock), lambda: real.replay(lock, lambda event: None)):
        with pytest.raises(MicropipLockError) as caught:
            await action()
        assert "no-pyodide" == caught.value.code
    with pytest.raises(UsageError):
        await real.upgrade(lock, "nobody", lambda event: None)
