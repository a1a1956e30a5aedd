"""Which distribution needs which, read from the installed METADATA.

Rules this file keeps:

1. Markers are evaluated for the runtime and for every extra that somebody asks of the distribution, extras that an
   extra asks for included (``pkg[all]`` naming ``pkg[io]``).
2. Names are canonical; no distribution depends on itself; cycles are fine; nothing recurses.
3. What METADATA requires and is not installed is told, never guessed and never dangling.

Source: core metadata (``Requires-Dist``, ``Provides-Extra``), dependency specifiers (PEP 508).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.errors import RecordError


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What one distribution needs here.

    Attributes:
        depends: Installed ones, sorted.
        missing: Required by METADATA and not installed, sorted.
    """

    depends: tuple[NormalizedName, ...] = ()
    missing: tuple[NormalizedName, ...] = ()


@dataclass(kw_only=True, slots=True)
class _Node:
    requirements: Sequence[Requirement]
    extras: set[str] = field(default_factory=set)
    needs: set[NormalizedName] = field(default_factory=set)


def parse_requirements(name: str, lines: Iterable[str]) -> tuple[Requirement, ...]:
    """``Requires-Dist`` values.

    Raises:
        RecordError: code ``requires-dist``.
    """
    parsed = []
    for line in lines:
        try:
            parsed.append(Requirement(line))
        except InvalidRequirement as error:
            raise RecordError(
                f"a requirement of {name} cannot be read",
                code="requires-dist",
                package=name,
                where="METADATA Requires-Dist",
                expected="a dependency specifier (PEP 508)",
                got=repr(line),
            ) from error
    return tuple(parsed)


def needs_of(
    requirements: Mapping[NormalizedName, Sequence[Requirement]],
    asked_extras: Mapping[NormalizedName, Iterable[str]],
    markers: Mapping[str, str],
) -> dict[NormalizedName, Needs]:
    """What each installed distribution needs.

    Args:
        requirements: Per installed distribution, its ``Requires-Dist``.
        asked_extras: Extras that a person asked for.
        markers: The runtime's marker environment.
    """
    nodes = {name: _Node(requirements=reqs) for name, reqs in requirements.items()}
    for name, extras in asked_extras.items():
        if name in nodes:
            nodes[name].extras.update(canonicalize_name(extra) for extra in extras)
    changed = set(nodes)
    while changed:
        name = changed.pop()
        node = nodes[name]
        for requirement in node.requirements:
            if not _applies(requirement, node.extras, markers):
                continue
            needed = canonicalize_name(requirement.name)
            node.needs.add(needed)
            new = {str(canonicalize_name(extra)) for extra in requirement.extras}
            if needed in nodes and not new <= nodes[needed].extras:
                nodes[needed].extras |= new
                changed.add(needed)
    return {
        name: Needs(
            depends=tuple(sorted(needed for needed in node.needs if needed in nodes and needed != name)),
            missing=tuple(sorted(node.needs - nodes.keys())),
        )
        for name, node in nodes.items()
    }


def _applies(requirement: Requirement, extras: Iterable[str], markers: Mapping[str, str]) -> bool:
    if requirement.marker is None:
        return True
    for extra in ("", *sorted(extras)):
        try:
            if requirement.marker.evaluate({**markers, "extra": extra}):
                return True
        except (UndefinedComparison, UndefinedEnvironmentName):
            continue
    return False


def closure(roots: Iterable[NormalizedName], needs: Mapping[NormalizedName, Needs]) -> set[NormalizedName]:
    """``roots`` and all they need, directly or not."""
    found: set[NormalizedName] = set()
    queue = [name for name in roots if name in needs]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += [needed for needed in needs[name].depends if needed not in found]
    return found
