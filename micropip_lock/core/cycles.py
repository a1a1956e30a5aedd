"""Cycles among packages: which edges to leave out so that none is left.

Pyodide's ``loadPackage`` waits for each dependency before it installs a package, so that two that need each other wait
for ever, and every later load of that kernel with them. Distributions may need each other all the same, so a lock keeps
the whole graph and shows loaders one without cycles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def back_edges(needs: Mapping[str, Sequence[str]], roots: Iterable[str] = ()) -> dict[str, frozenset[str]]:
    """The edges that close a cycle: without them the graph has none.

    Whoever loads one of ``roots`` still gets all that it needs: an edge is left out only where what it names is being
    loaded already. The answer depends on names alone, not on the order of the mapping.

    Args:
        needs: Name to names; those that have no entry are ignored.
        roots: Where loading begins, most likely.

    Returns:
        Name to the names that it needs and that are left out; names that lose nothing are not in it.
    """
    found: dict[str, set[str]] = {}
    done: set[str] = set()
    for root in (*sorted(roots), *sorted(needs)):
        if root in done or root not in needs:
            continue
        # The way from the root to where we are, each with what it needs and nobody has looked at.
        way = {root: sorted(needs[root], reverse=True)}
        while way:
            name, left = next(reversed(way.items()))
            if not left:
                done.add(name)
                del way[name]
                continue
            needed = left.pop()
            if needed in way:
                found.setdefault(name, set()).add(needed)
            elif needed in needs and needed not in done:
                way[needed] = sorted(needs[needed], reverse=True)
    return {name: frozenset(names) for name, names in found.items()}
