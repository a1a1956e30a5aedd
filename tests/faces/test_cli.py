"""Tests of :mod:`micropip_lock.cli`: usage, errors, bugs, interrupts, streams, the program as a process."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.cli import VERBS, main, parser
from micropip_lock.core.model import Lock
from micropip_lock.errors import (
    HashMismatchError,
    MicropipLockError,
    ReplayCancelled,
)
from micropip_lock.testing import PackageIndex, Stall
from tests.faces.fakes import UNLOCKED, Capture, FakeFreeze, run_json


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
        (KeyboardInterrupt(), 130),
        (ReplayCancelled("cancelled"), 130),
        (asyncio.CancelledError(), 130),
        (RuntimeError("boom \x1b[2J"), 2),
        (OSError(40, "a file that nobody told about", "/nowhere"), 2),
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
    main(["show", lock_path, "--index-url", "https://index.example/simple"])
    assert "note: --index-url changes nothing here\n" == capsys.readouterr().err


def test_useless_options_are_told_of_a_failure(capsys: Capture) -> None:
    """What was ignored is told when the verb fails as well: it may be why."""
    main(["replay", "nowhere.json", "--target", "site", "--index-url", "https://index.example/simple"])
    lines = capsys.readouterr().err.splitlines()
    assert ["note: --index-url changes nothing here", "no-lock: the lock cannot be read"] == lines[:2]


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
