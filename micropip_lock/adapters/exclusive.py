"""One at a time in one directory: processes, and installers of one process.

Rules this file keeps:

1. The operating system holds the lock, and takes it back when its holder ends, however that happens.
2. Nothing of it stays in the directory: the directory itself is locked where that is possible. Where it is not
   (Windows, some network file systems) a file inside is, which goes at the end.
3. Nobody is waited for: a replay that waits would plan for a directory that is about to change.

Left to others: tabs of a browser (:mod:`micropip_lock.adapters.pyodide`); in Pyodide there is one process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from micropip_lock.core.wheel_place import OWN_PREFIX
from micropip_lock.errors import BusyError

LOCK_FILE: Final = f"{OWN_PREFIX}.lock"

_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})

_held: set[str] = set()
"""Directories that this process holds."""


@contextlib.contextmanager
def exclusive(root: Path) -> Iterator[bool]:
    """Hold a directory.

    Args:
        root: A directory that is there.

    Yields:
        Whether other processes are kept off, too: what they left is nobody's then.

    Raises:
        BusyError: somebody else holds it.
        OSError: it cannot be opened.
    """
    name = os.path.realpath(root)
    if name in _held:
        raise busy(root)
    _held.add(name)
    try:
        with _locked(root) as alone:
            yield alone
    finally:
        _held.discard(name)


def is_held(root: Path) -> bool:
    """Whether somebody changes a directory right now."""
    if os.path.realpath(root) in _held:
        return True
    try:
        with _locked(root, shared=True):
            return False
    except BusyError:
        return True
    except OSError:
        return False


def busy(root: Path | None) -> BusyError:
    """The error for a place that is held by somebody else."""
    return BusyError("another replay is changing this environment", where=None if root is None else str(root))


@contextlib.contextmanager
def _locked(root: Path, *, shared: bool = False) -> Iterator[bool]:
    if sys.platform == "emscripten":
        yield True
        return
    handle = _lock_directory(root, shared=shared)
    if handle is not None:
        try:
            yield True
        finally:
            os.close(handle)
        return
    with _locked_file(root / LOCK_FILE, shared=shared) as alone:
        yield alone


def _lock_directory(root: Path, *, shared: bool) -> int | None:
    """A handle that holds the directory, or ``None`` where directories cannot be held.

    Raises:
        BusyError: somebody else holds it.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    while True:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
                raise busy(root) from error
            return None
        if _is_still(handle, root):
            return handle
        # It was removed, and perhaps made again, before we held it.
        os.close(handle)


@contextlib.contextmanager
def _locked_file(path: Path, *, shared: bool) -> Iterator[bool]:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | (0 if shared else os.O_CREAT), 0o666)
        except OSError:
            # Nobody holds what is not there; where nothing can be written, nothing is changed either.
            yield False
            return
        try:
            _lock_handle(handle)
        except OSError as error:
            os.close(handle)
            if error.errno in _BUSY:
                raise busy(path.parent) from error
            yield False
            return
        if _is_still(handle, path):
            break
        os.close(handle)
    try:
        yield True
    finally:
        if sys.platform != "win32" and not shared:
            # While it is held: whoever opened it before sees that it is gone, and begins anew.
            path.unlink(missing_ok=True)
        os.close(handle)
        if sys.platform == "win32" and not shared:
            with contextlib.suppress(OSError):
                path.unlink()


def _lock_handle(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
