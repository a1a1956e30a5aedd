"""One replay on its way: what it has, what it has told, and the report of it at any time.

Left to others: doing it (:mod:`micropip_lock.app.replay`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from micropip_lock.app.obtain import Supply
from micropip_lock.app.report import PackageOutcome, ReplayReport
from micropip_lock.app.stored import StoreUse
from micropip_lock.core.mocks import MockInstall, PresentMock
from micropip_lock.core.model import Lock, LockedPackage, Mock
from micropip_lock.core.plan import Installed, Plan
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.waterfall import Span, SpanStage
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError
from micropip_lock.ports import Progress, ProgressEvent


@dataclass(kw_only=True, slots=True)
class Run:
    """The mutable side of one replay."""

    lock: Lock
    plan: Plan
    progress: Progress | None
    started: float
    policy: Policy = DEFAULT_POLICY
    offline: bool = False
    stored: StoreUse = field(default_factory=lambda: StoreUse(None))
    missing: list[LockedPackage] = field(default_factory=list)
    mocks: tuple[MockInstall, ...] = ()
    removed_mocks: tuple[PresentMock, ...] = ()
    supply: Supply = field(default_factory=Supply)
    received: dict[str, int] = field(default_factory=dict)
    arrived: int = 0
    python: str = ""
    admitted: dict[str, OpenedWheel] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, MicropipLockError] = field(default_factory=dict)
    requests: int = 0
    fetched_at: float = 0.0
    spans: list[Span] = field(default_factory=list)

    def spent(self, stage: SpanStage, package: str | None, since: float, size: int | None = None) -> None:
        """Write down a stretch that ends now.

        Args:
            stage: What it was for.
            package: Whose it was.
            since: When it began, by the same clock as :attr:`started`.
            size: Bytes that arrived.
        """
        now = time.perf_counter()
        self.spans.append(
            Span(stage=stage, package=package, start=since - self.started, end=now - self.started, size=size)
        )

    def tell(self, stage: str, package: LockedPackage | None = None) -> None:
        """Tell whoever listens where things stand."""
        if self.progress is None:
            return
        name = package.name if package else ""
        total = self.plan.total_bytes
        self.progress(
            ProgressEvent(
                stage=stage,
                package=name or None,
                received=self.received.get(name, 0) or self.stored.taken.get(name, 0),
                total=package.wheel.size if package else None,
                all_received=sum(self.received.values()),
                all_total=None if total is None else total - self.stored.size,
            )
        )

    def report(self, *, done: bool, notes: Sequence[str] = (), restart_required: bool = False) -> ReplayReport:
        """What became of every package, as of now."""
        now = time.perf_counter()
        return ReplayReport(
            lock_id=self.lock.id,
            packages=(
                *(self._outcome(package, done) for package in self.lock),
                *(self._mock_outcome(mock, done) for mock in self.lock.mocks.values()),
                *(self._removed_outcome(one, done) for one in self.plan.removed),
                *(self._removed_outcome(one, done) for one in self.removed_mocks),
            ),
            seconds=now - self.started,
            fetch_seconds=(self.fetched_at or now) - self.started,
            bytes_fetched=self.arrived,
            requests=self.requests + self.supply.pages,
            notes=(*self.supply.notes, *notes),
            restart_required=restart_required,
            spans=tuple(sorted(self.spans, key=lambda span: (span.start, span.end))),
        )

    def _mock_outcome(self, mock: Mock, done: bool) -> PackageOutcome:
        base = PackageOutcome(name=mock.name, version=mock.version, outcome="not-tried", reason="mock package")
        if error := self.failures.get(mock.name):
            return replace(base, outcome="failed", reason=error.code, error=error)
        if not done:
            return base
        if any(change.mock is mock for change in self.mocks):
            return replace(base, outcome="installed")
        return replace(base, outcome="skipped", reason="mock package, already there with the same sources")

    def _removed_outcome(self, gone: Installed | PresentMock, done: bool) -> PackageOutcome:
        base = PackageOutcome(name=gone.name, version=gone.version, outcome="not-tried", reason="not in the lock")
        if error := self.failures.get(gone.name):
            return replace(base, outcome="failed", reason=error.code, error=error)
        return replace(base, outcome="removed") if done else base

    def _outcome(self, package: LockedPackage, done: bool) -> PackageOutcome:
        name = package.name
        size = self.received.get(name, package.wheel.size)
        base = PackageOutcome(
            name=name, version=package.version, outcome="not-tried", size=size, seconds=self.seconds.get(name, 0.0)
        )
        if package in self.plan.skipped:
            return replace(base, outcome="skipped", reason="already installed with the same sha256")
        if error := self.failures.get(name):
            return replace(base, outcome="failed", reason=error.code, error=error)
        came = "from the store" if name in self.stored.taken else "fetched"
        if done:
            checked = "sha256 and every file checked"
            return replace(base, outcome="installed", reason=checked if came == "fetched" else f"{came}, {checked}")
        return replace(base, reason=f"{came}, not installed" if name in self.admitted else "not fetched")


def nothing_done(lock: Lock) -> Run:
    """A replay that ended before it had a plan."""
    plan = Plan(downloads=(), order=(), skipped=())
    return Run(lock=lock, plan=plan, progress=None, started=time.perf_counter())
