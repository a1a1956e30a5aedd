"""Where an installed distribution came from, by the most telling record there is.

In this order: our own record (bound to the installed RECORD), what micropip wrote while recording was off (URL and
digest, no index), the runtime's own lock for what ``loadPackage`` brought. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, parse_records, public_url
from micropip_lock.core.mocks import PresentMock, present_mock
from micropip_lock.core.model import Origin
from micropip_lock.core.plan import Installed
from micropip_lock.errors import MicropipLockError, RecordError
from micropip_lock.ports import InstalledDist, RuntimeLock, SiteReader


def origin_of(dist: InstalledDist, name: NormalizedName, version: str, runtime_lock: RuntimeLock) -> OriginRecord:
    """The record of one installed distribution.

    Raises:
        RecordError: ``no-record``, ``mock``, ``not-in-runtime-lock``, ``record-forged``, ``record-unreadable`` ….
    """
    record = parse_records(dist.read_text)
    if record is not None:
        return record
    installer = (dist.read_text("INSTALLER") or "").strip()
    source = (dist.read_text("PYODIDE_SOURCE") or "").strip()
    if installer == "pyodide.loadPackage" and source == "pyodide":
        return _from_runtime(name, version, runtime_lock)
    if installer == "micropip":
        return _from_micropip(dist)
    raise _no_record(installer, source)


def installed_in(site: SiteReader, runtime_lock: RuntimeLock) -> list[Installed]:
    """What is in place but for mock packages, with the digest of each wheel where a record proves it."""
    found = []
    for dist in site.distributions():
        text, _, version = dist.directory.removesuffix(".dist-info").partition("-")
        name = canonicalize_name(text)
        try:
            digest = origin_of(dist, name, version, runtime_lock).digest
        except MicropipLockError:
            if dist.mock_modules() is not None:
                # No wheel: see mocks_in.
                continue
            digest = None
        found.append(Installed(name=name, version=version, digest=digest, directory=dist.directory))
    return found


def mocks_in(site: SiteReader) -> list[PresentMock]:
    """The mock packages that are in place."""
    return [mock for dist in site.distributions() if (mock := present_mock(dist)) is not None]


def same_version(one: str, other: str) -> bool:
    """Whether two versions are equal by PEP 440; text that is no version equals nothing."""
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _from_micropip(dist: InstalledDist) -> OriginRecord:
    url = (dist.read_text("PYODIDE_URL") or "").strip()
    digest = (dist.read_text("PYODIDE_SHA256") or "").strip()
    if not url or not digest:
        raise _no_record("micropip", "")
    # micropip writes "pypi" for every index that gave a digest.
    found_by_name = (dist.read_text("PYODIDE_SOURCE") or "").strip() == "pypi"
    return OriginRecord(
        origin=Origin(kind="index" if found_by_name else "url", url=public_url(url)), digest=Digest.from_hex(digest)
    )


def _from_runtime(name: NormalizedName, version: str, runtime_lock: RuntimeLock) -> OriginRecord:
    entry: Mapping[str, Any] | None = next(
        (entry for key, entry in runtime_lock.packages.items() if canonicalize_name(key) == name), None
    )
    if entry is None or not same_version(str(entry.get("version")), version):
        raise RecordError(
            "it came with pyodide.loadPackage, but the runtime's lock does not name it",
            code="not-in-runtime-lock",
            expected=f"{name} {version}",
            got=str(entry.get("version")) if entry else "no entry",
            hint="install it with micropip",
        )
    url = urljoin(runtime_lock.base or "", str(entry.get("file_name", "")))
    return OriginRecord(
        origin=Origin(kind="runtime", url=public_url(url)), digest=Digest.from_hex(str(entry.get("sha256", "")))
    )


def _no_record(installer: str, source: str) -> RecordError:
    who = f"installed by {installer}" if installer else "no installer is recorded"
    if source and source != "pyodide":
        who += f" from {public_url(source)}"
    if "mock" in installer:
        return RecordError(
            "it is a mock package of micropip", code="mock", got=who, hint="remove the mock before freezing"
        )
    return RecordError(
        "nothing says which wheel it came from",
        code="no-record",
        got=who,
        hint="turn recording on (micropip_lock.record()) and install it again with micropip.install(…, reinstall=True)",
    )
