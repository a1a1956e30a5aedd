"""Real directories with what installers leave, frozen so that a write would be noticed: for tests of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from micropip_lock.adapters.site import SitePackages, TargetRuntime
from micropip_lock.app.freeze import freeze
from micropip_lock.core.model import Lock
from micropip_lock.errors import Unlockable, UnlockableError
from micropip_lock.ports import RuntimeLock
from micropip_lock.testing import BuiltWheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import ABI, RUNTIME, url_of

LOADED: Mapping[str, str] = {"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "pyodide"}
"""What ``pyodide.loadPackage`` leaves in dist-info."""

RUNTIME_BASE = "https://runtime.example/v1/"


def by_micropip(built: BuiltWheel, **changes: str) -> dict[str, str]:
    """What micropip leaves in dist-info while recording is off."""
    left = {"INSTALLER": "micropip", "PYODIDE_SOURCE": "pypi", "PYODIDE_URL": url_of(built)}
    return {**left, "PYODIDE_SHA256": built.sha256, **changes}


class Booted(TargetRuntime):
    """A runtime that was booted with a lock of these wheels."""

    def __init__(self, *packages: BuiltWheel) -> None:
        super().__init__(ABI)
        self._packages = {
            str(built.project): {"version": built.version, "file_name": built.filename, "sha256": built.sha256}
            for built in packages
        }

    def lock(self) -> RuntimeLock:
        return RuntimeLock(packages=self._packages, base=RUNTIME_BASE)


def unpacked(built: BuiltWheel, records: Mapping[str, str | bytes] | None = None) -> dict[str, bytes]:
    """The files of an installed wheel by path, with an installer's records in its dist-info directory."""
    site = MemorySite()
    site.install(built, records)
    return {path: site.read(path) or b"" for path in site.paths()}


def put(root: Path, built: BuiltWheel, records: Mapping[str, str | bytes] | None = None) -> Path:
    """Unpack a wheel into a directory, with an installer's records; its dist-info directory."""
    files = unpacked(built, records)
    for path, data in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return next((root / path).parent for path in files if path.endswith(".dist-info/WHEEL"))


def tree(root: Path) -> dict[str, tuple[bytes | None, int]]:
    """Every path below a directory, with its bytes and the time it was changed; the directory itself as well."""
    return {
        path.relative_to(root).as_posix(): (path.read_bytes() if path.is_file() else None, path.lstat().st_mtime_ns)
        for path in (root, *root.rglob("*"))
    }


def frozen(root: Path, runtime: TargetRuntime = RUNTIME) -> Lock:
    """The lock of a directory, with what cannot be locked; a strict freeze says the same, and neither writes."""
    before = tree(root)
    lock = freeze(SitePackages(root), runtime, strict=False)
    items: Sequence[Unlockable] = ()
    try:
        assert lock == freeze(SitePackages(root), runtime)
    except UnlockableError as error:
        items = error.items
    assert (before, lock.unlocked) == (tree(root), tuple(items))
    return lock


def refused(root: Path, runtime: TargetRuntime = RUNTIME) -> Unlockable:
    """The one thing that cannot be locked, of a directory that holds nothing else."""
    lock = frozen(root, runtime)
    (item,) = lock.unlocked
    assert [] == list(lock)
    return item


def noted(lock: Lock) -> list[tuple[str, str]]:
    """Package and code of each note."""
    return [(note.package, note.code) for note in lock.notes]
