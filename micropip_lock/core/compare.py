"""Two locks against each other: what was added, removed and changed, as a value.

Rules this file keeps:

1. A diff is empty exactly when the two locks have the same ``id``: nothing that a lock says is left out.
2. The same version with another digest is called what it is, another build: one release can have several wheels, and
   Pyodide's own build of it is yet another.

Left to others: an environment against a lock (:mod:`micropip_lock.core.findings`, whose names are given here too);
colours and widths of a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from micropip_lock.core.beside import clashes_in
from micropip_lock.core.formats.pyodide_lock import lock_to_dict, package_to_dict
from micropip_lock.core.formats.tool_table import mock_facts, package_facts
from micropip_lock.core.json_places import place
from micropip_lock.core.model import TOOL_NAME, Lock, LockedPackage, Mock
from micropip_lock.core.verdict import Finding, VerifyReport

__all__ = ["Change", "Finding", "LockDiff", "MockChange", "PackageChange", "VerifyReport", "diff"]

_ORDER: Final = (
    "version",
    "sha256",
    "source",
    "index",
    "url",
    "origin",
    "requested",
    "requirement",
    "extras",
    "depends",
)
_FOLLOWS_VERSION: Final = frozenset({"sha256", "url", "origin", "size", "upload-time", "imports"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One field that differs.

    Attributes:
        field: ``version``, ``sha256``, ``url``, ``index``, ``requested``, ``abi_version`` …
        before: JSON value, ``None`` when absent.
        after: JSON value, ``None`` when absent.
    """

    field: str
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"field": self.field, "before": self.before, "after": self.after}

    def __str__(self) -> str:
        return f"{self.field}: {self._side(self.before)} -> {self._side(self.after)}"

    def _side(self, value: Any) -> str:
        if value is None:
            return "none"
        if isinstance(value, str):
            return value[:12] if self.field == "sha256" else value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return ", ".join(value) or "none"
        return json.dumps(value, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChange:
    """One package that both locks hold and that differs.

    Attributes:
        before: In the first lock.
        after: In the second lock.
        changes: What differs; the version first, then the digest.
    """

    before: LockedPackage
    after: LockedPackage
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        """Normalised name."""
        return self.after.name

    @property
    def other_build(self) -> bool:
        """Same version, other bytes."""
        return self.before.version == self.after.version and self.before.wheel.digest != self.after.wheel.digest

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {
            "name": self.name,
            "before": self.before.version,
            "after": self.after.version,
            "other_build": self.other_build,
            "changes": [change.to_json() for change in self.changes],
        }

    def lines(self) -> list[str]:
        """The change as lines of text: one for the package, one for each field that its version does not explain."""
        moved = self.before.version != self.after.version
        if moved:
            first = f"~ {self.name} {self.before.version} -> {self.after.version}"
        else:
            first = f"~ {self.after}" + (": same version, other build" if self.other_build else "")
        told = {"version", *(_FOLLOWS_VERSION if moved else ())}
        return [first, *(f"    {change}" for change in self.changes if change.field not in told)]


@dataclass(frozen=True, kw_only=True, slots=True)
class MockChange:
    """One mock package that differs: added, removed or changed.

    Attributes:
        before: In the first lock, or ``None``.
        after: In the second lock, or ``None``.
    """

    before: Mock | None
    after: Mock | None

    @property
    def name(self) -> str:
        """Normalised name."""
        one = self.after or self.before
        return one.name if one else ""

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"name": self.name, "before": _mock_json(self.before), "after": _mock_json(self.after)}

    def lines(self) -> list[str]:
        """The change as lines of text: one for the mock package, one for each thing that differs in it."""
        if self.before is None or self.after is None:
            return [f"{'+' if self.before is None else '-'} {self.after or self.before}"]
        if self.before.version != self.after.version:
            first = f"~ {self.name} {self.before.version} -> {self.after.version} (mock)"
        else:
            first = f"~ {self.after}"
        changes = _changes(
            {"name": self.before.display_name, "kept": self.before.source} | _quoted(self.before.modules),
            {"name": self.after.display_name, "kept": self.after.source} | _quoted(self.after.modules),
        )
        return [first, *(f"    {change}" for change in changes)]


def _mock_json(mock: Mock | None) -> dict[str, Any] | None:
    return None if mock is None else mock_facts([mock])[mock.name]


def _quoted(modules: Mapping[str, str]) -> dict[str, Any]:
    return {f"module {name}": repr(source) for name, source in modules.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class LockDiff:
    """How the second lock differs from the first; true when it does.

    Attributes:
        before_id: ``Lock.id`` of the first.
        after_id: ``Lock.id`` of the second.
        added: Packages that only the second holds.
        removed: Packages that only the first holds.
        changed: Packages that both hold and that differ.
        top: What differs outside the packages: the ABI, ``unlocked``, fields of others.
        mocks: Mock packages that differ.
        clashes: Notes about import names that several packages of the second have, and of the first have not.
    """

    before_id: str
    after_id: str
    added: tuple[LockedPackage, ...]
    removed: tuple[LockedPackage, ...]
    changed: tuple[PackageChange, ...]
    top: tuple[Change, ...]
    mocks: tuple[MockChange, ...] = ()
    clashes: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the two locks say the same."""
        return not (self.added or self.removed or self.changed or self.top or self.mocks)

    @property
    def abi_changed(self) -> bool:
        """Whether the locks are for different Pyodides, so that the wheels of one do not fit the other."""
        return any(change.field in ("abi_version", "arch") for change in self.top)

    def __bool__(self) -> bool:
        return not self.ok

    def to_json(self) -> dict[str, Any]:
        """The diff as a JSON object."""
        return {
            "same": self.ok,
            "before": self.before_id,
            "after": self.after_id,
            "abi_changed": self.abi_changed,
            "top": [change.to_json() for change in self.top],
            "added": [_brief(package) for package in self.added],
            "removed": [_brief(package) for package in self.removed],
            "changed": [change.to_json() for change in self.changed],
            "mocks": [change.to_json() for change in self.mocks],
            "clashes": [clash.to_json() for clash in self.clashes],
        }

    def lines(self) -> list[str]:
        """The diff as lines of text: ``!`` outside the packages, ``+`` added, ``-`` removed, ``~`` changed."""
        if self.ok:
            return ["no differences"]
        return [
            *(f"! {change}" for change in self.top),
            *(f"+ {package}{_from(package)}" for package in self.added),
            *(f"- {package}{_from(package)}" for package in self.removed),
            *(line for change in self.changed for line in change.lines()),
            *(line for change in self.mocks for line in change.lines()),
            *map(str, self.clashes),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        if self.ok:
            return "<LockDiff no differences>"
        counts = f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"
        mocks = f", {len(self.mocks)} mocks differ" if self.mocks else ""
        return f"<LockDiff {counts}{mocks}{', other ABI' if self.abi_changed else ''}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = [("changed", change.field, _cell(change.before), _cell(change.after), "") for change in self.top]
        rows += [("added", package.name, "", package.version, _from(package).strip()) for package in self.added]
        rows += [("removed", package.name, package.version, "", "") for package in self.removed]
        for change in self.changed:
            lines = change.lines()
            note = "same version, other build; " if change.other_build else ""
            note += "; ".join(line.strip() for line in lines[1:])
            rows.append(("changed", change.name, change.before.version, change.after.version, note))
        for mock in self.mocks:
            before, after = (one.version if one else "" for one in (mock.before, mock.after))
            kind = "added" if mock.before is None else "removed" if mock.after is None else "changed"
            rows.append((kind, mock.name, before, after, "; ".join(["mock", *map(str.strip, mock.lines()[1:])])))
        rows += [("note", clash.package, "", "", clash.message) for clash in self.clashes]
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        head = "<th></th><th>package</th><th>before</th><th>after</th><th>what</th>"
        return (
            f"<table><caption>{escape(repr(self)[1:-1])}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )


def diff(a: Lock, b: Lock) -> LockDiff:
    """How lock ``b`` differs from lock ``a``."""
    common = [name for name in sorted(a.packages) if name in b.packages]
    changed = []
    for name in common:
        before, after = a.packages[name], b.packages[name]
        changes = tuple(_changes(_facts(before), _facts(after)))
        if changes:
            changed.append(PackageChange(before=before, after=after, changes=changes))
    return LockDiff(
        before_id=a.id,
        after_id=b.id,
        added=tuple(b.packages[name] for name in sorted(b.packages) if name not in a.packages),
        removed=tuple(a.packages[name] for name in sorted(a.packages) if name not in b.packages),
        changed=tuple(changed),
        top=tuple(_changes(_top_facts(a), _top_facts(b))),
        mocks=tuple(
            MockChange(before=a.mocks.get(name), after=b.mocks.get(name))
            for name in sorted(a.mocks.keys() | b.mocks.keys())
            if a.mocks.get(name) != b.mocks.get(name)
        ),
        clashes=tuple(clash for clash in clashes_in(b) if clash not in set(clashes_in(a))),
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    others = sorted((before.keys() | after.keys()) - set(_ORDER))
    for field in (*_ORDER, *others):
        if (field in before, before.get(field)) != (field in after, after.get(field)):
            yield Change(field=field, before=before.get(field), after=after.get(field))


def _facts(package: LockedPackage) -> dict[str, Any]:
    """Everything that a lock says about a package, flat; no two of our names and of others' are the same."""
    entry = package_to_dict(package)
    tool = entry.pop("tool", None)
    facts = {place("entry", key) if key in package.unknown else key: value for key, value in entry.items()}
    facts["url"] = facts.pop("file_name")
    return facts | _tool_facts(tool, {key: key for key, _ in package_facts(package)} | {"url": "origin"})


def _top_facts(lock: Lock) -> dict[str, Any]:
    """Everything that a lock says outside its packages and mock packages, flat."""
    value = lock_to_dict(replace(lock, mocks={}))
    del value["packages"]
    info, tool = value.pop("info"), value.pop("tool", None)
    facts = {place("info", key) if key in lock.abi.unknown else key: fact for key, fact in info.items()}
    facts |= {place("entry", key): fact for key, fact in value.items()}
    return facts | _tool_facts(tool, {"version": "lock-version", "unlocked": "unlocked"})


def _tool_facts(tool: dict[str, Any] | None, ours: Mapping[str, str]) -> dict[str, Any]:
    """The ``tool`` table, flat; ``ours`` gives our known keys their names here."""
    if not tool:
        # An empty table is not the same text as none.
        return {} if tool is None else {"tool": tool}
    facts: dict[str, Any] = {}
    for name, table in tool.items():
        if name != TOOL_NAME or not table:
            facts[place("tool", name)] = table
        else:
            facts |= {ours.get(key, place(f"tool.{TOOL_NAME}", key)): fact for key, fact in table.items()}
    return facts


def _brief(package: LockedPackage) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "sha256": package.wheel.digest.hex,
        "url": package.wheel.url,
        "source": package.origin.source if package.origin else None,
    }


def _from(package: LockedPackage) -> str:
    return f"  from {package.origin.source}" if package.origin else ""


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
