"""What an embedded runtime is made of is fetched by the user's npm and pip, and compared with the pins."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from micropip_lock.adapters import runtimes
from micropip_lock.adapters.runtimes import pyodide_directory, tool_wheels
from micropip_lock.errors import HashMismatchError, RuntimeMissingError, UsageError
from micropip_lock.testing import wheel

VERSION = "314.0.7"
TOOL = wheel("tool")

COPY = """
import shutil, sys
_, source, option, *arguments = sys.argv
shutil.copy(source, arguments[arguments.index(option) + 1])
"""


def packed() -> bytes:
    """What npm packs: a tarball with everything in ``package/``."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/pyodide.mjs")
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"//"))
    return target.getvalue()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache."""
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str, str, bytes], None]:
    """Puts a program in the place of npm or pip that copies a file to where an option says."""

    def put(function: str, option: str, name: str, data: bytes) -> None:
        (tmp_path / name).write_bytes(data)
        (tmp_path / "copy.py").write_text(COPY, "utf-8")
        command = [sys.executable, str(tmp_path / "copy.py"), str(tmp_path / name), option]
        monkeypatch.setattr(runtimes, function, lambda: command)

    return put


@pytest.fixture
def npm(copies: Callable[[str, str, str, bytes], None]) -> bytes:
    """An npm that has a Pyodide; its bytes."""
    data = packed()
    copies("_npm", "--pack-destination", "pyodide.tgz", data)
    return data


def pin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    monkeypatch.setattr(runtimes, "PYODIDE_INTEGRITY", {VERSION: integrity})


def test_the_pinned_pyodide_is_unpacked_into_the_cache(
    cache: Path, npm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What npm sends is kept when it is the pinned package, and nothing else is left behind."""
    pin(monkeypatch, npm)
    directory = pyodide_directory(VERSION)
    assert (cache / "pyodide" / VERSION, [VERSION]) == (
        directory,
        [path.name for path in (cache / "pyodide").iterdir()],
    )


def test_another_pyodide_is_refused(cache: Path, npm: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package under the pinned version's name is refused, and nothing is kept of it."""
    pin(monkeypatch, npm + b"!")
    with pytest.raises(HashMismatchError, match=VERSION):
        pyodide_directory(VERSION)
    assert [] == list((cache / "pyodide").iterdir())


@pytest.mark.parametrize("spec", ["no-version", "1.2", "./nowhere"])
def test_what_is_no_pyodide(cache: Path, spec: str) -> None:
    """What is neither a version nor a directory with a Pyodide in it is refused."""
    with pytest.raises(UsageError) as caught:
        pyodide_directory(spec)
    assert "pyodide-spec" == caught.value.code


def test_a_tool_is_fetched_once(
    cache: Path, copies: Callable[[str, str, str, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool comes through pip once, then from the cache; damaged there, it is fetched again."""
    monkeypatch.setattr(runtimes, "TOOLS", {"tool==1.0": TOOL.sha256})
    copies("_pip", "--dest", TOOL.filename, TOOL.data)
    told: list[str] = []
    [path] = tool_wheels([], lambda event: told.append(event.stage))
    tool_wheels([], lambda event: told.append(event.stage))
    path.write_bytes(b"damaged")
    [again] = tool_wheels([], lambda event: told.append(event.stage))
    assert (TOOL.data, ["runtime", "runtime"]) == (again.read_bytes(), told)


def test_another_tool_is_refused(
    cache: Path, copies: Callable[[str, str, str, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel of other bytes than the pinned ones is not used, whatever fetched it."""
    monkeypatch.setattr(runtimes, "TOOLS", {"tool==1.0": TOOL.sha256})
    copies("_pip", "--dest", TOOL.filename, TOOL.data + b"!")
    with pytest.raises(RuntimeMissingError) as caught:
        tool_wheels([])
    assert "tools-fetch" == caught.value.code
