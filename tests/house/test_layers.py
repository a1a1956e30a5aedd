"""The arrows of ``docs/architecture.md``, and that the scan which keeps them sees what it must see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.arrows import ARROWS, ROOMS, imports, violations

ROOT = Path(__file__).parents[2]


def _modules() -> Iterator[tuple[str, bool, Path]]:
    for base in (ROOT, ROOT / "lite"):
        for name in ("micropip_lock", "micropip_lock_lite"):
            for path in sorted((base / name).rglob("*.py")):
                parts = path.relative_to(base).with_suffix("").parts
                package = parts[-1] == "__init__"
                yield ".".join(parts[:-1] if package else parts), package, path


def test_every_import_follows_an_arrow() -> None:
    """No file of the program imports against the arrows, in whatever place the import stands."""
    known = {module for module, _, _ in _modules()}
    found = [
        violation
        for module, package, path in _modules()
        for violation in violations(path.read_text("utf-8"), module, package=package, known=known)
    ]
    assert [] == found


def test_the_scan_reads_the_whole_program() -> None:
    """The files of both import packages are scanned, and each room that holds any has an entry for its arrows."""
    seen = {module for module, _, _ in _modules()}
    assert {"micropip_lock", "micropip_lock.errors", "micropip_lock.core.digest", "micropip_lock_lite"} <= seen
    assert set(ROOMS.values()) == set(ARROWS)


def test_only_wiring_sees_adapters() -> None:
    """Of all rooms, adapters and the composition root alone have an arrow to adapters."""
    assert {"adapters", "wiring"} == {room for room, targets in ARROWS.items() if "adapters" in targets}


@pytest.mark.parametrize(
    ("module", "source", "rule"),
    [
        ("micropip_lock.core.plan", "import micropip_lock.app.replay", "core imports app"),
        ("micropip_lock.core.plan", "from micropip_lock import ports", "core imports ports"),
        ("micropip_lock.core.plan", "from micropip_lock.adapters import host", "core imports adapters"),
        ("micropip_lock.core.plan", "from ..app import replay", "core imports app"),
        ("micropip_lock.core.formats.pylock", "from ...ports import Fetcher", "core imports ports"),
        ("micropip_lock.core.plan", "def f():\n    from micropip_lock.app import replay", "core imports app"),
        ("micropip_lock.core.plan", "if TYPE_CHECKING:\n    from micropip_lock.app import replay", "core imports app"),
        (
            "micropip_lock.core.plan",
            "try:\n    import micropip_lock.wiring\nfinally: ...",
            "core imports wiring",
        ),
        ("micropip_lock.core.plan", "importlib.import_module('micropip_lock.app')", "core imports app"),
        ("micropip_lock.core.plan", "_import_module('asyncio')", "core imports asyncio"),
        ("micropip_lock.core.plan", "__import__('pathlib')", "core imports pathlib"),
        ("micropip_lock.core.plan", "import asyncio", "core imports asyncio"),
        ("micropip_lock.core.plan", "import json, os.path", "core imports os.path"),
        ("micropip_lock.core.plan", "from os import fspath", "core imports os"),
        ("micropip_lock.core.plan", "from pathlib import Path", "core imports pathlib"),
        ("micropip_lock.core.plan", "from time import monotonic", "core imports time"),
        ("micropip_lock.core.plan", "import socket as s", "core imports socket"),
        ("micropip_lock.core.plan", "from urllib import request", "core imports urllib.request"),
        ("micropip_lock.core.plan", "from urllib.request import urlopen", "core imports urllib.request"),
        ("micropip_lock.core.plan", "from importlib import metadata", "core imports importlib.metadata"),
        ("micropip_lock.core.plan", "async def f(): ...", "core has async code"),
        ("micropip_lock.core.plan", "now = datetime.now(tz)", "core reads the clock"),
        ("micropip_lock.core.plan", "now = datetime.datetime.now(tz)", "core reads the clock"),
        ("micropip_lock.core.plan", "now = datetime.date.today()", "core reads the clock"),
        ("micropip_lock.core.plan", "text = open('x').read()", "core opens a file"),
        ("micropip_lock.core.plan", "import urllib3", "urllib3 is not for micropip_lock.core.plan"),
        ("micropip_lock.core.plan", "import attrs", "attrs is no dependency"),
        ("micropip_lock.errors", "from micropip_lock.core import digest", "errors imports core"),
        ("micropip_lock.errors", "import packaging", "packaging is not for micropip_lock.errors"),
        ("micropip_lock.ports", "from micropip_lock.app import events", "ports imports app"),
        ("micropip_lock.app.replay", "from micropip_lock.adapters.host import Files", "app imports adapters"),
        ("micropip_lock.app.replay", "from micropip_lock import wiring", "app imports wiring"),
        ("micropip_lock.app.replay", "from micropip_lock.api import freeze", "app imports faces"),
        ("micropip_lock.app.replay", "import micropip_lock", "app imports contents"),
        ("micropip_lock.app.replay", "import js", "js is not for micropip_lock.app.replay"),
        ("micropip_lock.adapters.host", "from micropip_lock.app.replay import replay", "adapters imports app"),
        (
            "micropip_lock.adapters.host",
            "from pyodide.ffi import to_js",
            "pyodide is not for micropip_lock.adapters.host",
        ),
        ("micropip_lock.adapters.host", "import pyodide_js", "pyodide_js is not for micropip_lock.adapters.host"),
        ("micropip_lock.adapters.pyodide", "import micropip", "micropip is not for micropip_lock.adapters.pyodide"),
        ("micropip_lock.adapters.pyodide", "import piplite", "piplite is not for micropip_lock.adapters.pyodide"),
        ("micropip_lock.api", "from micropip_lock.adapters import site", "faces imports adapters"),
        ("micropip_lock.cli", "import micropip_lock.adapters.host as host", "faces imports adapters"),
        ("micropip_lock.cli", "from micropip_lock.testing import wheel", "faces imports testing"),
        ("micropip_lock.testing.index", "from micropip_lock.wiring import here", "testing imports wiring"),
        ("micropip_lock.testing.index", "import pytest", "pytest is not for micropip_lock.testing.index"),
        ("micropip_lock.wiring", "from micropip_lock import api", "wiring imports faces"),
        ("micropip_lock.core.plan", "from micropip_lock import __version__", "core imports contents"),
        ("micropip_lock_lite.addon", "from micropip_lock.adapters import host", "lite imports adapters"),
        ("micropip_lock.utils", "", "belongs to no room"),
        ("micropip_lock.extra.deep", "", "belongs to no room"),
    ],
)
def test_a_broken_rule_is_seen(module: str, source: str, rule: str) -> None:
    """The scan tells each rule that a made-up file breaks, and nothing else of it."""
    known = {"micropip_lock.api", "micropip_lock.wiring", "micropip_lock.ports", "micropip_lock.adapters.host"}
    assert [rule] == [violation.rule for violation in violations(source, module, known=known)]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "micropip_lock.core.plan",
            "from micropip_lock.core import digest\nfrom . import model\nfrom .. import errors",
        ),
        (
            "micropip_lock.core.plan",
            "import zlib\nfrom urllib.parse import urlsplit\nfrom packaging.version import Version",
        ),
        ("micropip_lock.core.plan", "from datetime import UTC, datetime\nwhen = datetime.fromisoformat(text)"),
        ("micropip_lock.core.plan", "archive.open('x')\nplan.now()"),
        (
            "micropip_lock.ports",
            "from micropip_lock.core import digest\nclass P(Protocol):\n    async def f(self): ...",
        ),
        ("micropip_lock.app.replay", "import asyncio\nfrom micropip_lock.ports import Fetcher"),
        ("micropip_lock.adapters.pyodide", "import js\nfrom pyodide.ffi import to_js\nimport pyodide_js"),
        ("micropip_lock.adapters.micropip", "import micropip\nimport piplite"),
        ("micropip_lock.adapters.host", "import os, socket, urllib3\nfrom pathlib import Path"),
        ("micropip_lock.wiring", "from micropip_lock.adapters import host"),
        ("micropip_lock.cli", "from micropip_lock import __version__\nfrom micropip_lock.cli_text import table"),
        ("micropip_lock.api", "from micropip_lock import wiring\nfrom micropip_lock.app.replay import replay"),
        ("micropip_lock.testing.plugin", "import pytest\nfrom micropip_lock.testing.index import PackageIndex"),
        ("micropip_lock_lite.addon", "import micropip_lock\nfrom jupyterlite_core.addons.base import BaseAddon"),
    ],
)
def test_a_kept_rule_is_let_through(module: str, source: str) -> None:
    """The scan finds nothing in made-up files that follow the arrows."""
    known = {"micropip_lock.core.model", "micropip_lock.errors", "micropip_lock.wiring", "micropip_lock.adapters.host"}
    assert [] == violations(source, module, known=known)


def test_relative_imports_of_a_package_count_from_itself() -> None:
    """``from . import x`` in an ``__init__`` names a module of that package, in a module one of its siblings."""
    known = {"micropip_lock.core.app", "micropip_lock.app"}
    assert [] == violations("from . import app", "micropip_lock.core", package=True, known=known)
    assert ["core imports app"] == [
        violation.rule
        for violation in violations("from .. import app", "micropip_lock.core", package=True, known=known)
    ]


def test_a_kernel_needs_no_command_line() -> None:
    """What runs in a notebook imports nothing of the command line: wheels for kernels go without it."""
    known = {module for module, _, _ in _modules()}
    needed, queue = set[str](), ["micropip_lock.magic_verbs", "micropip_lock.panel_widgets", "micropip_lock.panels"]
    sources = {module: (package, path) for module, package, path in _modules()}
    while queue:
        module = queue.pop()
        if module in needed or module not in sources:
            continue
        needed.add(module)
        package, path = sources[module]
        tree = ast.parse(path.read_text("utf-8"))
        queue += [target for _, target in imports(tree, module, package=package, known=known)]
    assert {"micropip_lock.upgrading", "micropip_lock.core.pictures"} <= needed
    assert set() == {
        module for module in needed if module.startswith("micropip_lock.cli") or module.endswith(".render")
    }
