"""Which package indexes the user of this machine means: an argument, else uv's and pip's own configuration.

Rules this file keeps:

1. No index is known here by name; when nothing is configured, the answer is empty and micropip's own default applies.
2. The order of the answer is the order in which to ask: uv's additional indexes (uv asks them before its default), the
   main index, pip's additional ones.  The first source to name a main index wins: uv's variables, pip's variables, uv's
   files, pip's files.
3. Credentials leave the URL here and travel beside it; no URL, note or message carries them.
4. What a runtime in a browser or under Node cannot reach (``file:``, a path) is left out of the configuration with a
   note; as an argument it is an error.

Left to others: the files (:mod:`micropip_lock.adapters.pip_settings`, :mod:`micropip_lock.adapters.uv_settings`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from micropip_lock.adapters.pip_settings import PipSettings, read_pip_settings
from micropip_lock.adapters.places import Places
from micropip_lock.adapters.uv_settings import UvIndex, UvSettings, read_uv_settings
from micropip_lock.errors import UsageError

Credentials = tuple[str, str]

_USERINFO = re.compile(r"//[^/]*@")


EXPLICIT: Final = "--index-url"
"""The ``source`` of an index that was given as an argument."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexConfig:
    """One package index (PEP 503) to ask.

    Attributes:
        url: Base URL without credentials and without a slash at its end.
        credentials: User and password, for this index's origin only.
        source: Where it was configured, e.g. ``PIP_INDEX_URL``.
    """

    url: str
    credentials: Credentials | None = field(default=None, repr=False)
    source: str

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``, the only place :attr:`credentials` may be sent to."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSettings:
    """What is configured.

    Attributes:
        indexes: In the order in which to ask.
        adds_default: No main index is configured, so that micropip's own default comes after :attr:`indexes`.
        notes: What was left out and why, one sentence each.
    """

    indexes: tuple[IndexConfig, ...] = ()
    adds_default: bool = True
    notes: tuple[str, ...] = ()


def configured_indexes(
    explicit: Sequence[str] = (),
    *,
    environ: Mapping[str, str] | None = None,
    places: Places | None = None,
) -> tuple[IndexConfig, ...]:
    """The indexes of :func:`read_index_settings`; ``()`` stands for micropip's own default.

    Raises:
        UsageError: as :func:`read_index_settings`.
    """
    return read_index_settings(explicit, environ=environ, places=places).indexes


def read_index_settings(
    explicit: Sequence[str] = (),
    *,
    environ: Mapping[str, str] | None = None,
    places: Places | None = None,
) -> IndexSettings:
    """Find the configured indexes.

    Args:
        explicit: Index URLs given as an argument; when there is one, no configuration is read.
        environ: Environment variables; those of the process when not given.
        places: Where configuration files are; those of the process when not given.

    Raises:
        UsageError: codes ``bad-index-url``, ``bad-config``, ``no-index``, ``index-unreachable``.
    """
    if explicit:
        found = [_index(url, source=EXPLICIT) for url in explicit]
        return IndexSettings(indexes=_distinct(found), adds_default=False)
    uv, pip = _read(environ, places)
    _refuse_no_index(uv, pip)
    main = _main(uv, pip)
    if main and not _reachable(main, []):
        raise UsageError(
            "the main index of the configuration is out of reach of a web runtime",
            code="index-unreachable",
            got=f"{_USERINFO.sub('//', main[0].url)} of {main[0].source}",
            expected="an http: or https: address",
            hint="pass --index-url; another index is not asked in its place",
        )
    return _settings(uv, pip)


def _settings(uv: UvSettings, pip: PipSettings) -> IndexSettings:
    notes = list(uv.notes)
    before = _reachable(uv.additional, notes)
    configured = _main(uv, pip)
    main = _reachable(configured, notes)
    after = _reachable(_pip_extra(pip), notes)
    return IndexSettings(
        indexes=_distinct([*before, *main, *after]),
        adds_default=not configured,
        notes=tuple(notes),
    )


def configured_credentials(
    *, environ: Mapping[str, str] | None = None, places: Places | None = None
) -> dict[str, Credentials]:
    """Credentials in the configuration, each for the one origin it may be sent to; of two for one origin, the first.

    A replay asks no index, so a setting that forbids indexes does not matter here.

    Raises:
        UsageError: codes ``bad-index-url``, ``bad-config``.
    """
    uv, pip = _read(environ, places)
    found: dict[str, Credentials] = {}
    for index in _settings(uv, pip).indexes:
        if index.credentials is not None:
            found.setdefault(index.origin, index.credentials)
    return found


def _read(environ: Mapping[str, str] | None, places: Places | None) -> tuple[UvSettings, PipSettings]:
    environ = os.environ if environ is None else environ
    places = places or Places.of_this_process()
    return read_uv_settings(environ, places), read_pip_settings(environ, places)


def _main(uv: UvSettings, pip: PipSettings) -> list[UvIndex]:
    """The main index of the first source that names one."""
    pip_variable, pip_file = pip.environment.get("index-url"), pip.files.get("index-url")
    candidates = (
        uv.environment_default,
        None if pip_variable is None else UvIndex(url=pip_variable.value, source=pip_variable.source),
        uv.file_default,
        None if pip_file is None else UvIndex(url=pip_file.value, source=pip_file.source),
    )
    return [candidate for candidate in candidates if candidate is not None][:1]


def _pip_extra(pip: PipSettings) -> list[UvIndex]:
    setting = pip.get("extra-index-url")
    return [] if setting is None else [UvIndex(url=url, source=setting.source) for url in setting.words()]


def _refuse_no_index(uv: UvSettings, pip: PipSettings) -> None:
    setting = pip.get("no-index")
    source = setting.source if setting is not None and setting.is_true() else uv.no_index
    if source is not None:
        raise UsageError(
            "the configuration forbids asking any index",
            code="no-index",
            where=source,
            hint="name the index to use with --index-url, or remove the setting",
        )


def _reachable(entries: Iterable[UvIndex], notes: list[str]) -> list[IndexConfig]:
    found = []
    for entry in entries:
        if urlsplit(entry.url).scheme.lower() in ("http", "https"):
            found.append(_index(entry.url, source=entry.source, credentials=entry.credentials))
        else:
            shown = _USERINFO.sub("//", entry.url)
            notes.append(f"the index {shown} of {entry.source} is left out: a web runtime reaches no local files")
    return found


def _distinct(found: Iterable[IndexConfig]) -> tuple[IndexConfig, ...]:
    by_url: dict[str, IndexConfig] = {}
    for index in found:
        by_url.setdefault(index.url, index)
    return tuple(by_url.values())


def _index(url: str, *, source: str, credentials: Credentials | None = None) -> IndexConfig:
    """An index by its URL as people write it.

    Raises:
        UsageError: code ``bad-index-url``; the message never repeats the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise _bad_url(source, "a URL", str(error)) from error
    if parts.scheme not in ("http", "https"):
        raise _bad_url(source, "http: or https:, which a web runtime reaches", parts.scheme or "no scheme")
    if not parts.hostname:
        raise _bad_url(source, "a URL with a host", "none")
    if parts.query or parts.fragment:
        raise _bad_url(source, "a base URL (PEP 503)", "one with a query or fragment")
    if parts.username is not None:
        # What stands in the URL is nearer than a variable: uv and pip both send it first.
        credentials = unquote(parts.username), unquote(parts.password or "")
    return IndexConfig(url=_base_url(parts, port), credentials=credentials, source=source)


def _base_url(parts: SplitResult, port: int | None) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    netloc = host if port in (None, default) else f"{host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def _bad_url(source: str, expected: str, got: str) -> UsageError:
    return UsageError(
        "not the URL of a package index",
        code="bad-index-url",
        where=source,
        expected=expected,
        got=got,
        hint="give the base URL of the simple API, e.g. https://index.example/simple",
    )
