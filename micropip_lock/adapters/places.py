"""Directories of this machine in which other tools keep their configuration.

Left to others: which files in them count (:mod:`micropip_lock.adapters.pip_settings`,
:mod:`micropip_lock.adapters.uv_settings`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where to look.

    Attributes:
        cwd: Working directory, where the search for a project's files begins.
        home: The user's home directory.
        prefix: The Python environment whose own files count.
        etc: The machine's configuration; unused on Windows.
    """

    cwd: Path
    home: Path
    prefix: Path
    etc: Path = Path("/etc")

    @classmethod
    def of_this_process(cls) -> Self:
        """The real ones."""
        return cls(cwd=Path.cwd(), home=Path.home(), prefix=Path(sys.prefix))

    def user(self, environ: Mapping[str, str]) -> Path:
        """The user's configuration directory, as both pip and uv find it, but for pip on macOS."""
        if sys.platform == "win32":
            return Path(environ.get("APPDATA") or self.home / "AppData" / "Roaming")
        return Path(environ.get("XDG_CONFIG_HOME") or self.home / ".config")

    def system(self, environ: Mapping[str, str]) -> list[Path]:
        """The machine's XDG configuration directories; on Windows ``ProgramData``.

        Source: XDG Base Directory Specification, ``XDG_CONFIG_DIRS``.
        """
        if sys.platform == "win32":
            return [Path(environ.get("PROGRAMDATA") or "C:\\ProgramData")]
        directories = environ.get("XDG_CONFIG_DIRS") or str(self.etc / "xdg")
        return [Path(directory) for directory in directories.split(os.pathsep) if directory]
