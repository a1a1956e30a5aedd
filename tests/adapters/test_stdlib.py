"""What an embedded runtime boots from: made once, kept, and never in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters import stdlib
from micropip_lock.errors import RuntimeFailedError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Runtimes whose library was compiled, by a compiler that stands in for Pyodide; the cache is a new one."""
    calls: list[Path] = []

    async def compile_stdlib(directory: Path, **options: Any) -> bytes:
        calls.append(directory)
        if (directory / "pyodide.mjs").exists():
            raise RuntimeFailedError("Pyodide did not compile its standard library")
        return b"compiled " + (directory / stdlib.STDLIB).read_bytes()

    monkeypatch.setattr(stdlib, "compile_stdlib", compile_stdlib)
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path / "cache"))
    return calls


def _runtime(folder: Path, library: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / stdlib.STDLIB).write_bytes(library)
    return folder


async def test_it_is_made_once(made: list[Path], tmp_path: Path) -> None:
    """The second boot takes what the first one made; another library has another one."""
    runtime = _runtime(tmp_path / "runtime", b"one")
    first, again = [await stdlib.kept_stdlib(runtime) for _ in range(2)]
    other = await stdlib.kept_stdlib(_runtime(tmp_path / "runtime", b"two"))
    assert first is not None
    assert other is not None
    assert (first, 2, b"compiled one", b"compiled two") == (again, len(made), first.read_bytes(), other.read_bytes())


async def test_a_failure_is_only_slower(made: list[Path], tmp_path: Path) -> None:
    """A runtime that does not compile its library boots from its own; so does one that has none."""
    runtime = _runtime(tmp_path / "runtime", b"one")
    (runtime / "pyodide.mjs").touch()
    assert [None, None] == [await stdlib.kept_stdlib(one) for one in (runtime, tmp_path)]


async def test_a_cache_that_cannot_be_written(made: list[Path], tmp_path: Path) -> None:
    """Where nothing can be kept the runtime boots from its own library."""
    (tmp_path / "cache").write_text("a file", "utf-8")
    assert await stdlib.kept_stdlib(_runtime(tmp_path / "runtime", b"one")) is None
