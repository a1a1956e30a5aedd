"""The verbs ``share`` and ``open``."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from micropip_lock.cli import main
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from tests.faces.fakes import Capture, run_json


def test_there_and_back(capsys: Capture, lock_path: str, lock: Lock, tmp_path: Path) -> None:
    """The link is the only data, its length is told to people, and what it opens to is the lock."""
    assert 0 == main(["share", lock_path, "--base", "https://site.example/lab/"])
    out, err = capsys.readouterr()
    assert (True, 1) == (out.startswith("https://site.example/lab/#lock=1."), out.count("\n"))
    assert f"{len(out) - 1} characters" in err
    assert 0 == main(["open", out.strip(), "-o", "back.json"])
    assert lock == Lock.from_json((tmp_path / "back.json").read_bytes())


@pytest.mark.parametrize("form", ["full", "short"])
def test_as_json(form: str, capsys: Capture, lock_path: str, lock: Lock) -> None:
    """The facts of both verbs, and that any verb takes the link."""
    code, facts, _ = run_json(capsys, "share", lock_path, "--form", form)
    assert (0, "micropip-lock/share/1", form, len(facts["link"]), lock.id) == (
        code,
        facts["schema"],
        facts["form"],
        facts["length"],
        facts["id"],
    )
    code, opened, _ = run_json(capsys, "open", facts["link"])
    assert (0, lock.id, lock.to_dict(), None) == (code, opened["id"], opened["lock"], opened["output"])
    assert (0, lock.id) == ((shown := run_json(capsys, "show", facts["link"]))[0], shown[1]["id"])


def test_shown_to_people(capsys: Capture, lock_path: str) -> None:
    """Without -o the lock is shown, with -o - its text is data."""
    main(["share", lock_path, "-q"])
    link = capsys.readouterr().out.strip()
    assert (0, True) == (main(["open", link]), "six" in capsys.readouterr().out)
    assert 0 == main(["open", link, "-o", "-"])
    assert "six" in Lock.from_json(capsys.readouterr().out)


def test_a_long_link(capsys: Capture, lock: Lock, tmp_path: Path) -> None:
    """Above 2,000 and above 8,000 characters people are warned, and told how long the short form is."""
    told = []
    for number in (10, 60, 200):
        packages = {}
        for at in range(number):
            name = f"p{at}"
            entry = lock.to_dict()["packages"]["six"] | {"name": name, "imports": [name]}
            entry["file_name"] = f"https://files.example/{name}-1.16.0-py3-none-any.whl"
            entry["sha256"] = f"{at * 7919:064x}"[::-1]
            packages[name] = entry
        path = tmp_path / "long.json"
        value = lock.to_dict() | {"packages": packages}
        path.write_text(json.dumps(value), "utf-8")
        assert 0 == main(["share", str(path)])
        told.append(capsys.readouterr().err)

    assert ([False, True, True], [False, False, True]) == (
        ["--form short has" in one for one in told],
        ["many programs" in one for one in told],
    )


def test_by_reference(capsys: Capture, lock_path: str, package_index: PackageIndex, tmp_path: Path) -> None:
    """The lock that lies at an address is shared by it; another lock that lies there is not."""
    url = f"{package_index.mount('/locks/', tmp_path)}pyodide-lock.json"
    code, facts, _ = run_json(capsys, "share", lock_path, "--by-reference", url)
    assert (0, "reference", True) == (code, facts["form"], facts["link"].startswith(f"#lock-url={url};sha256="))
    code, opened, _ = run_json(capsys, "open", facts["link"])
    assert (0, True) == (code, "six" in opened["lock"]["packages"])
    (tmp_path / "other.json").write_text(Path(lock_path).read_text("utf-8").replace('"six"', '"six"', 1), "utf-8")
    value = Lock.from_json(Path(lock_path).read_bytes())
    (tmp_path / "pyodide-lock.json").write_text(Lock(abi=value.abi, packages={}).to_json(), "utf-8")
    code, facts, _ = run_json(capsys, "share", "other.json", "--by-reference", url)
    assert (2, "reference-differs") == (code, facts["error"]["code"])
    code, facts, _ = run_json(capsys, "share", lock_path, "--by-reference", url, "--form", "short")
    assert (2, "usage") == (code, facts["error"]["code"])


def test_a_qr_code(capsys: Capture, lock_path: str) -> None:
    """The code is drawn for people; it is square, and the link stays the only data."""
    assert 0 == main(["share", lock_path, "--qr", "--form", "short"])
    out, err = capsys.readouterr()
    rows = [line for line in err.splitlines() if "█" in line]
    assert (1, {len(rows[0])}) == (out.count("\n"), {len(row) for row in rows})
    assert abs(len(rows[0]) - 2 * len(rows)) <= 1


def test_a_qr_code_without_its_package(capsys: Capture, lock_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where segno is not installed, the error says what to install."""
    monkeypatch.setitem(sys.modules, "segno", None)
    code, facts, _ = run_json(capsys, "share", lock_path, "--qr")
    assert (2, "needs-extra", "pip install 'micropip-lock[qr]'") == (
        code,
        facts["error"]["code"],
        facts["error"]["hint"],
    )


def test_a_qr_code_that_would_be_too_large(capsys: Capture, lock: Lock, tmp_path: Path) -> None:
    """A link that no QR code holds is told as that."""
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=6000))
    (tmp_path / "l.json").write_text(lock.to_json().replace('"packages"', f'"x": "{noise}", "packages"', 1), "utf-8")
    code, facts, _ = run_json(capsys, "share", "l.json", "--qr")
    assert (2, "too-long") == (code, facts["error"]["code"])


def test_wheels_beside_the_lock(capsys: Capture, lock: Lock, tmp_path: Path) -> None:
    """That nobody else has the wheels beside a lock of this machine is said."""
    url = next(iter(lock)).wheel.url
    (tmp_path / "l.json").write_text(lock.to_json().replace(url, url.rpartition("/")[2], 1), "utf-8")
    code, facts, _ = run_json(capsys, "share", "l.json")
    assert (0, True) == (code, "beside the lock" in facts["notes"][0])


def test_a_damaged_link(capsys: Capture) -> None:
    """A link that is cut off is told with its code and exit code 2."""
    code, facts, _ = run_json(capsys, "open", "#lock=1.AA")
    assert (2, "LinkError", "truncated") == (code, facts["error"]["error"], facts["error"]["code"])
