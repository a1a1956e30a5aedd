"""Tests of the command line: options, exit codes, streams, JSON; the real program wherever no Pyodide is needed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from packaging.utils import canonicalize_name

from micropip_lock import api
from micropip_lock.app.replay import PackageOutcome, ReplayReport
from micropip_lock.cli import main, parser
from micropip_lock.cli_verbs import VERBS, write_atomically
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.errors import (
    HashMismatchError,
    MicropipLockError,
    ReplayCancelled,
    StorageError,
    Unlockable,
    VerifyError,
)
from micropip_lock.testing import NotFound, PackageIndex, Stall, wheel

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})
UNLOCKED = Unlockable(name="mine", version="1", code="no-record", reason="nothing says where it is from")


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without index configuration, and without colours of its own."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.chdir(tmp_path)


def lock_of(index: PackageIndex, **facts: Any) -> Lock:
    """A lock of one wheel that an index holds."""
    url = index.file_url(SIX.filename)
    package = LockedPackage(
        name=canonicalize_name("six"),
        display_name="six",
        version="1.16.0",
        wheel=Wheel(url=url, digest=Digest.of(SIX.data), size=len(SIX.data)),
        imports=("six",),
        origin=Origin(kind="index", url=url, index=index.url),
        requested=True,
    )
    abi = Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2")
    return replace(Lock(abi=abi, packages=by_name([package])), **facts)


@pytest.fixture
def lock(package_index: PackageIndex) -> Lock:
    package_index.add(SIX)
    return lock_of(package_index)


@pytest.fixture
def lock_path(lock: Lock, tmp_path: Path) -> str:
    path = tmp_path / "pyodide-lock.json"
    path.write_text(lock.to_json(), encoding="utf-8")
    return str(path)


class FakeFreeze:
    """Stands for the Pyodide that freezes; keeps what it was asked."""

    def __init__(self, answer: Lock | BaseException) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, dict[str, Any]]] = []

    async def __call__(self, requirements: Any, **options: Any) -> Lock:
        self.asked.append((requirements, options))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def fake_freeze(monkeypatch: pytest.MonkeyPatch, lock: Lock) -> FakeFreeze:
    fake = FakeFreeze(lock)
    monkeypatch.setattr(api, "freeze_requirements", fake)
    return fake


Capture = pytest.CaptureFixture[str]


def run_json(capsys: Capture, *argv: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON on standard output, standard error."""
    code = main([*argv, "--json"])
    streams = capsys.readouterr()
    return code, json.loads(streams.out), streams.err


# freeze


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


# write_atomically


def test_write_keeps_permissions_and_links(tmp_path: Path) -> None:
    """An existing file keeps its permissions, a link stays a link, and nothing else is left behind."""
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert ("new", 0o640, True, ["link.json", "real.json"]) == (
        real.read_text(),
        stat.S_IMODE(real.stat().st_mode),
        link.is_symlink(),
        sorted(path.name for path in tmp_path.iterdir()),
    )


def test_write_new_file_permissions(tmp_path: Path) -> None:
    """A new file has the permissions that the user's mask gives any file."""
    (tmp_path / "other").write_text("")
    write_atomically(tmp_path / "new", b"")
    assert (tmp_path / "other").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_write_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, the old file is whole and no temporary one stays."""

    def full(handle: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    path = tmp_path / "lock.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as caught:
        write_atomically(path, b"new")
    assert ("not-written", "old", 1) == (caught.value.code, path.read_text(), len(list(tmp_path.iterdir())))


# replay


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
    """--concurrency and --force reach the replay."""
    asked: dict[str, Any] = {}

    async def fake(lock: Lock, target: Path, **options: Any) -> ReplayReport:
        asked.update(options, target=target)
        return ReplayReport(lock_id=lock.id, packages=())

    monkeypatch.setattr(api, "replay_into_directory", fake)
    code = main(["replay", lock_path, "--target", "site", "--concurrency", "3", "--force"])
    assert (
        0,
        {"concurrency": 3, "force": True, "offline": False, "progress": None, "target": Path("site")},
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


# verify, diff, show


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


# the frame: errors, bugs, interrupts, streams


@pytest.mark.parametrize(
    "argv",
    [[], ["frieze"], ["freeze", "--nonsense"], ["show"], ["freeze", "--js", "six"], ["freeze", "-q", "-v", "six"]],
)
def test_wrong_usage(capsys: Capture, argv: list[str]) -> None:
    """Wrong options are exit code 2, told with a hint, as text and as JSON."""
    code = main(argv)
    err = capsys.readouterr().err
    json_code, facts, _ = run_json(capsys, *argv)
    assert (2, True, 2, "usage", True) == (
        code,
        err.startswith("usage: ") and "hint: see micropip-lock" in err,
        json_code,
        facts["error"]["code"],
        facts["schema"].startswith("micropip-lock/") and facts["schema"].endswith("/1"),
    )


@pytest.mark.parametrize("argv", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)])
def test_help(capsys: Capture, argv: list[str]) -> None:
    """Help and version are data, and no failure."""
    assert (0, True, "") == (main(argv), *((streams := capsys.readouterr()).out != "", streams.err))


def test_every_verb_has_options() -> None:
    """The parser knows exactly the verbs that there are functions for, each with the common options."""
    actions = [action for action in parser()._actions if action.dest == "verb"]
    choices = dict(actions[0].choices or {})
    assert (set(VERBS), True) == (
        set(choices),
        all(
            {"--json", "--index-url", "--pyodide", "-q", "-v", "--color"} <= set(one._option_string_actions)
            for one in choices.values()
        ),
    )


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (HashMismatchError("not the wheel"), 2),
        (VerifyError("not what the lock says"), 1),
        (KeyboardInterrupt(), 130),
        (ReplayCancelled("cancelled"), 130),
        (asyncio.CancelledError(), 130),
        (RuntimeError("boom \x1b[2J"), 2),
    ],
)
def test_exit_codes_of_errors(capsys: Capture, fake_freeze: FakeFreeze, error: BaseException, exit_code: int) -> None:
    """Every way to fail has its exit code, one text for people, and JSON when asked for."""
    fake_freeze.answer = error
    code, facts, err = run_json(capsys, "freeze", "six")
    told = error.code if isinstance(error, MicropipLockError) else "internal" if exit_code == 2 else "interrupted"
    assert (exit_code, False, told, True, False) == (
        code,
        facts["ok"],
        facts["error"]["code"],
        err.startswith(f"{told}: "),
        "\x1b" in err or "Traceback" in err,
    )


def test_bug_with_traceback(capsys: Capture, fake_freeze: FakeFreeze) -> None:
    """With -v a bug is told with its traceback, and how to report it."""
    fake_freeze.answer = RuntimeError("boom")
    code = main(["freeze", "six", "-v"])
    err = capsys.readouterr().err
    assert (2, True, True) == (
        code,
        err.startswith("Traceback"),
        "internal: RuntimeError: boom\n  hint: this is a bug" in err,
    )


def test_escapes_of_a_lock_do_not_reach_the_terminal(capsys: Capture, lock: Lock, tmp_path: Path) -> None:
    """Names and reasons in a lock cannot act on the terminal, in a table or in an error."""
    evil = replace(UNLOCKED, name="\x1b[2Jevil", reason="\u202egnp")
    (tmp_path / "evil.json").write_text(replace(lock, unlocked=(evil,)).to_json())
    (tmp_path / "bad.json").write_text(json.dumps({"info": {}, "packages": {"\x1b[2J\u202e": 3}}))
    for argv in (["show", "evil.json"], ["show", "bad.json"], ["show", "\x1b[2J\u202e"]):
        main(argv)
    shown = "".join(capsys.readouterr())
    assert (True, []) == ("evil" in shown, [one for one in "\x1b\u202e" if one in shown])


def test_json_is_ascii(capsys: Capture, lock: Lock, tmp_path: Path) -> None:
    """JSON spells everything that is not ASCII, so that it cannot act on a terminal either."""
    evil = replace(UNLOCKED, name="\x1b[2J\x9b\u202eevil")
    (tmp_path / "evil.json").write_text(replace(lock, unlocked=(evil,)).to_json())
    main(["show", "evil.json", "--json"])
    out = capsys.readouterr().out
    assert (True, []) == (out.isascii(), [one for one in out if ord(one) < 32 and one != "\n"])


def test_colour(capsys: Capture, lock_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """--color always colours although it is no terminal, also errors about the options; auto does not."""
    main(["show", lock_path, "--color", "always"])
    always = capsys.readouterr().out
    main(["show", "--color=always"])
    usage = capsys.readouterr().err
    main(["show", lock_path])
    auto = capsys.readouterr().out
    assert (True, True, False) == ("\x1b[1m" in always, usage.startswith("\x1b[31musage"), "\x1b" in auto)


def test_useless_options_are_told(capsys: Capture, lock_path: str) -> None:
    """A common option that changes nothing is told instead of ignored in silence."""
    main(["show", lock_path, "--index-url", "https://index.example/simple", "--pyodide", "314"])
    assert "note: --index-url changes nothing here\nnote: --pyodide changes nothing here\n" == capsys.readouterr().err


class Terminal(io.StringIO):
    """A terminal that keeps what is drawn on it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("more", "drawn"), [([], True), (["-q"], False)])
def test_progress_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, lock_path: str, more: list[str], drawn: bool
) -> None:
    """On a terminal progress is drawn and wiped; with -q it is not."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    code = main(["replay", lock_path, "--target", "site", "--color", "never", *more])
    assert (0, drawn) == (code, "\rplan" in terminal.getvalue())


# the program as a process


def process(*argv: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "micropip_lock", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_module(lock_path: str, lock: Lock) -> None:
    """``python -m micropip_lock`` is the command, and its data is UTF-8 in any locale."""
    with process("show", lock_path, env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}) as running:
        out, err = running.communicate(timeout=60)
    assert (0, True, b"") == (running.returncode, lock.id.encode() in out, err)


def test_interrupt(package_index: PackageIndex, lock_path: str, tmp_path: Path) -> None:
    """Ctrl-C during a replay ends it at once with 130 and one line, and the directory is as it was."""
    package_index.fault("*.whl", Stall())
    with process("replay", lock_path, "--target", "site") as running:
        deadline = time.monotonic() + 30
        while not package_index.log.requests() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        took = time.monotonic() - began
    assert (130, b"", b"interrupted: stopped by the user\n", True, False) == (
        running.returncode,
        out,
        err,
        took < 2,
        (tmp_path / "site").exists(),
    )


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_broken_pipe(lock: Lock, tmp_path: Path, more: list[str]) -> None:
    """When the reader of our output goes away, nothing is complained about."""
    items = tuple(replace(UNLOCKED, name=f"mine{number}", reason="why " * 500) for number in range(1000))
    (tmp_path / "many.json").write_text(replace(lock, unlocked=items).to_json())
    with process("show", "many.json", *more) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        err = running.stderr.read()
    assert (b"", 2) == (err, running.returncode)
