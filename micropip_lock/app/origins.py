"""Where an installed distribution came from, by the most telling record there is.

Rules this file keeps:

1. In this order: our own record (bound to the installed RECORD), what micropip wrote while recording was off (URL and
   digest, no index), the runtime's own lock for what ``loadPackage`` brought. Nothing is guessed.
2. A record counts only beside the name of an installer that writes it, because a wheel can ship any file: pip, uv and
   ``loadPackage`` overwrite ``INSTALLER`` with their own name, and micropip notes the digest of the wheel.
3. A record in a format newer than ours is passed over, not trusted: the next source is asked, and a note says so.

Left to others: asking an index for what has no record (:mod:`micropip_lock.app.locate`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from micropip_lock.core.address import is_plain
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, parse_records, public_url
from micropip_lock.core.mocks import PresentMock, present_mock
from micropip_lock.core.model import Origin
from micropip_lock.core.plan import Installed
from micropip_lock.core.runtime_entry import loaded_from
from micropip_lock.errors import LockSchemaError, MicropipLockError, RecordError
from micropip_lock.ports import InstalledDist, RuntimeLock, SiteReader

KERNEL_WHEELS: Final = "/@jupyterlite/pyodide-kernel-extension/static/pypi/"
"""Part of the address of every wheel that JupyterLite's Pyodide kernel brings along (its shims)."""

_RECORDERS: Final = frozenset({"micropip", "micropip-lock"})
_LOADER: Final = "pyodide.loadPackage"


def origin_of(dist: InstalledDist, name: NormalizedName, version: str, runtime_lock: RuntimeLock) -> OriginRecord:
    """The record of one installed distribution.

    Raises:
        RecordError: ``no-record``, ``mock``, ``not-in-runtime-lock``, ``record-forged``, ``record-unreadable``,
            ``record-version`` (nothing else says where it came from), ``hash-form`` (micropip's digest is none).
        LockSchemaError: ``hash-form``: the digest in the runtime's lock is none.
    """
    record = _recorded(dist, name, version, runtime_lock)
    for url in (record.origin.url, record.origin.index or ""):
        try:
            _ = is_plain(url) or urlsplit(url)
        except ValueError as error:
            raise _no_address(url) from error
    return record


def _recorded(dist: InstalledDist, name: NormalizedName, version: str, runtime_lock: RuntimeLock) -> OriginRecord:
    installer = (dist.read_text("INSTALLER") or "").strip()
    newer: RecordError | None = None
    try:
        if installer in _RECORDERS and (record := parse_records(dist.read_text)) is not None:
            return record
        source = (dist.read_text("PYODIDE_SOURCE") or "").strip() if installer in (_LOADER, "micropip") else ""
        if installer == _LOADER and source == "pyodide":
            return _from_loader(dist, name, version, runtime_lock)
    except RecordError as error:
        if error.code != "record-version":
            raise
        newer = error
    try:
        if installer == "micropip":
            return _from_micropip(dist)
        raise _no_record(installer, (dist.read_text("PYODIDE_SOURCE") or "").strip())
    except RecordError as error:
        if newer is not None and error.code == "no-record":
            raise newer from error
        raise


def has_newer_record(dist: InstalledDist) -> RecordError | None:
    """Why our record was passed over, if one that a newer micropip-lock wrote was."""
    try:
        parse_records(dist.read_text)
    except RecordError as error:
        return error if error.code == "record-version" else None
    return None


def is_of_kernel(record: OriginRecord) -> bool:
    """Whether the wheel came from the folder of JupyterLite's own kernel extension: the site brings it anew."""
    return KERNEL_WHEELS in unquote(record.origin.url.partition("?")[0].partition("#")[0])


def installed_in(site: SiteReader, runtime_lock: RuntimeLock, among: Container[str] | None = None) -> list[Installed]:
    """What is in place but for mock packages, with the digest of each wheel where a record proves it.

    Args:
        site: The environment.
        runtime_lock: What the runtime's own lock says.
        among: Whose digests are wanted, by normalised name; all when not given. Records of the others are not read.
    """
    found = []
    for dist in site.distributions():
        text, _, version = dist.directory.removesuffix(".dist-info").partition("-")
        name = canonicalize_name(text)
        if among is not None and name not in among and dist.mock_modules() is None:
            found.append(Installed(name=name, version=version, digest=None, directory=dist.directory))
            continue
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
        parsed = Version(one)
        return one == other or parsed == Version(other)
    except ValueError:
        return False


def _from_micropip(dist: InstalledDist) -> OriginRecord:
    url = (dist.read_text("PYODIDE_URL") or "").strip()
    digest = (dist.read_text("PYODIDE_SHA256") or "").strip()
    if not url or not digest:
        raise _no_record("micropip", "")
    source = (dist.read_text("PYODIDE_SOURCE") or "").strip()
    # micropip writes "pypi" for every index that gave a digest, else the address; with recording on, the index.
    index = public_url(source) if "://" in source and public_url(source) != public_url(url) else None
    return OriginRecord(
        origin=Origin(kind="index" if index or source == "pypi" else "url", url=public_url(url), index=index),
        digest=_micropips_digest(digest),
    )


def _micropips_digest(text: str) -> Digest:
    try:
        return Digest.from_hex(text)
    except LockSchemaError as error:
        raise RecordError(
            "the digest in PYODIDE_SHA256 is none",
            code=error.code,
            where="PYODIDE_SHA256",
            expected=error.expected,
            got=error.got,
            hint="uninstall it, and install it again while recording is on",
        ) from error


def _from_loader(dist: InstalledDist, name: NormalizedName, version: str, runtime_lock: RuntimeLock) -> OriginRecord:
    """What ``loadPackage`` brought by name: the runtime's lock says what that is, a record only that it was wanted."""
    known = _from_runtime(name, version, runtime_lock)
    try:
        record = parse_records(dist.read_text)
    except RecordError as error:
        if error.code == "record-version":
            return known
        raise
    if record is None:
        return known
    if record.origin.kind != known.origin.kind or record.digest != known.digest:
        raise RecordError(
            "its record says another wheel than the runtime's lock, by which it was loaded",
            code="record-forged",
            expected=f"sha256 {known.digest}",
            got=f"sha256 {record.digest} from {record.origin.url}",
            hint="the wheel may have brought the record along; uninstall it",
        )
    return record


def _from_runtime(name: NormalizedName, version: str, runtime_lock: RuntimeLock) -> OriginRecord:
    # Pyodide spells keys in their normal form since 0.25; other locks may not.
    entry: Mapping[str, Any] | None = runtime_lock.packages.get(name) or next(
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
    file_name = str(entry.get("file_name", ""))
    try:
        loaded = loaded_from(entry, runtime_lock.base)
    except ValueError as error:
        raise _no_address(file_name) from error
    return OriginRecord(origin=loaded.origin, digest=loaded.digest, size=loaded.size)


def _no_address(url: str) -> RecordError:
    return RecordError(
        "the record of this install names no address",
        code="record-unreadable",
        expected="the address of a wheel",
        got=public_url(url),
        hint="uninstall it, and install it again while recording is on",
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
        hint="turn recording on (micropip_lock.record()), uninstall it (micropip.uninstall) and install it again",
    )
