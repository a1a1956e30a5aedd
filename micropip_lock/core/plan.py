"""The pure replay machine: a lock and what is installed in, what to fetch, skip and replace out.

Rules this file keeps:

1. Compatibility is ``abi_version``, ``arch`` and wheel tags, never ``info.python``; all of it is checked before any
   request.
2. What is installed with the same SHA-256 is skipped; nothing is asked of the network for it.
3. Downloads start largest first; installs go dependencies first, cycles in name order.
4. The whole lock is judged by the policy (:mod:`micropip_lock.core.judgement`), whatever is installed already.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from micropip_lock.core.digest import Digest
from micropip_lock.core.judgement import judge
from micropip_lock.core.model import Abi, Lock, LockedPackage
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.wheel import parse_identity
from micropip_lock.errors import EnvironmentMismatchError, LockPolicyError, LockSchemaError

PYTHON_OF_ABI: Final[Mapping[str, tuple[int, int]]] = {
    "2024_0": (3, 12),
    "2025_0": (3, 13),
    "2026_0": (3, 14),
    "2026_5": (3, 15),
}
"""PEP 783: one CPython minor version for each ABI."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """One distribution that is in place.

    Attributes:
        name: Normalised.
        version: As installed.
        digest: SHA-256 of the wheel it came from, when a trustworthy record says it.
        directory: Its dist-info directory.
    """

    name: NormalizedName
    version: str
    digest: Digest | None
    directory: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """One wheel to fetch.

    Attributes:
        package: What the lock says.
        url: Absolute address.
        replaces: Installed distributions of that name that go away.
    """

    package: LockedPackage
    url: str
    replaces: tuple[Installed, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a replay will do.

    Attributes:
        downloads: Largest first (unknown sizes first of all).
        order: Names to install, dependencies first.
        skipped: Installed already with the same digest.
    """

    downloads: tuple[Download, ...]
    order: tuple[str, ...]
    skipped: tuple[LockedPackage, ...]

    @property
    def total_bytes(self) -> int | None:
        """Bytes to fetch, or ``None`` when the size of one wheel is not known."""
        sizes = [download.package.wheel.size for download in self.downloads]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def make_plan(
    lock: Lock,
    installed: Iterable[Installed],
    *,
    abi: Abi,
    tags: Sequence[str],
    force: bool = False,
    damaged: Container[str] = frozenset(),
    policy: Policy = DEFAULT_POLICY,
) -> Plan:
    """Decide what a replay does, without asking anyone.

    Args:
        lock: What the environment is to become.
        installed: What is in place.
        abi: The runtime's ABI.
        tags: Wheel tags the runtime accepts.
        force: Install also what is there already.
        damaged: Names whose installed files are not those of their RECORD: they are installed again.
        policy: What is allowed.

    Raises:
        EnvironmentMismatchError: codes ``abi-mismatch``, ``tag-mismatch``.
        LockPolicyError: codes ``not-wheel``, ``relative-url``; and those of the policy: ``scheme``, ``insecure``,
            ``host-not-allowed``, ``local-path``, ``index-pin``, ``too-large``, and for want of consent
            ``too-many-hosts``, ``large-download``.
        LockSchemaError: code ``filename``.
        WheelMetadataError: code ``wheel-filename``.
    """
    check_abi(lock.abi, abi)
    accepted = frozenset(tags)
    present: dict[str, list[Installed]] = {}
    for one in installed:
        present.setdefault(one.name, []).append(one)
    downloads, skipped = [], []
    for package in lock:
        check_tags(package, accepted, abi)
        there = present.get(package.name, [])
        same = [one for one in there if one.digest == package.wheel.digest]
        if len(there) == 1 and same and not force and package.name not in damaged:
            skipped.append(package)
        else:
            downloads.append(Download(package=package, url=absolute_url(package, lock.base), replaces=tuple(there)))
    judge(policy, lock, [download.package for download in downloads]).check()
    downloads.sort(key=_largest_first)
    wanted = {download.package.name for download in downloads}
    order = tuple(name for name in install_order(lock.packages) if name in wanted)
    return Plan(downloads=tuple(downloads), order=order, skipped=tuple(skipped))


def _largest_first(download: Download) -> tuple[bool, int, str]:
    size = download.package.wheel.size
    return (size is not None, -(size or 0), download.package.name)


def check_abi(locked: Abi, runtime: Abi) -> None:
    """Refuse a lock for another ABI.

    Raises:
        EnvironmentMismatchError: code ``abi-mismatch``.
    """
    if (locked.abi_version, locked.arch) != (runtime.abi_version, runtime.arch):
        raise EnvironmentMismatchError(
            "the lock was frozen for another Pyodide",
            code="abi-mismatch",
            where="info.abi_version",
            expected=f"{runtime.abi_version} ({runtime.arch}), this runtime",
            got=f"{locked.abi_version} ({locked.arch}), the lock",
            hint=f"replay it in a Pyodide of ABI {locked.abi_version}, or freeze again here",
        )


def check_tags(package: LockedPackage, accepted: frozenset[str], abi: Abi) -> None:
    """Refuse a file that this runtime cannot install.

    Raises:
        EnvironmentMismatchError: code ``tag-mismatch``.
        LockPolicyError: code ``not-wheel``.
        LockSchemaError: code ``filename``, when the file is of another package or version.
        WheelMetadataError: code ``wheel-filename``.
    """
    if package.package_type != "package" or not package.wheel.filename.endswith(".whl"):
        raise LockPolicyError(
            f"{package} is not a wheel",
            code="not-wheel",
            where=f"packages.{package.name}.file_name",
            package=package.name,
            expected="a .whl of package_type package",
            got=f"{package.wheel.filename} of package_type {package.package_type}",
            hint="load it with pyodide.loadPackage before replaying, and leave it out of the lock",
        )
    identity = parse_identity(package.wheel.filename)
    if identity.name != package.name or not _same_version(identity.version, package.version):
        raise LockSchemaError(
            f"the file of {package} is of another package or version",
            code="filename",
            where=f"packages.{package.name}.file_name",
            package=package.name,
            expected=f"{package.name} {package.version}",
            got=package.wheel.filename,
        )
    tags = identity.tags
    if not tags & accepted:
        raise EnvironmentMismatchError(
            f"the wheel of {package} is not for this runtime",
            code="tag-mismatch",
            where=f"packages.{package.name}.file_name",
            package=package.name,
            expected=f"a pure wheel or one for {abi}",
            got=", ".join(sorted(tags)),
            hint="freeze again in this runtime",
        )


def absolute_url(package: LockedPackage, base: str | None) -> str:
    """The address of a package's wheel.

    Raises:
        LockPolicyError: code ``relative-url`` when the lock's own address is not known.
    """
    url = package.wheel.url
    base = base or ""
    if urlsplit(url).scheme:
        return url
    if urlsplit(base).scheme == "emfs":
        # Emscripten's file system; the standard library joins relative names to schemes that it knows only.
        return "emfs" + urljoin("file" + base.removeprefix("emfs"), url).removeprefix("file")
    # A base that relative names cannot be joined to leaves them relative.
    joined = urljoin(base, url)
    if not urlsplit(joined).scheme:
        raise LockPolicyError(
            f"the lock names a relative file for {package}",
            code="relative-url",
            where=f"packages.{package.name}.file_name",
            package=package.name,
            got=url,
            hint="its wheel was a local file and is not here: open the lock by the path or URL it was saved at "
            "(micropip_lock.save), with the wheel beside it",
        )
    return joined


def _same_version(one: Version, other: str) -> bool:
    try:
        return one == Version(other)
    except InvalidVersion:
        return False


def install_order(packages: Mapping[str, LockedPackage]) -> tuple[str, ...]:
    """Names with dependencies first; a cycle is entered at its first name. Never recursive."""
    done: dict[str, bool] = {}
    order: list[str] = []
    for root in sorted(packages):
        stack = [root]
        while stack:
            name = stack[-1]
            if name not in done:
                done[name] = False
                # Sorted, so that a lock written in another order installs in the same one.
                needed = sorted(packages[name].depends, reverse=True)
                stack += [dep for dep in needed if dep in packages and dep not in done]
            else:
                stack.pop()
                if not done[name]:
                    done[name] = True
                    order.append(name)
    return tuple(order)


def runtime_tags(abi: Abi) -> tuple[str, ...]:
    """Wheel tags that a Pyodide of this ABI accepts, best first.

    Source: PEP 783 (``pyemscripten_{year}_{patch}_wasm32``); older Pyodide wheels say ``pyodide_…`` or the
    Emscripten version, and those stay installable.
    """
    python = python_of(abi)
    platforms = [f"pyemscripten_{abi.abi_version}_{abi.arch}", f"pyodide_{abi.abi_version}_{abi.arch}"]
    if re.fullmatch(r"emscripten_\d+_\d+_\d+", abi.platform):
        platforms.append(f"{abi.platform}_{abi.arch}")
    interpreter = "cp" + "".join(map(str, python))
    # The ABI is named, because packaging would else ask how the interpreter that runs this was built.
    tags = [*cpython_tags(python, [interpreter], platforms), *compatible_tags(python, interpreter, platforms)]
    return tuple(dict.fromkeys(map(str, tags)))


def python_of(abi: Abi) -> tuple[int, int]:
    """Major and minor version of the Python of an ABI.

    Raises:
        EnvironmentMismatchError: code ``abi-unknown``.
    """
    if abi.abi_version in PYTHON_OF_ABI:
        return PYTHON_OF_ABI[abi.abi_version]
    found = re.match(r"(\d+)\.(\d+)", abi.python)
    if not found:
        raise EnvironmentMismatchError(
            "an unknown Pyodide ABI",
            code="abi-unknown",
            where="info.abi_version",
            expected=", ".join(PYTHON_OF_ABI),
            got=abi.abi_version,
            hint="update micropip-lock",
        )
    return int(found[1]), int(found[2])
