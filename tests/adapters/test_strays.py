"""What is importable without a dist-info directory: eggs, links, path files, other directories of ``sys.path``."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from micropip_lock.adapters.strays import find_strays
from micropip_lock.ports import Stray
from tests.app.in_directories import tree

PKG_INFO = "Metadata-Version: 1.1\nName: Real.Name\nVersion: 2.0\n"


def made(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A directory with these files."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def told(root: Path, *path: str) -> list[tuple[str, str, str, str]]:
    """Name, version, kind and file of each; nothing is written."""
    before = tree(root)
    found = find_strays(root, path)
    assert before == tree(root)
    return [(one.name, one.version, one.kind, one.file) for one in found]


@pytest.mark.parametrize(
    ("files", "name", "version"),
    [
        ({"six-1.16.egg-info/PKG-INFO": PKG_INFO}, "Real.Name", "2.0"),
        ({"six-1.16.egg-info": PKG_INFO}, "Real.Name", "2.0"),
        ({"six-1.16-py3.13.egg/EGG-INFO/PKG-INFO": PKG_INFO}, "Real.Name", "2.0"),
        ({"six-1.16-py3.13.egg-info/SOURCES.txt": ""}, "six", "1.16"),
        ({"six-1.16.egg-info/PKG-INFO": "Summary: no name\n"}, "six", "1.16"),
        ({"six-1.16.egg-info/PKG-INFO": b"\xff"}, "six", "1.16"),
        ({"six.egg-info/top_level.txt": "six\n"}, "six", ""),
    ],
)
def test_eggs(tmp_path: Path, files: Mapping[str, str | bytes], name: str, version: str) -> None:
    """An egg is named by its metadata, else by its own name, with the version before any tag of Python."""
    assert [(name, version, "egg-info", "")] == told(made(tmp_path, files))


def test_a_zipped_egg(tmp_path: Path) -> None:
    """An egg that is one file is named by that."""
    with zipfile.ZipFile(tmp_path / "six-1.16-py3.13.egg", "w") as egg:
        egg.writestr("EGG-INFO/PKG-INFO", PKG_INFO)
    assert [("six", "1.16", "egg-info", "")] == told(tmp_path)


@pytest.mark.parametrize("text", ["{source}\n.\n", "\n  {source}  \n", "", b"\xff"])
def test_egg_links(tmp_path: Path, text: str | bytes) -> None:
    """What ``setup.py develop`` left is told with the directory it links, when that can be read."""
    place = "/home/me/six"
    content = text.format(source=place) if isinstance(text, str) else text
    found = find_strays(made(tmp_path, {"six.egg-link": content}))
    expected = place if isinstance(text, str) and text else ""
    assert [Stray(name="six", version="", kind="egg-link", place=expected, file="six.egg-link")] == found


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("__editable__.six-1.16.pth", "six", "1.16"),
        ("__editable__.zope_interface-7.0.post1.pth", "zope_interface", "7.0.post1"),
        ("mine.pth", "mine", ""),
    ],
)
def test_path_files(tmp_path: Path, file: str, name: str, version: str) -> None:
    """A directory that a ``.pth`` file puts on the path is told, by the distribution where the file's name has one."""
    site, source = tmp_path / "site", tmp_path / "source"
    source.mkdir()
    found = find_strays(made(site, {file: f"# a comment\n\n{source}\n"}))
    assert [Stray(name=name, version=version, kind="path-file", place=str(source), file=file)] == found


def test_a_path_file_with_relative_lines(tmp_path: Path) -> None:
    """A line is relative to the site; several directories are told each, and the same file names them all."""
    site = made(tmp_path / "site", {"all.pth": "../one\nsub\n", "sub/x.py": ""})
    (tmp_path / "one").mkdir()
    assert [("all", "", "path-file", "all.pth")] * 2 == told(site)


@pytest.mark.parametrize(
    "line", ["/nowhere/at/all", "six.py", "import os; os._exit(1)", "import\tos; os._exit(1)", "# /", "\0", "x" * 5000]
)
def test_lines_that_put_nothing_on_the_path(tmp_path: Path, line: str) -> None:
    """Comments, code (which is never run), files, and what is not there are no strays."""
    assert [] == told(made(tmp_path, {"odd.pth": f"{line}\n", "six.py": ""}))


def test_other_directories_of_the_path(tmp_path: Path) -> None:
    """Distributions in other directories of ``sys.path`` are told, each directory once, the site itself never."""
    site, other = tmp_path / "site", tmp_path / "other"
    made(site, {"six-1.16.dist-info/METADATA": PKG_INFO})
    made(other, {"good-1.0.dist-info/METADATA": PKG_INFO, "old-3.egg-info/PKG-INFO": "", "plain.py": ""})
    (tmp_path / "link").symlink_to(other)
    (tmp_path / "again").symlink_to(site)
    path = (str(site), str(tmp_path / "again"), str(other), str(tmp_path / "link"), "/nowhere/at/all", "\0", "x" * 5000)
    assert [("Real.Name", "2.0", "path-entry", ""), ("old", "3", "path-entry", "")] == told(site, *path)


def test_archives_on_the_path(tmp_path: Path) -> None:
    """A wheel that is on the path as it is can be imported; Python's own archive and what is none hold nothing."""
    entries = [tmp_path / name for name in ("any-1.0-py3-none-any.whl", "python314.zip", "odd.zip")]
    for archive in entries[:2]:
        with zipfile.ZipFile(archive, "w") as opened:
            for path in ("any.py", "any-1.0.dist-info/METADATA", "any-1.0.dist-info/RECORD"):
                opened.writestr(path, "")
    entries[2].write_bytes(b"PK\x05\x06")
    site = tmp_path / "site"
    site.mkdir()
    found = find_strays(site, map(str, entries))
    assert [Stray(name="any", version="1.0", kind="path-entry", place=str(entries[0]))] == found


def test_a_link_to_a_dist_info_directory(tmp_path: Path) -> None:
    """A dist-info directory that lies elsewhere is imported as any other, so that it is told; a dead link is not."""
    made(tmp_path / "other", {"METADATA": PKG_INFO})
    site = made(tmp_path / "site", {})
    site.mkdir()
    (site / "six-1.16.dist-info").symlink_to(tmp_path / "other")
    (site / "gone-1.0.dist-info").symlink_to(tmp_path / "nowhere")
    assert [("Real.Name", "2.0", "link", "")] == told(site)


def test_the_working_directory_is_the_empty_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``""`` on ``sys.path`` is the working directory."""
    site, work = tmp_path / "site", made(tmp_path / "work", {"mine-1.0.egg-info/PKG-INFO": ""})
    site.mkdir()
    monkeypatch.chdir(work)
    assert [("mine", "1.0", "path-entry", "")] == told(site, "")


def test_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    """They come sorted by name, whatever kind they are; large files are not read to their end."""
    site = made(
        tmp_path,
        {"c.egg-link": "/c\n", "b-1.egg-info/PKG-INFO": "", "a.pth": f"{tmp_path}\n" + "#" * (1 << 17)},
    )
    assert ["a", "b", "c"] == [name for name, *_ in told(site)]


def test_nothing_there(tmp_path: Path) -> None:
    """A site without strays has none; neither has one that is not there."""
    made(tmp_path, {"six-1.16.dist-info/METADATA": PKG_INFO, "six.py": "", "data.pth.txt": os.sep})
    assert ([], []) == (told(tmp_path), find_strays(tmp_path / "nowhere"))
