"""Which distribution needs which, read from the installed METADATA.

Rules this file keeps:

1. Markers are evaluated for the runtime and for every extra that somebody asks of the distribution, extras that an
   extra asks for included (``pkg[all]`` naming ``pkg[io]``).
2. Names are canonical; no distribution depends on itself; cycles are fine; nothing recurses.
3. What METADATA requires and is not installed, or is installed in another version, is told, never guessed and never
   dangling.
4. Requirements of extras that nobody asks for are not read, since most requirements are of that kind.

Source: core metadata (``Requires-Dist``, ``Provides-Extra``), dependency specifiers (PEP 508).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.read import is_name
from micropip_lock.core.specifiers import parse_requirement
from micropip_lock.errors import RecordError

# Applies to nobody who asks for no extra: a conjunction with extra == "…".
_EXTRA: Final = re.compile(r""";(?!.*\bor\b).*\bextra\s*==\s*["']""", re.DOTALL)
_CACHED: Final = 1 << 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmet:
    """A requirement that what is installed does not meet.

    Attributes:
        requirement: As METADATA has it.
        got: The installed version; ``None`` when the requirement itself cannot be read.
    """

    requirement: str
    got: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What one distribution needs here.

    Attributes:
        depends: Installed ones, sorted.
        missing: Required by METADATA and not installed, sorted.
        unmet: Required by METADATA in a version that is not the installed one.
    """

    depends: tuple[NormalizedName, ...] = ()
    missing: tuple[NormalizedName, ...] = ()
    unmet: tuple[Unmet, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """The ``Requires-Dist`` of one distribution.

    Attributes:
        always: Those that need no extra.
        optional: Lines that may need one, unread.
    """

    always: tuple[Requirement, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def may_ask_for_extras(self) -> bool:
        """Whether any of them asks for extras of another distribution."""
        return any(one.extras for one in self.always) or any("[" in line.partition(";")[0] for line in self.optional)


@dataclass(kw_only=True, slots=True)
class _Node:
    requirements: list[Requirement]
    optional: tuple[str, ...]
    extras: set[str] = field(default_factory=set)
    needs: set[NormalizedName] = field(default_factory=set)
    unmet: dict[str, Unmet] = field(default_factory=dict)


def parse_requirements(name: str, lines: Iterable[str]) -> Requirements:
    """``Requires-Dist`` values.

    Raises:
        RecordError: code ``requires-dist``.
    """
    always, optional = [], []
    for line in lines:
        if _EXTRA.search(line):
            optional.append(line)
            continue
        try:
            always.append(_requirement(line))
        except InvalidRequirement as error:
            raise RecordError(
                f"a requirement of {name} cannot be read",
                code="requires-dist",
                package=name,
                where="METADATA Requires-Dist",
                expected="a dependency specifier (PEP 508)",
                got=repr(line),
            ) from error
    return Requirements(always=tuple(always), optional=tuple(optional))


@lru_cache(maxsize=_CACHED)
def _requirement(line: str) -> Requirement:
    """Nobody changes the value, and a notebook freezes the same environment again and again."""
    requirement = parse_requirement(line)
    if not is_name(requirement.name):
        raise InvalidRequirement(f"a name that is too long: {requirement.name}")
    return requirement


def needs_of(
    requirements: Mapping[NormalizedName, Requirements],
    asked_extras: Mapping[NormalizedName, Iterable[str]],
    markers: Mapping[str, str],
    versions: Mapping[NormalizedName, str] | None = None,
) -> dict[NormalizedName, Needs]:
    """What each installed distribution needs.

    Args:
        requirements: Per installed distribution, its ``Requires-Dist``.
        asked_extras: Extras that a person asked for.
        markers: The runtime's marker environment.
        versions: Installed versions; a requirement is met by any version when they are not given.
    """
    nodes = {name: _Node(requirements=list(one.always), optional=one.optional) for name, one in requirements.items()}
    for name, extras in asked_extras.items():
        if name in nodes:
            nodes[name].extras.update(canonicalize_name(extra) for extra in extras)
    applies = _evaluator(markers)
    changed = set(nodes)
    while changed:
        name = changed.pop()
        node = nodes[name]
        if node.extras and node.optional:
            _read_optional(node)
        for requirement in node.requirements:
            if requirement.marker is not None and not applies(requirement.marker, node.extras):
                continue
            needed = canonicalize_name(requirement.name)
            node.needs.add(needed)
            got = (versions or {}).get(needed)
            if got is not None and not _is_met(requirement, got):
                node.unmet[str(requirement)] = Unmet(requirement=str(requirement), got=got)
            if not requirement.extras or needed not in nodes:
                continue
            new = {str(canonicalize_name(extra)) for extra in requirement.extras}
            if not new <= nodes[needed].extras:
                nodes[needed].extras |= new
                changed.add(needed)
    return {
        name: Needs(
            depends=tuple(sorted(needed for needed in node.needs if needed in nodes and needed != name)),
            missing=tuple(sorted(node.needs - nodes.keys())),
            unmet=tuple(unmet for _, unmet in sorted(node.unmet.items())),
        )
        for name, node in nodes.items()
    }


def _read_optional(node: _Node) -> None:
    for line in node.optional:
        try:
            node.requirements.append(_requirement(line))
        except InvalidRequirement:
            node.unmet[line] = Unmet(requirement=line, got=None)
    node.optional = ()


def _is_met(requirement: Requirement, version: str) -> bool:
    # What is installed is installed: whether a pre-release would be chosen is no question here.
    return not requirement.specifier or requirement.specifier.contains(version, prereleases=True)


def _evaluator(markers: Mapping[str, str]) -> Callable[[Marker, Iterable[str]], bool]:
    """Evaluates markers in one environment, each but once for each extra."""
    known: dict[tuple[str, str], bool] = {}

    def evaluate(marker: Marker, extra: str) -> bool:
        key = (str(marker), extra)
        if key not in known:
            try:
                known[key] = marker.evaluate({**markers, "extra": extra})
            except (UndefinedComparison, UndefinedEnvironmentName):
                known[key] = False
        return known[key]

    return lambda marker, extras: any(evaluate(marker, extra) for extra in ("", *sorted(extras)))


def closure(roots: Iterable[NormalizedName], needs: Mapping[NormalizedName, Needs]) -> set[NormalizedName]:
    """``roots`` and all they need, directly or not."""
    found: set[NormalizedName] = set()
    queue = [name for name in roots if name in needs]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += [needed for needed in needs[name].depends if needed in needs and needed not in found]
    return found


def unneeded(names: Sequence[NormalizedName], needs: Mapping[NormalizedName, Needs]) -> set[NormalizedName]:
    """Those of ``names`` that nothing else needs; of a cycle that nothing outside needs, all of it."""
    if not names:
        return set()
    reached = {name: closure([name], needs) for name in needs}
    return {
        name for name in names if all(other in reached[name] for other, others in reached.items() if name in others)
    }
