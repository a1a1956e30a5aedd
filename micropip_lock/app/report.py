"""What a replay did, as values: an outcome for every package of the lock, and totals.

Left to others: doing it (:mod:`micropip_lock.app.replay`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from micropip_lock.core.waterfall import Span, waterfall_lines, waterfall_svg
from micropip_lock.errors import MicropipLockError

Outcome = Literal["installed", "skipped", "removed", "failed", "not-tried"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageOutcome:
    """What happened to one package.

    Attributes:
        name: Normalised.
        version: As locked; of what is removed, as installed.
        outcome: ``installed``, ``skipped`` (there already with the same digest), ``removed`` (not in the lock
            of an exact replay), ``failed``, ``not-tried``.
        reason: One phrase.
        size: Bytes fetched, or the size the lock names.
        seconds: From the first request to the admitted bytes.
        error: What went wrong, when it failed.
    """

    name: str
    version: str
    outcome: Outcome
    reason: str = ""
    size: int | None = None
    seconds: float = 0.0
    error: MicropipLockError | None = None

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object."""
        facts: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "outcome": self.outcome,
            "reason": self.reason,
            "size": self.size,
            "seconds": round(self.seconds, 4),
        }
        if self.error is not None:
            facts["error"] = self.error.to_json()
        return facts


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovery:
    """What interrupted replays had left in an environment, which is exactly before or exactly after each of them now.

    Attributes:
        notes: One for each replay that was rolled back, or cleared up after its commit.
    """

    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object."""
        return {"notes": list(self.notes)}

    def __str__(self) -> str:
        return "\n".join(self.notes) or "nothing was left half done"

    def __repr__(self) -> str:
        return f"<Recovery: {len(self.notes)} interrupted>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayReport:
    """What a replay did.

    Attributes:
        lock_id: Identity of the lock.
        packages: One outcome for each package of the lock, by name; then one for each that is removed.
        seconds: Wall-clock time of the whole replay.
        fetch_seconds: Until the last wheel was admitted.
        bytes_fetched: Bytes that arrived.
        requests: Requests sent.
        notes: What a person should know.
        restart_required: Modules of an older version are still loaded; restart the kernel.
        spans: Where the time went, by when each stretch began.
    """

    lock_id: str
    packages: tuple[PackageOutcome, ...]
    seconds: float = 0.0
    fetch_seconds: float = 0.0
    bytes_fetched: int = 0
    requests: int = 0
    notes: tuple[str, ...] = ()
    restart_required: bool = False
    spans: tuple[Span, ...] = ()

    def waterfall(self, width: int = 60) -> str:
        """Where the time went, a line for each stretch; :attr:`spans` is the same as data.

        Args:
            width: Characters of the longest bar.
        """
        return "\n".join(waterfall_lines(self.spans, width=width))

    def count(self, outcome: Outcome) -> int:
        """How many packages had this outcome."""
        return sum(package.outcome == outcome for package in self.packages)

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object."""
        return {
            "lock_id": self.lock_id,
            "packages": [package.to_json() for package in self.packages],
            "seconds": round(self.seconds, 4),
            "fetch_seconds": round(self.fetch_seconds, 4),
            "bytes_fetched": self.bytes_fetched,
            "requests": self.requests,
            "notes": list(self.notes),
            "restart_required": self.restart_required,
            "spans": [span.to_json() for span in self.spans],
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> ReplayReport:
        """The report that :meth:`to_json` described; errors are left out."""
        keys = ("name", "version", "outcome", "reason", "size", "seconds")
        packages = tuple(PackageOutcome(**{key: one[key] for key in keys}) for one in facts["packages"])
        rest = {key: value for key, value in facts.items() if key not in ("packages", "notes", "spans")}
        spans = tuple(Span(**span) for span in facts.get("spans", ()))
        return cls(packages=packages, notes=tuple(facts["notes"]), spans=spans, **rest)

    def __str__(self) -> str:
        lines = [f"{one.name} {one.version}: {one.outcome}, {one.reason}" for one in self.packages]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes), repr(self)[1:-1]])

    def __repr__(self) -> str:
        removed = f"{self.count('removed')} removed, " if self.count("removed") else ""
        return (
            f"<ReplayReport {self.lock_id[:12]}: {self.count('installed')} installed, {self.count('skipped')} skipped, "
            f"{removed}{self.count('failed')} failed, {self.bytes_fetched} bytes in {self.seconds:.2f} s>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(one.name)}</td><td>{escape(one.version)}</td><td>{one.outcome}</td>"
            f"<td>{escape(one.reason)}</td><td>{one.size or ''}</td></tr>"
            for one in self.packages
        )
        table = f"<table><caption>{escape(repr(self)[1:-1])}</caption><tbody>{rows}</tbody></table>"
        return table + waterfall_svg(self.spans)
