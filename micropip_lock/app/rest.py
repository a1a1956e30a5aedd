"""Environments that are not at rest: half changed by a replay that goes on, or by one that was interrupted.

Rules this file keeps:

1. Who only reads changes nothing: a freeze refuses such an environment, a verification says so. A replay, or
   ``recover``, brings it to exactly before or exactly after.

Left to others: recovering (:meth:`micropip_lock.ports.Installer.hold`).
"""

from __future__ import annotations

from collections.abc import Iterator

from micropip_lock.core.verdict import Finding
from micropip_lock.errors import BusyError, StorageError
from micropip_lock.ports import SiteReader

INTERRUPTED = "interrupted-replay"

_HINT = "replay, or bring it to rest with recover() (micropip-lock recover DIR)"


def refuse_unrest(site: SiteReader) -> None:
    """Refuse to read an environment that is half changed.

    Raises:
        BusyError: a replay is changing it.
        StorageError: code ``interrupted-replay``.
    """
    state = site.unfinished()
    if state == "running":
        raise BusyError("a replay is changing this environment")
    if state == "interrupted":
        raise StorageError(
            "a replay of this environment was interrupted, and left it half changed", code=INTERRUPTED, hint=_HINT
        )


def unrest(site: SiteReader) -> Iterator[Finding]:
    """The same as a finding: codes ``busy`` and ``interrupted-replay``; none for an environment at rest."""
    state = site.unfinished()
    if state == "running":
        yield Finding(package="", code="busy", message="a replay is changing this environment")
    elif state == "interrupted":
        yield Finding(
            package="", code=INTERRUPTED, message="a replay was interrupted and left it half changed", expected=_HINT
        )
