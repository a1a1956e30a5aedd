"""Tests of :mod:`micropip_lock.adapters.folder` and of ``emfs:`` addresses: whole files, or an error of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from micropip_lock.adapters.folder import Folder
from micropip_lock.adapters.virtual_files import read_virtual
from micropip_lock.errors import FetchError, StorageError, WheelTooLargeError


def test_write(tmp_path: Path) -> None:
    """A file is written with the directories that it lies in."""
    Folder(tmp_path / "new").write("w/x/a.whl", b"data")
    assert b"data" == (tmp_path / "new" / "w" / "x" / "a.whl").read_bytes()


def test_the_same_bytes_are_left_alone(tmp_path: Path) -> None:
    """What is there already is not written again; other bytes are replaced."""
    Folder(tmp_path).write("a", b"data")
    before = (tmp_path / "a").stat().st_ino
    Folder(tmp_path).write("a", b"data")
    same = (tmp_path / "a").stat().st_ino
    Folder(tmp_path).write("a", b"other")
    assert (before, b"other") == (same, (tmp_path / "a").read_bytes())


@pytest.mark.parametrize("path", ["file/a", "directory", "a\0", "x" * 300])
def test_what_cannot_be_written(tmp_path: Path, path: str) -> None:
    """Where no file can be, our error says where."""
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    with pytest.raises(StorageError) as caught:
        Folder(tmp_path).write(path, b"")
    assert ("not-written", str(tmp_path / path)) == (caught.value.code, caught.value.where)


def test_read_virtual(tmp_path: Path) -> None:
    """An ``emfs:`` address is a path, percent-encoded where a URL demands it."""
    (tmp_path / "a b").write_bytes(b"data")
    found = [read_virtual(f"emfs://{tmp_path}/a%20b", limit).data for limit in (None, 4)]
    assert [b"data"] * 2 == found


@pytest.mark.parametrize(("name", "code"), [("missing", "not-found"), ("", "fetch-failed"), ("a%00", "fetch-failed")])
def test_read_virtual_failures(tmp_path: Path, name: str, code: str) -> None:
    """What cannot be read is a download that failed."""
    with pytest.raises(FetchError) as caught:
        read_virtual(f"emfs://{tmp_path}/{name}", None)
    assert code == caught.value.code


def test_read_virtual_too_large(tmp_path: Path) -> None:
    """A file that is larger than it may be is not read to its end."""
    (tmp_path / "a").write_bytes(b"data")
    with pytest.raises(WheelTooLargeError):
        read_virtual(f"emfs://{tmp_path}/a", 3)
