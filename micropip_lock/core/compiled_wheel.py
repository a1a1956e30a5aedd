"""A wheel with bytecode: each of its modules compiled for the interpreter that will import it.

This file is run, with :mod:`micropip_lock.core.stdlib`, inside the interpreter it compiles for, before anything else of
ours is there.

Rules this file keeps:

1. Bytecode lies where ``import`` looks for it, ``__pycache__/name.<cache tag>.pyc`` (PEP 3147), as an unchecked
   hash-based pyc (PEP 552), so no time stamp matters; RECORD lists it. Nothing else of the wheel is changed.
2. A module that the wheel has bytecode of, or that does not compile here, stays as it is.
3. The same wheel and interpreter give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.util import cache_from_source
from typing import Final

from micropip_lock.core.stdlib import bytecode

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_SITE_SCHEMES: Final = ("purelib", "platlib")


def compiled_wheel(wheel: bytes, site: str) -> bytes:
    """The wheel again, with bytecode.

    Args:
        wheel: The archive.
        site: Site-packages of the interpreter, an absolute path: tracebacks name files below it.

    Raises:
        zipfile.BadZipFile: it is no zip archive.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as given, zipfile.ZipFile(out, "w") as made:
        names = [info.filename for info in given.infolist() if not info.is_dir()]
        (record,) = (name for name in names if name.count("/") == 1 and name.endswith(".dist-info/RECORD"))
        files = {name: given.read(name) for name in names if name != record}
        codes = dict(_codes(files, site))
        rows = given.read(record).decode("utf-8")
        rows += "" if rows.endswith("\n") or not rows else "\n"
        rows += "".join(_row(path, code) for path, code in sorted(codes.items()))
        modes = {info.filename: info.external_attr for info in given.infolist()}
        for name, data in sorted({**files, **codes, record: rows.encode("utf-8")}.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, on whatever system it is written
            entry.external_attr = modes.get(name) or 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if data else zipfile.ZIP_STORED
            made.writestr(entry, data, compresslevel=9)
    return out.getvalue()


def _codes(files: dict[str, bytes], site: str) -> Iterator[tuple[str, bytes]]:
    for name, data in files.items():
        place = _installed(name)
        if not name.endswith(".py") or place is None:
            continue
        folder, _, module = name.rpartition("/")
        cached = cache_from_source(module)
        path = f"{folder}/{cached}" if folder else cached
        code = bytecode(data, f"{site}/{place}") if path not in files else None
        if code is not None:
            yield path, code


def _installed(name: str) -> str | None:
    """Where a file comes to lie below site-packages, or ``None`` when it does not."""
    top, _, rest = name.partition("/")
    if top.endswith(".dist-info"):
        return None
    if top.endswith(".data"):
        scheme, _, path = rest.partition("/")
        return path if scheme in _SITE_SCHEMES else None
    return name


def _row(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
    # RECORD is CSV (PEP 376).
    quoted = '"' + path.replace('"', '""') + '"' if "," in path or '"' in path else path
    return f"{quoted},sha256={digest},{len(data)}\n"
