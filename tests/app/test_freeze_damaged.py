"""Damaged environments that once made a freeze crash, or give a lock that nobody could read: each is a reason now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.freeze import freeze
from micropip_lock.core.model import Lock
from micropip_lock.ports import RuntimeLock
from micropip_lock.testing import wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import RUNTIME, records_of
from tests.app.test_freeze import Runtime
from tests.sites import Memory

SIX = wheel("six", "1.0")


def items(site: Any, runtime: Any = RUNTIME) -> list[tuple[str, str]]:
    """Name and code of what cannot be locked, after the lock was written and read again."""
    lock = freeze(site, runtime, strict=False)
    text = lock.to_json()
    again = Lock.from_json(text.encode())
    assert text == again.to_json()
    return [(item.name, item.code) for item in again.unlocked]


def recorded(**facts: Any) -> MemorySite:
    """A site with one wheel, in whose record some facts were changed by another hand."""
    records = records_of(SIX)
    changed = json.dumps(json.loads(records["micropip-lock.json"]) | facts)
    site = MemorySite()
    site.install(SIX, {**records, "micropip-lock.json": changed})
    return site


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"url": "https://[::1"}, "record-unreadable"),
        ({"url": "https://files.example/\u202e/six-1.0-py3-none-any.whl"}, "record-unreadable"),
        ({"url": "https://files.example/%2e%2e/six-1.0-py3-none-any.whl"}, "filename"),
        ({"url": "https:///six-1.0-py3-none-any.whl"}, "url"),
        ({"extras": ["\u202e"]}, "record-unreadable"),
        ({"requirement": "six\u200b"}, "record-unreadable"),
        ({"upload-time": "\x1b[2J"}, "record-unreadable"),
        ({"size": 2**53}, "record-unreadable"),
    ],
)
def test_a_record_that_no_lock_can_hold(facts: dict[str, Any], code: str) -> None:
    """A record with an address that is none, or with what nobody sees, is a reason and not a lock."""
    assert [("six", code)] == items(recorded(**facts))


def test_an_index_that_is_none() -> None:
    """An INDEX that holds no address is a reason."""
    site = recorded()
    site.write(f"{SIX.dist_info}/INDEX", "https://[::1\n")
    assert [("six", "record-unreadable")] == items(site)


def test_micropips_url_that_is_none() -> None:
    """A PYODIDE_URL that no parser takes is a reason, and so is one in the runtime's lock."""
    site = MemorySite()
    site.install(SIX, {"INSTALLER": "micropip", "PYODIDE_URL": "https://[::1", "PYODIDE_SHA256": SIX.sha256})
    loaded = MemorySite()
    loaded.install(SIX, {"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "pyodide"})
    entry = {"version": "1.0", "file_name": "https://[::1", "sha256": SIX.sha256}
    runtime = Runtime(RuntimeLock(packages={"six": entry}, base="https://runtime.example/"))
    expected = [("six", "record-unreadable")]
    assert (expected, expected) == (items(site), items(loaded, runtime))


@pytest.mark.parametrize(
    ("directory", "name", "version"),
    [("é-1.0", "é", "1.0"), (f"{'a' * 215}-1.0", "a" * 215, "1.0"), (f"a-1.{'0' * 130}", "a", f"1.{'0' * 130}")],
    ids=["no-name", "long-name", "long-version"],
)
def test_a_name_that_no_lock_can_hold(directory: str, name: str, version: str) -> None:
    """METADATA and directory that agree on what is no name or version are a reason."""
    site = MemorySite({f"{directory}.dist-info/METADATA": f"Name: {name}\nVersion: {version}\n"})
    site.write(f"{directory}.dist-info/RECORD", "")
    assert ["identity"] == [code for _, code in items(site)]


@pytest.mark.parametrize("directory", [".dist-info", "-1.0.dist-info"])
def test_a_directory_without_a_name(directory: str) -> None:
    """A dist-info directory that names nothing is listed by its own name."""
    site = MemorySite({f"{directory}/METADATA": "Name: a\nVersion: 1.0\n"})
    assert [(canonicalize_name(directory), "identity")] == items(site)


def test_a_mock_without_a_name() -> None:
    """A mock package without a name is listed all the same."""

    class Mocked(MemorySite):
        def distributions(self) -> Any:
            yield Memory(directory="-1.0.dist-info", metadata="Name: \nVersion: 1.0\n", modules={})

    assert [("-1-0-dist-info", "identity")] == items(Mocked())


@pytest.mark.parametrize("name", [".egg-info", ".egg-link", ".pth"])
def test_strays_without_a_name(tmp_path: Path, name: str) -> None:
    """An egg or path file without a name is listed by its file name."""
    (tmp_path / name).write_text(".\n")
    expected = {".egg-info": "egg-info", ".egg-link": "editable", ".pth": "path-entry"}
    assert [(canonicalize_name(name), expected[name])] == items(SitePackages(tmp_path))


@pytest.mark.parametrize("line", ["1" * 400, "a\0b", "\u202e"])
def test_path_files_that_name_no_directory(tmp_path: Path, line: str) -> None:
    """A line of a path file that no file system takes names nothing that can be imported."""
    (tmp_path / "a.pth").write_text(line, "utf-8")
    assert [] == items(SitePackages(tmp_path))


def test_hidden_characters_in_reasons() -> None:
    """Items are sorted as a reader sorts them, who sees hidden characters spelt out."""
    site = MemorySite({"a-1.0.dist-info/METADATA": b"\xff", "\u202ea-1.0.dist-info/METADATA": b"\xff"})
    assert [("\\u202ea", "no-metadata"), ("a", "no-metadata")] == items(site)


@pytest.mark.parametrize("digest", ["!" * 43, "B" * 43])
def test_a_row_whose_digest_is_none(digest: str) -> None:
    """A RECORD with a digest that nobody can read is a reason, also where the files are as large as it says."""
    site = MemorySite(wheels=[SIX])
    site.write(f"{SIX.dist_info}/RECORD", f"six.py,sha256={digest},{len(site.read('six.py') or b'')}\n")
    assert [("six", "record-unreadable")] == items(site)


def test_compiled_files_that_a_wheel_brings(tmp_path: Path) -> None:
    """A wheel that ships __pycache__ is locked, also when an import has written its files anew."""
    built = wheel("six", "1.0", files={"six.py": "", "__pycache__/six.cpython-314.pyc": "old"})
    site = MemorySite()
    site.install(built, records_of(built))
    site.write("__pycache__/six.cpython-314.pyc", "new")
    for path in site.paths():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(site.read(path) or b"")
    assert ([], []) == (items(site), items(SitePackages(tmp_path)))


def test_a_requirement_with_a_long_name() -> None:
    """A requirement whose name is too long for a lock is one that cannot be read."""
    site = MemorySite()
    long = wheel("six", "1.0", requires=["a" * 215])
    site.install(long, records_of(long))
    assert [("six", "requires-dist")] == items(site)


def test_import_names_that_are_none() -> None:
    """Import-Name values that no import statement can have are no import names."""
    lines = ["Import-Name: \u202espam", "Import-Name: a b", "Import-Name: class", "Import-Name: spam.eggs"]
    built = wheel("six", "1.0", metadata_version="2.5", metadata_extra=lines)
    site = MemorySite()
    site.install(built, records_of(built))
    assert ("spam.eggs",) == freeze(site, RUNTIME).packages["six"].imports


def test_an_undecodable_directory_in_memory() -> None:
    """A name that is no UTF-8 has a place in a site in memory as it has on a disk."""
    site = MemorySite({"\udcff-1.0.dist-info/METADATA": "Name: a\nVersion: 1.0\n"})
    assert (64, [("\\udcff", "identity")]) == (len(site.tree()), items(site))
