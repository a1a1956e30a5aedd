"""Whether installed files are still those that were installed: by size and time, by bytes where those tell nothing.

Rules this file keeps:

1. A file that RECORD lists is dirty when it is missing or has another size; its bytes are asked for when it was
   changed after the install ended, or when nobody knows when it was changed.
2. A file in a package's own folder, or in its dist-info, that no RECORD lists is dirty. Listings leave ``__pycache__``
   out, and an installer may add its own files to dist-info.
3. Files outside site-packages, scripts, which installers rewrite, and compiled files in ``__pycache__``, which imports
   rewrite, are not looked at.

Source: "Recording installed projects" (PEP 376, PEP 627).
Left to others: the listing (``ports.SiteReader.files``), what a freeze makes of it (:mod:`micropip_lock.app.freeze`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from operator import ne
from typing import Final

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.installed_record import ADDED_FILES

type Row = tuple[str, str]
"""One row of RECORD without its digest: path, and size in bytes as it is spelt there or ``""``."""

# 43 letters of base64url, of which the last one stands for four bits: what parse_record takes, too.
_ROW: Final = re.compile(r"\n([^,]+),(?:sha256=[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])?,([0-9]{0,15})(?=\n|\Z)")
_ODD: Final = ('"', "\\", "\0", "\r")
_SCRIPTS: Final = ("bin/", "Scripts/")
_NEVER_MIND: Final = float("inf")
_NOT_KNOWN: Final = float("-inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Every file of a site by its path relative to it, ``/``-separated; what lies in ``__pycache__`` is left out.

    Attributes:
        sizes: Bytes, in decimal digits as RECORD spells them, so that rows can be compared without being read.
        changed: When each file was last changed, on the file system's clock. A file that is left out may have been
            changed at any time, so that its bytes decide.
    """

    sizes: Mapping[str, str]
    changed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dirt:
    """What is wrong with the files of one distribution; false when nothing is.

    Attributes:
        changed: Files with other bytes than RECORD says.
        missing: Files that RECORD lists and that are not there.
        extra: Files that no RECORD lists.
    """

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.extra)


def record_rows(text: str, there: Container[str] = ()) -> Sequence[Row]:
    """The rows of RECORD as text, read some ten times faster than by ``parse_record``; paths in their plain form.

    Args:
        text: RECORD.
        there: Paths of files that are there: those are in their plain form.

    Raises:
        RecordError: code ``record-unreadable``, with the line.
    """
    plain = "\n" + text.replace("\r\n", "\n").removesuffix("\n") if text else ""
    rows: list[Row] = _ROW.findall(plain)
    if len(rows) != plain.count("\n") or any(mark in plain for mark in _ODD):
        # Quotes, other algorithms, odd spellings, faults.
        rows = [(row.path, "" if row.size is None else str(row.size)) for row in parse_record(text)]
    if any(posixpath.normpath(path) != path for path, _ in rows if path not in there):
        rows = [(posixpath.normpath(path), size) for path, size in rows]
    return rows


def changed_and_missing(
    rows: Sequence[Row],
    files: Listing,
    directory: str,
    read_text: Callable[[str], str | None],
    read_file: Callable[[str], bytes | None],
) -> Dirt:
    """Compare what RECORD lists with what is there.

    Args:
        rows: RECORD.
        files: What is there.
        directory: Name of the dist-info directory.
        read_text: Reads a file of that directory.
        read_file: Reads a file by its path in RECORD.
    """
    ended = _end_of_install(files, directory)
    times = files.changed
    sizes = files.sizes
    # Nearly always two expressions answer for all files at once.
    paths = [path for path, _ in rows]
    others = map(ne, map(sizes.get, paths), [size for _, size in rows])
    suspects = {path for path in compress(paths, others) if "__pycache__/" not in path}
    if max(map(times.get, paths, repeat(_NEVER_MIND)), default=_NOT_KNOWN) > ended:
        suspects |= {path for path in paths if times.get(path, _NEVER_MIND) > ended}
    suspects.difference_update(f"{directory}/{name}" for name in ADDED_FILES)
    if not suspects:
        return Dirt()
    changed, missing = [], []
    for row in parse_record(read_text("RECORD") or ""):
        path = posixpath.normpath(row.path)
        if path not in suspects or path.startswith(("../", "/", *_SCRIPTS)) or _is_cache(path, row.digest):
            continue
        # A listing does not look behind links to directories; the file may be there all the same.
        if (data := read_file(row.path)) is None:
            missing.append(path)
        elif row.size not in (None, len(data)) or row.digest not in (None, Digest.of(data)):
            changed.append(path)
    return Dirt(changed=tuple(sorted(changed)), missing=tuple(sorted(missing)))


def _is_cache(path: str, digest: Digest | None = None) -> bool:
    """A compiled file, which an import writes anew, and which some wheels bring along all the same.

    One beside its source may be the only form that a wheel has it in; then RECORD has its digest.
    """
    return "__pycache__/" in path or (digest is None and path.endswith((".pyc", ".pyo")))


def _end_of_install(files: Listing, directory: str) -> float:
    """The latest time that the installer itself left: it writes RECORD and then INSTALLER when all else is in place."""
    return max(files.changed.get(f"{directory}/{name}", _NOT_KNOWN) for name in ("RECORD", "INSTALLER"))


def unlisted_files(listed: Mapping[str, Iterable[str]], files: Listing) -> tuple[str, ...]:
    """Files that no RECORD lists, sorted.

    Args:
        listed: Paths in RECORD, by dist-info directory; of every distribution in place.
        files: What is there.
    """
    known: set[str] = set()
    for paths in listed.values():
        known.update(paths)
    return tuple(sorted(files.sizes.keys() - known))


def extra_files(listed: Mapping[str, Iterable[str]], unlisted: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Files that lie in a distribution's own folders and that no RECORD lists.

    A folder is a distribution's own when that one's RECORD lists its ``__init__.py``, or when it is its dist-info; so
    nobody owns a namespace package.

    Args:
        listed: As for :func:`unlisted_files`.
        unlisted: What that gave.

    Returns:
        Paths by dist-info directory, sorted; only those that have any.
    """
    found: dict[str, list[str]] = {}
    owners: dict[str, str] | None = None
    for path in unlisted:
        top, slash, rest = path.partition("/")
        if top.endswith(".dist-info"):
            if top in listed and rest not in ADDED_FILES:
                found.setdefault(top, []).append(path)
        elif slash:
            if owners is None:
                owners = _owners(listed)
            directory = _owner(path, owners)
            if directory is not None:
                found.setdefault(directory, []).append(path)
    return {directory: tuple(paths) for directory, paths in found.items()}


def _owners(listed: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """dist-info directory by the folder of each ``__init__.py``; of two that list it, the first."""
    owners: dict[str, str] = {}
    for directory, paths in listed.items():
        for path in paths:
            if path.endswith("/__init__.py"):
                owners.setdefault(path.removesuffix("/__init__.py"), directory)
    return owners


def _owner(path: str, owners: Mapping[str, str]) -> str | None:
    """Who owns the outermost package around a file."""
    parts = path.split("/")[:-1]
    for length in range(1, len(parts) + 1):
        if (owner := owners.get("/".join(parts[:length]))) is not None:
            return owner
    return None
