"""Tests of :mod:`micropip_lock.adapters.default_index`: what micropip's own wheel says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from micropip_lock.adapters.default_index import default_index_urls
from micropip_lock.testing import wheel
from tests.e2e.wheelhouse import wheels


def written(tmp_path: Path, source: str | None) -> Path:
    """A wheel with this package_index.py."""
    built = wheel("micropip", files={} if source is None else {"micropip/package_index.py": source})
    path = tmp_path / built.filename
    path.write_bytes(built.data)
    return path


@pytest.mark.parametrize("pins", ["tools", "older-tools"])
def test_real_micropip(pins: str, tmp_path: Path) -> None:
    """For each micropip that works with us the answer is what that one itself would ask, read without running it."""
    (path,) = (path for name, path in wheels(pins).items() if name.startswith("micropip"))
    with zipfile.ZipFile(path) as archive:
        archive.extract("micropip/package_index.py", tmp_path)
    found = default_index_urls(path)
    source = (tmp_path / "micropip/package_index.py").read_text("utf-8")
    lines = [line for line in source.splitlines() if line.startswith(("PYPI", "DEFAULT_INDEX_URLS"))]
    values: dict[str, list[str]] = {}
    exec("\n".join(lines), {}, values)
    assert tuple(values["DEFAULT_INDEX_URLS"]) == found
    assert [True] == [url.startswith("https://") for url in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("BASE = 'https://index.example/simple'\nDEFAULT_INDEX_URLS = [BASE]\n", ("https://index.example/simple",)),
        ("A = 'a'\nB = ('b', 'c')\nDEFAULT_INDEX_URLS = (A, B, 7)\n", ("a", "b", "c")),
        ("DEFAULT_INDEX_URLS = compute()\n", ()),
        ("self.DEFAULT_INDEX_URLS = ['a']\n", ()),
        ("def broken(:\n", ()),
        ("\0", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_other_sources(tmp_path: Path, source: str | None, expected: tuple[str, ...]) -> None:
    """Literals and names of literals are understood; a micropip that is built differently says nothing."""
    assert expected == default_index_urls(written(tmp_path, source))


def test_no_wheel(tmp_path: Path) -> None:
    """A file that is no wheel says nothing."""
    (tmp_path / "micropip.whl").write_bytes(b"no archive")
    assert () == default_index_urls(tmp_path / "micropip.whl")
