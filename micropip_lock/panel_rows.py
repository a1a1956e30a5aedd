"""What the panel shows of each package, as rows: to search, to sort, and to colour by state.

Left to others: looks (:mod:`micropip_lock.panel_page`), widgets (:mod:`micropip_lock.panel_widgets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from micropip_lock.core.compare import VerifyReport
from micropip_lock.core.model import Lock

Sort = Literal["name", "size", "source", "state"]
SORTS: Final[tuple[Sort, ...]] = ("name", "size", "source", "state")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One package.

    Attributes:
        name: As its METADATA spells it.
        key: Normalised name.
        version: As locked or installed.
        source: Its index, its address, ``pyodide``, ``local``, or what a mock is.
        size: Bytes of its wheel, when known.
        state: ``locked``, ``verified``, ``mock``, or what is wrong with it.
        is_wrong: Whether ``state`` says that something is.
        requested: Whether a person asked for it.
    """

    name: str
    key: str
    version: str
    source: str = ""
    size: int | None = None
    state: str = "locked"
    is_wrong: bool = False
    requested: bool = False

    def to_json(self) -> dict[str, Any]:
        """The attributes."""
        return {name: getattr(self, name) for name in self.__slots__}


def rows_of(lock: Lock, report: VerifyReport | None = None) -> list[Row]:
    """The packages of a lock, by name.

    Args:
        lock: What is in place, or what is to be.
        report: What a verification found; what is there and not in the lock gets a row as well.
    """
    errors: dict[str, list[str]] = {}
    for finding in report.errors if report is not None else ():
        errors.setdefault(finding.package, []).append(finding.code)
    fine = "locked" if report is None else "verified"
    rows = [
        Row(
            name=package.display_name,
            key=package.name,
            version=package.version,
            source=package.origin.source if package.origin else package.wheel.url,
            size=package.wheel.size,
            state=_state(errors.pop(package.name, []), f"{fine}, yanked" if package.wheel.yanked else fine),
            is_wrong=package.name in {one.package for one in (report.errors if report is not None else ())},
            requested=package.requested,
        )
        for package in lock
    ]
    rows += [
        Row(name=mock.display_name, key=mock.name, version=mock.version, source=mock.source, state="mock")
        for mock in lock.mocks.values()
    ]
    rows += [
        Row(name=one.name, key=one.name, version=one.version, state=f"cannot be locked: {one.reason}", is_wrong=True)
        for one in lock.unlocked
    ]
    known = {row.key for row in rows}
    rows += [
        Row(name=name, key=name, version="", state=_state(codes, ""), is_wrong=True)
        for name, codes in errors.items()
        if name and name not in known
    ]
    return sorted(rows, key=lambda row: row.key)


def _state(codes: Sequence[str], fine: str) -> str:
    return ", ".join(sorted(set(codes))) or fine


def chosen(rows: Iterable[Row], *, search: str = "", sort: Sort = "name") -> list[Row]:
    """Rows that have every word, a name in either spelling, sorted; the largest first, what is wrong first."""
    words = search.casefold().split()
    found = [
        row
        for row in rows
        if all(word in f"{row.name} {row.key} {row.version} {row.source} {row.state}".casefold() for word in words)
    ]
    match sort:
        case "size":
            return sorted(found, key=lambda row: (-(row.size or 0), row.key))
        case "source":
            return sorted(found, key=lambda row: (row.source, row.key))
        case "state":
            return sorted(found, key=lambda row: (not row.is_wrong, row.state, row.key))
    return sorted(found, key=lambda row: row.key)
