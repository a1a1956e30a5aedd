"""Digests and admission."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.digest import Digest, VerifiedWheel, admit, looks_like_text, too_large
from micropip_lock.errors import HashMismatchError, LockSchemaError, MicropipLockError
from tests.strategies import digests

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "digest.json").read_text("utf-8"))
READERS: dict[str, Callable[[str], Digest]] = {
    "hex": Digest.from_hex,
    "record": Digest.from_record,
    "sri": Digest.from_sri,
}
DATA = b"PK\x03\x04 a wheel"


@pytest.mark.parametrize("vector", VECTORS["accept"], ids=lambda vector: vector["hex"][:12])
@pytest.mark.parametrize("kind", READERS)
def test_vectors_accepted(kind: str, vector: dict[str, str]) -> None:
    """Each spelling of an accepted vector gives the digest whose three spellings are the vector."""
    digest = READERS[kind](vector[kind])

    assert vector == {"hex": digest.hex, "record": digest.record, "sri": digest.sri}


@pytest.mark.parametrize("vector", VECTORS["refuse"], ids=lambda vector: f"{vector['kind']}: {vector['why']}")
def test_vectors_refused(vector: dict[str, str]) -> None:
    """Each refused vector is refused with the code hash-form."""
    with pytest.raises(LockSchemaError) as caught:
        READERS[vector["kind"]](vector["text"])

    assert "hash-form" == caught.value.code


@given(digests)
def test_spellings_round_trip(digest: Digest) -> None:
    """Every digest comes back from each of its spellings."""
    assert [digest] * 4 == [
        Digest.from_hex(digest.hex),
        Digest.from_hex(digest.hex.upper()),
        Digest.from_record(digest.record),
        Digest.from_sri(digest.sri),
    ]


@given(st.text(max_size=80), st.sampled_from(sorted(READERS)))
def test_any_text_is_a_digest_or_our_error(text: str, kind: str) -> None:
    """Any text is a digest, or an error with the code hash-form."""
    try:
        digest = READERS[kind](text)
    except LockSchemaError as error:
        spelt, code = text, error.code
    else:
        spelt, code = getattr(digest, kind), "hash-form"

    assert (text.lower(), "hash-form") == (spelt.lower(), code)


def test_wrong_length_is_no_digest() -> None:
    """A digest of another length cannot be made."""
    with pytest.raises(LockSchemaError) as caught:
        Digest(b"\0" * 20)

    assert "20 bytes" == caught.value.got


def test_admitted_bytes_are_verified() -> None:
    """Bytes with the right digest and size become a VerifiedWheel."""
    wheel = admit(DATA, Digest.of(DATA), filename="six-1.16.0-py3-none-any.whl", size=len(DATA))

    assert (DATA, Digest.of(DATA), "six-1.16.0-py3-none-any.whl") == (wheel.data, wheel.digest, wheel.filename)


def test_shown() -> None:
    """A digest shows its first twelve characters, a wheel its name, its size and its digest."""
    wheel = admit(DATA, Digest.of(DATA), filename="six.whl")
    short = f"Digest({Digest.of(DATA).hex[:12]}…)"
    assert (short, f"VerifiedWheel(six.whl, {len(DATA)} bytes, {short})") == (repr(wheel.digest), repr(wheel))


@pytest.mark.parametrize("size", [19, 31, 33])
def test_other_lengths_are_no_digest(size: int) -> None:
    """Fewer and more than 32 bytes are no digest."""
    with pytest.raises(LockSchemaError):
        Digest(bytes(size))


@pytest.mark.parametrize(
    ("kind", "expected"), [("record", "sha256= and 43 base64 characters"), ("sri", "sha256- and 44 base64 characters")]
)
def test_what_a_spelling_has(kind: str, expected: str) -> None:
    """Who spells a digest wrongly reads how it is spelt."""
    with pytest.raises(LockSchemaError) as caught:
        READERS[kind](getattr(Digest.of(DATA), kind).removeprefix("sha256"))
    assert expected == caught.value.expected


def test_no_other_maker_of_verified_wheels() -> None:
    """VerifiedWheel cannot be made without admit."""
    with pytest.raises(TypeError, match="admit only"):
        VerifiedWheel()


def test_other_bytes_are_refused() -> None:
    """Other bytes are refused, with both digests, the package's place and the address."""
    with pytest.raises(HashMismatchError) as caught:
        admit(DATA, Digest.of(b"other"), filename="x.whl", package="six", url="https://files.example/x.whl")

    error = caught.value
    assert (
        "digest-mismatch",
        "packages.six.sha256",
        f"sha256 {Digest.of(b'other')}",
        f"{Digest.of(DATA)} ({len(DATA)} bytes)",
        "https://files.example/x.whl",
    ) == (error.code, error.where, error.expected, error.got, error.url)


@pytest.mark.parametrize(
    "page", [b"<!doctype html><title>Sign in</title>", b'{"message": "Not Found"}', b"not found\n"]
)
def test_web_page_is_named_as_such(page: bytes) -> None:
    """A page that arrives instead of a wheel is called a page."""
    with pytest.raises(HashMismatchError) as caught:
        admit(page, Digest.of(DATA), filename="x.whl")

    assert "not-a-wheel" == caught.value.code


@pytest.mark.parametrize("package", ["six", None])
@pytest.mark.parametrize(
    ("data", "size", "told", "place"),
    [
        (b"P" * 50, None, "a text page arrived instead of the wheel of {}", "sha256"),
        (b"\0", None, "{} is not the wheel the lock names", "sha256"),
        (DATA, 1, "the lock names the right digest and a wrong size for {}", "tool.micropip-lock.size"),
        (DATA, len(DATA) + 1, "the lock names the right digest and a wrong size for {}", "tool.micropip-lock.size"),
    ],
)
def test_refused_bytes_are_placed(package: str | None, data: bytes, size: int | None, told: str, place: str) -> None:
    """A refusal is placed at the package, or names the file when nobody said which package it is."""
    with pytest.raises(MicropipLockError) as caught:
        admit(data, Digest.of(DATA), filename="x.whl", size=size, package=package)
    error = caught.value
    expected = (told.format(package or "x.whl"), f"packages.{package}.{place}" if package else None)
    assert expected == (error.message, error.where)


def test_the_beginning_of_a_page_is_shown() -> None:
    """Of a page that arrives instead of a wheel the first forty bytes are shown."""
    with pytest.raises(HashMismatchError) as caught:
        admit(b"w" * 41, Digest.of(DATA), filename="x.whl")
    assert f"41 bytes beginning {'w' * 40!r}" == caught.value.got


def test_right_digest_and_wrong_size() -> None:
    """A size that the lock names and that is wrong is refused even with the right digest."""
    with pytest.raises(LockSchemaError) as caught:
        admit(DATA, Digest.of(DATA), filename="x.whl", size=1)

    assert ("size", "1 bytes", f"{len(DATA)} bytes") == (caught.value.code, caught.value.expected, caught.value.got)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", False),
        (DATA, False),
        (b"\xef\xbb\xbf <html>", True),
        (b"\x7fELF\0\0", False),
        (b"plain words", True),
        (b"a\tb", True),
        (b"a\x08b", False),
        (b"a" * 512 + b"\0", True),
        (b"a" * 511 + b"\0", False),
    ],
)
def test_text_and_binary(data: bytes, expected: bool) -> None:
    """Pages and messages look like text; archives and nothing do not."""
    assert expected == looks_like_text(data)


def test_a_page_that_is_larger_than_the_wheel() -> None:
    """A web page in place of a wheel is told as one, also when it is larger than the wheel."""
    page = too_large("https://files.example/a.whl", 10, got="more", content_type="text/html; charset=utf-8")
    other = too_large("https://files.example/a.whl", 10, got="more", content_type="application/zip")
    assert ("not-a-wheel", "too-large", "a web page arrived instead of a.whl", "a.whl is larger than it may be") == (
        page.code,
        other.code,
        page.message,
        other.message,
    )
