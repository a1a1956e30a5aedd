"""A site-packages directory, written as one transaction.

Works on the host and in Pyodide's file system alike.

Rules this file keeps:

1. Installing is all or nothing: every wheel is unpacked and checked in a staging directory inside the site (one file
   system, so that moves are renames); conflicts are found; the plan of all moves is written to the disk; only then are
   files moved. A failure or a cancellation undoes the plan backwards, and after a process that was killed the next one
   does.
2. Files are replaced or removed only where the RECORD of the distribution that goes lists them and no distribution that
   stays does.
3. A file that belongs to something else is never overwritten, unless it is the same byte for byte.
4. One change at a time: the directory is held while it is changed.

Left to others: reading (:mod:`micropip_lock.adapters.site_reader`), unpacking (:mod:`micropip_lock.adapters.staging`),
the plan on disk (:mod:`micropip_lock.adapters.journal`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from micropip_lock.adapters.exclusive import busy, exclusive
from micropip_lock.adapters.journal import REPLACED, STAGING_PREFIX, Journal, outside
from micropip_lock.adapters.mount_ports import Mounting as Mounting
from micropip_lock.adapters.mount_ports import MountReady as MountReady
from micropip_lock.adapters.persisted import Moment, Persistence
from micropip_lock.adapters.recovery import recover, stuck
from micropip_lock.adapters.site_reader import InstalledDirectory as InstalledDirectory
from micropip_lock.adapters.site_reader import SitePackages as SitePackages
from micropip_lock.adapters.site_reader import TargetRuntime as TargetRuntime
from micropip_lock.adapters.site_reader import owned_files as owned_files
from micropip_lock.adapters.site_reader import tree as tree
from micropip_lock.adapters.staging import Layout, Staged
from micropip_lock.core.mocks import MockInstall, PresentMock, module_paths
from micropip_lock.core.model import Mock
from micropip_lock.errors import ConflictError, MicropipLockError, StorageError
from micropip_lock.ports import Install

_held: set[Path] = set()
"""Directories that an installer of this process is changing."""

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
        forget: Called then with the dist-info directories that are gone and have no successor.
        persistence: Where a directory may outlive the interpreter that changes it.
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
        forget: Callable[[Sequence[str]], None] = lambda directories: None,
        persistence: Persistence | None = None,
        mount: Mounting | None = None,
    ) -> None:
        self.root = Path(os.path.abspath(root))
        self.prefix = Path(os.path.abspath(prefix or root))
        self._layout = Layout(root=self.root, prefix=self.prefix, as_pyodide=as_pyodide)
        self._load_extension = load_extension
        self._memory_mocks = memory_mocks
        self._after = after
        self._forget = forget
        self._persistence = persistence
        self._mount = mount

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[Sequence[str]]:
        if self.root in _held:
            raise busy(self.root)
        # Before anything is awaited: nobody may come in between.
        _held.add(self.root)
        try:
            async with self._holding() as notes:
                yield notes
        finally:
            _held.discard(self.root)

    @contextlib.asynccontextmanager
    async def _holding(self) -> AsyncIterator[Sequence[str]]:
        made: list[Path] = []
        try:
            with contextlib.ExitStack() as stack:
                try:
                    _make(self.root, made)
                    alone = stack.enter_context(exclusive(self.root))
                except OSError as error:
                    raise storage_error(error, self.root) from error
                # Of a directory that was not there and holds nothing, nothing stays.
                stack.callback(_remove_empty, made)
                if self._persistence is None:
                    yield self._recovered(alone=alone)
                else:
                    async with self._persistence.hold(self.root):
                        yield self._recovered(copied=self._persistence.lasts(self.root))
        finally:
            # Once more when it is held no longer: what holds a directory may be a file in it.
            _remove_empty(made)

    def _recovered(self, *, alone: bool = True, copied: bool = False) -> tuple[str, ...]:
        try:
            return recover(self.root, self.prefix, alone=alone, copied=copied)
        except OSError as error:
            raise storage_error(error, self.root) from error

    async def install(
        self,
        installs: Sequence[Install],
        on_step: Callable[[str, str], None],
        *,
        mocks: Sequence[MockInstall] = (),
        removes: Sequence[str] = (),
        removed_mocks: Sequence[PresentMock] = (),
    ) -> Sequence[str]:
        if not installs and not mocks and not removes and not removed_mocks:
            return ()
        async with contextlib.nullcontext() if self.root in _held else self._holding():
            staging = self.root / f"{STAGING_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
            return await self._install(installs, mocks, removes, removed_mocks, on_step, staging)

    async def _install(
        self,
        installs: Sequence[Install],
        mocks: Sequence[MockInstall],
        removes: Sequence[str],
        removed_mocks: Sequence[PresentMock],
        on_step: Callable[[str, str], None],
        staging: Path,
    ) -> Sequence[str]:
        undo_memory: Callable[[], None] | None = None
        journal = Journal(root=self.root, staging=staging)
        mounted: MountReady | None = None
        try:
            gone = [*(old for one in mocks for old in one.replaces), *removed_mocks]
            leaving = self._leaving({*removes, *(one for install in installs for one in install.replaces)}, gone)
            mounted = self._mount.prepare(installs, leaving) if self._mount is not None else None
            in_files = [one.mock for one in mocks if one.mock.persistent or self._memory_mocks is None]
            if mounted is None or in_files or leaving:
                staging.mkdir(mode=0o700)
            staged: list[Staged] = []
            for number, install in enumerate(installs if mounted is None else ()):
                staged.append(self._layout.wheel(install, staging / str(number), on_step))
                # Unpacking is the long part: others may run, and a cancellation may arrive.
                await asyncio.sleep(0)
            staged += [self._layout.mock(mock, staging / f"mock-{mock.name}") for mock in in_files]
            self._check_free(staged, frozenset(leaving))
            self._plan(journal, staged, leaving)
            journal.write()
            persisted = await self._persisted("planned")
            self._move(journal, staged)
            if mounted is not None:
                mounted.commit()
            notes = await self._load(staged, mounted, installs, on_step)
            if self._memory_mocks is not None:
                undo_memory = self._memory_mocks(
                    [one.mock for one in mocks if not one.mock.persistent],
                    [old.name for old in gone if not old.persistent],
                )
            elif moved := [mock.name for mock in in_files if not mock.persistent]:
                notes = (*notes, f"kept in files, because a directory has no memory: mock {', '.join(moved)}")
            self._after(installs)
            self._forget([*removes, *(one.directory for one in removed_mocks)])
            journal.commit()
        except BaseException as error:
            if journal.is_committed:
                # An interrupt, right after the step that says it is done.
                journal.finish()
                raise
            if undo_memory is not None:
                undo_memory()
            if mounted is not None:
                mounted.undo()
            if left := journal.undo():
                raise stuck(staging, left, f"{type(error).__name__}: {error}") from error
            if isinstance(error, OSError):
                raise storage_error(error, self.root) from error
            raise
        if self._persistence is None:
            journal.finish()
            return notes
        ending = asyncio.ensure_future(self._end(journal))
        try:
            return (*notes, *persisted, *await asyncio.shield(ending))
        except asyncio.CancelledError:
            # Too late: it is done, and the rest of it takes a moment.
            return (*notes, *persisted, *await ending)

    async def _end(self, journal: Journal) -> tuple[str, ...]:
        committed = await self._persisted("committed")
        journal.finish()
        return (*committed, *await self._persisted("cleared"))

    async def _persisted(self, moment: Moment) -> tuple[str, ...]:
        return () if self._persistence is None else tuple(await self._persistence.persist(self.root, moment))

    def _leaving(self, directories: set[str], mocks: Sequence[PresentMock]) -> list[Path]:
        """Files of what goes, each once; what they share with a distribution that stays is none of them."""
        mocked = {old.directory: old.modules for old in mocks if old.persistent}
        going = directories | mocked.keys()
        others = self._owned_by_others(going) if going else frozenset()
        found: dict[Path, None] = {}
        for directory in sorted(going):
            owned = self._owned(directory)
            for target in (*owned, *self._owned_modules(mocked.get(directory, ()))):
                if target not in others and os.path.lexists(target):
                    found[target] = None
        return list(found)

    def _owned_modules(self, modules: Sequence[str]) -> Iterator[Path]:
        """Files of the modules of a mock package: its RECORD has absolute paths, which are never followed."""
        for path in module_paths(modules):
            yield self.root / path
            yield from (self.root / path).parent.glob("__pycache__/__init__.*.pyc")

    def _owned_by_others(self, replaced: set[str]) -> frozenset[Path]:
        staying = (one.directory for one in SitePackages(self.root).distributions() if one.directory not in replaced)
        return frozenset(path for directory in staying for path in self._owned(directory))

    def _owned(self, directory: str) -> list[Path]:
        return owned_files(self.root, directory, self.prefix, as_pyodide=self._layout.as_pyodide)

    def _check_free(self, staged: Sequence[Staged], leaving: frozenset[Path]) -> None:
        """Find conflicts before anything is moved: with files that stay, and of the new ones with each other."""
        coming: dict[Path, tuple[str, Path]] = {}
        for one in staged:
            for target, source in one.files.items():
                name, other = coming.setdefault(target, (one.name, source))
                if other is not source and other.read_bytes() != source.read_bytes():
                    raise self._conflict(one.name, target, f"{name}, which is to be installed, too")
                if target not in leaving and os.path.lexists(target) and not _same(target, source):
                    raise self._conflict(one.name, target, "something that is there already")

    def _plan(self, journal: Journal, staged: Sequence[Staged], leaving: Sequence[Path]) -> None:
        """Every move, in order, once :meth:`_check_free` found no conflict between files."""
        trash = os.path.join(journal.staging, REPLACED)
        emptied: set[Path] = set()
        for number, target in enumerate(leaving):
            journal.outgoing.append((str(target), os.path.join(trash, str(number))))
            emptied.update(parent for parent in target.parents if parent.is_relative_to(self.root))
        journal.emptied = sorted(map(str, emptied - {self.root}))
        going, coming = frozenset(leaving), set[Path]()
        folders = {self.root}
        for one in staged:
            for target, source in one.files.items():
                if target in coming or (target not in going and os.path.lexists(target)):
                    # The same bytes are there, or come from another wheel.
                    continue
                if target in folders:
                    raise self._conflict(one.name, target, "a directory of another file")
                missing = []
                for parent in target.parents:
                    if parent in folders:
                        break
                    if parent in coming:
                        raise self._conflict(one.name, target, "a file where its directory goes")
                    if parent not in going and os.path.lexists(parent):
                        if not parent.is_dir():
                            raise self._conflict(one.name, target, "something that is there already")
                        folders.add(parent)
                        break
                    missing.append(parent)
                journal.made += map(str, reversed(missing))
                folders.update(missing)
                coming.add(target)
                journal.incoming.append((str(source), str(target)))
        for place in outside((target for _, target in journal.incoming), self.root, self.prefix):
            raise self._conflict(_owner(staged, place), Path(place), "a link that leads out of the environment")

    def _move(self, journal: Journal, staged: Sequence[Staged]) -> None:
        try:
            journal.run(copied=self._persistence is not None and self._persistence.copies(self.root))
        except FileExistsError as error:
            place = str(error.filename)
            raise self._conflict(_owner(staged, place), Path(place), "something that is there already") from error

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
        staged: Sequence[Staged],
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


def _same(target: Path, source: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()


def _owner(staged: Sequence[Staged], place: str) -> str:
    """The package that has a file at a place, or below it."""
    found = (one.name for one in staged if any(Path(place) in (target, *target.parents) for target in one.files))
    return next(found, "")


def _make(directory: Path, made: list[Path]) -> None:
    """Make a directory and its parents, each written down before it is made.

    Raises:
        OSError: one cannot be made.
    """
    for path in reversed([path for path in (directory, *directory.parents) if not path.exists()]):
        made.append(path)
        path.mkdir(exist_ok=True)


def _remove_empty(made: Sequence[Path]) -> None:
    for directory in reversed(made):
        with contextlib.suppress(OSError):
            directory.rmdir()


def is_extension_module(filename: str) -> bool:
    """Whether a file is one that ``import`` would open with ``dlopen`` in Pyodide."""
    if not filename.endswith(".so"):
        return False
    tag = filename.removesuffix(".so").partition(".")[2]
    return tag in ("", "abi3") or "wasm32" in tag


def storage_error(error: OSError, root: Path) -> MicropipLockError:
    """The error for a file system that refused, and for a directory as it was."""
    return StorageError(
        "the file system refused",
        where=str(error.filename or root),
        got=error.strerror or str(error),
        hint="free some space or choose another directory; nothing was changed",
    )
