"""The pure replay machine: a lock and what is installed in, what to fetch, skip and replace out.

Rules this file keeps:

1. All of the lock is checked before any request, and everything that is wrong with it is told at once: what does not
   fit here (:mod:`micropip_lock.core.preflight`) and what is not allowed. Consent is asked when nothing else is wrong.
2. What is installed with the same SHA-256 is skipped; nothing is asked of the network for it.
3. Downloads start largest first; installs go dependencies first, cycles in name order.
4. What the lock does not name stays, unless the environment is to be exactly the lock; what installs, records and
   replays stays then, too.
5. The whole lock is judged by the policy (:mod:`micropip_lock.core.judgement`), whatever is installed already.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import Faults
from micropip_lock.core.judgement import judge
from micropip_lock.core.model import Abi, Lock, LockedPackage
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.preflight import misfits
from micropip_lock.errors import LockPolicyError

TOOLS: Final = frozenset(map(canonicalize_name, ("micropip", "micropip-lock", "piplite", "pyodide-kernel")))
"""What records, freezes and replays; the runtime or the site brings it, a lock need not."""


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
        removed: Installed distributions that go away, because the lock does not name them.
    """

    downloads: tuple[Download, ...]
    order: tuple[str, ...]
    skipped: tuple[LockedPackage, ...]
    removed: tuple[Installed, ...] = ()

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
    extras: Iterable[Installed] = (),
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
        extras: What goes away: see :func:`extras_of`.

    Raises:
        MicropipLockError: the gravest fault, with every one in ``errors``:
        EnvironmentMismatchError: codes ``abi-mismatch``, ``tag-mismatch``.
        LockPolicyError: codes ``not-wheel``, ``relative-url``; and those of the policy: ``scheme``, ``insecure``,
            ``host-not-allowed``, ``local-path``, ``index-pin``, ``too-large``, and for want of consent
            ``too-many-hosts``, ``large-download``.
        LockSchemaError: code ``filename``.
        WheelMetadataError: code ``wheel-filename``.
    """
    faults = Faults()
    for fault in misfits(lock, abi=abi, tags=frozenset(tags)):
        faults.add(fault)
    present: dict[str, list[Installed]] = {}
    for one in installed:
        present.setdefault(one.name, []).append(one)
    downloads, skipped = [], []
    for package in lock:
        there = present.get(package.name, [])
        same = [one for one in there if one.digest == package.wheel.digest]
        if len(there) == 1 and same and not force and package.name not in damaged:
            skipped.append(package)
        else:
            try:
                url = absolute_url(package, lock.base)
            except LockPolicyError as error:
                faults.add(error)
            else:
                downloads.append(Download(package=package, url=url, replaces=tuple(there)))
    verdict = judge(policy, lock, [download.package for download in downloads])
    for refusal in verdict.refused:
        faults.add(refusal)
    faults.check()
    verdict.check()
    downloads.sort(key=_largest_first)
    wanted = {download.package.name for download in downloads}
    order = tuple(name for name in install_order(lock.packages) if name in wanted)
    return Plan(downloads=tuple(downloads), order=order, skipped=tuple(skipped), removed=tuple(extras))


def extras_of(
    lock: Lock, installed: Iterable[Installed], *, keeps: Container[str] = frozenset()
) -> tuple[Installed, ...]:
    """What has to go for an environment to be exactly a lock, by name.

    Args:
        lock: What the environment is to become. What it leaves to the site stays.
        installed: What is in place.
        keeps: Normalised names of what stays although the lock does not name it.
    """
    extra = (one for one in installed if not (one.name in lock.packages or one.name in lock.site or one.name in keeps))
    return tuple(sorted(extra, key=lambda one: (one.name, one.directory)))


def _largest_first(download: Download) -> tuple[bool, int, str]:
    size = download.package.wheel.size
    return (size is not None, -(size or 0), download.package.name)


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
