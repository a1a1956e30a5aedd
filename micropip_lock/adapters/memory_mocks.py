"""Mock packages that live in the memory of this interpreter: read, added and taken away, all or nothing.

Left to others: those in files (:mod:`micropip_lock.adapters.site`), micropip's module for them
(:mod:`micropip_lock.adapters.micropip_mocks`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from micropip_lock.adapters.micropip_mocks import mock_module
from micropip_lock.core.model import Mock


class MemoryMock:
    """One mock package in memory. Implements :class:`~micropip_lock.ports.InstalledDist`."""

    def __init__(self, name: str, distribution: Any) -> None:
        self.directory = f"{name}-{distribution.version}.dist-info"
        self._distribution = distribution

    def read_text(self, filename: str) -> str | None:
        text = self._distribution.read_text(filename)
        return text if isinstance(text, str) else None

    def read_file(self, path: str) -> bytes | None:  # noqa: ARG002  # it has no files
        return None

    def mock_modules(self) -> Mapping[str, str | None]:
        # What is neither text nor a function makes an empty module.
        return {
            name: init if isinstance(init, str) else None if callable(init) else ""
            for name, init in self._distribution.modules.items()
        }


def memory_mocks() -> list[MemoryMock]:
    """The mock packages in memory, by name."""
    if "micropip" not in sys.modules:
        return []
    distributions = getattr(mock_module(), "_mock_distributions", {})
    return [MemoryMock(name, distributions[name]) for name in sorted(distributions)]


def change_memory_mocks(add: Sequence[Mock], remove: Sequence[str]) -> Callable[[], None]:
    """Put mock packages into memory, all or none.

    Args:
        add: What to put there.
        remove: Normalised names of those that go away first.

    Returns:
        What undoes it.

    Raises:
        RuntimeMissingError: code ``no-micropip``; nothing was changed.
    """
    if not add and not remove:
        return lambda: None
    module = mock_module(load=True)
    removed: list[tuple[str, Any]] = []
    added: list[str] = []

    def undo() -> None:
        while added:
            module.remove_mock_package(added.pop())
        while removed:
            name, before = removed.pop()
            module._add_in_memory_distribution(name, before.file_dict, before.modules)

    try:
        for name in [name for name in module._mock_distributions if canonicalize_name(name) in remove]:
            removed.append((name, module._mock_distributions[name]))
            module.remove_mock_package(name)
        for mock in add:
            module.add_mock_package(mock.display_name, mock.version, modules=dict(mock.modules), persistent=False)
            added.append(mock.display_name)
    except BaseException:
        undo()
        raise
    return undo
