"""micropip-lock as a wheel for kernels, made of what is installed here: a site records with the code that built it.

Rules this file keeps:

1. It holds what runs in a kernel, no more: the command line, the test tools and the host's programs stay out.
2. An IPython configuration in its data scheme turns recording on (:mod:`micropip_lock.kernel_start`) and names the
   magics; nothing of the kernel is patched. Pyodide puts it below ``/etc/ipython``, where IPython looks.
3. The same package gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from micropip_lock import __version__
from micropip_lock.core.digest import Digest, VerifiedWheel, admit

_NAME: Final = f"micropip_lock-{__version__}"
FILENAME: Final = f"{_NAME}-py3-none-any.whl"

IPYTHON_CONFIG: Final = """\
c = get_config()
c.InteractiveShellApp.extensions = ["micropip_lock.kernel_start"]
c.MagicsManager.lazy_magics = {"lock": "micropip_lock"}
"""

_METADATA: Final = f"""\
Metadata-Version: 2.1
Name: micropip-lock
Version: {__version__}
Summary: The environment manager for Pyodide and JupyterLite
Requires-Python: >=3.12
Requires-Dist: packaging>=25
"""
_WHEEL: Final = """\
Wheel-Version: 1.0
Generator: micropip-lock
Root-Is-Purelib: true
Tag: py3-none-any
"""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_HOSTS_ONLY: Final = ("__main__.py", "cli.py", "data/boot.js", "data/runner.mjs", "data/stdlib.mjs", "data/wheels.mjs")


def kernel_wheel() -> VerifiedWheel:
    """The wheel."""
    files = {f"micropip_lock/{path}": data for path, data in _package()}
    files[f"{_NAME}.data/data/etc/ipython/ipython_config.py"] = IPYTHON_CONFIG.encode()
    files[f"{_NAME}.dist-info/METADATA"] = _METADATA.encode()
    files[f"{_NAME}.dist-info/WHEEL"] = _WHEEL.encode()
    record = f"{_NAME}.dist-info/RECORD"
    files[record] = "".join([*(_row(path, data) for path, data in sorted(files.items())), f"{record},,\n"]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system = 3  # Unix, on whatever system it is written
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=9)
    data = buffer.getvalue()
    return admit(data, Digest.of(data), filename=FILENAME)


def _package() -> Iterator[tuple[str, bytes]]:
    root = Path(str(importlib.resources.files("micropip_lock")))
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        name = relative.as_posix()
        if path.is_file() and not (
            "__pycache__" in relative.parts
            or relative.parts[0] == "testing"
            or name in _HOSTS_ONLY
            or name.startswith("cli_")
        ):
            yield name, path.read_bytes()


def _row(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"
