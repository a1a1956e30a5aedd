"""One file of a ``pylock.toml``: an entry of ``[[packages.wheels]]``, or a ``[packages.archive]`` that is a wheel.

Rules this file keeps:

1. A file has one name: ``name``, the end of ``url``, the end of ``path`` and what the package says agree.
2. SHA-256 or nothing: other digests may stand beside it and are not looked at; none at all, or only weak ones, is
   against the policy.
3. A lock that did not come from this machine names nothing on it: no ``file:`` address, no absolute ``path`` and none
   that leaves the lock's directory.

Source: PEP 751, ``packages.wheels`` and ``packages.archive``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from packaging.utils import NormalizedName
from packaging.version import Version

from micropip_lock.core.address import address_fault
from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import Faults
from micropip_lock.core.model import Wheel
from micropip_lock.core.read import Table
from micropip_lock.core.shown import shown
from micropip_lock.core.wheel import WheelIdentity, parse_identity
from micropip_lock.errors import LockPolicyError, WheelMetadataError

_WEAK: Final = frozenset({"md5", "sha1", "sha224"})


@dataclass(frozen=True, kw_only=True, slots=True)
class PylockWheel:
    """A wheel that a package of the lock offers.

    Attributes:
        wheel: Where it is, and what it has to be.
        identity: What its name says.
    """

    wheel: Wheel
    identity: WheelIdentity


def read_wheel(
    table: Table, name: NormalizedName, version: Version | None, *, base: str | None, faults: Faults
) -> PylockWheel | None:
    """A file, or ``None`` when it has a fault.

    Args:
        table: The entry.
        name: Of the package.
        version: Of the package, when it says one.
        base: Address of the lock, when it is known.
        faults: Where faults go.
    """
    stated, url, path = table.text("name", ""), table.text("url", ""), table.text("path", "")
    size, uploaded, digest = table.whole("size"), _upload_time(table), _digest(table)
    table.has("subdirectory", required=False)
    if not url and not path:
        table.fault("missing", "neither url nor path", expected="where the file is", got="nothing")
        return None
    addresses = [*_address(table, "url", url, base, faults), *_address(table, "path", path, base, faults)]
    if len(addresses) != bool(url) + bool(path):
        return None
    names = {key: Wheel(url=address, digest=Digest(bytes(32))).filename for key, address in addresses}
    filename = stated or next(iter(names.values()))
    for key, other in names.items():
        if other != filename:
            table.fault(
                "filename",
                "two names of one file",
                key=key,
                expected=shown(filename),
                got=shown(other),
                hint="name the wheel by an address that ends in its file name",
            )
    identity = _identity(table, filename, name, version)
    if identity is None or digest is None:
        return None
    wheel = Wheel(url=addresses[0][1], digest=digest, size=size, upload_time=uploaded)
    return PylockWheel(wheel=wheel, identity=identity)


def _address(table: Table, key: str, text: str, base: str | None, faults: Faults) -> Iterator[tuple[str, str]]:
    """The key and the address, when there is one and it is allowed."""
    if not text:
        return
    # A path is no address yet: it may hold what would be a query there.
    address = quote(text) if key == "path" else text
    fault = address_fault(address, where=table.at(key), package=table.package, relative=key == "path")
    if fault is not None:
        faults.add(fault)
        return
    is_local = urlsplit(base or "").scheme == "file"
    if key == "path" and text.startswith("/"):
        address = f"file://{address}"
    elsewhere = address.startswith("file:") or (key == "path" and ".." in text.split("/"))
    if elsewhere and not is_local:
        table.fault(
            "local-path",
            "the lock names a file that is not beside it",
            key=key,
            kind=LockPolicyError,
            expected="a web address, or a path below the lock's directory",
            got=shown(text),
            hint="only a lock opened from a path of this machine may name other files of it",
        )
        return
    yield key, address


def _digest(table: Table) -> Digest | None:
    hashes = table.table("hashes", required=True)
    if hashes is None:
        return None
    others = [name for name in hashes if name != "sha256" and hashes.text(name, filled=True)]
    if "sha256" not in set(hashes) and others and _WEAK.issuperset(map(str.lower, others)):
        table.fault(
            "weak-hash",
            "the hash does not protect the file",
            key="hashes",
            kind=LockPolicyError,
            expected="a SHA-256",
            got=", ".join(sorted(others)),
            hint="lock again with a tool that writes SHA-256",
        )
        return None
    return hashes.digest("sha256")


def _upload_time(table: Table) -> str | None:
    value: Any = table.value("upload-time")
    if value is None:
        return None
    if isinstance(value, datetime):
        try:
            # PEP 751: in UTC. An offset says the same time; without one it is UTC already.
            told = value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return told.isoformat().replace("+00:00", "Z")
        except OverflowError:
            pass
    table.fault("type", "not a date and time", key="upload-time", expected="a date and time in UTC", got=shown(value))
    return None


def _identity(table: Table, filename: str, name: NormalizedName, version: Version | None) -> WheelIdentity | None:
    try:
        identity = parse_identity(filename)
    except WheelMetadataError:
        identity = None
    if identity is not None and identity.name == name and version in (None, identity.version):
        return identity
    told = name if version is None else f"{name} {version}"
    table.fault(
        "filename", "the file is not a wheel of this package", expected=f"a wheel of {told}", got=shown(filename)
    )
    return None
