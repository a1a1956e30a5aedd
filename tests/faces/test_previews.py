"""Tests of :mod:`micropip_lock.previews`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micropip_lock import preview, wiring
from micropip_lock.core.link import encode_link
from micropip_lock.core.model import Abi, Lock
from micropip_lock.errors import MicropipLockError
from tests.locks import VALID

TEXT = json.dumps(VALID)
LOCK = Lock.from_json(TEXT)


def test_whatever_names_a_lock(tmp_path: Path) -> None:
    """A lock, its text, a file of it and a link have the same preview."""
    path = tmp_path / "pyodide-lock.json"
    path.write_text(TEXT, "utf-8")
    named: list[Lock | str | Path] = [
        LOCK,
        TEXT,
        path,
        str(path),
        encode_link(LOCK),
        f"https://page.example/{encode_link(LOCK)}",
    ]
    assert [preview(LOCK).to_json()] * 6 == [preview(one).to_json() for one in named]


@pytest.mark.parametrize(
    ("lock", "code"),
    [
        ("https://files.example/pyodide-lock.json", "needs-network"),
        (f"#lock-url=https://files.example/pyodide-lock.json;sha256={'0' * 64}", "needs-network"),
        (f"https://page.example/?{encode_link(LOCK)[1:]}", "in-query"),
        ("nowhere.json", "no-lock"),
        ("{", "not-json"),
    ],
)
def test_what_has_none(lock: str, code: str) -> None:
    """What would have to be fetched first is told as such, and what is no lock by its own code."""
    with pytest.raises(MicropipLockError) as refused:
        preview(lock)
    assert code == refused.value.code


def test_what_a_kernel_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Pyodide a preview says what is installed, what else is there, and that the lock is for another one."""
    for directory in ("Six-1.15.0.dist-info", "idna-3.7.dist-info"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "METADATA").write_text("Metadata-Version: 2.1\n", "utf-8")
    place = wiring.directory(tmp_path, Abi(abi_version="2025_0"))
    monkeypatch.setattr(wiring, "in_pyodide", lambda: True)
    monkeypatch.setattr(wiring, "here", lambda: place)
    shown = preview(LOCK, approved=[LOCK.id])
    facts = (shown.packages[0].change, shown.packages[0].installed, shown.beside, shown.standing)
    assert ("replaces", "1.15.0", ("idna",), "approved") == facts
    assert ["abi-mismatch"] == [one.code for one in shown.warnings]
