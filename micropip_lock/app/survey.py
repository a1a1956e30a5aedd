"""Survey: everything that is installed, read once, each distribution with its record or with what speaks against it.

Rules this file keeps:

1. It reads and never writes; it asks no network and decides nothing about a lock.
2. Nothing is lost: each distribution, wherever it lies, is surveyed, is a mock package, is left to the site, or is an
   item with its reason.
3. dist-info directory = METADATA = file name of the wheel: what disagrees is refused, so that no name of a lock can be
   taken by another distribution.

Left to others: which of it a lock needs (:mod:`micropip_lock.app.freeze`), records (:mod:`micropip_lock.app.origins`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.app.origins import has_newer_record, is_of_kernel, origin_of, same_version
from micropip_lock.app.refusals import item_of, stray_error
from micropip_lock.app.refusals import twice as two_of_one_name
from micropip_lock.core.beside import Owners
from micropip_lock.core.candidates import direct_url_of
from micropip_lock.core.caveats import note
from micropip_lock.core.dirty import Dirt, Listing, Row, changed_and_missing, extra_files, record_rows
from micropip_lock.core.dist_info import (
    DIRECT_URL_FILE,
    INDEX_FILE,
    MICROPIP_FILES,
    RECORD_FILE,
    OriginRecord,
)
from micropip_lock.core.graph import Requirements, parse_requirements
from micropip_lock.core.imports import declared_names, import_names
from micropip_lock.core.metadata import Metadata, parse_metadata
from micropip_lock.core.mocks import module_paths, present_mock, read_mock
from micropip_lock.core.model import Mock
from micropip_lock.core.read import is_name, is_version
from micropip_lock.core.verdict import Finding
from micropip_lock.errors import MicropipLockError, RecordError, Unlockable
from micropip_lock.ports import InstalledDist, RuntimeLock, SiteReader

_OURS: Final = (INDEX_FILE, RECORD_FILE, *MICROPIP_FILES)
"""Files in dist-info that an installer writes beside RECORD and never into it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surveyed:
    """One installed distribution as read.

    Attributes:
        name: Normalised.
        display_name: As METADATA spells it.
        version: As METADATA spells it.
        dist: Where it was read.
        requirements: What METADATA requires.
        requires_python: Its ``Requires-Python``, or ``""``.
        imports: Import names.
        declared: Import names that METADATA declares, private ones included.
        namespaces: Import names that it declares for others to have as well.
        rows: RECORD.
        paths: Its paths.
        installer: What ``INSTALLER`` says.
        record: Where it came from; ``None`` when nothing here says it.
        doubt: Why the record is none, or not enough.
        notes: What is worth knowing about its record.
    """

    name: NormalizedName
    display_name: str
    version: str
    dist: InstalledDist
    requirements: Requirements
    requires_python: str
    imports: tuple[str, ...]
    declared: frozenset[str]
    namespaces: frozenset[str]
    rows: Sequence[Row]
    paths: Sequence[str]
    installer: str
    record: OriginRecord | None = None
    doubt: RecordError | None = None
    notes: tuple[Finding, ...] = ()


@dataclass(kw_only=True, slots=True)
class Survey:
    """All that is installed.

    Attributes:
        found: Distributions that could be read, by name.
        mocks: Mock packages by name.
        items: What cannot be locked.
        unread: Requirements of what cannot be read, as far as they can be.
        listed: Paths in RECORD by dist-info directory, of everything in place.
    """

    found: dict[NormalizedName, Surveyed] = field(default_factory=dict)
    mocks: dict[NormalizedName, Mock] = field(default_factory=dict)
    items: list[Unlockable] = field(default_factory=list)
    unread: dict[NormalizedName, Requirements] = field(default_factory=dict)
    listed: dict[str, Sequence[str]] = field(default_factory=dict)

    def of_site(self) -> dict[str, str]:
        """Versions of what the site brings along, by name: JupyterLite's shims."""
        return {
            one.name: one.version
            for one in sorted(self.found.values(), key=lambda one: one.name)
            if one.record is not None and is_of_kernel(one.record)
        }


def survey(site: SiteReader, runtime_lock: RuntimeLock, files: Listing) -> Survey:
    """Read an environment.

    Args:
        site: Where to read.
        runtime_lock: What the runtime was booted with.
        files: Every file of the site.
    """
    seen = Survey()
    twice: dict[NormalizedName, str] = {}
    for dist in sorted(site.distributions(), key=lambda dist: dist.directory):
        try:
            one = _read(dist, runtime_lock, files)
        except MicropipLockError as error:
            _add_unread(seen, dist, error, twice, files)
            continue
        seen.listed[dist.directory] = one.paths
        if one.name in seen.found:
            twice[one.name] = seen.found[one.name].version
        seen.found[one.name] = one
    twice |= {name: one.version for name, one in seen.found.items() if name in seen.mocks}
    owned = {path for paths in seen.listed.values() for path in paths if "/" not in path}
    for stray in site.strays():
        # A path file that a distribution brought is that one's matter.
        if stray.file not in owned:
            seen.items.append(item_of(canonicalize_name(stray.name), stray.version, stray_error(stray)))
    for item in seen.items:
        # One of two that cannot be read: which of them is imported, nobody can say.
        name = canonicalize_name(item.name)
        there = seen.found.get(name) or seen.mocks.get(name)
        if there is not None:
            twice[name] = there.version
    for name, version in twice.items():
        seen.found.pop(name, None)
        seen.mocks.pop(name, None)
        seen.items.append(item_of(name, version, two_of_one_name()))
    return seen


def dirt_in(
    seen: Survey, files: Listing, unlisted: Sequence[str], names: Sequence[NormalizedName]
) -> dict[NormalizedName, Dirt]:
    """What is wrong with the files of these distributions; only those that have any.

    Args:
        seen: What was read.
        files: What is there.
        unlisted: Files that no RECORD lists.
        names: Whose files to look at.
    """
    extra = extra_files(seen.listed, unlisted)
    found = {}
    for name in names:
        one = seen.found[name]
        directory = one.dist.directory
        dirt = changed_and_missing(one.rows, files, directory, one.dist.read_text, one.dist.read_file)
        dirt = Dirt(changed=dirt.changed, missing=dirt.missing, extra=extra.get(directory, ()))
        if dirt:
            found[name] = dirt
    return found


def owners_in(seen: Survey) -> Owners:
    """Who owns which files: distributions, and mock packages."""
    mocked = [path for mock in seen.mocks.values() for path in module_paths(tuple(mock.modules))]
    return Owners(
        listed={**seen.listed, "": mocked},
        names={one.dist.directory: name for name, one in seen.found.items()},
        complete=all(item.code != "record-unreadable" for item in seen.items),
    )


def _read(dist: InstalledDist, runtime_lock: RuntimeLock, files: Listing) -> Surveyed:
    metadata, name = _identity(dist)
    rows = _rows(dist, files)
    paths = [row[0] for row in rows]
    _refuse_shipped(dist, paths)
    record: OriginRecord | None = None
    doubt: RecordError | None = None
    notes: tuple[Finding, ...] = ()
    try:
        record = origin_of(dist, name, metadata.version, runtime_lock)
        notes = _notes(dist, name, record)
    except RecordError as error:
        if error.code not in ("no-record", "record-version", "not-in-runtime-lock"):
            raise
        if (text := dist.read_text(DIRECT_URL_FILE)) is not None:
            # A checkout or an editable install says so itself.
            direct_url_of(text)
        doubt = error
    return Surveyed(
        name=name,
        display_name=metadata.name,
        version=metadata.version,
        dist=dist,
        requirements=parse_requirements(name, metadata.requires),
        requires_python=metadata.requires_python,
        imports=import_names(paths, declared=metadata.import_names, plain=True),
        declared=declared_names(metadata.import_names),
        namespaces=declared_names(metadata.import_namespaces),
        rows=rows,
        paths=paths,
        installer=(dist.read_text("INSTALLER") or "").strip(),
        record=record,
        doubt=doubt,
        notes=notes,
    )


def _identity(dist: InstalledDist) -> tuple[Metadata, NormalizedName]:
    if dist.directory.startswith("~"):
        raise RecordError(
            "an uninstall of pip that failed left it behind", code="no-metadata", got=dist.directory, hint="delete it"
        )
    text = dist.read_text("METADATA")
    if text is None:
        raise RecordError(
            "METADATA is missing or not UTF-8", code="no-metadata", hint="uninstall it and install it again"
        )
    metadata = parse_metadata(text)
    name = canonicalize_name(metadata.name)
    directory_name, _, directory_version = dist.directory.removesuffix(".dist-info").partition("-")
    if not is_name(metadata.name) or not is_version(metadata.version):
        raise RecordError(
            "METADATA has no proper name and version",
            code="identity",
            expected="a name (PEP 508) and a version (PEP 440)",
            got=f"{metadata.name} {metadata.version}",
            hint="uninstall it: a lock cannot name it",
        )
    if canonicalize_name(directory_name) != name or not same_version(directory_version, metadata.version):
        raise RecordError(
            "METADATA and the dist-info directory name different distributions",
            code="identity",
            expected=dist.directory,
            got=f"{metadata.name} {metadata.version}",
            hint="uninstall it: a lock cannot say which of the two it is",
        )
    return metadata, name


def _rows(dist: InstalledDist, files: Listing) -> Sequence[Row]:
    text = dist.read_text("RECORD")
    if text is None:
        raise RecordError(
            "RECORD is missing or not UTF-8", code="record-unreadable", hint="uninstall it and install it again"
        )
    return record_rows(text, files.sizes)


def _refuse_shipped(dist: InstalledDist, paths: Sequence[str]) -> None:
    shipped = {f"{dist.directory}/{name}" for name in _OURS}.intersection(paths)
    if shipped:
        raise RecordError(
            "the wheel brought along a file that only an installer may write",
            code="record-forged",
            got=", ".join(sorted(shipped)),
            hint="uninstall it: it forges where it came from",
        )


def _notes(dist: InstalledDist, name: NormalizedName, record: OriginRecord) -> tuple[Finding, ...]:
    notes = []
    if record.record_digest is None and (newer := has_newer_record(dist)) is not None:
        notes.append(
            note(
                name,
                "record-version",
                "its record is of a newer micropip-lock; older records beside it were read instead",
                expected=newer.expected,
                got=newer.got,
            )
        )
    if record.record_digest is None and record.origin.kind != "runtime":
        url = (dist.read_text("PYODIDE_URL") or "").strip()
        plain, _, query = url.partition("#")[0].partition("?")
        # What loadPackage brought has none.
        if url and (plain != record.origin.url or (query and not query.startswith("sha256="))):
            notes.append(
                note(
                    name,
                    "credentials",
                    "its address had credentials or a query; the lock has not, so that a replay needs its own",
                    got=record.origin.url,
                )
            )
    return tuple(notes)


def _add_unread(
    seen: Survey,
    dist: InstalledDist,
    error: MicropipLockError,
    twice: dict[NormalizedName, str],
    files: Listing,
) -> None:
    mock = _mock_of(dist)
    if isinstance(mock, Mock):
        if mock.name in seen.mocks:
            twice[mock.name] = mock.version
        seen.mocks[mock.name] = mock
        return
    if mock is not None:
        seen.items.append(mock)
        return
    text, _, version = dist.directory.removesuffix(".dist-info").partition("-")
    name = canonicalize_name(text or dist.directory)
    seen.items.append(item_of(name, version, error))
    try:
        seen.unread[name] = parse_requirements(name, parse_metadata(dist.read_text("METADATA") or "").requires)
        seen.listed[dist.directory] = [row[0] for row in _rows(dist, files)]
    except RecordError:
        # What cannot be read needs nothing and owns nothing.
        return


def _mock_of(dist: InstalledDist) -> Mock | Unlockable | None:
    """A mock package, or why it cannot be locked; ``None`` for what is none."""
    present = present_mock(dist)
    if present is None:
        return None
    try:
        return read_mock(dist)
    except RecordError as error:
        return item_of(present.name, present.version, error)
