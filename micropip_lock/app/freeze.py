"""Freeze: what is really installed, as a lock; or the list of what cannot be locked and why.

Rules this file keeps:

1. It receives only a :class:`~micropip_lock.ports.SiteReader`, so it cannot write; it never resolves. The network is
   asked only where a distribution without a record came from (:func:`freeze_located`).
2. Only what is installed, and only what a replay needs: the tools that record and replay (``micropip``,
   ``micropip-lock``), what JupyterLite's kernel brings along, and what only they need are left out unless somebody
   asked for them.
3. The same environment gives the same bytes: nothing of the run (time, order, directory names) enters the lock.
4. Nothing is left out in silence: a distribution is locked, is a tool, is left to the site, or is an item with its
   reason. What is worth knowing and stops nothing is in ``Lock.notes``.

Left to others: reading (:mod:`micropip_lock.app.survey`), proving (:mod:`micropip_lock.app.locate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.app.clashes import clashes_among
from micropip_lock.app.locate import Located, locate
from micropip_lock.app.refusals import dirty_items, item_of, shadowed
from micropip_lock.app.rest import refuse_unrest
from micropip_lock.app.settle import (
    RefusedError,
    can_be_fetched,
    check_fit,
    check_policy,
    check_wheel,
    settled,
    wheel_of,
)
from micropip_lock.app.survey import Survey, Surveyed, dirt_in, owners_in, survey
from micropip_lock.core.beside import beside
from micropip_lock.core.caveats import caveats_of, lies_beside
from micropip_lock.core.dirty import Dirt, unlisted_files
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.core.graph import Needs, Requirements, closure, needs_of, unneeded
from micropip_lock.core.model import Lock, LockedPackage, by_name, mocks_by_name
from micropip_lock.core.plan import TOOLS
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.read import check_count
from micropip_lock.core.verdict import Finding
from micropip_lock.errors import FetchError, InputError, Unlockable, UnlockableError, UsageError
from micropip_lock.ports import IndexFetcher, KeptWheels, Progress, Runtime, RuntimeLock, SiteReader

_TELLS_NO_REQUEST: Final = ("", "uv")
"""Installers that do not say what a person asked for: nobody, and uv, which marks dependencies as requested, too."""


def freeze(
    site: SiteReader,
    runtime: Runtime,
    *,
    kept: KeptWheels | None = None,
    strict: bool = True,
    roots: Sequence[str] | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Lock:
    """Lock what is installed, by its records alone.

    Args:
        site: Where to read.
        runtime: The interpreter it is installed for.
        kept: Wheels that came from local files.
        strict: Raise when something cannot be locked; else list it in the lock under ``unlocked``.
        roots: Keep only these and what they need.
        policy: What comes from elsewhere cannot be locked.

    Raises:
        UnlockableError: with every item, when ``strict``.
        LockPolicyError: code ``too-large``: more than a lock may hold.
        UsageError: code ``unknown-root``.
    """
    return _Draft(site, runtime, roots, kept, policy).finish({}, strict=strict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexes:
    """Where to look for what has no record.

    Attributes:
        urls: Base URLs, in the order to ask.
        fetcher: Who asks them.
    """

    urls: Sequence[str]
    fetcher: IndexFetcher


async def freeze_located(
    site: SiteReader,
    runtime: Runtime,
    *,
    indexes: Callable[[], AbstractContextManager[Indexes]],
    kept: KeptWheels | None = None,
    strict: bool = True,
    roots: Sequence[str] | None = None,
    seeds: AbstractSet[str] = frozenset(),
    trust_metadata: bool = False,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Lock:
    """Lock what is installed; what has no record is looked up on the indexes and proven.

    Args:
        site: Where to read.
        runtime: The interpreter it is installed for.
        indexes: Called only when something has no record, or came from a local file.
        kept: Wheels that came from local files.
        strict: Raise when something cannot be locked; else list it in the lock under ``unlocked``.
        roots: Keep only these and what they need.
        seeds: What the environment was made with, to install with: left out where nothing else needs it.
        trust_metadata: Let METADATA prove a wheel, see :func:`~micropip_lock.app.locate.locate`.
        progress: Told as each distribution is located.
        policy: What comes from elsewhere cannot be locked; what is pinned is looked for on its index only.

    Raises:
        UnlockableError: with every item, when ``strict``.
        LockPolicyError: code ``too-large``: more than a lock may hold.
        UsageError: code ``unknown-root``; or an index URL is none.
    """
    draft = _Draft(site, runtime, roots, kept, policy, seeds)
    pending = draft.pending()
    if not pending:
        return draft.finish({}, strict=strict)
    try:
        with indexes() as found:
            located: Located = await locate(
                [draft.seen.found[name].dist for name in pending],
                recorded={name: record.digest for name in pending if (record := draft.seen.found[name].record)},
                index_urls=found.urls,
                fetcher=found.fetcher,
                trust_metadata=trust_metadata,
                progress=progress,
                policy=policy,
            )
    except UsageError:
        raise
    except (FetchError, InputError) as error:
        # Which of the others cannot be locked is worth knowing all the same.
        located = {
            name: replace(
                item_of(name, draft.seen.found[name].version, error),
                reason="nothing here says which wheel it came from, and "
                f"{error.url or 'the index'} could not be asked: {error.message}",
            )
            for name in pending
        }
    return draft.finish(located, strict=strict)


@dataclass(kw_only=True, slots=True)
class _Outcome:
    """What became of the distributions that the lock is about."""

    records: dict[NormalizedName, OriginRecord] = field(default_factory=dict)
    items: list[Unlockable] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


class _Draft:
    """A lock before anything is located."""

    def __init__(
        self,
        site: SiteReader,
        runtime: Runtime,
        roots: Sequence[str] | None,
        kept: KeptWheels | None,
        policy: Policy,
        seeds: AbstractSet[str] = frozenset(),
    ) -> None:
        self._runtime = runtime
        self._kept_wheels = kept
        self._policy = policy
        self._seeds = seeds
        self._runtime_lock: RuntimeLock = runtime.lock()
        # A text is a sequence of texts, too: nobody means its letters.
        roots = [roots] if isinstance(roots, str) else roots
        self._roots = None if roots is None else [canonicalize_name(root) for root in roots]
        refuse_unrest(site)
        files = site.files()
        self.seen: Survey = survey(site, self._runtime_lock, files)
        self._of_site = self.seen.of_site()
        self._left_out: AbstractSet[str] = TOOLS | self._of_site.keys()
        self._needs = self._needs_of(self._all_requirements())
        self._kept = self._keep()
        unlisted = unlisted_files(self.seen.listed, files)
        self._dirt = dirt_in(self.seen, files, unlisted, sorted(self._kept))
        self._beside = list(beside(self._kept, owners_in(self.seen), unlisted))

    def pending(self) -> list[NormalizedName]:
        """What the lock would hold and has no record that is enough."""
        return [
            name
            for name in sorted(self._kept - self._dirt.keys())
            if (record := self.seen.found[name].record) is None or not can_be_fetched(record)
        ]

    def finish(self, located: Located, *, strict: bool) -> Lock:
        """The lock.

        Raises:
            UnlockableError: with every item, when ``strict``.
            LockPolicyError: code ``too-large``.
        """
        outcome = self._judge(located)
        kept = set(outcome.records)
        items = self._relevant(outcome.items, kept)
        if items and strict:
            count = len({item.name for item in items})
            raise UnlockableError(f"{count} installed distribution{'s' * (count > 1)} cannot be locked", items=items)
        # What the lock's own reader would refuse.
        check_count(len(kept))
        guessed = unneeded(
            [name for name in kept if self.seen.found[name].installer in _TELLS_NO_REQUEST],
            {name: self._needs[name] for name in kept},
        )
        packages = [self._locked(name, outcome.records[name], kept, requested=name in guessed) for name in kept]
        mocks = self.seen.mocks
        if self._roots is not None:
            wanted = {*self._roots, *(name for package in packages for name in package.mocked)}
            mocks = {name: mock for name, mock in mocks.items() if name in wanted}
        caveats = caveats_of(
            packages,
            needs=self._needs,
            namespaces={name: self.seen.found[name].namespaces for name in kept},
            runtime_packages=self._runtime_lock.packages,
            left_out=self._left_out | self.seen.mocks.keys(),
        )
        # With roots, what belongs to nobody is no matter.
        of_nobody = [one for one in self._beside if one.severity == "note" and self._roots is None]
        return Lock(
            abi=self._runtime.abi(),
            packages=by_name(packages),
            mocks=mocks_by_name(mocks.values()),
            site=self._of_site,
            unlocked=tuple(items),
            notes=(*caveats, *outcome.notes, *of_nobody),
        )

    def _all_requirements(self) -> dict[NormalizedName, Requirements]:
        nothing = dict.fromkeys(self.seen.mocks, Requirements())
        return {**self.seen.unread, **nothing, **{name: one.requirements for name, one in self.seen.found.items()}}

    def _own_needs(self, kept: AbstractSet[NormalizedName]) -> dict[NormalizedName, Needs]:
        """What the kept need for themselves: an extra that only a tool asks for is nobody's after a replay."""
        requirements = self._all_requirements()
        others = requirements.keys() - kept
        if not any(requirements[name].may_ask_for_extras for name in others):
            return {}
        own = self._needs_of(requirements | dict.fromkeys(others, Requirements()))
        return {name: own[name] for name in kept}

    def _needs_of(self, requirements: Mapping[NormalizedName, Requirements]) -> dict[NormalizedName, Needs]:
        found = self.seen.found
        return needs_of(
            requirements,
            {name: one.record.extras for name, one in found.items() if one.record is not None},
            self._runtime.markers(),
            {
                **{name: one.version for name, one in found.items()},
                **{name: mock.version for name, mock in self.seen.mocks.items()},
            },
        )

    def _keep(self) -> set[NormalizedName]:
        """What the lock is about, of what could be read; from here on their needs are their own."""
        found = {name for name in self.seen.found if name not in self._of_site}
        wanted, asked_for = self._wanted(found)
        kept = closure(wanted, self._needs_beyond(asked_for)) & found
        while own := self._own_needs(kept):
            self._needs |= own
            fewer = closure(wanted, self._needs_beyond(asked_for)) & found
            if fewer == kept:
                break
            # Without them, fewer extras may be asked for.
            kept = fewer
        return kept

    def _wanted(self, found: AbstractSet[NormalizedName]) -> tuple[list[NormalizedName], AbstractSet[str]]:
        """Where the lock begins, and what of it somebody asked for."""
        if self._roots is not None:
            known = self.seen.found.keys() | self.seen.mocks.keys() | {item.name for item in self.seen.items}
            for name in self._roots:
                if name not in known:
                    raise UsageError(
                        f"{name} is not installed",
                        code="unknown-root",
                        got=name,
                        hint="roots are names of installed distributions",
                    )
            return self._roots, frozenset(self._roots)
        requested = {name for name in found if self._is_requested(self.seen.found[name])}
        brought = self._brought(requested)
        return [name for name in found - self._seeds if name not in brought or name in requested], requested

    def _is_requested(self, one: Surveyed) -> bool:
        if one.record is not None:
            return one.record.requested
        # PEP 376, "REQUESTED": the file is there when a person asked for it.
        return one.installer not in _TELLS_NO_REQUEST and one.dist.read_text("REQUESTED") is not None

    def _needs_beyond(self, asked_for: AbstractSet[str]) -> Mapping[NormalizedName, Needs]:
        """The graph without tools that nothing records, and without what the site brings: nobody's way leads there."""
        ends = {
            name
            for name in self._left_out - asked_for
            if name in self._of_site or (one := self.seen.found.get(canonicalize_name(name))) is None or not one.record
        }
        return {name: needs for name, needs in self._needs.items() if name not in ends}

    def _brought(self, requested: AbstractSet[str]) -> set[NormalizedName]:
        """The tools, what the site brings, and all they need."""
        return closure(map(canonicalize_name, self._left_out - requested), self._needs)

    def _judge(self, located: Located) -> _Outcome:
        """Sort what the lock is about into records and items."""
        outcome = _Outcome(items=list(self.seen.items))
        tags = frozenset(self._runtime.tags())
        clashes = clashes_among([self.seen.found[name] for name in sorted(self._kept)])
        for finding in self._beside:
            if finding.code == "shadowed":
                name = canonicalize_name(finding.package)
                clashes.setdefault(name, []).append(shadowed(name, self.seen.found[name].version, finding))
        for name in sorted(self._kept):
            one = self.seen.found[name]
            if name in self._dirt or name in clashes:
                outcome.items += dirty_items(name, one.version, self._dirt.get(name, Dirt()))
                outcome.items += clashes.get(name, ())
                continue
            try:
                check_fit(one, self._runtime.markers()["python_full_version"])
                record = settled(one, located.get(name), self._kept_wheels)
                check_wheel(record, name, one.version, tags)
                check_policy(self._policy, record, name)
            except InputError as error:
                outcome.items.append(item_of(name, one.version, error))
                continue
            except RefusedError as refused:
                outcome.items.append(refused.item)
                continue
            outcome.records[name] = record
            outcome.notes += one.notes
            if record.origin.kind == "local":
                outcome.notes.append(lies_beside(name))
        return outcome

    def _relevant(self, items: Sequence[Unlockable], kept: AbstractSet[str]) -> list[Unlockable]:
        missed = {
            str(name)
            for package in self._kept
            for name in (*self._needs[package].missing, *self._needs[package].depends)
            if name not in kept
        }
        found = [item for item in items if item.name not in TOOLS or item.name in self._kept]
        if self._roots is not None:
            # Only what the asked-for closure lacks matters then.
            wanted = missed | set(self._roots) | self._kept
            found = [item for item in found if item.name in wanted]
        else:
            # What a tool brought along is no more the lock's business than the tool.
            lacking = {
                str(name)
                for tool in self._brought(frozenset())
                for name in (*self._needs[tool].missing, *self._needs[tool].depends)
            }
            unread = {item.name for item in self.seen.items}
            found = [item for item in found if item.name not in (lacking & unread) - missed - self._kept]
        return sorted(found, key=lambda item: (item.name, item.version, item.code))

    def _locked(
        self, name: NormalizedName, record: OriginRecord, kept: AbstractSet[str], *, requested: bool
    ) -> LockedPackage:
        one, needs = self.seen.found[name], self._needs[name]
        mocked = tuple(needed for needed in needs.depends if needed in self.seen.mocks)
        left_out = {needed for needed in needs.depends if needed not in kept and needed not in mocked}
        return LockedPackage(
            name=one.name,
            display_name=one.display_name,
            version=one.version,
            wheel=wheel_of(record),
            imports=one.imports,
            depends=tuple(needed for needed in needs.depends if needed in kept),
            missing=tuple(sorted({*needs.missing, *left_out} - self._left_out)),
            mocked=mocked,
            origin=record.origin,
            requested=record.requested or requested,
            requirement=record.requirement,
            extras=record.extras,
        )
