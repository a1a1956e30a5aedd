"""A site-packages directory, written as one transaction.

Works on the host and in Pyodide's file system alike.

Rules this file keeps:

1. Installing is all or nothing: every wheel is unpacked and checked in a staging directory inside the site (one file
   system, so that moves are renames); conflicts are found; only then are files moved in, each move journalled; a
   failure or a cancellation undoes the journal backwards.
2. Files are replaced only where the replaced distribution's own RECORD lists them and no distribution that stays does.
3. A file that belongs to something else is never overwritten, unless it is the same byte for byte.

Left to others: reading (:mod:`micropip_lock.adapters.site_reader`).
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import os
import posixpath
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from micropip_lock.adapters.journal import Journal
from micropip_lock.adapters.site_reader import InstalledDirectory as InstalledDirectory
from micropip_lock.adapters.site_reader import SitePackages as SitePackages
from micropip_lock.adapters.site_reader import TargetRuntime as TargetRuntime
from micropip_lock.adapters.site_reader import owned_files as owned_files
from micropip_lock.adapters.site_reader import tree as tree
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.mocks import MockInstall, mock_files, module_paths
from micropip_lock.core.model import Mock
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import ConflictError, MicropipLockError, StorageError, WheelPathError
from micropip_lock.ports import Install

_in_use: set[Path] = set()
"""Staging directories of this process."""

REPLACED = "replaced"
"""What a staging directory calls the place for files that were installed before."""

_STAGING_PREFIX = ".micropip-lock-"


class MountReady(Protocol):
    """Wheels that are about to be mounted together."""

    def commit(self) -> None:
        """Mount them; cannot fail."""
        ...

    def undo(self) -> None:
        """Take away what :meth:`commit` made; before it there is nothing to take away."""
        ...

    def at_once(self) -> Sequence[Path]:
        """Extension modules to open now: the others are opened when they are first imported."""
        ...

    def later(self) -> int:
        """How many extension modules are opened when they are first imported."""
        ...


class Mounting(Protocol):
    """Puts wheels into the file system without unpacking them."""

    def prepare(self, installs: Sequence[Install], leaving: Iterable[Path]) -> MountReady | None:
        """Be ready to mount, or ``None`` where real files have to be written.

        Args:
            installs: The wheels.
            leaving: Files that will be gone by then.
        """
        ...


MemoryMocks = Callable[[Sequence[Mock], Sequence[str]], Callable[[], None]]


class SiteInstaller:
    """Installs wheels into a site-packages directory. Implements :class:`~micropip_lock.ports.Installer`.

    Args:
        root: The site-packages directory; made when it is not there.
        prefix: Where the ``data`` scheme goes (``sys.prefix``); ``root`` for an isolated target.
        as_pyodide: Lay files out as Pyodide's own installer does (the ``.data`` directory stays and its ``data`` scheme
            is copied into ``prefix``), so that a replayed environment equals the recorded one. Otherwise schemes are
            spread as PEP 427 says and RECORD is rewritten accordingly.
        load_extension: Called with the path of each extension module after the move; its error undoes everything.
        memory_mocks: Puts mock packages into the memory of the interpreter; given those to add and the names of those
            to take away, it does all or nothing and returns what undoes it. ``None`` where there is no such memory: a
            directory holds every mock in files.
        after: Called when all is in place (e.g. ``importlib.invalidate_caches``).
        mount: Puts wheels in place without unpacking them, where it can.
    """

    def __init__(
        self,
        root: Path,
        *,
        prefix: Path | None = None,
        as_pyodide: bool = False,
        load_extension: Callable[[Path], Awaitable[None]] | None = None,
        memory_mocks: MemoryMocks | None = None,
        after: Callable[[Sequence[Install]], None] = lambda installs: None,
        mount: Mounting | None = None,
    ) -> None:
        self.root = Path(os.path.abspath(root))
        self.prefix = Path(os.path.abspath(prefix or root))
        self._as_pyodide = as_pyodide
        self._load_extension = load_extension
        self._memory_mocks = memory_mocks
        self._after = after
        self._mount = mount

    async def install(
        self,
        installs: Sequence[Install],
        on_step: Callable[[str, str], None],
        *,
        mocks: Sequence[MockInstall] = (),
    ) -> Sequence[str]:
        if not installs and not mocks:
            return ()
        journal = Journal()
        try:
            journal.make(self.root)
            sweep(self.root)
            staging = Path(tempfile.mkdtemp(prefix=f"{_STAGING_PREFIX}{os.getpid()}-", dir=self.root))
            _in_use.add(staging)
        except OSError as error:
            journal.undo()
            raise _storage(error, self.root) from error
        try:
            return await self._install(installs, mocks, on_step, staging, journal)
        finally:
            _in_use.discard(staging)

    async def _install(
        self,
        installs: Sequence[Install],
        mocks: Sequence[MockInstall],
        on_step: Callable[[str, str], None],
        staging: Path,
        journal: Journal,
    ) -> Sequence[str]:
        undo_memory: Callable[[], None] | None = None
        mounted: MountReady | None = None
        try:
            leaving = self._leaving(installs, mocks)
            mounted = self._mount.prepare(installs, leaving) if self._mount is not None else None
            staged: list[_Staged] = []
            for number, install in enumerate(installs if mounted is None else ()):
                staged.append(self._staged(install, staging / str(number), on_step))
                # Unpacking is the long part: others may run, and a cancellation may arrive.
                await asyncio.sleep(0)
            in_files = [one.mock for one in mocks if one.mock.persistent or self._memory_mocks is None]
            staged += [self._staged_mock(mock, staging / f"mock-{mock.name}") for mock in in_files]
            self._check_free(staged, frozenset(leaving))
            left = self._remove(leaving, staging / REPLACED, journal)
            for one in staged:
                self._commit(one, journal)
            if mounted is not None:
                mounted.commit()
            notes = await self._load(staged, mounted, installs, on_step)
            if self._memory_mocks is not None:
                undo_memory = self._memory_mocks(
                    [one.mock for one in mocks if not one.mock.persistent],
                    [old.name for one in mocks for old in one.replaces if not old.persistent],
                )
            elif moved := [mock.name for mock in in_files if not mock.persistent]:
                notes = (*notes, f"kept in files, because a directory has no memory: mock {', '.join(moved)}")
            self._after(installs)
        except BaseException as error:
            if undo_memory is not None:
                undo_memory()
            if mounted is not None:
                mounted.undo()
            stuck = journal.undo()
            if stuck:
                raise _stuck(error, staging, stuck) from error
            shutil.rmtree(staging, ignore_errors=True)
            if self.root in journal.made:
                shutil.rmtree(self.root, ignore_errors=True)
            if isinstance(error, OSError):
                raise _storage(error, self.root) from error
            raise
        shutil.rmtree(staging, ignore_errors=True)
        for directory in sorted(left, key=lambda path: len(path.parts), reverse=True):
            # What a replaced distribution leaves empty; a directory in use refuses.
            with contextlib.suppress(OSError):
                directory.rmdir()
        return notes

    def _staged(self, one: Install, directory: Path, on_step: Callable[[str, str], None]) -> _Staged:
        try:
            return self._stage(one, directory, on_step)
        except MicropipLockError as error:
            error.package = error.package or one.package.name
            raise

    def _stage(self, one: Install, directory: Path, on_step: Callable[[str, str], None]) -> _Staged:
        opened = one.wheel
        files: dict[Path, Path] = {}
        moved: dict[str, Path] = {}
        made: set[Path] = set()
        for path, data in opened.files():
            source = directory / "wheel" / path
            if source.parent not in made:
                source.parent.mkdir(parents=True, exist_ok=True)
                made.add(source.parent)
            source.write_bytes(data)
            if not self._as_pyodide and (opened.mode(path) & 0o111 or path.startswith(f"{opened.data_dir}/scripts/")):
                # PEP 427, "Recommended installer features": scripts are made executable.
                source.chmod(0o755)
            for target in self._targets(opened, path, one.package.name):
                if target in files:
                    raise WheelPathError(
                        "two files of the wheel go to one place",
                        code="duplicate-entry",
                        where=f"{opened.filename}: {path}",
                    )
                if self._as_pyodide and files.get(self.root / path) == source:
                    # Pyodide keeps the .data directory and copies: two files, not one.
                    source = directory / "copies" / str(len(files))
                    source.parent.mkdir(exist_ok=True)
                    source.write_bytes(data)
                elif target != self.root / path:
                    moved[path] = target
                files[target] = source
        record = opened.record_text
        if moved:
            record = self._moved_record(record, moved)
            (directory / "wheel" / opened.dist_info / "RECORD").write_bytes(record.encode("utf-8"))
        for name, text in one.records(record).items():
            source = directory / "wheel" / opened.dist_info / name
            source.write_bytes(text.encode("utf-8"))
            files[self.root / opened.dist_info / name] = source
        on_step("verify", one.package.name)
        return _Staged(name=one.package.name, files=files)

    def _staged_mock(self, mock: Mock, directory: Path) -> _Staged:
        # micropip writes absolute paths into RECORD; a directory that may be moved gets relative ones.
        files: dict[Path, Path] = {}
        for path, text in mock_files(mock, root=f"{self.root}/" if self._as_pyodide else "").items():
            source = directory / path
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(text.encode("utf-8"))
            files[self.root / path] = source
        return _Staged(name=mock.name, files=files)

    def _targets(self, opened: OpenedWheel, path: str, name: str) -> tuple[Path, ...]:
        """Where a file of the wheel goes."""
        top, _, rest = path.partition("/")
        in_place = self.root / path
        if top != opened.data_dir:
            return (in_place,)
        scheme, _, inner = rest.partition("/")
        if self._as_pyodide:
            return (in_place, self.prefix / inner) if scheme == "data" else (in_place,)
        schemes = {
            "purelib": self.root,
            "platlib": self.root,
            "data": self.prefix,
            "scripts": self.prefix / "bin",
            "headers": self.prefix / "include" / name,
        }
        return (schemes[scheme] / inner,)

    def _moved_record(self, record_text: str, moved: dict[str, Path]) -> str:
        """RECORD names files where they are installed (PEP 427, "Unpack", 2.d)."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for row in parse_record(record_text):
            path = row.path
            target = moved.get(posixpath.normpath(path))
            if target is not None:
                path = os.path.relpath(target, self.root).replace(os.sep, "/")
            writer.writerow((path, row.digest.record if row.digest else "", "" if row.size is None else row.size))
        return text.getvalue()

    def _leaving(self, installs: Sequence[Install], mocks: Sequence[MockInstall]) -> list[Path]:
        """Files of what is replaced, each once; what they share with a distribution that stays is none of them."""
        mocked = {old.directory: old.modules for one in mocks for old in one.replaces if old.persistent}
        replaced = {directory for one in installs for directory in one.replaces} | mocked.keys()
        others = self._owned_by_others(replaced) if replaced else frozenset()
        found: dict[Path, None] = {}
        for directory in sorted(replaced):
            owned = self._owned(directory)
            for target in (*owned, *self._owned_modules(mocked.get(directory, ()))):
                if target not in others and os.path.lexists(target):
                    found[target] = None
        return list(found)

    def _remove(self, leaving: Sequence[Path], trash: Path, journal: Journal) -> set[Path]:
        """Move what is replaced out of the way; tell the directories it leaves."""
        left: set[Path] = set()
        for target in leaving:
            trash.mkdir(exist_ok=True)
            left.update(parent for parent in target.parents if parent.is_relative_to(self.root))
            journal.move(target, trash / str(len(journal.moved)))
        return left - {self.root}

    def _owned_modules(self, modules: Sequence[str]) -> Iterator[Path]:
        """Files of the modules of a mock package: its RECORD has absolute paths, which are never followed."""
        for path in module_paths(modules):
            yield self.root / path
            yield from (self.root / path).parent.glob("__pycache__/__init__.*.pyc")

    def _owned_by_others(self, replaced: set[str]) -> frozenset[Path]:
        staying = (one.directory for one in SitePackages(self.root).distributions() if one.directory not in replaced)
        return frozenset(path for directory in staying for path in self._owned(directory))

    def _owned(self, directory: str) -> list[Path]:
        return owned_files(self.root, directory, self.prefix, as_pyodide=self._as_pyodide)

    def _check_free(self, staged: Sequence[_Staged], leaving: frozenset[Path]) -> None:
        """Find conflicts before anything is moved: with files that stay, and of the new ones with each other."""
        coming: dict[Path, tuple[str, Path]] = {}
        for one in staged:
            for target, source in one.files.items():
                name, other = coming.setdefault(target, (one.name, source))
                if other is not source and other.read_bytes() != source.read_bytes():
                    raise self._conflict(one.name, target, f"{name}, which is to be installed, too")
                if target not in leaving and os.path.lexists(target) and not _same(target, source):
                    raise self._conflict(one.name, target, "something that is there already")

    def _commit(self, staged: _Staged, journal: Journal) -> None:
        for target, source in staged.files.items():
            exists = os.path.lexists(target)
            if exists and _same(target, source):
                continue
            if exists or not _nearest(target).is_dir():
                raise self._conflict(staged.name, target, "something that is there already")
            journal.make(target.parent)
            journal.move(source, target)

    def _conflict(self, name: str, target: Path, owner: str) -> ConflictError:
        return ConflictError(
            f"a file of {name} belongs to something else",
            code="owned",
            package=name,
            where=str(target.relative_to(self.root) if target.is_relative_to(self.root) else target),
            got=owner,
            hint="uninstall what owns it, or replay into a fresh environment",
        )

    async def _load(
        self,
        staged: Sequence[_Staged],
        mounted: MountReady | None,
        installs: Sequence[Install],
        on_step: Callable[[str, str], None],
    ) -> tuple[str, ...]:
        loaded = []
        for one in staged:
            if self._load_extension is not None:
                for target in one.files:
                    if is_extension_module(target.name):
                        await self._load_extension(target)
                        loaded.append(target.name)
            on_step("install", one.name)
        later = 0
        if mounted is not None and self._load_extension is not None:
            for target in mounted.at_once():
                await self._load_extension(target)
                loaded.append(target.name)
            later = mounted.later()
            for install in installs:
                on_step("install", install.package.name)
        notes = (f"{len(loaded)} extension modules loaded",) if loaded else ()
        return (*notes, f"{later} extension modules are opened when they are first imported") if later else notes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Staged:
    """A wheel in the staging directory: where each file goes and where it lies now."""

    name: str
    files: dict[Path, Path]


def _same(target: Path, source: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()


def _nearest(target: Path) -> Path:
    """The closest parent that is there, whatever it is."""
    return next(parent for parent in target.parents if os.path.lexists(parent))


def sweep(root: Path) -> None:
    """Remove staging directories that killed processes left behind.

    One that holds replaced files is kept: they are the only copy of what was installed before.

    Raises:
        OSError: the directory cannot be listed.
    """
    for staging in root.glob(f"{_STAGING_PREFIX}*"):
        owner = staging.name.removeprefix(_STAGING_PREFIX).partition("-")[0]
        if staging in _in_use or not owner.isdecimal() or (staging / REPLACED).exists():
            continue
        if int(owner) == os.getpid() or not _is_running(int(owner)):
            shutil.rmtree(staging, ignore_errors=True)


def _is_running(pid: int) -> bool:
    if sys.platform in ("win32", "emscripten"):
        # There is no harmless way to ask, or nobody else to ask about.
        return sys.platform == "win32"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def is_extension_module(filename: str) -> bool:
    """Whether a file is one that ``import`` would open with ``dlopen`` in Pyodide."""
    if not filename.endswith(".so"):
        return False
    tag = filename.removesuffix(".so").partition(".")[2]
    return tag in ("", "abi3") or "wasm32" in tag


def _stuck(error: BaseException, staging: Path, moves: Sequence[tuple[Path, Path]]) -> MicropipLockError:
    return StorageError(
        "the file system refused, and then refused to put things back",
        code="rollback",
        where=str(staging),
        got=f"{type(error).__name__}: {error}; {len(moves)} files are not where they were, {moves[0][0]} first",
        hint="what was replaced is kept in that directory; install the affected packages again",
    )


def _storage(error: OSError, root: Path) -> MicropipLockError:
    return StorageError(
        "the file system refused",
        where=str(error.filename or root),
        got=error.strerror or str(error),
        hint="free some space or choose another directory; nothing was changed",
    )
