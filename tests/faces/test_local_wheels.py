"""Wheels from local files through the command and ``save``; real but for what needs a Pyodide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from micropip_lock import api
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.cli import main
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.local_wheel import local_file_name, local_origin
from micropip_lock.core.model import Lock, Wheel, by_name
from tests.faces.fakes import SIX, Capture, FakeFreeze, run_json

DIGEST = Digest.of(SIX.data)
NAME = local_file_name(DIGEST, SIX.filename)


@pytest.fixture
def local_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lock: Lock) -> Lock:
    """A lock of a wheel that only this machine has, and keeps."""
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path / "cache"))
    KeptWheels(tmp_path / "cache").put(admit(SIX.data, DIGEST, filename=SIX.filename))
    package = replace(
        lock.packages["six"],
        wheel=Wheel(url=NAME, digest=DIGEST, size=SIX.size),
        origin=local_origin(SIX.filename),
    )
    return replace(lock, packages=by_name([package]))


def test_freeze_writes_the_wheel_beside_the_lock(
    capsys: Capture, fake_freeze: FakeFreeze, local_lock: Lock, tmp_path: Path
) -> None:
    """With -o the wheel lies where the lock says, people and --json are told, and verify finds nothing."""
    fake_freeze.answer = local_lock
    code, facts, err = run_json(capsys, "freeze", "six", "-o", "out.json")
    assert (0, [NAME], SIX.data, True, local_lock.to_json()) == (
        code,
        facts["wheels"],
        (tmp_path / NAME).read_bytes(),
        "wrote out.json and 1 wheel beside it" in err,
        (tmp_path / "out.json").read_text(),
    )


@pytest.mark.parametrize("options", [[], ["-o", "-"], ["--json"]])
def test_standard_output_cannot_carry_it(
    capsys: Capture, fake_freeze: FakeFreeze, local_lock: Lock, options: list[str]
) -> None:
    """Without a file to write beside, the freeze is refused with the option that helps."""
    fake_freeze.answer = local_lock
    code = main(["freeze", "six", *options])
    streams = capsys.readouterr()
    assert (2, True, True, False) == (
        code,
        "local-wheels" in streams.err,
        "-o FILE" in streams.err,
        NAME in streams.out,
    )


async def test_save_and_replay(local_lock: Lock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``save`` wrote is replayed by its path on a machine that keeps nothing; the wheel is kept there then."""
    saved = await api.save(local_lock, tmp_path / "new" / "lock.json")
    monkeypatch.setenv("MICROPIP_LOCK_CACHE", str(tmp_path / "elsewhere"))
    report = await api.replay(tmp_path / "new" / "lock.json", target=tmp_path / "site")
    kept = KeptWheels(tmp_path / "elsewhere").get(DIGEST, SIX.filename)
    assert ((NAME,), 1, SIX.data) == (saved.wheels, report.count("installed"), kept and kept.data)


async def test_replay_without_saving(local_lock: Lock, tmp_path: Path) -> None:
    """A lock that was frozen here, and its text, are replayed here from what is kept."""
    one = await api.replay(local_lock, target=tmp_path / "one")
    two = await api.replay(local_lock.to_json(), target=tmp_path / "two")
    assert (1, 1) == (one.count("installed"), two.count("installed"))


def test_a_lock_that_came_without_its_wheels(capsys: Capture, local_lock: Lock, tmp_path: Path) -> None:
    """Whoever copied the lock alone is told where its wheels are."""
    (tmp_path / "alone.json").write_text(local_lock.to_json(), "utf-8")
    code, facts, _ = run_json(capsys, "replay", str(tmp_path / "alone.json"), "--target", str(tmp_path / "site"))
    told = facts["error"]
    assert (2, "not-found", True) == (code, told["code"], "folder wheels beside it" in told["hint"])
