"""A site-packages directory: read through dist-info, written as one transaction.

Works on the host and in Pyodide's file system alike.

Rules this file keeps:

1. Reading never follows a RECORD path that leaves the environment's prefix.
2. Installing is all or nothing: every wheel is unpacked and checked in a staging directory inside the site (one file
   system, so that moves are renames); conflicts are found; only then are files moved in, each move journalled; a
   failure or a cancellation undoes the journal backwards.
3. Files are replaced only where the replaced distribution's own RECORD lists them.
4. A file that belongs to something else is never overwritten, unless it is the same byte for byte.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.model import Abi
from micropip_lock.core.plan import runtime_tags
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import ConflictError, MicropipLockError, RecordError, StorageError, WheelPathError
from micropip_lock.ports import Install, RuntimeLock

_STAGING_PREFIX = ".micropip-lock-"


class InstalledDirectory:
    """One dist-info directory. Implements :class:`~micropip_lock.ports.InstalledDist`."""

    def __init__(self, site: Path, directory: str, prefix: Path) -> None:
        self._site = site
        self._prefix = prefix
        self.directory = directory

    def read_text(self, filename: str) -> str | None:
        data = _read(self._site / self.directory / filename)
        try:
            return None if data is None else data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def read_file(self, path: str) -> bytes | None:
        target = self.locate(path)
        return None if target is None else _read(target)

    def names(self) -> Sequence[str]:
        return sorted(entry.name for entry in os.scandir(self._site / self.directory) if entry.is_file())

    def locate(self, path: str) -> Path | None:
        """Where a RECORD path lies, or ``None`` when it leaves the environment."""
        if not path or "\0" in path or PurePosixPath(path).is_absolute():
            return None
        target = Path(os.path.normpath(self._site / path))
        inside = target.is_relative_to(self._site) or target.is_relative_to(self._prefix)
        return target if inside and target != self._site else None


class SitePackages:
    """Reads a site-packages directory. Implements :class:`~micropip_lock.ports.SiteReader`.

    Args:
        root: The directory.
        prefix: The environment it belongs to; RECORD may name files there (scripts, data). Default: ``root`` itself.
        others: Distributions that exist without a directory (micropip's in-memory mocks).
    """

    def __init__(
        self, root: Path, *, prefix: Path | None = None, others: Callable[[], Iterable[object]] = tuple
    ) -> None:
        self.root = root
        self.prefix = prefix or root
        self._others = others

    def distributions(self) -> Iterator[InstalledDirectory]:
        if self.root.is_dir():
            for entry in sorted(os.scandir(self.root), key=lambda entry: entry.name):
                if entry.name.endswith(".dist-info") and entry.is_dir(follow_symlinks=False):
                    yield InstalledDirectory(self.root, entry.name, self.prefix)
        yield from self._others()  # type: ignore[misc]  # they have the same three methods, the port is structural


@dataclass(kw_only=True, slots=True)
class _Journal:
    """What has been done, to be undone backwards."""

    moved: list[tuple[Path, Path]] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)

    def move(self, source: Path, target: Path) -> None:
        os.rename(source, target)
        self.moved.append((source, target))

    def make_parents(self, target: Path) -> None:
        missing = [parent for parent in target.parents if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            self.made.append(parent)

    def undo(self) -> None:
        for source, target in reversed(self.moved):
            source.parent.mkdir(parents=True, exist_ok=True)
            os.rename(target, source)
        for directory in reversed(self.made):
            shutil.rmtree(directory, ignore_errors=True)


class SiteInstaller:
    """Installs wheels into a site-packages directory. Implements :class:`~micropip_lock.ports.Installer`.

    Args:
        root: The site-packages directory; made when it is not there.
        prefix: Where the ``data`` scheme goes (``sys.prefix``); ``root`` for an isolated target.
        as_pyodide: Lay files out as Pyodide's own installer does (the ``.data`` directory stays and its ``data`` scheme
            is copied into ``prefix``), so that a replayed environment equals the recorded one. Otherwise schemes are
            spread as PEP 427 says and RECORD is rewritten accordingly.
        load_extension: Called with the path of each extension module after the move; its error undoes everything.
        after: Called when all is in place (e.g. ``importlib.invalidate_caches``).
    """

    def __init__(
        self,
        root: Path,
        *,
        prefix: Path | None = None,
        as_pyodide: bool = False,
        load_extension: Callable[[Path], Awaitable[None]] | None = None,
        after: Callable[[Sequence[Install]], None] = lambda installs: None,
    ) -> None:
        self.root = root
        self.prefix = prefix or root
        self._as_pyodide = as_pyodide
        self._load_extension = load_extension
        self._after = after

    async def install(self, installs: Sequence[Install], on_step: Callable[[str, str], None]) -> Sequence[str]:
        if not installs:
            return ()
        existed = self.root.exists()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=self.root))
        except OSError as error:
            raise _storage(error, self.root) from error
        journal = _Journal()
        try:
            staged = [self._stage(one, staging / str(number), on_step) for number, one in enumerate(installs)]
            left = self._remove_replaced(installs, staging / "replaced", journal)
            for one in staged:
                self._commit(one, journal)
            notes = await self._load(staged, on_step)
            self._after(installs)
        except BaseException as error:
            journal.undo()
            shutil.rmtree(staging, ignore_errors=True)
            if not existed:
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

    def _stage(self, one: Install, directory: Path, on_step: Callable[[str, str], None]) -> _Staged:
        opened = OpenedWheel(one.wheel)
        files: dict[Path, Path] = {}
        moved: dict[str, Path] = {}
        made: set[Path] = set()
        for path, data in opened.files():
            source = directory / "wheel" / path
            if source.parent not in made:
                source.parent.mkdir(parents=True, exist_ok=True)
                made.add(source.parent)
            source.write_bytes(data)
            if opened.mode(path) & 0o111 and not self._as_pyodide:
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
        return _Staged(install=one, files=files)

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
            if path in moved:
                path = os.path.relpath(moved[path], self.root).replace(os.sep, "/")
            writer.writerow((path, row.digest.record if row.digest else "", "" if row.size is None else row.size))
        return text.getvalue()

    def _remove_replaced(self, installs: Sequence[Install], trash: Path, journal: _Journal) -> set[Path]:
        """Move what is replaced out of the way; tell the directories it leaves."""
        left: set[Path] = set()
        for directory in (directory for one in installs for directory in one.replaces):
            for target in owned_files(self.root, directory, self.prefix):
                trash.mkdir(exist_ok=True)
                left.update(parent for parent in target.parents if parent.is_relative_to(self.root))
                journal.move(target, trash / str(len(journal.moved)))
        return left - {self.root}

    def _commit(self, staged: _Staged, journal: _Journal) -> None:
        name = staged.install.package.name
        for target, source in staged.files.items():
            if target.exists() or target.is_symlink():
                if target.is_file() and target.read_bytes() == source.read_bytes():
                    continue
                raise ConflictError(
                    f"a file of {name} is already there and belongs to something else",
                    code="owned",
                    package=name,
                    where=str(target.relative_to(self.root) if target.is_relative_to(self.root) else target),
                    hint="uninstall what owns it, or replay into a fresh environment",
                )
            journal.make_parents(target)
            journal.move(source, target)

    async def _load(self, staged: Sequence[_Staged], on_step: Callable[[str, str], None]) -> tuple[str, ...]:
        loaded = []
        for one in staged:
            if self._load_extension is not None:
                for target in one.files:
                    if is_extension_module(target.name):
                        await self._load_extension(target)
                        loaded.append(target.name)
            on_step("install", one.install.package.name)
        return (f"{len(loaded)} extension modules loaded",) if loaded else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Staged:
    """A wheel in the staging directory: where each file goes and where it lies now."""

    install: Install
    files: dict[Path, Path]


def tree(root: Path) -> dict[str, str]:
    """SHA-256 (hexadecimal) of every file below a directory, by relative path; bytecode caches are left out."""
    return {
        path.relative_to(root).as_posix(): Digest.of(path.read_bytes()).hex
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


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
        return {"sys_platform": "emscripten", "platform_machine": self._abi.arch}

    def imported(self) -> Mapping[str, str]:
        return {}


def owned_files(root: Path, directory: str, prefix: Path) -> list[Path]:
    """Files that a dist-info directory's RECORD lists and that exist inside the environment, and its own."""
    dist = InstalledDirectory(root, directory, prefix)
    owned: dict[Path, None] = {}
    try:
        rows = parse_record(dist.read_text("RECORD") or "")
    except RecordError:
        rows = ()
    for row in rows:
        target = dist.locate(row.path)
        if target is not None and target.is_file() and not target.is_symlink():
            owned[target] = None
            if target.suffix == ".py":
                for cached in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
                    owned[cached] = None
    for path in (root / directory).rglob("*"):
        if path.is_file():
            owned[path] = None
    return list(owned)


def is_extension_module(filename: str) -> bool:
    """Whether a file is one that ``import`` would open with ``dlopen`` in Pyodide."""
    if not filename.endswith(".so"):
        return False
    tag = filename.removesuffix(".so").partition(".")[2]
    return tag in ("", "abi3") or "wasm32" in tag


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _storage(error: OSError, root: Path) -> MicropipLockError:
    return StorageError(
        "the file system refused",
        where=str(error.filename or root),
        got=error.strerror or str(error),
        hint="free some space or choose another directory; nothing was changed",
    )
