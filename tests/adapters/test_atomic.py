"""Tests of :mod:`micropip_lock.adapters.atomic`: a file is whole or it is the old one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from micropip_lock.adapters.atomic import write_atomically


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
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert ("old", 1) == (path.read_text(), len(list(tmp_path.iterdir())))
