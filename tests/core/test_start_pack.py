"""Tests of :mod:`micropip_lock.core.start_pack`: what is put in comes out, and nothing else is taken."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.start_pack import (
    MAGIC,
    NEAR,
    WheelParts,
    format_start_pack,
    parse_start_pack,
    parts_of,
)
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import WheelFormatError
from micropip_lock.testing import BuiltWheel, wheel
from tests.core.start_pack_vectors import PATH, vectors

# Not compressible: packed as large as it is.
NOISE = "".join(Digest.of(str(number).encode()).hex for number in range(300))
BUILT = wheel("six", files={"six.py": "X = 1\n", "unread.py": NOISE, "also/read.py": "Y = 2\n", "last.py": NOISE})


def opened(built: BuiltWheel) -> OpenedWheel:
    return OpenedWheel(admit(built.data, Digest.of(built.data), filename=built.filename))


@st.composite
def wheel_parts(draw: st.DrawFn) -> WheelParts:
    """Parts of a wheel of at most some hundred bytes."""
    segments, at = [], 0
    for _ in range(draw(st.integers(1, 4))):
        at += draw(st.integers(1, 20))
        data = draw(st.binary(min_size=1, max_size=20))
        segments.append((at, data))
        at += len(data)
    digest = draw(st.binary(min_size=32, max_size=32).map(Digest))
    compiled = draw(st.just(b"") | st.binary(max_size=40))
    return WheelParts(digest=digest, size=at + draw(st.integers(0, 20)), segments=tuple(segments), compiled=compiled)


packs = st.lists(wheel_parts(), max_size=4, unique_by=lambda one: one.digest)


@given(packs)
def test_round_trip(wheels: list[WheelParts]) -> None:
    """What is written is read again, in the order of the digests; the order in which it was given changes no byte."""
    data = format_start_pack(wheels)
    assert tuple(sorted(wheels, key=lambda one: one.digest.raw)) == parse_start_pack(data)
    assert data == format_start_pack(reversed(wheels))


@given(packs, st.data())
def test_one_reading(wheels: list[WheelParts], choices: st.DataObject) -> None:
    """A pack with one byte changed is refused, or is the one way to write what it says, deflated modules apart."""
    data = bytearray(format_start_pack(wheels))
    data[choices.draw(st.integers(0, len(data) - 1))] = choices.draw(st.integers(0, 255))
    with suppress(WheelFormatError):
        parsed = parse_start_pack(bytes(data))
        again = format_start_pack(parsed)
        assert parsed == parse_start_pack(again)
        assert bytes(data) == again or any(one.compiled for one in parsed)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: MAGIC + struct.pack("<I", 1) + rest))
def test_whatever_comes(data: bytes) -> None:
    """Any bytes are a pack, or are refused with our error."""
    with suppress(WheelFormatError):
        parsed = parse_start_pack(data)
        assert data == format_start_pack(parsed) or any(one.compiled for one in parsed)


@given(packs.filter(bool), st.data())
def test_cut_or_longer(wheels: list[WheelParts], choices: st.DataObject) -> None:
    """A pack that was cut, or has something behind it, is refused."""
    data = format_start_pack(wheels)
    for other in (data[: choices.draw(st.integers(0, len(data) - 1))], data + b"\0"):
        with pytest.raises(WheelFormatError):
            parse_start_pack(other)


def test_parts() -> None:
    """The directory, what describes the wheel and what is read are there at their places; what is not read is not."""
    built = opened(BUILT)
    parts = parts_of(built, {"six.py", "also/read.py"})
    there = bytearray(len(BUILT.data))
    for offset, data in parts.segments:
        assert BUILT.data[offset : offset + len(data)] == data
        there[offset : offset + len(data)] = b"\1" * len(data)
    whole = {path for path, header, _, _, following in built.places() if all(there[header:following])}
    assert {path for path in built.names if path not in ("unread.py", "last.py")} == whole
    assert all(there[built.directory_start :])
    assert not all(there)


def test_nearly_whole() -> None:
    """A wheel of which nearly all is read is taken whole."""
    parts = parts_of(opened(BUILT), {"six.py", "also/read.py", "unread.py", "last.py"})
    assert (True, ((0, BUILT.data),)) == (parts.is_whole, parts.segments)


def test_near_parts_are_one() -> None:
    """Parts with few bytes between them are one segment."""
    files = {"a.py": "A = 1\n", "b.py": NOISE[: NEAR // 2], "c.py": "C = 1\n", "d.py": NOISE}
    parts = parts_of(opened(wheel("six", files=files)), {"a.py", "c.py"})
    assert 2 == len(parts.segments)


def test_vectors() -> None:
    """What the reader of the boot path is held to is what Python does; ``python -m tests.core.start_pack_vectors``."""
    assert json.loads(PATH.read_text("utf-8")) == vectors()


def _table(*spans: tuple[int, int], size: int = 10, compiled: tuple[int, int] = (0, 0), rest: bytes = b"") -> bytes:
    head = MAGIC + struct.pack("<I", 1) + struct.pack("<32sIIII", bytes(32), size, *compiled, len(spans))
    return head + b"".join(struct.pack("<II", *span) for span in spans) + rest


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_table((0, 2), (2, 1), rest=b"abc"), "in another"),
        (_table((8, 3), rest=b"abc"), "outside"),
        (_table((0, 0)), "outside"),
        (_table(), "impossible"),
        (_table((0, 1), size=0, rest=b"a"), "impossible"),
        (_table((0, 1), rest=b"ab"), "another length"),
        (_table((0, 1), compiled=(3, 0), rest=b"a"), "impossible"),
        (_table((0, 1), compiled=(2**28 + 1, 1), rest=b"ab"), "impossible"),
        (_table((0, 1), compiled=(3, 2), rest=b"\x03\x00a"), "another length"),
        (_table((0, 1), compiled=(3, 1), rest=b"\xffa"), "unpacked"),
        (MAGIC[:-1] + b"\1", "another format"),
        (MAGIC + struct.pack("<I", 2001), "too many"),
        (MAGIC + struct.pack("<I", 2000), "breaks off"),
    ],
)
def test_refused(data: bytes, says: str) -> None:
    """Each rule of the format has its refusal."""
    with pytest.raises(WheelFormatError, match=says) as caught:
        parse_start_pack(data)
    assert "bad-pack" == caught.value.code


def test_too_large_together() -> None:
    """Wheels that a reader could not make room for are refused."""
    entries: list[Any] = [struct.pack("<32sIIIIII", bytes([n]) * 32, 2**28, 0, 0, 1, 0, 1) for n in range(9)]
    with pytest.raises(WheelFormatError, match="too large together"):
        parse_start_pack(MAGIC + struct.pack("<I", 9) + b"".join(entries) + b"x" * 9)
