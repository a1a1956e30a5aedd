"""The kernel's own packages: what JupyterLite's Pyodide kernel imports before a person's first line, and ours.

Rules this file keeps:

1. They are the same for every lock of a site, and come from the site alone.
2. What was given is taken: a lock, or a directory of wheels, neither of which needs Node or an index. Only when nothing
   was given are they frozen, from the indexes that pip and uv are set to; the result is kept for the next build.
3. micropip and packaging, when they are not among them, are the pinned ones that micropip-lock itself runs with.
4. The wheels that the kernel's extension brings along stay where they are, unless they are compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from micropip_lock import wiring
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.model import Abi, LockedPackage
from micropip_lock.core.wheel_name import parse_identity
from micropip_lock.errors import UsageError
from micropip_lock_lite.entries import entries_of
from micropip_lock_lite.kernel_wheel import kernel_wheel
from micropip_lock_lite.locks import Locks
from micropip_lock_lite.options import Options
from micropip_lock_lite.place import SHIMS, UP, Place

REQUIREMENTS: Final = ("ipython", "comm", "jedi")
"""What the kernel imports and its extension does not bring."""

_TOOLS: Final = ("micropip", "packaging")
_SHIMS: Final = ("piplite", "ipykernel", "pyodide-kernel")
_ROOTS: Final = (*REQUIREMENTS, *_TOOLS, *_SHIMS, "micropip-lock")

PRELOADED: Final = ("micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython", "micropip-lock")
"""What a kernel has to have when it is ready; the kernel installs none of these itself when they are."""


async def kernel_packages(options: Options, place: Place, locks: Locks, abi: Abi) -> dict[str, LockedPackage]:
    """The entries of the kernel's own packages, by name.

    Raises:
        UsageError: codes ``no-kernel-extension``, ``kernel-incomplete``, ``two-wheels``, ``no-directory``.
        MicropipLockError: what reading a lock, fetching and opening wheels raise.
    """
    given = None if options.kernel is None else Path(options.placed(options.kernel))
    if given is not None and given.is_dir():
        found = entries_of(_placed(place, wheels_of(given)), abi, elsewhere={})
    else:
        lock = (
            await locks.frozen(REQUIREMENTS, abi=abi)
            if options.kernel is None
            else await locks.load(options.kernel, abi=abi)
        )
        found = dict((await locks.bundled(lock)).packages)
    ours = [wheel for wheel in _tools() if parse_identity(wheel.filename).name not in found]
    shims = _shims(place)
    if options.bytecode:
        # What is compiled is another wheel, and lies beside the others.
        shims = _placed(place, shims.values())
    wheels = {**_placed(place, [*ours, kernel_wheel()]), **shims}
    found |= entries_of(wheels, abi, elsewhere=found)
    missing = [name for name in _ROOTS if name not in found]
    if missing:
        raise UsageError(
            "the kernel's own packages are not complete",
            code="kernel-incomplete",
            where="MicropipLockAddon.kernel",
            expected=", ".join(missing),
            got=", ".join(sorted(found)) or "none",
            hint=f"freeze {' '.join(REQUIREMENTS)} for this Pyodide, and give that lock",
        )
    brought = {canonicalize_name(parse_identity(url.rsplit("/", 1)[-1]).name) for url in wheels}
    return {name: found[name] for name in sorted({*needed(_ROOTS, found), *brought})}


def needed(roots: Iterable[str], packages: Mapping[str, LockedPackage]) -> set[str]:
    """``roots`` and all they need, of these packages."""
    found: set[str] = set()
    queue = [*roots]
    while queue:
        name = queue.pop()
        if name in packages and name not in found:
            found.add(name)
            queue += packages[name].depends
    return found


def wheels_of(directory: Path) -> list[VerifiedWheel]:
    """Every wheel of a directory, and what lies below it.

    Raises:
        UsageError: code ``two-wheels``: a project has more than one.
        WheelMetadataError: code ``wheel-filename``.
    """
    paths: dict[str, Path] = {}
    for path in sorted(directory.rglob("*.whl")):
        name = parse_identity(path.name).name
        if name in paths:
            raise UsageError(
                f"there are two wheels of {name}",
                code="two-wheels",
                where=str(directory),
                expected="one wheel of each project",
                got=f"{paths[name].name} and {path.name}",
            )
        paths[name] = path
    return [_at_hand(path) for path in paths.values()]


def _at_hand(path: Path) -> VerifiedWheel:
    data = path.read_bytes()
    return admit(data, Digest.of(data), filename=path.name)


def _tools() -> list[VerifiedWheel]:
    return [admit(data, Digest.of(data), filename=name) for name, data in wiring.tool_wheels().items()]


def _placed(place: Place, wheels: Iterable[VerifiedWheel]) -> dict[str, VerifiedWheel]:
    return {place.keep(wheel): wheel for wheel in wheels}


def _shims(place: Place) -> dict[str, VerifiedWheel]:
    """What the kernel's extension brings: of several versions the newest."""
    newest: dict[str, tuple[Version, Path]] = {}
    for path in sorted((place.output / SHIMS).glob("*.whl")):
        name, version, *_ = parse_wheel_filename(path.name)
        if name not in newest or version > newest[name][0]:
            newest[name] = (version, path)
    if not newest:
        raise UsageError(
            "the site has no Pyodide kernel",
            code="no-kernel-extension",
            expected=f"wheels in {SHIMS}",
            got="none",
            hint="pip install jupyterlite-pyodide-kernel, or: pip install 'micropip-lock[lite]'",
        )
    return {f"{UP}{SHIMS}/{path.name}": _at_hand(path) for _, path in newest.values()}
