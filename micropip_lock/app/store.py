"""Look after the store: list what is in it, verify that it is as it was, let go of what is old or too much.

Rules this file keeps:

1. A store may lose anything at any time: what goes is fetched again. So rules say what goes, and nobody is asked.
2. What a lock to keep names never goes.
3. Nothing is raised for what is found.

Left to others: files (:class:`~micropip_lock.ports.StoreKeeper`), using the store (:mod:`micropip_lock.app.stored`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from micropip_lock.core.digest import Digest
from micropip_lock.ports import StoredWheel, StoreKeeper

DEFAULT_AGE: Final = 90 * 86_400.0
"""Seconds after which an unused wheel goes when no rule is given."""

_ABANDONED: Final = 3_600.0
"""Seconds after which a half-written file is nobody's any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreListing:
    """What is in a store.

    Attributes:
        location: Where it is.
        wheels: By digest.
    """

    location: str
    wheels: tuple[StoredWheel, ...]

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(wheel.total for wheel in self.wheels)

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object."""
        return {
            "location": self.location,
            "size": self.size,
            "wheels": [stored_to_json(one) for one in self.wheels],
        }

    def __repr__(self) -> str:
        return f"<StoreListing {self.location}: {len(self.wheels)} wheels, {self.size} bytes>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(one.title)}</td><td>{one.size or ''}</td><td>{used_at(one)}</td>"
            f"<td>{one.digest.hex}</td></tr>"
            for one in self.wheels
        )
        return f"<table><caption>{escape(repr(self)[1:-1])}</caption><tbody>{rows}</tbody></table>"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreVerified:
    """Whether a store is as it was.

    Attributes:
        location: Where it is.
        intact: How many digests are.
        damaged: What has other bytes now; the next replay that wants it fetches it again.
    """

    location: str
    intact: int
    damaged: tuple[StoredWheel, ...]

    @property
    def ok(self) -> bool:
        """Nothing is damaged."""
        return not self.damaged

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object."""
        damaged = [stored_to_json(one) for one in self.damaged]
        return {"location": self.location, "intact": self.intact, "damaged": damaged}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreCleaned:
    """What went.

    Attributes:
        location: Where the store is.
        removed: What went, or would go.
        stuck: What should go and could not.
        left: How many digests are left.
        freed: Bytes given back, those of half-written files included; in a trial what would be.
        is_trial: Nothing was touched.
    """

    location: str
    removed: tuple[StoredWheel, ...]
    stuck: tuple[StoredWheel, ...] = ()
    left: int = 0
    freed: int = 0
    is_trial: bool = False

    def to_json(self) -> dict[str, Any]:
        """The same facts as a JSON object."""
        return {
            "location": self.location,
            "removed": [stored_to_json(one) for one in self.removed],
            "stuck": [stored_to_json(one) for one in self.stuck],
            "left": self.left,
            "freed": self.freed,
            "is_trial": self.is_trial,
        }


def stored_to_json(wheel: StoredWheel) -> dict[str, Any]:
    """What a store has by one digest, as a JSON object."""
    return {
        "sha256": wheel.digest.hex,
        "size": wheel.size,
        "extra_size": wheel.extra_size,
        "used": used_at(wheel),
        "title": wheel.title,
    }


def used_at(wheel: StoredWheel) -> str:
    """When it was used last, in ISO 8601."""
    return datetime.fromtimestamp(int(wheel.used), UTC).isoformat().replace("+00:00", "Z")


async def ls(keeper: StoreKeeper) -> StoreListing:
    """List a store."""
    return StoreListing(location=keeper.location, wheels=tuple(await keeper.wheels()))


async def verify(keeper: StoreKeeper) -> StoreVerified:
    """Hash everything in a store anew; findings only, nothing goes."""
    wheels = await keeper.wheels()
    damaged = tuple([one for one in wheels if not await keeper.is_intact(one.digest)])
    return StoreVerified(location=keeper.location, intact=len(wheels) - len(damaged), damaged=damaged)


async def gc(
    keeper: StoreKeeper,
    *,
    max_age: float | None = None,
    max_size: int | None = None,
    keep: Collection[Digest] | None = None,
    trial: bool = False,
    now: float | None = None,
) -> StoreCleaned:
    """Let go of what :func:`leaving` says, and of what killed processes left half-written.

    Args:
        keeper: The store.
        max_age: As for :func:`leaving`, and so are the next two.
        max_size: The most bytes to be left.
        keep: What stays in any case.
        trial: Touch nothing, only say what would go.
        now: Seconds since 1970, when not the clock's.
    """
    now = time.time() if now is None else now
    wheels = await keeper.wheels()
    going = leaving(wheels, now=now, max_age=max_age, max_size=max_size, keep=keep)
    if trial:
        removed, freed = list(going), 0
    else:
        removed = [one for one in going if await keeper.remove(one.digest)]
        freed = await keeper.remove_parts(now - _ABANDONED)
    return StoreCleaned(
        location=keeper.location,
        removed=tuple(removed),
        stuck=tuple(one for one in going if one not in removed),
        left=len(wheels) - len(removed),
        freed=freed + sum(one.total for one in removed),
        is_trial=trial,
    )


def leaving(
    wheels: Sequence[StoredWheel],
    *,
    now: float,
    max_age: float | None = None,
    max_size: int | None = None,
    keep: Collection[Digest] | None = None,
) -> list[StoredWheel]:
    """What goes by the rules, the one used longest ago first. Without any rule that is what is older than 90 days.

    Args:
        wheels: What is there.
        now: Seconds since 1970.
        max_age: What was not used for longer, in seconds, goes.
        max_size: What was used longest ago goes until at most so many bytes are left.
        keep: What stays in any case; as the only rule everything else goes.
    """
    if max_age is None and max_size is None:
        max_age = DEFAULT_AGE if keep is None else float("-inf")
    optional = sorted((one for one in wheels if one.digest not in (keep or ())), key=lambda one: (one.used, one.digest))
    left = sum(one.total for one in wheels)
    going = []
    for one in optional:
        too_old = max_age is not None and now - one.used > max_age
        too_much = max_size is not None and left > max_size
        if too_old or too_much:
            going.append(one)
            left -= one.total
    return going
