"""Wheels of this machine that a person names by their path, on their way into a Pyodide that cannot see them.

Rules this file keeps:

1. The bytes are read once, checked as strictly as a replay checks them, and kept; what goes in is what was kept.
2. Inside, a wheel lies where nothing else does, under its own file name, and micropip is given that ``emfs:`` address.

Left to others: how a path is spelt (:mod:`micropip_lock.cli_requirements`), the runtime
(:mod:`micropip_lock.adapters.node`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement

from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import StorageError, UsageError

INSIDE: Final = "/tmp/micropip-lock"  # noqa: S108  # of Pyodide's own file system, which nobody shares


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A requirement that means the same inside.

    Attributes:
        requirement: For micropip.
        source: A file of this machine to be put there; ``None`` when the requirement names none.
        target: Its place inside.
    """

    requirement: str
    source: Path | None = None
    target: str = ""


def placed(requirement: str, keep: KeptWheels) -> Placed:
    """A requirement with the wheel that it names by a ``file:`` address, if it does.

    Raises:
        UsageError: code ``no-wheel``: there is no such file.
        InputError: the file is no wheel; see each code.
        StorageError: code ``not-kept``.
    """
    url, named = requirement, None
    if not requirement.startswith("file:"):
        try:
            named = Requirement(requirement)
        except InvalidRequirement:
            return Placed(requirement=requirement)
        url = named.url or ""
        if not url.startswith("file:"):
            return Placed(requirement=requirement)
    path = Path(url2pathname(urlsplit(url).path))
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(
            "the wheel cannot be read",
            code="no-wheel",
            where=str(path),
            got=getattr(error, "strerror", None) or str(error),
            hint="check the path",
        ) from error
    wheel = admit(data, Digest.of(data), filename=path.name)
    for _path, _bytes in OpenedWheel(wheel).files():
        # Inflating is the check: better here than after a runtime was started.
        pass
    keep.put(wheel)
    source = keep.path(wheel.digest, wheel.filename)
    if source is None:
        raise StorageError("the wheel cannot be kept", code="not-kept", where=str(path), got=path.name)
    target = f"{INSIDE}/{wheel.digest.hex}/{wheel.filename}"
    # Not percent-encoded: micropip opens what stands behind "emfs:" as it is.
    address = f"emfs:{target}"
    if named is not None:
        named.url = address
        return Placed(requirement=str(named), source=source, target=target)
    return Placed(requirement=address, source=source, target=target)
