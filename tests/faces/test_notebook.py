"""Tests of :mod:`micropip_lock.notebook`, ``embed`` and ``extract``; a notebook names a lock everywhere."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import micropip_lock as ml
from micropip_lock.cli import main
from micropip_lock.core.digest import Digest
from micropip_lock.core.local_wheel import local_file_name
from micropip_lock.core.model import Lock, Origin
from micropip_lock.core.notebook import embed_lock, parse_embedded
from micropip_lock.errors import LockPolicyError, MicropipLockError, UsageError
from micropip_lock.load import load_lock
from micropip_lock.testing import PackageIndex
from tests.core.test_notebook import NOTEBOOK, written
from tests.faces.fakes import SIX, Capture, run_json


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "book.ipynb"
    path.write_text(written(NOTEBOOK), encoding="utf-8")
    return path


def test_in_and_out(lock: Lock, notebook: Path) -> None:
    """A lock that was put into a file comes out of it, and knows its place; the text says the same."""
    text = ml.embed(lock, notebook)
    based = replace(lock, base=notebook.as_uri())
    assert (text, based, based) == (notebook.read_text("utf-8"), ml.extract(str(notebook)), ml.extract(notebook))
    assert (text, lock) == (ml.embed(lock.to_json(), written(NOTEBOOK)), ml.extract(text))


def test_a_text_is_written_nowhere(lock: Lock, tmp_path: Path) -> None:
    """Given a notebook's text, the text with the lock is all that comes of it."""
    ml.embed(lock, written(NOTEBOOK))
    assert [] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["nobody.ipynb", "\0", "."])
def test_no_such_file(name: str) -> None:
    """A file that is not there is told as such."""
    with pytest.raises(MicropipLockError) as caught:
        ml.extract(name)
    assert "no-notebook" == caught.value.code


def test_a_notebook_that_cannot_be_read_stays(lock: Lock, tmp_path: Path) -> None:
    """Nothing is written when the notebook is broken, and no file is left beside it."""
    path = tmp_path / "book.ipynb"
    path.write_text("{")
    with pytest.raises(MicropipLockError):
        ml.embed(lock, path)
    assert (["book.ipynb"], "{") == (os.listdir(tmp_path), path.read_text())


async def test_a_notebook_is_a_lock(
    lock: Lock, notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its path, its address, its text and on standard input, a notebook is the lock in it."""
    text = ml.embed(lock, notebook)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    with PackageIndex() as index:
        url = index.mount("/books/", tmp_path) + "book.ipynb"
        found = [await load_lock(one) for one in (str(notebook), notebook, notebook.as_uri(), url, text, "-")]
    assert [lock.to_json()] * 6 == [one.to_json() for one in found]
    assert url == found[3].base


async def test_a_large_notebook_arrives_and_a_large_lock_does_not(lock: Lock, tmp_path: Path) -> None:
    """Pictures in a notebook are no reason to refuse it; a lock of that size is refused while it arrives."""
    picture = {**NOTEBOOK, "metadata": {"picture": "x" * 9_000_000}}
    for name in ("book.ipynb", "book.json"):
        (tmp_path / name).write_text(embed_lock(lock, written(picture)), encoding="utf-8")
    with PackageIndex() as index:
        base = index.mount("/books/", tmp_path)
        assert lock.id == (await load_lock(f"{base}book.ipynb")).id
        with pytest.raises(LockPolicyError, match="too large"):
            await load_lock(f"{base}book.json")


def test_the_command_line(lock: Lock, lock_path: str, notebook: Path, capsys: Capture) -> None:
    """``embed`` writes the notebook and says so, ``extract`` prints the lock, every verb takes the notebook."""
    code, facts, _ = run_json(capsys, "embed", lock_path, str(notebook))
    assert (0, lock.id, str(notebook)) == (code, facts["id"], facts["notebook"])
    assert (0, lock.to_json()) == (main(["extract", str(notebook)]), capsys.readouterr().out)
    assert (0, True) == (main(["diff", lock_path, str(notebook)]), "no differences" in capsys.readouterr().out)
    assert (0, True) == (main(["show", str(notebook)]), lock.id in capsys.readouterr().out)
    assert (0, lock.to_json()) == (main(["extract", str(notebook), "-o", "o.json"]), Path("o.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["extract", "pyodide-lock.json"], "usage"),
        (["extract", "nobody.ipynb"], "no-lock"),
        (["extract", "book.ipynb"], "no-embedded-lock"),
        (["extract", "book.ipynb", "-o", "."], "usage"),
        (["embed", "pyodide-lock.json", "nobody.ipynb"], "no-notebook"),
        (["embed", "pyodide-lock.json", "pyodide-lock.json"], "notebook-version"),
        (["embed", "book.ipynb", "book.ipynb"], "no-embedded-lock"),
    ],
)
def test_what_the_command_line_refuses(
    argv: list[str], code: str, lock_path: str, notebook: Path, capsys: Capture
) -> None:
    """Each wrong use has its code, and leaves the notebook as it was."""
    exit_code, facts, _ = run_json(capsys, *argv)
    assert (2, code, written(NOTEBOOK)) == (exit_code, facts["error"]["code"], notebook.read_text("utf-8"))


def test_wheels_from_local_files(lock: Lock, notebook: Path, tmp_path: Path, capsys: Capture) -> None:
    """On the command line such wheels are put beside the notebook; in Python a lock that lacks them is refused."""
    name = local_file_name(Digest.of(SIX.data), SIX.filename)
    six = lock.packages["six"]
    local = replace(six, wheel=replace(six.wheel, url=name), origin=Origin(kind="local", url=SIX.filename))
    lock = replace(lock, packages={"six": local})
    with pytest.raises(UsageError) as caught:
        ml.embed(lock, notebook)
    assert ("local-wheels", written(NOTEBOOK)) == (caught.value.code, notebook.read_text("utf-8"))
    place = tmp_path / "elsewhere" / name
    place.parent.mkdir(parents=True)
    place.write_bytes(SIX.data)
    (tmp_path / "elsewhere" / "lock.json").write_text(lock.to_json(), encoding="utf-8")
    assert 0 == main(["embed", "elsewhere/lock.json", str(notebook)])
    assert (lock, SIX.data) == (parse_embedded(notebook.read_bytes()), (tmp_path / name).read_bytes())
    assert lock == ml.extract(ml.embed(lock, notebook))
    assert 2 == main(["extract", str(notebook)])
    assert "local-wheels" in capsys.readouterr().err
