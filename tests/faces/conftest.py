"""Fixtures of the tests of the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from micropip_lock import api
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from tests.faces.fakes import SIX, FakeFreeze, lock_of


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without index configuration, and without colours of its own."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lock(package_index: PackageIndex) -> Lock:
    package_index.add(SIX)
    return lock_of(package_index)


@pytest.fixture
def lock_path(lock: Lock, tmp_path: Path) -> str:
    path = tmp_path / "pyodide-lock.json"
    path.write_text(lock.to_json(), encoding="utf-8")
    return str(path)


@pytest.fixture
def fake_freeze(monkeypatch: pytest.MonkeyPatch, lock: Lock) -> FakeFreeze:
    fake = FakeFreeze(lock)
    monkeypatch.setattr(api, "freeze_requirements", fake)
    return fake
