"""A wheel that the engine found plain: strictly checked outside of Python, quickly.

Rules this file keeps:

1. The engine calls a wheel plain only when :class:`~micropip_lock.core.wheel.OpenedWheel` would take it, with the same
   facts and without a warning (``tests/contract`` proves it on every case of the corpus); of any other wheel it says
   nothing, and ``OpenedWheel`` decides.
2. Contents are checked as they are read: by :meth:`PlainWheel.files` here, by the mount in the file system.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from micropip_lock.core.wheel import FileLayout, OpenedWheel
from micropip_lock.core.wheel_metadata import WheelWarning, python_specifier
from micropip_lock.core.wheel_name import parse_identity

if TYPE_CHECKING:
    from micropip_lock.core.digest import VerifiedWheel
    from micropip_lock.core.held import PlainFacts


def open_wheel(wheel: VerifiedWheel) -> OpenedWheel:
    """Check everything but the contents of a wheel, in the quickest way there is for it.

    Raises:
        MicropipLockError: as :class:`~micropip_lock.core.wheel.OpenedWheel`.
    """
    facts = None if wheel.held is None else wheel.held.plain(wheel.filename)
    return OpenedWheel(wheel) if facts is None else PlainWheel(wheel, facts)


class PlainWheel(OpenedWheel):
    """A wheel that is right, by what the engine says of it.

    Args:
        wheel: The admitted bytes.
        facts: What the engine read in them.
    """

    is_plain = True

    def __init__(self, wheel: VerifiedWheel, facts: PlainFacts) -> None:
        self.filename = wheel.filename
        self.wheel = wheel
        self.identity = parse_identity(wheel.filename)
        self.dist_info = facts.dist_info
        self.data_dir = facts.data_dir
        self.metadata = facts.metadata
        self.requires_python = python_specifier(facts.requires_python) if facts.requires_python else None
        self.record_text = facts.record_text

    @cached_property
    def _opened(self) -> OpenedWheel:
        return OpenedWheel(self.wheel)

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of all files, in the order of the archive."""
        return self._opened.names

    @property
    def unpacked_size(self) -> int:
        """Bytes of all files together, as the central directory says."""
        return self._opened.unpacked_size

    @cached_property
    def warnings(self) -> tuple[WheelWarning, ...]:
        """None: a plain wheel has nothing to warn of."""
        return ()

    def mode(self, path: str) -> int:
        """POSIX permission bits of a file, 0 when the archive has none."""
        return self._opened.mode(path)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Each file's path and bytes; see :meth:`OpenedWheel.files`."""
        return self._opened.files()

    def layout(self) -> Iterator[FileLayout]:
        """Where each file lies, and what it must be; see :meth:`OpenedWheel.layout`."""
        return self._opened.layout()
