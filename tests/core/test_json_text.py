"""JSON text to a value: what is refused, and where."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core.faults import MAX_FAULTS
from micropip_lock.core.json_text import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, read_json, strings
from micropip_lock.errors import LockParseError, LockPolicyError, MicropipLockError
from tests.strategies import json_values

WEB_PAGE = "the server sent a web page (a login, a proxy, a missing file); open the address and see"
CUT_SHORT = "the text ends too early: it did not arrive whole"


def refusal(text: str | bytes) -> LockParseError:
    with pytest.raises(LockParseError) as caught:
        read_json(text)
    return caught.value


@given(json_values)
def test_reads_what_json_writes(value: object) -> None:
    """Any value of whole numbers, text, tables and lists comes back from its text, however it is written."""
    texts = (json.dumps(value), json.dumps(value, ensure_ascii=False).encode(), json.dumps(value, indent=3))

    assert [value] * 3 == [read_json(text) for text in texts]


@given(st.text() | st.binary())
@example('{"a": 1}')
@example(b"\xff\xfe{\x00}\x00")
def test_any_input_is_a_value_or_our_error(text: str | bytes) -> None:
    """Any text and any bytes give a value that can be written again, or an error of our tree."""
    try:
        value = read_json(text)
    except MicropipLockError as error:
        assert isinstance(error, LockParseError)  # noqa: PT017  # most inputs end here, and both ends are the claim
    else:
        assert value == json.loads(json.dumps(value))


@pytest.mark.parametrize("text", ["", b"", " \n\t", "\ufeff", b"\xef\xbb\xbf \n"])
def test_empty(text: str | bytes) -> None:
    """No text at all is called empty, not broken."""
    assert "empty" == refusal(text).code


@pytest.mark.parametrize("text", ["\ufeff{}", b"\xef\xbb\xbf{}"])
def test_byte_order_mark_is_dropped(text: str | bytes) -> None:
    """One byte order mark is no part of the text."""
    assert {} == read_json(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        b'{"a": "\xe9"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": "\ud800"}',
        '{"a": "\\ud800"}',
        '{"\\udc00": 1}',
        b"PK\x03\x04\x00\x00",
    ],
)
def test_other_encodings(text: str | bytes) -> None:
    """UTF-16, Latin-1, binary data and halves of surrogate pairs are refused as an encoding."""
    assert "encoding" == refusal(text).code


def test_escaped_pair_is_one_character() -> None:
    """A whole surrogate pair in escapes is a character like any other."""
    assert ["😀"] == read_json('["\\ud83d\\ude00"]')


def test_place_of_a_half_character() -> None:
    """The place of an escaped half character is named."""
    assert "packages.six.name" == refusal('{"packages": {"six": {"name": "\\ud800"}}}').where


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("<!doctype html><title>404</title>", "line 1 column 1", WEB_PAGE),
        ("\n  <html>", "line 2 column 3", WEB_PAGE),
        ('{"a": {"b": 1', "line 1 column 14", CUT_SHORT),
        ('{"a": "b', "line 1 column 7", CUT_SHORT),
        ('{\n "a" 1\n}', "line 2 column 6", "check that the file is a lock and arrived whole"),
        ('{"a": 1} // note', "line 1 column 10", "check that the file is a lock and arrived whole"),
        ("{'a': 1}", "line 1 column 2", "check that the file is a lock and arrived whole"),
    ],
)
def test_not_json(text: str, where: str, hint: str) -> None:
    """A syntax error is placed by line and column, and says what it probably means."""
    error = refusal(text)

    assert ("not-json", where, hint) == (error.code, error.where, error.hint)


@pytest.mark.parametrize("text", ['{"a": 1,}', "[1,]", '{"a": 1 /* note */}', "[1] [2]", '{"a": "tab\there"}'])
def test_dialects_of_json(text: str) -> None:
    """Trailing commas, comments, two values and raw control characters are not JSON."""
    assert "not-json" == refusal(text).code


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1, "a": 2}', "a (line 1 column 10)"),
        ('{"a": 1, "\\u0061": 2}', "a (line 1 column 10)"),
        ('{"packages": {"six": {\n"sha256": "x", "sha256": "y"}}}', "packages.six.sha256 (line 2 column 16)"),
        ('{"a": [{"b": 1}, 2, [3, {"c": [], "d": {}, "c": 1}]]}', "a[2][1].c (line 1 column 44)"),
        ('{"a.b": {"": 1, "": 2}}', '"a.b"."" (line 1 column 17)'),
        ('{"x": "}{\\"", "y": ["a", "a"], "x": 0}', "x (line 1 column 32)"),
    ],
)
def test_duplicate_keys(text: str, where: str) -> None:
    """A key that is there twice in one table is refused at its second place; strings in lists and values may repeat."""
    error = refusal(text)

    assert ("duplicate-key", where) == (error.code, error.where)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[NaN]", "[0] (line 1 column 2)"),
        ("Infinity", "line 1 column 1"),
        ('{"a": -Infinity}', "a (line 1 column 7)"),
        ('["NaN", 1.0]', "[1] (line 1 column 9)"),
        ("[1e3]", "[0] (line 1 column 2)"),
        ("[\n1E400]", "[0] (line 2 column 1)"),
        (f"[-1{'0' * MAX_DIGITS}]", "[0] (line 1 column 2)"),
    ],
)
def test_numbers_with_two_meanings(text: str, where: str) -> None:
    """Numbers that readers understand differently are refused, at their place."""
    error = refusal(text)

    assert ("non-json-number", where) == (error.code, error.where)


def test_longest_number() -> None:
    """A whole number of as many digits as are allowed is read, a minus sign being none."""
    assert [-(10 ** (MAX_DIGITS - 1))] == read_json(f"[-1{'0' * (MAX_DIGITS - 1)}]")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            '{"a": 1, "a": NaN, "b": {"c": 1.5, "c": 2}, "d": "\\ud800"}',
            [
                ("duplicate-key", "a (line 1 column 10)"),
                ("non-json-number", "a (line 1 column 15)"),
                ("non-json-number", "b.c (line 1 column 31)"),
                ("duplicate-key", "b.c (line 1 column 36)"),
                ("encoding", "d"),
            ],
        ),
        ('[NaN, {"a": "b\n"}]', [("non-json-number", "[0] (line 1 column 2)"), ("not-json", "line 1 column 15")]),
        ('[NaN, {"a\\x": 1}]', [("non-json-number", "[0] (line 1 column 2)"), ("not-json", "line 1 column 10")]),
        ("[" + "NaN," * 200 + "0]", [("non-json-number", f"[{at}] (line 1 column {2 + 4 * at})") for at in range(100)]),
    ],
)
def test_all_faults_of_a_text(text: str, faults: list[tuple[str, str]]) -> None:
    """All doubtful keys, numbers and characters are told at once, up to what is no JSON, at most a hundred."""
    error = refusal(text)

    assert (faults[0], faults, True) == (
        (error.code, error.where),
        [(each.code, each.where) for each in error.errors],
        len(error.errors) <= MAX_FAULTS,
    )


@given(st.from_regex(r'[\[{"a:1.,Ne\-\]}]{0,12}', fullmatch=True))
@example('{"a":1,"a":{"":1,"":NaN}}')
def test_what_is_read_is_what_python_reads(text: str) -> None:
    """A text is read as Python reads it, unless Python reads a key twice, a fraction or a word as a number."""
    doubtful = []

    def table(pairs: list[tuple[str, object]]) -> dict[str, object]:
        doubtful.extend([key for key, _ in pairs] if len(dict(pairs)) < len(pairs) else [])
        return dict(pairs)

    try:
        expected: object = json.loads(
            text, object_pairs_hook=table, parse_float=doubtful.append, parse_constant=doubtful.append
        )
    except json.JSONDecodeError:
        expected = "refused"
    try:
        found: object = read_json(text)
    except LockParseError:
        found = "refused"

    assert ("refused" if doubtful else expected) == found


def test_digits_are_bounded_before_they_are_converted() -> None:
    """A million digits are refused, not converted, and the error does not repeat them."""
    error = refusal("[" + "9" * 1_000_000 + "]")

    assert ("non-json-number", "9" * 40 + "…") == (error.code, error.got)


@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_depth(brackets: str) -> None:
    """Nesting up to the cap is read and one level more is refused; a hundred thousand do not exhaust the stack."""
    opening, closing = brackets[:-1], brackets[-1]

    def nested(levels: int) -> str:
        return opening * levels + "0" * (opening != "[") + closing * levels

    deepest = read_json(nested(MAX_DEPTH))

    assert (True, "depth", "depth") == (
        bool(deepest),
        refusal(nested(MAX_DEPTH + 1)).code,
        refusal(opening * 100_000).code,
    )


def test_depth_falls_by_one() -> None:
    """Lists that are closed before do not make room for deeper ones."""
    assert "depth" == refusal("[[],[],[]," + "[" * MAX_DEPTH + "]" * (MAX_DEPTH + 1)).code


def test_the_caps() -> None:
    """Eight MiB, 32 levels and a thousand digits are read."""
    assert (8_388_608, 32, 1000) == (MAX_BYTES, MAX_DEPTH, MAX_DIGITS)


@pytest.mark.parametrize(
    ("text", "message", "got"),
    [
        ('{"a": 1} // and a long note', "the lock is not JSON: extra data", "'// and a long note'"),
        ('{"a": 1} // and a very long note', "the lock is not JSON: extra data", "'// and a very long n'"),
        ('{"a" 1}', "the lock is not JSON: expecting ':' delimiter", "'1}'"),
        ("[1", "the lock is not JSON: expecting ',' delimiter", "the end of the text"),
    ],
)
def test_what_is_not_json_is_shown(text: str, message: str, got: str) -> None:
    """A syntax error says what the parser missed, and the twenty characters that stand there."""
    error = refusal(text)
    assert (message, got) == (error.message, error.got)


@pytest.mark.parametrize(
    ("key", "got"), [("k" * 60, '"' + "k" * 60 + '" again'), ("k" * 61, '"' + "k" * 60 + "… again")]
)
def test_a_double_key_is_shown(key: str, got: str) -> None:
    """A key that is there twice is shown, the first sixty characters of a long one."""
    assert got == refusal(f'{{"{key}": 1, "{key}": 2}}').got


@pytest.mark.parametrize(
    ("number", "expected", "got"),
    [
        ("0." + "1" * 38, "a whole number", "0." + "1" * 38),
        ("0." + "1" * 39, "a whole number", "0." + "1" * 38 + "…"),
        ("-" + "1" * 1001, "a whole number of at most 1000 digits", "-" + "1" * 39 + "…"),
    ],
)
def test_a_doubtful_number_is_shown(number: str, expected: str, got: str) -> None:
    """What is no number here is shown, the first forty characters of a long one, with what would be one."""
    error = refusal(f"[{number}]")
    assert (expected, got) == (error.expected, error.got)


@pytest.mark.parametrize("number", [10**999, -(10**999), 10**998, -(10**998), 0])
def test_numbers_up_to_the_longest(number: int) -> None:
    """A number of a thousand digits, or of fewer, is read, with a minus sign or without."""
    assert [number] == read_json(f"[{number}]")


def test_brackets_in_strings_are_no_depth() -> None:
    """Brackets inside strings, after escaped quotes too, are not counted."""
    text = json.dumps(['\\"[{' * 100, "[" * 100])

    assert ['\\"[{' * 100, "[" * 100] == read_json(text)


def test_too_large() -> None:
    """A text over the cap is refused by policy before it is parsed; one at the cap is read."""
    largest = '"' + "é" * (MAX_BYTES // 2 - 1) + '"'

    with pytest.raises(LockPolicyError) as caught:
        read_json(largest + " ")

    assert ("too-large", MAX_BYTES // 2 - 1) == (caught.value.code, len(read_json(largest)))


@pytest.mark.parametrize("text", ['"' + '\\"' * 2_000_000, '[" ' * 1_000_000, "{" + '"a":0,' * 1_000_000])
def test_hostile_text_takes_no_time(text: str) -> None:
    """Megabytes that never close are refused in time that grows with their length only."""
    started = time.process_time()

    code = refusal(text).code

    assert (True, True) == (code in {"not-json", "depth"}, time.process_time() - started < 5)


def test_strings_and_their_places() -> None:
    """Every string of a value is told with its place, keys with their table's."""
    value = {"a": ["x", {"b": "y"}], "c": 1}

    assert [("", "a"), ("a[0]", "x"), ("a[1]", "b"), ("a[1].b", "y"), ("", "c")] == list(strings(value))
