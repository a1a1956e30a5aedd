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

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging.utils import NormalizedName

from micropip_lock.core.dirty import extra_files
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


def beside(locked: Container[str], owners: Owners, unlisted: Sequence[str]) -> Iterator[Finding]:
    """Findings about files that no RECORD lists.

    Args:
        locked: Normalised names of what is, or would be, in the lock.
        owners: Who owns which files.
        unlisted: Files that no RECORD lists, sorted.
    """
    extra = extra_files(owners.listed, unlisted)
    for directory, paths in sorted(extra.items()):
        name = owners.names.get(directory)
        if name in locked:
            for path in paths:
                yield Finding(
                    package=str(name),
                    code="file-extra",
                    message="a file in its folder that no distribution installed",
                    path=path,
                )
    if owners.complete:
        told = {path for paths in extra.values() for path in paths}
        yield from _modules([path for path in unlisted if path not in told], locked, owners)
        yield from _path_files(unlisted)


def _modules(unlisted: Sequence[str], locked: Container[str], owners: Owners) -> Iterator[Finding]:
    found: dict[str, list[str]] = {}
    for path in _importable(unlisted, owners):
        for module in import_names([path], plain=True):
            found.setdefault(module, []).append(path)
    if not found:
        return
    claims = {
        module: (str(name), directory)
        for directory, name in sorted(owners.names.items())
        if name in locked
        for module in import_names(owners.listed[directory], plain=True)
    }
    for module in import_names([path for paths in found.values() for path in paths], plain=True):
        hidden = {name for claim, (name, _) in claims.items() if claim.startswith(f"{module}.")}
        if module in claims:
            name, directory = claims[module]
            own = [path for path in owners.listed[directory] if import_names([path], plain=True) == (module,)]
            if min(map(_rank, found[module])) <= min(map(_rank, own)):
                hidden.add(name)
        for name in sorted(hidden):
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


def _rank(path: str) -> int:
    """The order in which Python's finder prefers files of one name in one folder."""
    return 0 if "/__init__." in path else 1 + (".so", ".py", ".pyc").index("." + path.rpartition(".")[2])


def _importable(unlisted: Sequence[str], owners: Owners) -> list[str]:
    """Those that can be imported, and are no data or scripts by their looks."""
    modules = [path for path in unlisted if path.endswith((".py", ".pyc", ".so"))]
    if not modules:
        return []
    folders = {path.partition("/")[0] for paths in owners.listed.values() for path in paths if "/" in path}
    folders |= {path.partition("/")[0] for path in modules if path.count("/") == 1 and "/__init__." in path}
    return [path for path in modules if "/" not in path or path.partition("/")[0] in folders - _SCRIPTS]


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
