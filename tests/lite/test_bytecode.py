"""Bytecode in a site: compiled by the site's own Pyodide, under Node."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from micropip_lock import wiring
from micropip_lock.adapters.runtimes import pyodide_directory
from micropip_lock.core.compiled_wheel import compiled_wheel
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.model import Lock
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.testing import wheel
from micropip_lock_lite.bytecode import compiled, compiled_library
from micropip_lock_lite.entries import entries_of
from micropip_lock_lite.place import Place

SITE = "/lib/python3.14/site-packages"


def _opened(data: bytes, filename: str) -> OpenedWheel:
    return OpenedWheel(admit(data, Digest.of(data), filename=filename))


def test_a_compiled_wheel_is_a_wheel() -> None:
    """Modules have bytecode beside them that RECORD lists; what is no module, or does not compile, is as it was."""
    files = {"a/__init__.py": "", "a/b.py": "x = 1", "a/bad.py": "x = (", "a/data.txt": "text", "top.py": "y = 2"}
    built = wheel("a", files=files)
    opened = _opened(compiled_wheel(built.data, SITE), built.filename)
    found = dict(opened.files())
    compiled_names = {name for name in found if name.endswith(".pyc")}

    assert {"a/__pycache__/__init__", "a/__pycache__/b", "__pycache__/top"} == {
        name.partition(".")[0] for name in compiled_names
    }
    given = dict(_opened(built.data, built.filename).files())
    same = {name: data for name, data in found.items() if not name.endswith((".pyc", "RECORD"))}
    assert {name: data for name, data in given.items() if not name.endswith("RECORD")} == same


def test_what_is_not_for_site_packages_is_not_compiled() -> None:
    """Scripts and data are no modules; those of purelib are, below site-packages."""
    files = {"b-1.0.data/scripts/run.py": "x", "b-1.0.data/data/x.py": "x", "b-1.0.data/purelib/b.py": "x"}
    built = wheel("b", files=files)
    names = _opened(compiled_wheel(built.data, SITE), built.filename).names

    assert ["b-1.0.data/purelib/__pycache__/b"] == [name.partition(".cpy")[0] for name in names if name.endswith("pyc")]


def test_compiling_again_gives_the_same_bytes() -> None:
    """A wheel that has bytecode already keeps it."""
    built = wheel("c", files={"c.py": "x = {1, 2}\ny = 'text'"})
    once = compiled_wheel(built.data, SITE)

    assert once == compiled_wheel(built.data, SITE)
    assert dict(_opened(once, built.filename).files()) == dict(
        _opened(compiled_wheel(once, SITE), built.filename).files()
    )


@pytest.mark.node
async def test_in_a_site(tmp_path: Path) -> None:
    """It is for the runtime of the site; the entry says from which wheel it was made; nothing is compiled twice."""
    place = Place(lite=tmp_path, output=tmp_path / "out", cache=tmp_path / "cache")
    place.bring_runtime(pyodide_directory(None))
    abi = Lock.from_json((place.runtime / "pyodide-lock.json").read_bytes()).abi
    built = wheel("d", files={"d/__init__.py": "x = 1"})
    given: VerifiedWheel = admit(built.data, Digest.of(built.data), filename=built.filename)
    packages = entries_of({place.keep(given): given}, abi, elsewhere={})
    (made,) = (await compiled(place, packages)).values()
    data = wiring.folder(place.bundle).read(made.wheel.url)
    assert data is not None

    assert made.wheel.digest == Digest.of(data)
    assert made.wheel.url.startswith(f"wheels/{made.wheel.digest}/")
    facts = json.loads(Lock(abi=abi, packages={made.name: made}).to_json())["packages"]["d"]["tool"]["micropip-lock"]
    assert given.digest.hex == facts["compiled-from"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # 3627: CPython 3.14.
        assert 3627 == int.from_bytes(archive.read("d/__pycache__/__init__.cpython-314.pyc")[:2], "little")
    path, library = await compiled_library(place)
    assert path == f"stdlib/{Digest.of(library)}/python_stdlib.zip"
    with zipfile.ZipFile(io.BytesIO(library)) as archive:
        assert {"inspect.pyc", "tokenize.pyc"} <= set(archive.namelist())
    # What is kept is not compiled again: without Node there is none of it.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")}
    assert {made.name: made} == await compiled(place, packages)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")}
