"""What is worth knowing about a lock that could be made: notes, none of which stops a freeze.

Codes:

- ``open-closure``: METADATA requires what is not installed (``deps=False`` does that), or another version of it; a
  replay installs just what was there. ``requires-dist``: a requirement that cannot be read.
- ``import-clash``: two distributions claim one import name (PEP 794).
- ``host-mismatch``: a file of an index came from another host than the index's other files.
- ``yanked``: its index had withdrawn the file when it was installed (PEP 592).
- ``source-conflict``: the runtime's own distribution has another build of the same version.

Left to others: notes about records (:mod:`micropip_lock.app.origins`) and files (:mod:`micropip_lock.app.survey`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.address import is_plain
from micropip_lock.core.graph import Needs
from micropip_lock.core.imports import clashes
from micropip_lock.core.model import LockedPackage
from micropip_lock.core.verdict import Finding


def caveats_of(
    packages: Iterable[LockedPackage],
    *,
    needs: Mapping[NormalizedName, Needs],
    namespaces: Mapping[str, Iterable[str]],
    runtime_packages: Mapping[str, Mapping[str, Any]],
    left_out: AbstractSet[str] = frozenset(),
) -> tuple[Finding, ...]:
    """The notes about a lock's packages, sorted.

    Args:
        packages: What is locked.
        needs: What each of them needs.
        namespaces: Names that may be shared, by distribution (``Import-Namespace``).
        runtime_packages: Entries of the runtime's own lock, by name.
        left_out: Names that are no matter of the lock: what only records and replays, and what the site brings.
    """
    found = list(packages)
    notes = [
        *(note for package in found for note in _open_closure(package, needs[package.name], left_out)),
        *_import_clashes(found, namespaces),
        *_host_mismatches(found),
        *_source_conflicts(found, runtime_packages),
        *yanked_notes(found),
    ]
    return tuple(sorted(notes, key=lambda note: (note.package, note.code, note.message, note.expected or "")))


def yanked_notes(packages: Iterable[LockedPackage]) -> tuple[Finding, ...]:
    """The packages of a lock that their index had withdrawn, each with the reason where it gave one."""
    return tuple(
        note(
            package.name,
            "yanked",
            "its index has withdrawn this file (yanked); a replay installs it all the same",
            got=package.wheel.yanked if isinstance(package.wheel.yanked, str) else None,
        )
        for package in packages
        if package.wheel.yanked
    )


def note(package: str, code: str, message: str, *, expected: str | None = None, got: str | None = None) -> Finding:
    """One note."""
    return Finding(package=package, code=code, message=message, expected=expected, got=got, severity="note")


def _open_closure(package: LockedPackage, needs: Needs, left_out: AbstractSet[str]) -> Iterator[Finding]:
    for name in package.missing:
        if name not in left_out:
            yield note(package.name, "open-closure", "it requires what the lock does not hold", expected=name)
    for unmet in needs.unmet:
        if unmet.got is None:
            yield note(
                package.name,
                "requires-dist",
                "a requirement of an extra cannot be read",
                expected="a dependency specifier (PEP 508)",
                got=repr(unmet.requirement),
            )
        else:
            yield note(
                package.name,
                "open-closure",
                "it requires another version than the installed one",
                expected=unmet.requirement,
                got=unmet.got,
            )


def _import_clashes(packages: Iterable[LockedPackage], namespaces: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
    for name, owners in clashes({package.name: package.imports for package in packages}, namespaces).items():
        for owner in owners:
            others = ", ".join(other for other in owners if other != owner)
            yield note(
                owner,
                "import-clash",
                f"another distribution has the import name {name} as well: which one is imported, the order decides",
                got=others,
            )


def _host_mismatches(packages: Iterable[LockedPackage]) -> Iterator[Finding]:
    """Files from a host that serves less than half of an index's files, and is not the index's own."""
    by_index: dict[str | None, list[LockedPackage]] = {}
    for package in packages:
        if package.origin is not None and package.origin.kind == "index":
            by_index.setdefault(package.origin.index, []).append(package)
    for index, members in by_index.items():
        hosts = Counter(_host(package.wheel.url) for package in members)
        usual = {host for host, count in hosts.items() if 2 * count >= len(members)}
        known = usual | ({_host(index)} if index else set())
        for package in members:
            if usual and _host(package.wheel.url) not in known:
                yield note(
                    package.name,
                    "host-mismatch",
                    "its record names an index, but its wheel came from another host than the index's other wheels",
                    expected=", ".join(sorted(usual)),
                    got=_host(package.wheel.url),
                )


def _host(url: str) -> str:
    if is_plain(url):
        return url.split("/", 3)[2]
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _source_conflicts(
    packages: Iterable[LockedPackage], runtime_packages: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    entries = {canonicalize_name(key): entry for key, entry in runtime_packages.items()}
    for package in packages:
        entry = entries.get(package.name)
        if entry is None or package.origin is None or package.origin.kind == "runtime":
            continue
        digest = str(entry.get("sha256", "")).lower()
        if str(entry.get("version")) == package.version and digest != package.wheel.digest.hex:
            yield note(
                package.name,
                "source-conflict",
                "Pyodide's own distribution has another build of this version; the lock has the one that is installed",
                expected=f"sha256 {package.wheel.digest.hex}",
                got=f"sha256 {digest}",
            )


def lies_beside(name: NormalizedName) -> Finding:
    """For a wheel that only we have."""
    return note(
        name,
        "local-wheel",
        "its wheel was a local file, and has to lie beside the lock: micropip_lock.save() and freeze -o put it there",
    )
