"""An environment against a lock: every code, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, format_records
from micropip_lock.core.findings import Finding, VerifyReport, leaves_site, verify
from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Abi, Lock, LockedPackage, Mock, Origin, Wheel, by_name
from micropip_lock.testing.site import MemorySite
from micropip_lock.testing.wheels import BuiltWheel, wheel

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n", "six_data/table.txt": "1\n"})
RICH = wheel("rich", "13.9.4")
INFO = "six-1.16.0.dist-info"


def url_of(built: BuiltWheel) -> str:
    return f"https://files.example/{built.filename}"


def package(built: BuiltWheel, **facts: Any) -> LockedPackage:
    locked = LockedPackage(
        name=canonicalize_name(built.name),
        display_name=built.name,
        version=built.version,
        wheel=Wheel(url=url_of(built), digest=Digest.from_hex(built.sha256), size=len(built.data)),
    )
    return replace(locked, **facts)


def lock(*packages: LockedPackage) -> Lock:
    return Lock(abi=Abi(abi_version="2026_0", python="3.14.2"), packages=by_name(packages))


def records(built: BuiltWheel, digest: Digest | None = None) -> Mapping[str, str]:
    """What recording leaves beside the wheel's own files."""
    site = MemorySite(wheels=[built])
    directory = next(site.distributions()).directory
    record = OriginRecord(
        origin=Origin(kind="url", url=url_of(built)),
        digest=digest or Digest.from_hex(built.sha256),
        record_digest=Digest.of(site.read(f"{directory}/RECORD") or b""),
    )
    return format_records(record)


def recorded(*wheels: BuiltWheel) -> MemorySite:
    site = MemorySite()
    for built in wheels:
        site.install(built, records(built))
    return site


def codes(report: VerifyReport) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.package, finding.code) for finding in report]


def test_what_is_locked_is_there() -> None:
    """An environment that is what the lock says has no finding, and every file of it was compared."""
    report = verify(lock(package(SIX), package(RICH)), recorded(SIX, RICH).distributions())

    # six: two modules, METADATA and WHEEL; rich: one module, METADATA and WHEEL.
    assert ((), True, 2, 7) == (report.findings, report.ok, report.packages_checked, report.files_checked)


def test_missing() -> None:
    """A locked package that is not installed is missing."""
    report = verify(lock(package(SIX)), [])

    assert (Finding(package="six", code="missing", message="locked, but not installed", expected="1.16.0"),) == (
        report.findings
    )


def test_unlocked_extra_is_a_note() -> None:
    """What is installed and not locked is told and does not make the environment wrong."""
    report = verify(lock(package(SIX)), recorded(SIX, RICH).distributions())

    assert ([("note", "rich", "unlocked-extra")], True) == (codes(report), report.ok)


def test_version_differs() -> None:
    """Another version is an error that names both, and so is its digest."""
    report = verify(lock(package(SIX)), recorded(wheel("six", "1.15.0")).distributions())

    assert [("version-differs", "1.16.0", "1.15.0"), ("digest-differs", SIX.sha256)] == [
        ("version-differs", report.findings[0].expected, report.findings[0].got),
        ("digest-differs", report.findings[1].expected),
    ]


def test_equal_versions_in_two_spellings() -> None:
    """Versions are compared as PEP 440 does, not as text."""
    report = verify(lock(package(SIX, version="1.16")), recorded(SIX).distributions())

    assert () == report.findings


def test_same_version_of_another_build() -> None:
    """The same version installed from another wheel is found by the recorded digest."""
    other = Digest.of(b"another build")
    site = MemorySite()
    site.install(SIX, records(SIX, other))
    report = verify(lock(package(SIX)), site.distributions())

    assert [("error", "six", "digest-differs")] == codes(report)
    assert (SIX.sha256, other.hex) == (report.findings[0].expected, report.findings[0].got)


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (SIX.sha256, []),
        (SIX.sha256.upper() + "\n", []),
        ("0" * 64, [("error", "six", "digest-differs")]),
        ("not a digest", [("error", "six", "record-unreadable")]),
        ("", [("note", "six", "no-record")]),
    ],
)
def test_record_of_micropip(digest: str, expected: list[tuple[str, str, str]]) -> None:
    """Without a record of ours, the digest that micropip wrote is compared."""
    site = MemorySite()
    site.install(SIX, {"PYODIDE_SHA256": digest, "INSTALLER": "micropip"})

    assert expected == codes(verify(lock(package(SIX)), site.distributions()))


def test_no_record_is_a_note() -> None:
    """An install without any record is told: its files were compared, its wheel was not."""
    report = verify(lock(package(SIX)), MemorySite(wheels=[SIX]).distributions())

    assert ([("note", "six", "no-record")], 4) == (codes(report), report.files_checked)


def test_changed_file() -> None:
    """An edited file is an error that names the path and both digests."""
    site = recorded(SIX)
    site.write("six.py", "PY3 = False\n")
    report = verify(lock(package(SIX)), site.distributions())

    assert (
        Finding(
            package="six",
            code="file-changed",
            message="a file is not the one that was installed",
            path="six.py",
            expected=hashlib.sha256(b"PY3 = True\n").hexdigest(),
            got=hashlib.sha256(b"PY3 = False\n").hexdigest(),
        ),
    ) == report.findings


def test_missing_file() -> None:
    """A file that RECORD lists and that is gone is an error."""
    site = recorded(SIX)
    site.remove("six_data")
    report = verify(lock(package(SIX)), site.distributions())

    assert [("file-missing", "six_data/table.txt")] == [(one.code, one.path) for one in report]


def test_edited_record_is_forged() -> None:
    """A file that was edited together with RECORD is still found: the record names the RECORD it belongs to."""
    site = recorded(SIX)
    site.write("six.py", "evil\n")
    text = (site.read(f"{INFO}/RECORD") or b"").decode()
    lines = [line for line in text.splitlines() if not line.startswith("six.py,")]
    row = f"six.py,{Digest.of(b'evil' + bytes([10])).record},5"
    site.write(f"{INFO}/RECORD", "\n".join([row, *lines]) + "\n")

    assert [("error", "six", "record-forged")] == codes(verify(lock(package(SIX)), site.distributions()))


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
    site = recorded(SIX)
    site.write(f"{INFO}/micropip-lock.json", record)

    assert [("error", "six", code)] == codes(verify(lock(package(SIX)), site.distributions()))


@pytest.mark.parametrize("text", [None, b"\xff\xfe", b'six.py,"', b"six.py,sha256=short,1\n", b"six.py,,many\n"])
def test_unreadable_record_file(text: bytes | None) -> None:
    """A RECORD that is missing, not UTF-8, not CSV or malformed is one error; nothing else can be checked."""
    site = recorded(SIX)
    site.remove(f"{INFO}/RECORD")
    if text is not None:
        site.write(f"{INFO}/RECORD", text)
    report = verify(lock(package(SIX)), site.distributions())

    assert ([("error", "six", "record-unreadable")], 0) == (codes(report), report.files_checked)


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("/etc/passwd", "error"),
        ("C:/secret", "error"),
        ("six/../../victim.txt", "error"),
        ("../victim.txt", "note"),
        ("../../../bin/six", "note"),
    ],
)
def test_unsafe_paths_are_never_followed(path: str, severity: str) -> None:
    """A path that leaves site-packages is told and never read, not even when it exists."""
    asked = []

    class Watched:
        directory = INFO

        def read_text(self, filename: str) -> str | None:
            metadata = "Name: six\nVersion: 1.16.0\n"
            return {"RECORD": f"{path},{Digest.of(b'').record},0\n", "METADATA": metadata}.get(filename)

        def read_file(self, path: str) -> bytes | None:
            asked.append(path)
            return b""

        def mock_modules(self) -> None:
            return None

    report = verify(lock(package(SIX)), [Watched()])

    assert ([(severity, "record-unsafe-path", path)], []) == (
        [(one.severity, one.code, one.path) for one in report if one.code != "no-record"],
        asked,
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("six.py,,", []),
        ("six.py,,11", []),
        ("six.py,,12", [("file-changed", "12 bytes", "11 bytes")]),
        ("__pycache__/six.cpython-314.pyc,,", []),
        ("gone.py,,", [("file-missing", None, None)]),
        (f"{INFO}/INSTALLER,{Digest.of(b'pip').record},3", []),
        (f"{INFO}/RECORD,,", []),
        ("other.dist-info/INSTALLER,,", [("file-missing", None, None)]),
    ],
)
def test_rows_without_a_digest(row: str, expected: list[tuple[str, str | None, str | None]]) -> None:
    """Sizes are compared where there is no digest; caches may be gone; an installer's own files are its own."""
    site = MemorySite(
        {
            "six.py": "PY3 = True\n",
            f"{INFO}/METADATA": "Name: six\nVersion: 1.16.0\n",
            f"{INFO}/INSTALLER": "micropip",
            f"{INFO}/RECORD": f"{row}\n",
        }
    )
    report = verify(lock(package(SIX)), site.distributions())

    assert expected == [(one.code, one.expected, one.got) for one in report.errors]


def test_duplicate() -> None:
    """Two dist-info directories of one locked package are an error that names both."""
    site = recorded(SIX)
    site.write("Six-1.15.0.dist-info/METADATA", "Name: Six\nVersion: 1.15.0\n")
    report = verify(lock(package(SIX)), site.distributions())

    assert f"Six-1.15.0.dist-info, {INFO}" == next(one.got for one in report if one.code == "duplicate")


def test_shared_libraries_are_not_checked() -> None:
    """A shared library leaves no record in the environment; that it was not looked at is told."""
    library = package(SIX, package_type="shared_library", wheel=Wheel(url="libx.zip", digest=Digest.of(b"")))

    assert [("note", "six", "not-checked")] == codes(verify(lock(library), []))


def test_identity_without_metadata() -> None:
    """Without METADATA the directory's name says what is installed, and the missing file is found."""
    site = recorded(SIX)
    site.remove(f"{INFO}/METADATA")
    report = verify(lock(package(SIX)), site.distributions())

    assert [("file-missing", f"{INFO}/METADATA")] == [(one.code, one.path) for one in report]


@given(
    st.dictionaries(
        st.sampled_from(["METADATA", "RECORD", "micropip-lock.json", "PYODIDE_SHA256", "INDEX"]),
        st.text(max_size=40) | st.binary(max_size=40),
    ),
    st.sampled_from(["six-1.16.0.dist-info", ".dist-info", "é-.dist-info"]),
)
def test_any_dist_info_gives_findings(files: dict[str, str | bytes], directory: str) -> None:
    """Whatever lies in a dist-info directory, verify returns a report and raises nothing."""
    site = MemorySite({f"{directory}/{name}": _bytes(text) for name, text in files.items()})
    report = verify(lock(package(SIX)), site.distributions())

    assert report.ok == (report.errors == ())


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def test_report_in_all_forms() -> None:
    """A report is true when there is no error, lists errors before notes, and has text, JSON and HTML forms."""
    site = recorded(SIX, RICH)
    site.write("six.py", "<b>")
    one = lock(package(SIX))
    report = verify(one, site.distributions())
    expected, got = Digest.of(b"PY3 = True\n"), Digest.of(b"<b>")
    message = "a file is not the one that was installed"

    assert (
        False,
        [
            f"error: six: file-changed: {message} (six.py): expected {expected}, got {got}",
            "note: rich: unlocked-extra: installed, but not in the lock: got 13.9.4",
            "1 error: 1 package and 4 files checked",
        ],
        "<VerifyReport 1 error: 1 package and 4 files checked>",
        {"ok": False, "lock": one.id, "packages": 1, "files": 4},
        {
            "severity": "note",
            "package": "rich",
            "code": "unlocked-extra",
            "message": "installed, but not in the lock",
            "got": "13.9.4",
        },
    ) == (
        bool(report),
        report.lines(),
        repr(report),
        {key: value for key, value in report.to_json().items() if key != "findings"},
        report.to_json()["findings"][1],
    )


def test_good_report_says_so() -> None:
    """A report without errors says in words that the environment is what the lock says."""
    report = verify(lock(package(SIX)), recorded(SIX).distributions())

    assert "the environment is what the lock says: 1 package and 4 files checked" == str(report)


def test_html_escapes() -> None:
    """The HTML table escapes what the environment says of itself."""
    site = MemorySite({"x.dist-info/METADATA": "Name: <img src=x>\nVersion: 1\n"})
    html = verify(lock(), site.distributions())._repr_html_()

    assert (False, True) == ("<img" in html, "&lt;img src=x&gt;" in html)


@pytest.mark.parametrize(
    ("path", "leaves"),
    [
        ("six.py", False),
        ("a..b/c.py", False),
        ("a/b:c.py", False),
        ("../x", True),
        ("a/../../x", True),
        ("/x", True),
        ("c:/x", True),
        ("a\0b", True),
        ("..", True),
    ],
)
def test_paths_that_leave(path: str, leaves: bool) -> None:
    """Absolute paths, drives, parent segments and NUL leave; two dots inside a name do not."""
    assert leaves == leaves_site(path)


MOCK = Mock(name=canonicalize_name("six"), display_name="six", version="1.0", persistent=True, modules={"six": "A = 1"})


def with_mock(mock: Mock) -> MemorySite:
    return MemorySite(mock_files(mock))


def test_a_mock_in_place_of_a_package() -> None:
    """A mock package where the lock installs a wheel is one error, not a list of files that are missing."""
    report = verify(lock(package(SIX)), with_mock(MOCK).distributions())

    assert [("error", "six", "mocked")] == codes(report)


@pytest.mark.parametrize(
    ("site", "found"),
    [
        (with_mock(MOCK), []),
        (MemorySite(), [("error", "six", "mock-missing")]),
        (with_mock(replace(MOCK, version="2.0")), [("error", "six", "mock-differs")]),
        (with_mock(replace(MOCK, modules={"six": "A = 2"})), [("error", "six", "mock-differs")]),
        (recorded(SIX), [("error", "six", "not-a-mock"), ("note", "six", "unlocked-extra")]),
    ],
    ids=["there", "missing", "version", "source", "real"],
)
def test_mocks_of_the_lock(site: MemorySite, found: list[tuple[str, str, str]]) -> None:
    """A mock package of the lock has to be there with the same version, place and sources."""
    assert found == codes(verify(replace(lock(), mocks={"six": MOCK}), site.distributions()))


def test_a_mock_that_is_not_in_the_lock_is_a_note() -> None:
    """A mock package beside the lock is told and does not make the environment wrong."""
    report = verify(lock(), with_mock(MOCK).distributions())

    assert ([("note", "six", "unlocked-extra")], True) == (codes(report), report.ok)
