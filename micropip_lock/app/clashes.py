"""Clashes: distributions that no lock can hold together, because one takes the place of another.

Rules this file keeps:

1. A name that two distributions *declare* (``Import-Name``, PEP 794) is a clash; a name that merely both have is none
   here (:mod:`micropip_lock.core.caveats` notes it), because sound packages have it: ``tests``, old namespaces.
2. A file that two RECORDs list with different bytes is a clash: whatever lies there, one of the two is not whole. With
   the same bytes it is none: that is how old namespace packages share their ``__init__.py``.

Left to others: files of wheels that are about to be installed, which the installer compares with each other and with
what is there (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.imports import declared_clashes, declared_names
from micropip_lock.core.metadata import parse_metadata
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import ConflictError, Unlockable

if TYPE_CHECKING:
    from micropip_lock.app.survey import Surveyed

_ELSEWHERE = ("../", "/", "bin/", "Scripts/")
"""Scripts and what lies outside: installers rewrite the ones and put the others where they like."""


def clashes_among(found: Sequence[Surveyed]) -> dict[NormalizedName, list[Unlockable]]:
    """The items of each distribution that clashes with another one; none for most environments.

    Args:
        found: What would be in one lock.
    """
    items: dict[NormalizedName, list[Unlockable]] = {}
    for code, what, owners in (*_of_names(found), *_of_files(found)):
        for one in owners:
            others = ", ".join(other.name for other in owners if other is not one)
            items.setdefault(one.name, []).append(
                Unlockable(
                    name=one.name,
                    version=one.version,
                    code=code,
                    reason=f"{what}, and so does {others}" if others else f"{what}, as its own and as shared",
                    hint="uninstall one of the two" if others else "ask its authors to declare the name once",
                )
            )
    return items


def refuse_import_clashes(wheels: Mapping[str, OpenedWheel]) -> None:
    """Refuse wheels that are about to be installed together and declare one import name.

    Args:
        wheels: By normalised name.

    Raises:
        ConflictError: code ``import-clash``.
    """
    declaring = {
        name: parse_metadata(opened.metadata)
        for name, opened in sorted(wheels.items())
        # Nearly no METADATA has the field.
        if "import-name" in opened.metadata.lower()
    }
    clashes = declared_clashes(
        {name: declared_names(fields.import_names) for name, fields in declaring.items()},
        {name: declared_names(fields.import_namespaces) for name, fields in declaring.items()},
    )
    for module, names in clashes.items():
        raise ConflictError(
            f"wheels of the lock declare the same import name, {module}"
            if len(names) > 1
            else f"a wheel of the lock declares the import name {module} as its own and as shared",
            code="import-clash",
            package=names[-1],
            where="METADATA, Import-Name",
            got=" and ".join(names),
            hint="freeze an environment without one of them",
        )


def _of_names(found: Sequence[Surveyed]) -> Iterator[tuple[str, str, list[Surveyed]]]:
    by_name = {str(one.name): one for one in found}
    clashes = declared_clashes(
        {name: one.declared for name, one in by_name.items()}, {name: one.namespaces for name, one in by_name.items()}
    )
    for module, names in clashes.items():
        yield "import-clash", f"it declares the import name {module}", [by_name[name] for name in names]


def _of_files(found: Sequence[Surveyed]) -> Iterator[tuple[str, str, list[Surveyed]]]:
    if len(set().union(*(one.paths for one in found))) == sum(len(one.paths) for one in found):
        return
    counts = Counter(path for one in found for path in set(one.paths))
    shared = {path for path, count in counts.items() if count > 1 and not path.startswith(_ELSEWHERE)}
    owners: dict[str, dict[Digest, Surveyed]] = {}
    for one in found:
        if not shared.isdisjoint(one.paths):
            for row in parse_record(one.dist.read_text("RECORD") or ""):
                path = posixpath.normpath(row.path)
                if path in shared and row.digest is not None:
                    owners.setdefault(path, {}).setdefault(row.digest, one)
    for path, found_there in sorted(owners.items()):
        if len(found_there) > 1:
            yield "file-clash", f"it installs {path} with other bytes", list(found_there.values())
