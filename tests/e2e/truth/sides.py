"""The same wheels on two sides: mounted by the engine, and unpacked file by file.

What runs here runs inside Pyodide. Both sides answer alike: whether the wheels could be put there. The unpacked side
knows the rule in its simplest form; what it writes are ordinary files.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from micropip_lock.adapters.engine import engine
from tests.e2e.truth.side import SENTINEL, Side

RECORDS: Final = {"INSTALLER": "truth\n", "REQUESTED": ""}
"""Files that the installer writes into each dist-info."""


class Wheel:
    """One wheel: its bytes, and a handle of it in the engine.

    Args:
        filename: Its file name.
        data: Its bytes.
    """

    def __init__(self, filename: str, data: bytes) -> None:
        from pyodide.ffi import to_js

        self.filename = filename
        self.data = data
        self.handle = engine().holdBytes(to_js(data), hashlib.sha256(data).hexdigest())
        project = "-".join(filename.split("-")[:2])
        self.dist_info = f"{project}.dist-info"
        self._scheme = f"{project}.data/data/"
        self.is_plain = isinstance(self.handle.plain(filename), str)

    def files(self) -> Iterable[tuple[str, bytes]]:
        """What Pyodide's own installer writes, by its path below the root of a side."""
        records = {f"{self.dist_info}/{name}": text.encode() for name, text in RECORDS.items()}
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            for name in archive.namelist():
                content = archive.read(name)
                yield f"site/{name}", records.pop(name, content)
                if name.startswith(self._scheme):
                    yield f"prefix/{name.removeprefix(self._scheme)}", content
        for name, content in records.items():
            yield f"site/{name}", content


def wheels_from(text: str) -> list[Wheel]:
    """Wheels from JSON: file names and base64."""
    return [Wheel(filename, base64.b64decode(data)) for filename, data in json.loads(text)]


class Filled(Side):
    """A side where files are replaced."""

    @contextlib.contextmanager
    def gone(self, paths: Sequence[str], *, back: bool) -> Iterator[None]:
        """Move files out of the way; for good, or until the end."""
        for number, path in enumerate(paths):
            os.rename(self.at(path), f"{self.outside}/.gone-{number}")
        yield
        for number, path in enumerate(paths):
            if back:
                os.rename(f"{self.outside}/.gone-{number}", self.at(path))
            else:
                os.unlink(f"{self.outside}/.gone-{number}")


class Mounted(Filled):
    """The side where the engine puts wheels."""

    def put(self, wheels: Sequence[Wheel], leaving: Sequence[str], undo: bool) -> bool:
        """Mount wheels, in the place of files that leave; whether their places are free."""
        from pyodide.ffi import to_js

        prepared = engine().prepare(
            f"{self.root}/site",
            f"{self.root}/prefix",
            to_js([one.handle for one in wheels]),
            json.dumps([RECORDS] * len(wheels)),
            json.dumps([self.at(path) for path in leaving]),
        )
        if prepared.taken.length:
            return False
        if undo:
            prepared.undo()
        with self.gone(leaving, back=undo):
            prepared.commit()
            if undo:
                prepared.undo()
        return True


class Unpacked(Filled):
    """The side where wheels are written file by file."""

    def put(self, wheels: Sequence[Wheel], leaving: Sequence[str], undo: bool) -> bool:
        """Unpack wheels, in the place of files that leave; whether their places are free."""
        coming: dict[str, bytes] = {}
        for one in wheels:
            for path, content in one.files():
                if coming.setdefault(path, content) != content:
                    return False
        if any(self._is_taken(path, content, leaving, coming) for path, content in coming.items()):
            return False
        with self.gone(leaving, back=undo):
            if not undo:
                self._write(coming)
        return True

    def _write(self, coming: Mapping[str, bytes]) -> None:
        for path, content in coming.items():
            at = self.at(path)
            if not os.path.lexists(at):
                os.makedirs(os.path.dirname(at), exist_ok=True)
                with open(at, "wb") as file:
                    file.write(content)

    def _is_taken(self, path: str, content: bytes, leaving: Sequence[str], coming: Mapping[str, bytes]) -> bool:
        at = self.at(path)
        parts = path.split("/")
        for length in range(1, len(parts)):
            parent = "/".join(parts[:length])
            if parent in coming:
                return True
            if os.path.lexists(self.at(parent)) and not stat.S_ISDIR(os.lstat(self.at(parent)).st_mode):
                return True
        if not os.path.lexists(at):
            return False
        mode = os.lstat(at).st_mode
        if path in leaving and not stat.S_ISDIR(mode):
            return False
        if not stat.S_ISREG(mode):
            return True
        with open(at, "rb") as file:
            return file.read() != content


class Pair:
    """Both sides, and the wheels that programs put there.

    Args:
        wheels: Programs name them by their place here.
    """

    def __init__(self, wheels: Sequence[Wheel]) -> None:
        self.wheels = wheels
        # Names of one length: a traceback or a tar archive depends on it.
        self.sides: tuple[Mounted | Unpacked, ...] = (Mounted("/truth/m", "/truth/x"), Unpacked("/truth/u", "/truth/y"))

    def begin(self) -> None:
        """Make both sides empty."""
        for side in self.sides:
            side.close()
            for top in (side.root, side.outside):
                if os.path.lexists(top):
                    shutil.rmtree(top, ignore_errors=True)
                    if os.path.lexists(top):
                        # A directory that held `__proto__` is never empty for MEMFS.
                        os.rename(top, f"/truth/left-{len(os.listdir('/truth'))}")
                os.makedirs(top)
            os.makedirs(f"{side.root}/site")
            os.makedirs(f"{side.root}/prefix")

    def run(self, program: Sequence[list[Any]]) -> list[list[Any]]:
        """What each side gives: the result of each operation, and the tree in the end.

        One side after the other, so that both open the same file descriptors: a map that is closed late writes to
        whatever has its descriptor by then.
        """
        self.begin()
        answers = []
        for side in self.sides:
            given = []
            open_to_all = True
            for one in program:
                # Permissions to write are no question of the engine's.
                open_to_all = open_to_all and one[0] != "chmod"
                if one[0] != "put":
                    given.append(side.apply(one))
                else:
                    given.append(self._put(side, *one[1:]) if open_to_all else "not after a change of permissions")
            side.close()
            answers.append([*given, side.tree()])
        return answers

    def _put(self, side: Mounted | Unpacked, places: list[int], replaced: list[int], undo: bool) -> Any:
        if not all(os.path.isdir(side.at(top)) and not os.path.islink(side.at(top)) for top in ("site", "prefix")):
            return "a place for wheels has to be there"
        leaving = [
            path
            for place in replaced
            for path, _ in self.wheels[place].files()
            if os.path.isfile(side.at(path)) and not os.path.islink(side.at(path))
        ]
        answer = side.put([self.wheels[place] for place in places], [*dict.fromkeys(leaving)], undo)
        if undo:
            # That something came and went may be seen by the times of directories only.
            for directory, _, _ in os.walk(side.root):
                os.utime(directory, SENTINEL)
        return answer
