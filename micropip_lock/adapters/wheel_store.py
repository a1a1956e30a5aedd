"""Wheels that were fetched once, in a directory of the host, by their SHA-256.

Implements :class:`~micropip_lock.ports.Store` and :class:`~micropip_lock.ports.StoreKeeper`. The engine under Node
reads and writes the same directory (``js/src/store-node.ts``).

Rules this file keeps:

1. A wheel lies in ``wheels/<aa>/<sha256>``, ``aa`` being the digest's first two characters; what was made of it once,
   such as bytecode, in ``extras/<sha256>/<kind>``: 32 bytes of SHA-256, then the bytes they are of.
2. A file is whole or not there: it is written beside its place, under a hidden name, and renamed. No process waits for
   another: whoever writes a wheel writes the same bytes.
3. Nothing that is read is believed: bytes are hashed each time, and those with another digest go away.
4. The time of a file is when it was used last.
5. A store only saves time: to be without one, or without room, is no error.

Left to others: where the directory is (:mod:`micropip_lock.adapters.host`), what goes (:mod:`micropip_lock.app.store`).
Wheels from local files, which nobody could fetch again, are elsewhere (:mod:`micropip_lock.adapters.kept_wheels`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from micropip_lock.adapters.atomic import write_atomically
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.errors import HashMismatchError
from micropip_lock.ports import StoredWheel

_NAME: Final = re.compile(r"[0-9a-f]{64}")
_DIST_INFO: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._]*-[A-Za-z0-9][A-Za-z0-9.!+_]*)\.dist-info/METADATA")
_DIGEST_BYTES: Final = 32


class WheelStore:
    """A directory of wheels by their SHA-256.

    Args:
        root: The directory; made when the first wheel is kept.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))

    @property
    def location(self) -> str:
        """The directory."""
        return str(self.root)

    def path(self, digest: Digest) -> Path:
        """Where a wheel lies."""
        return self.root / "wheels" / digest.hex[:2] / digest.hex

    async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        """The wheel, its bytes hashed anew; see :meth:`micropip_lock.ports.Store.get`."""
        if not self.path(digest).is_file():
            return None
        return await asyncio.to_thread(self.read, digest, filename)

    async def put(self, wheel: VerifiedWheel) -> bool:
        """Keep a wheel; see :meth:`micropip_lock.ports.Store.put`."""
        return await asyncio.to_thread(self.write, wheel)

    def read(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        """The wheel, or ``None`` when its very bytes are not here; others in its place go away."""
        path = self.path(digest)
        try:
            wheel = admit(path.read_bytes(), digest, filename=filename)
        except HashMismatchError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return wheel

    def write(self, wheel: VerifiedWheel) -> bool:
        """Keep a wheel; nothing happens when it is here already. ``False`` when it could not be kept."""
        if self.read(wheel.digest, wheel.filename) is not None:
            return True
        path = self.path(wheel.digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, wheel.data)
        except OSError:
            return False
        return True

    async def wheels(self) -> Sequence[StoredWheel]:
        """Everything that is kept, by digest: wheels, and digests of which only extras are left."""
        return await asyncio.to_thread(self._wheels)

    async def is_intact(self, digest: Digest) -> bool:
        """Whether the wheel and all that is kept beside it have the digests they had; hashes everything anew."""
        return await asyncio.to_thread(self._is_intact, digest)

    async def remove(self, digest: Digest) -> bool:
        """Take a wheel and what is kept beside it away; ``False`` when something of it is still there."""
        return await asyncio.to_thread(self._remove, digest)

    async def remove_parts(self, before: float) -> int:
        """Take away what killed processes left half-written.

        Args:
            before: Only what was not written to since, in seconds since 1970: the rest may be somebody's.

        Returns:
            How many bytes that gave back.
        """
        return await asyncio.to_thread(self._remove_parts, before)

    def _wheels(self) -> list[StoredWheel]:
        digests = {path.name for path in self._entries("wheels", "*/*")} | {
            path.name for path in self._entries("extras", "*")
        }
        return [self._listed(Digest.from_hex(name)) for name in sorted(digests)]

    def _is_intact(self, digest: Digest) -> bool:
        try:
            path = self.path(digest)
            if path.exists() and Digest.of(path.read_bytes()) != digest:
                return False
            return all(_is_whole_extra(extra.read_bytes()) for extra in self._extras(digest))
        except OSError:
            return False

    def _remove(self, digest: Digest) -> bool:
        path, extras = self.path(digest), self.root / "extras" / digest.hex
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        shutil.rmtree(extras, ignore_errors=True)
        return not (path.exists() or extras.exists())

    def _remove_parts(self, before: float) -> int:
        freed = 0
        for pattern in ("wheels/*/.*", "extras/*/.*"):
            for part in self.root.glob(pattern):
                with contextlib.suppress(OSError):
                    status = part.lstat()
                    if status.st_mtime < before:
                        part.unlink()
                        freed += status.st_size
        return freed

    def _entries(self, folder: str, pattern: str) -> Iterator[Path]:
        return (path for path in (self.root / folder).glob(pattern) if _NAME.fullmatch(path.name))

    def _extras(self, digest: Digest) -> list[Path]:
        folder = self.root / "extras" / digest.hex
        return [path for path in sorted(folder.glob("*")) if path.is_file() and not path.name.startswith(".")]

    def _listed(self, digest: Digest) -> StoredWheel:
        size, used = _size_and_time(self.path(digest))
        extras = [_size_and_time(path) for path in self._extras(digest)]
        return StoredWheel(
            digest=digest,
            size=size,
            extra_size=sum(bytes_ or 0 for bytes_, _ in extras),
            used=max((used, *(time for _, time in extras))),
            title=_title(self.path(digest)) if size is not None else "",
        )


def _size_and_time(path: Path) -> tuple[int | None, float]:
    try:
        status = path.stat()
    except OSError:
        return None, 0.0
    return status.st_size, status.st_mtime


def _is_whole_extra(data: bytes) -> bool:
    return len(data) >= _DIGEST_BYTES and Digest.of(data[_DIGEST_BYTES:]).raw == data[:_DIGEST_BYTES]


def _title(path: Path) -> str:
    """Name and version as the wheel's dist-info directory has them, for people; not checked against anything."""
    try:
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return ""
    found = (_DIST_INFO.fullmatch(name) for name in names)
    return next((match[1].replace("-", " ") for match in found if match), "")
