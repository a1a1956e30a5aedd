"""Scripts that a wheel asks for: those that can be written, and every other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.entry_points import wrong_scripts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[console_scripts]\nrun = pkg:main\n",
        "[console_scripts]\r\nrun=pkg.sub:main.inner [extra,more]\r\n",
        "[gui_scripts]\nrun.exe = pkg\n",
        "[ console_scripts ]\n  my-run = pkg : main\n",
        "[console_scripts]\n# ../x = y:z\n; ../x = y:z\n\nno line of ours\n",
        "[other]\n../x = y; z\n[console_scripts]\nrun = pkg:main\n",
        "../x = before:any.group\n",
    ],
)
def test_right_scripts(text: str) -> None:
    """Scripts as build tools write them, comments, and groups that nobody makes files of."""
    assert [] == list(wrong_scripts(text))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("../evil = pkg:main", "../evil"),
        ("/bin/evil = pkg:main", "/bin/evil"),
        ("..\\evil = pkg:main", "..\\evil"),
        ("c:evil = pkg:main", "c:evil"),
        (".. = pkg:main", ".."),
        (". = pkg:main", "."),
        (" = pkg:main", ""),
        ("a\tb = pkg:main", "a\tb"),
        ("run = pkg:main; import os", "run"),
        ("run = ", "run"),
        ("run = pkg:", "run"),
        ("run = pkg:main()", "run"),
        ("run = a/b:main", "run"),
    ],
)
@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
def test_wrong_scripts(line: str, name: str, group: str) -> None:
    """A name that is no file's, and a reference that is no object's, are told by their names."""
    assert [name] == [wrong for wrong, _ in wrong_scripts(f"[{group}]\ngood = pkg:main\n{line}\n")]


@given(st.text(alphabet="ab./\\:= \t[]:;\n"), st.sampled_from(["../", "/", "x/../", "..\\"]))
def test_no_name_is_a_path(text: str, way_out: str) -> None:
    """Whatever stands before it, a script whose name has a directory in it is told."""
    wrong = [name for name, _ in wrong_scripts(f"{text}\n[console_scripts]\n{way_out}x = pkg:main\n")]
    assert f"{way_out}x" == wrong[-1]


@pytest.mark.parametrize(
    "before",
    [
        "[console_scripts] ; scripts",
        "[[console_scripts]]",
        "\ufeff[console_scripts]",
        "[console_scripts]\nrun = pkg:main\n  [other]",
        "[console_scripts]\n[other] ; and more",
        "[console_scripts]\n[[other]]",
        "[console_scripts]\r[console_scripts]",
    ],
)
def test_no_heading_hides_a_script(before: str) -> None:
    """A script under a heading that readers understand differently is checked all the same."""
    assert ["../evil"] == [wrong for wrong, _ in wrong_scripts(f"{before}\n../evil = pkg:main\n")]


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_no_line_end_hides_a_script(end: str) -> None:
    """A line that only some readers end is told, so that no heading hides in a comment."""
    text = f"[console_scripts]\n# {end}[other]\n../evil = pkg:main\n"
    assert [f"# {end}[other]", "../evil"] == [wrong for wrong, _ in wrong_scripts(text)]
