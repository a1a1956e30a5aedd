"""Modules that only micropip-lock imported, when a replay puts others in their place.

Rules this file keeps:

1. Whoever imports such a module from then on gets what is installed; what of ours is loaded later gets the one that the
   rest of us has. Two of them side by side have exception classes that are not each other's.

Left to others: which modules those are, and when (:mod:`micropip_lock.adapters.pyodide`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

_PACKAGE: Final = f"{__name__.partition('.')[0]}."


class _AmongOurs(Loader):
    """A loader, of which an archive has one for all its modules, that executes one of them where ours are in place."""

    def __init__(self, loader: Loader, in_place: Callable[[], AbstractContextManager[None]]) -> None:
        self._loader = loader
        self._in_place = in_place

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with self._in_place():
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class OwnModules(MetaPathFinder):
    """Gives late modules of micropip-lock the modules that were released.

    Args:
        names: Top-level names.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._ours: dict[str, ModuleType] = {}

    def release(self) -> None:
        """Forget the modules, so that the next ``import`` finds what is installed; again for those that came since."""
        there = self._there()
        if there and not self._ours:
            self._ours = {name: sys.modules[name] for name in there}
            sys.meta_path.insert(0, self)
        for name in there:
            del sys.modules[name]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Ours alone: found as ever, and executed among the modules that we know."""
        if not fullname.startswith(_PACKAGE):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        spec.loader = _AmongOurs(spec.loader, self._in_place)
        return spec

    def _there(self) -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] in self._names]

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        theirs = {name: sys.modules.pop(name) for name in self._there()}
        sys.modules.update(self._ours)
        try:
            yield
        finally:
            # With what was loaded of them just now.
            self._ours = {name: sys.modules.pop(name) for name in self._there()}
            sys.modules.update(theirs)
