"""A standard library with bytecode: the zip archive that an interpreter imports from, with each module compiled.

This file is run as it is inside the interpreter it compiles for, before anything of ours is there.

Rules this file keeps:

1. It imports nothing but the standard library, and nothing of that from anywhere but the archive's own interpreter.
2. Bytecode lies beside its source (``json/decoder.pyc``), where zipimport looks first; it is an unchecked hash-based
   pyc (PEP 552), so no time stamp matters. Bytecode of another interpreter is passed over for the source by zipimport.
3. The same archive, interpreter and choice give the same bytes: sorted, one time stamp, constants in one form.
4. What cannot be compiled stays source, and everything that is no module stays as it is.

Left to others: which interpreter, and where the archive is kept (:mod:`micropip_lock.adapters.stdlib`).
"""

from __future__ import annotations

import io
import marshal
import warnings
import zipfile
from collections.abc import Collection
from importlib.util import MAGIC_NUMBER, source_hash
from types import CodeType
from typing import Final

_UNCHECKED: Final = (1).to_bytes(4, "little")
"""PEP 552: the pyc is bound to its source by a hash, and the interpreter need not look at the source."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_SOURCE: Final = ".py"


def compiled_archive(
    archive: bytes, place: str, *, modules: Collection[str] | None = None, sources: bool = True, packed: bool = True
) -> bytes:
    """The archive again, with bytecode.

    Args:
        archive: ``python_stdlib.zip``, or another zip archive of modules.
        place: Where the interpreter has it on its path; tracebacks name the files below it.
        modules: Dotted names of those to compile; all when not given.
        sources: Keep the source of what is compiled, for tracebacks and :func:`inspect.getsource`.
        packed: Deflate what gets smaller by it; else store.

    Raises:
        zipfile.BadZipFile: it is no zip archive.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as given, zipfile.ZipFile(out, "w") as made:
        for name in sorted(set(given.namelist())):
            data = given.read(name)
            code = None
            if name.endswith(_SOURCE) and (modules is None or module_name(name) in modules):
                code = bytecode(data, f"{place}/{name}")
            if code is not None:
                _add(made, f"{name}c", code, packed=packed)
            if code is None or sources:
                _add(made, name, data, packed=packed)
    return out.getvalue()


def module_name(path: str) -> str:
    """The dotted name of a module by its file in the archive: ``json/__init__.py`` is ``json``."""
    return path.removesuffix(_SOURCE).removesuffix("/__init__").replace("/", ".")


def bytecode(source: bytes, filename: str) -> bytes | None:
    """The content of a pyc, or ``None`` when the source does not compile here.

    Args:
        source: Text in whatever encoding it declares (PEP 263).
        filename: What tracebacks name.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, filename, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return None
    return MAGIC_NUMBER + _UNCHECKED + source_hash(source) + _settled(code)


def _settled(code: CodeType) -> bytes:
    # marshal marks as shared what happens to be used elsewhere, too; read back, nothing of it is.
    return marshal.dumps(marshal.loads(marshal.dumps(code)))  # noqa: S302  # what was dumped in this very line


def _add(archive: zipfile.ZipFile, name: str, data: bytes, *, packed: bool) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # Unix, on whatever system it is written
    entry.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED if packed and data else zipfile.ZIP_STORED
    archive.writestr(entry, data, compresslevel=9)
