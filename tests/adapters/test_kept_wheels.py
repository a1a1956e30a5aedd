"""Tests of :mod:`micropip_lock.adapters.kept_wheels`: what is read is what was put, or nothing is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn
from urllib.parse import urljoin

import pytest

from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.local_wheel import local_file_name
from micropip_lock.errors import StorageError
from micropip_lock.testing import wheel

SIX = wheel("six", "1.16.0")
DIGEST = Digest.of(SIX.data)


def verified(filename: str = SIX.filename) -> VerifiedWheel:
    return admit(SIX.data, DIGEST, filename=filename)


def kept_at(root: Path) -> Path:
    return root / "wheels" / SIX.sha256 / SIX.filename


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_was_put_is_there(tmp_path: Path) -> None:
    """A wheel is read again by digest and file name, also by another that looks into the directory."""
    KeptWheels(tmp_path).put(verified())
    found = KeptWheels(tmp_path).get(DIGEST, SIX.filename)
    assert (SIX.data, DIGEST, SIX.filename) == (found and found.data, found and found.digest, found and found.filename)


def test_nothing_is_there(tmp_path: Path) -> None:
    """What was never put is not there, and asking makes no directory."""
    assert (None, False) == (KeptWheels(tmp_path / "k").get(DIGEST, SIX.filename), (tmp_path / "k").exists())


def test_the_directory_is_the_base_of_a_lock(tmp_path: Path) -> None:
    """A file lies where a lock with the directory's address names it."""
    keep = KeptWheels(tmp_path)
    keep.put(verified())
    url = urljoin(keep.address, local_file_name(DIGEST, SIX.filename))
    assert kept_at(tmp_path).as_uri() == url


def test_addresses_of_pyodides_file_system(tmp_path: Path) -> None:
    """In Pyodide the same directory has another scheme."""
    assert f"emfs://{tmp_path}/" == KeptWheels(tmp_path, scheme="emfs").address


@pytest.mark.parametrize(
    "data", [b"", SIX.data[:-1], b"<html>", SIX.data + b"x"], ids=["empty", "torn", "page", "more"]
)
def test_other_bytes_are_as_good_as_none(tmp_path: Path, data: bytes) -> None:
    """A file with other bytes than its name says is not given, and putting the wheel again mends it."""
    keep = KeptWheels(tmp_path)
    keep.put(verified())
    kept_at(tmp_path).write_bytes(data)
    before = keep.get(DIGEST, SIX.filename)
    keep.put(verified())
    assert (None, SIX.data) == (before, kept_at(tmp_path).read_bytes())


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, our error says so, and no part of the file is left."""

    def full(handle: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as caught:
        KeptWheels(tmp_path).put(verified())
    assert ("not-kept", "No space left on device", []) == (caught.value.code, caught.value.got, files(tmp_path))


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    """Where a file is in the way, nothing is there and nothing can be kept."""
    (tmp_path / "wheels").write_text("")
    keep = KeptWheels(tmp_path)
    with pytest.raises(StorageError) as caught:
        keep.put(verified())
    assert ("not-kept", None) == (caught.value.code, keep.get(DIGEST, SIX.filename))


def test_it_is_written_once(tmp_path: Path) -> None:
    """Putting what is there already changes nothing."""
    keep = KeptWheels(tmp_path)
    keep.put(verified())
    before = kept_at(tmp_path).stat()
    keep.put(verified())
    assert (before.st_ino, before.st_mtime_ns) == (
        kept_at(tmp_path).stat().st_ino,
        kept_at(tmp_path).stat().st_mtime_ns,
    )


@pytest.mark.parametrize("name", ["../x.whl", "a/b.whl", "a\\b.whl", "x.zip", "", "..", "a\0.whl", "a\n.whl"])
def test_names_that_no_wheel_has(tmp_path: Path, name: str) -> None:
    """A name that could lead elsewhere is neither read nor written."""
    (tmp_path / "x.whl").write_bytes(SIX.data)
    keep = KeptWheels(tmp_path / "a" / "b")
    with pytest.raises(StorageError):
        keep.put(verified(name))
    assert (None, [tmp_path / "x.whl"]) == (keep.get(DIGEST, name), files(tmp_path))
