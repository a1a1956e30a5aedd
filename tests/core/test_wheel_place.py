"""A right wheel in an environment: its Python, and what no wheel may touch."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.core.wheel_place import check_installed, check_place
from micropip_lock.errors import MicropipLockError
from micropip_lock.testing import BuiltWheel, wheel


def opened(built: BuiltWheel) -> OpenedWheel:
    return OpenedWheel(admit(built.data, Digest.of(built.data), filename=built.filename))


def outcome(built: BuiltWheel, python: str = "3.14.2") -> str:
    try:
        check_place(opened(built), python)
    except MicropipLockError as error:
        return error.code
    return "good"


@pytest.mark.parametrize(
    ("requires", "python", "expected"),
    [
        (None, "3.14.2", "good"),
        (">=3.12", "3.14.2", "good"),
        (">=3.14", "3.14.0rc1", "requires-python"),
        (">=3.12", "3.14.0rc1", "good"),
        ("<3.14", "3.14.2", "requires-python"),
        (">=3.6.*", "3.14.2", "good"),
    ],
)
def test_python(requires: str | None, python: str, expected: str) -> None:
    """Requires-Python holds for the interpreter, pre-releases of it too; what cannot be parsed is ignored."""
    assert expected == outcome(wheel("six", requires_python=requires), python)


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("six", "micropip/evil.py", "protected"),
        ("six", "micropip.py", "protected"),
        ("another", "micropip.py", "protected"),
        ("six", "micropip.cpython-314-wasm32-emscripten.so", "protected"),
        ("six", "six-1.0.data/purelib/micropip/evil.py", "protected"),
        ("six", "six-1.0.data/platlib/_pyodide/evil.py", "protected"),
        ("six", "six-1.0.data/data/lib/python3.14/site-packages/micropip/evil.py", "protected"),
        ("six", "six-1.0.data/data/lib/python3.14/json.py", "protected"),
        ("six", ".micropip-lock-1-x/journal", "protected"),
        ("micropip-lock", ".micropip-lock.lock", "protected"),
        ("six", "six-1.0.data/purelib/.micropip-lock-1-x/committed", "protected"),
        ("six", "six-1.0.data/data/.micropip-lock-1-x/journal", "protected"),
        ("six", "six-1.0.data/data/lib/python3.14/site-packages/.micropip-lock-1-x/journal", "protected"),
        ("six", "six/.micropip-lock-1-x/journal", "good"),
        ("six", "six-1.0.data/data/lib64/python3.14/lib-dynload/x.so", "protected"),
        ("six", "six-1.0.data/data/lib/python314.zip", "protected"),
        ("six", "six-1.0.data/data/lib/python3.14/site-packages/six_more.py", "good"),
        ("six", "six-1.0.data/data/lib/pythonic/x", "good"),
        ("six", "six-1.0.data/data/share/micropip/x", "good"),
        ("six", "six-1.0.data/scripts/micropip", "good"),
        ("six", "six-1.0.data/headers/micropip/x.h", "good"),
        ("six", "pkg/micropip/x.py", "good"),
        ("six", "micropip_more/x.py", "good"),
        ("micropip", "micropip/new.py", "good"),
        ("micropip-lock", "micropip_lock/new.py", "good"),
        ("micropip-lock", "micropip/new.py", "protected"),
    ],
)
def test_protected(name: str, path: str, expected: str) -> None:
    """Micropip, micropip-lock, Pyodide's own and the standard library are touched by nobody else, on any way."""
    assert expected == outcome(wheel(name, files={path: ""}))


@pytest.mark.parametrize(
    ("path", "requires", "expected"),
    [
        ("six.py", "", None),
        ("six.py", ">=3.12", None),
        ("six.py", "nonsense", None),
        ("six.py", "<3.14", ("requires-python", "METADATA Requires-Python")),
        ("micropip/x.py", "", ("protected", "micropip/x.py")),
        ("micropip.py", "", ("protected", "micropip.py")),
        ("micropip_more/x.py", "", None),
        ("pkg/micropip/x.py", "", None),
    ],
)
def test_what_is_installed(path: str, requires: str, expected: tuple[str, str] | None) -> None:
    """What is installed is judged as its wheel would be: by its Python, and by what nobody else may touch."""
    try:
        check_installed(canonicalize_name("six"), ["good.py", path], requires, "3.14.2")
        found = None
    except MicropipLockError as error:
        found = (error.code, error.where)
    assert expected == found
