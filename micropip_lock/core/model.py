"""The values that the whole program passes around: a lock, its packages, their wheels and origins.

Rules this file keeps:

1. Every value is frozen; change by :func:`dataclasses.replace`.
2. Names are normalised (PEP 503) and digests are :class:`~micropip_lock.core.digest.Digest` from here on.
3. Fields of a lock that we do not know are kept in ``unknown`` and written back.
4. ``Lock.id`` depends on the content only, never on key order, white space or the time of the run.

Left to others: text (:mod:`micropip_lock.core.formats`), dist-info files (:mod:`micropip_lock.core.dist_info`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.address import is_plain
from micropip_lock.core.digest import Digest
from micropip_lock.errors import Unlockable

if TYPE_CHECKING:
    from micropip_lock.core.verdict import Finding

OriginKind = Literal["index", "url", "runtime", "local"]
InstallDir = Literal["site", "dynlib"]
PackageType = Literal["package", "shared_library", "cpython_module", "static_library"]

TOOL_NAME = "micropip-lock"
"""Our table under ``tool``, at the top of a lock and in each package."""

LOCK_FORMAT = 1
"""Version of what we write under ``tool["micropip-lock"]``; a higher one is refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Abi:
    """What a lock or a runtime is built for: the ``info`` table of ``pyodide-lock.json``.

    Only ``abi_version`` and ``arch`` decide compatibility; ``python`` and ``platform`` are informational.

    Attributes:
        abi_version: Pyodide ABI, e.g. ``2026_0`` (PEP 783).
        arch: ``wasm32``.
        platform: e.g. ``emscripten_5_0_3`` or ``pyemscripten_2026_0``.
        python: e.g. ``3.14.2``.
        unknown: Other fields of ``info``.
    """

    abi_version: str
    arch: str = "wasm32"
    platform: str = ""
    python: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"ABI {self.abi_version} ({self.arch}, Python {self.python or '?'})"

    def to_info(self) -> dict[str, Any]:
        """The ``info`` table of ``pyodide-lock.json``."""
        info = dict(self.unknown)
        info["abi_version"] = self.abi_version
        info["arch"] = self.arch
        info["platform"] = self.platform
        info["python"] = self.python
        return info


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where an installed distribution came from.

    Attributes:
        kind: ``index`` (found by name in a package index), ``url`` (a direct URL), ``runtime`` (Pyodide's own lock),
            ``local`` (a file that only the machine or session had, see :mod:`micropip_lock.core.local_wheel`).
        url: Address of the wheel, without credentials, query or fragment; for ``local`` its file name.
        index: Base URL of the index that served it, when ``kind`` is ``index`` and the index is known.
    """

    kind: OriginKind
    url: str
    index: str | None = None

    @property
    def source(self) -> str:
        """One word or address for tables: the index, the URL, ``pyodide`` or ``local``."""
        if self.kind in ("runtime", "local"):
            return "pyodide" if self.kind == "runtime" else "local"
        return self.index or self.url


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One file of a package.

    Attributes:
        url: Absolute URL, or a path relative to the lock.
        digest: SHA-256 of the file; every byte is checked against it.
        size: Bytes, when known (PEP 700).
        upload_time: ISO 8601 UTC, when the index said it (PEP 700). It tells about the publication, not about the file:
            no part of equality, nor of ``Lock.id`` (ADR 24).
        yanked: Its index had withdrawn it when it was installed (PEP 592); text says why. A replay takes it all the
            same: a lock asks for just this file.
    """

    url: str
    digest: Digest
    size: int | None = None
    upload_time: str | None = field(default=None, compare=False)
    yanked: bool | str = False

    @property
    def filename(self) -> str:
        """Last segment of the URL's path, percent-decoded."""
        return file_of(self.url)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPackage:
    """One package of a lock.

    Attributes:
        name: Normalised name, the key in the lock.
        display_name: Name as its METADATA spells it.
        version: PEP 440 version.
        wheel: The file to install.
        imports: Import names, dotted for namespace packages.
        depends: Normalised names of the packages it needs here; no self-reference.
        install_dir: ``site`` or ``dynlib``.
        package_type: As in ``pyodide-lock.json``.
        unvendored_tests: As in ``pyodide-lock.json``.
        origin: Where it came from, when the lock says it.
        requested: Whether a person asked for it, in contrast to being a dependency.
        requirement: The requirement as it was asked for, e.g. ``rich>=13``.
        extras: Extras that were asked for.
        missing: Names its METADATA requires here that are not installed (``deps=False``); they are not in ``depends``.
        mocked: Names it requires here that a mock package of the lock stands in for; they are not in ``depends``.
        unknown: Other fields of the entry.
        tool_unknown: Other tables under ``tool``, and other keys of ours.
    """

    name: NormalizedName
    display_name: str
    version: str
    wheel: Wheel
    imports: tuple[str, ...] = ()
    depends: tuple[NormalizedName, ...] = ()
    install_dir: InstallDir = "site"
    package_type: PackageType = "package"
    unvendored_tests: bool = False
    origin: Origin | None = None
    requested: bool = False
    requirement: str | None = None
    extras: tuple[str, ...] = ()
    missing: tuple[NormalizedName, ...] = ()
    mocked: tuple[NormalizedName, ...] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict)
    tool_unknown: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mock:
    """A mock package of micropip: a name that counts as installed, with modules made of text instead of a wheel.

    Attributes:
        name: Normalised name, the key in the lock.
        display_name: Name as it was given to ``micropip.add_mock_package``.
        version: PEP 440 version.
        persistent: Kept in files of site-packages; otherwise in the memory of one session.
        modules: Source text by dotted module name.
    """

    name: NormalizedName
    display_name: str
    version: str
    persistent: bool = False
    modules: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What tables show where a package has its index or URL."""
        return "mock, in files" if self.persistent else "mock, in memory"

    def __str__(self) -> str:
        return f"{self.name} {self.version} (mock)"


@dataclass(frozen=True, kw_only=True, slots=True)
class StartPack:
    """Where the parts of the wheels lie that are needed first (:mod:`micropip_lock.core.start_pack`).

    Attributes:
        url: Absolute URL, or a path relative to the lock.
        digest: SHA-256 of the file.
        size: Bytes.
    """

    url: str
    digest: Digest
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """An exact environment for one Pyodide ABI.

    Attributes:
        abi: What it was frozen for.
        packages: By normalised name, sorted.
        mocks: Mock packages by normalised name, sorted; no name is also in ``packages``.
        site: Versions, by normalised name and sorted, of what the place it was frozen in brings along itself:
            JupyterLite's kernel shims. They are no packages of the lock, and nothing depends on them.
        unlocked: What ``freeze(strict=False)`` could not lock.
        start: What a boot path may fetch before the wheels; it says nothing about the environment.
        notes: What the freeze found worth knowing and could be locked all the same, or what is odd in a text that was
            read; not part of the text, nor of ``id`` or equality.
        base: Where relative file names are resolved against (a URL ending in ``/``); not part of the text, nor of
            ``id`` or equality.
        unknown: Other top-level fields.
        tool_unknown: Other tables under ``tool``, and other keys of ours.
    """

    abi: Abi
    packages: Mapping[str, LockedPackage]
    mocks: Mapping[str, Mock] = field(default_factory=dict)
    site: Mapping[str, str] = field(default_factory=dict)
    unlocked: tuple[Unlockable, ...] = ()
    start: StartPack | None = None
    notes: tuple[Finding, ...] = field(default=(), compare=False)
    base: str | None = field(default=None, compare=False)
    unknown: Mapping[str, Any] = field(default_factory=dict)
    tool_unknown: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str | bytes, *, base: str | None = None) -> Lock:
        """Parse ``pyodide-lock.json`` text.

        Raises:
            LockParseError, LockSchemaError, LockVersionError, LockGraphError, LockPolicyError: see each code.
        """
        from micropip_lock.core.formats.pyodide_lock import parse_pyodide_lock

        return parse_pyodide_lock(text, base=base)

    def to_json(self) -> str:
        """``pyodide-lock.json`` text: sorted keys, two spaces, a newline at the end; the same for the same content."""
        from micropip_lock.core.formats.pyodide_lock import format_pyodide_lock

        return format_pyodide_lock(self)

    def to_dict(self) -> dict[str, Any]:
        """The JSON value of :meth:`to_json`."""
        from micropip_lock.core.formats.pyodide_lock import lock_to_dict

        return lock_to_dict(self)

    @property
    def id(self) -> str:
        """SHA-256 (64 hexadecimal characters) of the canonical JSON without upload times: the lock's identity."""
        return hashlib.sha256(canonical_json(self.without_upload_times().to_dict())).hexdigest()

    def without_upload_times(self) -> Lock:
        """The same lock without what says when its files were published."""
        if all(package.wheel.upload_time is None for package in self):
            return self
        packages = {
            name: replace(package, wheel=replace(package.wheel, upload_time=None))
            for name, package in self.packages.items()
        }
        return replace(self, packages=packages)

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the packages that were asked for."""
        return tuple(name for name, package in self.packages.items() if package.requested)

    @property
    def local_wheels(self) -> tuple[LockedPackage, ...]:
        """Packages whose wheels the lock names relative to itself: their files have to lie beside it."""
        return tuple(package for package in self if not urlsplit(package.wheel.url).scheme)

    @property
    def size(self) -> int | None:
        """Bytes of all wheels together, or ``None`` when one size is not known."""
        sizes = [package.wheel.size for package in self.packages.values()]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def __iter__(self) -> Iterator[LockedPackage]:
        return iter(self.packages.values())

    def __len__(self) -> int:
        return len(self.packages)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and canonicalize_name(name) in self.packages

    def __repr__(self) -> str:
        told = [str(one) for one in (*self, *self.mocks.values())]
        names = ", ".join(told[:4])
        more = f", … {len(told) - 4} more" if len(told) > 4 else ""
        more += f"; {len(self.notes)} note{'s' * (len(self.notes) > 1)}" if self.notes else ""
        return f"<Lock {self.id[:12]} {self.abi.abi_version}: {names}{more}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(package.name)}</td>"
            f"<td>{escape(package.version)}{' (yanked)' if package.wheel.yanked else ''}</td>"
            # An address has no place of its own to break at.
            f"<td style='overflow-wrap:anywhere'>{escape(package.origin.source if package.origin else '')}</td>"
            f"<td style='text-align:right'>{package.wheel.size or ''}</td>"
            f"<td><code>{package.wheel.digest.hex[:12]}</code></td></tr>"
            for package in self
        ) + "".join(
            f"<tr><td>{escape(mock.name)}</td><td>{escape(mock.version)}</td><td>{escape(mock.source)}</td>"
            "<td></td><td></td></tr>"
            for mock in self.mocks.values()
        )
        return (
            f"<table><caption>Lock <code>{self.id[:12]}</code>, {escape(str(self.abi))}</caption><thead><tr>"
            "<th>package</th><th>version</th><th>source</th><th>bytes</th><th>sha256</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
            + (f"<ul>{''.join(f'<li>{escape(str(note))}</li>' for note in self.notes)}</ul>" if self.notes else "")
        )


def file_of(url: str) -> str:
    """The file that an address names: the last segment of its path, percent-decoded."""
    return unquote((url if is_plain(url) else urlsplit(url).path).rsplit("/", 1)[-1])


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys (by code point) and no white space: what :attr:`Lock.id` hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def mocks_by_name(mocks: Iterable[Mock]) -> dict[str, Mock]:
    """Mock packages as a lock keeps them: keyed and sorted by normalised name."""
    return {mock.name: mock for mock in sorted(mocks, key=lambda mock: mock.name)}


def by_name(packages: Iterable[LockedPackage]) -> dict[str, LockedPackage]:
    """Packages as a lock keeps them: keyed and sorted by normalised name."""
    return {package.name: package for package in sorted(packages, key=lambda package: package.name)}
