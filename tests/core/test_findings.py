"""An environment against a lock: every code, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core import findings
from micropip_lock.core.digest import Digest
from micropip_lock.core.findings import Finding, InstalledFiles, VerifyReport, leaves_site
from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Abi, Lock, LockedPackage, Mock, Wheel, by_name
from micropip_lock.errors import RecordError
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


def verify(lock: Lock, installed: Iterable[InstalledFiles], **facts: Any) -> VerifyReport:
    """As when every origin is recorded, and is the locked one."""
    return findings.verify(lock, installed, **{"digest_of": lambda package, dist: package.wheel.digest, **facts})


def recorded(*wheels: BuiltWheel) -> MemorySite:
    return MemorySite(wheels=wheels)


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
    """Another version is an error that names both."""
    report = verify(lock(package(SIX)), recorded(wheel("six", "1.15.0")).distributions())

    assert [("version-differs", "1.16.0", "1.15.0")] == [(one.code, one.expected, one.got) for one in report]


def test_another_wheel() -> None:
    """The same version installed from another wheel is an error that names both digests."""
    other = Digest.of(b"another build")
    report = verify(lock(package(SIX)), recorded(SIX).distributions(), digest_of=lambda package, dist: other)

    assert [("error", "digest-differs", SIX.sha256, other.hex)] == [
        (one.severity, one.code, one.expected, one.got) for one in report
    ]


def test_an_origin_that_nothing_proves_is_an_error() -> None:
    """Why nothing says which wheel it came from is told as an error, and its files are compared all the same."""

    def digest_of(package: LockedPackage, dist: InstalledFiles) -> Digest:
        raise RecordError("nothing says it", code="no-record", got="installed by hand")

    report = verify(lock(package(SIX)), recorded(SIX).distributions(), digest_of=digest_of)

    assert ([("error", "six", "no-record")], ["installed by hand"], 4) == (
        codes(report),
        [one.got for one in report],
        report.files_checked,
    )


def test_what_is_left_to_the_site_is_no_extra() -> None:
    """What the lock leaves to the site may be there or not."""
    left = replace(lock(package(SIX)), site={"rich": "13.9.4"})

    assert ((), ()) == (
        verify(left, recorded(SIX, RICH).distributions()).findings,
        verify(left, recorded(SIX).distributions()).findings,
    )


def test_findings_of_others() -> None:
    """Findings of others stand in the report by the same order, and count."""
    other = Finding(package="a", code="file-extra", message="a file")
    report = verify(lock(package(SIX)), recorded(RICH).distributions(), beside=[other])

    assert ([("error", "a"), ("error", "six"), ("note", "rich")], False) == (
        [(one.severity, one.package) for one in report],
        report.ok,
    )


def test_equal_versions_in_two_spellings() -> None:
    """Versions are compared as PEP 440 does, not as text."""
    report = verify(lock(package(SIX, version="1.16")), recorded(SIX).distributions())

    assert () == report.findings


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
        [(one.severity, one.code, one.path) for one in report],
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
