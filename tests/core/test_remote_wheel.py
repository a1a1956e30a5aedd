"""Tests of :mod:`micropip_lock.core.remote_wheel` and :mod:`micropip_lock.core.zip_directory`."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core import remote_wheel
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.remote_wheel import ByteRange, RemoteWheel, tail_of
from micropip_lock.core.zip_directory import end_of_zip
from micropip_lock.errors import InputError, MicropipLockError, WheelFormatError
from micropip_lock.testing import BuiltWheel, wheel

FILES = {f"demo/{name}.py": f"NAME = {name!r}\n" * 40 for name in ("a", "b", "c", "dé")}
DEMO = wheel("demo", "1.0", files=FILES)


def packed(
    compression: int = zipfile.ZIP_DEFLATED,
    *,
    order: Callable[[str], tuple[object, ...]] = lambda name: (name,),
    comment: bytes = b"",
    built: BuiltWheel = DEMO,
) -> bytes:
    """The demo wheel, written by zipfile."""
    with zipfile.ZipFile(io.BytesIO(built.data)) as source:
        contents = {name: source.read(name) for name in source.namelist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name in sorted(contents, key=order):
            archive.writestr(zipfile.ZipInfo(name), contents[name], compress_type=compression)
        archive.comment = comment
    return target.getvalue()


def record_of(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(f"{DEMO.dist_info}/RECORD")


def read(
    data: bytes, *, tail: int = 1 << 14, wanted: tuple[str, ...] = ("RECORD",), filename: str = DEMO.filename
) -> tuple[dict[str, bytes], list[ByteRange]]:
    """The files, and what had to be asked for."""
    machine = RemoteWheel(filename, len(data), wanted=wanted, tail=tail)
    asked: list[ByteRange] = []
    while (needed := machine.next_range()) is not None:
        assert needed not in asked, "the same bytes are asked for twice"
        assert 0 <= needed.first <= needed.last < len(data)
        asked.append(needed)
        machine.feed(needed.first, data[needed.first : needed.last + 1])
    return machine.files, asked


def code_of(data: bytes, tail: int = 1 << 14) -> str:
    with pytest.raises(MicropipLockError) as caught:
        read(data, tail=tail)
    return caught.value.code


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("tail", [1, 22, 23, 300, 900, 1 << 20])
def test_reads_record_whatever_the_tail(compression: int, tail: int) -> None:
    """RECORD is read from a stored or deflated archive, however small or large the first guess is."""
    data = packed(compression)
    files, _ = read(data, tail=tail)
    assert record_of(data) == files["RECORD"]


def test_installed_record_gives_the_tail() -> None:
    """The tail that is computed from the installed RECORD holds directory and RECORD: one request."""
    large = wheel("demo", "1.0", files=FILES | {"demo/noise.bin": random.Random(1).randbytes(50_000)})
    data = packed(order=lambda name: (".dist-info/" in name, name.endswith("RECORD"), name), built=large)
    record = record_of(data)
    guess = tail_of([row.path for row in parse_record(record.decode())], record)
    _, asked = read(data, tail=guess)
    assert [ByteRange(len(data) - guess, len(data) - 1)] == asked


def test_record_elsewhere_is_a_third_request() -> None:
    """A RECORD at the front of the archive costs one more request, of its own size only."""
    data = packed(order=lambda name: (not name.endswith("RECORD"), name))
    files, asked = read(data, tail=22)
    assert (record_of(data), 3, 0) == (files["RECORD"], len(asked), asked[-1].first)
    assert asked[-1].size <= 2 * len(record_of(data))


def test_two_files_that_lie_near_are_one_request() -> None:
    """RECORD and METADATA side by side come with one range."""
    data = packed(zipfile.ZIP_STORED, order=lambda name: (".dist-info/" not in name, name))
    files, asked = read(data, tail=22, wanted=("METADATA", "RECORD"))
    assert (DEMO.metadata, record_of(data), 3) == (files["METADATA"], files["RECORD"], len(asked))


@pytest.mark.parametrize("length", [1, 1000, 65535])
def test_comment(length: int) -> None:
    """An archive with a comment is read, with one larger tail."""
    data = packed(comment=b"c" * length)
    files, _ = read(data, tail=64)
    assert record_of(data) == files["RECORD"]


def as_zip64(data: bytes) -> bytes:
    """The same archive with ZIP64 end records, as archives beyond 4 GiB have them."""
    end = len(data) - 22
    count, length, start = struct.unpack_from("<H2L", data, end + 10)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return (
        data[:end]
        + record
        + locator
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    )


@pytest.mark.parametrize("tail", [22, 60, 97, 98, 5000])
def test_zip64(tail: int) -> None:
    """ZIP64's end records are understood, also when the first guess cuts through them."""
    data = as_zip64(packed())
    files, _ = read(data, tail=tail)
    assert record_of(data) == files["RECORD"]


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def entry_at(data: bytes, name: str, signature: bytes = b"PK\x01\x02") -> int:
    """Offset of an entry's header in the directory, or of its local header."""
    offset = 46 if signature == b"PK\x01\x02" else 30
    return data.rindex(name.encode()) - offset if offset == 46 else data.index(name.encode()) - offset


RECORD_NAME = f"{DEMO.dist_info}/RECORD"
WHOLE = packed()
CD_RECORD = entry_at(WHOLE, RECORD_NAME)
LOCAL_RECORD = struct.unpack_from("<L", WHOLE, CD_RECORD + 42)[0]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<!doctype html>" * 100, "bad-zip"),
        (b"PK\x05\x06" + bytes(18), "empty"),
        (WHOLE[:-1], "bad-zip"),
        (WHOLE + b"more", "bad-zip"),
        (b"#!/bin/sh\n" + WHOLE, "prefix-data"),
        (packed(comment=WHOLE[-22:] + b"xx"), "multiple-eocd"),
        (patched(WHOLE, len(WHOLE) - 12, b"\x01\x00"), "bad-zip"),
        (patched(WHOLE, len(WHOLE) - 14, b"\xff\xfe\xff\xfe"), "entries"),
        (patched(WHOLE, len(WHOLE) - 10, b"\xff\xff\xff\x7f"), "too-large"),
        (patched(WHOLE, len(WHOLE) - 10, b"\xff\xff\xff\xff"), "bad-zip"),
        (patched(WHOLE, CD_RECORD, b"PK\x01\x03"), "bad-zip"),
        (patched(WHOLE, CD_RECORD + 8, b"\x01"), "encrypted"),
        (patched(WHOLE, CD_RECORD + 10, b"\x0c"), "compression-method"),
        (patched(WHOLE, CD_RECORD + 16, b"\x00\x00\x00\x00"), "lfh-cd-mismatch"),
        (patched(patched(WHOLE, CD_RECORD + 16, b"\x01\0\0\0"), LOCAL_RECORD + 14, b"\x01\0\0\0"), "crc"),
        (patched(WHOLE, CD_RECORD + 24, b"\xff\xff\xff\x7f"), "too-large"),
        (patched(WHOLE, CD_RECORD + 24, b"\x0a\x00\x00\x00"), "lfh-cd-mismatch"),
        (patched(WHOLE, CD_RECORD + 42, b"\xff\xff\xff\x7f"), "bad-zip"),
        (patched(WHOLE, LOCAL_RECORD + 30, b"X"), "lfh-cd-mismatch"),
        (patched(WHOLE, LOCAL_RECORD + 8, b"\x00"), "lfh-cd-mismatch"),
        (WHOLE.replace(b"demo/a.py", b"demo/b.py"), "duplicate-entry"),
        (WHOLE.replace(RECORD_NAME.encode(), RECORD_NAME.replace("RECORD", "RECORX").encode()), "missing-file"),
        (WHOLE.replace(b"demo-1.0.dist-info", b"demo-1.0.dust-info"), "no-metadata"),
        (WHOLE.replace(b"demo-1.0.dist-info", b"domo-1.0.dist-info"), "dist-info-name"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refusals(data: bytes, code: str) -> None:
    """Each way to lie in a zip archive has its refusal, with a small tail and with a large one."""
    assert {code} == {code_of(data, tail) for tail in (22, 1 << 20)}


def test_an_end_in_the_comment() -> None:
    """Another end at the very end is refused, whether or not the tail shows that there are two."""
    data = packed(comment=b"x" * 30 + WHOLE[-22:])
    assert ["prefix-data", "multiple-eocd"] == [code_of(data, tail) for tail in (22, 1 << 20)]


def test_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file inflates to is bounded before it is inflated, and by what the directory says."""
    monkeypatch.setattr(remote_wheel, "MAX_FILE", 100)
    assert "too-large" == code_of(WHOLE)


def test_sizes_that_lie() -> None:
    """A file that inflates to more than both headers say is refused, and no more than that is inflated."""
    lie = struct.pack("<L", 10)
    data = patched(patched(WHOLE, CD_RECORD + 24, lie), LOCAL_RECORD + 22, lie)
    assert "size-mismatch" == code_of(data)


@pytest.mark.parametrize(("first", "data"), [(-1, b"x"), (0, b""), (len(WHOLE) - 1, b"xx"), (len(WHOLE), b"x")])
def test_bytes_outside(first: int, data: bytes) -> None:
    """Bytes that do not lie in the wheel are refused when they are fed."""
    machine = RemoteWheel(DEMO.filename, len(WHOLE))
    with pytest.raises(WheelFormatError) as caught:
        machine.feed(first, data)
    assert "bad-zip" == caught.value.code


@pytest.mark.parametrize("size", [0, 21])
def test_no_wheel_is_that_small(size: int) -> None:
    """A size that no zip archive can have is refused before anything is asked for."""
    with pytest.raises(WheelFormatError) as caught:
        RemoteWheel(DEMO.filename, size)
    assert "bad-zip" == caught.value.code


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The demo archive with some bytes changed, put in or cut out, mostly where its structures are."""
    data = bytearray(
        draw(st.sampled_from([WHOLE, packed(zipfile.ZIP_STORED), as_zip64(WHOLE), packed(comment=b"c" * 9)]))
    )
    for _ in range(draw(st.integers(1, 4))):
        near_end = draw(st.integers(0, min(len(data) - 1, 700)))
        at = draw(st.sampled_from([len(data) - 1 - near_end, near_end, LOCAL_RECORD % len(data)]))
        kind = draw(st.sampled_from(["set", "insert", "cut"]))
        new = draw(
            st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"PK\x05\x06"]))
        )
        data[at : at + (0 if kind == "insert" else len(new))] = b"" if kind == "cut" else new
        if not data:
            return b"x"
    return bytes(data)


@given(mutated(), st.integers(1, 5000))
@example(WHOLE[:30], 22)
def test_mutated_archives(data: bytes, tail: int) -> None:
    """Whatever happens to an archive, its RECORD is read as zipfile reads it, or the refusal is ours."""
    try:
        files, asked = read(data, tail=tail)
    except InputError:
        return
    assert len(asked) <= 4
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            expected = archive.read(RECORD_NAME)
    except NotImplementedError:
        # zipfile refuses a "version needed" that says nothing about the bytes.
        return
    assert expected == files["RECORD"]


@given(st.binary(max_size=300), st.integers(1, 400))
def test_noise(data: bytes, tail: int) -> None:
    """Noise is refused with our error, and never asks for bytes that are not there."""
    with pytest.raises(InputError) as caught:
        read(data, tail=tail)
    assert caught.value.code


@given(st.binary(min_size=22, max_size=200), st.integers(0, 10**12))
def test_end_of_anything(tail: bytes, more: int) -> None:
    """Any tail of any size is a place within the archive, too short to tell, or refused with our error."""
    try:
        place = end_of_zip(tail, len(tail) + more, "x.whl")
    except InputError:
        return
    assert place is None or 0 <= place.start < place.stop <= len(tail) + more
