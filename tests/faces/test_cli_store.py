"""Tests of ``micropip-lock store`` and of replays with it: a real index, real directories, the real command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import store, wiring
from micropip_lock.cli import main
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.model import Lock
from micropip_lock.errors import UsageError
from micropip_lock.testing import PackageIndex, wheel
from tests.faces.fakes import SIX, Capture, run_json

RICH = wheel("rich", "15.0", files={"rich/__init__.py": "#" * 3000})
DAY = 86_400


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A store of this test's own, in use."""
    monkeypatch.delenv("MICROPIP_LOCK_STORE")
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def stored(cache: Path, data: bytes) -> Path:
    digest = Digest.of(data).hex
    return cache / "store" / "wheels" / digest[:2] / digest


@pytest.fixture
def rich(cache: Path) -> Path:
    """A wheel that no lock here names, not used for 100 days."""
    path = stored(cache, RICH.data)
    path.parent.mkdir(parents=True)
    path.write_bytes(RICH.data)
    old = path.stat().st_mtime - 100 * DAY
    os.utime(path, (old, old))
    return path


def titles(answer: dict[str, Any], key: str) -> list[str]:
    return [one["title"] for one in answer[key]]


def test_the_second_replay_sends_nothing(capsys: Capture, lock_path: str, package_index: PackageIndex) -> None:
    """What one replay fetched the next one takes from the store, also without a network, and says so."""
    main(["replay", lock_path, "--target", "one"])
    before = len(package_index.log.requests())
    answers = [
        run_json(capsys, "replay", lock_path, "--target", "two"),
        run_json(capsys, "replay", lock_path, "--target", "three", "--offline"),
    ]
    reports = [facts["report"] for _, facts, _ in answers]
    assert (1, [0, 0], [0, 0], before) == (
        before,
        [code for code, *_ in answers],
        [report["requests"] for report in reports],
        len(package_index.log.requests()),
    )
    assert ["from the store, sha256 and every file checked"] * 2 == [
        report["packages"][0]["reason"] for report in reports
    ]
    assert Path("one/six.py").read_bytes() == Path("two/six.py").read_bytes() == Path("three/six.py").read_bytes()


@pytest.mark.parametrize("how", ["option", "environment"])
def test_turned_off(
    lock_path: str, package_index: PackageIndex, cache: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """--no-store, and MICROPIP_LOCK_STORE=off, neither use nor fill the store."""
    more = ["--no-store"] if how == "option" else []
    if how == "environment":
        monkeypatch.setenv("MICROPIP_LOCK_STORE", "off")
    codes = [main(["replay", lock_path, "--target", target, *more]) for target in ("one", "two")]
    assert ([0, 0], 2, False) == (codes, len(package_index.log.requests()), (cache / "store").exists())


def test_ls(capsys: Capture, lock_path: str, rich: Path) -> None:
    """Each wheel is a line with its name, sizes, last use and whole digest; how many and where is said beside."""
    main(["replay", lock_path, "--target", "one", "-q"])
    capsys.readouterr()
    code = main(["store", "ls"])
    streams = capsys.readouterr()
    head, *rows = [line.split() for line in streams.out.splitlines()]
    assert (0, ["wheel", "size", "beside", "it", "last", "used", "sha256"]) == (code, head)
    assert [["rich", "15.0", RICH.sha256], ["six", "1.16.0", SIX.sha256]] == [[*row[:2], row[-1]] for row in rows]
    assert (True, True) == (streams.err.startswith("2 wheels, "), str(rich.parents[2]) in streams.err)


def test_ls_of_nothing(capsys: Capture, cache: Path) -> None:
    """A store that was never used is empty, and is not made."""
    code, facts, err = run_json(capsys, "store", "ls")
    assert (0, "micropip-lock/store/1", True, "ls", [], 0, False) == (
        code,
        facts["schema"],
        facts["ok"],
        facts["action"],
        facts["wheels"],
        facts["size"],
        (cache / "store").exists(),
    )
    assert err.startswith("0 wheels, ")


def test_names_in_a_wheel_are_shown_safely(capsys: Capture, cache: Path) -> None:
    """What a stored file calls itself cannot act on a terminal: a name with other characters is no name."""
    bad = wheel("six", "1.0", files={"\x1b[31mx-1.dist-info/METADATA": ""})
    path = stored(cache, bad.data)
    path.parent.mkdir(parents=True)
    path.write_bytes(bad.data)
    main(["store", "ls"])
    assert "\x1b" not in capsys.readouterr().out


def test_verify(capsys: Capture, lock_path: str, rich: Path) -> None:
    """A damaged wheel is a finding and stays; when a replay wants one, it fetches it again and all is well."""
    main(["replay", lock_path, "--target", "one", "-q"])
    well = run_json(capsys, "store", "verify")
    rich.write_bytes(RICH.data[:-1])
    code, facts, _ = run_json(capsys, "store", "verify")
    text = main(["store", "verify"]), capsys.readouterr().out
    assert ((0, 2, []), (1, 1, [RICH.sha256]), True) == (
        (well[0], well[1]["intact"], well[1]["damaged"]),
        (code, facts["intact"], [one["sha256"] for one in facts["damaged"]]),
        rich.exists(),
    )
    assert (1, True) == (text[0], text[1].endswith(f"{RICH.sha256}\n1 intact, 1 damaged\n"))


def test_a_flipped_bit_is_fetched_again(
    capsys: Capture, lock_path: str, package_index: PackageIndex, cache: Path
) -> None:
    """A bit that flipped in the store costs one request, and is mended."""
    main(["replay", lock_path, "--target", "one", "-q"])
    path = stored(cache, SIX.data)
    data = bytearray(path.read_bytes())
    data[20] ^= 2
    path.write_bytes(data)
    code, facts, _ = run_json(capsys, "replay", lock_path, "--target", "two")
    assert (0, 1, 2, SIX.data) == (
        code,
        facts["report"]["requests"],
        len(package_index.log.requests()),
        path.read_bytes(),
    )


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ([], ["rich 15.0"]),
        (["--older-than", "200"], []),
        (["--older-than", "99"], ["rich 15.0"]),
        (["--max-size", "1GB"], []),
        (["--max-size", "1k"], ["rich 15.0"]),
        (["--max-size", "0"], ["rich 15.0", "six 1.16.0"]),
        (["--max-size", "0", "--keep", "LOCK"], ["rich 15.0"]),
        (["--keep", "LOCK"], ["rich 15.0"]),
    ],
)
def test_gc(capsys: Capture, lock_path: str, cache: Path, rich: Path, options: list[str], gone: list[str]) -> None:
    """Wheels go by age, by size and by locks, first as a trial that touches nothing."""
    main(["replay", lock_path, "--target", "one", "-q"])
    given = [lock_path if one == "LOCK" else one for one in options]
    trial = run_json(capsys, "store", "gc", "--dry-run", *given)
    untouched = rich.exists(), stored(cache, SIX.data).exists()
    code, facts, _ = run_json(capsys, "store", "gc", *given)
    left = [title for title, path in (("rich 15.0", rich), ("six 1.16.0", stored(cache, SIX.data))) if path.exists()]
    assert ((0, gone), (True, True), (0, gone)) == (
        (trial[0], titles(trial[1], "removed")),
        untouched,
        (code, titles(facts, "removed")),
    )
    assert (["rich 15.0", "six 1.16.0"], 2 - len(gone)) == (sorted(left + gone), facts["left"])


def test_gc_leaves_local_wheels_alone(capsys: Capture, cache: Path, rich: Path) -> None:
    """Wheels from local files, which nobody could fetch again, are no part of the store."""
    keep = wiring.keep()
    keep.put(admit(SIX.data, Digest.of(SIX.data), filename=SIX.filename))
    code = main(["store", "gc", "--max-size", "0"])
    assert (0, False, True) == (code, rich.exists(), keep.get(Digest.of(SIX.data), SIX.filename) is not None)
    assert "1 went, 0 stay" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["store"],
        ["store", "rm"],
        ["store", "ls", "--max-size", "1k"],
        ["store", "verify", "--keep", "x.json"],
        ["store", "ls", "--dry-run"],
        ["store", "gc", "--older-than", "-1"],
        ["store", "gc", "--older-than", "1.5"],
        ["store", "gc", "--max-size", "many"],
        ["store", "gc", "--max-size", "٣"],
    ],
)
def test_usage(capsys: Capture, rich: Path, argv: list[str]) -> None:
    """Options that say nothing here are refused, and nothing goes."""
    code, facts, _ = run_json(capsys, *argv)
    assert (2, "usage", True) == (code, facts["error"]["code"], rich.exists())


def test_a_lock_to_keep_that_cannot_be_read(capsys: Capture, rich: Path) -> None:
    """When a lock to keep cannot be read, nothing goes."""
    code, _, _ = run_json(capsys, "store", "gc", "--keep", "absent.json", "--max-size", "0")
    assert (2, True) == (code, rich.exists())


async def test_from_python(lock: Lock, rich: Path) -> None:
    """The same from Python: values with a representation for pages, and locks as they are."""
    listed, verified = await store.ls(), await store.verify()
    gone = await store.gc(keep=[lock])
    assert (["rich 15.0"], True, 1, False) == (
        [one.title for one in listed.wheels],
        verified.ok,
        len(gone.removed),
        rich.exists(),
    )


async def test_in_pyodide(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel there is no directory to look after, and the error says who does it."""
    monkeypatch.setattr(wiring, "in_pyodide", lambda: True)
    with pytest.raises(UsageError) as caught:
        await store.ls()
    assert "no-store" == caught.value.code
