"""Tests of :mod:`micropip_lock.cli_verbs` through the command; real but for what needs a Pyodide."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import api
from micropip_lock.app.replay import PackageOutcome, ReplayReport
from micropip_lock.cli import main
from micropip_lock.core.model import Lock
from micropip_lock.core.policy import Policy
from micropip_lock.testing import NotFound, PackageIndex
from tests.faces.fakes import SIX, UNLOCKED, Capture, FakeFreeze, run_json


def test_freeze_prints_the_lock(capsys: Capture, fake_freeze: FakeFreeze, lock: Lock) -> None:
    """Without -o the lock, and nothing else, is on standard output."""
    code = main(["freeze", "six"])
    streams = capsys.readouterr()
    assert (0, lock.to_json(), "") == (code, streams.out, streams.err)


def test_freeze_passes_its_options(fake_freeze: FakeFreeze, tmp_path: Path) -> None:
    """Requirements, constraints, indexes, the Pyodide and strictness reach the Pyodide."""
    (tmp_path / "r.txt").write_text("rich>=13\n-c c.txt\n")
    (tmp_path / "c.txt").write_text("rich<14\n")
    urls = ["--index-url", "https://index.example/a", "--index-url", "https://index.example/b"]
    main(["freeze", "six", "-r", "r.txt", *urls, "--pyodide", "314.0.7", "--no-strict", "--pre"])
    assert [
        (
            ["six", "rich>=13"],
            {
                "index_urls": ("https://index.example/a", "https://index.example/b"),
                "pyodide": "314.0.7",
                "strict": False,
                "constraints": ("rich<14",),
                "pre": True,
                "progress": None,
                "policy": Policy(),
            },
        )
    ] == fake_freeze.asked


def test_freeze_index_of_a_file(capsys: Capture, fake_freeze: FakeFreeze, tmp_path: Path) -> None:
    """The --index-url of a requirements file counts, unless the command line has one, and then that is said."""
    (tmp_path / "r.txt").write_text("six\n-i https://index.example/file\n")
    main(["freeze", "-r", "r.txt"])
    main(["freeze", "-r", "r.txt", "--index-url", "https://index.example/line"])
    assert (["https://index.example/file", "https://index.example/line"], True) == (
        [options["index_urls"][0] for _, options in fake_freeze.asked],
        "overrides" in capsys.readouterr().err,
    )


def test_freeze_writes_a_file(capsys: Capture, fake_freeze: FakeFreeze, lock: Lock, tmp_path: Path) -> None:
    """With -o the lock is in the file, standard output is empty and people see a table."""
    code = main(["freeze", "six", "-o", "out.json"])
    streams = capsys.readouterr()
    assert (0, lock.to_json(), "", True, True) == (
        code,
        (tmp_path / "out.json").read_text(encoding="utf-8"),
        streams.out,
        "six      1.16.0" in streams.err,
        lock.id in streams.err,
    )


def test_freeze_quiet(capsys: Capture, fake_freeze: FakeFreeze) -> None:
    """With -q people are told nothing."""
    main(["freeze", "six", "-o", "out.json", "-q"])
    assert ("", "") == tuple(capsys.readouterr())


def test_freeze_tells_what_is_not_locked(capsys: Capture, fake_freeze: FakeFreeze, lock: Lock) -> None:
    """What --no-strict leaves out is told to people, beside the lock on standard output."""
    fake_freeze.answer = replace(lock, unlocked=(UNLOCKED,))
    main(["freeze", "six", "--no-strict"])
    assert "not locked: mine 1: no-record: nothing says where it is from\n" == capsys.readouterr().err


def test_freeze_json(capsys: Capture, fake_freeze: FakeFreeze, lock: Lock) -> None:
    """With --json the lock is in the object."""
    expected = {
        "schema": "micropip-lock/freeze/1",
        "ok": True,
        "id": lock.id,
        "output": None,
        "wheels": [],
        "notes": [],
        "lock": lock.to_dict(),
    }
    assert (0, expected, "") == run_json(capsys, "freeze", "six")


@pytest.mark.parametrize(
    "argv",
    [
        ["freeze"],
        ["freeze", "six", "-o", "."],
        ["freeze", "six", "-o", "missing/x"],
        ["freeze", "six", "-o", "/dev/null"],
    ],
)
def test_freeze_is_refused_before_the_work(capsys: Capture, fake_freeze: FakeFreeze, argv: list[str]) -> None:
    """What cannot end well is refused before a Pyodide starts."""
    assert (2, "usage", []) == (
        (outcome := run_json(capsys, *argv))[0],
        outcome[1]["error"]["code"],
        fake_freeze.asked,
    )


def test_replay_into_a_directory(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """A replay fills the directory, exits 0 and tells people what it did."""
    code = main(["replay", lock_path, "--target", "site"])
    streams = capsys.readouterr()
    assert (0, "PY3 = True\n", "", True) == (
        code,
        (tmp_path / "site" / "six.py").read_text(),
        streams.out,
        "1 installed" in streams.err,
    )


def test_replay_json(capsys: Capture, lock_path: str, lock: Lock) -> None:
    """With --json the report is in the object."""
    code, facts, err = run_json(capsys, "replay", lock_path, "--target", "site")
    assert (0, "micropip-lock/replay/1", True, "site", lock.id, "installed", False) == (
        code,
        facts["schema"],
        facts["ok"],
        facts["target"],
        facts["report"]["lock_id"],
        facts["report"]["packages"][0]["outcome"],
        "{" in err,
    )


def test_replay_failure(capsys: Capture, lock_path: str, package_index: PackageIndex, tmp_path: Path) -> None:
    """A replay that fails exits 2, changes nothing, and tells the error and every package's outcome."""
    package_index.fault("*.whl", NotFound())
    code, facts, err = run_json(capsys, "replay", lock_path, "--target", "site")
    assert (2, False, "not-found", "failed", True, False) == (
        code,
        facts["ok"],
        facts["error"]["code"],
        facts["report"]["packages"][0]["outcome"],
        "failed" in err and "not-found: " in err,
        (tmp_path / "site").exists(),
    )


def test_replay_offline(capsys: Capture, lock_path: str, package_index: PackageIndex) -> None:
    """--offline sends nothing and fails when something is missing."""
    code, facts, _ = run_json(capsys, "replay", lock_path, "--target", "site", "--offline")
    assert (2, "offline", 0) == (code, facts["error"]["code"], len(package_index.log.requests()))


def test_replay_concurrency(monkeypatch: pytest.MonkeyPatch, lock_path: str) -> None:
    """--concurrency, --force, --exact, --mirror and --bundle reach the replay."""
    asked: dict[str, Any] = {}

    async def fake(lock: Lock, target: Path, **options: Any) -> ReplayReport:
        asked.update(options, target=target)
        return ReplayReport(lock_id=lock.id, packages=())

    monkeypatch.setattr(api, "replay_into_directory", fake)
    more = ["--mirror", "https://a.example/", "--mirror", "https://b.example/", "--bundle", "here"]
    code = main(["replay", lock_path, "--target", "site", "--concurrency", "3", "--force", "--exact", *more])
    assert (
        0,
        {
            "bundle": "here",
            "concurrency": 3,
            "force": True,
            "exact": True,
            "mirrors": ["https://a.example/", "https://b.example/"],
            "offline": False,
            "policy": Policy(),
            "progress": None,
            "store": True,
            "target": Path("site"),
        },
    ) == (code, asked)


@pytest.fixture
def fake_pyodide(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Makes replays into a Pyodide end in some way, without one."""

    def make(error: str | None) -> None:
        async def fake(lock: Lock, **options: Any) -> api.EmbeddedRun:
            outcome = PackageOutcome(name="six", version="1.16.0", outcome="installed")
            report = ReplayReport(lock_id=lock.id, packages=(outcome,))
            said = f"{options['code']} in {options['pyodide']}\n"
            return api.EmbeddedRun(report=report, stdout=said, stderr="warned\n", error=error, tree={})

        monkeypatch.setattr(api, "replay_in_pyodide", fake)

    return make


def test_replay_in_pyodide(capsys: Capture, lock_path: str, fake_pyodide: Callable[[str | None], None]) -> None:
    """What the code prints goes to the streams it printed to."""
    fake_pyodide(None)
    code = main(["replay", lock_path, "--in-pyodide", "-c", "import six", "--pyodide", "0.29.5", "-q"])
    assert (0, "import six in 0.29.5\n", "warned\n") == (code, *capsys.readouterr())


def test_replay_in_pyodide_code_fails(
    capsys: Capture, lock_path: str, fake_pyodide: Callable[[str | None], None]
) -> None:
    """Code that fails is exit code 2 and its traceback, also with -q and in JSON."""
    fake_pyodide("Traceback\nValueError: x")
    code = main(["replay", lock_path, "--in-pyodide", "-c", "x", "-q"])
    err = capsys.readouterr().err
    json_code, facts, _ = run_json(capsys, "replay", lock_path, "--in-pyodide", "-c", "x")
    assert (2, "warned\nTraceback\nValueError: x\n", 2, False, "Traceback\nValueError: x") == (
        code,
        err,
        json_code,
        facts["ok"],
        facts["run"]["error"],
    )


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--target", "x", "--in-pyodide"],
        ["--target", "x", "-c", "pass"],
        ["--in-pyodide", "--offline"],
        ["--in-pyodide", "--force"],
        ["--target", "x", "--concurrency", "0"],
        ["--target", "x", "--concurrency", "many"],
    ],
)
def test_replay_usage(capsys: Capture, lock_path: str, options: list[str]) -> None:
    """Options of a replay that contradict each other are wrong usage."""
    code, facts, _ = run_json(capsys, "replay", lock_path, *options)
    assert (2, "usage") == (code, facts["error"]["code"])


def test_verify(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """A directory that is what the lock says verifies with 0; one with a changed file with 1 and the finding."""
    main(["replay", lock_path, "--target", "site", "-q"])
    good = main(["verify", lock_path, "--site", "site"])
    (tmp_path / "site" / "six.py").write_text("PY3 = False\n")
    bad = main(["verify", lock_path, "--site", "site"])
    out = capsys.readouterr().out
    code, facts, _ = run_json(capsys, "verify", lock_path, "--site", "site")
    assert (0, 1, True, 1, False, "file-changed") == (
        good,
        bad,
        "file-changed" in out,
        code,
        facts["ok"],
        facts["reports"]["site"]["findings"][0]["code"],
    )


def test_verify_wheels(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """Wheels in a directory are verified by their digest; site and wheels may be asked for together."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / SIX.filename).write_bytes(SIX.data)
    good = main(["verify", lock_path, "--wheels", "wheels"])
    (tmp_path / "site").mkdir()
    code, facts, _ = run_json_after(capsys, "verify", lock_path, "--wheels", "wheels", "--site", "site")
    assert (0, 1, [True, False]) == (good, code, [facts["reports"][name]["ok"] for name in ("wheels", "site")])


@pytest.mark.parametrize("root", [".", "wheels"])
def test_verify_wheels_where_save_puts_them(lock_path: str, tmp_path: Path, root: str) -> None:
    """The wheels beside a saved lock are found by the lock's folder and by their own."""
    place = tmp_path / "wheels" / SIX.sha256 / SIX.filename
    place.parent.mkdir(parents=True)
    place.write_bytes(SIX.data)
    assert 0 == main(["verify", lock_path, "--wheels", root])


def test_verify_what_nobody_recorded(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """What was unpacked by hand is not proven, 1; the wheel at hand proves it, 0; a virtual environment will do."""
    inside = tmp_path / "venv" / "lib" / "python3.14" / "site-packages"
    with zipfile.ZipFile(io.BytesIO(SIX.data)) as archive:
        archive.extractall(inside)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / SIX.filename).write_bytes(SIX.data)
    alone, facts, _ = run_json(capsys, "verify", lock_path, "--site", "venv")
    proven = main(["verify", lock_path, "--site", "venv", "--wheels", "wheels"])
    (finding,) = facts["reports"]["site"]["findings"]
    assert (1, "no-record", "error", 0) == (alone, finding["code"], finding["severity"], proven)


def test_verify_tells_what_was_added(capsys: Capture, lock_path: str, tmp_path: Path) -> None:
    """A module in the place of a locked one is an error, 1; a module of nobody is a note, 0."""
    main(["replay", lock_path, "--target", "site", "-q"])
    (tmp_path / "site" / "mine.py").write_text("")
    noted = main(["verify", lock_path, "--site", "site"])
    (tmp_path / "site" / "six").mkdir()
    (tmp_path / "site" / "six" / "__init__.py").write_text("")
    hidden = main(["verify", lock_path, "--site", "site"])
    lines = capsys.readouterr().out
    assert (0, 1, True, True) == (noted, hidden, "unowned-module" in lines, "shadowed" in lines)


def run_json_after(capsys: Capture, *argv: str) -> tuple[int, dict[str, Any], str]:
    """As :func:`run_json`, without what was printed before."""
    capsys.readouterr()
    return run_json(capsys, *argv)


@pytest.mark.parametrize("options", [[], ["--site", "missing"], ["--wheels", "missing"]])
def test_verify_usage(capsys: Capture, lock_path: str, options: list[str]) -> None:
    """A verification of nothing, or of a directory that is not there, is wrong usage."""
    code, facts, _ = run_json(capsys, "verify", lock_path, *options)
    assert (2, "UsageError") == (code, facts["error"]["error"])


def test_diff(capsys: Capture, lock: Lock, lock_path: str, tmp_path: Path) -> None:
    """The same lock differs in nothing, 0; another one in what it lacks, 1."""
    empty = replace(lock, packages={})
    (tmp_path / "empty.json").write_text(empty.to_json())
    same = main(["diff", lock_path, lock_path])
    other = main(["diff", lock_path, "empty.json"])
    out = capsys.readouterr().out
    code, facts, _ = run_json(capsys, "diff", "empty.json", lock_path)
    assert (0, 1, True, True, 1, "six") == (
        same,
        other,
        out.startswith("no differences\n"),
        "\n- six 1.16.0" in out,
        code,
        facts["diff"]["added"][0]["name"],
    )


def test_show(capsys: Capture, lock: Lock, lock_path: str) -> None:
    """A lock is shown as a table on standard output, or as JSON."""
    code = main(["show", lock_path])
    out = capsys.readouterr().out
    _, facts, _ = run_json(capsys, "show", lock_path)
    assert (0, True, lock.id, ["six"], len(SIX.data)) == (
        code,
        out.endswith(f"lock {lock.id}\n"),
        facts["id"],
        [package["name"] for package in facts["packages"]],
        facts["size"],
    )


def test_lock_from_url(capsys: Capture, lock: Lock, package_index: PackageIndex, lock_path: str) -> None:
    """A lock may be a URL."""
    package_index.mount("/locks", Path(lock_path).parent)
    assert (0, True) == (
        main(["show", f"{package_index.origin}/locks/pyodide-lock.json"]),
        lock.id in capsys.readouterr().out,
    )


def test_lock_from_standard_input(capsys: Capture, lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock may come from standard input, but only one of two."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lock.to_json().encode())))
    shown = main(["show", "-"])
    assert (0, True, 2) == (shown, lock.id in capsys.readouterr().out, main(["diff", "-", "-"]))


@pytest.mark.parametrize(
    ("content", "code"), [(None, "no-lock"), ("<html>", "not-json"), ('{"packages": []}', "missing"), ("", "empty")]
)
def test_bad_lock(capsys: Capture, tmp_path: Path, content: str | None, code: str) -> None:
    """A lock that cannot be read is exit code 2 and its own code."""
    if content is not None:
        (tmp_path / "bad.json").write_text(content)
    exit_code, facts, err = run_json(capsys, "show", "bad.json")
    assert (exit_code, facts["error"]["code"], f"{code}: " in err) == (2, code, True)
