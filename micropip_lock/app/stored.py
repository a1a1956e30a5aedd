"""What one replay takes from the store, and what it puts there.

Rules this file keeps:

1. A wheel from the store is as one from the network: its bytes are hashed again, and it is checked like any other.
2. What is here is used whatever the address says; what is fetched is kept when its address means the same to others. A
   local file is where it is.
3. That something cannot be kept is a note; a replay needs no store, and one that breaks its word is none.
"""

from __future__ import annotations

from collections.abc import Iterable

from micropip_lock.core.digest import VerifiedWheel
from micropip_lock.core.local_wheel import is_reachable
from micropip_lock.core.model import LockedPackage
from micropip_lock.core.plan import Download
from micropip_lock.core.policy import Policy
from micropip_lock.errors import FetchError
from micropip_lock.ports import Store


def offline_error(missing: Iterable[LockedPackage]) -> FetchError:
    """The error of a replay that may send no request and lacks these."""
    return FetchError(
        "offline, and not everything is here",
        code="offline",
        got=f"missing: {', '.join(sorted(map(str, missing)))}",
        hint="replay once online",
    )


class StoreUse:
    """The store as one replay uses it.

    Args:
        store: The store, or ``None`` to be without one.

    Attributes:
        taken: Bytes of each wheel that was found, by the package's name.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._not_kept: list[str] = []
        self._failed: Exception | None = None
        self.taken: dict[str, int] = {}

    async def take(self, download: Download, policy: Policy) -> VerifiedWheel | None:
        """The wheel of a download, or ``None`` when it must be fetched.

        One of another size than the lock says, or larger than the policy allows where the lock says none, is left to
        the network, which says what is wrong.
        """
        locked = download.package.wheel
        try:
            wheel = None if self._store is None else await self._store.get(locked.digest, locked.filename)
        except Exception as error:  # noqa: BLE001  # whatever a store has, the network has it, too
            self._failed = error
            return None
        if (
            wheel is None
            or wheel.digest != locked.digest
            or not (wheel.size == locked.size or (locked.size is None and wheel.size <= policy.max_wheel_bytes))
        ):
            return None
        self.taken[download.package.name] = wheel.size
        return wheel

    async def keep(self, download: Download, wheel: VerifiedWheel) -> None:
        """Keep a wheel that was fetched."""
        if self._store is None or not is_reachable(download.url):
            return
        try:
            kept = await self._store.put(wheel)
        except Exception as error:  # noqa: BLE001  # the wheel is here all the same
            self._failed, kept = error, False
        if not kept:
            self._not_kept.append(download.package.name)

    @property
    def size(self) -> int:
        """Bytes taken so far."""
        return sum(self.taken.values())

    def notes(self) -> list[str]:
        """What could not be kept, and that the store failed."""
        failed = [] if self._failed is None else [f"the store failed: {type(self._failed).__name__}: {self._failed}"]
        if not self._not_kept:
            return failed
        names = ", ".join(sorted(self._not_kept))
        return [f"the store could not keep {names}: the next replay fetches what it lacks", *failed]
