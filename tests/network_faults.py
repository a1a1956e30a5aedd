"""What a network can do to a replay, as a table: rows N01 to N28 of docs/faults.md that one server can play.

The same table is played to the host's fetcher and to Pyodide under Node; where a platform sees something else, the row
says so.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.testing import (
    ContentLength,
    CorsOff,
    EarlyEof,
    Endless,
    Fault,
    GzipEncoded,
    Html,
    NotFound,
    PackageIndex,
    Redirect,
    Reset,
    Slow,
    StaleCache,
    Stall,
    Status,
    WrongBytes,
    WrongOffset,
    wheel,
)

VICTIM: Final = wheel("beta", files={"beta.py": "value = 7\n" * 40})
BYSTANDER: Final = wheel("alpha", requires=["beta"])


def _same(package: LockedPackage, index: PackageIndex) -> LockedPackage:
    return package


def _elsewhere(origin: Callable[[PackageIndex], str]) -> Callable[[LockedPackage, PackageIndex], LockedPackage]:
    def change(package: LockedPackage, index: PackageIndex) -> LockedPackage:
        path = urlsplit(package.wheel.url).path
        return replace(package, wheel=replace(package.wheel, url=f"{origin(index)}{path}"))

    return change


def _nobody_listens(index: PackageIndex) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _to_localhost(index: PackageIndex) -> Sequence[Fault]:
    return [Redirect(f"{index.files_origin.replace('127.0.0.1', 'localhost')}/mirror{{path}}")]


def _sized(by: int | None) -> Callable[[LockedPackage, PackageIndex], LockedPackage]:
    def change(package: LockedPackage, index: PackageIndex) -> LockedPackage:
        size = None if by is None else VICTIM.size + by
        return replace(package, wheel=replace(package.wheel, size=size))

    return change


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One thing that goes wrong.

    Attributes:
        faults: What the index does to the wheel of ``beta``, given itself, because some name its address.
        change: What the lock says of ``beta``.
        policy: What is allowed.
        code: Of the error that must come out; ``None`` when the replay succeeds all the same.
        requests: How often the wheel of ``beta`` is asked for where the lock says that it lies.
        node: Code and requests in Pyodide under Node, where they differ; ``None`` where the fault does not exist there.
        mended: Whether another source makes the replay succeed.
    """

    faults: Callable[[PackageIndex], Sequence[Fault]] = lambda index: ()
    change: Callable[[LockedPackage, PackageIndex], LockedPackage] = _same
    policy: Policy = DEFAULT_POLICY
    code: str | None
    requests: int
    node: tuple[str | None, int] | None = ("as on the host", -1)
    mended: bool = True

    def here(self, *, under_node: bool) -> tuple[str | None, int]:
        """Code and requests on one of the two platforms."""
        if under_node and self.node is not None and self.node[1] >= 0:
            return self.node
        return self.code, self.requests


def _row(*faults: Fault, **facts: object) -> Row:
    return Row(faults=lambda index: faults, **facts)  # type: ignore[arg-type]  # the facts are those of the class


ROWS: Final[Mapping[str, Row]] = {
    "N01 404": _row(NotFound(), code="not-found", requests=1),
    "N02 410": _row(Status(410), code="not-found", requests=1),
    "N02 451": _row(Status(451), code="not-found", requests=1),
    "N03 401": _row(Status(401), code="blocked", requests=1),
    "N03 403": _row(Status(403), code="blocked", requests=1),
    "N04 429, seconds": _row(Status(429, retry_after="1"), code="server-error", requests=3),
    "N04 429, a date": Row(
        faults=lambda index: [Status(429, retry_after=formatdate(usegmt=True))], code="server-error", requests=3
    ),
    "N04 429, absurd": _row(Status(429, retry_after="3600"), code="server-error", requests=1),
    "N04 429, once": _row(Status(429, retry_after="0", times=1), code=None, requests=2),
    "N05 500": _row(Status(500), code="server-error", requests=3),
    "N05 502": _row(Status(502), code="server-error", requests=3),
    "N05 503": _row(Status(503), code="server-error", requests=3),
    "N05 504": _row(Status(504), code="server-error", requests=3),
    "N05 503, twice": _row(Status(503, times=2), code=None, requests=3),
    "N06 unknown host": Row(
        change=_elsewhere(lambda index: "http://nowhere.invalid"),
        policy=Policy(allow_insecure_hosts=("nowhere.invalid",)),
        code="network",
        requests=0,
    ),
    "N06 refused": Row(change=_elsewhere(_nobody_listens), code="network", requests=0),
    "N07 TLS": Row(
        change=_elsewhere(lambda index: index.files_origin.replace("http:", "https:")),
        code="tls",
        requests=0,
        # To a page and to Node's fetch every failed connection looks alike.
        node=("network", 0),
    ),
    "N08 reset before the head": _row(Reset(), code="network", requests=3),
    "N09 reset in the body": _row(Reset(after="half"), code="truncated", requests=3),
    "N10 announced too long": _row(
        ContentLength(100), change=_sized(None), code="truncated", requests=3, node=("truncated", 3)
    ),
    "N11 announced too short": _row(ContentLength(-100), code="digest-mismatch", requests=2),
    "N12 chunked, cut": _row(
        # Node ends an answer whose last chunk is missing as if it were whole; the digest tells.
        EarlyEof("chunked"),
        code="truncated",
        requests=3,
        node=("digest-mismatch", 2),
    ),
    "N12 until close, cut": _row(EarlyEof("until-close"), code="digest-mismatch", requests=2),
    "N13 gzip by a proxy": _row(GzipEncoded(), code=None, requests=1),
    "N14 stall": _row(Stall(after=10), code="timeout", requests=3),
    "N15 drip": _row(Slow(100.0), code="too-slow", requests=2),
    "N16 endless": _row(Endless(), code="too-large", requests=2),
    "N17 other bytes": _row(WrongBytes(), code="digest-mismatch", requests=2),
    "N18 login page": _row(Html(), code="not-a-wheel", requests=1),
    "N19 wrong size in the lock": Row(change=_sized(7), code="size", requests=1, mended=False),
    "N20 no permission": _row(CorsOff(), code=None, requests=1),
    "N22 insecure": Row(
        change=_elsewhere(lambda index: "http://files.example"), code="insecure", requests=0, mended=False
    ),
    "N23 redirect, same host": _row(Redirect(times=1), code=None, requests=2),
    "N24 redirect, other host": Row(faults=_to_localhost, code=None, requests=1),
    "N24 redirect, host not allowed": Row(
        faults=_to_localhost, policy=Policy(allow_hosts=("127.0.0.1",)), code="redirect-policy", requests=1
    ),
    "N25 redirect loop": _row(
        Redirect(),
        code="redirect-policy",
        requests=6,
        # Twenty redirects, and a failure like any other, three times.
        node=("network", 63),
    ),
    "N26 redirect to a file": _row(
        Redirect("file:///etc/hosts"), code="redirect-policy", requests=1, node=("network", 3)
    ),
    "N27 resumed elsewhere": _row(Reset(after="half", times=1), WrongOffset(), code=None, requests=2),
    "N28 stale cache": _row(StaleCache(b"PK old bytes"), code=None, requests=2),
}


def publish(index: PackageIndex, mirror: Path) -> str:
    """Fill an index with both wheels, and a directory that mirrors them; the mirror's base address."""
    folder = mirror / "files"
    folder.mkdir(parents=True)
    for built in (VICTIM, BYSTANDER):
        index.add(built)
        (folder / built.filename).write_bytes(built.data)
    return index.mount("/mirror", mirror)


def afflicted(lock: Lock, row: Row, index: PackageIndex) -> Lock:
    """The lock as the row has it, without origins, so that no index is asked; and the index misbehaves."""
    bare = {name: replace(package, origin=None) for name, package in lock.packages.items()}
    bare[VICTIM.project] = row.change(bare[VICTIM.project], index)
    faults = row.faults(index)
    if faults:
        index.fault(f"/files/{VICTIM.filename}", *faults)
    return replace(lock, packages=bare)


def asked(index: PackageIndex) -> int:
    """Requests for the victim's wheel at its own place."""
    return index.log.count(f"/files/{VICTIM.filename}")
