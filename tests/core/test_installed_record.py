"""Tests of :mod:`micropip_lock.core.installed_record`."""

from __future__ import annotations

import pytest

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import RecordRow, parse_record
from micropip_lock.core.installed_record import RecordDifference, compare_records, edited_file, script_names, unlisted

INFO = "demo-1.0.dist-info"
ENTRY_POINTS = "[console_scripts]\nDemo = demo:main\n"
WHEEL: dict[str, str | None] = {
    "demo/__init__.py": "one",
    "demo/core.py": "two",
    "demo-1.0.data/scripts/run": "#!python",
    "demo-1.0.data/data/share/demo/x.txt": "shared",
    "demo-1.0.data/headers/demo.h": "header",
    "demo-1.0.data/purelib/extra.py": "three",
    f"{INFO}/METADATA": "Name: demo",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0",
    f"{INFO}/entry_points.txt": ENTRY_POINTS,
}
INSTALLED: dict[str, str | None] = {
    "../../bin/Demo": "generated",
    "../../bin/run": "#!/usr/bin/python3",
    "../../include/demo/demo.h": "header",
    "../../share/demo/x.txt": "shared",
    "demo/__init__.py": "one",
    "demo/core.py": "two",
    "extra.py": "three",
    f"{INFO}/INSTALLER": "pip",
    f"{INFO}/METADATA": "Name: demo",
    f"{INFO}/REQUESTED": "",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0",
    f"{INFO}/direct_url.json": "{}",
    f"{INFO}/entry_points.txt": ENTRY_POINTS,
}


def rows(files: dict[str, str | None]) -> list[RecordRow]:
    """RECORD with digests of the given contents; ``None`` for a row without one."""
    found = [
        RecordRow(path=path, digest=None if content is None else Digest.of(content.encode()), size=None)
        for path, content in files.items()
    ]
    return [*found, RecordRow(path=f"{INFO}/RECORD", digest=None, size=None)]


def compare(
    wheel: dict[str, str | None] | None = None, installed: dict[str, str | None] | None = None, dist_info: str = INFO
) -> RecordDifference:
    return compare_records(
        rows(WHEEL | (wheel or {})),
        rows(INSTALLED | (installed or {})),
        wheel_dist_info=INFO,
        dist_info=dist_info,
        entry_points=ENTRY_POINTS,
    )


def test_what_installers_change_is_no_difference() -> None:
    """Moved data, rewritten scripts, generated scripts and the installer's own files are explained."""
    assert RecordDifference() == compare()


@pytest.mark.parametrize(
    "path",
    [
        "demo/__pycache__/core.cpython-314.pyc",
        "demo/__pycache__/core.cpython-314.opt-1.pyc",
        "__pycache__/extra.cpython-314.pyc",
        "bin/Demo",
        "../../Scripts/Demo.exe",
        "../Scripts/Demo-script.py",
        f"{INFO}/uv_cache.json",
        f"{INFO}/PYODIDE_URL",
        f"{INFO}/micropip-lock.json",
    ],
)
def test_explained_rows(path: str) -> None:
    """Compiled files of the wheel's modules, scripts of its entry points and installers' files are expected."""
    assert RecordDifference() == compare(installed={path: None})


@pytest.mark.parametrize(
    "path",
    [
        "demo/new.py",
        "other.pth",
        "demo/__pycache__/new.cpython-314.pyc",
        "demo/Demo",
        "../../bin/other",
        "../../bin/demo",
        f"{INFO}/notes.txt",
        f"{INFO}/deep/INSTALLER",
    ],
)
def test_unexplained_rows(path: str) -> None:
    """A row that neither the wheel nor an installer explains is a difference."""
    assert RecordDifference(extra=(path,)) == compare(installed={path: "x"})


@pytest.mark.parametrize("path", ["demo/core.py", f"{INFO}/METADATA", f"{INFO}/WHEEL"])
def test_another_build(path: str) -> None:
    """A file with another digest means another build."""
    difference = compare(wheel={path: "other"})
    assert (RecordDifference(changed=(path,)), True) == (difference, difference.is_another_build)


def test_taken_out() -> None:
    """A file of the wheel that is not in the installed RECORD is missing, which is no other build."""
    difference = compare(wheel={"demo/tests.py": "x", "demo-1.0.data/data/share/y": "y"})
    expected = RecordDifference(missing=("demo-1.0.data/data/share/y", "demo/tests.py"))
    assert (expected, False) == (difference, difference.is_another_build)


def test_moved_data_is_known_by_digest() -> None:
    """Data at its place with other content is changed, not moved."""
    path = "demo-1.0.data/data/share/demo/x.txt"
    assert RecordDifference(changed=(path,)) == compare(wheel={path: "other"})


def test_no_digest_proves_nothing() -> None:
    """A row without SHA-256 on either side is told as such."""
    assert RecordDifference(unproven=("demo/core.py",)) == compare(wheel={"demo/core.py": None})


def test_dist_info_of_another_spelling() -> None:
    """An installer may spell the dist-info directory in its own way."""
    installed = {path.replace(INFO, "Demo-1.0.dist-info"): content for path, content in INSTALLED.items()}
    difference = compare_records(
        rows(WHEEL),
        [*rows(installed)[:-1], RecordRow(path="Demo-1.0.dist-info/RECORD", digest=None, size=None)],
        wheel_dist_info=INFO,
        dist_info="Demo-1.0.dist-info",
        entry_points=ENTRY_POINTS,
    )
    assert RecordDifference() == difference


def test_padding_and_order_do_not_matter() -> None:
    """Digests are compared as digests, however a RECORD spells and sorts them."""
    digest = Digest.of(b"one").record
    wheel = parse_record(f"a.py,{digest},3\nb.py,{digest},3\n")
    installed = parse_record(f"b.py,{digest}=,\r\n./a.py,{digest}=,3\r\n")
    assert not compare_records(wheel, installed, wheel_dist_info=INFO, dist_info=INFO)


def test_difference_in_words() -> None:
    """A long difference is told by its first paths and their number."""
    difference = RecordDifference(changed=("a", "b", "c", "d", "e"), extra=("x",))
    assert "changed: a, b, c and 2 more; not in the wheel: x" == str(difference)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, []),
        ("", []),
        ("[console_scripts]\nA-b = x:y\nc.d=x:y [extra]\n[gui_scripts]\nE = x\n[other]\nf = x\n", ["A-b", "c.d", "E"]),
        ("no section = at:all\n", []),
        ("[console_scripts\nx", []),
    ],
)
def test_script_names(text: str | None, names: list[str]) -> None:
    """Names of scripts keep their case; a broken entry_points.txt has none."""
    assert names == script_names(text)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, None),
        ({"demo/core.py": b"edited"}, ("demo/core.py", Digest.of(b"edited").record)),
        ({"demo/core.py": None}, ("demo/core.py", "no such file")),
        ({"../../share/demo/x.txt": b"edited", "../../bin/run": b"edited", f"{INFO}/INSTALLER": b"me"}, None),
    ],
)
def test_edited_file(files: dict[str, bytes | None], found: tuple[str, str] | None) -> None:
    """The first file that is not what RECORD says is named; files outside and installers' own are left alone."""
    there: dict[str, bytes | None] = {path: (content or "").encode() for path, content in INSTALLED.items()}
    assert found == edited_file(rows(INSTALLED), INFO, (there | files).get)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ((*WHEEL, f"{INFO}/RECORD"), []),
        ((*WHEEL, f"{INFO}/RECORD.jws"), []),
        ((*WHEEL, "hidden.py"), ["hidden.py"]),
        (tuple(WHEEL)[1:], ["demo/__init__.py"]),
    ],
)
def test_unlisted(paths: tuple[str, ...], found: list[str]) -> None:
    """Files that are in the archive or in its RECORD only are named."""
    assert found == unlisted(rows(WHEEL), paths, INFO)
