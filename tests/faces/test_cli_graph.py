"""Tests of :mod:`micropip_lock.cli_graph` through the command; upgrades run in ``tests/e2e/test_node_upgrade.py``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import cli_graph
from micropip_lock.cli import main
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock
from micropip_lock.core.notebook import parse_embedded
from tests.core.test_needed import RICH
from tests.core.test_notebook import NOTEBOOK, written
from tests.faces.fakes import Capture, run_json


@pytest.fixture
def rich() -> str:
    Path("rich.json").write_text(RICH.to_json(), encoding="utf-8")
    return "rich.json"


def test_why(rich: str, capsys: Capture) -> None:
    """``why`` prints the reasons; with --json they are data."""
    assert 0 == main(["why", rich, "mdurl"])
    assert "  rich -> markdown-it-py -> mdurl\n" in capsys.readouterr().out
    code, facts, _ = run_json(capsys, "why", rich, "mdurl")
    assert (0, ["markdown-it-py"], RICH.id) == (code, facts["why"]["needed_by"], facts["id"])


def test_an_unknown_name(rich: str, capsys: Capture) -> None:
    """A name that the lock does not have is an error, with those that are near."""
    code, facts, _ = run_json(capsys, "why", rich, "pygment")
    assert (2, "unknown-package", "did you mean pygments?") == (code, facts["error"]["code"], facts["error"]["hint"])


def test_tree(rich: str, capsys: Capture) -> None:
    """``tree`` draws the lock; with --json it is a graph."""
    assert 0 == main(["tree", rich])
    assert "└── pygments 1\n" in capsys.readouterr().out
    code, facts, _ = run_json(capsys, "tree", rich)
    assert (0, ["rich", "alone"], ["mdurl"]) == (
        code,
        facts["tree"]["roots"],
        facts["tree"]["packages"]["markdown-it-py"]["depends"],
    )


def test_nothing_acts_on_a_terminal(capsys: Capture) -> None:
    """A requirement with escapes in it is shown, not obeyed."""
    rich = replace(RICH.packages["rich"], requirement="rich; \x1b[31m")
    Path("odd.json").write_text(replace(RICH, packages={**RICH.packages, "rich": rich}).to_json())
    for argv in (["tree", "odd.json"], ["why", "odd.json", "rich"]):
        main(argv)
        assert "\x1b" not in capsys.readouterr().out


def test_upgrade_writes_where_it_is_told(rich: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new lock is printed, or in a file, or in a notebook; what moved is for people."""
    old = RICH.packages["rich"]
    moved = replace(old, wheel=replace(old.wheel, digest=Digest.of(b"x")))
    new = replace(RICH, packages={**RICH.packages, "rich": moved})
    asked: list[Any] = []

    async def upgrade(lock: Lock, *names: str, **options: Any) -> Lock:
        asked.append((lock.id, names, options["pre"], options["index_urls"]))
        return new

    monkeypatch.setattr(cli_graph, "_upgrade", upgrade)
    Path("b.ipynb").write_text(written(NOTEBOOK))
    assert 0 == main(["upgrade", rich, "rich", "--pre", "--index-url", "https://index.example/x"])
    streams = capsys.readouterr()
    assert (new.to_json(), True) == (streams.out, "~ rich 1: same version, other build" in streams.err)
    assert 0 == main(["upgrade", rich, "rich", "mdurl", "-o", "new.json", "-q"])
    assert ("", "", new.to_json()) == (*capsys.readouterr(), Path("new.json").read_text("utf-8"))
    assert 0 == main(["upgrade", rich, "rich", "-o", "b.ipynb"])
    assert new == parse_embedded(Path("b.ipynb").read_bytes())
    code, facts, _ = run_json(capsys, "upgrade", rich, "rich")
    assert (0, new.id, "rich") == (code, facts["id"], facts["diff"]["changed"][0]["name"])
    assert [(RICH.id, ("rich",), True, ("https://index.example/x",)), (RICH.id, ("rich", "mdurl"), False, ())] == asked[
        :2
    ]
