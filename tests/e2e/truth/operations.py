"""What programs do with files and directories, each operation on one side.

What runs here runs inside Pyodide. An operation knows a root and paths below it, never how the files came there.
"""

from __future__ import annotations

import glob
import itertools
import mmap
import os
import pathlib
import shutil
import tempfile
import zipfile
from typing import Any

from tests.e2e.truth.side import SENTINEL, Side, operation


@operation
def stat_(side: Side, path: str, follow: bool) -> Any:
    info = os.stat(side.at(path), follow_symlinks=follow)
    return [oct(info.st_mode), info.st_size, info.st_nlink, info.st_dev, info.st_blocks, info.st_mtime == SENTINEL[1]]


@operation
def listdir(side: Side, path: str) -> Any:
    return os.listdir(side.at(path))


@operation
def scandir(side: Side, path: str) -> Any:
    with os.scandir(side.at(path)) as entries:
        return [
            [entry.name, entry.path, entry.is_dir(), entry.is_file(follow_symlinks=False), entry.is_symlink()]
            for entry in entries
        ]


@operation
def scandir_changing(side: Side, path: str, name: str) -> Any:
    """A directory that changes while it is listed."""
    with os.scandir(side.at(path)) as entries:
        first = [entry.name for entry in itertools.islice(entries, 1)]
        pathlib.Path(side.at(f"{path}/{name}")).write_bytes(b"came while it was listed")
        return first + [entry.name for entry in entries]


@operation
def remove_listed(side: Side, path: str) -> Any:
    """Every file of a directory is removed while it is listed."""
    gone = []
    with os.scandir(side.at(path)) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)
                gone.append(entry.name)
    return gone


@operation
def walk(side: Side, path: str, topdown: bool) -> Any:
    return [list(one) for one in os.walk(side.at(path), topdown=topdown)]


@operation
def asked(side: Side, path: str) -> Any:
    at = side.at(path)
    kinds = [os.path.lexists(at), os.path.exists(at), os.path.isdir(at), os.path.isfile(at), os.path.islink(at)]
    return [*kinds, *(os.access(at, mode) for mode in (os.F_OK, os.R_OK, os.W_OK, os.X_OK)), os.path.realpath(at)]


@operation
def read(side: Side, path: str) -> Any:
    with open(side.at(path), "rb") as file:
        return file.read()


@operation
def read_text(side: Side, path: str) -> Any:
    return pathlib.Path(side.at(path)).read_text("utf-8", "replace")


@operation
def read_part(side: Side, path: str, start: int, length: int) -> Any:
    descriptor = os.open(side.at(path), os.O_RDONLY)
    try:
        ahead = os.pread(descriptor, length, start)
        return [ahead, os.lseek(descriptor, start, os.SEEK_SET), os.read(descriptor, length)]
    finally:
        os.close(descriptor)


@operation
def write(side: Side, path: str, mode: str, content: str) -> Any:
    with open(side.at(path), mode, encoding=None if "b" in mode else "utf-8") as file:
        where = file.tell()
        return [where, file.write(content.encode() if "b" in mode else content), file.tell()]


@operation
def patch(side: Side, path: str, start: int, content: str) -> Any:
    with open(side.at(path), "r+b") as file:
        file.seek(start)
        return [file.write(content.encode()), file.tell(), file.read(7)]


@operation
def patch_low(side: Side, path: str, flags: int, start: int, content: str) -> Any:
    descriptor = os.open(side.at(path), flags)
    try:
        return [os.pwrite(descriptor, content.encode(), start), os.fstat(descriptor).st_size]
    finally:
        os.close(descriptor)


@operation
def truncate(side: Side, path: str, size: int) -> Any:
    return os.truncate(side.at(path), size)


@operation
def open_(side: Side, slot: int, path: str, mode: str, buffering: int) -> Any:
    if slot in side.handles:
        side.handles.pop(slot).close()
    side.handles[slot] = open(side.at(path), mode, buffering)  # noqa: SIM115
    return side.handles[slot].tell()


@operation
def close(side: Side, slot: int) -> Any:
    return side.handles.pop(slot).close()


@operation
def handle(side: Side, slot: int, what: str, number: int, content: str) -> Any:
    """One call on an open file."""
    file = side.handles[slot]
    match what:
        case "read":
            return file.read(number)
        case "readline":
            return file.readline()
        case "write":
            return file.write(content.encode() if "b" in file.mode else content)
        case "seek":
            return file.seek(number, os.SEEK_SET)
        case "end":
            return file.seek(0, os.SEEK_END)
        case "tell":
            return file.tell()
        case "truncate":
            return file.truncate(number)
        case "ftruncate":
            return os.ftruncate(file.fileno(), number)
        case "flush":
            return file.flush()
        case "fstat":
            return os.fstat(file.fileno()).st_size
        case _:
            return os.fsync(file.fileno())


@operation
def map_(side: Side, slot: int, path: str, access: int, length: int) -> Any:
    """Map a file into memory, where it stays for a while."""
    if slot in side.maps:
        side.maps.pop(slot).close()
    with open(side.at(path), "rb" if access in (mmap.ACCESS_READ, mmap.ACCESS_COPY) else "r+b") as file:
        side.maps[slot] = mmap.mmap(file.fileno(), length, access=access)
    return [len(side.maps[slot]), side.maps[slot][:100]]


@operation
def mapped(side: Side, slot: int, what: str, start: int, content: str) -> Any:
    """One call on a map."""
    here = side.maps[slot]
    match what:
        case "read":
            return here[start : start + 50]
        case "write":
            here[start : start + len(content)] = content.encode()
            return here.tell()
        case "flush":
            return here.flush()
        case "find":
            return here.find(content[:1].encode())
        case _:
            return side.maps.pop(slot).close()


@operation
def rename(side: Side, old: str, new: str) -> Any:
    return os.rename(side.at(old), side.at(new))


@operation
def replace(side: Side, old: str, new: str) -> Any:
    return pathlib.Path(side.at(old)).replace(side.at(new))


@operation
def move(side: Side, old: str, new: str) -> Any:
    return shutil.move(side.at(old), side.at(new))


@operation
def unlink(side: Side, path: str) -> Any:
    return os.unlink(side.at(path))


@operation
def rmdir(side: Side, path: str) -> Any:
    return os.rmdir(side.at(path))


@operation
def mkdir(side: Side, path: str, mode: int) -> Any:
    return os.mkdir(side.at(path), mode)


@operation
def makedirs(side: Side, path: str, exist_ok: bool) -> Any:
    return os.makedirs(side.at(path), exist_ok=exist_ok)


@operation
def removedirs(side: Side, path: str) -> Any:
    os.rmdir(side.at(path))
    return os.path.exists(os.path.dirname(side.at(path)))


@operation
def rmtree(side: Side, path: str) -> Any:
    return shutil.rmtree(side.at(path))


@operation
def copy(side: Side, old: str, new: str) -> Any:
    return shutil.copy(side.at(old), side.at(new))


@operation
def copytree(side: Side, old: str, new: str, symlinks: bool) -> Any:
    if f"{side.at(new)}/".startswith(f"{side.at(old)}/"):
        return "into itself, without end"
    return shutil.copytree(side.at(old), side.at(new), symlinks=symlinks, copy_function=shutil.copy, dirs_exist_ok=True)


@operation
def symlink(side: Side, target: str, path: str, absolute: bool) -> Any:
    return os.symlink(side.at(target) if absolute else target, side.at(path))


@operation
def readlink(side: Side, path: str) -> Any:
    return os.readlink(side.at(path))


@operation
def link(side: Side, old: str, new: str) -> Any:
    return os.link(side.at(old), side.at(new))


@operation
def chmod(side: Side, path: str, mode: int) -> Any:
    return os.chmod(side.at(path), mode)


@operation
def utime(side: Side, path: str) -> Any:
    return os.utime(side.at(path), SENTINEL)


@operation
def touch(side: Side, path: str, exist_ok: bool) -> Any:
    return pathlib.Path(side.at(path)).touch(exist_ok=exist_ok)


@operation
def glob_(side: Side, path: str, pattern: str) -> Any:
    return glob.glob(pattern, root_dir=side.at(path), recursive=True, include_hidden=True)


@operation
def rglob(side: Side, path: str, pattern: str) -> Any:
    return [str(one) for one in pathlib.Path(side.at(path)).rglob(pattern)]


@operation
def relative(side: Side, path: str, inner: str) -> Any:
    """From inside a directory."""
    before = os.getcwd()
    os.chdir(side.at(path))
    try:
        return [os.getcwd(), os.listdir("."), os.path.exists(inner), os.path.abspath(inner), os.path.exists("..")]
    finally:
        os.chdir(before)


@operation
def temporary(side: Side, path: str) -> Any:
    if not os.path.isdir(side.at(path)):
        return "an error would name a random file"
    with tempfile.TemporaryDirectory(dir=side.at(path)) as inner, tempfile.NamedTemporaryFile(dir=inner) as file:
        file.write(b"for a while")
        file.flush()
        return [os.stat(file.name).st_size, len(os.listdir(inner))]


@operation
def zipped(side: Side, path: str) -> Any:
    at = side.at(path)
    return [zipfile.is_zipfile(at), zipfile.ZipFile(at).namelist() if zipfile.is_zipfile(at) else None]


@operation
def archived(side: Side, path: str) -> Any:
    made = f"{side.outside}/archive.tar"
    try:
        return os.stat(shutil.make_archive(made.removesuffix(".tar"), "tar", side.at(path))).st_size
    finally:
        # It holds times, which may differ.
        pathlib.Path(made).unlink(missing_ok=True)
