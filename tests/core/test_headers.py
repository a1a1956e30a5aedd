"""Headers are read as the standard library reads them."""

from __future__ import annotations

import subprocess
import sys
from email.parser import HeaderParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core.headers import read_headers

NAMES = ("Name", "version", "PROVIDES", "Tag", "X-Other", "From", "From ", "")
LINES = st.one_of(
    st.builds(
        "{}{}{}".format, st.sampled_from(NAMES), st.sampled_from((":", ": ", ":\t ", " :", "")), st.text(max_size=9)
    ),
    st.sampled_from(("", " ", "\tmore", " folded", "a line of text", "From someone", ": nameless", "Näme: x")),
    st.text(max_size=12),
)
TEXTS = st.builds(str.join, st.sampled_from(("\n", "\r\n", "\r", "\n\n")), st.lists(LINES, max_size=6))


@given(TEXTS)
@example("Name: a\n\nVersion: 1")
@example("Name: a\n")
@example("Name: a\n b\nName: c")
@example("Name: a\x0bVersion: 1\x85\u2028Tag: x\n")
@example("\nName: a")
@example("Name: \udc80")
@example("Name:  a  \nName:b\n\r\nTag: c")
def test_as_the_library_does(text: str) -> None:
    """Every field of every name is the library's, first and all."""
    expected, found = HeaderParser().parsestr(text), read_headers(text)
    for name in NAMES:
        assert str(expected.get(name, "nothing")) == found.get(name, "nothing")
        assert [str(one) for one in expected.get_all(name) or ()] == [*found.get_all(name)]


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("Name: a\nVersion: 1\n\nText", False),
        ("Name: a\nLicense: x\n \n y\n", False),
        ("Name: a\n b\n", True),
        ("Name: a\r\nVersion: 1\n", True),
    ],
)
def test_what_it_loads(text: str, loads: bool) -> None:
    """What METADATA of nearly every wheel says in one line loads nothing of the library's parser."""
    read = f"from micropip_lock.core.headers import read_headers; read_headers({text!r}).get('Name')"
    code = f"import sys; {read}; print('email.parser' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert str(loads) == told.strip()
