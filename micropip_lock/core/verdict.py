"""What a verification found, as values: one finding, and the report of all of them.

Left to others: finding (:mod:`micropip_lock.core.findings`), colours and widths (``render.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Severity = Literal["error", "note"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that verify found.

    Attributes:
        package: Normalised name, or ``""`` when it is about the whole lock.
        code: Stable kebab-case identifier.
        message: One sentence for people.
        path: File concerned, as RECORD spells it.
        expected: What the lock or RECORD says.
        got: What is there.
        severity: ``error`` or ``note``.
    """

    package: str
    code: str
    message: str
    path: str | None = None
    expected: str | None = None
    got: str | None = None
    severity: Severity = "error"

    def to_json(self) -> dict[str, str]:
        """The same facts as a JSON object; absent facts are left out."""
        facts = ("severity", "package", "code", "message", "path", "expected", "got")
        return {name: value for name in facts if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        parts = [
            self.severity,
            *([self.package] if self.package else []),
            self.code,
            self.message + (f" ({self.path})" if self.path else ""),
        ]
        sides = [f"{side} {value}" for side, value in (("expected", self.expected), ("got", self.got)) if value]
        return ": ".join([*parts, ", ".join(sides)] if sides else parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport:
    """What a verification found; true when the environment is what the lock says.

    Attributes:
        lock_id: ``Lock.id`` of the lock.
        findings: Errors first, then by package.
        packages_checked: Locked packages that were looked at.
        files_checked: Files whose bytes were compared with a digest.
    """

    lock_id: str
    findings: tuple[Finding, ...]
    packages_checked: int
    files_checked: int

    @property
    def ok(self) -> bool:
        """Whether there is no error; notes do not count."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "ok": self.ok,
            "lock": self.lock_id,
            "packages": self.packages_checked,
            "files": self.files_checked,
            "findings": [finding.to_json() for finding in self.findings],
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> VerifyReport:
        """The report that :meth:`to_json` described."""
        return cls(
            lock_id=facts["lock"],
            findings=tuple(Finding(**finding) for finding in facts["findings"]),
            packages_checked=facts["packages"],
            files_checked=facts["files"],
        )

    def lines(self) -> list[str]:
        """The report as lines of text: each finding, then one line that sums up."""
        return [*map(str, self.findings), self._summary()]

    def _summary(self) -> str:
        verdict = "the environment is what the lock says" if self.ok else _count(len(self.errors), "error")
        return f"{verdict}: {_count(self.packages_checked, 'package')} and {_count(self.files_checked, 'file')} checked"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return f"<VerifyReport {self._summary()}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(finding.to_json().get(name, ''))}</td>" for name in _COLUMNS) + "</tr>"
            for finding in self.findings
        )
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        return (
            f"<table><caption>{escape(self._summary())}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


_COLUMNS: Final = ("severity", "package", "code", "message", "path", "expected", "got")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
