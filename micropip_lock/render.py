"""Values of the program as text for a terminal: a lock, a report, findings, a difference, one line of progress.

Rules this file keeps:

1. Whatever comes from a lock, an index or a server is made printable (:mod:`micropip_lock.cli_text`) before it shows.
2. Functions give lines for a :class:`~micropip_lock.cli_text.View`; none of them writes, but :class:`ProgressLine`.

Left to others: which stream gets what (:mod:`micropip_lock.cli`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TextIO

from micropip_lock.app.replay import PackageOutcome, ReplayReport
from micropip_lock.cli_text import GAP, Colour, Column, View, columns_of, human_size, printable, shorten, table
from micropip_lock.core.caveats import yanked_notes
from micropip_lock.core.compare import LockDiff, VerifyReport
from micropip_lock.core.hosts import place_of, shown_host
from micropip_lock.core.model import Lock
from micropip_lock.errors import MicropipLockError, Unlockable
from micropip_lock.ports import ProgressEvent

_OUTCOMES: Final[Mapping[str, Colour]] = {
    "installed": "green",
    "skipped": "dim",
    "removed": "yellow",
    "failed": "red",
    "not-tried": "yellow",
}
_DIFF: Final[Mapping[str, Colour]] = {"+": "green", "-": "red", "~": "yellow", "!": "cyan"}
_FINDINGS: Final[Mapping[str, Colour]] = {"error": "red", "note": "yellow"}


def lock_lines(lock: Lock, view: View) -> list[str]:
    """A lock: its packages as a table, what is not locked, and one line that sums up."""
    rows = [
        (
            package.name,
            package.version,
            package.origin.source if package.origin else package.wheel.url,
            human_size(package.wheel.size),
            package.wheel.digest.hex[:12],
            "yes" if package.requested else "",
        )
        for package in lock
    ]
    rows += [(mock.name, mock.version, mock.source, "", "", "") for mock in lock.mocks.values()]
    head = (
        Column(title="package", shrinks=True),
        Column(title="version"),
        Column(title="source", shrinks=True),
        Column(title="size", right=True),
        Column(title="sha256"),
        Column(title="asked for"),
    )
    size = f", {human_size(lock.size)}" if lock.size is not None else ""
    count = f"{len(lock)} package{'' if len(lock) == 1 else 's'}"
    if lock.mocks:
        count += f" and {len(lock.mocks)} mock{'' if len(lock.mocks) == 1 else 's'}"
    summary = f"{count}{size} for {printable(str(lock.abi))}"
    return [
        *(table(head, rows, view) if rows else []),
        *kept_out_lines(lock, view),
        summary,
        *_host_lines(lock),
        f"lock {view.paint(lock.id, 'cyan')}",
    ]


def _host_lines(lock: Lock) -> list[str]:
    # The source of a package is what the lock says of itself; the bytes come from its address.
    places = [place_of(package.wheel.url) for package in lock]
    hosts = sorted({shown_host(place.host) for place in places if place is not None and place.host})
    return [f"files from {printable(', '.join(hosts))}"] if hosts else []


def kept_out_lines(lock: Lock, view: View) -> list[str]:
    """What is not in a lock though it was there, with the reasons, and what is worth knowing of what is in it."""
    brought = ", ".join(f"{name} {version}" for name, version in lock.site.items())
    return [
        *unlocked_lines(lock.unlocked, view),
        *([f"left to the site: {printable(brought)}"] if brought else []),
        *note_lines(lock, view),
    ]


def note_lines(lock: Lock, view: View) -> list[str]:
    """What a freeze found, or what is odd in a text that was read; of any other lock what it says itself."""
    notes = lock.notes or yanked_notes(lock)
    return [view.paint("note", "yellow") + printable(str(note).removeprefix("note")) for note in notes]


def unlocked_lines(items: Iterable[Unlockable], view: View) -> list[str]:
    """What a freeze that is not strict left out, with the reasons."""
    return [view.paint("not locked", "yellow") + printable(f": {item}") for item in items]


def report_lines(report: ReplayReport, view: View) -> list[str]:
    """A replay: each package's outcome, and one line that sums up."""
    head = (
        Column(title="package", shrinks=True),
        Column(title="version"),
        Column(title="outcome", coloured=True),
        Column(title="size", right=True),
        Column(title="time", right=True),
        Column(title="reason", shrinks=True),
    )
    rows = [_outcome_row(one) for one in report.packages]
    lines = table(head, rows, view, colour_of=_OUTCOMES.get) if rows else []
    counts = Counter[str](one.outcome for one in report.packages)
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES if counts[outcome]) or "nothing to do"
    requests = f"{report.requests} request{'' if report.requests == 1 else 's'}"
    rate = _rate(report.bytes_fetched, report.fetch_seconds)
    lines.append(f"{told}; {human_size(report.bytes_fetched)}{rate}, {requests}, {report.seconds:.1f} s")
    lines += [f"note: {printable(note)}" for note in report.notes]
    if report.restart_required:
        lines.append(view.paint("restart the kernel: modules of another version are still loaded", "yellow"))
    return lines


def _outcome_row(one: PackageOutcome) -> tuple[str, ...]:
    seconds = f"{one.seconds:.2f} s" if one.seconds else ""
    return one.name, one.version, one.outcome, human_size(one.size), seconds, one.reason


def _rate(count: int, seconds: float) -> str:
    return f" at {human_size(int(count / seconds))}/s" if count and seconds > 0 else ""


def diff_lines(diff: LockDiff, view: View) -> list[str]:
    """A difference of locks, each line in the colour of what happened."""
    lines = [printable(line) for line in diff.lines()]
    return [view.paint(line, _DIFF[line[0]]) if line[:1] in _DIFF else line for line in lines]


def findings_lines(report: VerifyReport, view: View) -> list[str]:
    """A verification: each finding, then the verdict."""
    lines = []
    for line in map(printable, report.lines()):
        severity, colon, rest = line.partition(":")
        known = colon and severity in _FINDINGS
        lines.append(view.paint(severity, _FINDINGS[severity]) + colon + rest if known else line)
    return [*lines[:-1], view.paint(lines[-1], "green" if report.ok else "red")]


def error_text(error: MicropipLockError, view: View) -> str:
    """An error as people read it, its code in red."""
    text = printable(str(error), lines=True)
    code = printable(error.code)
    return view.paint(code, "red") + text.removeprefix(code) if text.startswith(code) else text


class ProgressLine:
    """One line that is drawn again as a replay goes on; give it as ``progress``, and :meth:`close` it.

    Args:
        stream: A terminal.
        packages: How many packages there are, when known.
        width: Columns of the terminal.
        clock: Seconds, for the rate and for drawing at most ten times a second.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        packages: int | None = None,
        width: int = 80,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._packages = packages
        self._width = width
        self._clock = clock
        self._done: dict[str, set[str]] = {}
        self._began: float | None = None
        self._drawn_at = float("-inf")
        self._stage = ""
        self._columns = 0

    def __call__(self, event: ProgressEvent) -> None:
        """Show an event."""
        now = self._clock()
        if event.stage == "fetch" and self._began is None:
            self._began = now
        if event.package is not None and (event.total is None or event.received >= event.total):
            self._done.setdefault(event.stage, set()).add(event.package)
        if event.stage == self._stage and now - self._drawn_at < 0.1:
            return
        self._stage, self._drawn_at = event.stage, now
        self._draw(self._text(event, now))

    def _text(self, event: ProgressEvent, now: float) -> str:
        total = "" if self._packages is None else f"/{self._packages}"
        parts = [event.stage]
        if event.package is not None:
            parts.append(f"{len(self._done.get(event.stage, ()))}{total}")
        if event.stage == "fetch" and self._began is not None:
            of = f" of {human_size(event.all_total)}" if event.all_total else ""
            parts.append(human_size(event.all_received) + of)
            if now - self._began >= 0.2:
                parts.append(f"{human_size(int(event.all_received / (now - self._began)))}/s")
        if event.package is not None:
            parts.append(event.package)
        return printable(GAP.join(parts))

    def _draw(self, text: str) -> None:
        # The last column stays free: a terminal would begin a new line there.
        text = shorten(text, self._width - 1)
        self._stream.write("\r" + text + " " * (self._columns - columns_of(text)))
        self._stream.flush()
        self._columns = columns_of(text)

    def close(self) -> None:
        """Take the line away."""
        if self._columns:
            self._draw("")
            self._stream.write("\r")
            self._stream.flush()
