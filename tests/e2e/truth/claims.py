"""One directory at a time that wheels are mounted to, for claims about the mount itself.

What runs here runs inside Pyodide.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from micropip_lock.adapters.engine import engine
from tests.e2e.truth.sides import RECORDS, Wheel, wheels_from

_held: Final[dict[str, Wheel]] = {}
"""Wheels by the name of their project."""


def hold(text: str) -> None:
    """Keep wheels of JSON for :class:`Place`."""
    for one in wheels_from(text):
        _held[one.filename.partition("-")[0]] = one


class Place:
    """A directory with ``site`` and ``prefix``.

    Args:
        name: Of the directory, a new one.
    """

    def __init__(self, name: str) -> None:
        self.root = Path("/claims") / name
        (self.root / "prefix").mkdir(parents=True)
        (self.root / "site").mkdir()

    def at(self, path: str) -> Path:
        """Below site-packages."""
        return self.root / "site" / path

    def prepared(
        self,
        *names: str,
        leaving: Sequence[str] = (),
        records: Mapping[str, str] = RECORDS,
        prefix: str = "prefix",
    ) -> Any:
        """Wheels that are about to be mounted."""
        from pyodide.ffi import to_js

        return engine().prepare(
            str(self.root / "site"),
            str(self.root / prefix),
            to_js([_held[name].handle for name in names]),
            json.dumps([dict(records)] * len(names)),
            json.dumps([str(self.at(path)) for path in leaving]),
        )

    def mount(self, *names: str) -> Any:
        """Mount wheels whose places are free."""
        prepared = self.prepared(*names)
        assert not prepared.taken.length
        prepared.commit()
        return prepared

    def tree(self) -> dict[str, str | None]:
        """Every file and directory, with the digest of what is a file."""
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
            for path in sorted(self.root.rglob("*"))
        }


def outcome(call: Callable[[], object]) -> str:
    """What a call gives, or which error it raises."""
    try:
        return repr(call())
    except OSError as error:
        return f"{type(error).__name__} {os.strerror(error.errno or 0)}"


def findings(wheel: str) -> list[list[str]]:
    """Path and code of what was found wrong in a wheel."""
    return [[one["path"], one["code"]] for one in json.loads(engine().findings()) if one["wheel"].startswith(wheel)]


def nodes() -> int:
    """How many nodes were ever made in this file system."""
    import pyodide_js

    made: int = pyodide_js.FS.nextInode
    return made


def look_into_by_hand(name: str) -> None:
    """Give the engine the layout of a wheel that is not plain, as if Python's checker had found it right."""
    wheel = _held[name]
    entries = []
    with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
        for one in archive.infolist():
            lengths: tuple[int, int] = struct.unpack_from("<HH", wheel.data, one.header_offset + 26)
            start = one.header_offset + 30 + sum(lengths)
            entries.append(
                [one.filename, start, one.compress_size, one.file_size, one.compress_type, one.CRC, 0o644, None]
            )
    layout = {"filename": wheel.filename, "distInfo": wheel.dist_info, "dataDir": "", "entries": entries}
    wheel.handle.found(json.dumps(layout))
