"""Files from disk: what an index learns from them, and that it asks only once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from micropip_lock.errors import UsageError
from micropip_lock.testing import wheel
from micropip_lock.testing.releases import DiskContent, project_and_version


def on_disk(directory: Path, data: bytes, name: str = "demo-1.0-py3-none-any.whl") -> Path:
    path = directory / name
    path.write_bytes(data)
    return path


def test_facts_of_a_wheel_on_disk(tmp_path: Path) -> None:
    """Digest, size, METADATA and Requires-Python are those of the file."""
    built = wheel("demo", requires=["six"], requires_python=">=3.12")
    content = DiskContent(on_disk(tmp_path, built.data))
    expected = (built.sha256, built.size, built.metadata, ">=3.12")
    assert expected == (content.sha256, content.body.size, content.metadata, content.requires_python)


def test_a_rewritten_file_is_read_again(tmp_path: Path) -> None:
    """The cache is keyed by time and size, so new bytes have a new digest."""
    path = on_disk(tmp_path, b"one")
    first = DiskContent(path).sha256
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    expected = (hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"two").hexdigest())
    assert expected == (first, DiskContent(path).sha256)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", wheel("demo").data[:100], wheel("demo", mutate=lambda _: {"x": b""}).data]
)
def test_no_metadata_in_what_is_no_wheel(tmp_path: Path, data: bytes) -> None:
    """A broken wheel is served all the same, without metadata."""
    content = DiskContent(on_disk(tmp_path, data))
    assert (content.metadata, content.requires_python) == (None, None)


def test_the_own_dist_info_is_preferred(tmp_path: Path) -> None:
    """Of two dist-info directories, the one named like the file speaks for the wheel."""
    built = wheel("demo", mutate=lambda entries: {"aaa-1.dist-info/METADATA": b"Name: aaa\n", **entries})
    assert built.metadata == DiskContent(on_disk(tmp_path, built.data)).metadata


def test_an_sdist_has_no_metadata(tmp_path: Path) -> None:
    """An sdist is a file of its project, without PEP 658 metadata."""
    path = on_disk(tmp_path, b"x", "demo-1.0.tar.gz")
    assert (project_and_version(path.name)[0], DiskContent(path).metadata) == ("demo", None)


@pytest.mark.parametrize("name", ["demo.whl", "demo-1.0.exe", "demo", "demo-one-py3-none-any.whl"])
def test_other_file_names_are_refused(name: str) -> None:
    """What is neither wheel nor sdist has no project to belong to."""
    with pytest.raises(UsageError) as caught:
        project_and_version(name)
    assert name == caught.value.got
