"""Every case of the corpus, run from its folder: refused or taken as it says, and the environment left as it says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus.generate.case import Case, all_cases, register
from tests.corpus.generate.writer import write
from tests.corpus.judging import Got, judged, state_after, tree_state

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


def test_one_identifier_twice() -> None:
    """A case whose identifier is taken is refused."""
    with pytest.raises(ValueError, match="is there already"):
        register(CASES[0])


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
