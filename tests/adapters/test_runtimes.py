"""What an embedded runtime is made of: which Pyodide is taken, and programs that do not end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from micropip_lock.adapters import runtimes
from micropip_lock.adapters.runtimes import pyodide_directory, tool_wheels
from micropip_lock.errors import RuntimeMissingError, UsageError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def program(path: Path, version: str) -> Path:
    """A program that says its version, and otherwise does not end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'#!/bin/sh\nfor last; do :; done\n[ "$last" = --version ] && echo {version} && exit\nexec sleep 60\n'
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["0.26.4", "0.27.7", "0.27.0.dev1"])
def test_a_release_that_is_too_old(version: str, cache: Path) -> None:
    """A Pyodide that the tools do not run in is refused before anything is fetched; the error names those that do."""
    with pytest.raises(UsageError) as caught:
        pyodide_directory(version)
    error = caught.value
    assert ("pyodide-too-old", "Pyodide 0.28, 0.29 or 314", False) == (error.code, error.expected, cache.exists())
    assert str(error.got).startswith(version)


def test_a_directory_that_is_too_old(tmp_path: Path) -> None:
    """The same holds for a Pyodide on disk, by its own lock; one without a lock is taken as it is."""
    (tmp_path / "pyodide.mjs").write_text("")
    taken = pyodide_directory(str(tmp_path))
    info = {"abi_version": "2024_0", "arch": "wasm32", "platform": "emscripten_3_1_58", "python": "3.12.7"}
    (tmp_path / "pyodide-lock.json").write_text(json.dumps({"info": info, "packages": {}}))
    with pytest.raises(UsageError) as caught:
        pyodide_directory(str(tmp_path))
    assert (tmp_path, "pyodide-too-old") == (taken, caught.value.code)


@pytest.mark.parametrize("spec", ["junk", "0.29", "", "-g"])
def test_what_is_no_version(spec: str) -> None:
    """What is neither a version nor a directory is refused."""
    with pytest.raises(UsageError) as caught:
        pyodide_directory(spec or " ")
    assert "pyodide-spec" == caught.value.code


@pytest.mark.parametrize("version", ["314.0.7", "999.0.0"])
def test_npm_that_does_not_end(version: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An npm that does not end is ended, with an error that says so; nothing is left in the cache."""
    monkeypatch.setattr(runtimes, "_PATIENCE", 0.3)
    monkeypatch.setenv("NODE", str(program(tmp_path / "node/bin/node", "v22.0.0")))
    script = tmp_path / "node/lib/node_modules/npm/bin/npm-cli.js"
    script.parent.mkdir(parents=True)
    script.write_text("")
    with pytest.raises(RuntimeMissingError) as caught:
        pyodide_directory(version)
    assert ("fetch-timeout", "npm did not end", []) == (
        caught.value.code,
        caught.value.message,
        [path for path in cache.rglob("*") if path.is_file()],
    )


def test_pip_that_does_not_end(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of pip, which brings the tools."""
    monkeypatch.setattr(runtimes, "_PATIENCE", 0.3)
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", "pip 26.3")))
    with pytest.raises(RuntimeMissingError) as caught:
        tool_wheels([])
    assert ("fetch-timeout", "pip did not end", []) == (
        caught.value.code,
        caught.value.message,
        [path for path in cache.rglob("*") if path.is_file()],
    )
