"""What ``jupyter lite check`` says of a site: every wheel of every lock is hashed again, whoever put it there.

Rules this file keeps:

1. All that is wrong is told at once; a site that cannot be read is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from micropip_lock.app.bundle import LOCK_NAME
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.faults import raise_all
from micropip_lock.core.model import Lock
from micropip_lock.errors import HashMismatchError, LockParseError, LockPolicyError, MicropipLockError, NotFoundError
from micropip_lock_lite.locks import refuse_misfits
from micropip_lock_lite.place import FOLDER, LIBRARY, Place, runtime_digest


def check(place: Place) -> int:
    """Check every lock of ours in a site, and every file that they name.

    Returns:
        How many wheels were hashed.

    Raises:
        MicropipLockError: the first of what is wrong, all of it in ``errors``.
    """
    faults: list[MicropipLockError] = []
    checked: set[tuple[str, str]] = set()
    packs: set[tuple[str, str]] = set()
    runtime = _read(place.runtime / LOCK_NAME)
    if not (place.folder / LOCK_NAME).is_file():
        _read(place.folder / LOCK_NAME)
    for path in place.locks():
        try:
            lock = _read(path)
            if lock.abi != runtime.abi:
                refuse_misfits(lock, runtime.abi)
        except MicropipLockError as error:
            faults += error.errors or [error]
            continue
        faults += _wrong_files(place, path, lock, checked)
        faults += _wrong_start(place, path, lock, packs)
    faults += _wrong_programs(place)
    raise_all(faults)
    return len(checked)


def _wrong_files(place: Place, path: Path, lock: Lock, checked: set[tuple[str, str]]) -> Iterator[MicropipLockError]:
    for package in lock:
        url, digest = package.wheel.url, package.wheel.digest
        if (url, digest.hex) in checked:
            continue
        checked.add((url, digest.hex))
        where = f"{FOLDER}/{path.name}: packages.{package.name}"
        if urlsplit(url).scheme:
            yield LockPolicyError(
                f"{package} does not lie in the site",
                code="outside",
                where=where,
                package=package.name,
                expected="a file of the site",
                got=url,
                hint="build the site again",
            )
            continue
        file = (place.folder / unquote(url)).resolve()
        if not file.is_relative_to(place.output.resolve()) or not file.is_file():
            yield NotFoundError(
                f"the file of {package} is not in the site", where=where, package=package.name, expected=url
            )
            continue
        try:
            admit(
                file.read_bytes(),
                digest,
                filename=package.wheel.filename,
                size=package.wheel.size,
                package=package.name,
            )
        except MicropipLockError as error:
            error.where = where
            yield error


def _wrong_start(place: Place, path: Path, lock: Lock, checked: set[tuple[str, str]]) -> Iterator[MicropipLockError]:
    """What is wrong with the start pack of a lock: kernels would do without it, and be slow."""
    start = lock.start
    if start is None or (start.url, start.digest.hex) in checked:
        return
    checked.add((start.url, start.digest.hex))
    file = (place.folder / unquote(start.url)).resolve()
    data = file.read_bytes() if file.is_relative_to(place.folder.resolve()) and file.is_file() else None
    if data is None or Digest.of(data) != start.digest:
        yield HashMismatchError(
            "the start pack of the site is not the one that its lock names",
            where=f"{FOLDER}/{path.name}: start",
            expected=f"{start.url}, {start.digest}",
            got="no such file" if data is None else str(Digest.of(data)),
            hint="build the site again",
        )


def _wrong_programs(place: Place) -> Iterator[MicropipLockError]:
    """What is wrong with what kernels load first: it lies in folders that are named by its digest."""
    runtimes = sorted(place.folder.glob("runtime-*"))
    if not runtimes:
        yield _not_there(f"{FOLDER}/runtime-…/pyodide.mjs", "no such folder")
    for folder in runtimes:
        named = folder.name.removeprefix("runtime-")
        got = runtime_digest(_reader(folder))
        if got != named:
            yield _not_there(f"{FOLDER}/{folder.name}", f"files of digest {got}")
    for folder in sorted(place.folder.glob("stdlib/*")):
        library = folder / LIBRARY
        if not library.is_file() or Digest.of(library.read_bytes()).hex != folder.name:
            yield _not_there(f"{FOLDER}/stdlib/{folder.name}/{LIBRARY}", "another file, or none")


def _reader(folder: Path) -> Callable[[str], bytes]:
    return lambda name: (folder / name).read_bytes() if (folder / name).is_file() else b""


def _not_there(expected: str, got: str) -> HashMismatchError:
    return HashMismatchError(
        "what kernels load first is not what was built",
        where=FOLDER,
        expected=expected,
        got=got,
        hint="build the site again",
    )


def _read(path: Path) -> Lock:
    try:
        return Lock.from_json(path.read_bytes())
    except OSError as error:
        raise LockParseError(
            "a lock of the site cannot be read",
            code="no-lock",
            where=str(path),
            got=error.strerror or str(error),
            hint="build the site again",
        ) from error
