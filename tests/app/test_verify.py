"""Verify: an environment is what the lock says when nothing is added, lost or changed, and every origin is proven."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.verify import verify
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import INSTALLER_FILES
from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Lock, Mock
from micropip_lock.core.verdict import VerifyReport
from micropip_lock.ports import RuntimeLock, SiteReader
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import records_of
from tests.app.replaying import Network, lock_of, locked, run

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n", "six_data/table.txt": "1\n"})
PACK = wheel("pack", "1.0", files={"pack/__init__.py": "", "pack/data.txt": "data\n"})
INFO = SIX.dist_info
LOCK = lock_of(SIX)


def site_of(*wheels: BuiltWheel, **facts: Any) -> MemorySite:
    site = MemorySite()
    for built in wheels:
        site.install(built, records_of(built, **facts))
    return site


def checked(
    lock: Lock, site: SiteReader, *wheels: BuiltWheel, packages: Mapping[str, Any] | None = None
) -> VerifyReport:
    at_hand = {built.filename: built.data for built in wheels}
    return verify(lock, site, RuntimeLock(packages=packages or {}), read_wheel=lambda one: at_hand.get(one.filename))


def codes(report: VerifyReport) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.package, finding.code) for finding in report]


async def test_what_a_replay_installed(tmp_path: Path) -> None:
    """What a replay installed is what the lock says; bytecode that an import left is no matter."""
    await run(tmp_path, lock_of(SIX, PACK), network=Network(wheels=[SIX, PACK]))
    (tmp_path / "pack/__pycache__").mkdir()
    (tmp_path / "pack/__pycache__/__init__.cpython-314.pyc").write_bytes(b"x")

    assert () == checked(lock_of(SIX, PACK), SitePackages(tmp_path)).findings


async def test_what_was_added_and_edited(tmp_path: Path) -> None:
    """Edited, lost and added files, a path file and a module of nobody: each is named."""
    await run(tmp_path, lock_of(SIX, PACK), network=Network(wheels=[SIX, PACK]))
    (tmp_path / "six.py").write_text("PY3 = False\n")
    (tmp_path / "pack/data.txt").unlink()
    (tmp_path / "pack/added.py").write_text("")
    (tmp_path / "mine.pth").write_text("import os\n")
    (tmp_path / "mine.py").write_text("")
    report = checked(lock_of(SIX, PACK), SitePackages(tmp_path))

    assert [
        ("error", "pack", "file-extra", "pack/added.py"),
        ("error", "pack", "file-missing", "pack/data.txt"),
        ("error", "six", "file-changed", "six.py"),
        ("note", "mine", "unowned-module", None),
        ("note", "mine.pth", "path-file", None),
    ] == [(one.severity, one.package, one.code, one.path) for one in report]


def test_another_build_by_its_record() -> None:
    """The same version installed from another wheel is found by the recorded digest."""
    other = Digest.of(b"another build")
    report = checked(LOCK, site_of(SIX, digest=other))

    assert [("digest-differs", SIX.sha256, other.hex)] == [(one.code, one.expected, one.got) for one in report]


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (SIX.sha256, []),
        (SIX.sha256.upper() + "\n", []),
        ("0" * 64, ["digest-differs"]),
        ("not a digest", ["hash-form"]),
        ("", ["no-record"]),
    ],
)
def test_record_of_micropip(digest: str, expected: list[str]) -> None:
    """Without a record of ours, the digest that micropip wrote counts."""
    site = MemorySite()
    url = f"https://files.example/{SIX.filename}"
    site.install(SIX, {"PYODIDE_SHA256": digest, "PYODIDE_URL": url, "INSTALLER": "micropip"})

    assert expected == [one.code for one in checked(LOCK, site).errors]


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ({"six": {"version": "1.16.0", "file_name": SIX.filename, "sha256": SIX.sha256}}, []),
        ({"six": {"version": "1.16.0", "file_name": SIX.filename, "sha256": "0" * 64}}, ["digest-differs"]),
        ({}, ["not-in-runtime-lock"]),
    ],
)
def test_what_the_runtime_brought(packages: dict[str, Any], expected: list[str]) -> None:
    """What ``loadPackage`` brought is the wheel that the runtime's own lock names."""
    site = MemorySite()
    site.install(SIX, {"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "pyodide"})

    assert expected == [one.code for one in checked(LOCK, site, packages=packages).errors]


@pytest.mark.parametrize("installer", ["pip", "uv", ""])
def test_an_origin_that_nobody_recorded_is_an_error(installer: str) -> None:
    """When nothing says which wheel it came from, the environment is not proven, though every file is as installed."""
    site = MemorySite()
    site.install(SIX, {"INSTALLER": f"{installer}\n"})
    report = checked(LOCK, site)

    assert ([("error", "six", "no-record")], False, 4) == (codes(report), report.ok, report.files_checked)


def test_a_shipped_record_is_no_record() -> None:
    """A record counts only beside the name of an installer that writes such; a wheel can bring any file."""
    site = MemorySite()
    site.install(SIX, {**records_of(SIX), "INSTALLER": "pip"})

    assert [("error", "six", "no-record")] == codes(checked(LOCK, site))


def test_the_wheel_at_hand_proves_it() -> None:
    """What pip installed is proven by the RECORD of the locked wheel, when that is at hand."""
    site = MemorySite()
    site.install(SIX, {"INSTALLER": "pip\n", "REQUESTED": ""})

    assert () == checked(LOCK, site, SIX).findings


@pytest.mark.parametrize("added", ["", "six_more.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"])
def test_the_wheel_at_hand_speaks_against_it(added: str) -> None:
    """A file that was edited together with RECORD, or added to both, is told by the RECORD of the locked wheel."""
    site = MemorySite()
    site.install(SIX, {"INSTALLER": "pip"})
    site.write("six.py" if not added else "six_more.py", "" if added else "evil\n")
    text = (site.read(f"{INFO}/RECORD") or b"").decode()
    row = f"six.py,{Digest.of(b'evil' + bytes([10])).record},5\n"
    lines = [line for line in text.splitlines(keepends=True) if added or not line.startswith("six.py,")]
    site.write(f"{INFO}/RECORD", "".join([added or row, *lines]))
    report = checked(LOCK, site, SIX)

    assert ["digest-differs"] == [one.code for one in report.errors]


def test_a_spoilt_wheel_at_hand_proves_nothing() -> None:
    """A file of the wheel's name that is another one proves nothing."""
    site = MemorySite()
    site.install(SIX, {"INSTALLER": "pip"})

    assert [("error", "six", "no-record")] == codes(checked(LOCK, site, SIX.with_data(PACK.data)))


def test_edited_record_is_forged() -> None:
    """A file that was edited together with RECORD is still found: the record names the RECORD it belongs to."""
    site = site_of(SIX)
    site.write("six.py", "evil\n")
    text = (site.read(f"{INFO}/RECORD") or b"").decode()
    lines = [line for line in text.splitlines() if not line.startswith("six.py,")]
    row = f"six.py,{Digest.of(b'evil' + bytes([10])).record},5"
    site.write(f"{INFO}/RECORD", "\n".join([row, *lines]) + "\n")

    assert [("error", "six", "record-forged")] == codes(checked(LOCK, site))


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("{", "record-unreadable"),
        ("[]", "record-unreadable"),
        (json.dumps({"version": 99, "source": "url"}), "record-version"),
    ],
)
def test_unreadable_record_of_ours(record: str, code: str) -> None:
    """A record of ours that cannot be read is an error with its own code."""
    site = site_of(SIX)
    site.write(f"{INFO}/micropip-lock.json", record)
    for name in INSTALLER_FILES - {"micropip-lock.json", "INSTALLER", "RECORD"}:
        site.remove(f"{INFO}/{name}")

    assert [("error", "six", code)] == codes(checked(LOCK, site))


def test_a_record_that_cannot_be_read_takes_no_files_from_anybody() -> None:
    """When a RECORD cannot be read that is one error; its files are not called nobody's besides."""
    site = site_of(SIX, PACK)
    site.write(f"{INFO}/RECORD", 'six.py,"')

    assert [("error", "six", "record-unreadable")] == codes(checked(lock_of(SIX, PACK), site))


def test_an_egg_of_a_locked_name() -> None:
    """A second distribution of a locked name is an error, even without a dist-info directory; another one is a note."""
    site = site_of(SIX)
    site.write("six-1.15.egg-info/PKG-INFO", "")
    site.write("old-1.15.egg-info/PKG-INFO", "")

    assert [("error", "six", "duplicate"), ("note", "old", "unlocked-extra")] == codes(checked(LOCK, site))


def test_modules_of_mock_packages_belong_to_them() -> None:
    """The files of a mock package are its own: they are neither extra nor of nobody."""
    mock = Mock(name=locked(PACK).name, display_name="pack", version="1.0", persistent=True, modules={"pack": "A = 1"})
    site = site_of(SIX)
    for path, text in mock_files(mock, root="/lib/site-packages/").items():
        site.write(path, text)

    assert () == checked(replace(LOCK, mocks={mock.name: mock}), site).findings


def test_one_import_name_twice() -> None:
    """Two locked packages with one import name are a note: the environment is what the lock says all the same."""
    other = wheel("other", files={"six/__init__.py": ""})
    both = lock_of(locked(SIX, imports=("six",)), locked(other, imports=("six",)))
    report = checked(both, site_of(SIX, other))

    assert ([("note", "other", "import-clash")], True) == (codes(report), report.ok)
