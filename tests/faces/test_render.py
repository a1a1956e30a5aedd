"""Tests of :mod:`micropip_lock.render`."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

from hypothesis import given
from packaging.utils import canonicalize_name

from micropip_lock.app.replay import PackageOutcome, ReplayReport
from micropip_lock.cli_text import View, columns_of, printable
from micropip_lock.core.caveats import yanked_notes
from micropip_lock.core.compare import Finding, VerifyReport, diff
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Mock, Origin, Wheel, by_name, mocks_by_name
from micropip_lock.errors import NotFoundError, Unlockable
from micropip_lock.ports import ProgressEvent
from micropip_lock.render import ProgressLine, diff_lines, error_text, findings_lines, lock_lines, report_lines
from tests.faces.fakes import PLAIN, is_clean
from tests.strategies import locks

COLOURED = View(colour=True)


ANSI = re.compile(r"\x1b\[\d+m")


EVIL = "\x1b]0;owned\x07\x9b31m\u202egnp.exe\u200b\r\n"


def package(name: str, version: str, size: int | None = 12345, **facts: Any) -> LockedPackage:
    url = f"https://files.example/{name}-{version}-py3-none-any.whl"
    base = LockedPackage(
        name=canonicalize_name(name),
        display_name=name,
        version=version,
        wheel=Wheel(url=url, digest=Digest.of(name.encode()), size=size),
        origin=Origin(kind="index", url=url, index="https://index.example/simple"),
    )
    return replace(base, **facts)


def lock(*packages: LockedPackage, **facts: Any) -> Lock:
    return replace(Lock(abi=Abi(abi_version="2026_0", python="3.14.2"), packages=by_name(packages)), **facts)


def test_lock_table() -> None:
    """A lock shows its packages, what is not locked, its ABI, its size and its identity."""
    unlocked = Unlockable(name="mine", version="1", code="no-record", reason="nothing says where it is from")
    shown = lock(package("rich", "13.7.1", requested=True), package("six", "1.16.0"), unlocked=(unlocked,))
    assert [
        "package  version  source                           size  sha256        asked for",
        f"rich     13.7.1   https://index.example/simple  12.3 kB  {Digest.of(b'rich').hex[:12]}  yes",
        f"six      1.16.0   https://index.example/simple  12.3 kB  {Digest.of(b'six').hex[:12]}",
        "not locked: mine 1: no-record: nothing says where it is from",
        "2 packages, 24.7 kB for ABI 2026_0 (wasm32, Python 3.14.2)",
        "files from files.example",
        f"lock {shown.id}",
    ] == lock_lines(shown, PLAIN)


def test_hosts_are_shown() -> None:
    """The hosts that files really come from are shown, whatever index a lock names; a file beside it has none."""
    far = package("rich", "13.7.1")
    here = replace(package("six", "1.16.0"), wheel=replace(far.wheel, url="wheels/six-1.16.0-py3-none-any.whl"))
    elsewhere = replace(package("attrs", "24.1.0"), wheel=replace(far.wheel, url="https://Evil.example:8443/a.whl"))
    shown = [lock_lines(lock(*packages), PLAIN) for packages in ([here], [here, far, elsewhere])]
    told = [[line for line in lines if line.startswith("files from")] for lines in shown]
    assert [[], ["files from evil.example, files.example"]] == told


def test_what_was_yanked_is_told() -> None:
    """A lock that was read shows what its index had withdrawn, and why; a freeze's own notes say it once."""
    whole, broken = package("six", "1.16.0"), package("rich", "13.7.1")
    read = lock(replace(broken, wheel=replace(broken.wheel, yanked="it was\u202e broken")), whole)
    told = "note: rich: yanked: its index has withdrawn this file (yanked); a replay installs it all the same: got "
    frozen = replace(read, notes=yanked_notes(read))
    assert ([f"{told}it was\\u202e broken"], lock_lines(read, PLAIN), True) == (
        [line for line in lock_lines(read, PLAIN) if "yanked" in line],
        lock_lines(frozen, PLAIN),
        "13.7.1 (yanked)" in read._repr_html_(),
    )


def test_mocks_are_shown_as_such() -> None:
    """A mock package is in the table of a lock as a mock, and counted apart from the packages."""
    mocks = [
        Mock(name=canonicalize_name(name), display_name=name, version="1.0", persistent=persistent)
        for name, persistent in (("in-files", True), ("in-memory", False))
    ]
    shown = lock_lines(lock(package("rich", "13.7.1"), mocks=mocks_by_name(mocks)), PLAIN)
    assert [
        "mock, in files",
        "mock, in memory",
        "1 package and 2 mocks, 12.3 kB for ABI 2026_0 (wasm32, Python 3.14.2)",
    ] == [
        *(re.split(" {2,}", line)[2] for line in shown[2:4]),
        shown[4],
    ]


def test_empty_lock() -> None:
    """An empty lock is no table, but a lock."""
    shown = lock()
    assert ["0 packages, 0 B for ABI 2026_0 (wasm32, Python 3.14.2)", f"lock {shown.id}"] == lock_lines(shown, PLAIN)


@given(locks())
def test_any_lock_is_clean(shown: Lock) -> None:
    """Whatever a lock holds, its lines hold nothing that a terminal acts on, and fit when they must."""
    assert [] == [line for line in lock_lines(shown, View(width=100)) if not is_clean(line)]


def test_colour_changes_no_text() -> None:
    """Colours are put around the same text."""
    shown = lock(package("rich", "13.7.1"))
    coloured = lock_lines(shown, COLOURED)
    assert (lock_lines(shown, PLAIN), True) == ([ANSI.sub("", line) for line in coloured], "\x1b" in "".join(coloured))


REPORT = ReplayReport(
    lock_id="0" * 64,
    packages=(
        PackageOutcome(name="installed", version="1", outcome="installed", reason="checked", size=3000, seconds=0.25),
        PackageOutcome(name="six", version="1.16.0", outcome="skipped", reason="already installed"),
        PackageOutcome(name="rich", version="13", outcome="failed", reason="not-found", error=NotFoundError("gone")),
    ),
    seconds=1.5,
    fetch_seconds=1.0,
    bytes_fetched=3000,
    requests=2,
    notes=(f"loaded {EVIL}",),
    restart_required=True,
)


def test_report() -> None:
    """A report shows every package's outcome, the sum, notes and whether to restart."""
    assert [
        "package    version  outcome      size    time  reason",
        "installed  1        installed  3.0 kB  0.25 s  checked",
        "six        1.16.0   skipped                    already installed",
        "rich       13       failed                     not-found",
        "1 installed, 1 skipped, 1 failed; 3.0 kB at 3.0 kB/s, 2 requests, 1.5 s",
        f"note: loaded {printable(EVIL)}",
        "restart the kernel: modules of another version are still loaded",
    ] == report_lines(REPORT, PLAIN)


def test_report_colours_the_outcome_only() -> None:
    """A package named like an outcome is not coloured; its outcome is."""
    assert report_lines(REPORT, COLOURED)[1].startswith("installed  1        \x1b[32minstalled\x1b[0m")


def test_diff() -> None:
    """A difference is shown line by line, in the colour of what happened."""
    found = diff(lock(package("a", "1"), package("b", "1")), lock(package("b", "2"), package("c", "1")))
    coloured = diff_lines(found, COLOURED)
    assert (diff_lines(found, PLAIN), ["\x1b[32m+", "\x1b[31m-", "\x1b[33m~"]) == (
        [ANSI.sub("", line) for line in coloured],
        [line[:6] for line in coloured[:3]],
    )


def test_findings() -> None:
    """Findings are shown one by one with their severity in colour, the verdict last."""
    finding = Finding(package="six", code="file-changed", message=f"changed {EVIL}", path="six.py")
    report = VerifyReport(lock_id="0" * 64, findings=(finding,), packages_checked=1, files_checked=3)
    lines = findings_lines(report, COLOURED)
    assert (2, True, True, True) == (
        len(lines),
        lines[0].startswith("\x1b[31merror\x1b[0m: six: file-changed"),
        is_clean(ANSI.sub("", lines[0])),
        lines[1].startswith("\x1b[31m1 error"),
    )


def test_error() -> None:
    """An error keeps its lines, has its code in red and lets no escape through."""
    error = NotFoundError("gone \x1b[2J", url="https://files.example/x.whl", hint="look")
    assert (
        "\x1b[31mnot-found\x1b[0m: gone \\x1b[2J\n  from https://files.example/x.whl\n  hint: look",
        "not-found: gone \\x1b[2J\n  from https://files.example/x.whl\n  hint: look",
    ) == (error_text(error, COLOURED), error_text(error, PLAIN))


class Clock:
    """Seconds that a test lets pass."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(*events: tuple[float, ProgressEvent], width: int = 80) -> list[str]:
    clock, stream = Clock(), io.StringIO()
    line = ProgressLine(stream, packages=2, width=width, clock=clock)
    for at, event in events:
        clock.now = at
        line(event)
    line.close()
    return [text.rstrip() for text in stream.getvalue().split("\r") if text.strip()]


def fetch(package: str | None, received: int, total: int | None, all_received: int) -> ProgressEvent:
    return ProgressEvent(
        stage="fetch", package=package, received=received, total=total, all_received=all_received, all_total=3000
    )


def test_progress() -> None:
    """Progress shows packages done, bytes and their rate."""
    assert [
        "plan",
        "fetch  0/2  500 B of 3.0 kB  rich",
        "fetch  1/2  2.0 kB of 3.0 kB  2.0 kB/s  rich",
        "install  1/2  rich",
        "done",
    ] == drawn(
        (0, ProgressEvent(stage="plan")),
        (1, fetch("rich", 500, 1000, 500)),
        (2, fetch("rich", 1000, 1000, 2000)),
        (3, ProgressEvent(stage="install", package="rich")),
        (4, ProgressEvent(stage="done")),
    )


def test_progress_is_drawn_at_most_ten_times_a_second() -> None:
    """Events that follow each other closely draw nothing new."""
    lines = drawn(*((1 + number / 1000, fetch("rich", number, None, number)) for number in range(150)))
    assert 2 == len(lines)


def test_progress_fits_and_goes_away() -> None:
    """The line never reaches the terminal's last column, hides escapes, and is wiped at the end."""
    stream = io.StringIO()
    line = ProgressLine(stream, width=30)
    line(ProgressEvent(stage="install", package="x" * 100 + EVIL))
    line.close()
    texts = stream.getvalue().split("\r")
    assert ("", 29, True, "", True) == (
        texts[0],
        columns_of(texts[1]),
        texts[2].isspace(),
        texts[3],
        is_clean(texts[1]),
    )
