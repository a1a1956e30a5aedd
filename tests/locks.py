"""Locks written by hand, for tests: a small one to change, one that says everything, and those of others on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.errors import Unlockable

FIXTURES = sorted((Path(__file__).parent / "fixtures" / "pyodide_locks").glob("*.json"))
HEX = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
SIX: dict[str, Any] = {
    "name": "six",
    "version": "1.16.0",
    "file_name": "https://files.example/six-1.16.0-py2.py3-none-any.whl",
    "install_dir": "site",
    "sha256": HEX,
    "package_type": "package",
    "imports": ["six"],
    "depends": [],
    "unvendored_tests": False,
}
VALID: dict[str, Any] = {
    "info": {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"},
    "packages": {"six": SIX},
}


def full_lock() -> Lock:
    """A lock with all that we can say: every kind of origin, unlocked items, other tools' tables."""

    def package(name: str, version: str, **facts: Any) -> LockedPackage:
        url = f"https://files.example/{name}-{version}-py3-none-any.whl"
        wheel = Wheel(url=url, digest=Digest.of(url.encode()), size=11053, upload_time="2026-09-14T12:00:00Z")
        return replace(
            LockedPackage(name=canonicalize_name(name), display_name=name, version=version, wheel=wheel), **facts
        )

    index = "https://index.example/simple"
    rich = package("rich", "13.9.4", requested=True, requirement="rich[jupyter]>=13", extras=("jupyter",))
    rich = replace(
        rich,
        depends=(canonicalize_name("markdown-it-py"), canonicalize_name("numpy")),
        origin=Origin(kind="index", url=rich.wheel.url, index=index),
        imports=("rich",),
        missing=(canonicalize_name("ipywidgets"),),
    )
    markdown = package("markdown_it_py", "3.0.0")
    markdown = replace(
        markdown,
        wheel=replace(markdown.wheel, url="wheels/markdown_it_py-3.0.0-py3-none-any.whl"),
        origin=Origin(kind="url", url=markdown.wheel.url),
        depends=(canonicalize_name("rich"),),
        tool_unknown={"other": {"note": "two\nlines"}, "micropip-lock": {"later": 1}},
    )
    numpy = package("numpy", "2.4.6")
    numpy = replace(numpy, origin=Origin(kind="runtime", url=numpy.wheel.url))
    return Lock(
        abi=Abi(abi_version="2026_0", platform="pyemscripten_2026_0", python="3.14.2"),
        packages=by_name([rich, markdown, numpy]),
        unlocked=(Unlockable(name="six", version="1.16.0", code="no-record", reason="no record", hint="reinstall"),),
        tool_unknown={"other": {}},
    )


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    value = deepcopy(VALID)
    change(value)
    return json.dumps(value)


def with_six(**fields: Any) -> str:
    return changed(lambda value: value["packages"]["six"].update(fields))
