"""Tests of :mod:`micropip_lock.cli_script`: scripts and notebooks as ``freeze`` takes them, and ``--write``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from micropip_lock.cli import main
from micropip_lock.cli_script import with_roots
from micropip_lock.core.model import Lock, Origin
from micropip_lock.core.notebook import parse_embedded
from micropip_lock.core.script import read_script
from tests.core.test_notebook import NOTEBOOK, written
from tests.faces.fakes import Capture, FakeFreeze, run_json

SCRIPT = '# /// script\n# requires-python = ">=3.12"\n# dependencies = ["rich>=13"]\n# ///\nimport rich\n'


def book(*sources: str, **more: Any) -> str:
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{number}",
            "metadata": {},
            "outputs": [],
            "source": [source],
        }
        for number, source in enumerate(sources)
    ]
    return written({**NOTEBOOK, "cells": cells, **more})


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(SCRIPT)
    (tmp_path / "r.txt").write_text("attrs\n-i https://index.example/r\n")
    (tmp_path / "n.ipynb").write_text(
        book("%pip install six --pre", "await micropip.install('idna<9', constraints=['x<2'])", "%pip install -r r.txt")
    )
    (tmp_path / "b.ipynb").write_text(book(SCRIPT, "%pip install six"))


@pytest.mark.parametrize(
    ("argv", "requirements", "options"),
    [
        (["s.py"], ["rich>=13"], {}),
        (["-r", "s.py", "six"], ["rich>=13", "six"], {}),
        (["web.py"], ["web.py"], {}),
        (["b.ipynb"], ["rich>=13", "six"], {}),
        (["--notebook", "b.ipynb", "six"], ["rich>=13", "six"], {}),
        (
            ["n.ipynb"],
            ["six", "idna<9", "attrs"],
            {"pre": True, "constraints": ("x<2",), "index_urls": ("https://index.example/r",)},
        ),
    ],
)
def test_what_is_asked_for(
    argv: list[str], requirements: list[str], options: dict[str, Any], fake_freeze: FakeFreeze
) -> None:
    """A script stands for its block, a notebook for its block and its installs; each thing is asked for once."""
    assert 0 == main(["freeze", *argv])
    asked, given = fake_freeze.asked[0]
    assert (requirements, {"pre": False, "constraints": (), "index_urls": ()} | options) == (
        asked,
        {name: given[name] for name in ("pre", "constraints", "index_urls")},
    )


def test_cells_to_run(fake_freeze: FakeFreeze, capsys: Capture) -> None:
    """With --run cells are run instead of read, and what a plain Pyodide cannot do is told."""
    Path("x.ipynb").write_text(book("%pip install six\n%matplotlib inline", "names()"))
    assert 0 == main(["freeze", "x.ipynb", "--run"])
    asked, given = fake_freeze.asked[0]
    assert ([], [(1, "import micropip; await micropip.install(['six'])\npass"), (2, "names()")]) == (
        asked,
        given["cells"],
    )
    assert "note: cell 1: left out: %matplotlib inline" in capsys.readouterr().err


def test_a_script_is_kept_in_step(fake_freeze: FakeFreeze, lock: Lock, capsys: Capture) -> None:
    """--write puts what was frozen into the block, unpinned, and the lock where it was to go."""
    assert (0, lock.to_json()) == (main(["freeze", "s.py", "six>1", "--write"]), capsys.readouterr().out)
    script = read_script(Path("s.py").read_text())
    assert script is not None
    assert (("rich>=13", "six>1"), ">=3.12") == (script.dependencies, script.requires_python)
    assert Path("s.py").read_text().endswith("# ///\nimport rich\n")


@pytest.mark.parametrize("name", ["b.ipynb", "n.ipynb"])
def test_a_notebook_is_kept_in_step(name: str, fake_freeze: FakeFreeze, lock: Lock, capsys: Capture) -> None:
    """--write puts the block into the notebook's first cell, new if need be, and the lock into its metadata."""
    before = json.loads(Path(name).read_text())["cells"]
    assert (0, "") == (main(["freeze", name, "--write"]), capsys.readouterr().out)
    text = Path(name).read_text()
    node = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    script = read_script(node.cells[0].source)
    assert script is not None
    assert (tuple(fake_freeze.asked[0][0]), lock) == (script.dependencies, parse_embedded(text))
    assert before[1:] == json.loads(text)["cells"][-len(before[1:]) :]
    again = Path(name).read_bytes()
    main(["freeze", name, "--write"])
    assert again == Path(name).read_bytes()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["six", "--write"], "usage"),
        (["s.py", "b.ipynb", "--write"], "usage"),
        (["s.py", "--run"], "usage"),
        (["six", "--run"], "usage"),
        (["nobody.ipynb"], "no-notebook"),
        (["--site", ".", "--notebook", "n.ipynb"], "usage"),
        (["--site", ".", "--write"], "usage"),
        (["old.py"], "requires-python"),
        (["two.py"], "script-block"),
        (["bad.py"], "bad-requirement"),
        (["latin.py"], "encoding"),
        (["dynamic.ipynb"], "cell-install"),
        (["julia.ipynb"], "usage"),
        (["six", "-o", "nobody.ipynb"], "no-notebook"),
    ],
)
def test_what_is_refused(argv: list[str], code: str, fake_freeze: FakeFreeze, capsys: Capture) -> None:
    """What cannot be read, obeyed or written is refused before anything is installed."""
    Path("old.py").write_text('# /// script\n# requires-python = "<3"\n# ///\n')
    Path("two.py").write_text(SCRIPT + "\n" + SCRIPT)
    Path("bad.py").write_text('# /// script\n# dependencies = ["a b"]\n# ///\n')
    Path("latin.py").write_bytes(b"\xff")
    Path("julia.ipynb").write_text(book("1", metadata={"language_info": {"name": "julia"}}))
    Path("dynamic.ipynb").write_text(book("await micropip.install(names)"))
    exit_code, facts, _ = run_json(capsys, "freeze", *argv)
    assert (2, code, []) == (exit_code, facts["error"]["code"], fake_freeze.asked)


def test_what_cells_asked_for_is_written(fake_freeze: FakeFreeze, lock: Lock) -> None:
    """With --run and --write the block has what the cells asked for when they ran, beside what was stated."""
    Path("x.ipynb").write_text(book(SCRIPT, "names()"))
    assert 0 == main(["freeze", "x.ipynb", "--run", "--write"])
    script = read_script("".join(json.loads(Path("x.ipynb").read_text())["cells"][0]["source"]))
    assert script is not None
    assert ("rich>=13", *lock.roots) == script.dependencies


def test_roots_that_came_from_an_address(lock: Lock) -> None:
    """What was installed by an address is stated so, what came from a file here is not; nothing is there twice."""
    six = lock.packages["six"]
    by_url = replace(six, requirement="https://files.example/six-1.16.0-py2.py3-none-any.whl")
    local = replace(six, origin=Origin(kind="local", url="six.whl"))
    assert [f"six @ {six.wheel.url}"] == with_roots([], replace(lock, packages={"six": by_url}))
    assert [] == with_roots([], replace(lock, packages={"six": local}))
    assert ["Six>1"] == with_roots(["Six>1"], lock)


def test_a_notebook_is_not_written_over(fake_freeze: FakeFreeze, lock: Lock) -> None:
    """-o with a notebook puts the lock into it, and leaves the rest."""
    before = json.loads(Path("n.ipynb").read_text())
    assert 0 == main(["freeze", "six", "-o", "n.ipynb"])
    after = json.loads(Path("n.ipynb").read_text())
    assert (lock, before["cells"]) == (parse_embedded(Path("n.ipynb").read_text()), after["cells"])


def test_the_python_of_another_pyodide(fake_freeze: FakeFreeze) -> None:
    """requires-python is compared with the Pyodide that was named."""
    Path("new.py").write_text('# /// script\n# requires-python = ">=3.14"\n# ///\n')
    assert (0, 2) == (main(["freeze", "new.py"]), main(["freeze", "new.py", "--pyodide", "0.29.4"]))
