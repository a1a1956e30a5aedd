"""Where distributions came from, told by records that are true, of others, or of nobody (R14 to R20).

The numbers are those of the table in ``docs/features.md``; the rest of them is in ``tests/app/test_records.py``, and
what needs a real Pyodide to happen in ``tests/e2e/test_node_records.py``. R15: mock packages are locked as mocks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.freeze import Indexes, freeze_located
from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Lock, Mock, Origin
from micropip_lock.testing import PackageIndex, wheel
from tests.app.in_directories import LOADED, RUNTIME_BASE, Booted, by_micropip, frozen, noted, put, refused, tree
from tests.app.recorded import RUNTIME, records_of, url_of

PACK = wheel("pack", "1.0", files={"pack/__init__.py": "one = 1\n", "pack/data.txt": "data\n"})
REBUILT = wheel("pack", "1.0", files={"pack/__init__.py": "one = 2\n", "pack/data.txt": "data\n"})
OURS = json.loads(records_of(PACK)["micropip-lock.json"])


def test_r14_requirements_that_the_set_does_not_meet(tmp_path: Path) -> None:
    """What METADATA requires and is not there, or in another version, is noted and dangles nowhere (F3)."""
    needy = wheel("needy", "1.0", requires=["absent", "pack>=2"])
    for built in (needy, PACK):
        put(tmp_path, built, records_of(built))
    lock = frozen(tmp_path)
    assert ([("needy", "open-closure")] * 2, ["absent", "pack>=2"], ("pack",), ("absent",)) == (
        noted(lock),
        sorted(note.expected or "" for note in lock.notes),
        lock.packages["needy"].depends,
        lock.packages["needy"].missing,
    )


def test_r15_a_mock_package_is_locked(tmp_path: Path) -> None:
    """A mock package kept in files is locked as a mock, with its sources; nothing dangles for who needs it."""
    mock = Mock(
        name=canonicalize_name("stand-in"), display_name="stand-in", version="1.0", persistent=True,
        modules={"stand_in": "x = 1\n"},
    )  # fmt: skip
    needy = wheel("needy", "1.0", requires=["stand-in"])
    put(tmp_path, needy, records_of(needy))
    for path, text in mock_files(mock, root=f"{tmp_path}/").items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    lock = frozen(tmp_path)
    assert ({"stand-in": mock}, ("stand-in",), ()) == (
        lock.mocks,
        lock.packages["needy"].mocked,
        lock.packages["needy"].depends,
    )


def test_r16_loaded_from_the_runtime(tmp_path: Path) -> None:
    """What loadPackage brought is locked from the runtime's lock, marked as Pyodide's; else it is told."""
    put(tmp_path, PACK, LOADED)
    package = frozen(tmp_path, Booted(PACK)).packages["pack"]
    item = refused(tmp_path, Booted())
    expected = Origin(kind="runtime", url=f"{RUNTIME_BASE}{PACK.filename}")
    assert (expected, "pyodide", PACK.sha256, "not-in-runtime-lock", True) == (
        package.origin,
        expected.source,
        package.wheel.digest.hex,
        item.code,
        "micropip" in item.hint,
    )


def located(root: Path, index: PackageIndex, *urls: str) -> Lock:
    """The lock of a directory, what has no record looked up on the indexes; nothing is written."""
    before = tree(root)
    with HostIndexFetcher(connect_timeout=5, idle_timeout=5) as fetcher:
        found = Indexes(urls=urls, fetcher=fetcher)
        lock = asyncio.run(
            freeze_located(SitePackages(root), RUNTIME, indexes=lambda: nullcontext(found), strict=False)
        )
    assert before == tree(root)
    return lock


def direct(url: str, **facts: Any) -> dict[str, str]:
    """What pip leaves after an install from a URL."""
    return {"INSTALLER": "pip", "REQUESTED": "", "direct_url.json": json.dumps({"url": url, **facts})}


@pytest.mark.parametrize("hashes", [{}, {"hashes": {"sha256": PACK.sha256}}, {"hash": f"sha256={PACK.sha256}"}])
def test_r17_pip_from_the_url_of_a_wheel(
    tmp_path: Path, package_index: PackageIndex, hashes: Mapping[str, object]
) -> None:
    """What pip installed from a URL is locked with it once the wheel there is proven to be the installed one."""
    url = package_index.file_url(package_index.add(PACK).filename)
    put(tmp_path, PACK, direct(url, archive_info=hashes))
    package = located(tmp_path, package_index).packages["pack"]
    assert (Origin(kind="url", url=url), PACK.sha256, PACK.size, True) == (
        package.origin,
        package.wheel.digest.hex,
        package.wheel.size,
        package.requested,
    )


def test_r17_a_direct_url_that_the_wheel_brought(tmp_path: Path, package_index: PackageIndex) -> None:
    """A wheel that ships ``direct_url.json``, which pip leaves alone, makes no lock of the wheel that it names."""
    url = package_index.file_url(package_index.add(REBUILT).filename)
    facts = direct(url, archive_info={"hashes": {"sha256": REBUILT.sha256}})["direct_url.json"]
    forged = wheel("pack", "1.0", files={"pack/__init__.py": ""}, dist_info={"direct_url.json": facts})
    put(tmp_path, forged, {"INSTALLER": "pip"})
    lock = located(tmp_path, package_index)
    assert ([], ["different-build"]) == (list(lock), [item.code for item in lock.unlocked])


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"url": "file:///home/me/pack", "dir_info": {}}, "local-directory"),
        ({"url": "https://git.example/pack.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee" * 7}}, "vcs"),
        ({"url": "https://files.example/pack-1.0.tar.gz", "archive_info": {}}, "built-from-sdist"),
        ({"url": f"file:///home/me/{PACK.filename}", "archive_info": {}}, "not-replayable"),
    ],
)
def test_r17_pip_from_what_no_lock_can_name(tmp_path: Path, facts: dict[str, Any], code: str) -> None:
    """What pip built from a directory, a checkout or an archive, or took from a file, is refused with that place."""
    put(tmp_path, PACK, direct(**facts))
    item = refused(tmp_path)
    assert (code, True, True) == (item.code, facts["url"] in item.reason, "server or an index" in item.hint)


@pytest.mark.parametrize("form", ["direct-url", "path-file", "egg-link"])
def test_r18_an_editable_install(tmp_path: Path, form: str) -> None:
    """An editable install is refused with the directory on this machine, however it was made."""
    site, source = tmp_path / "site", tmp_path / "source"
    source.mkdir()
    site.mkdir()
    if form == "direct-url":
        facts = direct(source.as_uri(), dir_info={"editable": True})
        path_file = wheel("pack", "1.0", files={"__editable__.pack-1.0.pth": f"{source}\n"})
        put(site, path_file, facts)
    else:
        name = "__editable__.pack-1.0.pth" if form == "path-file" else "pack.egg-link"
        (site / name).write_text(f"{source}\n")
    item = refused(site)
    assert ("pack", {"path-file": "path-entry"}.get(form, "editable"), True, True) == (
        item.name,
        item.code,
        str(source) in item.reason,
        "build a wheel" in item.hint,
    )


NEWER = {"micropip-lock.json": json.dumps({**OURS, "version": 2})}


@pytest.mark.parametrize(
    ("records", "source"), [(by_micropip(PACK), url_of(PACK)), (LOADED, "pyodide")], ids=["micropip", "loadPackage"]
)
def test_r19_a_record_of_a_newer_format(tmp_path: Path, records: Mapping[str, str], source: str) -> None:
    """A record that a newer micropip-lock wrote is passed over with a note; the next source is taken."""
    put(tmp_path, PACK, {**records, **NEWER})
    lock = frozen(tmp_path, Booted(PACK))
    origin = lock.packages["pack"].origin
    assert ([("pack", "record-version")], "version 1", "2", source) == (
        noted(lock),
        lock.notes[0].expected,
        lock.notes[0].got,
        origin and origin.source,
    )


def test_r19_nothing_but_a_newer_record(tmp_path: Path) -> None:
    """Where there is no next source, the newer record is the reason, with what to do."""
    put(tmp_path, PACK, {"INSTALLER": "micropip", **NEWER})
    item = refused(tmp_path)
    assert ("record-version", "update micropip-lock") == (item.code, item.hint)


def test_r20_another_build_than_the_runtimes(tmp_path: Path) -> None:
    """The installed build is locked; that Pyodide has another one of this version is noted with both digests (F18)."""
    put(tmp_path, PACK, records_of(PACK))
    lock = frozen(tmp_path, Booted(REBUILT))
    (note,) = lock.notes
    assert ("pack", "source-conflict", f"sha256 {PACK.sha256}", f"sha256 {REBUILT.sha256}", PACK.sha256) == (
        note.package,
        note.code,
        note.expected,
        note.got,
        lock.packages["pack"].wheel.digest.hex,
    )
