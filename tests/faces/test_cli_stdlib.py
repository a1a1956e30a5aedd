"""Tests of ``micropip-lock stdlib``; the compiler is a stand-in, the real one has tests of its own (``tests/e2e``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import compile_stdlib, wiring
from micropip_lock.cli import main
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock
from micropip_lock.ports import FilesRead
from micropip_lock.testing import wheel
from tests.app.replaying import lock_of, locked
from tests.faces.fakes import Capture, run_json

DATA = b"PK a compiled library"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the compiler is asked for."""
    calls: list[dict[str, Any]] = []

    async def compiled(pyodide: str | None, *, progress: object = None, **options: Any) -> tuple[bytes, int]:
        calls.append({"pyodide": pyodide, **options})
        return DATA, 10

    monkeypatch.setattr(wiring, "compiled_stdlib", compiled)
    return calls


async def test_for_a_lock(asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a lock, what its modules and those that are named import of the standard library is compiled."""
    watched: list[tuple[list[str], Sequence[str]]] = []

    class Watch:
        async def files_read(self, lock: Lock, names: Sequence[str]) -> FilesRead:
            watched.append((list(lock.packages), names))
            return FilesRead(read={}, failed={"yaml": "ImportError: no"}, stdlib=("csv", "json"))

    monkeypatch.setattr(wiring, "file_watch", lambda *some, **more: Watch())
    lock = lock_of(locked(wheel("alpha"), imports=("alpha",)))
    made = await compile_stdlib(tmp_path / "lib.zip", lock=lock, imports=["yaml"])
    assert ([(["alpha"], ("alpha", "yaml"))], ("csv", "json")) == (watched, asked[0]["imports"])
    assert ("yaml could not be imported to see what it needs: 'ImportError: no'",) == made.notes


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {"pyodide": None, "imports": (), "everything": False, "sources": True}),
        (
            ["--pyodide", "0.29.5", "--import", "json", "--import", "email.parser", "--no-sources"],
            {"pyodide": "0.29.5", "imports": ("json", "email.parser"), "everything": False, "sources": False},
        ),
        (["--all"], {"pyodide": None, "imports": (), "everything": True, "sources": True}),
    ],
)
def test_its_options(
    asked: list[dict[str, Any]], tmp_path: Path, arguments: Sequence[str], options: dict[str, Any]
) -> None:
    """Each option reaches the compiler, and the file has its bytes."""
    path = tmp_path / "lib.zip"
    assert (0, [options], DATA) == (main(["stdlib", "-o", str(path), *arguments]), asked, path.read_bytes())


def test_what_it_says(asked: list[dict[str, Any]], capsys: Capture, tmp_path: Path) -> None:
    """People read where it is and what it costs; standard output is empty."""
    path = tmp_path / "lib.zip"
    main(["stdlib", "-o", str(path)])
    streams = capsys.readouterr()
    assert ("", f"wrote {path}: 21 bytes, +11 against Pyodide's own\n") == (streams.out, streams.err)


def test_its_facts(asked: list[dict[str, Any]], capsys: Capture, tmp_path: Path) -> None:
    """With --json the digest is told, which a page can compare."""
    path = tmp_path / "lib.zip"
    code, facts, _ = run_json(capsys, "stdlib", "-o", str(path))
    assert (0, str(path), Digest.of(DATA).hex, 21, 10) == (
        code,
        *(facts[key] for key in ("path", "sha256", "size", "original_size")),
    )


def test_all_and_some(asked: list[dict[str, Any]], capsys: Capture) -> None:
    """Every module and single ones cannot be asked for at once."""
    assert (2, []) == (main(["stdlib", "--all", "--import", "json"]), asked)
    assert "not allowed with" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(asked: list[dict[str, Any]], capsys: Capture, tmp_path: Path) -> None:
    """A directory, or a file in one that is not there, is refused before anything is compiled."""
    codes = [main(["stdlib", "-o", str(path)]) for path in (tmp_path, tmp_path / "no" / "lib.zip")]
    assert ([2, 2], []) == (codes, asked)
