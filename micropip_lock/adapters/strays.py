"""What can be imported in an environment without a dist-info directory in its site-packages, or with a link to one.

Rules this file keeps:

1. Only directories are listed and small files read; nothing is imported, and no ``import`` line of a ``.pth`` file is
   run.
2. What cannot be read is passed over: it cannot be imported either.

Source: ``site`` (Python's library reference: ``.pth`` files), setuptools (``.egg-link``, ``.egg-info``).
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from micropip_lock.core.headers import read_headers
from micropip_lock.ports import Stray

_LARGEST: Final = 1 << 16
"""Bytes of a .pth or .egg-link file, or of an egg's PKG-INFO, that are read."""

_STANDARD_LIBRARY: Final = re.compile(r"python[0-9]+\.zip")
"""Pyodide's, which holds no distribution, and whose list takes longer to read than all of site-packages."""

_EDITABLE: Final = re.compile(r"__editable__\.(?P<name>.+?)-(?P<version>[^-]+)")


def find_strays(root: Path, path: Iterable[str] = ()) -> list[Stray]:
    """Everything of that kind.

    Args:
        root: A site-packages directory.
        path: Other directories, or archives, that are on ``sys.path``.
    """
    found = [*_in_site(root)]
    known = {os.path.realpath(root)}
    for directory in path:
        if "\0" in directory:
            # Anybody may put anything on sys.path; no directory has such a name.
            continue
        real = os.path.realpath(directory or ".")
        if real not in known:
            known.add(real)
            found += _distributions(Path(real)) if os.path.isdir(real) else _in_archive(Path(real))
    return sorted(found, key=lambda stray: (stray.name, stray.version, stray.place))


def _in_site(root: Path) -> Iterator[Stray]:
    links = _links(root)
    for name in _names(root):
        if name.endswith((".egg-info", ".egg")):
            yield _egg(root / name, "egg-info")
        elif name in links and name.endswith(".dist-info") and (root / name).is_dir():
            yield _egg(root / name, "link")
        elif name.endswith(".egg-link"):
            target = next(iter(_lines(root / name)), "")
            yield Stray(
                name=name.removesuffix(".egg-link") or name, version="", kind="egg-link", place=target, file=name
            )
        elif name.endswith(".pth"):
            for line in _lines(root / name):
                directory = root / line
                # os.path.isdir also answers for what no path can be, as Path.is_dir does not.
                if not line.startswith(("#", "import ", "import\t")) and os.path.isdir(directory):
                    yield _of_path_file(name, directory)


def _links(root: Path) -> set[str]:
    """Names of symbolic links: the directory itself says which are, where asking for each name costs a call."""
    try:
        with os.scandir(root) as entries:
            return {entry.name for entry in entries if entry.is_symlink()}
    except OSError:
        return set()


def _of_path_file(name: str, directory: Path) -> Stray:
    editable = _EDITABLE.fullmatch(name.removesuffix(".pth"))
    return Stray(
        name=editable["name"] if editable else name.removesuffix(".pth") or name,
        version=editable["version"] if editable else "",
        kind="path-file",
        place=os.fspath(directory),
        file=name,
    )


def _distributions(directory: Path) -> Iterator[Stray]:
    for name in _names(directory):
        if name.endswith((".dist-info", ".egg-info", ".egg")):
            yield _egg(directory / name, "path-entry")


def _in_archive(archive: Path) -> Iterator[Stray]:
    """A wheel, or another zip archive, can be imported from as it is."""
    if _STANDARD_LIBRARY.fullmatch(archive.name):
        return
    try:
        with zipfile.ZipFile(archive) as opened:
            tops = {path.partition("/")[0] for path in opened.namelist()}
    except (OSError, ValueError, zipfile.BadZipFile):
        return
    for top in sorted(tops):
        if top.endswith(".dist-info"):
            name, _, version = top.removesuffix(".dist-info").partition("-")
            yield Stray(name=name or top, version=version, kind="path-entry", place=os.fspath(archive))


def _egg(place: Path, kind: Literal["egg-info", "link", "path-entry"]) -> Stray:
    """A distribution by its metadata, else by its name."""
    name, _, version = place.name.rpartition(".")[0].partition("-")
    candidates = (place / "PKG-INFO", place / "METADATA", place / "EGG-INFO" / "PKG-INFO", place)
    text = next((text for path in candidates if (text := _text(path)) is not None), "")
    fields = read_headers(text)
    return Stray(
        name=fields.get("Name").strip() or name or place.name,
        version=(fields.get("Version") or version.partition("-")[0]).strip(),
        kind=kind,
        place=os.fspath(place),
    )


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in (_text(path) or "").splitlines() if line.strip()]


def _text(path: Path) -> str | None:
    if not os.path.isfile(path):
        # A pipe in a file's place would be waited for.
        return None
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
