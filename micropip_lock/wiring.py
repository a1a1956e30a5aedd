"""The composition root: the only file that sees adapters. Decides which of them a face gets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from micropip_lock.app.record import Recorder, Recording
from micropip_lock.core.model import Abi, Wheel
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import UsageError
from micropip_lock.ports import (
    FileWatch,
    Folder,
    IndexFetcher,
    Installer,
    KeptWheels,
    Progress,
    Runtime,
    SiteReader,
    Store,
    StoreKeeper,
    WheelKeep,
)

if TYPE_CHECKING:
    from micropip_lock.adapters.node import EmbeddedPyodide
    from micropip_lock.app.freeze import Indexes


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What the verbs work on.

    Attributes:
        site: The environment, to read.
        runtime: The interpreter it is for.
        kept: Wheels from local files.
        own_modules: Top-level modules that micropip-lock itself imports there.
        seeds: Distributions that the environment was made with, to install others with.
    """

    site: SiteReader
    runtime: Runtime
    kept: KeptWheels
    own_modules: tuple[str, ...] = ()
    seeds: frozenset[str] = frozenset()


class PolicedRecorder(Recorder, Protocol):
    """A recorder whose policy can be seen and changed."""

    policy: Policy


_recorder: PolicedRecorder | None = None
_installers: dict[tuple[str | None, bool], Installer] = {}


def in_pyodide() -> bool:
    """Whether this interpreter is Pyodide."""
    from micropip_lock.adapters import pyodide

    return pyodide.in_pyodide()


def get_ready() -> None:
    """In Pyodide, load what works on this kernel, and have the engine begin with what takes a moment.

    Whatever fails here is told by who needs it.
    """
    if in_pyodide():
        with suppress(Exception):
            from micropip_lock.adapters import engine

            engine.engine().getReady(_has_store())
            here()
            installer(None)


def _has_store() -> bool:
    return os.environ.get("MICROPIP_LOCK_STORE") != "off"


def here() -> Surroundings:
    """This interpreter.

    Raises:
        RuntimeMissingError: code ``no-pyodide``.
    """
    from micropip_lock.adapters import pyodide

    return Surroundings(
        runtime=pyodide.PyodideRuntime(), site=pyodide.site_packages(), kept=keep(), own_modules=pyodide.OWN_MODULES
    )


def keep() -> WheelKeep:
    """Where the bytes of wheels from local files are kept."""
    from micropip_lock.adapters.kept_wheels import KeptWheels

    if in_pyodide():
        from micropip_lock.adapters import pyodide
        from micropip_lock.adapters.virtual_files import SCHEME

        return KeptWheels(pyodide.cache_dir(), scheme=SCHEME)
    from micropip_lock.adapters.host import cache_dir

    return KeptWheels(cache_dir())


def store() -> Store | None:
    """Wheels that were fetched once, on this host or in this browser; ``None`` where the environment turns it off."""
    if in_pyodide():
        from micropip_lock.adapters import engine

        return engine.engine_store() if _has_store() else None
    from micropip_lock.adapters.wheel_store import WheelStore

    directory = store_directory()
    return None if directory is None else WheelStore(directory)


def store_directory() -> Path | None:
    """The directory of :func:`store`; the engine under Node keeps wheels there, too."""
    if in_pyodide():
        return None
    from micropip_lock.adapters.host import store_dir

    return store_dir()


def settle() -> None:
    """After a replay, once nothing else is to do: wheels are kept, and files compared that nobody has read yet."""
    if in_pyodide():
        from micropip_lock.adapters import engine

        engine.settle()


async def store_all() -> None:
    """Wait until all wheels are kept that are to be."""
    if in_pyodide():
        from micropip_lock.adapters import engine

        await engine.store_all()


def store_keeper() -> StoreKeeper:
    """Looks after the store of this host, also when replays do not use it.

    Raises:
        UsageError: code ``no-store``: in Pyodide, where the browser looks after it.
    """
    if in_pyodide():
        raise UsageError("the browser looks after the wheels that are kept here", code="no-store")
    from micropip_lock.adapters.host import store_dir
    from micropip_lock.adapters.wheel_store import WheelStore

    return WheelStore(store_dir({**os.environ, "MICROPIP_LOCK_STORE": ""}) or Path())


def address_of(path: Path) -> str:
    """A path of this place as a URL."""
    url = path.resolve().as_uri()
    if in_pyodide():
        from micropip_lock.adapters.virtual_files import SCHEME

        return SCHEME + url.removeprefix("file")
    return url


def folder(root: Path) -> Folder:
    """A directory to write into."""
    from micropip_lock.adapters import folder

    return folder.Folder(root)


def directory(root: Path, abi: Abi, *, prefix: Path | None = None) -> Surroundings:
    """A directory filled for some ABI."""
    from micropip_lock.adapters.site import SitePackages, TargetRuntime

    return Surroundings(site=SitePackages(root, prefix=prefix), runtime=TargetRuntime(abi), kept=keep())


def site_to_verify(root: Path, abi: Abi) -> Surroundings:
    """A directory to be compared with a lock for some ABI: site-packages, or a virtual environment.

    Raises:
        UsageError: code ``no-directory``.
    """
    from micropip_lock.adapters.site_reader import find_site

    try:
        found, prefix = find_site(root)
    except UsageError as error:
        if error.code != "no-site":
            raise
        # Nothing is installed there: all that is locked is missing.
        found, prefix = root, root
    return directory(found, abi, prefix=prefix)


def wheels_in(root: Path) -> Callable[[Wheel], bytes | None]:
    """Reads a wheel of a directory, by its file name or where ``save`` puts it; gives ``None`` when it is not there.

    Raises:
        UsageError: code ``no-directory``.
    """
    if not root.is_dir():
        raise UsageError("there is no such directory", code="no-directory", got=str(root))

    def read(wheel: Wheel) -> bytes | None:
        name, folder = Path(wheel.filename).name, wheel.digest.hex
        places = (root / name, root / folder / name, root / "wheels" / folder / name)
        return next((path.read_bytes() for path in places if path.is_file()), None)

    return read


def site_to_freeze(root: Path, pyodide: str | None) -> Surroundings:
    """A directory that somebody filled for Pyodide, to be frozen.

    Args:
        root: Site-packages, or a virtual environment.
        pyodide: A release, a directory that holds one, or ``None`` for what the compiled wheels in it were built for.

    Raises:
        UsageError: codes ``no-directory``, ``no-site``, ``pyodide-spec``, ``abi-ambiguous``.
    """
    from micropip_lock.adapters.runtimes import PYODIDE_VERSION, abi_of_pyodide
    from micropip_lock.adapters.site import SitePackages, TargetRuntime
    from micropip_lock.adapters.site_reader import find_site
    from micropip_lock.app.target import abi_of_site

    found, prefix = find_site(root)
    site = SitePackages(found, prefix=prefix)
    abi = abi_of_pyodide(pyodide) if pyodide is not None else abi_of_site(site) or abi_of_pyodide(PYODIDE_VERSION)
    # PEP 405: this file makes a directory a virtual environment; venv and virtualenv put pip into each.
    seeds = frozenset({"pip"}) if (prefix / "pyvenv.cfg").is_file() else frozenset[str]()
    return Surroundings(site=site, runtime=TargetRuntime(abi), kept=keep(), seeds=seeds)


def abi_to_lock_for(pyodide: str | None) -> Abi | None:
    """What a lock of another format is read for: as it was said, else this Pyodide; ``None`` where there is none.

    Raises:
        UsageError: code ``pyodide-spec``.
    """
    if pyodide is not None:
        from micropip_lock.adapters.runtimes import abi_of_pyodide

        return abi_of_pyodide(pyodide)
    return here().runtime.abi() if in_pyodide() else None


def embedded_abi(pyodide: str | None) -> Abi:
    """What :func:`embedded` runs.

    Raises:
        UsageError: code ``pyodide-spec``.
    """
    from micropip_lock.adapters.runtimes import PYODIDE_VERSION, abi_of_pyodide

    return abi_of_pyodide(pyodide or PYODIDE_VERSION)


def runtime_packages(pyodide: str | None = None) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """The packages of the locks of runtimes, raw, by key: of this Pyodide; on the host of those that are at hand.

    Args:
        pyodide: On the host, a release in the user's cache, or a directory that holds one; default: all of the cache.
    """
    if in_pyodide():
        yield here().runtime.lock().packages
        return
    from micropip_lock.adapters.runtimes import cached_packages

    yield from cached_packages(pyodide)


def lab_address() -> str:
    """JupyterLab of the site that this kernel belongs to; ``""`` where there is none."""
    if not in_pyodide():
        return ""
    from micropip_lock.adapters import pyodide
    from micropip_lock.core.link_address import lab_of

    return lab_of(pyodide.page_address())


def installer(target: Path | None, *, eager: bool = False) -> Installer:
    """What installs into this interpreter, or into a directory; one per place, so that replays cannot collide.

    Args:
        target: The directory, or ``None`` for this interpreter.
        eager: Write every file, where wheels could be mounted.
    """
    key = (None if target is None else str(target.resolve()), eager)
    if key not in _installers:
        if in_pyodide():
            from micropip_lock.adapters import pyodide

            _installers[key] = pyodide.installer(target, eager=eager)
        else:
            from micropip_lock.adapters.site import SiteInstaller

            _installers[key] = SiteInstaller(target or Path())
    return _installers[key]


def fetcher(policy: Policy = DEFAULT_POLICY) -> IndexFetcher:
    """The network of this place; on the host with the credentials of configured indexes, each for its origin only."""
    if in_pyodide():
        from micropip_lock.adapters.engine import EngineFetcher

        return EngineFetcher(policy)
    from micropip_lock.adapters.host_ranges import HostIndexFetcher
    from micropip_lock.adapters.indexes import configured_credentials

    return HostIndexFetcher(credentials=configured_credentials(), policy=policy)


@contextmanager
def indexes(
    index_urls: Sequence[str] = (), *, progress: Progress | None = None, policy: Policy = DEFAULT_POLICY
) -> Iterator[Indexes]:
    """Where to look for what has no record: as given, else as micropip (in Pyodide), or pip and uv, would ask.

    Args:
        index_urls: Given as an argument; credentials in them, and those of configured indexes, go to their origin only.
        policy: Where redirects may lead.
        progress: Told when micropip, whose own default is asked where nothing is configured, has to be brought.

    Raises:
        UsageError: codes ``bad-index-url``, ``bad-config``, ``no-index``, ``index-unreachable``; and, in Pyodide,
            ``credentials``.
        RuntimeMissingError: micropip could not be brought.
    """
    from micropip_lock.adapters.indexes import configured_credentials, read_index_settings
    from micropip_lock.app.freeze import Indexes

    if in_pyodide():
        from micropip_lock.adapters import micropip
        from micropip_lock.adapters.engine import EngineFetcher

        asked = tuple(index_urls) or micropip.index_urls()
        found = read_index_settings(asked).indexes if asked else ()
        for index in found:
            if index.credentials is not None:
                raise UsageError(
                    "the platform sends no credentials that stand in an address",
                    code="credentials",
                    got=index.url,
                    hint="name the index without them; micropip-lock freeze --site, on the host, can use them",
                )
        yield Indexes(urls=[index.url for index in found], fetcher=EngineFetcher(policy))
        return
    from micropip_lock.adapters.default_index import default_index_urls
    from micropip_lock.adapters.host_ranges import HostIndexFetcher
    from micropip_lock.adapters.runtimes import tool_wheel

    settings = read_index_settings(index_urls)
    urls = [index.url for index in settings.indexes]
    if settings.adds_default:
        urls += default_index_urls(tool_wheel("micropip", settings.indexes, progress or (lambda event: None)))
    given = {index.origin: index.credentials for index in settings.indexes if index.credentials is not None}
    with HostIndexFetcher(credentials={**configured_credentials(), **given}, policy=policy) as fetcher:
        yield Indexes(urls=urls, fetcher=fetcher)


def index_notes(index_urls: Sequence[str]) -> tuple[str, ...]:
    """What of the user's index configuration is left out, and why: one sentence each."""
    from micropip_lock.adapters.indexes import read_index_settings

    return read_index_settings(index_urls).notes


def policy_in_force(given: Policy | None = None) -> Policy:
    """What was given; else what recording was turned on with, while it is on; else the default."""
    if given is not None:
        return given
    return DEFAULT_POLICY if _recorder is None or not _recorder.running else _recorder.policy


def recording(on_install: Callable[[str, int], None] | None = None, *, policy: Policy | None = None) -> Recording:
    """Turn recording on in this interpreter, or change its policy.

    Raises:
        RuntimeMissingError: codes ``no-pyodide``, ``no-micropip``, ``micropip-unknown``.
    """
    from micropip_lock.adapters import pyodide
    from micropip_lock.adapters.micropip import MicropipRecorder
    from micropip_lock.app.freeze import freeze

    global _recorder  # recording is a state of the interpreter, like micropip itself
    if _recorder is None or not _recorder.running:
        pyodide.recover_site()
        place = here()
        _recorder = MicropipRecorder(
            lambda: freeze(place.site, place.runtime, kept=place.kept, policy=policy_in_force()).to_json(),
            on_install,
            page_address=pyodide.page_address(),
            runtime_base=place.runtime.lock().base,
            keep=keep().put,
        )
    if policy is not None:
        _recorder.policy = policy
    return Recording(_recorder)


async def install_from_index(
    requirements: Sequence[str],
    index_urls: Sequence[str],
    constraints: Sequence[str],
    *,
    with_default: bool,
    pre: bool,
) -> None:
    """Install through micropip, from an index first."""
    from micropip_lock.adapters import micropip

    await micropip.install_from_index(requirements, index_urls, constraints, with_default=with_default, pre=pre)


async def move(
    names: Sequence[str], requirements: Sequence[str], index_urls: Sequence[str], *, with_default: bool, pre: bool
) -> None:
    """Install packages anew through micropip, within what the rest of this environment requires."""
    from micropip_lock.adapters import micropip
    from micropip_lock.app.upgrade import limits_here

    place = here()
    constraints = limits_here(place.site, place.runtime, names)
    await micropip.install_from_index(
        requirements, index_urls, constraints, with_default=with_default, pre=pre, moving=names
    )


def asked_index_urls(index_urls: Sequence[str], *, with_default: bool) -> tuple[str, ...]:
    """The indexes that :func:`install_from_index` asks."""
    from micropip_lock.adapters import micropip

    return (*index_urls, *(micropip.index_urls() if with_default else ()))


async def run_code(code: str) -> str | None:
    """Run a person's code in this Pyodide; its traceback when it fails."""
    from micropip_lock.adapters import pyodide

    return await pyodide.run_code(code)


async def run_cells(cells: Sequence[tuple[int, str]], index_urls: Sequence[str]) -> None:
    """Run the cells of a notebook in this Pyodide, as JupyterLite does: what they import is loaded first.

    Args:
        cells: Each with its number.
        index_urls: What their installs ask.

    Raises:
        OutcomeError: code ``cell-failed``.
    """
    from micropip_lock.adapters import micropip, pyodide

    micropip.prepare_for_cells(index_urls)
    await pyodide.run_cells(cells)


def gather_bytecode() -> None:
    """From now on gather what is compiled here, for :func:`import_and_watch`."""
    from micropip_lock.adapters import engine

    engine.gather_bytecode()


async def import_and_watch(names: Sequence[str]) -> dict[str, Any]:
    """Import modules here, and tell what :class:`~micropip_lock.ports.FilesRead` has, as a JSON value."""
    from micropip_lock.adapters import engine, pyodide

    pyodide.release_own_modules()
    failed = pyodide.import_all(names)
    return {
        "read": engine.files_read(),
        "failed": failed,
        "compiled": await engine.compiled_modules(),
        "stdlib": pyodide.stdlib_modules(),
    }


def tree_here() -> dict[str, str]:
    """SHA-256 of every file in this interpreter's site-packages."""
    from micropip_lock.adapters import pyodide
    from micropip_lock.adapters.site import tree

    return tree(pyodide.site_packages().root)


def tree_of(root: Path) -> dict[str, str]:
    """SHA-256 of every file in a directory."""
    from micropip_lock.adapters.site import tree

    return tree(root)


def embedded(
    pyodide: str | None = None,
    *,
    index_urls: Sequence[str] = (),
    installs: bool = True,
    progress: Progress | None = None,
    output: Callable[[str, str], None] | None = None,
    store: Path | None = None,
) -> EmbeddedPyodide:
    """A Pyodide under Node, to be entered with ``async with``.

    Args:
        pyodide: A version, a directory, or ``None`` for the pinned one.
        index_urls: Where wheels come from; empty means the user's pip and uv configuration.
        installs: Whether an index will be asked; a replay asks none, and a setting that forbids indexes is no matter.
        progress: Told what happens.
        output: Told (stream, text) for what the code in it prints.
        store: Where its engine may keep wheels: what :func:`store_directory` gives.
    """
    from micropip_lock.adapters.indexes import configured_credentials, read_index_settings
    from micropip_lock.adapters.node import EmbeddedPyodide

    settings = read_index_settings(index_urls) if installs else None
    return EmbeddedPyodide(
        pyodide,
        indexes=settings,
        credentials=configured_credentials(),
        progress=progress,
        output=output,
        store=store,
    )


def file_watch(pyodide: str | None, *, policy: Policy = DEFAULT_POLICY, progress: Progress | None = None) -> FileWatch:
    """What sees which files imports read: a Pyodide under Node, made for each environment."""
    from micropip_lock.adapters.node import EmbeddedWatch

    return EmbeddedWatch(lambda: embedded(pyodide, installs=False, progress=progress), policy)


def pyodide_runtime(pyodide: str | None, abi: Abi | None = None, *, progress: Progress | None = None) -> Path:
    """The directory of a Pyodide, fetched into the user's cache when it is not there yet.

    Args:
        pyodide: A version, a directory, or ``None`` for the pinned one that has this ABI.
        abi: What it is for; any when not given.
        progress: Told when a download begins.

    Raises:
        UsageError: code ``pyodide-spec``; ``abi-unknown`` when no pinned release has the ABI.
        RuntimeMissingError: codes ``no-node``, ``no-npm``, ``pyodide-fetch``, ``fetch-timeout``.
    """
    from micropip_lock.adapters.runtimes import pyodide_directory, release_for

    return pyodide_directory(pyodide or release_for(abi), progress or (lambda event: None))


def tool_wheels(*, progress: Progress | None = None) -> dict[str, bytes]:
    """The pinned wheels that we run with inside Pyodide, micropip and packaging, by file name.

    Raises:
        UsageError: what reading the configuration of indexes raises.
        RuntimeMissingError: codes ``no-pip``, ``tools-fetch``, ``fetch-timeout``.
    """
    from micropip_lock.adapters.indexes import read_index_settings
    from micropip_lock.adapters.runtimes import TOOLS, tool_wheels

    paths = tool_wheels(read_index_settings(()).indexes, progress or (lambda event: None))
    names = [f"{requirement.replace('==', '-')}-py3-none-any.whl" for requirement in TOOLS]
    return {name: path.read_bytes() for name, path in zip(names, paths, strict=True)}


async def compiled_wheels(directory: Path, wheels: Sequence[bytes]) -> list[bytes]:
    """Wheels with bytecode, compiled by the Pyodide in a directory.

    Raises:
        RuntimeMissingError, RuntimeFailedError: see :mod:`micropip_lock.adapters.compiled_wheels`.
    """
    from micropip_lock.adapters.compiled_wheels import compile_wheels

    return await compile_wheels(directory, wheels)


async def compiled_stdlib(
    pyodide: str | None, *, imports: Sequence[str], everything: bool, sources: bool, progress: Progress | None = None
) -> tuple[bytes, int]:
    """The standard library of a Pyodide with bytecode, and the bytes that it has without.

    Raises:
        UsageError: codes ``pyodide-spec``, ``pyodide-too-old``, ``no-module``.
        RuntimeMissingError, RuntimeFailedError: see :mod:`micropip_lock.adapters.stdlib`.
    """
    from micropip_lock.adapters.runtimes import pyodide_directory
    from micropip_lock.adapters.stdlib import STDLIB, compile_stdlib

    directory = await asyncio.to_thread(pyodide_directory, pyodide, progress or (lambda event: None))
    data = await compile_stdlib(directory, imports=imports, everything=everything, sources=sources)
    return data, (directory / STDLIB).stat().st_size
