"""Whether installed files are still those that were installed: by size and time, by bytes where those tell nothing.

Rules this file keeps:

1. A file that RECORD lists is dirty when it is missing or has another size; its bytes are asked for when it was
   changed after the install ended, or when nobody knows when it was changed.
2. A file in a package's own folder, or in its dist-info, that no RECORD lists is dirty. Listings leave ``__pycache__``
   out, and an installer may add its own files to dist-info.
3. Files outside site-packages, and scripts, which installers rewrite, are not looked at.

Source: "Recording installed projects" (PEP 376, PEP 627).
Left to others: the listing (``ports.SiteReader.files``), what a freeze makes of it (:mod:`micropip_lock.app.freeze`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.installed_record import ADDED_FILES

type Row = tuple[str, str, str]
"""One row of RECORD: path, SHA-256 in base64url or ``""``, size or ``""``."""

_ROW: Final = re.compile(r'^([^,"\r\n\\]+),(?:sha256=([A-Za-z0-9_-]{43}))?,([0-9]{0,15})\r?$', re.MULTILINE)
_SCRIPTS: Final = ("bin/", "Scripts/")
_NEVER_MIND: Final = float("inf")
_NOT_KNOWN: Final = float("-inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Every file of a site by its path relative to it, ``/``-separated; what lies in ``__pycache__`` is left out.

    Attributes:
        sizes: Bytes.
        changed: When each file was last changed, on the file system's clock. A file that is left out may have been
            changed at any time, so that its bytes decide.
    """

    sizes: Mapping[str, int]
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


def record_rows(text: str) -> Sequence[Row]:
    """The rows of RECORD as text: what :func:`~micropip_lock.core.dist_info.parse_record` gives, some ten times faster.

    Raises:
        RecordError: code ``record-unreadable``, with the line.
    """
    if (rows := _plain_rows(text)) is not None:
        return rows
    # Quotes, other algorithms, odd spellings, faults.
    return [
        (
            posixpath.normpath(row.path),
            row.digest.record.removeprefix("sha256=") if row.digest else "",
            "" if row.size is None else str(row.size),
        )
        for row in parse_record(text)
    ]


def _plain_rows(text: str) -> list[Row] | None:
    """The rows, when every one is spelt as nearly all tools spell them."""
    rows: list[Row] = _ROW.findall(text)
    lines = text.count("\n") + (not text.endswith("\n") and text != "")
    return rows if len(rows) == lines and "//" not in text and "./" not in text else None


def changed_and_missing(
    rows: Iterable[Row],
    files: Listing,
    directory: str,
    read_file: Callable[[str], bytes | None],
) -> Dirt:
    """Compare what RECORD lists with what is there.

    Args:
        rows: RECORD.
        files: What is there.
        directory: Name of the dist-info directory.
        read_file: Reads a file by its path in RECORD.
    """
    changed, missing = [], []
    sizes, times = files.sizes, files.changed
    ended = _end_of_install(files, directory)
    own = f"{directory}/"
    for path, digest, size in rows:
        there = sizes.get(path)
        if there is not None and size and int(size) == there and times.get(path, _NEVER_MIND) <= ended:
            continue
        if not digest or path.startswith(("../", "/", *_SCRIPTS)):
            continue
        if path.startswith(own) and path.removeprefix(own) in ADDED_FILES:
            continue
        if there is None:
            missing.append(path)
        elif size and int(size) != there:
            changed.append(path)
        elif (data := read_file(path)) is None:
            missing.append(path)
        elif Digest.of(data) != Digest.from_record(f"sha256={digest}"):
            changed.append(path)
    return Dirt(changed=tuple(sorted(changed)), missing=tuple(sorted(missing)))


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


def unowned_modules(listed: Mapping[str, Iterable[str]], unlisted: Iterable[str]) -> tuple[str, ...]:
    """Top-level modules and packages that no RECORD lists anything of, sorted.

    Args:
        listed: As for :func:`unlisted_files`.
        unlisted: What that gave.
    """
    candidates = set()
    for path in unlisted:
        top, slash, rest = path.partition("/")
        if rest == "__init__.py" or (not slash and top.endswith((".py", ".so"))):
            candidates.add(top)
    if candidates:
        candidates -= {path.partition("/")[0] for paths in listed.values() for path in paths}
    return tuple(sorted(candidates))
