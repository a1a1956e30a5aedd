"""Bytecode for a site: its wheels and its standard library, compiled by its own Pyodide.

Rules this file keeps:

1. What a lock names is what is in the site: a wheel with bytecode has a digest of its own, and the entry says from
   which wheel it was made (``compiled-from``).
2. What was compiled is kept under the digests of all that decides it: a build without a change compiles nothing.

Left to others: compiling (:mod:`micropip_lock.core.compiled_wheel`, :mod:`micropip_lock.core.stdlib`).
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from micropip_lock import wiring
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.model import TOOL_NAME, LockedPackage
from micropip_lock.core.runtime_entry import COMPILED_FROM
from micropip_lock.stdlib import compile_stdlib
from micropip_lock_lite.place import Place

_OFTEN_IMPORTED: Final = (
    *("ast", "asyncio", "bdb", "cmd", "code", "codeop", "configparser", "csv", "decimal", "difflib"),
    *("email.parser", "fileinput", "fractions", "getpass", "glob", "hashlib", "html.parser", "importlib.metadata"),
    *("importlib.resources", "inspect", "json", "logging", "mimetypes", "pdb", "platform", "pprint", "pyodide.http"),
    *("queue", "shlex", "shutil", "signal", "statistics", "sysconfig", "tempfile", "textwrap", "timeit"),
    *("tokenize", "traceback", "urllib.parse", "uuid", "zipfile", "xml.etree.ElementTree"),
)
"""What people import of the standard library in a kernel."""


async def compiled(place: Place, packages: Mapping[str, LockedPackage]) -> dict[str, LockedPackage]:
    """The same packages, with bytecode in those wheels that lie in the bundle.

    Args:
        place: Where wheels and runtime lie.
        packages: Entries that name files relative to our folder of the site.

    Raises:
        MicropipLockError: what compiling raises.
    """
    identity = identity_of(place)
    ours = {name: one for name, one in packages.items() if one.wheel.url.startswith("wheels/")}
    kept = {name: f"compiled/{identity}/{one.wheel.digest}.whl" for name, one in ours.items()}
    folder = wiring.folder(place.cache)
    missing = [name for name in kept if folder.read(kept[name]) is None]
    if missing:
        files = [(place.bundle / unquote(ours[name].wheel.url)).read_bytes() for name in missing]
        for name, data in zip(missing, await wiring.compiled_wheels(place.runtime, files), strict=True):
            folder.write(kept[name], data)
    made = dict(packages)
    for name, one in ours.items():
        archive = folder.read(kept[name])
        assert archive is not None
        wheel = admit(archive, Digest.of(archive), filename=one.wheel.filename)
        facts = {**one.tool_unknown.get(TOOL_NAME, {}), COMPILED_FROM: one.wheel.digest.hex}
        made[name] = replace(
            one,
            wheel=replace(one.wheel, url=place.keep(wheel), digest=wheel.digest, size=len(archive)),
            tool_unknown={**one.tool_unknown, TOOL_NAME: facts},
        )
    return made


async def compiled_library(place: Place, used: Collection[str] = ()) -> tuple[str, bytes]:
    """Where the standard library with bytecode is to lie, below our folder, and its bytes.

    Args:
        place: Where the runtime lies.
        used: Modules of it that were seen in use.

    Raises:
        MicropipLockError: what compiling raises.
    """
    imports = sorted({*_OFTEN_IMPORTED, *used})
    kept = f"compiled/{identity_of(place)}/{hashlib.sha256(repr(imports).encode()).hexdigest()[:16]}.zip"
    path = place.cache / kept
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        await compile_stdlib(path, pyodide=str(place.runtime), imports=imports)
    data = path.read_bytes()
    return f"stdlib/{Digest.of(data)}/python_stdlib.zip", data


def identity_of(place: Place) -> str:
    """Of the interpreter and of what compiles."""
    found = hashlib.sha256()
    programs = importlib.resources.files("micropip_lock")
    for name in ("core/stdlib.py", "core/compiled_wheel.py"):
        found.update(programs.joinpath(name).read_bytes())
    for name in ("python_stdlib.zip", "pyodide.asm.wasm"):
        found.update((place.runtime / name).read_bytes())
    return found.hexdigest()[:32]
