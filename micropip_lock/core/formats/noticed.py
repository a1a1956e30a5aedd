"""What is odd about a lock that is read and taken all the same: notes on the lock, none of which stops anything.

Codes:

- ``unknown-key``: a field that this version does not know; it is kept where the format keeps it, and changes nothing.
- ``self-dependency``: a package that needs itself; the edge is dropped.
- ``dependency-cycle``: packages that need each other; they are installed in an order that is always the same.
- ``yanked``: what the lock says of a file that its index has withdrawn.
- ``lock-version``: a newer minor version of a format, which may say what this version does not know.

Left to others: what a freeze notes (:mod:`micropip_lock.core.caveats`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from packaging.utils import canonicalize_name

from micropip_lock.core.caveats import note, yanked_notes
from micropip_lock.core.cycles import back_edges
from micropip_lock.core.model import Lock
from micropip_lock.core.verdict import Finding

# What Pyodide wrote until 0.26, and what is read as the absence of our tables.
_FORMER_KEYS: Final = frozenset({"shared_library", "tool"})
_SHOWN: Final = 3


def notes_of(lock: Lock, entries: Mapping[str, Mapping[str, Any]]) -> tuple[Finding, ...]:
    """The notes on a ``pyodide-lock.json``, sorted.

    Args:
        lock: As it was read, without a fault.
        entries: ``packages`` as it is in the text, where dependencies are not normalised yet.
    """
    # Normalising costs more than looking, and most names are normal; keys are, or the lock would have been refused.
    needs: dict[str, list[str]] = {
        package.name: [
            needed if needed in package.depends else canonicalize_name(needed)
            for needed in entries[package.name].get("depends", ())
        ]
        for package in lock
    }
    unknown = ((package.name, key) for package in lock for key in package.unknown if key not in _FORMER_KEYS)
    notes = [*unknown_keys(unknown), *_self_dependencies(needs), *_cycles(needs), *yanked_notes(lock)]
    return tuple(sorted(notes, key=lambda found: (found.package, found.code, found.message)))


def unknown_keys(found: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """One note for each key, however many packages have it.

    Args:
        found: Package and key; the package is ``""`` for a key of the lock itself.
    """
    owners: dict[str, list[str]] = {}
    for package, key in found:
        owners.setdefault(key, []).append(package)
    for key, names in sorted(owners.items()):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        where = ", ".join(name or "the lock" for name in names[:_SHOWN]) + more
        yield note(
            names[0], "unknown-key", f"a field that this version does not know changes nothing: {key}", got=where
        )


def _self_dependencies(needs: Mapping[str, list[str]]) -> Iterator[Finding]:
    for name, needed in needs.items():
        if name in needed:
            yield note(name, "self-dependency", "it needs itself; Pyodide's own loader would wait for ever")


def _cycles(needs: Mapping[str, list[str]]) -> Iterator[Finding]:
    others = {name: [one for one in needed if one != name] for name, needed in needs.items()}
    for name, closing in back_edges(others).items():
        yield note(
            name,
            "dependency-cycle",
            "packages that need each other; Pyodide's own loader would wait for ever, a replay does not",
            got=", ".join(sorted(closing)),
        )
