"""Where everything of ours lies in a site, by its address relative to the site's root.

Rules this file keeps:

1. Wheels lie under their SHA-256: whatever a browser has under such an address it may keep forever.
2. Locks lie in one folder and name everything relative to themselves, so that a site works wherever it is served.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from micropip_lock import wiring
from micropip_lock.app.bundle import LOCK_NAME
from micropip_lock.core.digest import VerifiedWheel
from micropip_lock.core.local_wheel import local_file_name
from micropip_lock.core.model import Lock, by_name

FOLDER: Final = "static/micropip-lock"
KERNEL_LOCK: Final = "kernel.json"
"""The kernel's own packages alone: what the front end lays another lock over."""
RUNTIME: Final = "static/pyodide"
SHIMS: Final = "extensions/@jupyterlite/pyodide-kernel-extension/static/pypi"
"""Where JupyterLite's kernel extension has the wheels that it brings along."""

UP: Final = "../" * (FOLDER.count("/") + 1)
"""From our folder to the site's root."""

_LONG_AGO: Final = 315532800.0
"""1980 begins: the first point in time that a zip archive can name."""

LIBRARY: Final = "python_stdlib.zip"
_RUNTIME_FILES: Final = (
    *("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.js", "pyodide.asm.wasm", LIBRARY),
    LOCK_NAME,
)


def kernel_runtime(base: Lock) -> tuple[str, dict[str, bytes]]:
    """What kernels load as Pyodide: where it lies below our folder, and its files by their paths there.

    It has a folder of its own, named by what is in it: its modules name each other, and Pyodide's, by relative
    addresses. A lock lies there as beside any Pyodide; ``jupyter lite check`` wants one.

    Args:
        base: The site's own packages, their addresses relative to our folder.
    """
    mounting = importlib.resources.files("micropip_lock_lite").joinpath("kernel_runtime.mjs").read_bytes()
    boot = importlib.resources.files("micropip_lock").joinpath("data/boot.js").read_bytes()
    moved = by_name(replace(one, wheel=replace(one.wheel, url=f"../{one.wheel.url}")) for one in base)
    lock = replace(base, packages=moved, start=None).to_json().encode()
    files = {"pyodide.mjs": mounting, "boot.js": boot, LOCK_NAME: lock}
    folder = f"runtime-{runtime_digest(files.__getitem__)}"
    return f"{folder}/pyodide.mjs", {f"{folder}/{name}": data for name, data in files.items()}


def runtime_digest(read: Callable[[str], bytes]) -> str:
    """What the folder of these files is named by."""
    return hashlib.sha256(b"".join(read(name) for name in ("pyodide.mjs", "boot.js", LOCK_NAME))).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The directories of one build.

    Attributes:
        lite: Of the site's sources.
        output: Of the site.
        cache: What a later build need not fetch again.
    """

    lite: Path
    output: Path
    cache: Path

    @property
    def folder(self) -> Path:
        """Ours, in the site."""
        return self.output / FOLDER

    @property
    def runtime(self) -> Path:
        """Of Pyodide, in the site."""
        return self.output / RUNTIME

    @property
    def bundle(self) -> Path:
        """Wheels by their digest, before they are copied into the site."""
        return self.cache / "bundle"

    def locks(self) -> Iterator[Path]:
        """Every lock of ours in the site, sorted."""
        yield from sorted(self.folder.glob("*.json"))

    def keep(self, wheel: VerifiedWheel) -> str:
        """Put a wheel beside the others, and tell how a lock names it."""
        name = local_file_name(wheel.digest, wheel.filename)
        wiring.folder(self.bundle).write(name, wheel.data)
        return name

    def runtime_files(self, *, library: bool) -> list[str]:
        """What kernels fetch of Pyodide, relative to the site's root; its standard library only when that is theirs."""
        others = {LOCK_NAME, *(() if library else (LIBRARY,))}
        names = (name for name in _RUNTIME_FILES if name not in others and (self.runtime / name).is_file())
        return [f"{RUNTIME}/{name}" for name in names]

    def bring_runtime(self, directory: Path) -> None:
        """Copy what a kernel needs of a Pyodide into the site; what is the same already is left alone."""
        for name in _RUNTIME_FILES:
            if (directory / name).is_file():
                wiring.folder(self.runtime).write(name, (directory / name).read_bytes())

    def publish(self, files: dict[str, bytes], bundled: Iterator[str]) -> None:
        """Write our folder anew: wheels and start packs first, then the files that name them.

        Args:
            files: By path below our folder.
            bundled: Paths below it, and below the bundle.
        """
        if self.folder.exists():
            shutil.rmtree(self.folder)
        target = wiring.folder(self.folder)
        for path in sorted(set(bundled)):
            target.write(path, (self.bundle / path).read_bytes())
            # Where a server says no more than when a file was changed, a browser asks again after a tenth of its age.
            os.utime(self.folder / path, (_LONG_AGO, _LONG_AGO))
        for path, data in sorted(files.items()):
            target.write(path, data)
