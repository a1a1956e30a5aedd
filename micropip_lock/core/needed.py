"""Which package of a lock needs which: why one is there, and the whole as a tree.

Rules this file keeps:

1. Each package's own branches are drawn once; where it comes again, it stands without them.  So a tree has no more
   lines than there are packages and needs together, whatever cycles are in it, and every package is in it.
2. Nothing recurses.
3. Mock packages are leaves: what stands in for a package needs nothing.

Left to others: what needs what (:mod:`micropip_lock.core.graph`), looks (:mod:`micropip_lock.render`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal

from packaging.utils import canonicalize_name

from micropip_lock.core.model import Lock
from micropip_lock.errors import UsageError

Again = Literal["", "above", "cycle"]
MAX_CHAINS: Final = 20
"""Chains that :func:`why` gives: one for each root, the shortest."""

_MARKS: Final = {"": "", "above": " (shown above)", "cycle": " (cycle)"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Why:
    """Why a package is in a lock.

    Attributes:
        name: Normalised name.
        version: As locked; ``None`` for one that is required and not in the lock.
        requested: Whether a person asked for it.
        requirement: How they asked.
        needed_by: Names of the packages that need it directly, sorted.
        chains: From a package that was asked for down to this one; the shortest for each, the shortest first.
        mock: Whether it is a mock package.
        all_chains: How many packages that were asked for lead here.
    """

    name: str
    version: str | None
    requested: bool = False
    requirement: str | None = None
    needed_by: tuple[str, ...] = ()
    chains: tuple[tuple[str, ...], ...] = ()
    mock: bool = False
    all_chains: int = 0

    def lines(self) -> list[str]:
        """As text, one line for each fact."""
        what = f"{self.name} {self.version}" if self.version else f"{self.name} is not in the lock"
        lines = [f"{what} (mock)" if self.mock else what]
        if self.requested:
            lines.append(f"  asked for: {self.requirement or self.name}")
        if self.needed_by:
            lines.append(f"  needed by: {', '.join(self.needed_by)}")
        lines += [f"  {' -> '.join(chain)}" for chain in self.chains if len(chain) > 1]
        if self.all_chains > len(self.chains):
            lines.append(f"  and from {self.all_chains - len(self.chains)} more that were asked for")
        if not (self.requested or self.needed_by):
            lines.append("  nobody asked for it, and nothing in the lock needs it")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return f"<Why {self.name}: {'asked for' if self.requested else ', '.join(self.needed_by) or 'nothing'}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"

    def to_json(self) -> dict[str, Any]:
        """The attributes."""
        return {
            "name": self.name,
            "version": self.version,
            "requested": self.requested,
            "requirement": self.requirement,
            "needed_by": list(self.needed_by),
            "chains": [list(chain) for chain in self.chains],
            "all_chains": self.all_chains,
            "mock": self.mock,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeLine:
    """One line of a tree.

    Attributes:
        depth: 0 for a root.
        name: Normalised name.
        version: As locked, or ``""`` for one that is not in the lock.
        note: How it was asked for, or why there is no version.
        again: ``above``: its branches are drawn already. ``cycle``: it is drawn above this very line.
        lasts: For each level down to this one, whether the line there is the last among its siblings.
    """

    depth: int
    name: str
    version: str
    note: str = ""
    again: Again = ""
    lasts: tuple[bool, ...] = ()

    def __str__(self) -> str:
        guides = "".join("    " if last else "│   " for last in self.lasts[1:-1])
        branch = "" if self.depth == 0 else "└── " if self.lasts[-1] else "├── "
        told = f" ({self.note})" if self.note else ""
        return f"{guides}{branch}{self.name}{f' {self.version}' if self.version else ''}{told}{_MARKS[self.again]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """A lock as a tree of needs.

    Attributes:
        roots: Names of the packages on top: those asked for, then those that nothing else leads to.
        needs: Names that each package needs, sorted.
        versions: By name.
        entries: The lines.
    """

    roots: tuple[str, ...]
    needs: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]
    entries: tuple[TreeLine, ...]

    def lines(self) -> list[str]:
        """The tree as text, with the guides of a terminal."""
        return [str(entry) for entry in self.entries] or ["the lock is empty"]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return f"<Tree of {len(self.versions)} packages: {', '.join(self.roots[:6])}{'…' * (len(self.roots) > 6)}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"

    def to_json(self) -> dict[str, Any]:
        """The graph that the tree draws: a JSON value that is never deep."""
        return {
            "roots": list(self.roots),
            "packages": {
                name: {"version": version, "depends": list(self.needs.get(name, ()))}
                for name, version in self.versions.items()
            },
        }


def why(lock: Lock, name: str) -> Why:
    """Why a package is in a lock.

    Args:
        lock: Where.
        name: Of a package, a mock, or of something that a package requires and the lock lacks.

    Raises:
        UsageError: code ``unknown-package``.
    """
    wanted = str(canonicalize_name(name))
    needs = _needs(lock)
    needed_by = tuple(sorted(one for one, needed in needs.items() if wanted in needed and one != wanted))
    package, mock = lock.packages.get(wanted), lock.mocks.get(wanted)
    if package is None and mock is None and not needed_by:
        close = get_close_matches(wanted, [*lock.packages, *lock.mocks], n=3)
        raise UsageError(
            f"{wanted} is not in the lock",
            code="unknown-package",
            package=wanted,
            hint=f"did you mean {', '.join(close)}?" if close else "`micropip-lock show LOCK` lists what is in it",
        )
    chains = _chains(lock.roots, wanted, needs)
    one = package or mock
    return Why(
        name=wanted,
        version=None if one is None else one.version,
        requested=package is not None and package.requested,
        requirement=None if package is None else package.requirement,
        needed_by=needed_by,
        chains=tuple(chains[:MAX_CHAINS]),
        all_chains=len(chains),
        mock=mock is not None,
    )


def tree(lock: Lock) -> Tree:
    """A lock as a tree of needs: what was asked for on top."""
    needs = _needs(lock)
    roots = _roots(lock, needs)
    versions = {one.name: one.version for one in (*lock, *lock.mocks.values())}
    return Tree(
        roots=tuple(roots),
        needs={name: tuple(sorted(needed)) for name, needed in needs.items() if needed},
        versions=versions,
        entries=tuple(_lines(lock, roots, needs)),
    )


def _needs(lock: Lock) -> dict[str, tuple[str, ...]]:
    """What each package needs, what is missing and mocked included."""
    found: dict[str, tuple[str, ...]] = {str(name): () for name in lock.mocks}
    for package in lock:
        names = {*package.depends, *package.missing, *package.mocked} - {package.name}
        found[package.name] = tuple(sorted(map(str, names)))
    return found


def _chains(roots: tuple[str, ...], wanted: str, needs: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The shortest way from each root, found from its end: by whom is it needed."""
    users: dict[str, list[str]] = {}
    for one in sorted(needs):
        for needed in needs[one]:
            users.setdefault(needed, []).append(one)
    towards: dict[str, str] = {}
    queue = deque([wanted])
    while queue:
        one = queue.popleft()
        for user in users.get(one, ()):
            if user not in towards and user != wanted:
                towards[user] = one
                queue.append(user)
    chains = []
    for root in roots:
        if root in towards:
            chain = [root]
            while chain[-1] != wanted:
                chain.append(towards[chain[-1]])
            chains.append(tuple(chain))
    return sorted(chains, key=lambda chain: (len(chain), chain))


def _roots(lock: Lock, needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What was asked for; then what nothing reached needs; then, of a cycle that nothing leads to, its first name."""
    roots, reached = list(lock.roots), set[str]()
    _reach(roots, needs, reached)
    needed = {one for name, names in needs.items() for one in names if one != name}
    for candidates in ([one for one in sorted(needs) if one not in needed], sorted(needs)):
        for one in candidates:
            if one not in reached:
                roots.append(one)
                _reach([one], needs, reached)
    return roots


def _reach(names: list[str], needs: Mapping[str, tuple[str, ...]], reached: set[str]) -> None:
    queue = list(names)
    while queue:
        one = queue.pop()
        if one not in reached:
            reached.add(one)
            queue += needs.get(one, ())


def _lines(lock: Lock, roots: list[str], needs: Mapping[str, tuple[str, ...]]) -> Iterator[TreeLine]:
    drawn, path = set[str](), list[str]()
    # A stack of what is still to draw: the name, and for each level whether it is the last there.
    stack: list[tuple[str, tuple[bool, ...]]] = [(root, (True,)) for root in reversed(roots)]
    while stack:
        name, lasts = stack.pop()
        del path[len(lasts) - 1 :]
        children = needs.get(name, ())
        again: Again = "cycle" if name in path else "above" if name in drawn and children else ""
        path.append(name)
        yield _line(lock, name, lasts, again)
        drawn.add(name)
        if not again:
            stack += [
                (child, (*lasts, number == len(children) - 1)) for number, child in reversed([*enumerate(children)])
            ]


def _line(lock: Lock, name: str, lasts: tuple[bool, ...], again: Again) -> TreeLine:
    package, mock = lock.packages.get(name), lock.mocks.get(name)
    one = package or mock
    note = "mock" if mock is not None else "not in the lock" if one is None else ""
    if package is not None and package.requested:
        asked = package.requirement
        note = "asked for" if asked in (None, name, package.display_name) else f"asked for as {asked}"
    return TreeLine(
        depth=len(lasts) - 1, name=name, version="" if one is None else one.version, note=note, again=again, lasts=lasts
    )
