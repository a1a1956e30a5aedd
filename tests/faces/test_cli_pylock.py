"""The command line with a pylock.toml in place of a pyodide-lock.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micropip_lock.cli import main
from micropip_lock.core.digest import Digest
from micropip_lock.testing import PackageIndex, wheel
from tests.pylocks import toml

type Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pylock(package_index: PackageIndex, tmp_path: Path) -> str:
    built = wheel("demo", "1.0", files={"demo.py": "X = 1\n"})
    package_index.add(built)
    package = {
        "name": "demo",
        "version": "1.0",
        "index": package_index.url,
        "wheels": [{"url": package_index.file_url(built.filename), "hashes": {"sha256": Digest.of(built.data).hex}}],
    }
    path = tmp_path / "pylock.toml"
    path.write_text(
        toml({"lock-version": "1.0", "created-by": "a test", "later": 1, "packages": [package]}), encoding="utf-8"
    )
    return str(path)


def test_replay_and_verify(pylock: str, tmp_path: Path, capsys: Capture) -> None:
    """A pylock.toml fills a directory, which then is what it says; what is odd about it is told."""
    site = tmp_path / "site"
    codes = [
        main(["replay", pylock, "--target", str(site), "-q"]),
        main(["verify", pylock, "--site", str(site), "-q"]),
        main(["diff", pylock, pylock, "-q"]),
        main(["replay", pylock, "--target", str(site)]),
    ]
    told = capsys.readouterr().err

    assert ([0, 0, 0, 0], "X = 1\n") == (codes, (site / "demo.py").read_text("utf-8"))
    assert "note: unknown-key: a field that this version does not know changes nothing: later" in told


def test_show_for_a_release(pylock: str, capsys: Capture) -> None:
    """It is shown for the release that is named, with its notes."""
    main(["show", pylock, "--pyodide", "0.29.5", "--json"])
    shown = json.loads(capsys.readouterr().out)

    assert ("2025_0", ["demo"], ["unknown-key"]) == (
        shown["abi"]["abi_version"],
        [package["name"] for package in shown["packages"]],
        [note["code"] for note in shown["notes"]],
    )


def test_all_faults_are_told(tmp_path: Path, capsys: Capture) -> None:
    """Every fault of a lock is told to people, and is in the JSON."""
    path = tmp_path / "x"
    path.write_text("lock-version = '1.0'\npackages = [{}, {name = 'A'}]\n", encoding="utf-8")
    code = main(["show", str(path), "--json"])
    told = capsys.readouterr()

    faults = [
        ("missing", "created-by"),
        ("missing", "packages[0].name"),
        ("missing", "packages[0]"),
        ("name", "packages[1].name"),
        ("missing", "packages[1]"),
    ]
    assert (2, faults) == (
        code,
        [(one["code"], one["where"]) for one in json.loads(told.out)["error"]["errors"]],
    )
    assert all(f"(in {where})" in told.err for _, where in faults[1:])
