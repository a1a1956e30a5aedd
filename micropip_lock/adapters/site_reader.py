"""A site-packages directory, read through dist-info; on the host and in Pyodide's file system alike.

Rules this file keeps:

1. Reading never follows a RECORD path that leaves the environment's prefix.
2. Nothing here writes.

Left to others: changing it (:mod:`micropip_lock.adapters.site`), what is importable there besides
(:mod:`micropip_lock.adapters.strays`), faster listings (:mod:`micropip_lock.adapters.pyodide`).
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

from micropip_lock.adapters.recovery import unfinished
from micropip_lock.adapters.strays import find_strays
from micropip_lock.core.abis import marker_environment, runtime_tags
from micropip_lock.core.digest import Digest
from micropip_lock.core.dirty import Listing
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.mocks import persistent_modules
from micropip_lock.core.model import Abi
from micropip_lock.errors import RecordError, UsageError
from micropip_lock.ports import RuntimeLock, Stray

_CHUNK: Final = 1 << 20


class InstalledDirectory:
    """One dist-info directory, each text read once. Implements :class:`~micropip_lock.ports.InstalledDist`."""

    def __init__(self, site: Path, directory: str, prefix: Path) -> None:
        self._site = site
        self._prefix = prefix
        self.directory = directory
        self._inside: tuple[str, str] | None = None
        self._texts: dict[str, str | None] = {}

    def read_text(self, filename: str) -> str | None:
        if filename not in self._texts:
            self._texts[filename] = _decoded(_read(f"{self._site}/{self.directory}/{filename}"))
        return self._texts[filename]

    def read_file(self, path: str) -> bytes | None:
        target = self.locate(path)
        return None if target is None else _read(target)

    def mock_modules(self) -> Mapping[str, str | None] | None:
        return persistent_modules(self.read_text, self.read_file)

    def locate(self, path: str) -> Path | None:
        """Where a RECORD path lies, or ``None`` when it leaves the environment."""
        if not path or "\0" in path or path.startswith("/"):
            return None
        if self._inside is None:
            # Text without "." and "..", and with a separator at its end: paths are many, and Path is slow.
            site, prefix = (os.path.join(os.path.abspath(place), "") for place in (self._site, self._prefix))
            self._inside = site, prefix
        target = os.path.normpath(self._inside[0] + path)
        return Path(target) if target.startswith(self._inside) else None


class SitePackages:
    """Reads a site-packages directory. Implements :class:`~micropip_lock.ports.SiteReader`.

    Args:
        root: The directory.
        prefix: The environment it belongs to; RECORD may name files there (scripts, data). Default: ``root`` itself.
        others: Distributions that exist without a directory (micropip's in-memory mocks).
        listing: Lists the files faster than the operating system, or gives ``None``.
        path: Other directories of ``sys.path`` that belong to the environment.
    """

    def __init__(
        self,
        root: Path,
        *,
        prefix: Path | None = None,
        others: Callable[[], Iterable[object]] = tuple,
        listing: Callable[[Path], Listing | None] = lambda root: None,
        path: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.root = Path(os.path.abspath(root))
        self.prefix = Path(os.path.abspath(prefix or root))
        self._others = others
        self._listing = listing
        self._path = path

    def distributions(self) -> Iterator[InstalledDirectory]:
        if self.root.is_dir():
            for entry in sorted(os.scandir(self.root), key=lambda entry: entry.name):
                if entry.name.endswith(".dist-info") and entry.is_dir(follow_symlinks=False):
                    yield InstalledDirectory(self.root, entry.name, self.prefix)
        yield from self._others()  # type: ignore[misc]  # they have the same three methods, the port is structural

    def files(self) -> Listing:
        listed = self._listing(self.root)
        return listed if listed is not None else list_files(self.root)

    def strays(self) -> Iterable[Stray]:
        return find_strays(self.root, self._path())

    def unfinished(self) -> Literal["running", "interrupted"] | None:
        return unfinished(self.root)


def find_site(directory: Path) -> tuple[Path, Path]:
    """The site-packages that a person means, and the environment it belongs to.

    Args:
        directory: Site-packages itself (also one that ``pip install --target`` made), or a virtual environment.

    Raises:
        UsageError: codes ``no-directory``, ``no-site``: nothing is installed there.
    """
    if not directory.is_dir():
        raise UsageError("there is no such directory", code="no-directory", got=str(directory))
    if _has_distributions(directory):
        environment = directory.parents[2] if directory.match("lib/python3.*/site-packages") else directory
        return directory, environment
    inside = [path for path in sorted(directory.glob("lib/python3.*/site-packages")) if _has_distributions(path)]
    if len(inside) != 1:
        raise UsageError(
            "nothing is installed in this directory" if not inside else "this directory holds several environments",
            code="no-site",
            got=", ".join(map(str, inside)) or str(directory),
            expected="a site-packages directory, or a virtual environment",
            hint="name the directory that holds the .dist-info directories",
        )
    return inside[0], directory


def _has_distributions(directory: Path) -> bool:
    try:
        names = os.listdir(directory)
    except OSError as error:
        raise UsageError(
            "the directory cannot be read", code="no-directory", where=str(directory), got=error.strerror or str(error)
        ) from error
    return any(name.endswith((".dist-info", ".egg-info", ".egg-link")) for name in names)


class TargetRuntime:
    """What a directory is filled for: the lock's own ABI. Implements :class:`~micropip_lock.ports.Runtime`."""

    def __init__(self, abi: Abi) -> None:
        self._abi = abi

    def abi(self) -> Abi:
        return self._abi

    def lock(self) -> RuntimeLock:
        return RuntimeLock()

    def tags(self) -> Sequence[str]:
        return runtime_tags(self._abi)

    def markers(self) -> Mapping[str, str]:
        return marker_environment(self._abi)

    def imported(self) -> Mapping[str, str]:
        return {}


def list_files(root: Path) -> Listing:
    """Every file below a directory but in ``__pycache__``; links are looked through, but not into directories.

    Times are left out: a copied, linked or unpacked environment has those of the copying, so that only bytes tell.
    """
    sizes: dict[str, str] = {}
    waiting = [(os.fspath(root), "")]
    while waiting:
        directory, prefix = waiting.pop()
        try:
            entries = list(os.scandir(directory))
        except OSError:
            # A directory that nobody may read holds nothing that can be imported.
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    waiting.append((entry.path, f"{prefix}{entry.name}/"))
                continue
            try:
                if entry.is_file():
                    sizes[f"{prefix}{entry.name}"] = str(entry.stat().st_size)
            except OSError:
                # A link in a circle, or one that is gone by now, names no file.
                continue
    return Listing(sizes=sizes)


def tree(root: Path) -> dict[str, str]:
    """SHA-256 (hexadecimal) of every file below a directory, by relative path; bytecode caches are left out."""
    return {
        path.relative_to(root).as_posix(): Digest.of(path.read_bytes()).hex
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def owned_files(root: Path, directory: str, prefix: Path, *, as_pyodide: bool = False) -> list[Path]:
    """Files that a dist-info directory's RECORD lists and that exist inside the environment, and its own.

    Args:
        root: Site-packages.
        directory: Name of the dist-info directory.
        prefix: The environment it belongs to.
        as_pyodide: Pyodide's own installer filled it, which puts nothing that RECORD names outside ``root``. There the
            prefix is the root of the file system, so that a path that leaves ``root`` could be anybody's file.

    Raises:
        OSError: RECORD is there and cannot be read: guessing that it lists nothing would take files from others.
    """
    followed = root if as_pyodide else prefix
    dist = InstalledDirectory(root, directory, followed)
    places = tuple(Path(os.path.realpath(place)) for place in (root, followed))

    @cache
    def is_inside(parent: Path) -> bool:
        # A link to a directory inside may lead outside.
        return any(Path(os.path.realpath(parent)).is_relative_to(place) for place in places)

    owned: dict[Path, None] = {}
    try:
        rows = parse_record((root / directory / "RECORD").read_bytes().decode("utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, RecordError):
        rows = ()
    for row in rows:
        target = dist.locate(row.path)
        if target is not None and is_inside(target.parent) and target.is_file() and not target.is_symlink():
            owned[target] = None
            if target.suffix == ".py":
                for cached in (target.parent / "__pycache__").glob(f"{glob.escape(target.stem)}.*.pyc"):
                    owned[cached] = None
            owned.update(dict.fromkeys(_copies(row.path, target, prefix)))
    for path in (root / directory).rglob("*"):
        if path.is_file():
            owned[path] = None
    return list(owned)


def _copies(path: str, target: Path, prefix: Path) -> Iterable[Path]:
    """Pyodide keeps .data and copies its ``data`` scheme into the prefix, a copy that RECORD does not name."""
    top, _, inner = path.partition("/data/")
    if top.endswith(".data") and "/" not in top and ".." not in inner.split("/"):
        copy = Path(os.path.normpath(prefix / inner))
        if (
            copy.is_relative_to(prefix)
            and copy.is_file()
            and not copy.is_symlink()
            and copy.read_bytes() == target.read_bytes()
        ):
            yield copy


def _decoded(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _read(path: Path | str) -> bytes | None:
    """All bytes of a file, by the shortest way: a freeze reads a thousand small files."""
    try:
        # A pipe in a file's place is not waited for.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):
        # ValueError: a name with a null character.
        return None
    try:
        parts = []
        while len(part := os.read(handle, _CHUNK)) == _CHUNK:
            parts.append(part)
        return b"".join([*parts, part])
    except OSError:
        return None
    finally:
        os.close(handle)
