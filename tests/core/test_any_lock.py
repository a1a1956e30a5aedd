"""The format of a lock is told by its text."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.abis import ABIS
from micropip_lock.core.formats.any_lock import is_pylock, parse_lock
from micropip_lock.errors import MicropipLockError
from tests import locks, pylocks
from tests.strategies import json_values


@pytest.mark.parametrize("path", [*locks.FIXTURES, *pylocks.FIXTURES], ids=lambda path: path.name)
def test_files_of_others(path: Path) -> None:
    """Every lock of pip, uv, Pyodide and micropip is read as what it is."""
    data = path.read_bytes()

    assert (path.suffix == ".toml", len(parse_lock(data)) > 0) == (is_pylock(data), True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lock-version = '1.0'", True),
        ("\ufeff\n# made by\n", True),
        (b"\xef\xbb\xbf'lock-version' = '1.0'", True),
        ('"lock-version"="1.0"', True),
        ("tool.x = 1", True),
        ("[[packages]]\n", True),
        ("[tool]\n", True),
        ("{}", False),
        ("[true]", False),
        ("[NaN]", False),
        ('["a"]', False),
        ('"a"', False),
        ("1.5", False),
        ("<html a=1>", False),
        ("", False),
        ("# [".encode("utf-16"), False),
    ],
)
def test_beginnings(text: str | bytes, expected: bool) -> None:
    """TOML begins with a comment, a key or the name of a table; JSON never does."""
    assert expected == is_pylock(text)


@given(json_values)
def test_no_json_is_taken_for_toml(value: object) -> None:
    """No JSON value looks like TOML."""
    assert not is_pylock(json.dumps(value))


@given(st.text(st.sampled_from("a1-_ .=#\"'[]\n"), max_size=12))
def test_toml_is_not_taken_for_json(text: str) -> None:
    """A TOML document that holds something is taken for one."""
    try:
        held = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    # Names of tables and dotted keys that are numbers look like JSON; no lock has such.
    assert is_pylock(text) or not held or text.strip()[0] in "[-1"


def test_the_abi_is_for_pylocks() -> None:
    """A pylock.toml is read for the given ABI; a pyodide-lock.json says its own."""
    abi = ABIS["2025_0"]

    assert ["2025_0", "2026_0"] == [
        parse_lock(text, abi=abi).abi.abi_version for text in (pylocks.toml(pylocks.VALID), json.dumps(locks.VALID))
    ]


@given(st.text() | st.binary())
def test_any_text(text: str | bytes) -> None:
    """Any text or bytes give an error of our tree, never another exception."""
    with pytest.raises(MicropipLockError):
        parse_lock(text)
