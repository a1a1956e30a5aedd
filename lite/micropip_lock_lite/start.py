"""What kernels of a site read when they start: seen in the site's own Pyodide, and put into one file of the site.

Rules this file keeps:

1. It only saves time: where it cannot be seen, a person is told why, and kernels fetch whole wheels.
2. What was seen is kept under the digests of all that decides it: a build without a change runs nothing.

Left to others: seeing it and the file (:mod:`micropip_lock.app.start`), what a kernel does with it
(``js/src/boot-start.ts``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from micropip_lock import wiring
from micropip_lock.app.start import failures, written_pack
from micropip_lock.core.digest import admit
from micropip_lock.core.model import Lock, LockedPackage, StartPack, by_name
from micropip_lock.core.policy import Policy
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.ports import FilesRead
from micropip_lock_lite.place import Place

KERNEL_IMPORTS: Final = ("micropip", "piplite.piplite", "pyodide_kernel")
"""What the kernel's worker imports before a person's first line."""

OWN_MODULES: Final = (
    *("micropip_lock/__init__", "micropip_lock/kernel_start"),
    *("micropip_lock/adapters/__init__", "micropip_lock/adapters/micropip_start"),
)
"""Ours that a kernel loads then. Nobody sees them read: what sees is micropip-lock itself."""

_POLICY: Final = Policy(consent=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What was seen of one environment.

    Attributes:
        pack: The start pack, its address relative to the bundle.
        stdlib: Modules of the standard library that were imported.
        notes: What a person should know.
    """

    pack: StartPack
    stdlib: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


async def seen(place: Place, lock: Lock, imports: Sequence[str], identity: str) -> Seen:
    """See what these imports read, and write the start pack into the bundle.

    Args:
        place: Where wheels and runtime lie.
        lock: What is mounted; its files lie in the bundle.
        imports: Modules, in the order in which they are imported.
        identity: Of the runtime.

    Raises:
        StorageError: code ``not-written``.
    """
    told = json.dumps([list(imports), {one.name: one.wheel.digest.hex for one in lock}], sort_keys=True)
    kept = f"compiled/{identity}/read-{hashlib.sha256(told.encode()).hexdigest()[:32]}.json"
    cache = wiring.folder(place.cache)
    text = cache.read(kept)
    if text is None:
        watch = wiring.file_watch(str(place.runtime), policy=_POLICY)
        text = _to_json(await watch.files_read(replace(lock, base=f"{place.bundle.resolve().as_uri()}/"), imports))
        cache.write(kept, text)
    # Also what was just seen: the same is known of it now as in a later build.
    read = _from_json(text)
    return Seen(
        pack=written_pack(lock, _with_ours(place, lock, read), wiring.folder(place.bundle)),
        stdlib=read.stdlib,
        notes=failures(read),
    )


def mounted(packages: Iterable[LockedPackage], like: Lock) -> Lock:
    """A lock of those of these packages that lie in the bundle, alone."""
    found = {one.name: one for one in packages if one.wheel.url.startswith("wheels/")}
    alone = (replace(one, depends=tuple(name for name in one.depends if name in found)) for one in found.values())
    return Lock(abi=like.abi, packages=by_name(alone))


def _with_ours(place: Place, lock: Lock, read: FilesRead) -> FilesRead:
    """The same with our own modules, which were there before anybody looked."""
    more: dict[str, frozenset[str]] = {}
    for one in (one for one in lock if one.name == "micropip-lock"):
        wheel = one.wheel
        data = (place.bundle / unquote(wheel.url)).read_bytes()
        names = OpenedWheel(admit(data, wheel.digest, filename=wheel.filename)).names
        more[wheel.filename] = read.read.get(wheel.filename, frozenset()) | {*_modules(names)}
    return replace(read, read={**read.read, **more})


def _modules(names: Iterable[str]) -> Iterable[str]:
    """Of our modules, the bytecode where there is some, else the source."""
    there = set(names)
    for module in OWN_MODULES:
        path = PurePosixPath(module)
        compiled = [one for one in there if one.startswith(f"{path.parent}/__pycache__/{path.name}.")]
        yield from compiled or [f"{module}.py"]


def _to_json(read: FilesRead) -> bytes:
    files: Mapping[str, list[str]] = {name: sorted(paths) for name, paths in read.read.items()}
    return json.dumps(
        {"read": files, "failed": dict(read.failed), "stdlib": list(read.stdlib)}, sort_keys=True
    ).encode()


def _from_json(text: bytes) -> FilesRead:
    told = json.loads(text)
    files = {name: frozenset(paths) for name, paths in told["read"].items()}
    return FilesRead(read=files, failed=told["failed"], stdlib=tuple(told["stdlib"]))
