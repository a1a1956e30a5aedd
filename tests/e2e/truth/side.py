"""One copy of a tree, and what an operation on it gives, as JSON without the names of the roots.

What runs here runs inside Pyodide. Inode numbers and points in time are no results; whether a time was moved is one.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import pathlib
import stat
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

SENTINEL: Final = (1000, 2000)
"""Access and modification time that programs set; another one later was set by a change."""

type Operation = Callable[..., Any]


OPERATIONS: Final[dict[str, Operation]] = {}


class Side:
    """One copy of the tree.

    Args:
        root: Its directory.
        outside: A directory that is never mounted to.
    """

    def __init__(self, root: str, outside: str) -> None:
        self.root = root
        self.outside = outside
        self.handles: dict[int, IO[Any]] = {}
        self.maps: dict[int, mmap.mmap] = {}

    def at(self, path: str) -> str:
        """The absolute path; ``out/…`` is outside."""
        return f"{self.outside}{path[3:]}" if path.startswith("out/") else f"{self.root}/{path}"

    def apply(self, operation: list[Any]) -> Any:
        """The result, or the exception, of one operation."""
        name, *arguments = operation
        return self._answer(lambda: OPERATIONS[name](self, *arguments))

    def _answer(self, ask: Callable[[], Any]) -> Any:
        try:
            return self.plain(ask())
        except Exception as error:  # noqa: BLE001  # what is raised is a result
            number = getattr(error, "errno", None)
            return ["raises", type(error).__name__, number, self.plain(str(error))]

    def plain(self, value: Any) -> Any:
        """A value without the names of the roots, as JSON."""
        if isinstance(value, bytes | bytearray):
            return [len(value), hashlib.sha256(value).hexdigest()[:16]]
        if isinstance(value, str | os.PathLike):
            return str(value).replace(self.root, "<root>").replace(self.outside, "<outside>")
        if isinstance(value, dict):
            return {str(key): self.plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(one) for one in value]
        return value

    def close(self) -> None:
        """Let go of every handle."""
        held: list[mmap.mmap | IO[Any]] = [*self.maps.values(), *self.handles.values()]
        for one in held:
            with contextlib.suppress(Exception):
                one.close()
        self.maps.clear()
        self.handles.clear()

    def tree(self) -> list[Any]:
        """Everything that is there: kind, permissions, size, content, and whether its time is the sentinel.

        Permissions are all given on the way, so that everything can be looked at.
        """
        return [self.plain(one) for top in (self.root, self.outside) if os.path.lexists(top) for one in _below(top)]


def _below(path: str) -> Iterator[list[Any]]:
    info = os.lstat(path)
    told = [path, oct(info.st_mode), info.st_size, info.st_nlink, info.st_mtime == SENTINEL[1]]
    if stat.S_ISLNK(info.st_mode):
        yield [*told, os.readlink(path)]
        return
    os.chmod(path, 0o777)
    if stat.S_ISDIR(info.st_mode):
        yield told
        for name in os.listdir(path):
            yield from _below(f"{path}/{name}")
    else:
        # Bytecode names the directory and the time of its source.
        yield [*told, None if path.endswith(".pyc") else pathlib.Path(path).read_bytes()]


def operation(function: Operation) -> Operation:
    """Register an operation by its name."""
    OPERATIONS[function.__name__.rstrip("_")] = function
    return function
