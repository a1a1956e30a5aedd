"""uv's own settings on this machine: ``uv.toml``, ``[tool.uv]`` and ``UV_*`` variables, read as uv documents them.

Rules this file keeps (uv, "Configuration files" and "Package indexes"; the order was compared with what uv asks):

1. Project level: the nearest directory upwards with a ``uv.toml``, or a ``pyproject.toml`` that has ``[tool.uv]``;
   ``uv.toml`` wins within a directory.  Then the user's file, then the system's.  ``UV_CONFIG_FILE`` replaces them all,
   ``UV_NO_CONFIG`` turns them off.
2. Additional indexes in the order in which uv asks them: ``UV_INDEX``, ``UV_EXTRA_INDEX_URL``, ``[[index]]`` of every
   level, ``extra-index-url`` of every level.  The default index comes last, and the first to name one wins:
   ``UV_DEFAULT_INDEX``, ``UV_INDEX_URL``, ``[[index]] default = true``, ``index-url``.
3. ``[[index]]`` entries that are ``explicit`` or ``flat`` are no index to resolve from; they are told as notes.

Left to :mod:`micropip_lock.adapters.indexes`: what an index URL must look like.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from micropip_lock.adapters.places import Places
from micropip_lock.errors import UsageError

_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(.+)", re.DOTALL)
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})


@dataclass(frozen=True, kw_only=True, slots=True)
class UvIndex:
    """One index as uv's settings spell it.

    Attributes:
        url: As written, perhaps with credentials in it.
        source: Variable, or file and key, for messages.
        credentials: From ``UV_INDEX_<NAME>_USERNAME`` and ``…_PASSWORD``, when the index has a name.
    """

    url: str
    source: str
    credentials: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UvSettings:
    """What uv's settings say about indexes.

    Attributes:
        environment_default: ``UV_DEFAULT_INDEX`` or ``UV_INDEX_URL``.
        file_default: The default index that the files name.
        additional: Indexes to ask before the default one, in uv's order.
        no_index: Where ``no-index = true`` stands, or ``None``.
        notes: Entries left out, one sentence each.
    """

    environment_default: UvIndex | None = None
    file_default: UvIndex | None = None
    additional: tuple[UvIndex, ...] = ()
    no_index: str | None = None
    notes: tuple[str, ...] = ()


def read_uv_settings(environ: Mapping[str, str], places: Places) -> UvSettings:
    """The index settings of uv in force.

    Args:
        environ: The environment variables.
        places: Where the files are.

    Raises:
        UsageError: code ``bad-config``, for a file that cannot be read or parsed, or a value of a wrong type.
    """
    default = [
        _from_text(environ[name].strip(), name, environ)
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
        if environ.get(name, "").strip()
    ]
    given = [
        _from_text(word, name, environ)
        for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL")
        for word in environ.get(name, "").split()
    ]
    tables = list(_tables(environ, places))
    listed: list[UvIndex] = []
    file_default: UvIndex | None = None
    notes: list[str] = []
    names: set[str] = set()
    for table in tables:
        for entry in table.entries():
            name = entry.get("name")
            if name is not None and name in names:
                # A nearer file's index of the same name replaces this one.
                continue
            if name is not None:
                names.add(name)
            index = UvIndex(url=entry["url"], source=table.source("index"), credentials=_credentials(name, environ))
            if entry.get("explicit") is True:
                notes.append(f"{name or 'an index'} in {index.source} is left out: explicit = true")
            elif entry.get("format", "simple") != "simple":
                notes.append(f"{name or 'an index'} in {index.source} is left out: not a simple index")
            elif entry.get("default") is True:
                file_default = file_default or index
            else:
                listed.append(index)
    extra = [
        UvIndex(url=url, source=table.source("extra-index-url"))
        for table in tables
        for url in table.texts("extra-index-url")
    ]
    if file_default is None:
        file_default = next(
            (
                UvIndex(url=url, source=table.source("index-url"))
                for table in tables
                if (url := table.text("index-url")) is not None
            ),
            None,
        )
    # A nearer file's `no-index = false` overrides a farther one's `true`.
    switch = next((table for table in tables if "no-index" in table.values), None)
    return UvSettings(
        environment_default=default[0] if default else None,
        file_default=file_default,
        additional=(*given, *listed, *extra),
        no_index=switch.source("no-index") if switch and switch.values["no-index"] is True else None,
        notes=tuple(notes),
    )


def _from_text(text: str, source: str, environ: Mapping[str, str]) -> UvIndex:
    """An index of the environment: a URL, or ``name=URL``."""
    named = _NAMED.fullmatch(text)
    if named is None:
        return UvIndex(url=text, source=source)
    return UvIndex(url=named[2], source=source, credentials=_credentials(named[1], environ))


def _credentials(name: str | None, environ: Mapping[str, str]) -> tuple[str, str] | None:
    if name is None:
        return None
    key = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    user, password = environ.get(f"UV_INDEX_{key}_USERNAME"), environ.get(f"UV_INDEX_{key}_PASSWORD")
    return (user or "", password or "") if user or password else None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """The settings of one file."""

    path: Path
    prefix: str
    values: Mapping[str, Any]

    def source(self, key: str) -> str:
        return f"{self.path} {self.prefix}{key}"

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "a string", value)
        return value

    def texts(self, key: str) -> Sequence[str]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, "an array of strings", value)
        return value

    def entries(self) -> Sequence[Mapping[str, Any]]:
        value = self.values.get("index", [])
        if not isinstance(value, list) or not all(
            isinstance(one, dict) and isinstance(one.get("url"), str) and isinstance(one.get("name", ""), str)
            for one in value
        ):
            raise self.wrong("index", "tables with a url", value)
        return value

    def wrong(self, key: str, expected: str, got: object) -> UsageError:
        # The value may hold credentials, so only its type is told.
        return UsageError(
            "a setting of uv has the wrong type",
            code="bad-config",
            where=self.source(key),
            expected=expected,
            got=type(got).__name__,
        )


def _tables(environ: Mapping[str, str], places: Places) -> Iterator[_Table]:
    """The files in force, nearest first."""
    if own := environ.get("UV_CONFIG_FILE"):
        yield _uv_toml(places.cwd / own)
        return
    if environ.get("UV_NO_CONFIG", "").strip().lower() in _TRUE:
        return
    if (project := _project_table(places.cwd)) is not None:
        yield project
    user = places.user(environ) / "uv" / "uv.toml"
    if user.is_file():
        yield _uv_toml(user)
    # uv, "Configuration files": of several system-level files only the first one found is used.
    system = places.system(environ) if sys.platform == "win32" else [*places.system(environ), places.etc]
    for directory in system:
        if (directory / "uv" / "uv.toml").is_file():
            yield _uv_toml(directory / "uv" / "uv.toml")
            return


def _project_table(cwd: Path) -> _Table | None:
    for directory in (cwd, *cwd.parents):
        if (directory / "uv.toml").is_file():
            return _uv_toml(directory / "uv.toml")
        if (directory / "pyproject.toml").is_file():
            tool = _load(directory / "pyproject.toml").get("tool")
            values = tool.get("uv") if isinstance(tool, dict) else None
            # uv, "Configuration files": without such a table the file is ignored and the search goes on upwards.
            if isinstance(values, dict):
                return _Table(path=directory / "pyproject.toml", prefix="tool.uv.", values=values)
    return None


def _uv_toml(path: Path) -> _Table:
    return _Table(path=path, prefix="", values=_load(path))


def _load(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(
            "uv's configuration file cannot be read",
            code="bad-config",
            where=str(path),
            got=str(error),
            hint="correct the file, or set UV_NO_CONFIG=1 to leave uv's files out",
        ) from error
