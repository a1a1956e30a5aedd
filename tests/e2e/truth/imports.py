"""What Python itself does with files: imports, resources, metadata, sources.

What runs here runs inside Pyodide.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.resources
import inspect
import linecache
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

from tests.e2e.truth.side import Side, operation

TOPS: Final = ("shared", "plain", "single", "missing")
"""Top-level modules that programs import."""


@operation
def import_(side: Side, name: str, attribute: str) -> Any:
    """Import a module of the tree, look at it, and forget it."""
    with _importing(side):
        module = importlib.import_module(name)
        spec = module.__spec__
        path = [*module.__path__] if hasattr(module, "__path__") else None
        origin = [spec.origin if spec else None, spec.cached if spec else None, path]
        return [getattr(module, attribute, None), *origin, inspect.getsource(module) if spec and spec.origin else None]


@operation
def resources(side: Side, package: str, name: str) -> Any:
    with _importing(side):
        top = importlib.resources.files(package)
        names = sorted(one.name for one in top.iterdir())
        with importlib.resources.as_file(top / name) as path:
            return [names, (top / name).read_bytes(), str(path)]


@operation
def metadata(side: Side, name: str) -> Any:
    with _importing(side):
        found = importlib.metadata.distribution(name)
        files = [[str(one), one.size, os.path.exists(one.locate())] for one in found.files or ()]
        return [found.version, files, found.read_text("INSTALLER"), len(list(found.entry_points))]


@contextlib.contextmanager
def _importing(side: Side) -> Iterator[None]:
    site = f"{side.root}/site"
    sys.path.insert(0, site)
    try:
        yield
    finally:
        sys.path.remove(site)
        for name in [name for name in sys.modules if name.partition(".")[0] in TOPS]:
            del sys.modules[name]
        for path in [path for path in sys.path_importer_cache if path.startswith(side.root)]:
            del sys.path_importer_cache[path]
        linecache.clearcache()
