"""Which files of an index can be the wheel that was installed, judged by what dist-info says.

Rules this file keeps:

1. Identities are compared, never text: file names spell names, versions and tags in many ways.
2. A file that says its METADATA is another one (PEP 658) is out before a byte of it is fetched.
3. Every way to have no candidate has its own code and its own hint.

Source: PEP 427 (WHEEL: ``Tag``, ``Build``), PEP 425 (compressed tag sets), PEP 440 (versions), PEP 610
(``direct_url.json``).
Left to others: asking the index and proving a candidate (:mod:`micropip_lock.app.locate`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from packaging.tags import parse_tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import public_url
from micropip_lock.core.headers import read_headers
from micropip_lock.core.index_page import IndexFile
from micropip_lock.core.local_wheel import is_reachable
from micropip_lock.core.wheel import within_caps
from micropip_lock.errors import LockSchemaError, RecordError

REINSTALL = "uninstall it and install it again from an index, as a wheel"


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledIdentity:
    """What dist-info says about the wheel that was installed.

    Attributes:
        name: Normalised.
        display_name: As METADATA spells it.
        version: PEP 440.
        tags: Expanded tags of ``WHEEL``; empty when it has none.
        build: Build tag of ``WHEEL``, e.g. ``1`` or ``2local``.
        metadata: SHA-256 of METADATA as installed.
    """

    name: NormalizedName
    display_name: str
    version: Version
    tags: frozenset[str]
    build: str
    metadata: Digest

    @property
    def is_local(self) -> bool:
        """Whether the version has a local part (``1.0+cpu``, PEP 440)."""
        return self.version.local is not None


def identity_of(metadata: bytes | None, wheel: str | None) -> InstalledIdentity:
    """Read the identity.

    Args:
        metadata: METADATA as installed.
        wheel: ``WHEEL`` as installed.

    Raises:
        RecordError: codes ``no-metadata``, ``identity``, ``no-wheel``.
    """
    if metadata is None:
        raise RecordError("METADATA is missing", code="no-metadata", hint="uninstall it and install it again")
    fields = read_headers(metadata.decode("utf-8", "replace"))
    display_name, version = fields.get("Name").strip(), fields.get("Version").strip()
    try:
        name, parsed = canonicalize_name(display_name, validate=True), Version(version)
    except ValueError as error:
        raise RecordError(
            "METADATA names no distribution",
            code="identity",
            expected="a name (PEP 508) and a version (PEP 440)",
            got=f"{display_name!r} {version!r}",
            hint="uninstall it and install it again",
        ) from error
    if wheel is None:
        raise RecordError(
            "dist-info has no WHEEL file: it was not installed from a wheel",
            code="no-wheel",
            got=f"{display_name} {version}",
            hint=REINSTALL,
        )
    fields = read_headers(wheel)
    return InstalledIdentity(
        name=name,
        display_name=display_name,
        version=parsed,
        tags=frozenset(tag for line in fields.get_all("Tag", ()) for tag in _expanded(line.strip())),
        build=fields.get("Build").strip(),
        metadata=Digest.of(metadata),
    )


def _expanded(tag: str) -> Iterable[str]:
    try:
        # Some build tools write compressed tags here (py2.py3-none-any), against PEP 427.
        return map(str, parse_tag(tag))
    except ValueError:
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """What one index offers for an installed distribution.

    Attributes:
        likely: Wheels with the very tags and build of ``WHEEL``.
        possible: Wheels that share a tag with it.
        other_metadata: Wheels that would be candidates, but have other METADATA.
        other_tags: Wheels of this version for other platforms or Pythons.
        sdists: Source distributions of this version.
    """

    likely: tuple[IndexFile, ...] = ()
    possible: tuple[IndexFile, ...] = ()
    other_metadata: tuple[IndexFile, ...] = ()
    other_tags: tuple[IndexFile, ...] = ()
    sdists: tuple[IndexFile, ...] = ()

    @property
    def has_version(self) -> bool:
        """Whether the index has any file of this version."""
        return bool(self.likely or self.possible or self.other_metadata or self.other_tags or self.sdists)


def of_version(version: Version) -> Callable[[str], bool]:
    """Whether a file name is of a version, told by its version alone, each spelling read once: pages are long."""

    @cache
    def is_it(text: str) -> bool:
        try:
            return Version(text) == version
        except ValueError:
            return False

    def look(filename: str) -> bool:
        if filename.endswith(".whl"):
            return is_it((*filename.split("-", 2), "")[1])
        return is_it(filename.rpartition("-")[2].removesuffix(".zip").removesuffix(".tar.gz"))

    return look


def candidates_of(identity: InstalledIdentity, files: Iterable[IndexFile]) -> Candidates:
    """Sort an index's files of one project by whether they can be what is installed."""
    groups: dict[str, list[IndexFile]] = {name: [] for name in Candidates.__dataclass_fields__}
    for file in files:
        if (group := _group_of(identity, file)) is not None:
            groups[group].append(file)
    return Candidates(**{name: tuple(found) for name, found in groups.items()})


def _group_of(identity: InstalledIdentity, file: IndexFile) -> str | None:
    try:
        if not file.filename.endswith(".whl"):
            name, version = parse_sdist_filename(file.filename)
            return "sdists" if (name, version) == (identity.name, identity.version) else None
        if not within_caps(file.filename):
            return None
        name, version, build, tags = parse_wheel_filename(file.filename)
    except (InvalidWheelFilename, InvalidSdistFilename, ValueError):
        return None
    if (name, version) != (identity.name, identity.version):
        return None
    tag_set = frozenset(map(str, tags))
    if identity.tags and not tag_set & identity.tags:
        return "other_tags"
    if file.metadata_digest is not None and file.metadata_digest != identity.metadata:
        return "other_metadata"
    said = "".join(map(str, build))
    return "likely" if tag_set == identity.tags and said == identity.build else "possible"


def no_candidate(identity: InstalledIdentity, found: Iterable[Candidates], *, was_listed: bool) -> RecordError:
    """Why nothing on any index can be what is installed.

    Args:
        identity: What is installed.
        found: What each index that has the project offers.
        was_listed: Whether any index has the project at all.
    """
    offers = tuple(found)
    shown = f"{identity.display_name} {identity.version}"
    tags = ", ".join(sorted(identity.tags)) or "no tags"
    if identity.is_local and not any(one.has_version for one in offers):
        return RecordError(
            "its version is a local one, which no index offers",
            code="local-version",
            got=shown,
            hint="it was built or patched by hand; put its wheel on an index, or name the index it came from",
        )
    if not was_listed:
        return RecordError(
            "no index has this project",
            code="not-on-index",
            got=shown,
            hint="name the index it came from (--index-url, or index_urls=)",
        )
    if other := next((file for one in offers for file in one.other_metadata), None):
        return RecordError(
            "the index has a wheel of this name, but of another build: its METADATA differs",
            code="different-build",
            url=public_url(other.url),
            expected=f"METADATA with sha256 {other.metadata_digest}",
            got=str(identity.metadata),
            hint="name the index it came from (--index-url, or index_urls=), or " + REINSTALL,
        )
    wheels = sorted({file.filename for one in offers for file in one.other_tags})
    if any(one.sdists for one in offers):
        return RecordError(
            "it was built here from an sdist: the index has no wheel with its tags",
            code="built-from-sdist",
            expected=tags,
            got=", ".join(wheels[:3]) or "only an sdist",
            hint="a lock holds wheels; build one for this platform and put it on an index",
        )
    if wheels:
        return RecordError(
            "the index has no wheel with its tags",
            code="no-matching-wheel",
            expected=tags,
            got=", ".join(wheels[:3]),
            hint="name the index it came from (--index-url, or index_urls=)",
        )
    return RecordError(
        "no index lists a file of this version",
        code="version-not-on-index",
        got=shown,
        hint="it was removed, came from elsewhere, or the index sent another page (to log in, say); name the index it "
        "came from (--index-url, or index_urls=)",
    )


def not_replayable(got: str) -> RecordError:
    """Why a wheel from a local file cannot be locked when nobody kept it.

    Args:
        got: Where it came from.
    """
    return RecordError(
        "its wheel was a local file that no other machine can reach, and its bytes are not kept here",
        code="not-replayable",
        got=got,
        hint="uninstall it and install it again with micropip while recording is on, which keeps its bytes; or put the "
        "wheel on a server or an index and install it from there",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectUrl:
    """A wheel that was installed from a URL (PEP 610).

    Attributes:
        url: Its address, without credentials.
        digest: SHA-256 of the wheel, when the installer noted it.
    """

    url: str
    digest: Digest | None


def direct_url_of(text: str) -> DirectUrl:
    """Read ``direct_url.json``.

    Source: PEP 610 ("Recording the Direct URL Origin of installed distributions").

    Raises:
        RecordError: codes ``editable``, ``local-directory``, ``vcs``, ``built-from-sdist``, ``not-replayable``,
            ``record-unreadable``.
    """
    try:
        facts = json.loads(text)
        url = facts["url"]
        if not isinstance(url, str) or not url:
            raise TypeError(f"url is {url!r}")
        kinds = {kind: facts[kind] for kind in ("dir_info", "vcs_info", "archive_info") if kind in facts}
        if len(kinds) != 1 or not all(isinstance(info, dict) for info in kinds.values()):
            raise TypeError(f"one of dir_info, vcs_info and archive_info, not {', '.join(kinds) or 'none'}")
        digest = _archive_digest(kinds.get("archive_info", {}))
        path = urlsplit(url).path
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, LockSchemaError) as error:
        raise RecordError(
            "direct_url.json cannot be read",
            code="record-unreadable",
            where="direct_url.json",
            got=str(error),
            hint="uninstall it and install it again",
        ) from error
    shown = public_url(url)
    if "dir_info" in kinds:
        raise _from_directory(shown, editable=bool(kinds["dir_info"].get("editable")))
    if "vcs_info" in kinds:
        raise _from_checkout(shown, kinds["vcs_info"])
    scheme = urlsplit(shown).scheme
    if not path.endswith(".whl") and scheme != "ni":
        raise RecordError(
            "it was built here from a source archive",
            code="built-from-sdist",
            got=shown,
            hint="a lock holds wheels; build one, put it on a server or an index and install it from there",
        )
    if not is_reachable(shown):
        raise not_replayable(shown)
    return DirectUrl(url=shown, digest=digest)


def _archive_digest(info: Mapping[str, Any]) -> Digest | None:
    hashes = info.get("hashes")
    text = hashes.get("sha256") if isinstance(hashes, dict) else None
    if text is None and isinstance(info.get("hash"), str):
        # The older key, "<algorithm>=<digest>".
        algorithm, _, value = info["hash"].partition("=")
        text = value if algorithm == "sha256" else None
    return Digest.from_hex(text) if isinstance(text, str) else None


def _from_directory(url: str, *, editable: bool) -> RecordError:
    if editable:
        return RecordError(
            "it is an editable install of a directory on this machine",
            code="editable",
            got=url,
            hint="build a wheel, put it on a server or an index and install it from there",
        )
    return RecordError(
        "it was built here from a directory on this machine",
        code="local-directory",
        got=url,
        hint="build a wheel, put it on a server or an index and install it from there",
    )


def _from_checkout(url: str, info: Mapping[str, Any]) -> RecordError:
    commit = str(info.get("commit_id", ""))[:12]
    return RecordError(
        "it was installed from a checkout",
        code="vcs",
        got=f"{info.get('vcs', 'vcs')} {url}" + (f" at {commit}" if commit else ""),
        hint="build a wheel of that commit, put it on a server or an index and install it from there",
    )
