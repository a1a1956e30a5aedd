"""Ranges, conditions and content types follow RFC 9110."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.testing.answers import Answer, Body, BytesBody, FileBody, content_type_of, represent

MODIFIED = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
STAMP = "Wed, 01 May 2024 12:00:00 GMT"
DATA = bytes(range(100))


def answer(**headers: str) -> Answer:
    return answer_of(BytesBody(DATA), **headers)


def answer_of(body: Body, /, **headers: str) -> Answer:
    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    return represent(body, content_type="text/plain", etag='"tag"', modified=MODIFIED, request_headers=asked)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-9", (206, DATA[:10])),
        ("bytes=90-", (206, DATA[90:])),
        ("bytes=-5", (206, DATA[95:])),
        ("bytes=-500", (206, DATA)),
        ("bytes=95-500", (206, DATA[95:])),
        ("BYTES = 0-0", (206, DATA[:1])),
        ("bytes=5-4", (200, DATA)),
        ("bytes=-", (200, DATA)),
        ("bytes=0-1,5-6", (200, DATA)),
        ("lines=0-1", (200, DATA)),
        ("bytes=a-b", (200, DATA)),
        ("bytes=٣-", (200, DATA)),
        ("nonsense", (200, DATA)),
    ],
)
def test_ranges(asked: str, expected: tuple[int, bytes]) -> None:
    """A single satisfiable range is served, anything that is no such range is ignored."""
    got = answer(range=asked)
    assert expected == (got.status, got.read())


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_unsatisfiable_ranges(asked: str) -> None:
    """A range beyond the end is 416 with the true size."""
    got = answer(range=asked)
    assert (got.status, dict(got.headers)["Content-Range"]) == (416, "bytes */100")


def test_content_range_names_the_bytes_sent() -> None:
    """Content-Range gives first, last and total."""
    assert dict(answer(range="bytes=10-19").headers)["Content-Range"] == "bytes 10-19/100"


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"tag"', 206), ('"other"', 200), ('W/"tag"', 200), (STAMP, 206), ("Wed, 01 May 2024 12:00:01 GMT", 200)],
)
def test_if_range(condition: str, status: int) -> None:
    """A range is served only of the representation that the client has begun to read."""
    assert status == answer(range="bytes=0-9", if_range=condition).status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_none_match": '"tag"'}, 304),
        ({"if_none_match": 'W/"tag", "x"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"x"'}, 200),
        ({"if_modified_since": STAMP}, 304),
        ({"if_modified_since": "Wed, 01 May 2024 11:59:59 GMT"}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_none_match": '"x"', "if_modified_since": STAMP}, 200),
    ],
)
def test_conditions(headers: dict[str, str], status: int) -> None:
    """An unchanged representation is 304; the entity tag outranks the date."""
    assert status == answer(**headers).status


def test_a_file_is_read_in_pieces_from_any_offset(tmp_path: Path) -> None:
    """A body on disk gives the same bytes as one in memory, across piece boundaries."""
    data = bytes(range(256)) * 3000
    path = tmp_path / "data"
    path.write_bytes(data)
    got = answer_of(FileBody(path, len(data)), range="bytes=5-700000")
    assert data[5:700001] == got.read()


@given(st.integers(0, 120), st.integers(0, 120))
def test_any_range_gives_that_slice(first: int, last: int) -> None:
    """For every first and last, the answer is the slice, the whole, or a refusal."""
    got = answer(range=f"bytes={first}-{last}")
    if first > last:
        expected = (200, DATA)
    elif first >= len(DATA):
        expected = (416, b"range not satisfiable\n")
    else:
        expected = (206, DATA[first : last + 1])
    assert expected == (got.status, got.read())


@given(st.text(max_size=30))
def test_any_text_as_header_is_answered(text: str) -> None:
    """No value of a conditional or range header raises."""
    got = answer(range=text, if_range=text, if_none_match=text, if_modified_since=text)
    assert got.status in {200, 206, 304, 416}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pyodide.mjs", "text/javascript; charset=utf-8"),
        ("pyodide.asm.WASM", "application/wasm"),
        ("six-1.16.0-py3-none-any.whl", "application/zip"),
        ("pyodide-lock.json", "application/json"),
        ("libx.so", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    """Modules and WebAssembly have the types that browsers demand."""
    assert expected == content_type_of(name)
