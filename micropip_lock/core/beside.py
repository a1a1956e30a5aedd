"""What lies in an environment beside the files that its RECORDs list, said against a lock: findings, as values.

Rules this file keeps:

1. What touches something locked is an error: a file in its folder or its dist-info (``file-extra``), a module that is
   imported in its place or on the way to it (``shadowed``), another distribution of its name (``duplicate``).
2. Everything else is a note: modules of nobody (``unowned-module``), ``.pth`` files of nobody (``path-file``),
   distributions that lie elsewhere (``unlocked-extra``), two locked packages with one import name (``import-clash``).
3. Bytecode caches, scripts and what an installer adds to dist-info are never told. A directory at the top without
   ``__init__.py`` and without a listed file is taken for data.

Left to others: files that RECORDs do list (:mod:`micropip_lock.core.findings`), reading (``ports.SiteReader``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging.utils import NormalizedName

from micropip_lock.core.dirty import Listing, extra_files, unlisted_files
from micropip_lock.core.imports import clashes, import_names
from micropip_lock.core.model import Lock
from micropip_lock.core.verdict import Finding

_SCRIPTS: Final = frozenset({"bin", "Scripts"})


@dataclass(kw_only=True, slots=True)
class Owners:
    """Who owns which files of a site.

    Attributes:
        listed: Paths in RECORD, by dist-info directory; of mock packages those of their modules.
        names: Normalised name, by dist-info directory, of every distribution whose RECORD can be read.
        complete: Every RECORD could be read, so that what none of them lists is nobody's.
    """

    listed: dict[str, Sequence[str]] = field(default_factory=dict)
    names: dict[str, NormalizedName] = field(default_factory=dict)
    complete: bool = True


def beside(lock: Lock, owners: Owners, files: Listing) -> Iterator[Finding]:
    """Findings about files that no RECORD lists.

    Args:
        lock: What the environment is to be.
        owners: Who owns which files.
        files: What is there.
    """
    unlisted = unlisted_files(owners.listed, files)
    if not unlisted:
        return
    extra = extra_files(owners.listed, unlisted)
    for directory, paths in sorted(extra.items()):
        name = owners.names.get(directory)
        if name in lock.packages:
            for path in paths:
                yield Finding(
                    package=str(name),
                    code="file-extra",
                    message="a file in its folder that no distribution installed",
                    path=path,
                )
    told = {path for paths in extra.values() for path in paths}
    claims = {
        module: str(name)
        for directory, name in sorted(owners.names.items())
        if name in lock.packages
        for module in import_names(owners.listed[directory], plain=True)
    }
    if owners.complete:
        yield from _modules(_importable([path for path in unlisted if path not in told], owners), claims)
        yield from _path_files(unlisted)


def _importable(unlisted: Sequence[str], owners: Owners) -> list[str]:
    """Those that can be imported, and are no data or scripts by their looks."""
    folders = {path.partition("/")[0] for paths in owners.listed.values() for path in paths if "/" in path}
    folders |= {path.partition("/")[0] for path in unlisted if path.count("/") == 1 and "/__init__." in path}
    return [path for path in unlisted if "/" not in path or path.partition("/")[0] in folders - _SCRIPTS]


def _modules(paths: Sequence[str], claims: Mapping[str, str]) -> Iterator[Finding]:
    for module in import_names(paths, plain=True):
        hidden = sorted({name for one, name in claims.items() if one == module or one.startswith(f"{module}.")})
        for name in hidden:
            yield Finding(
                package=name,
                code="shadowed",
                message="a module that no distribution installed is imported in its place, or on the way to it",
                got=module,
            )
        if not hidden:
            yield Finding(
                package=module,
                code="unowned-module",
                message="it can be imported, but no distribution installed it",
                severity="note",
            )


def _path_files(unlisted: Iterable[str]) -> Iterator[Finding]:
    for path in unlisted:
        if path.endswith(".pth") and "/" not in path:
            yield Finding(
                package=path,
                code="path-file",
                message="Python obeys it at every start, but no distribution installed it",
                severity="note",
            )


def elsewhere(lock: Lock, name: str, version: str, place: str) -> Finding:
    """A distribution that can be imported and lies outside of site-packages, or has no dist-info directory.

    Args:
        lock: What the environment is to be.
        name: Of the distribution, normalised.
        version: As far as it is known.
        place: Where it lies.
    """
    if name in lock.packages:
        return Finding(
            package=name,
            code="duplicate",
            message="another distribution of this name can be imported",
            got=f"{version} in {place}".lstrip(),
        )
    return Finding(
        package=name,
        code="unlocked-extra",
        message="it can be imported without a dist-info directory here, and is not in the lock",
        got=f"{version} in {place}".lstrip(),
        severity="note",
    )


def clashes_in(lock: Lock) -> Iterator[Finding]:
    """One note for each import name that several packages of a lock have.

    A lock has the names of packages and modules, and none of namespaces (``google.cloud``): packages that share only
    such a one do not clash.
    """
    for name, claimants in clashes({package.name: package.imports for package in lock}).items():
        yield Finding(
            package=claimants[0],
            code="import-clash",
            message=f"several packages of the lock have the import name {name}: the order decides what is imported",
            got=", ".join(claimants),
            severity="note",
        )
