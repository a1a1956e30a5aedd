"""``pylock.toml`` for tests: a TOML writer, a small lock to change, and a strategy for valid ones."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from tests.strategies import digests, names, versions, whole_numbers

FIXTURES = sorted((Path(__file__).parent / "fixtures" / "pylocks").glob("*.toml"))
HEX = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
WHEEL: dict[str, Any] = {
    "name": "six-1.16.0-py2.py3-none-any.whl",
    "url": "https://files.example/six-1.16.0-py2.py3-none-any.whl",
    "size": 11053,
    "upload-time": datetime.fromisoformat("2021-05-05T14:18:17+00:00"),
    "hashes": {"sha256": HEX},
}
SIX: dict[str, Any] = {"name": "six", "version": "1.16.0", "index": "https://index.example/simple/", "wheels": [WHEEL]}
VALID: dict[str, Any] = {"lock-version": "1.0", "created-by": "a test", "packages": [SIX]}


def toml(value: Any) -> str:
    """A table as a TOML document; inner tables are inline."""
    return "".join(f"{json.dumps(key)} = {_inline(inner)}\n" for key, inner in value.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, datetime | date):
        return value.isoformat()
    # JSON leaves U+007F as it is, which TOML does not allow.
    return json.dumps(value).replace("\x7f", "\\u007f")


def with_top(**fields: Any) -> str:
    """The small lock with other fields at its top; ``None`` takes one out, ``_`` stands for ``-``."""
    return toml(_changed(VALID, fields))


def with_six(**fields: Any) -> str:
    """The small lock with other fields in its package."""
    return toml(VALID | {"packages": [_changed(SIX, fields)]})


def with_wheel(**fields: Any) -> str:
    """The small lock with other fields in its wheel."""
    return with_six(wheels=[_changed(WHEEL, fields)])


def _changed(value: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    merged = deepcopy(value) | {key.replace("_", "-"): inner for key, inner in fields.items()}
    return {key: inner for key, inner in merged.items() if inner is not None}


TAGS = ["py3-none-any", "py2.py3-none-any", "cp314-cp314-pyemscripten_2026_0_wasm32", "cp313-cp313-win_amd64"]
MARKERS = ["sys_platform == 'emscripten'", "sys_platform == 'win32'", "python_version >= '3.14'", "'dev' in extras"]


@st.composite
def pylocks(draw: st.DrawFn) -> dict[str, Any]:
    """A valid file, for whatever environment."""
    packages = []
    for name in draw(st.lists(names().map(canonicalize_name), max_size=4)):
        version = draw(versions)
        kind = draw(st.sampled_from(["wheels", "wheels", "wheels", "both", "sdist", "archive", "vcs", "directory"]))
        package: dict[str, Any] = {"name": name}
        if draw(st.booleans()):
            package["version"] = version
        if draw(st.booleans()):
            package["marker"] = draw(st.sampled_from(MARKERS))
        if draw(st.integers(0, 9)) == 0:
            package["requires-python"] = draw(st.sampled_from([">=3.8", ">=3.15"]))
        escaped = name.replace("-", "_")
        if kind in ("wheels", "both"):
            tags = draw(st.lists(st.sampled_from(TAGS), min_size=1, max_size=4, unique=True))
            package["wheels"] = [draw(_files(f"{escaped}-{version}-{tag}.whl")) for tag in tags]
            package["index"] = "https://index.example/simple"
        if kind in ("sdist", "both"):
            package["sdist"] = draw(_files(f"{escaped}-{version}.tar.gz"))
        if kind == "archive":
            ending = draw(st.sampled_from(["-py3-none-any.whl", ".tar.gz"]))
            package["archive"] = {
                key: value for key, value in draw(_files(f"{escaped}-{version}{ending}")).items() if key != "name"
            }
        if kind == "vcs":
            package["vcs"] = {"type": "git", "url": "https://files.example/x.git", "commit-id": "a" * 40}
        if kind == "directory":
            package["directory"] = {"path": "."}
        packages.append(package)
    value: dict[str, Any] = {"lock-version": "1.0", "created-by": "a test", "packages": packages}
    if draw(st.integers(0, 4)) == 0:
        value["environments"] = draw(st.lists(st.sampled_from(MARKERS[:3]), min_size=1, max_size=2))
    if draw(st.integers(0, 4)) == 0:
        value["requires-python"] = draw(st.sampled_from([">=3.13", ">=3.15"]))
    return value


@st.composite
def _files(draw: st.DrawFn, filename: str) -> dict[str, Any]:
    file: dict[str, Any] = {"hashes": {"sha256": draw(digests).hex}}
    where = draw(st.sampled_from(["url", "path", "both"]))
    if where != "path":
        file["url"] = "https://files.example/" + filename.replace("+", "%2B")
    if where != "url":
        file["path"] = f"wheels/{filename}"
    if draw(st.booleans()):
        file["name"] = filename
    if draw(st.booleans()):
        file["size"] = draw(whole_numbers)
    return file
