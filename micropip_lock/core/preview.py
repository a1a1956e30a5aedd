"""What a person has to know before a lock of somebody else is installed, as data.

Rules this file keeps:

1. Everything is read from the lock and from what the caller says of the place; nothing is asked of the network.
2. What a lock cannot tell is said, too (:data:`UNTOLD`): a preview never looks complete when it is not.
3. A preview of the same lock in the same place has the same JSON and the same text in TypeScript
   (``js/src/preview.ts``, ``tests/vectors/previews.json``).
4. Consent cannot lift what the policy refuses, nor more hosts than a person can judge: such a lock has no preview.

Left to others: how it looks (:mod:`micropip_lock.core.preview_text`), who is asked, and what follows from the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from micropip_lock.core.abis import named
from micropip_lock.core.hosts import place_of, shown_host
from micropip_lock.core.judgement import judge
from micropip_lock.core.link_names import KNOWN_NAMES as LINK_NAMES
from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.redact import public_url
from micropip_lock.core.shown import human_size

Standing = Literal["new", "approved", "running"]
Change = Literal["adds", "same", "replaces"]

UNTOLD: Final = (
    "A lock does not tell what the code does, nor whether a wheel has a .pth file, "
    "whose lines run at each start of Python."
)
"""What nobody can know before the wheels are here."""

KNOWN_NAMES: Final = frozenset(
    (*LINK_NAMES, "cffi", "cryptography", "fastapi", "lxml", "orjson", "protobuf", "pyarrow")
)
"""Names that a person takes for the package that everybody knows, wherever they come from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedHost:
    """Where files of the lock are.

    Attributes:
        host: ``""`` for files that lie beside the lock.
        packages: How many of them come from there.
        size: Bytes, as far as the lock states them.
    """

    host: str
    packages: int
    size: int

    def to_json(self) -> dict[str, Any]:
        """The host as a JSON object."""
        return {"host": self.host, "packages": self.packages, "size": self.size}


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedPackage:
    """One package of the lock.

    Attributes:
        name: Normalised.
        version: As the lock has it.
        size: Bytes, when the lock states them.
        host: Where its file is; ``""`` beside the lock.
        index: Where the lock says it was found by name, without credentials.
        native: It has, or may have, compiled code: it is not a wheel for any platform.
        requested: Somebody asked for it, in contrast to being a dependency.
        change: What it does to what is installed, when that is known.
        installed: The version that is installed, if one is.
    """

    name: str
    version: str
    size: int | None
    host: str
    index: str | None
    native: bool
    requested: bool
    change: Change | None
    installed: str | None

    def to_json(self) -> dict[str, Any]:
        """The package as a JSON object."""
        return {
            "name": self.name,
            "version": self.version,
            "size": self.size,
            "host": self.host,
            "index": self.index,
            "native": self.native,
            "requested": self.requested,
            "change": self.change,
            "installed": self.installed,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewWarning:
    """Something to look at twice.

    Attributes:
        code: ``unusual-host``, ``start-pack``, ``abi-mismatch``, ``large-download``, ``native-code``, ``mock``,
            ``yanked``, ``unlocked``.
        message: In words.
        packages: The names that it is about.
    """

    code: str
    message: str
    packages: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The warning as a JSON object."""
        return {"code": self.code, "message": self.message, "packages": list(self.packages)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Here:
    """What is known of the place that a lock would be installed in; by default nothing.

    Attributes:
        installed: Versions by normalised name.
        abi: ABI of the runtime, e.g. ``2026_0``.
        running: Identity of the lock that is in place already.
        approved: Identities of locks that this site may install without asking, because a person said so.
        usual_hosts: Hosts that known packages come from: of the default index's files, of the runtime's distribution.
            Without any, the host that more of the lock's packages come from than from any other counts as usual.
    """

    installed: Mapping[str, str] | None = None
    abi: str | None = None
    running: str | None = None
    approved: Collection[str] = ()
    usual_hosts: Collection[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a lock would do, for a person to decide about.

    Attributes:
        lock: The lock's identity.
        abi: What it is for, in words.
        standing: ``new`` to this site, ``approved`` before, or ``running`` already.
        hosts: Who is asked for files, the one with most packages first.
        indexes: Where the lock says its packages were found.
        packages: What is installed, sorted by name.
        download: Bytes of all files, as far as the lock states them.
        unsized: How many files the lock states no size of.
        beside: Names that are installed here and are not in the lock.
        warnings: What to look at twice, the gravest first.
    """

    lock: str
    abi: str
    standing: Standing = "new"
    hosts: tuple[PreviewedHost, ...] = ()
    indexes: tuple[str, ...] = ()
    packages: tuple[PreviewedPackage, ...] = ()
    download: int = 0
    unsized: int = 0
    beside: tuple[str, ...] = ()
    warnings: tuple[PreviewWarning, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The preview as a JSON object."""
        return {
            "lock": self.lock,
            "abi": self.abi,
            "standing": self.standing,
            "hosts": [one.to_json() for one in self.hosts],
            "indexes": list(self.indexes),
            "packages": [one.to_json() for one in self.packages],
            "download": self.download,
            "unsized": self.unsized,
            "beside": list(self.beside),
            "warnings": [one.to_json() for one in self.warnings],
        }

    def lines(self) -> list[str]:
        """The preview as text, one fact a line."""
        from micropip_lock.core.preview_text import preview_lines

        return preview_lines(self)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        hosts = ", ".join(one.host or "beside the lock" for one in self.hosts)
        return f"<Preview of lock {self.lock[:12]}: {len(self.packages)} packages from {hosts or 'nowhere'}>"

    def _repr_html_(self) -> str:
        from micropip_lock.core.preview_text import preview_html

        return preview_html(self)


def preview_lock(lock: Lock, here: Here | None = None, *, policy: Policy = DEFAULT_POLICY) -> Preview:
    """What a lock would do.

    Args:
        lock: Of whatever form.
        here: What is known of the place.
        policy: What is allowed; how much is downloaded is only told, because who sees a preview is asked.

    Raises:
        LockPolicyError: what the policy refuses, and code ``too-many-hosts``.
        LockSchemaError: an address that no lock can have.
    """
    here = here or Here()
    verdict = judge(policy, lock)
    asks = tuple(one for one in verdict.needs_consent if one.code != "large-download")
    replace(verdict, needs_consent=asks).check()
    packages = tuple(_previewed(package, lock.base, here.installed) for package in lock)
    start = None if lock.start is None else _host(lock.start.url, lock.base)
    return Preview(
        lock=lock.id,
        abi=named(lock.abi.abi_version),
        standing="running" if here.running == lock.id else "approved" if lock.id in here.approved else "new",
        hosts=tuple(_hosts(packages, start)),
        indexes=tuple(sorted({one.index for one in packages if one.index})),
        packages=packages,
        download=sum(one.size or 0 for one in packages),
        unsized=sum(one.size is None for one in packages),
        beside=tuple(sorted(set(here.installed or ()) - {*lock.packages, *lock.mocks, *lock.site})),
        warnings=tuple(_warnings(lock, packages, here, policy, start)),
    )


def _previewed(package: LockedPackage, base: str | None, installed: Mapping[str, str] | None) -> PreviewedPackage:
    there = None if installed is None else installed.get(package.name)
    change: Change | None = None
    if installed is not None:
        change = "adds" if there is None else "same" if there == package.version else "replaces"
    pure = package.package_type == "package" and package.wheel.filename.lower().endswith("-any.whl")
    origin = package.origin
    return PreviewedPackage(
        name=package.name,
        version=package.version,
        size=package.wheel.size,
        host=_host(package.wheel.url, base),
        index=public_url(origin.index) if origin is not None and origin.index else None,
        native=not pure,
        requested=package.requested,
        change=change,
        installed=there,
    )


def _host(url: str, base: str | None) -> str:
    place = place_of(url, base)
    return shown_host(place.host) if place is not None else ""


def _hosts(packages: Iterable[PreviewedPackage], more: str | None = None) -> list[PreviewedHost]:
    found = {} if more is None else {more: PreviewedHost(host=more, packages=0, size=0)}
    for one in packages:
        before = found.get(one.host, PreviewedHost(host=one.host, packages=0, size=0))
        found[one.host] = replace(before, packages=before.packages + 1, size=before.size + (one.size or 0))
    return sorted(found.values(), key=lambda one: (-one.packages, one.host))


def _warnings(
    lock: Lock, packages: tuple[PreviewedPackage, ...], here: Here, policy: Policy, start: str | None
) -> Iterator[PreviewWarning]:
    yield from _unusual(packages, here.usual_hosts)
    if start is not None and all(one.host != start for one in packages):
        # Its code runs before the wheels, which would prove it, are there.
        place = start or "beside the lock"
        message = f"what is imported first comes from {place}, in one file by whoever made the lock"
        yield PreviewWarning(code="start-pack", message=message)
    if here.abi is not None and here.abi != lock.abi.abi_version:
        message = f"the lock is built for {named(lock.abi.abi_version)}, this is {named(here.abi)}"
        yield PreviewWarning(code="abi-mismatch", message=message)
    total = sum(one.size or 0 for one in packages)
    if total > policy.ask_above_bytes:
        message = f"this is a large download, more than {human_size(policy.ask_above_bytes)}"
        yield PreviewWarning(code="large-download", message=message)
    told = (
        ("native-code", "with compiled code", [one.name for one in packages if one.native]),
        ("mock", "mock packages, whose modules are text of the lock", list(lock.mocks)),
        ("yanked", "withdrawn by the index (yanked)", [one.name for one in lock if one.wheel.yanked]),
        ("unlocked", "could not be locked, and will be missing", [one.name for one in lock.unlocked]),
    )
    for code, message, names in told:
        if names:
            yield PreviewWarning(code=code, message=message, packages=tuple(names))


def _unusual(packages: tuple[PreviewedPackage, ...], usual_hosts: Collection[str]) -> Iterator[PreviewWarning]:
    """Known names that come from a host that they do not usually come from, host by host."""
    usual = set(usual_hosts)
    if not usual:
        hosts = _hosts(packages)
        usual = {one.host for one in hosts[:1] if len(hosts) == 1 or one.packages > hosts[1].packages}
    odd: dict[str, list[str]] = {}
    for one in packages:
        if one.name in KNOWN_NAMES and one.host and usual and one.host not in usual:
            odd.setdefault(one.host, []).append(one.name)
    for host, names in sorted(odd.items()):
        message = f"well known, and from {host} instead of {' or '.join(sorted(usual))}"
        yield PreviewWarning(code="unusual-host", message=message, packages=tuple(names))
