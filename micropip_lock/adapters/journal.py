"""The journal of one change of a directory: which files go out of the way, and which come in.

A change of many files cannot be made in one step, but it can be written down in one: the whole plan of moves lies on
disk before the first file is moved, and one rename of the plan, from ``journal`` to ``committed``, says that all of it
happened. A process that ends anywhere in between leaves a plan that the next one undoes or finishes.

Rules this file keeps:

1. A file named ``journal`` is whole: it is written under another name, flushed to the disk, and renamed.
2. A file is where it was (``journal``: undo) or where it goes (``committed``: finish), never nowhere: files are
   renamed, not copied, and what is replaced lies in the staging directory until the change is committed.
3. What is read back may be a copy that was cut short while it was written file by file (``copied``): a file can be in
   both of its places, and be begun in the one it goes to, so that it counts as kept only when it is as long as it was.
   What Chromium writes first, and then puts in the place of a file, is nobody's when it is left.
4. Undoing and finishing can be interrupted, and done again. The plan goes first of all when either is done, because
   what lies in a staging directory means nothing without it.
5. A plan that is read names places inside the environment, and files of its own staging directory; another is refused.

Left to others: what is moved (:mod:`micropip_lock.adapters.site`), when a plan is somebody's who lives
(:mod:`micropip_lock.adapters.exclusive`), finding plans (:mod:`micropip_lock.adapters.recovery`).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from micropip_lock.core.wheel_place import OWN_PREFIX
from micropip_lock.errors import StorageError

STAGING_PREFIX: Final = f"{OWN_PREFIX}-"
"""What the names of staging directories begin with; no wheel may have files of such a name."""

PLAN: Final = "journal"
COMMITTED: Final = "journal.committed"
"""A copy loses files backwards by their names: this one before the plan, or what was undone would count as done."""

REPLACED: Final = "replaced"
"""What a staging directory calls the place for files that were installed before."""

_FORMAT: Final = 2

_IN_USE: Final = frozenset(
    {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY, errno.EACCES, errno.EPERM}
)
"""Why a directory stays that is not empty, not there or not ours to remove."""

_NOT_EMPTY: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR})
"""Why a directory stays that somebody else has put something into, or is gone already."""

_SWAP: Final = ".crswap"
"""What follows the name of a file while Chromium writes it; a number comes before that when such a one was left."""

_LATER: Final = 0.001
"""Seconds by which what was just moved is younger than what was just copied: the clock of copies counts these."""

type Move = tuple[str, str]


@dataclass(kw_only=True, slots=True)
class Journal:
    """One change.

    Attributes:
        root: The directory that is changed, absolute.
        staging: Where new files come from and replaced ones go, inside ``root``.
        outgoing: (place, place in ``staging``) of each file that goes.
        sizes: How many bytes each of those has.
        made: Directories that the new files need and that are not there, parents first.
        incoming: (place in ``staging``, place) of each new file.
        emptied: Directories that may be empty afterwards, and then go.
    """

    root: Path
    staging: Path
    outgoing: list[Move] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    incoming: list[Move] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Write the plan to the disk; nothing may be moved before.

        Raises:
            OSError: It is not written.
        """
        if not self._moves_files:
            return
        if self.outgoing:
            (self.staging / REPLACED).mkdir()
        self.sizes = [os.lstat(place).st_size for place, _ in self.outgoing]
        short = _shortener(self.root)
        text = json.dumps(
            {
                "format": _FORMAT,
                "outgoing": [(short(place), short(kept)) for place, kept in self.outgoing],
                "sizes": self.sizes,
                "made": list(map(short, self.made)),
                "incoming": [(short(staged), short(place)) for staged, place in self.incoming],
                "emptied": list(map(short, self.emptied)),
            }
        )
        draft = self.staging / f"{PLAN}.new"
        with open(draft, "wb") as file:
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, self.staging / PLAN)
        flush_directory(self.staging)

    @property
    def _moves_files(self) -> bool:
        """Whether there is anything to do, and so to write down: wheels may be mounted instead."""
        return bool(self.outgoing or self.incoming)

    def run(self, *, copied: bool = False) -> None:
        """Move everything.

        Args:
            copied: The directory is copied file by file to where it lasts: what comes is younger than what is there.

        Raises:
            FileExistsError: Somebody put something where a new file, or a directory for one, goes.
            OSError: The file system refused.
        """
        for source, target in self.outgoing:
            os.rename(source, target)
        for directory in self.made:
            try:
                os.mkdir(directory)
            except FileExistsError:
                if not os.path.isdir(directory):
                    raise
        for source, target in self.incoming:
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
            os.rename(source, target)
            if copied:
                _touch(target, later=_LATER)

    def commit(self) -> None:
        """Say that all of it happened: the one step between before and after.

        Raises:
            OSError: It did not happen: undo it.
        """
        if not self._moves_files:
            return
        os.rename(self.staging / PLAN, self.staging / COMMITTED)
        with contextlib.suppress(OSError):
            # It is done; a disk that cannot flush it now may forget it when the power fails.
            flush_directory(self.staging)

    def undo(self, *, copied: bool = False) -> list[Move]:
        """Put everything back.

        Args:
            copied: The directory may be a copy that was written file by file, and cut short.

        Returns:
            The moves that could not be undone: then the plan stays, to be tried again; else it is gone.
        """
        if copied:
            self._sweep()
        left = self._undone_copy() if copied else self._undone()
        return left if left else self._forgotten(PLAN)

    def _undone(self) -> list[Move]:
        kept_of = dict(self.outgoing)
        left = []
        for source, target in reversed(self.incoming):
            if target in kept_of and not os.path.lexists(kept_of[target]):
                # The old file is in its place still.
                continue
            if not os.path.lexists(source) and os.path.lexists(target) and not _moved(target, source):
                left.append((source, target))
        left += self._unmade()
        left += [
            (source, target)
            for source, target in reversed(self.outgoing)
            if not os.path.lexists(source) and not _moved(target, source)
        ]
        return left

    def _undone_copy(self) -> list[Move]:
        """What is kept whole is right, whatever is in its place; the place of what is not was never touched."""
        kept_of = dict(self.outgoing)
        for source, target in self.incoming:
            if target not in kept_of and (not os.path.lexists(source) or _is_begun(source, target)):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    os.unlink(target)
        left = self._unmade()
        for (place, kept), size in zip(self.outgoing, self.sizes, strict=True):
            is_whole = os.path.lexists(kept) and os.lstat(kept).st_size == size
            if is_whole and not _moved(kept, place, make=True, touch=True):
                left.append((place, kept))
        return left

    def _unmade(self) -> list[Move]:
        return [(directory, "") for directory in reversed(self.made) if not _remove_empty(directory)]

    @property
    def is_committed(self) -> bool:
        """Whether it says that all of it happened."""
        return (self.staging / COMMITTED).exists()

    def finish(self, *, copied: bool = False) -> list[Move]:
        """Do what is left of a change that is committed, and clear up.

        Args:
            copied: As for :meth:`undo`; where files are only moved, nothing is left to move.

        Returns:
            The moves that could not be made.
        """
        if copied:
            self._sweep()
        left = self._made_up() if copied else []
        for directory in sorted(self.emptied, key=len, reverse=True):
            try:
                # What a replaced distribution leaves empty.
                os.rmdir(directory)
            except OSError as error:
                if error.errno not in _IN_USE:
                    left.append((directory, ""))
        return left if left else self._forgotten(COMMITTED)

    def _sweep(self) -> None:
        places = {place for place, _ in self.outgoing} | {target for _, target in self.incoming}
        for directory in {os.path.dirname(place) for place in places}:
            # Directories that are made come later than files in others.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                for name in os.listdir(directory):
                    swap = os.path.join(directory, name)
                    written = {swap.removesuffix(_SWAP), re.sub(r"\.\d+$", "", swap.removesuffix(_SWAP))}
                    if name.endswith(_SWAP) and swap not in places and not places.isdisjoint(written):
                        os.unlink(swap)

    def _made_up(self) -> list[Move]:
        left = [
            (source, target)
            for source, target in self.incoming
            if os.path.lexists(source) and not _moved(source, target, make=True, touch=True)
        ]
        new = {target for _, target in self.incoming}
        left += [
            (place, kept)
            for place, kept in self.outgoing
            if place not in new and os.path.lexists(place) and not _moved(place, kept, make=True)
        ]
        return left

    def _forgotten(self, name: str) -> list[Move]:
        try:
            (self.staging / name).unlink(missing_ok=True)
        except OSError:
            return [(str(self.staging / name), "")]
        clear(self.staging)
        return []


def read_journal(root: Path, prefix: Path, staging: Path, name: str) -> Journal:
    """The plan that a process left in a staging directory.

    Args:
        root: The directory that it changes.
        prefix: The environment that it belongs to: files of wheels may be there.
        staging: Where the plan lies.
        name: :data:`PLAN` or :data:`COMMITTED`.

    Raises:
        StorageError: code ``journal``: it is no plan, or one for other places.
    """
    where = staging / name
    try:
        facts = json.loads(where.read_bytes())
        if facts["format"] != _FORMAT:
            raise ValueError(f"format {facts['format']!r}")
        journal = Journal(
            root=root,
            staging=staging,
            outgoing=_moves(facts["outgoing"], root),
            sizes=_sizes(facts["sizes"], facts["outgoing"]),
            made=_places(facts["made"], root),
            incoming=_moves(facts["incoming"], root),
            emptied=_places(facts["emptied"], root),
        )
        _check_places(journal, prefix)
    except OSError as error:
        raise _unreadable(where, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(where, f"{type(error).__name__}: {error}") from error
    return journal


def clear(staging: Path) -> None:
    """Remove a staging directory whose plan is gone; what cannot be removed is tried again by the next."""
    shutil.rmtree(staging, ignore_errors=True)


def flush_directory(path: Path) -> None:
    """Write a directory's entries to the disk, where directories can be opened.

    Raises:
        OSError: The disk refused.
    """
    if sys.platform in ("win32", "emscripten"):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _moved(source: str, target: str, *, make: bool = False, touch: bool = False) -> bool:
    try:
        if make:
            os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(source, target)
        if touch:
            _touch(target)
    except OSError:
        return False
    return True


def _touch(place: str, *, later: float = 0.0) -> None:
    """Make a file younger than any copy of it: only then is it copied again."""
    if not os.path.islink(place):
        now = time.time() + later
        os.utime(place, (now, now))


def _is_begun(whole: str, other: str) -> bool:
    """Whether a file has the bytes of another, or the first ones of them."""
    try:
        return Path(whole).read_bytes().startswith(Path(other).read_bytes())
    except OSError:
        return False


def _remove_empty(directory: str) -> bool:
    """A directory that was made, and its bytecode; what else somebody put there stays, and the directory with it."""
    shutil.rmtree(os.path.join(directory, "__pycache__"), ignore_errors=True)
    try:
        os.rmdir(directory)
    except OSError as error:
        return error.errno in _NOT_EMPTY
    return True


def _shortener(root: Path) -> Callable[[str], str]:
    """Places relative to the root, so that a plan is right wherever the directory is mounted the next time."""
    start = os.path.join(root, "")

    def short(place: str) -> str:
        inside = place.removeprefix(start) if place.startswith(start) else os.path.relpath(place, root)
        return inside.replace(os.sep, "/")

    return short


def _places(found: Any, root: Path) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(one, str) and one and "\0" not in one for one in found):
        raise ValueError("not a list of places")
    return [os.path.normpath(os.path.join(root, one)) for one in found]


def _moves(found: Any, root: Path) -> list[Move]:
    if not isinstance(found, list) or not all(isinstance(one, list) and len(one) == 2 for one in found):
        raise ValueError("not a list of moves")
    return [(source, target) for source, target in (_places(one, root) for one in found)]


def _sizes(found: Any, outgoing: Sequence[object]) -> list[int]:
    if not isinstance(found, list) or len(found) != len(outgoing):
        raise ValueError("not a size for each file that goes")
    if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in found):
        raise ValueError("not a list of sizes")
    return found


def _check_places(journal: Journal, prefix: Path) -> None:
    """Refuse a plan that would move anything but files of the environment and of its own staging directory."""
    own = os.path.join(journal.staging, "")
    staged = (*(kept for _, kept in journal.outgoing), *(source for source, _ in journal.incoming))
    for place in staged:
        if not place.startswith(own):
            raise ValueError(f"{place!r} is not in the staging directory")
    placed = (*(place for place, _ in journal.outgoing), *(target for _, target in journal.incoming))
    for place in outside((*placed, *journal.made, *journal.emptied), journal.root, prefix):
        raise ValueError(f"{place!r} is not in the environment")


def outside(places: Iterable[str], root: Path, prefix: Path) -> Iterator[str]:
    """Those places that are not inside an environment, by their names or by a link on the way to them."""
    roots = [os.path.join(one, "") for one in dict.fromkeys((str(root), str(prefix)))]
    real = [os.path.join(os.path.realpath(one), "") for one in roots]
    staging = os.path.join(root, STAGING_PREFIX)

    @cache
    def is_inside(parent: str) -> bool:
        return _below(os.path.join(os.path.realpath(parent), ""), real)

    for place in places:
        if not _below(place, roots) or place.startswith(staging) or not is_inside(os.path.dirname(place)):
            yield place


def _below(place: str, roots: Sequence[str]) -> bool:
    return any(place.startswith(root) for root in roots)


def _unreadable(where: Path, got: str) -> StorageError:
    return StorageError(
        "an interrupted replay left a journal that cannot be followed",
        code="journal",
        where=str(where),
        got=got,
        hint="delete that directory, and replay with force=True (--force), or into a fresh directory",
    )
