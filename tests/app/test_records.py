"""Records in dist-info that are missing, wrong or forged (R01 to R13): what a freeze says of each, while it only reads.

The numbers are those of the table in ``docs/features.md``. Each case is a real directory, frozen with and without
``strict``; R14 to R20 are in ``tests/app/test_record_sources.py``, and what needs a real Pyodide to happen is also in
``tests/e2e/test_node_records.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.app.freeze import freeze
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Origin
from micropip_lock.errors import UnlockableError
from micropip_lock.testing import wheel
from tests.app.in_directories import LOADED, Booted, by_micropip, frozen, noted, put, refused
from tests.app.recorded import INDEX, RUNTIME, records_of, url_of
from tests.app.replaying import Network, lock_of, run

PACK = wheel("pack", "1.0", files={"pack/__init__.py": "one = 1\n", "pack/data.txt": "data\n"})
REBUILT = wheel("pack", "1.0", files={"pack/__init__.py": "one = 2\n", "pack/data.txt": "data\n"})
SECRET = "s3cr3t-word"


def test_r01_no_record(tmp_path: Path) -> None:
    """A package copied by hand is told with how to find or record it; a module without dist-info is noted."""
    put(tmp_path, PACK)
    (tmp_path / "loose.py").write_text("")
    lock = frozen(tmp_path)
    (item,) = lock.unlocked
    assert ("pack", "1.0", "no-record", True, True, [("loose", "unowned-module")]) == (
        item.name,
        item.version,
        item.code,
        "no installer is recorded" in item.reason,
        "micropip_lock.freeze()" in item.hint and "micropip_lock.record()" in item.hint,
        noted(lock),
    )


@pytest.mark.parametrize("url", ["", "\n", " \t"])
def test_r02_an_empty_address(tmp_path: Path, url: str) -> None:
    """A digest beside an empty address does not say where to fetch: no record."""
    put(tmp_path, PACK, by_micropip(PACK, PYODIDE_URL=url))
    item = refused(tmp_path)
    assert ("no-record", True) == (item.code, "micropip_lock.record()" in item.hint)


@pytest.mark.parametrize(
    "digest", ["abc", PACK.sha256[:-1], f"{PACK.sha256}0", f"md5:{PACK.sha256}", "0x" + PACK.sha256[2:], "é" * 64]
)
def test_r03_a_malformed_digest(tmp_path: Path, digest: str) -> None:
    """A digest that is none is told as such, with the file that holds it, and no lock has it."""
    put(tmp_path, PACK, by_micropip(PACK, PYODIDE_SHA256=digest))
    item = refused(tmp_path)
    assert ("hash-form", True, True) == (item.code, "PYODIDE_SHA256" in item.reason, "install it again" in item.hint)


@pytest.mark.parametrize("shipped", ["PYODIDE_URL", "PYODIDE_SOURCE", "micropip-lock.json", "INDEX"])
@pytest.mark.parametrize("installer", ["micropip", "pyodide.loadPackage", "pip", "uv"])
def test_r04_records_that_the_wheel_brought(tmp_path: Path, shipped: str, installer: str) -> None:
    """A wheel that ships a file only an installer writes is refused whoever unpacked it; the file is named (F5)."""
    forged = wheel("pack", "1.0", dist_info={shipped: "https://evil.example/pack-1.0-py3-none-any.whl"})
    records = {"micropip": by_micropip(forged), "pyodide.loadPackage": LOADED}.get(installer, {"INSTALLER": installer})
    put(tmp_path, forged, records)
    item = refused(tmp_path, Booted(forged))
    assert ("record-forged", True, True) == (
        item.code,
        f"pack-1.0.dist-info/{shipped}" in item.reason,
        "uninstall" in item.hint,
    )


@pytest.mark.parametrize(
    "records", [records_of(REBUILT), records_of(PACK, digest=Digest.of(REBUILT.data))], ids=["copied", "changed"]
)
def test_r04_a_record_of_another_wheel(tmp_path: Path, records: Mapping[str, str]) -> None:
    """A record that does not belong to the files beside it is refused, and micropip's word is not taken instead."""
    put(tmp_path, PACK, {**by_micropip(PACK), **records})
    item = refused(tmp_path)
    assert ("record-forged", True) == (item.code, "install it again" in item.hint)


@pytest.mark.parametrize("records", [LOADED, by_micropip(PACK), {"INSTALLER": "pip"}])
@pytest.mark.parametrize("metadata", ["Name: numpy\nVersion: 1.0\n", "Name: pack\nVersion: 2.0\n", "Version: 1.0\n"])
def test_r05_metadata_of_another(tmp_path: Path, records: Mapping[str, str], metadata: str) -> None:
    """METADATA that names another distribution than its directory is refused, whoever installed it (F4)."""
    numpy = wheel("numpy", "1.0")
    put(tmp_path, PACK, {**records, "METADATA": f"Metadata-Version: 2.1\n{metadata}\n"})
    item = refused(tmp_path, Booted(numpy))
    assert ("pack", "identity", True) == (item.name, item.code, "uninstall" in item.hint)


def test_r06_two_of_one_name(tmp_path: Path) -> None:
    """Two dist-info directories of one canonical name lock neither of them."""
    for built in (wheel("Pack_Age", "1.0"), wheel("pack.age", "2.0")):
        put(tmp_path, built, records_of(built))
    item = refused(tmp_path)
    assert ("pack-age", "duplicate", True) == (item.name, item.code, "install it once" in item.hint)


def test_r07_another_host_than_the_indexs_files(tmp_path: Path) -> None:
    """A wheel of an index from another host than the index's other wheels is locked, with a note of both hosts."""
    for name in ("one", "two"):
        put(tmp_path, wheel(name), records_of(wheel(name)))
    origin = Origin(kind="index", url=url_of(PACK).replace("files.example", "evil.example"), index=INDEX)
    put(tmp_path, PACK, records_of(PACK, origin=origin))
    lock = frozen(tmp_path)
    (note,) = lock.notes
    assert ("pack", "host-mismatch", "files.example", "evil.example", True) == (
        note.package,
        note.code,
        note.expected,
        note.got,
        "pack" in lock,
    )


SECRET_URL = url_of(PACK).replace("//", f"//user:{SECRET}@") + f"?token={SECRET}#{SECRET}"
OURS = json.loads(records_of(PACK)["micropip-lock.json"])


@pytest.mark.parametrize(
    "records",
    [
        by_micropip(PACK, PYODIDE_URL=SECRET_URL),
        by_micropip(PACK, PYODIDE_URL=SECRET_URL, PYODIDE_SOURCE=SECRET_URL),
        by_micropip(PACK, PYODIDE_URL=SECRET_URL, PYODIDE_SHA256=""),
        {
            **records_of(PACK),
            "INDEX": INDEX.replace("//", f"//user:{SECRET}@") + f"?token={SECRET}",
            "micropip-lock.json": json.dumps({**OURS, "url": SECRET_URL, "requirement": f"pack @ {SECRET_URL}"}),
        },
        {**LOADED, "PYODIDE_SOURCE": SECRET_URL},
        {"INSTALLER": "pip", "direct_url.json": json.dumps({"url": SECRET_URL, "archive_info": {}})},
        {"INSTALLER": "uv", "direct_url.json": json.dumps({"url": SECRET_URL, "dir_info": {}})},
        {"INSTALLER": "pip", "direct_url.json": json.dumps({"url": SECRET_URL, "vcs_info": {"vcs": "git"}})},
    ],
    ids=["micropip", "micropip-url", "no-digest", "ours", "loaded", "archive", "directory", "checkout"],
)
def test_r08_credentials_are_nowhere(tmp_path: Path, records: Mapping[str, str]) -> None:
    """A password or token in a record is in no lock, note, reason or picture of them; micropip's are noted."""
    put(tmp_path, PACK, records)
    lock = frozen(tmp_path)
    told = [lock.to_json(), repr(lock), str(lock), lock._repr_html_(), repr(lock.notes), repr(lock.unlocked)]
    try:
        freeze(SitePackages(tmp_path), RUNTIME)
    except UnlockableError as error:
        told += [str(error), repr(error), json.dumps(error.to_json()), error._repr_html_()]
    locked = records["INSTALLER"] == "micropip" and bool(records.get("PYODIDE_SHA256", "ours"))
    notes = [("pack", "credentials")] if locked and "micropip-lock.json" not in records else []
    assert ([], notes, locked) == ([text for text in told if SECRET in text], noted(lock), "pack" in lock)


@pytest.mark.parametrize("scheme", ["emfs:/home/pyodide/", "file:///tmp/", "blob:https://page.example/", "../dist/"])
def test_r09_an_address_of_one_session(tmp_path: Path, scheme: str) -> None:
    """A wheel from a place that no other machine can reach is refused, with that place and a way out."""
    url = f"{scheme}{PACK.filename}"
    put(tmp_path, PACK, records_of(PACK, origin=Origin(kind="url", url=url)))
    item = refused(tmp_path)
    assert ("not-replayable", True, True) == (item.code, url in item.reason, "server or an index" in item.hint)


def test_r10_files_that_were_changed(tmp_path: Path) -> None:
    """Files edited, lost and added since the install are told, each kind with its files."""
    put(tmp_path, PACK, records_of(PACK))
    (tmp_path / "pack/__init__.py").write_text("one = 2\n")
    (tmp_path / "pack/data.txt").unlink()
    (tmp_path / "pack/added.py").write_text("")
    lock = frozen(tmp_path)
    found = [(item.code, item.reason.rpartition(": ")[2], item.hint.split()[0]) for item in lock.unlocked]
    assert [
        ("dirty-changed", "pack/__init__.py", "uninstall"),
        ("dirty-extra", "pack/added.py", "delete"),
        ("dirty-missing", "pack/data.txt", "uninstall"),
    ] == found


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (None, "record-unreadable"),
        (b"\xff", "record-unreadable"),
        (b'"pack/__init__.py', "record-unreadable"),
        (b"pack/__init__.py,sha256=abc,8\n", "record-unreadable"),
        (b"pack/__init__.py,,eight\n", "record-unreadable"),
        (b"a,b,c,d\n", "record-unreadable"),
        (b"", "dirty-extra"),
    ],
)
def test_r11_a_record_that_cannot_be_read(tmp_path: Path, record: bytes | None, code: str) -> None:
    """RECORD that is missing, no text, no CSV or no digests is told; one that lists nothing leaves files unowned."""
    directory = put(tmp_path, PACK, by_micropip(PACK))
    (directory / "RECORD").unlink()
    if record is not None:
        (directory / "RECORD").write_bytes(record)
    item = refused(tmp_path)
    assert (code, True) == (item.code, "install" in item.hint)


@pytest.mark.parametrize("as_pyodide", [False, True])
@pytest.mark.parametrize("force", [False, True])
async def test_r12_paths_that_leave_the_site_are_not_followed(tmp_path: Path, force: bool, as_pyodide: bool) -> None:
    """What RECORD lists outside the site is neither read by a freeze nor deleted by a replay that replaces it."""
    site, victim = tmp_path / "lib" / "site", tmp_path / "home" / "victim.txt"
    directory = put(site, PACK, by_micropip(PACK))
    victim.parent.mkdir()
    victim.write_text("mine")
    (site / "link").symlink_to(victim.parent)
    paths = ["../../home/victim.txt", str(victim), "pack/../../../home/victim.txt"]
    with (directory / "RECORD").open("a") as record:
        # Of other bytes: a freeze that followed one would tell a changed file.
        record.writelines([*(f"{path},{Digest.of(b'').record},4\n" for path in paths), "link/victim.txt,,\n"])
    lock = frozen(site)
    installer = SiteInstaller(site, prefix=tmp_path if as_pyodide else None, as_pyodide=as_pyodide)
    report = await run(site, lock_of(REBUILT), Network(wheels=[REBUILT]), force=force, installer=installer)
    assert ("pack", "installed", "mine", "one = 2\n") == (
        *lock.packages,
        report.packages[0].outcome,
        victim.read_text(),
        (site / "pack/__init__.py").read_text(),
    )


@pytest.mark.parametrize("metadata", [None, b"\xff\xfe"])
def test_r13_no_metadata(tmp_path: Path, metadata: bytes | None) -> None:
    """METADATA that is missing or not UTF-8 is told by the name of its directory."""
    directory = put(tmp_path, PACK, records_of(PACK))
    (directory / "METADATA").unlink()
    if metadata is not None:
        (directory / "METADATA").write_bytes(metadata)
    item = refused(tmp_path)
    assert ("pack", "1.0", "no-metadata", True) == (item.name, item.version, item.code, "install it again" in item.hint)
