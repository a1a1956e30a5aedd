"""Records of what is in place already: asked for again, or brought by Pyodide's own ``loadPackage``.

Rules this file keeps:

1. Only facts are added: that a person asked for it, with which extras. Where it came from stays what it was, and no
   record that is there is written again, whatever it says.
2. What ``loadPackage`` did not bring is an error that names it, dependencies included: Pyodide logs such a failure and
   goes on (see docs/adr/0002).
3. A record of what ``loadPackage`` brought is made of the runtime's own lock. It lies in dist-info, and RECORD does not
   name it, as after an install; so ``micropip.uninstall`` takes it away with the rest.

Left to others: wheels under way (:mod:`micropip_lock.adapters.underway`), reading for a freeze (``app/origins.py``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.adapters.underway import Asked
from micropip_lock.core.digest import Digest
from micropip_lock.core.dirty import record_rows
from micropip_lock.core.dist_info import (
    RECORD_FILE,
    RESERVED_FILES,
    OriginRecord,
    format_records,
    parse_records,
)
from micropip_lock.core.model import Origin
from micropip_lock.core.read import parsed_version
from micropip_lock.core.redact import public_url
from micropip_lock.core.runtime_entry import loaded_from
from micropip_lock.errors import FetchError, LockSchemaError, RecordError

_LOADER: Final = "pyodide.loadPackage"


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """The runtime's own distribution of packages.

    Attributes:
        packages: Raw entries of its lock, by key.
        base: What relative file names resolve against.
    """

    packages: Mapping[str, Mapping[str, Any]]
    base: str | None

    def entry(self, name: str) -> Mapping[str, Any] | None:
        """The entry of a package, however its name is spelt."""
        return self.packages.get(canonicalize_name(name)) or self.packages.get(name)

    def url(self, entry: Mapping[str, Any]) -> str:
        """The public address of a package's file."""
        return public_url(urljoin(self.base or "", str(entry.get("file_name", ""))))

    def needed(self, names: Iterable[str], loaded: frozenset[str]) -> dict[str, Mapping[str, Any]]:
        """What ``loadPackage`` brings for ``names``: they and all they need, what was loaded before left out."""
        found: dict[str, Mapping[str, Any]] = {}
        queue = list(names)
        while queue:
            name = canonicalize_name(queue.pop())
            entry = self.entry(name)
            if entry is None or name in found or str(entry["name"]) in loaded:
                continue
            found[name] = entry
            queue += map(str, entry.get("depends", ()))
        return found


def record_unrecorded(site: Path, distribution: Distribution) -> None:
    """Give everything that ``loadPackage`` brought and that has no record yet one, from the runtime's lock.

    Calling it again changes nothing. What is not what the lock names, or brought records along, gets none.
    """
    for directory in sorted(site.glob("*.dist-info")):
        if not (directory / RECORD_FILE).exists() and _line(directory / "INSTALLER") == _LOADER:
            record = _left_behind(directory, distribution, canonicalize_name(directory.name.partition("-")[0]))
            if record is not None:
                _write(directory, record)


def mark_requested(site: Path, distribution: Distribution, name: NormalizedName, asked: Asked) -> None:
    """Somebody asked for what was there already: it is requested now, with these extras.

    What has no record yet, because it was installed while recording was off, gets one of what its installer left.
    """
    directory = _dist_info(site, name)
    if directory is None:
        return
    record = parse_records(lambda filename: _text(directory / filename)) or _left_behind(directory, distribution, name)
    if record is not None:
        extras = tuple(sorted({*record.extras, *asked.extras}))
        _write(directory, replace(record, requested=True, requirement=asked.requirement, extras=extras))


def record_loaded(
    site: Path,
    distribution: Distribution,
    needed: Mapping[str, Mapping[str, Any]],
    loaded: frozenset[str],
    asked: Mapping[NormalizedName, Asked],
) -> None:
    """Record what came from the runtime's own distribution, and say what did not come.

    Args:
        site: Where packages are.
        distribution: Where they came from.
        needed: What had to come, as :meth:`Distribution.needed` told before.
        loaded: Names that Pyodide says are loaded now.
        asked: What a person asked for.

    Raises:
        FetchError: code ``runtime-package-failed``.
    """
    failed = []
    for name, entry in needed.items():
        normalized = canonicalize_name(name)
        if str(entry["name"]) not in loaded and _dist_info(site, normalized) is None:
            failed.append(name)
        elif normalized in asked:
            mark_requested(site, distribution, normalized, asked[normalized])
    if failed:
        first = min(failed)
        others = f"; also {', '.join(sorted(failed)[1:])}" if len(failed) > 1 else ""
        raise FetchError(
            f"{first} of the Pyodide distribution did not arrive{others}",
            code="runtime-package-failed",
            package=canonicalize_name(first),
            url=distribution.url(needed[first]),
            hint="Pyodide logs such a failure and goes on; check that its package address can be reached from here",
        )


def _left_behind(directory: Path, distribution: Distribution, name: NormalizedName) -> OriginRecord | None:
    """A record of what micropip or ``loadPackage`` wrote on their own."""
    shipped = _text(directory / "RECORD")
    if shipped is None or (directory / RECORD_FILE).exists() or _brings_records(shipped, directory.name):
        return None
    bound = Digest.of(shipped.encode("utf-8"))
    installer = (_text(directory / "INSTALLER") or "").strip()
    source = (_text(directory / "PYODIDE_SOURCE") or "").strip()
    entry = distribution.entry(name)
    try:
        if installer == "micropip":
            origin = Origin(
                kind="index" if source == "pypi" else "url", url=public_url(_line(directory / "PYODIDE_URL"))
            )
            digest = Digest.from_hex(_line(directory / "PYODIDE_SHA256"))
        elif installer == _LOADER and source == "pyodide" and entry is not None and _is_of(directory.name, entry):
            loaded = loaded_from(entry, distribution.base)
            origin, digest = loaded.origin, loaded.digest
        else:
            return None
    except LockSchemaError:
        return None
    return OriginRecord(origin=origin, digest=digest, record_digest=bound) if origin.url else None


def _brings_records(record: str, directory: str) -> bool:
    """Whether RECORD lists a file that only an installer may write: then nothing in dist-info can be believed."""
    try:
        listed = {path for path, _ in record_rows(record)}
    except RecordError:
        return True
    return any(f"{directory}/{name}" in listed for name in RESERVED_FILES)


def _is_of(directory: str, entry: Mapping[str, Any]) -> bool:
    """Whether a dist-info directory is of the version that an entry of the runtime's lock has a file of."""
    version = parsed_version(directory.removesuffix(".dist-info").partition("-")[2])
    return bool(entry.get("file_name")) and version is not None and version == parsed_version(str(entry.get("version")))


def _dist_info(site: Path, name: NormalizedName) -> Path | None:
    for path in site.glob("*.dist-info"):
        if canonicalize_name(path.name.partition("-")[0]) == name:
            return path
    return None


def _write(directory: Path, record: OriginRecord) -> None:
    """All of the record or nothing: what was there before is whole until the new one is."""
    # The record itself comes last: what it needs is there by then.
    texts = dict(reversed(format_records(record).items()))
    undo = [directory / name for name in texts if not (directory / name).exists()]
    try:
        for name, text in texts.items():
            undo.append(directory / f".{name}.new")
            undo[-1].write_bytes(text.encode("utf-8"))
        for name in texts:
            os.replace(directory / f".{name}.new", directory / name)
    except BaseException:
        for path in undo:
            path.unlink(missing_ok=True)
        raise


def _line(path: Path) -> str:
    return (_text(path) or "").strip()


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
