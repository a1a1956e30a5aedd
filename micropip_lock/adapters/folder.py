"""A directory that a lock and the files beside it are written into, each file whole or not at all.

Works on the host and in Pyodide's file system alike.
"""

from __future__ import annotations

from pathlib import Path

from micropip_lock.adapters.atomic import write_atomically
from micropip_lock.errors import StorageError


class Folder:
    """Implements :class:`~micropip_lock.ports.Folder`.

    Args:
        root: A directory that is there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> bytes | None:
        try:
            return (self._root / path).read_bytes()
        except (OSError, ValueError):
            return None

    def write(self, path: str, data: bytes) -> None:
        """Write one file, and the directories that it lies in; one that holds these bytes already is left alone.

        Args:
            path: Relative, ``/``-separated.
            data: All of it.

        Raises:
            StorageError: code ``not-written``.
        """
        target = self._root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_file() or target.read_bytes() != data:
                write_atomically(target, data)
        except (OSError, ValueError) as error:
            # ValueError: a name that no file can have.
            raise StorageError(
                f"{target.name} cannot be written",
                code="not-written",
                where=str(target),
                got=getattr(error, "strerror", None) or str(error),
            ) from error
