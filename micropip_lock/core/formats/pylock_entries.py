"""What a ``pylock.toml`` says, for every environment it is for: read, and nothing chosen.

Rules this file keeps:

1. Every entry is read, whether or not it is for us: a file with a fault in it is not trusted for the rest.
2. All faults are collected and raised once.
3. Keys that are not known are noted (PEP 751: a newer minor version may have them); ``tool`` tables are not looked at.

Source: PEP 751, "File Format".
Left to others: one file (:mod:`micropip_lock.core.formats.pylock_file`), the choice
(:mod:`micropip_lock.core.formats.pylock`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from micropip_lock.core.address import address_fault
from micropip_lock.core.caveats import note
from micropip_lock.core.faults import Faults
from micropip_lock.core.formats.noticed import unknown_keys
from micropip_lock.core.formats.pylock_file import PylockWheel, read_wheel
from micropip_lock.core.read import Table, check_count, parsed_version
from micropip_lock.core.shown import shown
from micropip_lock.core.specifiers import parse_marker
from micropip_lock.core.verdict import Finding
from micropip_lock.errors import LockSchemaError, LockVersionError

_VERSION: Final = Version("1.0")


@dataclass(frozen=True, kw_only=True, slots=True)
class PylockEntry:
    """One of ``[[packages]]``.

    Attributes:
        where: Its dotted place.
        name: Normalised.
        version: As written, or ``""``.
        marker: Whom it is for.
        requires_python: What it runs on.
        index: Base address of the index that ``wheels`` come from, or ``""``.
        wheels: What may be installed.
        is_archive: Whether it is a direct address.
        others: Further kinds of source that it names: ``sdist``, ``vcs`` ….
        dependencies: Names.
    """

    where: str
    name: NormalizedName
    version: str
    marker: Marker | None
    requires_python: SpecifierSet | None
    index: str
    wheels: tuple[PylockWheel, ...]
    is_archive: bool
    others: tuple[str, ...]
    dependencies: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pylock:
    """A whole file.

    Attributes:
        environments: Markers, one of which has to hold; none allows any environment.
        requires_python: What all of it runs on.
        default_groups: Dependency groups that are installed unless somebody says otherwise.
        entries: ``packages``.
        notes: What is odd about it.
    """

    environments: tuple[Marker, ...]
    requires_python: SpecifierSet | None
    default_groups: tuple[str, ...]
    entries: tuple[PylockEntry, ...]
    notes: tuple[Finding, ...]


def read_pylock(value: Mapping[str, Any], *, base: str | None = None) -> Pylock:
    """Read a parsed file.

    Args:
        value: The TOML document.
        base: Address of the lock, when it is known.

    Raises:
        LockVersionError, LockSchemaError, LockPolicyError: see :func:`~micropip_lock.core.formats.pylock.parse_pylock`.
    """
    faults = Faults()
    top = Table(value, "", faults)
    newer = _check_version(top)
    top.text("created-by", filled=True)
    environments = tuple(
        marker
        for at, text in enumerate(top.texts("environments"))
        if (marker := _marker(text, f"environments[{at}]", None, faults)) is not None
    )
    requires_python = _specifier(top)
    default_groups = top.texts("default-groups")
    for key in ("extras", "dependency-groups"):
        top.texts(key)
    top.table("tool")
    unknown = [("", key) for key in top.unread() if key != "packages"]
    top.has("packages", required=True)
    check_count(len(value.get("packages", ())) if isinstance(value.get("packages"), list) else 0)
    entries = []
    for table in top.tables("packages"):
        entries.append(_read_entry(table, base, faults))
        unknown += [(entries[-1].name, key) for key in table.unread()]
    faults.check()
    return Pylock(
        environments=environments,
        requires_python=requires_python,
        default_groups=default_groups,
        entries=tuple(entries),
        notes=(*newer, *unknown_keys(unknown)),
    )


def _check_version(top: Table) -> list[Finding]:
    text = top.text("lock-version", filled=True)
    version = parsed_version(text)
    if version is None:
        if text:
            top.fault("version", "not a version", key="lock-version", expected=str(_VERSION), got=shown(text))
        return []
    if version.major != _VERSION.major:
        raise LockVersionError(
            "the lock is of another version of PEP 751",
            where="lock-version",
            expected=f"{_VERSION.major}.x",
            got=shown(text),
        )
    if version == _VERSION:
        return []
    message = "the lock is of a newer minor version: it may say what is not understood here"
    return [note("", "lock-version", message, expected=str(_VERSION), got=text)]


def _read_entry(table: Table, base: str | None, faults: Faults) -> PylockEntry:
    name = canonicalize_name(spelt := table.name("name"))
    if spelt != name:
        table.fault("name", "not the normal form of a name", key="name", expected=name, got=shown(spelt))
    table.package = name or None
    version = table.version("version") if table.has("version", required=False) else ""
    index = table.text("index", "")
    if index and (fault := address_fault(index, where=table.at("index"), package=name)) is not None:
        faults.add(fault)
    marker_text = table.text("marker", "")
    sources = {key: table.table(key) for key in ("vcs", "directory", "archive", "sdist")}
    archive = sources["archive"]
    is_archive = archive is not None and _names_a_wheel(archive)
    offered = [archive] if archive is not None and is_archive else list(table.tables("wheels"))
    others = tuple(
        key for key, source in sources.items() if source is not None and not (is_archive and key == "archive")
    )
    _check_sources(table, sources)
    parsed = parsed_version(version)
    read = [read_wheel(one, name, parsed, base=base, faults=faults) for one in offered]
    for key in ("attestation-identities", "tool"):
        table.has(key, required=False)
    return PylockEntry(
        where=table.where,
        name=name,
        version=version,
        marker=_marker(marker_text, table.at("marker"), name, faults) if marker_text else None,
        requires_python=_specifier(table),
        index=index,
        wheels=tuple(one for one in read if one is not None),
        is_archive=is_archive,
        others=others,
        dependencies=frozenset(canonicalize_name(needed.name("name")) for needed in table.tables("dependencies")),
    )


def _names_a_wheel(archive: Table) -> bool:
    """Whether an archive is a wheel, by the end of its address: pip writes wheels of direct addresses so."""
    address = archive.text("url", "") or archive.text("path", "")
    return address.partition("#")[0].partition("?")[0].lower().endswith(".whl")


def _check_sources(table: Table, sources: Mapping[str, Table | None]) -> None:
    # PEP 751: vcs, directory and archive exclude each other, and both sdist and wheels.
    has_wheels = table.has("wheels", required=False)
    given = [key for key, source in sources.items() if source is not None] + ["wheels"] * has_wheels
    if not given:
        table.fault("missing", "no source of the package", expected="wheels", got="none")
    elif len(given) > 1 and set(given) != {"sdist", "wheels"}:
        table.fault("origin", "several sources of one package", expected="one of them", got=", ".join(given))


def _specifier(table: Table) -> SpecifierSet | None:
    text = table.text("requires-python", "")
    try:
        return SpecifierSet(text) if text else None
    except InvalidSpecifier:
        table.fault(
            "specifier", "cannot be read", key="requires-python", expected="versions (PEP 440)", got=shown(text)
        )
        return None


def _marker(text: str, where: str, package: str | None, faults: Faults) -> Marker | None:
    try:
        return parse_marker(text)
    except InvalidMarker:
        pass
    faults.add(
        LockSchemaError(
            "cannot be read",
            code="marker",
            where=where,
            package=package,
            expected="a marker (PEP 508)",
            got=shown(text),
        )
    )
    return None
