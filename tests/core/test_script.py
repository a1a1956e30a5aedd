"""Tests of :mod:`micropip_lock.core.script`: the specification's block, read and kept in step."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.script import Script, read_script, with_dependencies
from micropip_lock.errors import MicropipLockError, UsageError

# The example of the specification.
EXAMPLE = """\
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#   "rich",
# ]
#
# [tool.other]
# dependencies = [1]
# ///

import requests
"""
READ = Script(dependencies=("requests<3", "rich"), requires_python=">=3.11", tool={"other": {"dependencies": [1]}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EXAMPLE, READ),
        (EXAMPLE.replace("\n", "\r\n"), READ),
        (f"#!/usr/bin/env python\n{EXAMPLE}", READ),
        ("", None),
        ("import six\n", None),
        ("# /// script\n#\n# ///", Script()),
        ("# /// script\n# ///\n", None),
        ("# /// script\n# dependencies = []\n", None),
        (" # /// script\n# dependencies = []\n# ///\n", None),
        ("# /// pyproject\n# dependencies = ['x']\n# ///\n", None),
        ("# /// script\n# dependencies = ['x']\n# ///\n# /// other\n# a\n# ///\n", None),
        ("#/// script\n# dependencies = ['x']\n# ///\n", None),
        ("# /// script\n#dependencies = ['x']\n# ///\n", None),
        ("# /// script\n# dependencies = ['x']\n#\n# ///\n", Script(dependencies=("x",))),
        ("# /// script\n# dependencies = ['#', ']']\n# ///\n", Script(dependencies=("#", "]"))),
    ],
)
def test_what_a_block_is(text: str, expected: Script | None) -> None:
    """What the specification's expression finds is read; what it does not find is no block."""
    if "# /// other" in text:
        with pytest.raises(UsageError):
            # The expression takes the longest run of comments: the other block becomes content, which is no TOML.
            read_script(text)
    else:
        assert expected == read_script(text)


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        (f"{EXAMPLE}\n{EXAMPLE}", "two blocks", "it, block at line 14"),
        ("# /// script\n# dependencies = [\n# ///\n", "not TOML", "it, block at line 1: the end of the text"),
        ("# /// script\n# a = 1\n# a = 2\n# ///\n", "twice", None),
        ("# /// script\n# dependencies = 'x'\n# ///\n", "wrong type", "it, block at line 1: dependencies"),
        ("# /// script\n# dependencies = [1]\n# ///\n", "wrong type", "it, block at line 1: dependencies"),
        ("# /// script\n# requires-python = 3\n# ///\n", "not a version", "it, block at line 1: requires-python"),
        ("# /// script\n# requires-python = 'x'\n# ///\n", "not a version", "it, block at line 1: requires-python"),
        ("# /// script\n# tool = 3\n# ///\n", "wrong type", "it, block at line 1: tool"),
    ],
)
def test_what_is_refused(text: str, message: str, where: str | None) -> None:
    """Two blocks, text that is no TOML and fields of another form are told with their place."""
    with pytest.raises(UsageError, match=message) as caught:
        read_script(text, "it")
    assert "script-block" == caught.value.code
    if where is not None:
        assert where == caught.value.where


@pytest.mark.parametrize(("version", "allowed"), [("3.11.0", True), ("3.14.0b1", True), ("3.10.9", False)])
def test_python(version: str, allowed: bool) -> None:
    """requires-python says with which Python a script runs, a pre-release of one included."""
    assert allowed == READ.allows_python(version)


def test_dependencies_are_replaced_and_nothing_else() -> None:
    """The list has the new requirements, one on each line; all around it is as it was."""
    expected = EXAMPLE.replace('#   "requests<3",\n#   "rich",\n', '#   "six>=1",\n')
    assert expected == with_dependencies(EXAMPLE, ["six>=1"])
    assert expected.replace("\n", "\r\n") == with_dependencies(EXAMPLE.replace("\n", "\r\n"), ["six>=1"])


def test_the_same_dependencies_change_nothing() -> None:
    """A block that says so already keeps its bytes, comments and all."""
    text = "# /// script\n# dependencies = ['six', # why\n# ]\n# ///\n"
    assert text == with_dependencies(text, ["six"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '# /// script\n# dependencies = [\n#   "six",\n# ]\n# ///\n'),
        ("import six\n", '# /// script\n# dependencies = [\n#   "six",\n# ]\n# ///\n\nimport six\n'),
        ("#!/x\n# -*- coding: utf-8 -*-\n\nx\n", "#!/x\n# -*- coding: utf-8 -*-\n\n# /// script"),
        (
            "# /// script\n# requires-python = '>=3'\n# ///\nx\n",
            '# /// script\n# dependencies = [\n#   "six",\n# ]\n# req',
        ),
    ],
)
def test_a_block_is_begun(text: str, expected: str) -> None:
    """A script without a block, or without dependencies in it, gets them where they belong."""
    written = with_dependencies(text, ["six"])
    again = read_script(written)
    assert written.startswith(expected)
    assert again is not None
    assert ("six",) == again.dependencies


@pytest.mark.parametrize(
    "text",
    [
        "# /// script\n# 'dependencies' = ['x']\n# ///\n",
        "# /// script\n# dependencies = ['x']\n# ///\nx\r\n",
    ],
)
def test_what_cannot_be_written(text: str) -> None:
    """A block that is written too oddly to be changed is refused, not broken."""
    with pytest.raises(UsageError) as caught:
        with_dependencies(text, ["six"])
    assert "script-block" == caught.value.code


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])), max_size=4), st.booleans()
)
def test_any_dependencies(dependencies: list[str], is_new: bool) -> None:
    """What is written is what is read, whatever the text of a requirement."""
    written = with_dependencies("x = 1\n" if is_new else EXAMPLE, dependencies)
    again = read_script(written)
    assert again is not None
    assert tuple(dependencies) == again.dependencies


_PIECES = ["# /// script", "# ///", "#", "# ", "# a = 1", "# dependencies = [", "# 'x',", "# ]", "x", "# [tool]", "\r"]


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("\n".join) | st.text(max_size=30), st.booleans())
def test_any_text(text: str, writes: bool) -> None:
    """Any text has a block, has none, or is refused with an error of ours."""
    try:
        found = read_script(text)
        if writes:
            again = read_script(with_dependencies(text, ["six"]))
            assert again is not None
            assert (("six",), None if found is None else found.requires_python) == (
                again.dependencies,
                again.requires_python,
            )
    except MicropipLockError as error:
        assert re.fullmatch("script-block", error.code)  # noqa: PT017  # other exceptions fail the test


def test_openings_without_end_are_refused() -> None:
    """A text that would make the expression look through it again and again is not looked through."""
    with pytest.raises(UsageError) as caught:
        read_script("# /// script\n" * 300_000)
    assert "script-block" == caught.value.code
