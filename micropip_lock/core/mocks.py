"""Mock packages of micropip (``micropip.add_mock_package``): as they are installed, to values and back.

What micropip keeps: a ``METADATA`` with one ``Provides`` for each module, an ``INSTALLER`` with one of two texts, and
the modules: in memory as text or as functions, or, when ``persistent``, each as ``__init__.py`` of a directory.

Rules this file keeps:

1. A mock is locked by the text of its modules; one that is made by a function cannot be.
2. Sources are kept as micropip runs them: without common indentation (``textwrap.dedent``).
3. Module names are letters, digits, ``_`` and ``-`` with dots between (micropip's default is the distribution's own
   name): nothing that a lock names can become a path outside site-packages.

Left to others: micropip itself (:mod:`micropip_lock.adapters.micropip`), files (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Final, Protocol

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.headers import read_headers
from micropip_lock.core.model import Lock, Mock
from micropip_lock.core.read import is_name, is_version
from micropip_lock.core.shown import hidden_character
from micropip_lock.errors import ConflictError, RecordError

IN_MEMORY_INSTALLER: Final = "micropip in-memory mock package"
PERSISTENT_INSTALLER: Final = "micropip mock package"

_MODULE: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*")


class MockFiles(Protocol):
    """What this file reads of an installed mock; ``ports.InstalledDist`` has more."""

    @property
    def directory(self) -> str:
        """Name of its dist-info directory."""
        ...

    def read_text(self, filename: str) -> str | None:
        """A file of the dist-info directory, or ``None``."""
        ...

    def mock_modules(self) -> Mapping[str, str | None] | None:
        """Source text by module, ``None`` for a module without one; ``None`` for what is no mock."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PresentMock:
    """One mock that is in place.

    Attributes:
        name: Normalised.
        version: As METADATA says it, whatever it is.
        directory: Its dist-info directory; for one in memory, the name such a directory would have.
        persistent: Kept in files.
        mock: What it is, or ``None`` when that cannot be locked.
        modules: Names of its modules.
    """

    name: NormalizedName
    version: str
    directory: str
    persistent: bool
    mock: Mock | None
    modules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MockInstall:
    """One mock to put in place.

    Attributes:
        mock: What the lock says.
        replaces: The mocks of that name that go away.
    """

    mock: Mock
    replaces: tuple[PresentMock, ...] = ()


def is_module_name(text: str) -> bool:
    """Whether a module can have this name, and its file a place in site-packages."""
    return bool(_MODULE.fullmatch(text))


def persistent_modules(
    read_text: Callable[[str], str | None], read_file: Callable[[str], bytes | None]
) -> dict[str, str | None] | None:
    """The modules of a mock that is kept in files, or ``None`` for what is no such mock.

    Args:
        read_text: Reads a file of its dist-info directory.
        read_file: Reads a file by its path relative to site-packages.
    """
    if (read_text("INSTALLER") or "").strip() != PERSISTENT_INSTALLER:
        return None
    modules: dict[str, str | None] = {}
    for name in _provided(read_text("METADATA")):
        data = read_file(_path_of(name)) if is_module_name(name) else None
        try:
            modules[name] = None if data is None else data.decode("utf-8")
        except UnicodeDecodeError:
            modules[name] = None
    return modules


def read_mock(dist: MockFiles) -> Mock:
    """An installed mock as a lock has it.

    Raises:
        RecordError: codes ``mock-callable``, ``mock-module-name``, ``mock-source``, ``identity``.
    """
    display_name, version = _identity(dist)
    persistent = (dist.read_text("INSTALLER") or "").strip() == PERSISTENT_INSTALLER
    if not is_name(display_name) or not is_version(version):
        raise RecordError(
            "the mock package has no proper name and version",
            code="identity",
            expected="a name and a PEP 440 version",
            got=f"{display_name} {version}",
            hint="remove it and add it again with such a name and version",
        )
    modules = dist.mock_modules() or {}
    return Mock(
        name=canonicalize_name(display_name),
        display_name=display_name,
        version=version,
        persistent=persistent,
        modules={name: _source(name, modules[name], persistent) for name in sorted(modules)},
    )


def present_mock(dist: MockFiles) -> PresentMock | None:
    """A mock that is in place, lockable or not; ``None`` for what is no mock."""
    modules = dist.mock_modules()
    if modules is None:
        return None
    try:
        mock = read_mock(dist)
    except RecordError:
        mock = None
    name, version = _identity(dist)
    return PresentMock(
        name=canonicalize_name(name or dist.directory.removesuffix(".dist-info").rpartition("-")[0] or dist.directory),
        version=version,
        directory=dist.directory,
        persistent=(dist.read_text("INSTALLER") or "").strip() == PERSISTENT_INSTALLER,
        mock=mock,
        modules=tuple(modules),
    )


def plan_mocks(
    lock: Lock, present: Iterable[PresentMock], installed: Iterable[str], *, exact: bool = False
) -> tuple[tuple[MockInstall, ...], tuple[PresentMock, ...]]:
    """What to do about mocks: those to put in place, and those that go away.

    Args:
        lock: What the environment is to become.
        present: The mocks in place.
        installed: Normalised names of the real distributions that stay in place.
        exact: Mocks that the lock does not name go away; nothing is in their way then.

    Raises:
        ConflictError: codes ``mock-in-place`` and ``real-in-place``: one name would be a mock and a package at once.
    """
    there: dict[str, list[PresentMock]] = {}
    for one in present:
        there.setdefault(one.name, []).append(one)
    removed = tuple(one for name in sorted(there) if exact and name not in lock.mocks for one in there[name])
    for name in sorted(lock.packages.keys() & there.keys() if not exact else ()):
        raise ConflictError(
            f"a mock package stands in for {name}, which the lock installs",
            code="mock-in-place",
            package=name,
            hint=f"call micropip.remove_mock_package({name!r}) first",
        )
    for name in sorted(lock.mocks.keys() & set(installed)):
        raise ConflictError(
            f"{name} is installed, and the lock has a mock package of that name",
            code="real-in-place",
            package=name,
            hint=f"call micropip.uninstall({name!r}) first, or replay in a fresh kernel",
        )
    changes = []
    for name, mock in sorted(lock.mocks.items()):
        old = tuple(there.get(name, ()))
        if [mock] != [one.mock for one in old]:
            changes.append(MockInstall(mock=mock, replaces=old))
    return tuple(changes), removed


def mock_files(mock: Mock, *, root: str = "") -> dict[str, str]:
    """The files of a mock that is kept in files, as ``micropip.add_mock_package(…, persistent=True)`` writes them.

    Args:
        mock: What to write.
        root: What RECORD puts before each path: micropip writes absolute paths; ``""`` leaves them relative.

    Returns:
        Path relative to site-packages, to text.
    """
    info = f"{mock.display_name}-{mock.version}.dist-info"
    metadata = (
        "Metadata-Version: 1.1\n"
        f"Name: {mock.display_name}\n"
        f"Version: {mock.version}\n"
        f"Summary: {mock.display_name} mock package generated by micropip\n"
        f"Author-email: {mock.display_name}@micro.pip.non-working-fake-host\n"
        + "".join(f"Provides: {name}\n" for name in mock.modules)
    )
    files = {f"{info}/METADATA": metadata, f"{info}/INSTALLER": PERSISTENT_INSTALLER}
    files |= {_path_of(name): source for name, source in mock.modules.items()}
    rows = [f"{root}{path},,{len(text.encode('utf-8'))}\n" for path, text in files.items()]
    return files | {f"{info}/RECORD": "".join([*rows, f"{root}{info}/RECORD,,\n"])}


def module_paths(modules: Sequence[str]) -> tuple[str, ...]:
    """The file of each module of a mock that is kept in files, relative to site-packages."""
    return tuple(_path_of(name) for name in modules if is_module_name(name))


def _path_of(module: str) -> str:
    return module.replace(".", "/") + "/__init__.py"


def _provided(metadata: str | None) -> list[str]:
    return [name.strip() for name in read_headers(metadata or "").get_all("Provides")]


def _source(module: str, source: str | None, persistent: bool) -> str:
    if not is_module_name(module):
        raise RecordError(
            "a module of the mock package has no proper name",
            code="mock-module-name",
            where=module,
            expected="letters, digits, '_' and '-', with dots between",
            got=repr(module),
            hint="remove the mock package and add it again with such names",
        )
    if source is None and persistent:
        raise RecordError(
            "a module of the mock package cannot be read",
            code="mock-source",
            where=_path_of(module),
            got="no file, or no UTF-8",
            hint="remove the mock package and add it again",
        )
    if source is None:
        raise RecordError(
            "a module of the mock package is made by a function, which has no text to lock",
            code="mock-callable",
            where=module,
            hint="give micropip.add_mock_package the source text of the module instead of a function",
        )
    if (character := hidden_character(source, program=True)) is not None:
        raise RecordError(
            "the source of a mock module has a control or invisible character",
            code="mock-source",
            where=module,
            got=f"U+{ord(character):04X}",
            hint="spell it as an escape sequence",
        )
    return dedent(source)


def _identity(dist: MockFiles) -> tuple[str, str]:
    fields = read_headers(dist.read_text("METADATA") or "")
    return fields.get("Name").strip(), fields.get("Version").strip()
