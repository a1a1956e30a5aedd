"""Notebooks in a real Pyodide: run with recording on, frozen, and the lock kept in them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from micropip_lock import api
from micropip_lock.errors import OutcomeError
from micropip_lock.notebook import extract
from micropip_lock.testing import PackageIndex
from tests.core.test_notebook import NOTEBOOK, written

pytestmark = pytest.mark.node


def test_a_notebook_is_run_and_keeps_its_lock(
    catalogue: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``freeze NB --run --write`` runs every cell in one namespace, installs included, and puts the lock in."""
    from micropip_lock.cli import main

    monkeypatch.setenv("UV_NO_CONFIG", "1")
    path = tmp_path / "book.ipynb"
    sources = [
        "name = 'mdurl'",
        "import piplite\nawait piplite.install(name)",
        "%pip install snowballstemmer\nimport mdurl, snowballstemmer\nassert mdurl.__all__ and snowballstemmer",
    ]
    cells = [{**NOTEBOOK["cells"][1], "id": f"c{number}", "source": [one]} for number, one in enumerate(sources)]
    path.write_text(written({**NOTEBOOK, "cells": cells}))
    assert 0 == main(["freeze", str(path), "--run", "--write", "--index-url", catalogue.url])
    lock = extract(path)
    assert (["mdurl", "snowballstemmer"], ("mdurl", "snowballstemmer")) == ([*lock.packages], lock.roots)
    assert '"mdurl"' in str(json.loads(path.read_text())["cells"][0]["source"])
    assert sources == [cell["source"][0] for cell in json.loads(path.read_text())["cells"][1:]]


def test_a_cell_that_fails_is_named(catalogue: PackageIndex) -> None:
    """The number of the cell and the last line of its traceback are told; nothing is frozen."""
    with pytest.raises(OutcomeError) as caught:
        asyncio.run(api.freeze_requirements([], index_urls=[catalogue.url], cells=[(1, "x = 1"), (4, "x / 0")]))
    error = caught.value
    assert ("cell-failed", "cell 4", "ZeroDivisionError: division by zero") == (error.code, error.where, error.got)
