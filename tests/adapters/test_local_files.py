"""Tests of :mod:`micropip_lock.adapters.local_files`: wheels of this machine on their way into a Pyodide."""

from __future__ import annotations

from pathlib import Path

import pytest

from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.adapters.local_files import INSIDE, Placed, placed
from micropip_lock.errors import MicropipLockError
from micropip_lock.testing import wheel

SIX = wheel("six", "1.16.0", extras={"more": []})
TARGET = f"{INSIDE}/{SIX.sha256}/{SIX.filename}"


@pytest.fixture
def keep(tmp_path: Path) -> KeptWheels:
    return KeptWheels(tmp_path / "kept")


@pytest.mark.parametrize(
    "text", ["rich>=13", "https://files.example/x-1-py3-none-any.whl", "x @ https://files.example/x"]
)
def test_what_names_no_file(keep: KeptWheels, text: str) -> None:
    """A requirement without a path goes in as it is."""
    assert Placed(requirement=text) == placed(text, keep)


@pytest.mark.parametrize(
    ("form", "expected"), [("{}", f"emfs:{TARGET}"), ("six[more] @ {}", f"six[more]@ emfs:{TARGET}")]
)
def test_a_file(keep: KeptWheels, tmp_path: Path, form: str, expected: str) -> None:
    """A path becomes one inside, with its extras; what goes in is what was kept, although the file goes away."""
    path = tmp_path / SIX.filename
    path.write_bytes(SIX.data)
    found = placed(form.format(path.as_uri()), keep)
    path.unlink()
    assert (expected, TARGET, SIX.data) == (
        found.requirement.replace("six[more] @", "six[more]@"),
        found.target,
        found.source and found.source.read_bytes(),
    )


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        (SIX.filename, None, "no-wheel"),
        (SIX.filename, b"<html>", "not-zip"),
        (SIX.filename, SIX.data[:-40], "truncated"),
        ("seven-1.16.0-py3-none-any.whl", SIX.data, "dist-info-name"),
    ],
)
def test_what_is_no_wheel(keep: KeptWheels, tmp_path: Path, name: str, data: bytes | None, code: str) -> None:
    """What a replay would refuse is refused before a runtime is started, and not kept."""
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(MicropipLockError) as caught:
        placed(path.as_uri(), keep)
    assert (code, False) == (caught.value.code, keep.root.exists())
