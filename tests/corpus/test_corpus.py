"""Every case of the corpus, run from its folder: refused or taken as it says, and the environment left as it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.generate.case import Case, all_cases, register
from tests.corpus.generate.writer import write
from tests.corpus.judging import Got, judged, state_after, tree_state
from tools import corpus_table
from tools.corpus_table import main

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.slug}")
def test_case(case: Case, tmp_path: Path) -> None:
    """The case comes out as its folder says."""
    (folder,) = write(tmp_path / "corpus", [case])
    expect, got = judged(folder, tmp_path / "work")
    assert {} == got.differences(expect)


def test_the_corpus_is_the_same_every_time(tmp_path: Path) -> None:
    """Two runs of the generator write the same bytes, and a third touches nothing."""
    small = [case for case in CASES if case.id not in {"W42", "W50"}]
    write(tmp_path / "one", small)
    write(tmp_path / "two", small)
    times = dict(_times(tmp_path / "one"))
    write(tmp_path / "one", small)
    assert (dict(_digests(tmp_path / "one")), times) == (
        dict(_digests(tmp_path / "two")),
        dict(_times(tmp_path / "one")),
    )


def test_what_is_of_no_case_goes(tmp_path: Path) -> None:
    """Files and directories that a case no longer has are removed, however deep; all else is put right."""
    (case,) = (case for case in CASES if case.id == "R06")
    (folder,) = write(tmp_path, [case])
    right = dict(_digests(tmp_path))
    (folder / "input/env/old/deep").mkdir(parents=True)
    (folder / "input/env/old/deep/file.py").write_text("")
    (folder / "expect.json").write_text("{}")
    write(tmp_path, [case])
    assert (right, False) == (dict(_digests(tmp_path)), (folder / "input/env/old").exists())


def test_one_identifier_twice() -> None:
    """A case whose identifier is taken is refused."""
    with pytest.raises(ValueError, match="is there already"):
        register(CASES[0])


LEFT_BEHIND = [
    ("L17", "tests.corpus.judge_locks.load_lock", "lib/python3.14/site-packages/left.py"),
    ("P06", "tests.corpus.judge_locks.load_lock", "store/wheels/left.whl"),
    ("L30", "tests.corpus.judge_locks.replay", "store/blob"),
    ("K16", "tests.corpus.judge_links.load_lock", "store/blob"),
    ("K21", "tests.corpus.judge_locks.replay", "lib/python3.14/site-packages/left.py"),
    ("L39", "tests.corpus.judge_locks.replay", "lib/python3.14/json/__init__.py"),
    ("W02", "tests.corpus.judge_wheels.replayed", "spread/lib/python3.14/site-packages/left.py"),
    ("W59", "tests.corpus.judge_wheels.replayed", "pyodide/lib/python3.14/json/__init__.py"),
    ("W54", "tests.corpus.judge_wheels.replayed", "pyodide/store/blob"),
    ("R01", "tests.corpus.judge_records.freeze", "env/store/blob"),
    ("R16", "tests.corpus.judge_records.freeze", "env/lib/python3.14/site-packages/pack-1.0.dist-info/INSTALLER"),
    ("R17", "tests.corpus.judge_records.freeze_located", "env/lib/python3.14/site-packages/left.py"),
    ("R12b", "tests.corpus.judge_records.replay", "pyodide/home/victim.txt"),
]


@pytest.mark.parametrize(("case_id", "place", "left"), LEFT_BEHIND, ids=[f"{one[0]}-{one[2]}" for one in LEFT_BEHIND])
def test_what_is_left_behind_is_seen(
    case_id: str, place: str, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that says what it should and leaves one file new or changed is found out, whatever it refuses."""
    module, _, name = place.rpartition(".")
    told, times = getattr(import_module(module), name), count()

    def leave() -> None:
        path = tmp_path / "work" / left
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another text each time: a replay also sets some of the environments up.
        path.write_text(f"left behind {next(times)}")

    async def untidy(*arguments: Any, **options: Any) -> Any:
        try:
            return await told(*arguments, **options)
        finally:
            leave()

    def untidy_freeze(*arguments: Any, **options: Any) -> Any:
        leave()
        return told(*arguments, **options)

    monkeypatch.setattr(place, untidy_freeze if name == "freeze" else untidy)
    (case,) = (case for case in CASES if case.id == case_id)
    (folder,) = write(tmp_path / "corpus", [case])
    expect, got = judged(folder, tmp_path / "work")
    assert "state" in got.differences(expect)


@pytest.mark.parametrize(
    ("case_id", "change"),
    [
        ("L17", {"code": "no-hashes"}),
        ("L17", {"error": "LockSchemaError"}),
        ("L17", {"state": "S1"}),
        ("L04", {"verdict": "warn"}),
        ("P06", {"code": "weak-hash"}),
        ("K09", {"code": "encoding"}),
        ("W02", {"state": "S0"}),
        ("W37", {"code": "pth-file"}),
        ("R01", {"code": "no-records"}),
        ("R01", {"says": ["what nobody says"]}),
        ("R07", {"secret": "evil.example"}),
        ("R10", {"code": "dirty-changed,dirty-missing"}),
        ("R15", {"mocks": []}),
        ("R16", {"locked": {}}),
        ("R16", {"state": "S1"}),
        ("R20", {"verdict": "accept"}),
    ],
)
def test_the_table_exits_1_when_one_differs(
    case_id: str,
    change: dict[str, object],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``make corpus`` says which case does not come out as its folder says, and fails; as it is, it does not."""
    assert 0 == main([case_id])
    monkeypatch.setattr(corpus_table, "write", lambda directory, cases: _altered(write(directory, cases), change))
    capsys.readouterr()
    assert (1, True) == (main([case_id]), "  DIFFERS: " in capsys.readouterr().out)


def test_the_table_of_no_case(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for what there is not, the table says so and does not pass."""
    assert (2, "no case begins with X99\n") == (main(["X99"]), capsys.readouterr().err)


def test_every_case_of_the_catalogue_is_there() -> None:
    """Forty locks, twenty pylocks, 21 links, twenty records, 54 wheels (there is no W43); variants and more besides.

    K22 to K24 are of a page.
    """
    numbers = {"L": 40, "P": 20, "K": 21, "R": 20, "W": 55}
    catalogue = {letter: {*range(1, last + 1)} - {43 * (letter == "W")} for letter, last in numbers.items()}
    wanted = {f"{letter}{number:02}" for letter, numbers in catalogue.items() for number in numbers}
    assert set() == wanted - {case.id for case in CASES}


def _altered(folders: list[Path], change: dict[str, object]) -> list[Path]:
    for folder in folders:
        expect = json.loads((folder / "expect.json").read_text("utf-8"))
        (folder / "expect.json").write_text(json.dumps(expect | change), "utf-8")
    return folders


def test_a_difference_is_seen() -> None:
    """A result that is not the expected one is told, fact by fact."""
    expect = {"verdict": "reject", "error": "WheelPathError", "code": "escapes", "state": "S1"}
    assert {"code": ("escapes", "symlink"), "state": ("S1", "S0")} == Got(
        verdict="reject", error="WheelPathError", code="symlink"
    ).differences(expect)


@pytest.mark.parametrize("change", ["new", "gone", "content", "mode", "link"])
def test_a_change_is_seen(change: str, tmp_path: Path) -> None:
    """A file that comes, goes or changes in content, mode or kind is a change of state."""
    (tmp_path / "d").mkdir()
    victim = tmp_path / "d" / "x"
    victim.write_text("x")
    before = tree_state(tmp_path)
    match change:
        case "new":
            (tmp_path / "d" / "y").mkdir()
        case "gone":
            victim.unlink()
        case "content":
            victim.write_text("y")
        case "mode":
            victim.chmod(0o755)
        case _:
            victim.unlink()
            victim.symlink_to("elsewhere")
    assert state_after(before, tree_state(tmp_path), 1) == f"changed: d/{'y' if change == 'new' else 'x'}"


@pytest.mark.parametrize(("requests", "expected"), [(0, "S0"), (1, "S1")])
def test_states(requests: int, expected: str, tmp_path: Path) -> None:
    """Nothing changed is S1, and S0 when nothing was asked of the network either."""
    assert expected == state_after(tree_state(tmp_path), tree_state(tmp_path), requests)


def _digests(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.rglob("*.*")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()


def _times(root: Path) -> Iterator[tuple[str, int]]:
    for path in sorted(root.rglob("*.*")):
        yield path.relative_to(root).as_posix(), path.stat().st_mtime_ns
