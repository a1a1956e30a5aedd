"""What the site installer needs of who puts wheels in place without unpacking them.

Left to others: doing it (:mod:`micropip_lock.adapters.mounting`), when (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from micropip_lock.ports import Install


class MountReady(Protocol):
    """Wheels that are about to be mounted together."""

    def commit(self) -> None:
        """Mount them; cannot fail."""
        ...

    def undo(self) -> None:
        """Take away what :meth:`commit` made; before it there is nothing to take away."""
        ...

    def at_once(self) -> Sequence[Path]:
        """Extension modules to open now: the others are opened when they are first imported."""
        ...

    def later(self) -> int:
        """How many extension modules are opened when they are first imported."""
        ...


class Mounting(Protocol):
    """Puts wheels into the file system without unpacking them."""

    def prepare(self, installs: Sequence[Install], leaving: Iterable[Path]) -> MountReady | None:
        """Be ready to mount, or ``None`` where real files have to be written.

        Args:
            installs: The wheels.
            leaving: Files that will be gone by then.
        """
        ...
