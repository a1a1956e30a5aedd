"""The rooms of the program and the arrows between them, read from the source by its syntax tree.

What this file knows: which room a module is in, what each room may import (``docs/architecture.md``), and where an
import can hide: in a function, under ``TYPE_CHECKING``, in ``importlib.import_module("…")``. All of these count alike.

Left to others: which files there are (``test_layers.py``).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

# A room is a package, or the modules named here.
ROOMS = {
    "micropip_lock": "contents",
    "micropip_lock.errors": "errors",
    "micropip_lock.ports": "ports",
    "micropip_lock.core": "core",
    "micropip_lock.app": "app",
    "micropip_lock.adapters": "adapters",
    "micropip_lock.testing": "testing",
    "micropip_lock.wiring": "wiring",
    "micropip_lock.__main__": "faces",
    "micropip_lock.api": "faces",
    "micropip_lock.cli": "faces",
    "micropip_lock.embedded": "faces",
    # A composition root of its own: the other one takes too long to load while a kernel starts.
    "micropip_lock.kernel_start": "wiring",
    "micropip_lock.links": "faces",
    "micropip_lock.load": "faces",
    "micropip_lock.magic_verbs": "faces",
    "micropip_lock.magics": "faces",
    "micropip_lock.notebook": "faces",
    "micropip_lock.panels": "faces",
    "micropip_lock.previews": "faces",
    "micropip_lock.render": "faces",
    "micropip_lock.replaying": "faces",
    "micropip_lock.sources": "faces",
    "micropip_lock.stdlib": "faces",
    "micropip_lock.store": "faces",
    "micropip_lock.upgrading": "faces",
    "micropip_lock_lite": "lite",
}

ARROWS = {
    "errors": {"errors"},
    "core": {"core", "errors"},
    "ports": {"ports", "core", "errors"},
    "app": {"app", "ports", "core", "errors"},
    "adapters": {"adapters", "ports", "core", "errors"},
    "testing": {"testing", "ports", "core", "errors"},
    "wiring": {"wiring", "adapters", "app", "ports", "core", "errors"},
    "faces": {"faces", "wiring", "app", "ports", "core", "errors"},
    "lite": {"lite", "contents", "faces", "wiring", "app", "ports", "core", "errors"},
    "contents": {"faces", "app", "core", "errors"},
}

# Who may import what is neither ours nor the standard library's: a room, or one module of it.
FOREIGN = {
    "packaging": {"core", "ports", "app", "adapters", "testing", "wiring", "faces", "lite"},
    "urllib3": {"adapters"},
    "platformdirs": {"adapters"},
    "micropip": {
        "micropip_lock.adapters.micropip",
        "micropip_lock.adapters.micropip_mocks",
        "micropip_lock.adapters.micropip_start",
    },
    "piplite": {"micropip_lock.adapters.micropip"},
    "js": {"micropip_lock.adapters.engine", "micropip_lock.adapters.pyodide"},
    "_pyodide": {"micropip_lock.adapters.engine", "micropip_lock.adapters.pyodide"},
    "pyodide": {"micropip_lock.adapters.engine", "micropip_lock.adapters.pyodide"},
    "pyodide_js": {"micropip_lock.adapters.engine", "micropip_lock.adapters.pyodide"},
    "pyodide_kernel": {"micropip_lock.adapters.engine", "micropip_lock.adapters.pyodide"},
    "pytest": {"micropip_lock.testing.plugin"},
    "ipywidgets": {"micropip_lock.panel_widgets"},
    "traitlets": {"lite"},
    "IPython": {"micropip_lock.magics"},
    "segno": {"micropip_lock.cli_link", "micropip_lock.panel_actions"},
    "jupyterlite_core": {"lite"},
}

# Core turns bytes and text into values: no task, path, clock, socket or process.
NOT_IN_CORE = {
    "asyncio",
    "concurrent",
    "ctypes",
    "ftplib",
    "glob",
    "http",
    "importlib.metadata",
    "importlib.resources",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "site",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "webbrowser",
}
# A program says its version; this is no use of the table of contents.
VERSION = "micropip_lock.__version__"
_CLOCKS = {"now", "utcnow", "today"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One line that breaks a rule.

    Attributes:
        module: Where it is.
        line: Its number, from 1.
        rule: What is broken.
    """

    module: str
    line: int
    rule: str


def room_of(module: str) -> str | None:
    """The room of a module of ours; ``None`` for a module that no room takes in."""
    if module in ROOMS:
        return ROOMS[module]
    if module.startswith(("micropip_lock.cli_", "micropip_lock.panel_")):
        return "faces"
    parent = module.rpartition(".")[0]
    # Only a package that is a room passes it on: micropip_lock itself does not.
    while parent and parent != "micropip_lock":
        if parent in ROOMS:
            return ROOMS[parent]
        parent = parent.rpartition(".")[0]
    return None


def imports(tree: ast.AST, module: str, *, package: bool, known: set[str]) -> Iterator[tuple[int, str]]:
    """Every (line, absolute name) that the tree imports, wherever in the file.

    Args:
        tree: The module's syntax tree.
        module: Its dotted name, for relative imports.
        package: Whether it is an ``__init__``.
        known: Our modules, to tell ``from package import module`` from ``from module import name``.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=source, names=names, level=level):
                base = source or ""
                if level:
                    parts = module.split(".")
                    above = parts[: len(parts) - level + package]
                    base = ".".join([*above, *([source] if source else [])])
                for alias in names:
                    full = f"{base}.{alias.name}"
                    whole = full in known or full in NOT_IN_CORE or full == VERSION
                    yield node.lineno, full if whole else base
            case ast.Call(
                func=ast.Name(id=function) | ast.Attribute(attr=function), args=[ast.Constant(value=str(name))]
            ):
                if function.lstrip("_") in {"import_module", "import"} or function == "__import__":
                    yield node.lineno, name


def violations(source: str, module: str, *, package: bool = False, known: set[str] | None = None) -> list[Violation]:
    """The rules that one file breaks, in the order of its lines.

    Raises:
        SyntaxError: ``source`` is no Python.
    """
    tree = ast.parse(source)
    room = room_of(module)
    if room is None:
        return [Violation(module=module, line=1, rule="belongs to no room")]
    found: set[tuple[int, str]] = set()
    for line, target in imports(tree, module, package=package, known=known or set()):
        rule = _import_rule(room, module, target)
        if rule is not None:
            found.add((line, rule))
    if room == "core":
        found.update(_impure(tree))
    return [Violation(module=module, line=line, rule=rule) for line, rule in sorted(found)]


def _import_rule(room: str, module: str, target: str) -> str | None:
    top = target.partition(".")[0]
    if target == VERSION and room in {"app", "adapters", "wiring", "faces", "lite"}:
        return None
    if top in {"micropip_lock", "micropip_lock_lite"}:
        theirs = room_of(target) or room_of(target.rpartition(".")[0])
        if theirs in ARROWS[room]:
            return None
        return f"{room} imports {theirs or target}"
    if top in FOREIGN:
        allowed = FOREIGN[top]
        return None if room in allowed or module in allowed else f"{top} is not for {module}"
    if top not in sys.stdlib_module_names:
        return f"{top} is no dependency"
    if room == "core" and any(target == banned or target.startswith(f"{banned}.") for banned in NOT_IN_CORE):
        return f"core imports {target}"
    return None


def _impure(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield node.lineno, "core has async code"
            case ast.Call(func=ast.Attribute(attr=clock, value=ast.Name(id=of) | ast.Attribute(attr=of))) if (
                clock in _CLOCKS and of in {"datetime", "date"}
            ):
                yield node.lineno, "core reads the clock"
            case ast.Call(func=ast.Name(id="open") | ast.Attribute(value=ast.Name(id="io"), attr="open")):
                yield node.lineno, "core opens a file"
