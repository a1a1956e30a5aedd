"""The importer of micropip and piplite, with ``micropip_start`` and ``micropip_mocks``: what knows how they are built.

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
6. One install is one context (PEP 567): what ``gather_requirements`` sets in a context variable, the layer's methods
   find. When it returns, each of ``self.wheels`` holds its bytes in ``_data`` and nothing has been changed.
7. ``micropip._mock_package`` keeps in-memory mocks in ``_mock_distributions``: each has ``modules`` and ``file_dict``.

Left to others: what is known about an install (:mod:`micropip_lock.adapters.underway`), pages and failures of indexes
(:mod:`micropip_lock.adapters.index_answers`), what is in place (:mod:`micropip_lock.adapters.in_place`), mock packages
(:mod:`micropip_lock.adapters.memory_mocks`).
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from site import getsitepackages
from typing import Any, Final

from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from micropip_lock.adapters.in_place import Distribution, mark_requested, record_loaded, record_unrecorded
from micropip_lock.adapters.index_answers import (
    FaultyHeaders,
    Pages,
    index_fault,
    is_all_json,
    metadata_address,
    readable_page,
    without_slash,
)
from micropip_lock.adapters.micropip_start import withdraw
from micropip_lock.adapters.remnants import whole_or_nothing
from micropip_lock.adapters.underway import Underway, asked_for, bytes_of, check_promise, wheel_of
from micropip_lock.core.digest import VerifiedWheel
from micropip_lock.core.model import Origin
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.specifiers import parse_requirement
from micropip_lock.errors import LockPolicyError, MicropipLockError, OutcomeError, RuntimeMissingError

_underway: Final[ContextVar[Underway | None]] = ContextVar("micropip_lock_underway", default=None)


@dataclass(kw_only=True, slots=True)
class _Recording:
    """What holds for every install while recording is on.

    Attributes:
        on_install: Told the file name and size of each wheel that is installed.
        page_address: What relative addresses are resolved against.
        runtime_base: What file names of the runtime's own distribution are resolved against.
        keep: Keeps the bytes of wheels from local files.
        site_fault: Why piplite's own index could not be read.
        policy: Where packages may come from.
    """

    on_install: Callable[[str, int], None]
    page_address: str | None
    runtime_base: str | None
    keep: Callable[[VerifiedWheel], None]
    site_fault: MicropipLockError | None = None
    policy: Policy = DEFAULT_POLICY


class MicropipRecorder:
    """Makes every install through micropip and piplite leave its origin in dist-info.

    What ``loadPackage`` brought gets its record when recording begins, with each install, and when recording ends.

    Args:
        freeze_text: What ``micropip.freeze()`` returns while recording is on.
        on_install: Told the file name and size of each wheel that is installed.
        page_address: What relative addresses of wheels are resolved against; ``None`` where there is no page.
        runtime_base: What file names of the runtime's own distribution are resolved against.
        policy: Where packages may come from.
        keep: Keeps the bytes of a wheel from a local file, or raises, and then nothing is installed.
    """

    def __init__(
        self,
        freeze_text: Callable[[], str],
        on_install: Callable[[str, int], None] | None = None,
        *,
        page_address: str | None = None,
        runtime_base: str | None = None,
        policy: Policy = DEFAULT_POLICY,
        keep: Callable[[VerifiedWheel], None] = lambda wheel: None,
    ) -> None:
        self._freeze_text = freeze_text
        self._recording = _Recording(
            on_install=on_install or (lambda filename, size: None),
            page_address=page_address,
            runtime_base=runtime_base,
            policy=policy,
            keep=keep,
        )
        self._undo: list[Callable[[], None]] = []
        self._record_loaded: Callable[[], None] = lambda: None

    @property
    def running(self) -> bool:
        """Whether recording is on."""
        return bool(self._undo)

    @property
    def policy(self) -> Policy:
        """Where packages may come from; it can be changed while recording is on."""
        return self._recording.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._recording.policy = policy

    def start(self) -> None:
        """Turn recording on.

        Raises:
            RuntimeMissingError: code ``no-micropip``; ``micropip-unknown`` when its insides are not as expected.
        """
        if self.running:
            return
        withdraw()
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
        self._record_loaded = partial(record_unrecorded, _site_packages(), _distribution(layer, self._recording))
        self._record_loaded()
        recording = recording_layer(layer, self._recording)
        self._replace(manager, "compat_layer", recording)
        self._replace(package_manager, "Transaction", recording_transaction(transaction, self._recording))
        self._replace(package_manager, "freeze_lockfile", lambda *_args, **_kwargs: self._freeze_text())
        for name in ("fetch_bytes", "install"):
            if hasattr(wheelinfo, name):
                self._replace(wheelinfo, name, getattr(recording, name))

    def _replace(self, owner: Any, name: str, value: object) -> None:
        self._undo.append(partial(setattr, owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def stop(self) -> None:
        """Leave micropip as it was."""
        if not self.running:
            return
        try:
            self._record_loaded()
        finally:
            while self._undo:
                self._undo.pop()()


async def install_from_index(
    requirements: Sequence[str],
    index_urls: Sequence[str],
    constraints: Sequence[str],
    *,
    with_default: bool = True,
    pre: bool = False,
    moving: Sequence[str] = (),
) -> None:
    """Install the newest that the index has; the runtime's own distribution only fills gaps.

    Args:
        requirements: As for ``micropip.install``.
        index_urls: Asked in this order.
        constraints: As for ``micropip.install``.
        with_default: Ask micropip's own default index after them.
        pre: Take pre-releases too.
        moving: Installed packages that are to be taken away first; what is too old for the new ones goes, too.

    Raises:
        OutcomeError: codes ``install-failed``, with micropip's reason; ``unsatisfied``.
    """
    import micropip
    from micropip.package_index import DEFAULT_INDEX_URLS

    try:
        if moving:
            micropip.uninstall(list(moving))
        await micropip.install(
            list(requirements),
            # Anything but the very list of defaults makes micropip ask the index before the runtime's own lock.
            index_urls=(*index_urls, *(DEFAULT_INDEX_URLS if with_default else ())),
            constraints=list(constraints) or None,
            pre=pre,
            reinstall=bool(moving),
        )
    except (ValueError, RuntimeError, OSError) as error:
        reason = str(error).strip() or type(error).__name__
        raise OutcomeError(
            "micropip could not install the requirements",
            code="install-failed",
            got=reason.splitlines()[0],
            hint="check the names and versions, and that the index has wheels for Pyodide",
        ) from error
    _check_satisfied(requirements)


def prepare_for_cells(index_urls: Sequence[str]) -> None:
    """Let a notebook's code install as in JupyterLite: ``import piplite`` gives micropip, which asks these indexes.

    Args:
        index_urls: Asked in this order; micropip's own default when there are none.
    """
    import micropip

    sys.modules.setdefault("piplite", micropip)
    if index_urls:
        micropip.set_index_urls(list(index_urls))


def _check_satisfied(requirements: Sequence[str]) -> None:
    """Micropip takes one of two requirements that contradict each other, and says nothing."""
    for text in requirements:
        try:
            requirement = parse_requirement(text)
        except InvalidRequirement:
            continue  # the address of a wheel
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            installed = None
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            raise OutcomeError(
                f"{requirement.name} is not installed as it was asked for",
                code="unsatisfied",
                package=canonicalize_name(requirement.name),
                expected=text,
                got=installed or "nothing",
                hint="two requirements contradict each other; ask for one version",
            )


def index_urls() -> tuple[str, ...]:
    """The indexes that micropip would ask, in their order; none where micropip is not installed."""
    try:
        import micropip
    except ImportError:
        return ()
    urls = micropip._package_manager_singleton.index_urls
    return _addresses([urls] if isinstance(urls, str) else urls)


def _addresses(urls: Iterable[str]) -> tuple[str, ...]:
    """Index addresses with micropip's word for its own default made an address, too."""
    from micropip import package_index

    names = {getattr(package_index, "PYPI", ""): getattr(package_index, "PYPI_URL", "")}
    return tuple(names.get(url, url) for url in urls)


def recording_layer(layer: Any, recording: _Recording) -> Any:
    """A subclass of micropip's current compatibility layer that keeps what it sees."""

    class RecordingLayer(layer):  # type: ignore[misc]  # the base is micropip's, known at run time only
        @staticmethod
        async def fetch_string_and_headers(url: str, kwargs: dict[str, Any]) -> tuple[str, Mapping[str, str]]:
            if recording.site_fault is not None and not is_all_json(url):
                return "", FaultyHeaders(recording.site_fault)
            underway = _underway.get()
            if underway is not None and not is_all_json(url):
                try:
                    underway.check_index(url)
                except LockPolicyError as forbidden:
                    return "", FaultyHeaders(forbidden)
            try:
                text, headers = await layer.fetch_string_and_headers(url, kwargs)
            except Exception as error:  # whatever the platform's fetch raises is sorted here
                fault = index_fault(url, error)
                if fault is None:
                    raise
                if is_all_json(url):
                    # piplite swallows every error here and would go on to the public index.
                    recording.site_fault = fault
                return "", FaultyHeaders(fault)
            if is_all_json(url):
                recording.site_fault = None
                return text, headers
            content_type = str(headers.get("content-type", ""))
            text = readable_page(url, text, content_type)
            if underway is not None:
                underway.pages.keep(url, text, content_type)
            return text, headers

        @staticmethod
        async def fetch_bytes(url: str, kwargs: dict[str, str]) -> bytes:
            address = metadata_address(url)
            data: bytes = await layer.fetch_bytes(address, kwargs)
            check_promise(url, data)
            underway = _underway.get()
            if underway is not None and address.partition("?")[0].endswith(".whl.metadata"):
                underway.describe(address, data)
            if underway is not None and (filename := wheel_of(url)) is not None:
                # Checked as it arrives, while others are on their way.
                underway.admit(data, filename, url=url, promised=underway.promised(url))
            return data

        @staticmethod
        async def install(buffer: Any, filename: str, install_dir: str, metadata: dict[str, str] | None = None) -> None:
            data = bytes_of(buffer)
            underway = _underway.get() or _unasked(recording)
            files = underway.records(data, filename, metadata or {})
            with whole_or_nothing(Path(install_dir), Path(sys.prefix), data, filename, files):
                await layer.install(buffer, filename, install_dir, files)
            recording.on_install(filename, len(data))

        @staticmethod
        async def loadPackage(names: Any) -> None:  # noqa: N802  # micropip's name
            underway = _underway.get() or _unasked(recording)
            distribution = _distribution(layer, recording)
            needed = distribution.needed(map(str, names), _loaded(layer))
            await layer.loadPackage(names)
            record_unrecorded(_site_packages(), distribution)
            record_loaded(_site_packages(), distribution, needed, _loaded(layer), underway.asked)

    return RecordingLayer


def recording_transaction(transaction: Any, recording: _Recording) -> Any:
    """A subclass of micropip's ``Transaction`` that keeps what a person asked for and which page each wheel was on."""

    class RecordingTransaction(transaction):  # type: ignore[misc]  # the base is micropip's, known at run time only
        async def gather_requirements(self, requirements: Any) -> None:
            if hasattr(self, "_recorded"):
                await super().gather_requirements(requirements)
                return
            index_urls = without_slash(vars(self)["index_urls"])
            self.index_urls = list(index_urls)
            self._recorded = Underway(
                asked=asked_for(map(str, requirements), recording.page_address),
                pages=Pages(index_urls=_addresses(index_urls)),
                page_address=recording.page_address,
                policy=recording.policy,
                keep=recording.keep,
            )
            _underway.set(self._recorded)
            # Also what somebody has loaded since, past micropip.
            record_unrecorded(_site_packages(), _distribution(self._compat_layer, recording))
            await super().gather_requirements(requirements)
            for wheel in self.wheels:
                # All of them before the first is unpacked, and before a reinstall takes the old ones away.
                self._recorded.admit(bytes_of(wheel._data), wheel.filename, url=wheel.url, promised=wheel.sha256)
            for one in self.pyodide_packages:
                self._recorded.check_origin(one.name, Origin(kind="runtime", url=""))
            coming = {canonicalize_name(one.name) for one in (*self.wheels, *self.pyodide_packages)}
            for name, asked in self._recorded.asked.items():
                if name not in coming:
                    distribution = _distribution(self._compat_layer, recording)
                    mark_requested(_site_packages(), distribution, name, asked)

        async def add_requirement_from_url(self, req: str, extras: Any = None) -> None:
            self._recorded.direct.add(req)
            await super().add_requirement_from_url(req, extras)

        async def add_wheel(self, wheel: Any, extras: Any, **kwargs: Any) -> None:
            self._recorded.add(canonicalize_name(wheel.name), wheel.url, _site_indices())
            await super().add_wheel(wheel, extras, **kwargs)

    return RecordingTransaction


def _unasked(recording: _Recording) -> Underway:
    """For a wheel that reaches the layer without a transaction: nobody asked, and no page listed it."""
    return Underway(asked={}, pages=Pages(), page_address=recording.page_address, keep=recording.keep)


def _distribution(layer: Any, recording: _Recording) -> Distribution:
    return Distribution(packages=layer.lockfile_packages, base=recording.runtime_base)


def _loaded(layer: Any) -> frozenset[str]:
    return frozenset(map(str, layer.loadedPackages.to_py()))


def _site_indices() -> Mapping[str, Mapping[str, object] | None]:
    indices: Mapping[str, Mapping[str, object] | None] = getattr(
        sys.modules.get("piplite.piplite"), "_PIPLITE_INDICES", {}
    )
    return indices


def _site_packages() -> Path:
    return Path(getsitepackages()[0])
