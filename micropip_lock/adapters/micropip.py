"""The only file that knows the insides of micropip and piplite.

What it relies on, each kept by a contract test for every supported micropip (0.11.0 of Pyodide 0.29.0, 0.11.1 of
Pyodide 0.29.5 and 314):

1. ``micropip._package_manager_singleton.compat_layer`` is read at each install; its static methods
   ``fetch_string_and_headers``, ``fetch_bytes``, ``install`` and ``loadPackage`` see every page, byte, wheel and name.
   In 0.11.0 bytes and wheels go through globals of ``micropip.wheelinfo``, ``fetch_bytes`` and ``install``, instead.
2. ``install`` gets a dict whose every key becomes a file in dist-info, with ``PYODIDE_URL`` and ``PYODIDE_SHA256``.
3. ``micropip.package_manager`` looks up ``Transaction`` and ``freeze_lockfile`` as globals at call time, so that
   replacing them also reaches ``from micropip import install, freeze`` bound earlier.
4. ``query_package`` asks ``headers.get("content-type")`` outside its ``try``: an error raised there stops the install,
   where one raised by the fetch only moves on to the next index.
5. piplite answers from ``all.json`` without a project page and keeps those in ``piplite.piplite._PIPLITE_INDICES``.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from site import getsitepackages
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import (
    RECORD_FILE,
    RESERVED_FILES,
    OriginRecord,
    format_records,
    parse_records,
    public_url,
)
from micropip_lock.core.index_page import IndexFile, base_url, parse_page, with_absolute_urls
from micropip_lock.core.model import Origin, OriginKind
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    HashMismatchError,
    LockSchemaError,
    MicropipLockError,
    NetworkError,
    OutcomeError,
    RuntimeMissingError,
    ServerError,
    WheelFormatError,
    WheelMetadataError,
    WheelRecordError,
)

_GONE = (404, 410)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    url: str
    index: str
    text: str
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a person asked for."""

    requirement: str
    extras: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """What is known about a wheel before it is installed."""

    kind: OriginKind
    index: str | None = None
    entry: IndexFile | None = None
    asked: _Asked | None = None


@dataclass(kw_only=True, slots=True)
class _State:
    """What is known about installs that are under way.

    Attributes:
        pages: Project pages as they arrived.
        facts: By the URL of each wheel that is about to be installed.
        loading: What a person asked for and the runtime's own distribution brings.
        index_urls: Every index that was configured, in the order seen.
        site_fault: Why piplite's own index could not be read.
    """

    on_install: Callable[[str, int], None]
    pages: dict[NormalizedName, list[_Page]] = field(default_factory=dict)
    facts: dict[str, _Facts] = field(default_factory=dict)
    loading: dict[NormalizedName, _Asked] = field(default_factory=dict)
    index_urls: dict[str, None] = field(default_factory=dict)
    site_fault: MicropipLockError | None = None


class _Faulty(dict[str, str]):
    """Headers of an index that failed: asking them anything raises (see rule 4 above)."""

    def __init__(self, error: MicropipLockError) -> None:
        super().__init__()
        self.error = error

    def get(self, key: str, default: object = None) -> Any:  # noqa: ARG002  # the signature is dict's
        raise self.error


class MicropipRecorder:
    """Makes every install through micropip and piplite leave its origin in dist-info.

    Args:
        freeze_text: What ``micropip.freeze()`` returns while recording is on.
        on_install: Told the file name and bytes of each wheel that is installed.
    """

    def __init__(self, freeze_text: Callable[[], str], on_install: Callable[[str, int], None] | None = None) -> None:
        self._freeze_text = freeze_text
        self._on_install = on_install or (lambda filename, size: None)
        self._undo: list[Callable[[], None]] = []

    @property
    def running(self) -> bool:
        """Whether recording is on."""
        return bool(self._undo)

    def start(self) -> None:
        """Turn recording on.

        Raises:
            RuntimeMissingError: code ``no-micropip``; ``micropip-unknown`` when its insides are not as expected.
        """
        if self.running:
            return
        try:
            import micropip
            from micropip import package_manager, wheelinfo
        except ImportError as error:
            raise RuntimeMissingError(
                "micropip is not installed here",
                code="no-micropip",
                hint="in Pyodide: await pyodide.loadPackage('micropip'); on the host there is nothing to record",
            ) from error
        try:
            manager = micropip._package_manager_singleton
            layer, transaction, _freeze = (
                manager.compat_layer,
                package_manager.Transaction,
                package_manager.freeze_lockfile,
            )
        except AttributeError as error:
            raise RuntimeMissingError(
                "this micropip is built differently from those supported",
                code="micropip-unknown",
                got=str(getattr(micropip, "__version__", "?")),
                expected="0.11",
                hint="update micropip-lock",
            ) from error
        state = _State(on_install=self._on_install)
        recording = recording_layer(layer, state)
        self._replace(manager, "compat_layer", recording)
        self._replace(package_manager, "Transaction", recording_transaction(transaction, state))
        self._replace(package_manager, "freeze_lockfile", lambda *_args, **_kwargs: self._freeze_text())
        for name in ("fetch_bytes", "install"):
            if hasattr(wheelinfo, name):
                self._replace(wheelinfo, name, getattr(recording, name))

    def _replace(self, owner: Any, name: str, value: object) -> None:
        self._undo.append(partial(setattr, owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def stop(self) -> None:
        """Leave micropip as it was."""
        while self._undo:
            self._undo.pop()()


async def install_from_index(
    requirements: Sequence[str],
    index_urls: Sequence[str],
    constraints: Sequence[str],
    *,
    with_default: bool = True,
    pre: bool = False,
) -> None:
    """Install the newest that the index has; the runtime's own distribution only fills gaps.

    Args:
        requirements: As for ``micropip.install``.
        index_urls: Asked in this order.
        constraints: As for ``micropip.install``.
        with_default: Ask micropip's own default index after them.
        pre: Take pre-releases too.

    Raises:
        OutcomeError: code ``install-failed``, with micropip's reason.
    """
    import micropip
    from micropip.package_index import DEFAULT_INDEX_URLS

    try:
        await micropip.install(
            list(requirements),
            # Anything but the very list of defaults makes micropip ask the index before the runtime's own lock.
            index_urls=(*index_urls, *(DEFAULT_INDEX_URLS if with_default else ())),
            constraints=list(constraints) or None,
            pre=pre,
        )
    except (ValueError, RuntimeError, OSError) as error:
        reason = str(error).strip() or type(error).__name__
        raise OutcomeError(
            "micropip could not install the requirements",
            code="install-failed",
            got=reason.splitlines()[0],
            hint="check the names and versions, and that the index has wheels for Pyodide",
        ) from error


def recording_layer(layer: Any, state: _State) -> Any:
    """A subclass of micropip's current compatibility layer that keeps what it sees."""

    class RecordingLayer(layer):  # type: ignore[misc]  # the base is micropip's, known at run time only
        @staticmethod
        async def fetch_string_and_headers(url: str, kwargs: dict[str, Any]) -> tuple[str, Mapping[str, str]]:
            if state.site_fault is not None and not _is_all_json(url):
                return "", _Faulty(state.site_fault)
            try:
                text, headers = await layer.fetch_string_and_headers(url, kwargs)
            except Exception as error:  # whatever the platform's fetch raises is sorted here
                status = _status(error)
                if status in _GONE:
                    raise
                fault = _index_fault(url, status, error)
                if _is_all_json(url):
                    # piplite swallows every error here and would go on to the public index.
                    state.site_fault = fault
                return "", _Faulty(fault)
            if _is_all_json(url):
                state.site_fault = None
                return text, headers
            project = _project(url)
            content_type = str(headers.get("content-type", ""))
            if "json" in content_type:
                text = with_absolute_urls(text, url)
            page = _Page(url=url, index=base_url(url, project, state.index_urls), text=text, content_type=content_type)
            state.pages.setdefault(project, []).append(page)
            return text, headers

        @staticmethod
        async def fetch_bytes(url: str, kwargs: dict[str, str]) -> bytes:
            data: bytes = await layer.fetch_bytes(url, kwargs)
            _check_fragment(url, data)
            return data

        @staticmethod
        async def install(buffer: Any, filename: str, install_dir: str, metadata: dict[str, str] | None = None) -> None:
            files = dict(metadata or {})
            data = bytes_of(buffer)
            files.update(_records(state, data, filename, files))
            await layer.install(buffer, filename, install_dir, files)
            state.on_install(filename, len(data))

        @staticmethod
        async def loadPackage(names: Any) -> None:  # noqa: N802  # micropip's name
            wanted = [str(name) for name in names]
            await layer.loadPackage(names)
            for name in wanted:
                _record_loaded(state, layer, name)

    return RecordingLayer


def recording_transaction(transaction: Any, state: _State) -> Any:
    """A subclass of micropip's ``Transaction`` that keeps what a person asked for and which page each wheel was on."""

    class RecordingTransaction(transaction):  # type: ignore[misc]  # the base is micropip's, known at run time only
        async def gather_requirements(self, requirements: Any) -> None:
            if hasattr(self, "_recorded_asked"):
                await super().gather_requirements(requirements)
                return
            self._recorded_asked = dict(_asked(str(requirement)) for requirement in requirements)
            self._recorded_urls: set[str] = set()
            self._recorded_direct: set[str] = set()
            urls = [self.index_urls] if isinstance(self.index_urls, str) else self.index_urls
            state.index_urls.update(dict.fromkeys(map(str, urls)))
            try:
                await super().gather_requirements(requirements)
            except BaseException:
                for url in self._recorded_urls:
                    state.facts.pop(url, None)
                raise
            wheels = {canonicalize_name(one.name) for one in self.wheels}
            loading = {canonicalize_name(one.name) for one in self.pyodide_packages}
            for name, asked in self._recorded_asked.items():
                if name in loading:
                    state.loading[name] = asked
                elif name not in wheels:
                    _mark_requested(name, asked)

        async def add_requirement_from_url(self, req: str, extras: Any = None) -> None:
            self._recorded_direct.add(req)
            await super().add_requirement_from_url(req, extras)

        async def add_wheel(self, wheel: Any, extras: Any, **kwargs: Any) -> None:
            name = canonicalize_name(wheel.name)
            asked = self._recorded_asked.get(name)
            again = wheel.url in self._recorded_urls
            self._recorded_urls.add(wheel.url)
            if again:
                # Two that need the same distribution at once make micropip add, and install, its wheel twice.
                state.pages.pop(name, None)
            elif wheel.url in self._recorded_direct:
                state.facts[wheel.url] = _Facts(kind="url", asked=asked)
            else:
                index, entry = _index_of(state, name, wheel.url)
                state.facts[wheel.url] = _Facts(kind="index", index=index, entry=entry, asked=asked)
            await super().add_wheel(wheel, extras, **kwargs)

    return RecordingTransaction


def bytes_of(buffer: Any) -> bytes:
    """The bytes behind what micropip hands to its installer: a JavaScript buffer in Pyodide, bytes elsewhere."""
    return bytes(buffer.to_bytes()) if hasattr(buffer, "to_bytes") else bytes(buffer)


def _records(state: _State, data: bytes, filename: str, files: Mapping[str, str]) -> dict[str, str]:
    """The record files of one wheel, and micropip's own without credentials."""
    record_text = _shipped_record(data, filename)
    url = files.get("PYODIDE_URL", "")
    # Not taken out: micropip can install one wheel twice, and both times it came from where it came from.
    facts = state.facts.get(url, _Facts(kind="url"))
    record = OriginRecord(
        origin=Origin(kind=facts.kind, url=public_url(url), index=facts.index),
        digest=Digest.of(data),
        size=len(data),
        upload_time=facts.entry.upload_time if facts.entry else None,
        requested=facts.asked is not None,
        requirement=facts.asked.requirement if facts.asked else None,
        extras=facts.asked.extras if facts.asked else (),
        record_digest=Digest.of(record_text),
    )
    public = {key: public_url(files[key]) for key in ("PYODIDE_URL", "PYODIDE_SOURCE") if "://" in files.get(key, "")}
    return {**public, **format_records(record)}


def _shipped_record(data: bytes, filename: str) -> bytes:
    """RECORD as the wheel ships it, after refusing a wheel that ships records of its own."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            for name in names:
                directory, _, base = name.rpartition("/")
                if directory.endswith(".dist-info") and "/" not in directory and base in RESERVED_FILES:
                    raise WheelRecordError(
                        "the wheel ships a file that only an installer may write",
                        code="reserved-dist-info-file",
                        where=f"{filename}: {name}",
                        hint="do not install this wheel: it forges where it came from",
                    )
            records = [name for name in names if name.endswith(".dist-info/RECORD") and name.count("/") == 1]
            if len(records) != 1:
                raise WheelMetadataError(
                    "a wheel has exactly one dist-info directory with a RECORD", code="no-record", where=filename
                )
            return archive.read(records[0])
    except zipfile.BadZipFile as error:
        raise WheelFormatError(
            "the bytes are no zip archive", code="bad-zip", where=filename, got=str(error)
        ) from error


def _index_of(state: _State, name: NormalizedName, url: str) -> tuple[str | None, IndexFile | None]:
    """The index whose page listed ``url``, and what it said about it; the newest page wins."""
    plain = urldefrag(url).url
    for page in reversed(state.pages.pop(name, [])):
        for entry in parse_page(page.text, page.content_type, page.url):
            if entry.url == plain:
                return page.index, entry
    piplite = sys.modules.get("piplite.piplite")
    indices = getattr(piplite, "_PIPLITE_INDICES", {})
    for all_json in indices:
        if name in indices[all_json] and url.startswith(str(all_json).split("/all.json")[0] + "/"):
            return public_url(str(all_json)), None
    return None, None


def _asked(text: str) -> tuple[NormalizedName, _Asked]:
    """A requirement as a person wrote it: a specifier, or the URL of a wheel."""
    try:
        requirement = Requirement(text)
        if not requirement.name.endswith(".whl"):
            return canonicalize_name(requirement.name), _Asked(
                requirement=str(requirement), extras=tuple(sorted(requirement.extras))
            )
    except InvalidRequirement:
        pass
    filename = urlsplit(text).path.rsplit("/", 1)[-1]
    return canonicalize_name(filename.partition("-")[0]), _Asked(requirement=text, extras=())


def _site_packages() -> Path:
    return Path(getsitepackages()[0])


def _dist_info(name: NormalizedName) -> Path | None:
    for path in _site_packages().glob("*.dist-info"):
        if canonicalize_name(path.name.partition("-")[0]) == name:
            return path
    return None


def _mark_requested(name: NormalizedName, asked: _Asked) -> None:
    """Somebody asked for what was there already: it is requested now, with these extras."""
    directory = _dist_info(name)
    if directory is None or not (directory / RECORD_FILE).exists():
        return
    record = parse_records(lambda filename: _text(directory / filename))
    if record is not None:
        extras = tuple(sorted({*record.extras, *asked.extras}))
        _write(directory, replace(record, requested=True, requirement=asked.requirement, extras=extras))


def _record_loaded(state: _State, layer: Any, name: str) -> None:
    """Record a package that came from the runtime's own distribution, or say that it did not come."""
    normalized = canonicalize_name(name)
    asked = state.loading.pop(normalized, None)
    entry = layer.lockfile_packages.get(normalized) or layer.lockfile_packages.get(name)
    directory = _dist_info(normalized)
    if directory is None:
        if entry and entry.get("package_type", "package") != "package":
            return
        raise FetchError(
            f"{name} of the Pyodide distribution did not arrive",
            code="runtime-package-failed",
            package=normalized,
            url=public_url(f"{layer.lockfile_base_url or ''}{entry['file_name']}") if entry else None,
            hint="Pyodide logs such a failure and goes on; check that its package address can be reached from here",
        )
    record_text = _text(directory / "RECORD")
    if asked is None or entry is None or record_text is None or (directory / RECORD_FILE).exists():
        return
    _write(
        directory,
        OriginRecord(
            origin=Origin(
                kind="runtime", url=public_url(urljoin(str(layer.lockfile_base_url or ""), str(entry["file_name"])))
            ),
            digest=Digest.from_hex(str(entry["sha256"])),
            requested=True,
            requirement=asked.requirement,
            extras=asked.extras,
            record_digest=Digest.of(record_text.encode("utf-8")),
        ),
    )


def _write(directory: Path, record: OriginRecord) -> None:
    for name, text in format_records(record).items():
        (directory / name).write_bytes(text.encode("utf-8"))


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _check_fragment(url: str, data: bytes) -> None:
    """``#sha256=…`` of a direct URL is a promise; micropip does not look at it."""
    name, _, value = urlsplit(url).fragment.partition("=")
    if name != "sha256":
        return
    try:
        expected = Digest.from_hex(value)
    except LockSchemaError:
        return
    got = Digest.of(data)
    if got != expected:
        raise HashMismatchError(
            "the file is not the one its address promises",
            url=public_url(url),
            expected=f"sha256 {expected}",
            got=str(got),
        )


def _project(url: str) -> NormalizedName:
    segments = [segment for segment in urlsplit(url).path.split("/") if segment and segment != "json"]
    return canonicalize_name(segments[-1]) if segments else canonicalize_name("")


def _is_all_json(url: str) -> bool:
    return urlsplit(url).path.endswith("/all.json")


def _status(error: BaseException) -> int | None:
    for name in ("status", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int):
            return value
    return None


def _index_fault(url: str, status: int | None, error: Exception) -> MicropipLockError:
    public = public_url(url)
    hint = "nothing was installed: another index must not answer for one that failed; try again, or take it out"
    if status in (401, 403):
        return BlockedError("the index refuses us", url=public, status=status, got=f"HTTP {status}", hint=hint)
    if status is not None:
        return ServerError(
            "the index failed", code="index-failed", url=public, status=status, got=f"HTTP {status}", hint=hint
        )
    return NetworkError(
        "the index does not answer",
        code="index-unreachable",
        url=public,
        got=str(error) or type(error).__name__,
        hint=hint + "; in a browser it must also send Access-Control-Allow-Origin",
    )
