"""Wheels from local files, kept in a directory by what they are. Implements :class:`~micropip_lock.ports.WheelKeep`.

Rules this file keeps:

1. A file lies where a lock names it relative to itself (``wheels/<sha256>/<file name>``), so that the directory serves
   as the base of a lock.
2. A file is whole or not there: it is written beside its place and renamed.
3. Nothing that is read is believed: bytes are hashed each time, and those with another digest are as good as none. They
   are written anew by the next :meth:`KeptWheels.put`.
4. The directory is never inside site-packages: kept bytes are no part of an environment.

Left to others: where the directory is (:mod:`micropip_lock.wiring`), what is in a wheel
(:mod:`micropip_lock.core.wheel`).
"""

from __future__ import annotations

import os
from pathlib import Path

from micropip_lock.adapters.atomic import write_atomically
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.errors import HashMismatchError, StorageError


class KeptWheels:
    """A directory of wheels by their SHA-256.

    Args:
        root: The directory; made when the first wheel is kept.
        scheme: Of :attr:`address`: ``emfs`` for a directory of Pyodide's own file system.
    """

    def __init__(self, root: Path, *, scheme: str = "file") -> None:
        self.root = Path(os.path.abspath(root))
        self._scheme = scheme

    @property
    def address(self) -> str:
        """The directory as a URL that ends in ``/``."""
        return f"{self._scheme}{self.root.as_uri().removeprefix('file')}/"

    def path(self, digest: Digest, filename: str) -> Path | None:
        """Where a wheel is kept; ``None`` for a name that no file of a wheel has."""
        if not filename.endswith(".whl") or "/" in filename or "\\" in filename or not filename.isprintable():
            return None
        return self.root / "wheels" / digest.hex / filename

    def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        """The wheel, or ``None`` when its very bytes are not here."""
        path = self.path(digest, filename)
        if path is None:
            return None
        try:
            return admit(path.read_bytes(), digest, filename=filename)
        except (OSError, HashMismatchError):
            return None

    def put(self, wheel: VerifiedWheel) -> None:
        """Keep a wheel; nothing happens when it is here already.

        Raises:
            StorageError: code ``not-kept``.
        """
        path = self.path(wheel.digest, wheel.filename)
        if path is None:
            raise _not_kept(self.root, f"the file name {wheel.filename!r}")
        if self.get(wheel.digest, wheel.filename) is not None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, wheel.data)
        except OSError as error:
            raise _not_kept(path, error.strerror or str(error)) from error


def _not_kept(where: Path, got: str) -> StorageError:
    return StorageError(
        "the bytes of a wheel from a local file cannot be kept",
        code="not-kept",
        where=str(where),
        got=got,
        hint="free some space, or set MICROPIP_LOCK_CACHE to a directory that can be written",
    )
