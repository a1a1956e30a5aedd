"""TOML text to a value: what is refused, and where."""

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core.json_text import MAX_BYTES, MAX_DEPTH
from micropip_lock.core.toml_text import read_toml
from micropip_lock.errors import LockParseError, LockPolicyError, MicropipLockError


def refusal(text: str | bytes) -> LockParseError:
    with pytest.raises(LockParseError) as caught:
        read_toml(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("", "empty", None),
        (" \n", "empty", None),
        (b"a = '\xff'", "encoding", None),
        ("a = 1".encode("utf-16"), "encoding", None),
        ("a = ", "not-toml", "line 1 column 5"),
        ("a = 1\nb = 1 2", "not-toml", "line 2 column 7"),
        ("a = 'x", "not-toml", "the end of the text"),
        ("a", "not-toml", "line 1 column 2"),
        ('a = """x', "not-toml", "the end of the text"),
        ("a = [", "not-toml", "the end of the text"),
        ("<html>", "not-toml", "line 1 column 1"),
        ("a = 1\ra = 2", "not-toml", "line 1 column 6"),
        ("a = 1\na = 2", "duplicate-key", "line 2 column 6"),
        ("[a]\n[a]\n", "duplicate-key", "line 2 column 3"),
        ("a = {b = 1, b = 2}", "duplicate-key", "line 1 column 18"),
        ("a = {}\na.b = 1\n", "duplicate-key", "line 2 column 8"),
        ("a = " + "9" * 10_000, "not-toml", None),
        ("a = 2026-02-30", "not-toml", "line 1 column 5"),
        ("a = " + "[" * 100_000, "depth", "line 1 column 37"),
        ("a = " + "{a=" * 100_000, "depth", "line 1 column 101"),
        (".".join("a" * 100_000) + " = 1", "depth", "line 1 column 66"),
    ],
)
def test_refusals(text: str | bytes, code: str, where: str | None) -> None:
    """A text that is no TOML is refused with a code, at its place."""
    error = refusal(text)

    assert (code, where) == (error.code, error.where)


@pytest.mark.parametrize("opening", ["[", "{a=", '"""[[', "'''{{", '"[', "'[", "#[", "a.", "a = 1\n", '\\"', '"""\\"'])
def test_hostile_text_takes_no_time(opening: str) -> None:
    """Megabytes that never close are refused, or read, in time that grows with their length only."""
    started = time.process_time()
    with pytest.raises(LockParseError):
        read_toml("a = " + opening * 300_000)

    assert time.process_time() - started < 5


def test_depth() -> None:
    """Lists, tables and keys as deep as is allowed are read; brackets in strings and comments are no depth."""
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    noise = "[" * 100
    text = f"""a = {deep} # {noise}
b = "{noise}" # "
c = '{noise}\\'
d = \"\"\"{noise}" "" \\\"\"\"\"\"
e = '''{noise}' '''
{".".join("x" * (MAX_DEPTH + 1))} = 1.5
"""

    assert ["a", "b", "c", "d", "e", "x"] == list(read_toml(text))


def test_too_large() -> None:
    """A text over the cap is refused before it is parsed."""
    with pytest.raises(LockPolicyError) as caught:
        read_toml("#" * (MAX_BYTES + 1))

    assert "too-large" == caught.value.code


@given(st.text(st.sampled_from("a1=.\n\"'[]{},# \\T:-\r"), max_size=40) | st.text() | st.binary())
@example("\ufeffa = 1")
@example("a = 0x" + "f" * 9000)
@example('a = """""""')
@example("a = ''''x'''''")
def test_any_input_is_what_tomllib_reads(text: str | bytes) -> None:
    """Any text is read as tomllib reads it, and refused where it does; never another exception."""
    try:
        whole = text.decode() if isinstance(text, bytes) else text
        expected: object = tomllib.loads(whole.removeprefix("\ufeff")) or "refused"
    except ValueError:
        expected = "refused"
    try:
        found: object = read_toml(text) or "refused"
    except MicropipLockError:
        found = "refused"

    assert expected == found


def test_depth_begins_anew_with_each_line() -> None:
    """A key that is too deep is refused on any line."""
    text = f"b = 1\n{'.'.join('x' * (MAX_DEPTH + 2))} = 1"
    assert ("depth", "line 2 column 66") == (refusal(text).code, refusal(text).where)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = ", "the lock is not TOML: invalid value"),
        ("a = 1 b", "the lock is not TOML: expected newline or end of document after a statement"),
    ],
)
def test_what_is_not_toml_is_told(text: str, message: str) -> None:
    """A syntax error has the parser's words, without the place, which is told apart."""
    assert message == refusal(text).message


@pytest.mark.parametrize("kind", ["refused", "twice"])
def test_what_a_parser_says_is_cut(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a parser's long words the first hundred characters are told."""
    words = "Cannot overwrite " + "w" * 200 if kind == "twice" else "W" * 200

    def refuse(_: str) -> None:
        raise ValueError(words)

    monkeypatch.setattr("tomllib.loads", refuse)
    error = refusal("a = 1")
    told = error.got if kind == "twice" else error.message.removeprefix("the lock is not TOML: ")
    assert (words if kind == "twice" else "w" + words[1:])[:100] == told
