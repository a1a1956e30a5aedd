"""One install under way: what is known about each wheel before it is unpacked, and the records it will leave.

Rules this file keeps:

1. What is recorded can be replayed: a wheel that a replay would refuse (identity, RECORD, container, reserved names,
   another Python, a digest that the index or the address promised) is refused here, before anything of the install is
   unpacked.
2. A record is made from the very bytes that are unpacked; it is written together with them.
3. Addresses are absolute and public before they are written: no credentials, query or fragment.
4. The policy's pins and its list of hosts hold before a byte of a wheel is asked for; an index is not even asked for
   a name that is pinned to another one.
5. A wheel from a file of this session (``emfs:``, ``file:``) is kept before anything is unpacked, and recorded by what
   it is and not by where it lay: its address means nothing to anybody else.

Left to others: micropip (:mod:`micropip_lock.adapters.micropip`), project pages
(:mod:`micropip_lock.adapters.index_answers`), what is in place already (:mod:`micropip_lock.adapters.in_place`).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.adapters.index_answers import Pages, project_of, site_index_of
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.dist_info import OriginRecord, format_records, pyodide_source
from micropip_lock.core.hosts import index_form
from micropip_lock.core.index_page import IndexFile, base_url
from micropip_lock.core.local_wheel import is_reachable, local_origin
from micropip_lock.core.model import Origin, OriginKind
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.policy_fields import RUNTIME
from micropip_lock.core.redact import public_url
from micropip_lock.core.specifiers import parse_requirement
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.core.wheel_place import check_place
from micropip_lock.errors import HashMismatchError, LockSchemaError, WheelMetadataError


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a person asked for.

    Attributes:
        requirement: As it was written.
        extras: Requested extras, sorted.
    """

    requirement: str
    extras: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known about a wheel before it is installed.

    Attributes:
        kind: Found by name, or given by its address.
        index: Base URL of the index that listed it.
        entry: What that index said about it.
        asked: What a person asked for; ``None`` for a dependency.
    """

    kind: OriginKind
    index: str | None = None
    entry: IndexFile | None = None
    asked: Asked | None = None


class PinnedElsewhereError(Exception):
    """This index is not asked, because the name is pinned to another one that is; micropip goes on to the next."""


@dataclass(kw_only=True, slots=True)
class Underway:
    """One call of ``install``.

    Attributes:
        asked: What a person asked for, by normalised name.
        pages: Project pages seen.
        page_address: What relative addresses of wheels are resolved against; ``None`` where there is no page.
        direct: Addresses that were given as requirements.
        policy: Where packages may come from.
        keep: Keeps the bytes of a wheel from a local file.
    """

    asked: Mapping[NormalizedName, Asked]
    pages: Pages
    page_address: str | None = None
    direct: set[str] = field(default_factory=set)
    policy: Policy = DEFAULT_POLICY
    keep: Callable[[VerifiedWheel], None] = field(default=lambda wheel: None)
    _facts: dict[str, Facts] = field(default_factory=dict)
    _described: dict[str, Digest] = field(default_factory=dict)
    _records: dict[tuple[Digest, str], tuple[Digest, Digest]] = field(default_factory=dict)

    def add(self, name: NormalizedName, url: str, indices: Mapping[str, Mapping[str, object] | None]) -> None:
        """Note where a wheel comes from, before it is fetched.

        Args:
            name: Of its distribution.
            url: Its address as micropip has it.
            indices: Indexes of the JupyterLite site, as piplite keeps them.

        Raises:
            InputError: The policy forbids it: codes ``index-pin``, ``host-not-allowed`` ….
        """
        # Two that need one distribution at once make micropip add, and install, its wheel twice.
        if url in self._facts:
            return
        asked = self.asked.get(name)
        if url in self.direct:
            self._facts[url] = Facts(kind="url", asked=asked)
        elif (found := self.pages.listed(name, url)) is not None:
            self._facts[url] = Facts(kind="index", index=found[0], entry=found[1], asked=asked)
        else:
            self._facts[url] = Facts(kind="index", index=site_index_of(name, url, indices), asked=asked)
        facts, address = self._facts[url], absolute(url, self.page_address)
        self.check_origin(name, Origin(kind=facts.kind, url=public_url(address), index=facts.index))
        # What http: and this machine's files would be in a lock is the freeze's matter; an install may use them.
        if self.policy.allow_hosts is not None and urlsplit(address).scheme in ("https", "http"):
            fault = self.policy.address_fault(public_url(address), package=name)
            if fault is not None:
                raise fault

    def check_origin(self, name: str, origin: Origin) -> None:
        """Refuse a package from another place than the one it is pinned to.

        Raises:
            LockPolicyError: code ``index-pin``.
        """
        if (fault := self.policy.origin_fault(name, origin)) is not None:
            raise fault

    def check_index(self, url: str) -> None:
        """Refuse to ask an index for the page of a name that is pinned to another place.

        Args:
            url: Address of the project page.

        Raises:
            PinnedElsewhereError: The right place will be asked.
            LockPolicyError: It will not: code ``index-pin``.
        """
        name = project_of(url)
        index = base_url(url, name, self.pages.index_urls)
        pin = self.policy.pin_of(name)
        if pin is None or pin == index_form(index):
            return
        if pin == RUNTIME or pin in map(index_form, self.pages.index_urls):
            raise PinnedElsewhereError(f"{name} is pinned to {pin}")
        self.check_origin(name, Origin(kind="index", url="", index=index))

    def promised(self, url: str) -> str | None:
        """The SHA-256 in hexadecimal that the index gave for the wheel at an address."""
        facts = self._facts.get(url)
        return facts.entry.digest.hex if facts is not None and facts.entry and facts.entry.digest else None

    def describe(self, url: str, metadata: bytes) -> None:
        """Note what the index says METADATA of a wheel is: the installer decides by it what else to install.

        Args:
            url: Address of the wheel.
            metadata: The file beside it (PEP 658).
        """
        self._described[_without_suffix(url)] = Digest.of(metadata)

    def admit(self, data: bytes, filename: str, *, url: str = "", promised: str | None = None) -> Digest:
        """Check a wheel as strictly as a replay does.

        Args:
            data: Its bytes.
            filename: Its name.
            url: Where it came from.
            promised: SHA-256 in hexadecimal, when the index gave one.

        Returns:
            The digest of its RECORD.

        Raises:
            HashMismatchError: The bytes are not those that were promised.
            WheelMetadataError: code ``metadata-drift``: METADATA is not what the index says it is.
            WheelFormatError, WheelPathError, WheelMetadataError, WheelRecordError, WheelTooLargeError: see each code.
            EnvironmentMismatchError, ConflictError: This environment cannot have it.
            StorageError: It is from a local file and cannot be kept.
        """
        digest = Digest.of(data)
        if promised and promised.lower() != digest.hex:
            raise HashMismatchError(
                "the file is not the one its index lists",
                url=public_url(url),
                expected=f"sha256 {promised}",
                got=digest.hex,
                hint="nothing was installed; try again, and tell the owner of the index if it happens again",
            )
        key = (digest, filename)
        if key not in self._records:
            wheel = admit(data, digest, filename=filename)
            opened = OpenedWheel(wheel)
            check_place(opened, platform.python_version())
            for _path, _bytes in opened.files():
                # Inflating is the check: the CRC, and the digest in RECORD.
                pass
            texts = (opened.record_text, opened.metadata)
            record, metadata = (Digest.of(text.encode("utf-8")) for text in texts)
            if url and not is_reachable(absolute(url, self.page_address)):
                self.keep(wheel)
            self._records[key] = record, metadata
        record, metadata = self._records[key]
        self._check_described(filename, metadata, url)
        return record

    def _check_described(self, filename: str, got: Digest, url: str) -> None:
        """Compare METADATA with what the index says it is, as listed and as served."""
        facts = self._facts.get(url)
        listed = facts.entry.metadata_digest if facts is not None and facts.entry is not None else None
        for promised in (listed, self._described.get(_without_suffix(url))):
            if promised not in (None, got):
                raise WheelMetadataError(
                    "METADATA of the wheel is not what its index says it is",
                    code="metadata-drift",
                    where=f"{filename}: METADATA",
                    url=public_url(url),
                    expected=f"sha256 {promised}",
                    got=got.hex,
                    hint="nothing was installed: what the index says decides what comes along; tell its owner",
                )

    def records(self, data: bytes, filename: str, files: Mapping[str, str]) -> dict[str, str]:
        """The files to write into dist-info beside the wheel's own.

        Args:
            data: The bytes that are about to be unpacked.
            filename: Name of the wheel.
            files: What micropip would write.

        Raises:
            MicropipLockError: see :meth:`admit`.
        """
        address = files.get("PYODIDE_URL", "")
        record_digest = self.admit(data, filename, url=address)
        facts = self._facts.get(address, Facts(kind="url"))
        url = public_url(absolute(address, self.page_address))
        origin = Origin(kind=facts.kind, url=url, index=facts.index)
        requirement = facts.asked.requirement if facts.asked else None
        if not is_reachable(url):
            # Whoever asked for it wrote where it lay.
            origin, requirement = local_origin(filename), None
        record = OriginRecord(
            origin=origin,
            digest=Digest.of(data),
            size=len(data),
            upload_time=facts.entry.upload_time if facts.entry else None,
            yanked=facts.entry.yanked if facts.entry else False,
            requested=facts.asked is not None,
            requirement=requirement,
            extras=facts.asked.extras if facts.asked else (),
            record_digest=record_digest,
        )
        return {
            **files,
            "PYODIDE_SOURCE": pyodide_source(origin),
            "PYODIDE_URL": origin.url,
            **format_records(record),
        }


def _without_suffix(url: str) -> str:
    """A wheel's address, of its own or of its metadata file, without what follows the path."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path.removesuffix(".metadata"), query="", fragment="").geturl()


def absolute(url: str, page_address: str | None) -> str:
    """The address that a browser asks for when it is given ``url``; relative where there is no page.

    Source: URL Standard, "basic URL parser" with a base.
    """
    if urlsplit(url).scheme or page_address is None:
        return url
    return urljoin(page_address, url)


def asked_for(requirements: Iterable[str], page_address: str | None = None) -> dict[NormalizedName, Asked]:
    """Requirements as a person wrote them, by name: specifiers, or addresses of wheels, which are made absolute."""
    found: dict[NormalizedName, Asked] = {}
    for text in requirements:
        name, asked = _asked(text, page_address)
        before = found.get(name)
        extras = {*asked.extras, *(before.extras if before else ())}
        found[name] = Asked(requirement=asked.requirement, extras=tuple(sorted(extras)))
    return found


def _asked(text: str, page_address: str | None) -> tuple[NormalizedName, Asked]:
    try:
        requirement = parse_requirement(text)
        if not requirement.name.endswith(".whl"):
            extras = tuple(sorted(requirement.extras))
            return canonicalize_name(requirement.name), Asked(requirement=str(requirement), extras=extras)
    except InvalidRequirement:
        pass
    filename = unquote(urlsplit(text).path.rsplit("/", 1)[-1])
    asked = Asked(requirement=absolute(text, page_address), extras=())
    return canonicalize_name(filename.partition("-")[0]), asked


def wheel_of(url: str) -> str | None:
    """The wheel that an address names, or ``None`` when it names something else."""
    filename = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    return filename if filename.endswith(".whl") and not url.endswith(".metadata") else None


def bytes_of(buffer: Any) -> bytes:
    """The bytes behind what micropip hands to its installer: a JavaScript buffer in Pyodide, bytes elsewhere."""
    return bytes(buffer.to_bytes()) if hasattr(buffer, "to_bytes") else bytes(buffer)


def check_promise(url: str, data: bytes) -> None:
    """``#sha256=…`` of a direct URL is a promise; so is ``?sha256=…``, which piplite writes. micropip looks at neither.

    Raises:
        HashMismatchError: The bytes are others.
    """
    parts = urlsplit(url)
    for part in (*parts.fragment.split("&"), *parts.query.split("&")):
        name, _, value = part.partition("=")
        if name != "sha256" or not parts.path.endswith(".whl"):
            continue
        try:
            expected = Digest.from_hex(value)
        except LockSchemaError:
            continue
        if (got := Digest.of(data)) != expected:
            raise HashMismatchError(
                "the file is not the one its address promises",
                url=public_url(url),
                expected=f"sha256 {expected}",
                got=str(got),
            )
