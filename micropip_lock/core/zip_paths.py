"""The paths of an archive: which may be unpacked on any system, and mean one file each.

Rules this file keeps:

1. Relative, ``/``-separated, no ``..``, no control characters, no links, no two names that are one file somewhere.
2. Right archives are told so by a few scans over all names at once; only a suspicion is looked at name by name.

Source: binary distribution format (PEP 427); "Naming Files, Paths, and Namespaces" (Windows).
Left to others: the container (:mod:`micropip_lock.core.zip`), what the names mean (:mod:`micropip_lock.core.wheel`).
"""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from micropip_lock.core.zip_entry import ZipEntry, place
from micropip_lock.errors import WheelPathError

# Between line feeds, each name on a line of its own: no name without one of these is wrong.
_SUSPICIOUS: Final = (
    "\\",
    ":",
    "//",
    "/./",
    "/../",
    "\n/",
    "\n./",
    "\n../",
    "/\n",
    "/.\n",
    "/..\n",
    "\n\n",
    "\n.\n",
    "\n..\n",
)
_PLAIN_TYPES: Final = (0, stat.S_IFREG >> 12, stat.S_IFDIR >> 12)
_DEVICE: Final = re.compile(r"(?<=[\n/])(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?=[./\n])", re.IGNORECASE)


def check_paths(entries: Sequence[ZipEntry], filename: str) -> None:
    """Refuse names that leave their place or stand for several files.

    Args:
        entries: Files and directories, no name twice.
        filename: For messages.

    Raises:
        WheelPathError: codes ``control-char``, ``backslash``, ``absolute-path``, ``escapes``, ``symlink``,
            ``case-collision``, ``unicode-collision``, ``file-dir-collision``.
    """
    names = []
    for entry in entries:
        mode = entry.external >> 28
        # The type in a Unix mode: none, a regular file, a directory.
        if mode not in _PLAIN_TYPES:
            raise _refusal("symlink", "an entry is a link or a device", entry.path, filename)
        path = entry.path
        names.append(path[:-1] if path[-1:] == "/" else path)
    text = "\n".join(["", *names, ""])
    lines = text.count("\n") == len(names) + 1
    if not lines or not text.replace("\n", "").isprintable() or any(mark in text for mark in _SUSPICIOUS):
        for entry in entries:
            _check_path(entry.path, filename)
    folded = _folded(text).split("\n")[1:-1]
    if len(set(folded)) != len(folded):
        _refuse_collision([entry.path for entry in entries], filename)
    both = _parents(folded).intersection(folded)
    if both:
        both.difference_update(name for name, entry in zip(folded, entries, strict=True) if entry.is_directory)
    if both:
        path = next(entry.path for name, entry in zip(folded, entries, strict=True) if name in both)
        raise _refusal("file-dir-collision", "a name is both a file and a directory", path, filename)


def device_names(paths: Iterable[str]) -> Iterator[str]:
    """Paths with a part that Windows keeps for a device, whatever its ending."""
    paths = list(paths)
    # One scan tells that there is none.
    if _DEVICE.search("\n".join(["", *paths, ""])):
        yield from (path for path in paths if _DEVICE.search(f"\n{path}\n"))


def _check_path(path: str, filename: str) -> None:
    # Nearly every name is printable, which none of these characters is.
    if not path.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in path):
        raise _refusal("control-char", "a file name has a control character", path, filename)
    if "\\" in path:
        raise _refusal("backslash", "a file name has a backslash", path, filename)
    if path.startswith("/") or (len(path) > 1 and path[1] == ":"):
        raise _refusal("absolute-path", "a file name is absolute", path, filename)
    if any(part in ("", ".", "..") for part in path.removesuffix("/").split("/")):
        raise _refusal("escapes", "a file name leaves its directory", path, filename)


def _refuse_collision(paths: Iterable[str], filename: str) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(_folded(path.removesuffix("/")), path)
        if other == path:
            continue
        if other.endswith("/") != path.endswith("/"):
            raise _refusal("file-dir-collision", "a name is both a file and a directory", path, filename, got=other)
        same = unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", path)
        code, how = ("unicode-collision", "Unicode form") if same else ("case-collision", "case")
        raise _refusal(code, f"two names differ only in {how}", path, filename, got=other)


def _folded(text: str) -> str:
    """One spelling for all that a file system may take for the same name; for many names at once, a line for each."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _parents(paths: Iterable[str]) -> set[str]:
    """Every directory that the paths lie in."""
    found: set[str] = set()
    waiting = {path.rpartition("/")[0] for path in paths}
    while waiting:
        found |= waiting
        waiting = {path.rpartition("/")[0] for path in waiting} - found
    return found - {""}


def _refusal(code: str, message: str, path: str, filename: str, got: str | None = None) -> WheelPathError:
    return WheelPathError(message, code=code, where=place(filename, path), got=got, hint="do not install this wheel")
