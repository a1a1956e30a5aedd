"""Where a package came from that Pyodide loaded by an entry of its own lock.

Rules this file keeps:

1. An entry that names a copy (a bundle, a JupyterLite site) and the original address says where the original is: what
   is frozen there can be replayed elsewhere. Every other entry is of the runtime's own distribution.
2. A wheel that was compiled has a digest of its own; what it was made from is what the original has.

Source: :mod:`micropip_lock.core.formats.tool_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

from micropip_lock.core.address import address_fault
from micropip_lock.core.digest import Digest
from micropip_lock.core.local_wheel import is_reachable
from micropip_lock.core.model import TOOL_NAME, Origin
from micropip_lock.core.redact import public_url

COMPILED_FROM: Final = "compiled-from"
"""Key of ours in an entry: SHA-256 of the wheel that this one was made from by compiling its modules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What an entry says.

    Attributes:
        origin: Where the wheel is.
        digest: Of that wheel.
        size: Of that wheel, in bytes, when the entry says it.
    """

    origin: Origin
    digest: Digest
    size: int | None = None


def loaded_from(entry: Mapping[str, Any], base: str | None) -> Loaded:
    """What an entry of the runtime's lock says of the wheel that was loaded by it.

    Args:
        entry: As Pyodide has it.
        base: What relative file names resolve against.

    Raises:
        LockSchemaError: code ``hash-form``.
        ValueError: the file name is no address.
    """
    digest = Digest.from_hex(str(entry.get("sha256", "")))
    facts = _facts(entry)
    size = facts.get("size")
    if type(size) is not int or size <= 0:
        size = None
    url, index, kind = (facts.get(key) for key in ("url", "index", "source"))
    if isinstance(url, str) and kind in ("index", "url") and _is_address(url):
        if isinstance(made_from := facts.get(COMPILED_FROM), str):
            # The size is that of what was made.
            digest, size = Digest.from_hex(made_from), None
        named = index if kind == "index" and isinstance(index, str) and _is_address(index) else None
        return Loaded(origin=Origin(kind=kind, url=public_url(url), index=named), digest=digest, size=size)
    address = urljoin(base or "", str(entry.get("file_name", "")))
    return Loaded(origin=Origin(kind="runtime", url=public_url(address)), digest=digest, size=size)


def _facts(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = entry.get("tool")
    ours = tool.get(TOOL_NAME) if isinstance(tool, Mapping) else None
    return ours if isinstance(ours, Mapping) else {}


def _is_address(url: str) -> bool:
    return is_reachable(url) and address_fault(url, where="url") is None
