"""One package of a lock moved, the rest as it was: what to ask for, and the new lock from what came of it.

Rules this file keeps:

1. What is to move is asked for as a person asked for it, until they say otherwise: ``rich>=13,<14`` stays below 14.
2. What did not move keeps its very entry, but for what it needs; what nothing needs any more, and something needed
   before, is left out. What else the lock says stays.
3. A package that was a dependency is one afterwards.

Left to others: resolving, which micropip does (:mod:`micropip_lock.upgrading`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.model import Lock, LockedPackage, by_name
from micropip_lock.core.specifiers import parse_requirement
from micropip_lock.core.verdict import Finding
from micropip_lock.errors import OutcomeError, UsageError

_HINT: Final = "micropip-lock upgrade LOCK NAME, or 'NAME>=VERSION' for another requirement"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One package that is to move.

    Attributes:
        name: Normalised name.
        requirement: What to install.
        stated: The requirement that is new; ``None`` when the lock's own stays.
    """

    name: NormalizedName
    requirement: str
    stated: str | None = None


def read_wanted(lock: Lock, texts: Iterable[str]) -> tuple[Wanted, ...]:
    """What is to move.

    Args:
        lock: What is in place.
        texts: Names, or requirements with a version or an address.

    Raises:
        UsageError: codes ``bad-requirement``, ``unknown-package``, ``upgrade-address``, ``nothing-to-upgrade``.
    """
    found: dict[NormalizedName, Wanted] = {}
    for text in texts:
        try:
            requirement = parse_requirement(text)
        except InvalidRequirement as error:
            raise UsageError("not a requirement", code="bad-requirement", got=repr(text), hint=_HINT) from error
        name = canonicalize_name(requirement.name)
        package = lock.packages.get(name)
        if package is None:
            raise UsageError(
                f"{name} is not in the lock",
                code="unknown-package",
                package=name,
                hint="freeze it together with the roots of the lock, to add a package",
            )
        stated = text if requirement.specifier or requirement.url or requirement.extras else None
        found[name] = Wanted(name=name, requirement=stated or _asked_for(package), stated=stated)
    if not found:
        raise UsageError("nothing to upgrade", code="nothing-to-upgrade", hint=_HINT)
    return tuple(found.values())


def held_back(old: Lock, new: Lock, texts: Iterable[str]) -> tuple[str, ...]:
    """What a person should know of packages that did not move because the lock's own requirement says where they stay.

    Args:
        old: The lock before.
        new: The lock after.
        texts: As for :func:`read_wanted`.
    """
    return tuple(
        f"{one.name} stays {old.packages[one.name].version}: the lock asks for {one.requirement}; "
        f"to move it, say what else it may be: '{one.name}>=VERSION'"
        for one in read_wanted(old, texts)
        if one.stated is None
        and parse_requirement(one.requirement).specifier
        and old.packages[one.name].version == new.packages[one.name].version
    )


def _asked_for(package: LockedPackage) -> str:
    """The requirement as the lock has it; a dependency's is its name."""
    try:
        requirement = parse_requirement(package.requirement or package.name)
    except InvalidRequirement:
        requirement = None
    if requirement is None or requirement.url is not None or (package.origin and package.origin.kind == "local"):
        raise UsageError(
            f"{package.name} was not installed by its name",
            code="upgrade-address",
            package=package.name,
            got=package.requirement or package.wheel.url,
            hint=f"say where it is to come from now: '{package.name} @ https://…', or '{package.name}>=VERSION'",
        )
    # The marker was true here once, and would only be asked again.
    requirement.marker = None
    return str(requirement)


def limits(requirements: Mapping[NormalizedName, Iterable[Requirement]], moving: Iterable[str]) -> list[str]:
    """What the packages that stay ask of others, as constraints.

    Args:
        requirements: Of each installed package, those that apply here.
        moving: Names of the packages whose requirements will be others.
    """
    asked: dict[NormalizedName, Requirement] = {}
    gone = set(moving)
    for name in sorted(requirements):
        for one in requirements[name] if name not in gone else ():
            needed = canonicalize_name(one.name)
            if one.url is None and one.specifier:
                before = asked.setdefault(needed, Requirement(needed))
                before.specifier &= one.specifier
    return [str(one) for _, one in sorted(asked.items())]


def check_agrees(before: Sequence[Finding], after: Sequence[Finding]) -> None:
    """Refuse an environment in which a package requires another version than the one that is there now.

    Args:
        before: Notes of a freeze, before anything moved.
        after: Notes of a freeze since.

    Raises:
        OutcomeError: code ``upgrade-conflict``, with every conflict.
    """
    new = [one for one in after if one.code == "open-closure" and one not in before]
    if new:
        first = new[0]
        raise OutcomeError(
            f"{first.package} requires another version than the upgrade brings",
            code="upgrade-conflict",
            package=first.package,
            expected=first.expected,
            got=first.got or "nothing",
            hint="upgrade both: name " + ", ".join(sorted({one.package for one in new})) + " as well",
        )


def merged(old: Lock, new: Lock, wanted: Sequence[Wanted]) -> Lock:
    """The upgraded lock.

    Args:
        old: Before.
        new: What was frozen after the move, of an environment that held all of ``old``.
        wanted: What was asked to move.
    """
    stated = {one.name: one.stated for one in wanted}
    packages = {name: _entry(old.packages.get(name), package, stated) for name, package in new.packages.items()}
    kept = _needed(old, packages)
    return replace(
        old,
        packages=by_name(package for name, package in packages.items() if name in kept),
        unlocked=new.unlocked,
        # The pack holds parts of the wheels that were there.
        start=None,
        notes=new.notes,
    )


def _entry(
    before: LockedPackage | None, after: LockedPackage, stated: Mapping[NormalizedName, str | None]
) -> LockedPackage:
    if before is None:
        return replace(after, requested=False, requirement=None, extras=())
    if before.wheel.digest == after.wheel.digest:
        return replace(before, depends=after.depends, missing=after.missing, mocked=after.mocked)
    text = stated.get(before.name)
    if text is None or not before.requested:
        return replace(after, requested=before.requested, requirement=before.requirement, extras=before.extras)
    return replace(after, requested=True, requirement=text, extras=tuple(sorted(parse_requirement(text).extras)))


def _needed(old: Lock, packages: Mapping[str, LockedPackage]) -> set[str]:
    """What something leads to, and what nothing led to before."""
    reached_before = _reached(old.roots, old.packages)
    extra = [name for name in packages if name in old.packages and name not in reached_before]
    return _reached([*old.roots, *extra], packages)


def _reached(names: Iterable[str], packages: Mapping[str, LockedPackage]) -> set[str]:
    found, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name not in found and name in packages:
            found.add(name)
            queue += packages[name].depends
    return found
