"""What the verbs in ``app`` need from the outside world: the smallest Protocols.

Adapters implement them for Pyodide (page, worker, Node) and for the host; ``micropip_lock.testing`` implements them
in memory. ``freeze`` receives only a :class:`SiteReader`, so it cannot write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from micropip_lock.core.digest import Digest, VerifiedWheel
from micropip_lock.core.dirty import Listing
from micropip_lock.core.held import Held
from micropip_lock.core.mocks import MockInstall, PresentMock
from micropip_lock.core.model import Abi, Lock, LockedPackage
from micropip_lock.core.wheel import OpenedWheel

Progress = Callable[["ProgressEvent"], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgressEvent:
    """One step of a replay, told to whoever shows it.

    Attributes:
        stage: ``plan``, ``store`` (found there), ``fetch``, ``verify``, ``install``, ``load`` or ``done``; ``locate``
            while origins are proven.
        package: Normalised name, or ``None`` for the replay as a whole.
        received: Bytes of this package so far.
        total: Bytes of this package, when known.
        all_received: Bytes of all packages that arrived so far.
        all_total: Bytes of all packages to fetch, when known; what is found in the store is none of them.
    """

    stage: str
    package: str | None = None
    received: int = 0
    total: int | None = None
    all_received: int = 0
    all_total: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """Bytes that arrived.

    Attributes:
        data: All bytes.
        url: The address after redirects.
        content_type: As the server said it.
    """

    data: bytes
    url: str
    content_type: str = ""


class Fetcher(Protocol):
    """Gets bytes by URL; never sends credentials that the caller did not give."""

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> Fetched:
        """All bytes at ``url``.

        Args:
            url: ``https:``, ``http:`` or ``file:``.
            max_bytes: Stop with :class:`~micropip_lock.errors.WheelTooLargeError` when more arrive.
            progress: Told the bytes received so far.
            reload: Ask past every cache.

        Raises:
            FetchError: one of its subclasses.
        """
        ...


@runtime_checkable
class QueueingFetcher(Fetcher, Protocol):
    """A fetcher that has what it is asked for wait for its turn, so that no connection waits for who asks."""

    def take_turns(self, concurrency: int | None) -> bool:
        """Have so many downloads under way at a time.

        Args:
            concurrency: How many; ``None`` for as many as are asked for.

        Returns:
            Whether more may be asked for at once.
        """
        ...


@runtime_checkable
class HoldingFetcher(Fetcher, Protocol):
    """A fetcher that can leave the bytes where they arrived."""

    async def fetch_held(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> tuple[Held, str]:
        """As :meth:`Fetcher.fetch`, without a copy of the bytes.

        Returns:
            The bytes, hashed by who holds them, and the address after redirects.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchedRange:
    """Bytes of a file, or all of it from a server that knows no ranges.

    Attributes:
        data: The bytes.
        first: Offset of the first one; 0 when ``whole``.
        total: Bytes of the whole file, when the answer said it (browsers show it for whole files only).
        whole: The server ignored the range and sent the file.
        url: The address after redirects.
    """

    data: bytes
    first: int
    total: int | None
    whole: bool
    url: str


class KeptWheels(Protocol):
    """Gives wheels that came from local files, by what they are; there is nothing here to write with."""

    def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        """The wheel, its bytes hashed anew, or ``None`` when they are not kept.

        Args:
            digest: SHA-256 of the file.
            filename: Its name.
        """
        ...


class WheelKeep(KeptWheels, Protocol):
    """Keeps the bytes of wheels that no other machine can be asked for."""

    @property
    def address(self) -> str:
        """What file names as :func:`~micropip_lock.core.local_wheel.local_file_name` spells them are relative to."""
        ...

    def put(self, wheel: VerifiedWheel) -> None:
        """Keep a wheel; all of it or nothing.

        Raises:
            StorageError: code ``not-kept``.
        """
        ...


class Store(Protocol):
    """Wheels that were fetched once. It only saves time: without it everything is fetched again."""

    async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        """The wheel, its bytes hashed anew, or ``None`` when they are not here; never raises.

        Args:
            digest: SHA-256 of the file.
            filename: Its name.
        """
        ...

    async def put(self, wheel: VerifiedWheel) -> bool:
        """Keep a wheel, all of it or nothing; ``False`` when it cannot be kept, for want of room say; never raises."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredWheel:
    """What a store has by one digest.

    Attributes:
        digest: SHA-256 of the wheel.
        size: Its bytes; ``None`` when only extras are there.
        extra_size: Bytes of what is kept beside it: results of checks, bytecode.
        used: When any of it was used last, in seconds since 1970.
        title: Name and version as the wheel says them, or ``""``.
    """

    digest: Digest
    size: int | None
    extra_size: int = 0
    used: float = 0.0
    title: str = ""

    @property
    def total(self) -> int:
        """All bytes."""
        return (self.size or 0) + self.extra_size


class StoreKeeper(Protocol):
    """Looks after a store: what is in it, whether it is as it was, and what goes."""

    @property
    def location(self) -> str:
        """Where it is, for people."""
        ...

    async def wheels(self) -> Sequence[StoredWheel]:
        """Everything in it, by digest."""
        ...

    async def is_intact(self, digest: Digest) -> bool:
        """Whether a wheel and what is beside it hash to what they were; reads everything."""
        ...

    async def remove(self, digest: Digest) -> bool:
        """Take a wheel and what is beside it away; ``False`` when some of it is still there."""
        ...

    async def remove_parts(self, before: float) -> int:
        """Take away what was left half-written.

        Args:
            before: Only what was not touched since, in seconds since 1970.

        Returns:
            How many bytes that gave back.
        """
        ...


class FileWriter(Protocol):
    """Writes files into one directory."""

    def write(self, path: str, data: bytes) -> None:
        """Write one file whole, or not at all.

        Args:
            path: Relative to the directory, ``/``-separated.
            data: All of it.

        Raises:
            StorageError: code ``not-written``.
        """
        ...


class Folder(FileWriter, Protocol):
    """One directory, to write into and to see what is there."""

    def read(self, path: str) -> bytes | None:
        """All of one file, or ``None`` when it is not there or cannot be read.

        Args:
            path: Relative to the directory, ``/``-separated.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledModules:
    """What an interpreter made of modules of one wheel.

    Attributes:
        paths: Of their sources, in the wheel.
        data: As the store keeps it beside a wheel.
    """

    paths: frozenset[str]
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class FilesRead:
    """What imports read of wheels.

    Attributes:
        read: By file name of each wheel that was mounted, the paths in it that were read.
        failed: By name of a module, why its import failed.
        compiled: By file name of a wheel, its modules that were imported.
        stdlib: Modules of the standard library that were imported, dotted.
    """

    read: Mapping[str, frozenset[str]]
    failed: Mapping[str, str]
    compiled: Mapping[str, CompiledModules] = field(default_factory=dict)
    stdlib: tuple[str, ...] = ()


class FileWatch(Protocol):
    """Replays a lock into a runtime of its own, and sees which files its imports read."""

    async def files_read(self, lock: Lock, names: Sequence[str]) -> FilesRead:
        """Import modules of an environment.

        Args:
            lock: The environment; its files can be had.
            names: Modules, in the order in which they are imported.

        Raises:
            MicropipLockError: There is no such runtime here, or the lock cannot be replayed into it.
        """
        ...


class RangeFetcher(Protocol):
    """Gets a part of a file; a browser may do so without the server's permission (CORS-safelisted ``Range``)."""

    async def fetch_range(self, url: str, first: int, last: int, *, max_whole: int) -> FetchedRange:
        """The bytes ``first`` to ``last`` of ``url``, both included.

        Args:
            url: ``https:`` or ``http:``.
            first: At least 0.
            last: At least ``first``.
            max_whole: The most bytes to accept from a server that ignores the range and sends everything.

        Raises:
            WheelTooLargeError: The server sends everything, and that is more than ``max_whole``.
            FetchError: one of its subclasses; code ``wrong-range`` for other bytes than those asked for.
        """
        ...

    async def size_of(self, url: str) -> int | None:
        """Bytes of the file at ``url``, or ``None`` when the server does not say, or knows no ranges.

        Raises:
            FetchError: one of its subclasses.
        """
        ...


class PageFetcher(Protocol):
    """Gets a page in the format that the caller likes best."""

    async def fetch_page(self, url: str, *, accept: str, max_bytes: int) -> Fetched:
        """The page at ``url``; compressed on its way when the server can.

        Args:
            url: ``https:`` or ``http:``.
            accept: Value of the header ``Accept``: at most 128 characters, so that browsers may send it anywhere.
            max_bytes: The most bytes, after decompression.

        Raises:
            WheelTooLargeError: More than ``max_bytes``.
            FetchError: one of its subclasses.
        """
        ...


class IndexFetcher(Fetcher, RangeFetcher, PageFetcher, Protocol):
    """All that locating an installed distribution on an index needs."""


class InstalledDist(Protocol):
    """One installed distribution, as its dist-info directory tells it."""

    @property
    def directory(self) -> str:
        """Name of the dist-info directory, e.g. ``six-1.16.0.dist-info``."""
        ...

    def read_text(self, filename: str) -> str | None:
        """A file of the dist-info directory, or ``None`` when it is not there or is not UTF-8."""
        ...

    def read_file(self, path: str) -> bytes | None:
        """An installed file by its path in RECORD, or ``None``; paths that leave the environment are never followed."""
        ...

    def mock_modules(self) -> Mapping[str, str | None] | None:
        """For a mock package of micropip the source text of each module, ``None`` for a module without one.

        Returns:
            ``None`` for every other distribution.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Stray:
    """Something importable that is installed in another way than a dist-info directory of site-packages says.

    Attributes:
        name: Of the distribution, or of the file, as far as it tells one.
        version: When it tells one, else ``""``.
        kind: ``egg-info``; ``egg-link``; ``link`` (a dist-info directory that is a symbolic link); ``path-file`` (a
            directory named in a ``.pth`` file); ``path-entry`` (a distribution in a directory, or an archive, of
            ``sys.path`` outside site-packages).
        place: The directory or file, for people.
        file: The ``.pth`` or ``.egg-link`` file in site-packages that names it, or ``""``.
    """

    name: str
    version: str
    kind: Literal["egg-info", "egg-link", "link", "path-file", "path-entry"]
    place: str
    file: str = ""


class SiteReader(Protocol):
    """Reads an environment; there is nothing here to write with."""

    def distributions(self) -> Iterable[InstalledDist]:
        """Every dist-info directory, sorted by its name; then mock packages that are in memory only."""
        ...

    def files(self) -> Listing:
        """Every file below the directory."""
        ...

    def strays(self) -> Iterable[Stray]:
        """What is importable here without a dist-info directory, sorted by name."""
        ...

    def unfinished(self) -> Literal["running", "interrupted"] | None:
        """Whether it is half changed: by a replay that goes on, or by one that was interrupted."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Install:
    """One wheel to put in place.

    Attributes:
        package: What the lock says.
        wheel: What was admitted, opened and checked (an opened wheel is made of admitted bytes only).
        records: Given the RECORD that is installed, the files to write into dist-info beside the wheel's own: name to
            text.
        replaces: dist-info directories of this package that are installed now and go away.
    """

    package: LockedPackage
    wheel: OpenedWheel
    records: Callable[[str], Mapping[str, str]]
    replaces: Sequence[str] = ()


class Installer(Protocol):
    """Changes an environment: all of it or nothing."""

    def hold(self) -> AbstractAsyncContextManager[Sequence[str]]:
        """Hold the environment, so that nobody else changes it, and bring it to rest.

        A change that was interrupted is undone, or finished if it was committed, before anything is read.

        Returns:
            Entered, it gives notes of what was recovered.

        Raises:
            BusyError: somebody else changes it.
            StorageError: codes ``journal``, ``rollback``: what was interrupted cannot be put right.
        """
        ...

    async def install(
        self,
        installs: Sequence[Install],
        on_step: Callable[[str, str], None],
        *,
        mocks: Sequence[MockInstall] = (),
        removes: Sequence[str] = (),
        removed_mocks: Sequence[PresentMock] = (),
    ) -> Sequence[str]:
        """Put every wheel and then every mock package in place, or leave the environment as it was.

        Args:
            installs: In the order to install.
            on_step: Told (stage, package name) as each one is done.
            mocks: Mock packages, each with those of its name that go away.
            removes: dist-info directories of distributions that go away and have no successor.
            removed_mocks: Mock packages that do.

        Returns:
            Notes for the report, e.g. extension modules loaded.

        Raises:
            MicropipLockError: nothing was changed.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeLock:
    """The lock that a Pyodide runtime was booted with.

    Attributes:
        packages: Raw entries by key, as in ``pyodide-lock.json``.
        base: Absolute URL that relative file names resolve against, when known.
    """

    packages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    base: str | None = None


class Runtime(Protocol):
    """The interpreter that a lock is frozen for or replayed into."""

    def abi(self) -> Abi:
        """Its ABI."""
        ...

    def lock(self) -> RuntimeLock:
        """The lock it was booted with."""
        ...

    def tags(self) -> Sequence[str]:
        """Wheel tags it can install, best first, e.g. ``cp314-cp314-pyemscripten_2026_0_wasm32``."""
        ...

    def markers(self) -> Mapping[str, str]:
        """The marker environment (PEP 508) requirements are evaluated in."""
        ...

    def imported(self) -> Mapping[str, str]:
        """Imported modules by name, with the file each came from (``""`` when it has none)."""
        ...
