"""Save: write a lock where it can be opened again, and beside it the wheels that nobody can be asked for.

Rules this file keeps:

1. The lock is written last, when every file that it names relative to itself is in place: a lock that can be read is
   whole.
2. Every byte is compared with the lock before it is written; nothing is written outside the lock's own directory.
3. The text is that of :meth:`~micropip_lock.core.model.Lock.to_json`: saving changes no lock.

Left to others: files (:class:`~micropip_lock.ports.FileWriter`), bytes (:class:`~micropip_lock.ports.WheelKeep`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from micropip_lock.core.digest import VerifiedWheel, admit
from micropip_lock.core.local_wheel import local_file_name, path_beside
from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.core.plan import absolute_url
from micropip_lock.ports import Fetcher, FileWriter, KeptWheels, WheelKeep

MAX_WHEEL_BYTES: Final = 256 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """What was written.

    Attributes:
        path: Of the lock.
        wheels: Of each wheel, relative to the directory of the lock.
    """

    path: str
    wheels: tuple[str, ...]

    def __str__(self) -> str:
        count = len(self.wheels)
        return self.path + (f" and {count} wheel{'s' * (count > 1)} beside it" if count else "")

    def to_json(self) -> dict[str, Any]:
        """The attributes."""
        return {"path": self.path, "wheels": list(self.wheels)}


async def save(lock: Lock, name: str, *, writer: FileWriter, kept: KeptWheels, fetcher: Fetcher) -> tuple[str, ...]:
    """Write a lock and the wheels that it names relative to itself.

    Args:
        lock: What to write.
        name: File name of the lock.
        writer: The directory.
        kept: Wheels from local files.
        fetcher: Where a lock that was opened has its wheels from.

    Returns:
        Paths of the wheels, relative to the directory.

    Raises:
        LockPolicyError: codes ``relative-url`` (a wheel is neither kept nor beside the lock), ``outside``.
        HashMismatchError, FetchError: a wheel beside the lock that was opened.
        StorageError: code ``not-written``.
    """
    paths = [path_beside(package) for package in lock.local_wheels]
    for package, path in zip(lock.local_wheels, paths, strict=True):
        wheel = kept.get(package.wheel.digest, package.wheel.filename) or await _beside(package, lock.base, fetcher)
        writer.write(path, wheel.data)
    writer.write(name, lock.to_json().encode("utf-8"))
    return tuple(paths)


async def _beside(package: LockedPackage, base: str | None, fetcher: Fetcher) -> VerifiedWheel:
    wheel = package.wheel
    fetched = await fetcher.fetch(absolute_url(package, base), max_bytes=wheel.size or MAX_WHEEL_BYTES)
    return admit(
        fetched.data, wheel.digest, filename=wheel.filename, size=wheel.size, package=package.name, url=fetched.url
    )


def based(lock: Lock, keep: WheelKeep) -> Lock:
    """A lock that was frozen here and not opened from a place: what is kept here is what it names.

    Args:
        lock: Any lock; one that has a base, or whose wheels are not all kept, comes back as it is.
        keep: Wheels from local files.
    """
    packages = lock.local_wheels
    if lock.base is not None or not packages:
        return lock
    for package in packages:
        digest, filename = package.wheel.digest, package.wheel.filename
        if package.wheel.url != local_file_name(digest, filename) or keep.get(digest, filename) is None:
            return lock
    return replace(lock, base=keep.address)
