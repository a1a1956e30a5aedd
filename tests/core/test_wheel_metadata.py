"""METADATA and WHEEL: what is refused, and what is taken with a warning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.wheel_metadata import WheelWarning, check_entry_points, check_metadata, check_wheel_file
from micropip_lock.core.wheel_name import parse_identity
from micropip_lock.errors import WheelMetadataError

SIX = parse_identity("six-1.16.0-py3-none-any.whl")
GOOD = "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n"


def outcome(text: str) -> str | list[str]:
    """The code of a refusal, or the codes of all warnings."""
    try:
        return [warning.code for warning in check_metadata(text, SIX, "METADATA")[1]]
    except WheelMetadataError as error:
        return error.code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, []),
        (GOOD.replace("2.1", "1.0"), []),
        (GOOD.replace("2.1", "2.5"), []),
        (GOOD.replace("2.1", "2.6"), ["metadata-version"]),
        (GOOD.replace("2.1", "3.0"), "metadata-version"),
        (GOOD.replace("2.1", "0.9"), "metadata-version"),
        (GOOD.replace("2.1", "2"), "metadata-version"),
        (GOOD.replace("2.1", "2.٣"), "metadata-version"),
        (GOOD.replace("2.1", "2." + "9" * 5000), "metadata-version"),
        ("Name: six\nVersion: 1.16.0\n", "metadata-version"),
        (GOOD + "Name: six\n", []),
        (GOOD + "Name: seven\n", "metadata-ambiguous"),
        (GOOD + "version: 2\n", "metadata-ambiguous"),
        (GOOD + "\nName: in the description\n", []),
        (GOOD.replace("six", "SIX"), []),
        (GOOD.replace("six", "seven"), "name-mismatch"),
        (GOOD.replace("1.16.0", "1.16"), []),
        (GOOD.replace("1.16.0", "1.17"), "version-mismatch"),
        (GOOD.replace("1.16.0", "one"), "version-mismatch"),
        (GOOD + "Requires-Dist: numpy (>=1) ; extra == 'x'\n", []),
        (GOOD + "Requires-Dist: numpy>=1,\n", []),
        (GOOD + "Requires-Dist: numpy =>1\n", "requires-dist"),
        (GOOD + "Requires-Dist:\n", "requires-dist"),
        (GOOD + f"Requires-Dist: a; {'(' * 5000}os_name == 'x'{')' * 5000}\n", "requires-dist"),
        (GOOD + f"Requires-Dist: a>={'9' * 5000}\n", "requires-dist"),
        (GOOD + f"Requires-Python: >={'9' * 5000}\n", ["requires-python"]),
        (GOOD.replace("1.16.0", "1" * 5000), "version-mismatch"),
        (GOOD + "Requires-Python: >=3.6\n", []),
        (GOOD + "Requires-Python: >=3.6.*\n", ["requires-python"]),
    ],
)
def test_metadata(text: str, expected: str | list[str]) -> None:
    """Each rule of METADATA, with what is just inside of it."""
    assert expected == outcome(text)


@given(st.text() | st.text().map(f"{GOOD}{{}}".format) | st.text().map(f"{GOOD}Requires-Dist: {{}}\n".format))
def test_any_metadata(text: str) -> None:
    """Whatever METADATA is, it is taken or refused by us."""
    assert outcome(text) == outcome(text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("Wheel-Version: 1.0\n", True),
        ("Generator: x\r\nWheel-Version: 1.9\r\n", True),
        ("wheel-version:1.0", True),
        ("Wheel-Version: 1.0\nWheel-Version: 1.0\n", True),
        ("Wheel-Version: 1.0\nWheel-Version: 2.0\n", False),
        ("Wheel-Version: 2.0\n", False),
        ("Wheel-Version: 1\n", False),
        ("X-Wheel-Version: 1.0\n", False),
        ("", False),
    ],
)
def test_wheel_file(text: str, good: bool) -> None:
    """WHEEL gives one format, and one that we know."""
    try:
        check_wheel_file(text, "WHEEL")
        code = "good"
    except WheelMetadataError as error:
        code = error.code
    assert ("good" if good else "wheel-version") == code


def test_a_script_that_cannot_be_written() -> None:
    """A wheel with a wrong script is refused, with the script's name."""
    with pytest.raises(WheelMetadataError) as caught:
        check_entry_points("[console_scripts]\n../x = y:z\n", "entry_points.txt")
    assert ("entry-point", "'../x'") == (caught.value.code, caught.value.got)


def test_the_first_of_two_is_named() -> None:
    """Of several fields that METADATA says twice, the first is named."""
    identity = parse_identity("six-1.16.0-py3-none-any.whl")
    with pytest.raises(WheelMetadataError) as caught:
        check_metadata(f"{GOOD}Version: 2\nName: seven\nRequires-Python: >=3\nRequires-Python: >=4\n", identity, "x")
    assert "name" == caught.value.got


def test_a_warning_in_one_line() -> None:
    """A warning is told with its code, its sentence and its place."""
    assert "code: a sentence (x.py)" == str(WheelWarning(code="code", message="a sentence", where="x.py"))
