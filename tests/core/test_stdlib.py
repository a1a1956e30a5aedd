"""The archive of a standard library with bytecode, read by this interpreter's own zipimport."""

from __future__ import annotations

import io
import subprocess
import sys
import traceback
import zipfile
import zipimport
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.stdlib import bytecode, compiled_archive, module_name

FILES = {
    "pkg/__init__.py": b"'''A package.'''\n",
    "fails.py": b"def fail():\n    raise ValueError('here')  # the line\n",
    "latin.py": "# -*- coding: latin-1 -*-\nTEXT = 'é'\n".encode("latin-1"),
    "sets.py": b"def has(x):\n    return x in {'a', 'b', 'c', 'd', 1, 2.5, None}\n",
    "broken.py": b"def (:\n",
    "pkg/table.txt": b"\r\nnot a module\0",
}


def _archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _names(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()


def _edited(data: bytes, name: str, edit: bytes) -> bytes:
    """An archive with other bytes in one file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {one: archive.read(one) for one in archive.namelist()}
    return _archive(files | {name: edit})


def _module(folder: Path, data: bytes, name: str) -> ModuleType:
    """Import a module from an archive, past ``sys.modules``."""
    path = folder / "stdlib.zip"
    path.write_bytes(data)
    zipimport.zipimporter(str(path)).invalidate_caches()
    importer = zipimport.zipimporter(str(path))
    spec = importer.find_spec(name)
    assert spec is not None
    module = ModuleType(name)
    module.__spec__, module.__loader__ = spec, importer
    importer.exec_module(module)
    return module


def test_the_same_bytes() -> None:
    """The order of the files in the archive, and what else the interpreter did, change nothing."""
    reordered = dict(reversed(FILES.items()))
    program = (
        "import sys; from micropip_lock.core.stdlib import compiled_archive;"
        "kept = ['a', 'b', 2.5, 'fail']; import json, email.message;"
        "sys.stdout.buffer.write(compiled_archive(sys.stdin.buffer.read(), '/lib/x.zip'))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program], input=_archive(files), capture_output=True, check=True, env={**seed}
        ).stdout
        for files, seed in ((FILES, {"PYTHONHASHSEED": "1"}), (reordered, {"PYTHONHASHSEED": "2"}))
    ]
    assert [compiled_archive(_archive(FILES), "/lib/x.zip")] * 2 == outputs


def test_what_is_in_it() -> None:
    """Bytecode lies beside each source that compiles; the rest is as it was."""
    assert [
        "broken.py",
        *("fails.py", "fails.pyc", "latin.py", "latin.pyc", "pkg/__init__.py", "pkg/__init__.pyc"),
        *("pkg/table.txt", "sets.py", "sets.pyc"),
    ] == sorted(_names(compiled_archive(_archive(FILES), "/lib/x.zip")))


@pytest.mark.parametrize("packed", [True, False])
def test_the_rest_is_as_it_was(packed: bool) -> None:
    """Sources and other files have their bytes, stored or deflated."""
    with zipfile.ZipFile(io.BytesIO(compiled_archive(_archive(FILES), "/lib/x.zip", packed=packed))) as made:
        assert FILES == {name: made.read(name) for name in FILES}


def test_chosen_modules() -> None:
    """Only the modules that are named are compiled, a package by its own name."""
    made = compiled_archive(_archive(FILES), "/lib/x.zip", modules={"pkg", "sets"})
    assert ["pkg/__init__.pyc", "sets.pyc"] == [name for name in _names(made) if name.endswith("c")]


def test_without_sources() -> None:
    """The sources of what is compiled can be left out; what does not compile keeps its own."""
    made = compiled_archive(_archive(FILES), "/lib/x.zip", sources=False)
    assert ["broken.py"] == [name for name in _names(made) if name.endswith(".py")]


def test_it_is_bytecode_that_is_imported(tmp_path: Path) -> None:
    """The interpreter takes the bytecode, whatever the source beside it says, and whatever is in its time stamp."""
    made = compiled_archive(_archive(FILES), "/lib/x.zip")
    module = _module(tmp_path, _edited(made, "latin.py", b"TEXT = 'edited'"), "latin")
    assert "é" == module.TEXT


def test_tracebacks_show_the_source(tmp_path: Path) -> None:
    """A traceback names the file and shows the line, though what ran is bytecode."""
    made = compiled_archive(_archive(FILES), f"{tmp_path}/stdlib.zip")
    module = _module(tmp_path, made, "fails")
    with pytest.raises(ValueError, match="here") as caught:
        module.fail()
    shown = "".join(traceback.format_exception(caught.value))
    assert f'{tmp_path}/stdlib.zip/fails.py", line 2' in shown
    assert "raise ValueError('here')  # the line" in shown


def test_bytecode_of_another_interpreter(tmp_path: Path) -> None:
    """A pyc with another magic number is passed over for the source."""
    made = compiled_archive(_archive(FILES), "/lib/x.zip")
    edited = _edited(_edited(made, "latin.pyc", b"\0\0\r\n" + bytes(12)), "latin.py", b"TEXT = 'source'")
    assert "source" == _module(tmp_path, edited, "latin").TEXT


@pytest.mark.parametrize("cut", [16, 17, 40])
def test_damaged_bytecode_is_loud(tmp_path: Path, cut: int) -> None:
    """A pyc that ends early raises when it is imported; nothing half-read runs."""
    with zipfile.ZipFile(io.BytesIO(compiled_archive(_archive(FILES), "/lib/x.zip"))) as made:
        short = made.read("latin.pyc")[:cut]
    with pytest.raises((EOFError, ValueError, TypeError)):
        _module(tmp_path, _archive({"latin.pyc": short}), "latin")


@pytest.mark.parametrize(
    ("path", "name"), [("json/__init__.py", "json"), ("json/decoder.py", "json.decoder"), ("os.py", "os")]
)
def test_names_of_modules(path: str, name: str) -> None:
    """A module is called as it is imported."""
    assert name == module_name(path)


@given(source=st.binary() | st.text().map(str.encode))
def test_any_source(source: bytes) -> None:
    """Whatever a file holds, it becomes a pyc or stays source."""
    code = bytecode(source, "x.py")
    assert code is None or code[4:8] == b"\x01\0\0\0"
