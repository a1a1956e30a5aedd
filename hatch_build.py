"""Build hook: the bundles inside the Python package are never older than their TypeScript sources.

What this file knows: which files a bundle is made of, and how the first line of each bundle names them.
``js/build.mjs`` writes that line by the same rule; ``tests/house/test_bundle.py`` holds the two together.

Rules it keeps:

1. A fresh bundle needs no Node: an sdist carries the built bundle, so installing from it runs Python alone.
2. A stale bundle is never packed: it is built anew, or the build stops with what to install.

Left to others: the bundling itself (``js/build.mjs``) and finding a Node where none is on PATH (``tools/find-node``).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLES = (
    *(f"micropip_lock/data/{name}.js" for name in ("engine", "boot", "micropip-lock")),
    "lite/labextension/static/remoteEntry.js",
    "lite/micropip_lock_lite/kernel_runtime.mjs",
)
_CONFIGURATION = ("build.mjs", "package-lock.json", "package.json", "tsconfig.json")
_FIRST_LINE = re.compile(r"/\*! micropip-lock [a-z]+; sources sha256 ([0-9a-f]{64}) \*/")


def bundle_sources(root: Path) -> Iterator[Path]:
    """What decides the bundle: all of ``js/src`` but its tests (``*.test*``), the lock and the build configuration."""
    js = root / "js"
    yield from (js / name for name in _CONFIGURATION)
    yield from (path for path in (js / "src").rglob("*.ts") if ".test" not in path.name)


def sources_digest(root: Path) -> str:
    """sha256, in hexadecimal, over the sorted lines ``path NUL sha256-of-content LF`` of the bundle's sources."""
    lines = sorted(
        f"{path.relative_to(root / 'js').as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in bundle_sources(root)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def recorded_digest(root: Path) -> str | None:
    """The digest that each bundle's first line names; ``None`` when one is missing, or names none or another one."""
    digests = set()
    for name in BUNDLES:
        try:
            with (root / name).open(encoding="utf-8") as bundle:
                match = _FIRST_LINE.fullmatch(bundle.readline().rstrip("\n"))
        except FileNotFoundError:
            return None
        digests.add(match.group(1) if match else None)
    return digests.pop() if len(digests) == 1 else None


def build_bundle(root: Path) -> None:
    """Install the js dependencies from their lock and build the bundle.

    Raises:
        RuntimeError: Without npm, or when npm fails; the text says what to do.
    """
    npm = os.environ.get("NPM") or shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            f"{' or '.join(BUNDLES)} is older than js/src and there is no npm on PATH to build it\n"
            "  expected: Node 20 or newer with npm, or a fresh bundle\n"
            "  hint: run `make js` in the clone (it brings its own Node), or install Node and try again"
        )
    for arguments in (["ci", "--ignore-scripts"], ["run", "build"]):
        try:
            subprocess.run([npm, *arguments], cwd=root / "js", check=True)
        except subprocess.CalledProcessError as error:
            command = " ".join(["npm", *arguments])
            raise RuntimeError(f"`{command}` failed in js/ with exit code {error.returncode}; see above") from error


class EngineBundle(BuildHookInterface[Any]):
    """Hatchling's hook: runs before an sdist or a wheel is packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Build the bundle if it is stale; an editable install reads the clone as it is.

        Raises:
            RuntimeError: As :func:`build_bundle`; also when the bundle is still stale after building.
        """
        root = Path(self.root)
        if version == "editable" or recorded_digest(root) == sources_digest(root):
            return
        build_bundle(root)
        if recorded_digest(root) != sources_digest(root):
            raise RuntimeError("js/build.mjs wrote bundles whose first lines do not name their sources")
