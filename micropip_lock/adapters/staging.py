"""Wheels and mock packages unpacked beside the place they go to: where each file lies, and where it belongs.

Rules this file keeps:

1. Nothing outside the staging directory is touched.
2. Schemes go where PEP 427 says, or where Pyodide's own installer puts them; RECORD names files where they then are.

Left to others: moving them in (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Mock
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError, WheelPathError
from micropip_lock.ports import Install


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A wheel or a mock package in the staging directory.

    Attributes:
        name: Normalised name of the package.
        files: Where each file goes, and where it lies now.
    """

    name: str
    files: dict[Path, Path]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How an environment is laid out.

    Attributes:
        root: Its site-packages, absolute.
        prefix: Where the ``data`` scheme goes, absolute.
        as_pyodide: The ``.data`` directory stays, and its ``data`` scheme is copied into ``prefix``. Otherwise schemes
            are spread as PEP 427 says, and RECORD is rewritten accordingly.
    """

    root: Path
    prefix: Path
    as_pyodide: bool = False

    def wheel(self, one: Install, directory: Path, on_step: Callable[[str, str], None]) -> Staged:
        """A wheel, unpacked and checked.

        Args:
            one: The wheel.
            directory: Where to unpack it.
            on_step: Told ``verify`` and its name when it is done.

        Raises:
            MicropipLockError: what the check of each file raises; code ``duplicate-entry``.
            OSError: the file system refused.
        """
        try:
            return self._stage(one, directory, on_step)
        except MicropipLockError as error:
            error.package = error.package or one.package.name
            raise

    def _stage(self, one: Install, directory: Path, on_step: Callable[[str, str], None]) -> Staged:
        opened = one.wheel
        files: dict[Path, Path] = {}
        moved: dict[str, Path] = {}
        made: set[Path] = set()
        for path, data in opened.files():
            source = directory / "wheel" / path
            if source.parent not in made:
                source.parent.mkdir(parents=True, exist_ok=True)
                made.add(source.parent)
            source.write_bytes(data)
            if not self.as_pyodide and (opened.mode(path) & 0o111 or path.startswith(f"{opened.data_dir}/scripts/")):
                # PEP 427, "Recommended installer features": scripts are made executable.
                source.chmod(0o755)
            for target in self._targets(opened, path, one.package.name):
                if target in files:
                    raise WheelPathError(
                        "two files of the wheel go to one place",
                        code="duplicate-entry",
                        where=f"{opened.filename}: {path}",
                    )
                if self.as_pyodide and files.get(self.root / path) == source:
                    # Pyodide keeps the .data directory and copies: two files, not one.
                    source = directory / "copies" / str(len(files))
                    source.parent.mkdir(exist_ok=True)
                    source.write_bytes(data)
                elif target != self.root / path:
                    moved[path] = target
                files[target] = source
        record = opened.record_text
        if moved:
            record = self._moved_record(record, moved)
            (directory / "wheel" / opened.dist_info / "RECORD").write_bytes(record.encode("utf-8"))
        for name, text in one.records(record).items():
            source = directory / "wheel" / opened.dist_info / name
            source.write_bytes(text.encode("utf-8"))
            files[self.root / opened.dist_info / name] = source
        on_step("verify", one.package.name)
        return Staged(name=one.package.name, files=files)

    def mock(self, mock: Mock, directory: Path) -> Staged:
        """A mock package that is kept in files.

        Raises:
            OSError: the file system refused.
        """
        # micropip writes absolute paths into RECORD; a directory that may be moved gets relative ones.
        files: dict[Path, Path] = {}
        for path, text in mock_files(mock, root=f"{self.root}/" if self.as_pyodide else "").items():
            source = directory / path
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(text.encode("utf-8"))
            files[self.root / path] = source
        return Staged(name=mock.name, files=files)

    def _targets(self, opened: OpenedWheel, path: str, name: str) -> tuple[Path, ...]:
        """Where a file of the wheel goes."""
        top, _, rest = path.partition("/")
        in_place = self.root / path
        if top != opened.data_dir:
            return (in_place,)
        scheme, _, inner = rest.partition("/")
        if self.as_pyodide:
            return (in_place, self.prefix / inner) if scheme == "data" else (in_place,)
        schemes = {
            "purelib": self.root,
            "platlib": self.root,
            "data": self.prefix,
            "scripts": self.prefix / "bin",
            "headers": self.prefix / "include" / name,
        }
        return (schemes[scheme] / inner,)

    def _moved_record(self, record_text: str, moved: dict[str, Path]) -> str:
        """RECORD names files where they are installed (PEP 427, "Unpack", 2.d)."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for row in parse_record(record_text):
            path = row.path
            target = moved.get(posixpath.normpath(path))
            if target is not None:
                path = os.path.relpath(target, self.root).replace(os.sep, "/")
            writer.writerow((path, row.digest.record if row.digest else "", "" if row.size is None else row.size))
        return text.getvalue()
