"""Start: make the start pack of a bundle, out of what the imports of its environment really read.

Rules this file keeps:

1. What is needed is seen, not guessed: the environment is replayed into a runtime of its own, and imported there.
2. A module that cannot be imported there is told, and the pack is made of what the others read.
3. What that runtime compiled goes into the pack in the place of its sources: they are read by nobody who only imports.

Left to others: the runtime (:class:`~micropip_lock.ports.FileWatch`), the format
(:mod:`micropip_lock.core.start_pack`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.local_wheel import local_file_name
from micropip_lock.core.model import Lock, StartPack
from micropip_lock.core.shown import shown
from micropip_lock.core.start_pack import WheelParts, format_start_pack, parts_of
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import RuntimeFailedError
from micropip_lock.ports import FilesRead, FileWatch, Folder

DIGITS: Final = 16
"""Hexadecimal digits of the digest in the name of a pack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How a start pack is made.

    Attributes:
        watch: Imports, and sees what is read.
        base: The address of the bundle's directory, ending in ``/``.
        imports: Modules to import; empty for those of the packages that were asked for.
    """

    watch: FileWatch
    base: str
    imports: tuple[str, ...] = ()


def imports_of(lock: Lock) -> tuple[str, ...]:
    """What a person imports of an environment: the modules of what was asked for, where the lock says it, else all."""
    packages = [package for package in lock if package.requested] or list(lock)
    return tuple(dict.fromkeys(name for package in packages for name in package.imports))


async def with_start(lock: Lock, start: Start, folder: Folder) -> tuple[Lock, tuple[str, ...]]:
    """Write the start pack of a bundle whose wheels are in place.

    Args:
        lock: The bundle's, its files relative to ``folder``.
        start: How.
        folder: The bundle's directory.

    Returns:
        The lock, which names the pack, and what a person should know.

    Raises:
        MicropipLockError: there is no runtime to try it in, or the lock cannot be replayed there.
        RuntimeFailedError: code ``not-mounted``.
        StorageError: code ``not-written``.
    """
    names = start.imports or imports_of(lock)
    seen = await start.watch.files_read(replace(lock, base=start.base), names)
    return replace(lock, start=written_pack(lock, seen, folder)), failures(seen)


def written_pack(lock: Lock, seen: FilesRead, folder: Folder) -> StartPack:
    """Write the start pack of wheels that are in place, out of what was read of them; the same makes the same bytes.

    Raises:
        RuntimeFailedError: code ``not-mounted``.
        StorageError: code ``not-written``.
    """
    data = format_start_pack(_parts(lock, seen, folder))
    digest = Digest.of(data)
    path = f"start-{digest.hex[:DIGITS]}.pack"
    folder.write(path, data)
    return StartPack(url=path, digest=digest, size=len(data))


def failures(seen: FilesRead) -> tuple[str, ...]:
    """What a person should know of imports that failed."""
    return tuple(
        f"{name} could not be imported to see what it needs: {shown(why)}" for name, why in seen.failed.items()
    )


def _parts(lock: Lock, seen: FilesRead, folder: Folder) -> Sequence[WheelParts]:
    parts = []
    for package in lock:
        wheel = package.wheel
        read = seen.read.get(wheel.filename)
        if read is None:
            raise RuntimeFailedError(
                "the environment was not mounted, so that nobody saw what is read of it",
                code="not-mounted",
                package=package.name,
                hint="make the bundle without a start pack; it works all the same",
            )
        data = folder.read(local_file_name(wheel.digest, wheel.filename)) or b""
        verified = admit(data, wheel.digest, filename=wheel.filename, size=wheel.size, package=package.name)
        compiled = seen.compiled.get(wheel.filename)
        parts.append(
            parts_of(OpenedWheel(verified), read)
            if compiled is None
            else parts_of(OpenedWheel(verified), read - compiled.paths, compiled.data)
        )
    return parts
