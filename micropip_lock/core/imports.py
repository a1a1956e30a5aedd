"""The import names of a distribution, and which names two of them claim.

PEP 794 first (``Import-Name`` in METADATA), else the files in RECORD: packages, single modules,
extension modules with or without an ABI tag, and dotted names below namespace packages. ``top_level.txt`` is never
read: most build backends do not write it.
"""

from __future__ import annotations

import keyword
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_EXTENSION: Final = re.compile(r"(\.(cpython|pypy)-?[0-9a-z_-]+|\.abi[0-9t]+)?\.so$")
_SOURCE: Final = re.compile(r"\.pyc?$")
_SKIPPED_DIRECTORIES: Final = re.compile(r"(^|/)(__pycache__|[^/]+\.(dist-info|data|libs|egg-info))(/|$)")
_TOP_INIT: Final = re.compile(r"\0([^/\0]+)/__init__\.pyc?(?=\0)")
_MODULES: Final = (".py", ".pyc", ".so")


def import_names(
    paths: Iterable[str], *, declared: Sequence[str] | None = None, plain: bool = False
) -> tuple[str, ...]:
    """Import names, sorted.

    Args:
        paths: The paths in RECORD, relative to site-packages.
        declared: ``Import-Name`` values of METADATA (PEP 794), or ``None`` when the field is absent. An empty value
            means that the distribution has no import name; ``; private`` marks are understood.
        plain: The paths are in their plain form already (``posixpath.normpath``).

    Returns:
        Public names only, when declared; otherwise every name that an ``import`` statement could start with.
    """
    if declared is not None:
        return tuple(sorted({name for name in map(_public, declared) if name}))
    tops, others = _outermost(list(paths if plain else map(posixpath.normpath, paths)))
    modules, packages = _modules(others)
    return tuple(sorted(tops | _shortest(modules, packages)))


def declared_names(declared: Sequence[str] | None) -> frozenset[str]:
    """The names in ``Import-Name`` or ``Import-Namespace`` values (PEP 794), private ones included."""
    return frozenset(name.partition(";")[0].strip() for name in declared or ()) - {""}


def declared_clashes(
    names: Mapping[str, Iterable[str]], namespaces: Mapping[str, Iterable[str]]
) -> dict[str, tuple[str, ...]]:
    """Names that a distribution declares as its own, and that another one declares as well, as its own or as shared.

    Source: PEP 794, "Specification": tools should raise an error when names in ``Import-Name`` overlap with another
    project's ``Import-Name`` or ``Import-Namespace``; and must, when one project has a name in both.

    Args:
        names: ``Import-Name`` by distribution, private ones included.
        namespaces: ``Import-Namespace`` by distribution.

    Returns:
        The distributions by import name, both sorted; a single one when it has the name in both fields.
    """
    own, shared = _by_name(names), _by_name(namespaces)
    return {
        name: tuple(sorted({*owners, *shared.get(name, ())}))
        for name, owners in sorted(own.items())
        if len(owners) + len(shared.get(name, ())) > 1
    }


def _by_name(claims: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for distribution, names in claims.items():
        for name in set(names):
            owners.setdefault(name, []).append(distribution)
    return owners


def clashes(
    claims: Mapping[str, Iterable[str]], shared: Mapping[str, Iterable[str]] | None = None
) -> dict[str, tuple[str, ...]]:
    """Import names that more than one distribution has, declared or not.

    Packages that nobody would call broken have the same names (``tests``), so that this alone is no error.

    Args:
        claims: Import names by distribution.
        shared: Namespaces by distribution.

    Returns:
        The distributions by import name, both sorted.
    """
    allowed = {name for names in (shared or {}).values() for name in names}
    return {
        name: tuple(sorted(owners))
        for name, owners in sorted(_by_name(claims).items())
        if len(owners) > 1 and name not in allowed
    }


def _public(value: str) -> str:
    name, _, mark = value.partition(";")
    # PEP 794: each value is a name that an import statement can have; nothing else can be imported.
    public = mark.strip() != "private" and all(map(_importable, name.strip().split(".")))
    return name.strip() if public else ""


def _outermost(found: Sequence[str]) -> tuple[set[str], list[str]]:
    """The regular packages at the top, whose names say all of what is inside, and the modules outside of them."""
    # One search in one text: a distribution may have thousands of files.
    inits = _TOP_INIT.findall("\0".join(["", *found, ""]))
    tops = {top for top in inits if _importable(top) and top != "__pycache__"}
    inside = tuple(f"{top}/" for top in tops)
    return tops, [path for path in found if not path.startswith(inside) and path.endswith(_MODULES)]


def _modules(paths: Iterable[str]) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
    modules: set[tuple[str, ...]] = set()
    packages: set[tuple[str, ...]] = set()
    for path in paths:
        if path.startswith(("/", "../")) or _SKIPPED_DIRECTORIES.search(path):
            continue
        *parents, filename = path.split("/")
        # A .pyc beside no source is what py-compiled wheels hold; those in __pycache__ are skipped above.
        stem = _SOURCE.sub("", filename) if _SOURCE.search(filename) else _EXTENSION.sub("", filename)
        if stem == filename or not all(map(_importable, (*parents, stem))):
            continue
        if stem == "__init__":
            if parents:
                packages.add(tuple(parents))
        elif stem != "__main__":
            modules.add((*parents, stem))
    return modules, packages


def _importable(part: str) -> bool:
    return part.isidentifier() and not keyword.iskeyword(part)


def _shortest(modules: set[tuple[str, ...]], packages: set[tuple[str, ...]]) -> set[str]:
    """The first regular package or module on the way to each module: behind either, Python looks for no namespace."""
    known = modules | packages
    return {
        ".".join(next(parts[:length] for length in range(1, len(parts) + 1) if parts[:length] in known))
        for parts in known
    }
