"""Entries of a zip archive, field by field: what may differ between the two headers, and what may not."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from micropip_lock.core.zip import Archive
from micropip_lock.core.zip_directory import DirectoryPlace, parse_directory
from micropip_lock.core.zip_entry import ZipEntry, content_of, data_end, extra_fields, place
from micropip_lock.errors import WheelFormatError
from tests.corpus.generate.raw_zip import Part, archive, directory_entry, end_record, with_descriptor, zip64_end

TEXT = b"0123456789" * 20
PLAIN = Part(name=b"a.py", data=TEXT)
PACKED = replace(PLAIN, method=8)
SIZE, CRC = len(TEXT), PLAIN.numbers[0]
FULL = 0xFFFFFFFF


def outcome(*parts: Part) -> str | list[bytes]:
    """The code of a refusal, or all contents."""
    try:
        opened = Archive(archive([*parts, Part(name=b"z.py")]), "x.whl")
        return [opened.read(entry) for entry in opened.entries.values()]
    except WheelFormatError as error:
        return error.code


def zip64(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


def field(kind: int, value: bytes) -> bytes:
    return struct.pack("<2H", kind, len(value)) + value


@pytest.mark.parametrize(
    "part",
    [
        PLAIN,
        PACKED,
        with_descriptor(PLAIN),
        with_descriptor(PACKED),
        replace(with_descriptor(PLAIN), descriptor=struct.pack("<3L", CRC, SIZE, SIZE)),
        replace(with_descriptor(PLAIN), descriptor=struct.pack("<L2Q", CRC, SIZE, SIZE)),
        replace(PLAIN, flags=0),
        replace(PACKED, flags=0x802),
        replace(PLAIN, extra=field(0x5455, b"time"), local_extra=field(0x5455, b"times")),
        replace(PLAIN, local_extra=zip64(SIZE, SIZE)),
        replace(PLAIN, local_extra=field(0x7075, b"\1\0\0\0\0a.py")),
        replace(PLAIN, extra=b"xyz"),
        replace(PLAIN, local_extra=field(0x5455, b"x" * 252)),
        replace(PLAIN, local_extra=field(0x5455, b"x" * 300)),
    ],
    ids=lambda part: f"{part.method}-{part.flags}-{(part.descriptor or b'').hex()[:8]}-{part.local_extra.hex()[:8]}",
)
def test_right_entries(part: Part) -> None:
    """Numbers behind the data in all four forms, flags of packers, times, ZIP64 and the same name again are taken."""
    assert [TEXT, b""] == outcome(part)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (replace(PLAIN, local_name=b"b.py"), "lfh-cd-mismatch"),
        (replace(PLAIN, local_size=SIZE + 1), "lfh-cd-mismatch"),
        (replace(PLAIN, local_size=0), "lfh-cd-mismatch"),
        (replace(PACKED, local_method=0), "lfh-cd-mismatch"),
        (replace(PLAIN, local_size=FULL, local_extra=zip64(SIZE + 1, SIZE)), "lfh-cd-mismatch"),
        (replace(with_descriptor(PLAIN), local_size=7), "lfh-cd-mismatch"),
        (replace(with_descriptor(PLAIN), descriptor=struct.pack("<3L", CRC, SIZE, SIZE + 1)), "lfh-cd-mismatch"),
        (replace(with_descriptor(PLAIN), descriptor=b""), "lfh-cd-mismatch"),
        (replace(with_descriptor(PLAIN), descriptor=b"xyz"), "hidden-data"),
        (replace(PLAIN, local_extra=field(0x7075, b"\1\0\0\0\0b.py")), "lfh-cd-mismatch"),
        (replace(PLAIN, extra=field(0x7075, b"\1\0\0\0\0b.py")), "lfh-cd-mismatch"),
        (replace(PLAIN, local_extra=struct.pack("<2H", 1, 9)), "bad-zip"),
        (replace(PLAIN, extra=struct.pack("<2H", 1, 9)), "bad-zip"),
        (replace(PLAIN, flags=0x20), "bad-zip"),
        (replace(PLAIN, flags=0x40), "encrypted"),
        (replace(PLAIN, flags=0x2000), "encrypted"),
        (replace(PLAIN, name=b"caf\xe9.py"), "bad-zip"),
        (replace(PLAIN, size=SIZE + 1), "size-mismatch"),
        (replace(PACKED, size=SIZE + 1), "size-mismatch"),
        (replace(PACKED, size=SIZE - 1), "size-mismatch"),
        (replace(PACKED, packed=PACKED.body[:-3]), "size-mismatch"),
        (replace(PACKED, packed=PACKED.body + b"x"), "size-mismatch"),
        (replace(PACKED, packed=b"\xff" * 9), "bad-zip"),
        (replace(PLAIN, crc=1), "crc"),
        (replace(PLAIN, size=FULL, packed_size=FULL), "bad-zip"),
        (replace(PLAIN, offset=10**6), "bad-zip"),
        (replace(PLAIN, offset=1), "prefix-data"),
    ],
)
def test_wrong_entries(part: Part, code: str) -> None:
    """Each number, flag and name that differs, each stream that ends elsewhere, has its refusal."""
    assert code == outcome(part)


def test_another_signature() -> None:
    """A local header that is none is refused."""
    data = archive([PLAIN])
    start = data.index(b"PK\1\2")
    moved = data[:start].replace(b"PK\3\4", b"PK\3\5") + data[start:]
    assert "lfh-cd-mismatch" == refusal(moved)


def test_zip64_in_the_local_header() -> None:
    """Sizes in the local header's ZIP64 field are read, as Python writes them for a stream."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out, out.open("a.py", "w", force_zip64=True) as entry:
        entry.write(TEXT)
    opened = Archive(buffer.getvalue(), "x.whl")
    assert [TEXT] == [opened.read(entry) for entry in opened.entries.values()]


ENDS = archive([PLAIN])[: -len(end_record(0, 0, 0))]
START = ENDS.index(b"PK\1\2")
LENGTH = len(ENDS) - START


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (ENDS + end_record(1, LENGTH, START), "good"),
        (ENDS + zip64_end(1, LENGTH, START), "good"),
        (ENDS + end_record(2, LENGTH, START), "bad-zip"),
        (ENDS + end_record(1, LENGTH - 1, START), "prefix-data"),
        (ENDS + end_record(0xFFFF, LENGTH, START), "bad-zip"),
        (end_record(0xFFFF, 0, 0), "bad-zip"),
        (ENDS + zip64_end(1, LENGTH, START).replace(struct.pack("<Q", 44), struct.pack("<Q", 45)), "bad-zip"),
        (ENDS + zip64_end(1, LENGTH, START)[:-22] + end_record(1, LENGTH, START), "multiple-eocd"),
        (ENDS.replace(struct.pack("<2L", SIZE, SIZE), b"\xff" * 8) + end_record(1, LENGTH, START), "bad-zip"),
    ],
)
def test_ends(data: bytes, code: str) -> None:
    """Each number in the end records that cannot be, and ZIP64's records where nothing asks for them."""
    assert code == refusal(data)


def refusal(data: bytes) -> str:
    try:
        Archive(data, "x.whl")
    except WheelFormatError as error:
        return error.code
    return "good"


def entry_of(part: Part) -> ZipEntry:
    data = directory_entry(part, 0)
    (one,) = parse_directory(data, DirectoryPlace(start=1 << 40, stop=(1 << 40) + len(data), count=1), "x.whl")
    return one


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (b"", b""),
        (b"xyz", b""),
        (b"\0\0\0\0", b""),
        (field(1, b"12345678"), b"12345678"),
        (field(2, b"") + field(1, b"1") + b"xy", b"1"),
        (field(1, b"1") + field(1, b"2"), b"1"),
        (field(1, b"") + field(1, b"2"), b"2"),
        (field(2, b"ab")[:-1], "bad-zip"),
        (field(1, b"1") + field(2, b"ab")[:-1], "bad-zip"),
        (field(0x7075, b"\1\0\0\0\0a.py") + field(1, b"1"), b"1"),
        (field(0x7075, b"\1\0\0\0\0a.py") + field(0x7075, b"\1\0\0\0\0b.py"), "lfh-cd-mismatch"),
        (field(0x7075, b"a.py"), "lfh-cd-mismatch"),
    ],
)
def test_extra_fields(extra: bytes, expected: bytes | str) -> None:
    """The first ZIP64 field that holds anything counts; other fields are passed over, another name is refused."""
    assert expected == refused_or(extra_fields, extra, b"a.py", "x.whl")


def refused_or[T](read: Callable[..., T], *arguments: object) -> T | str:
    try:
        return read(*arguments)
    except WheelFormatError as error:
        return error.code


@pytest.mark.parametrize(
    ("part", "packed", "expected"),
    [
        (PLAIN, TEXT, (TEXT, None)),
        (PACKED, PACKED.body, (TEXT, None)),
        (PLAIN, TEXT[:-1], ("size-mismatch", f"{SIZE - 1} bytes")),
        (PLAIN, TEXT + b"x", ("size-mismatch", f"{SIZE + 1} bytes or more")),
        (replace(PACKED, size=SIZE - 1), PACKED.body, ("size-mismatch", f"{SIZE} bytes or more")),
        (replace(PACKED, size=SIZE + 1), PACKED.body, ("size-mismatch", f"{SIZE} bytes")),
        (replace(PACKED, size=9), PACKED.body, ("size-mismatch", "10 bytes or more")),
        (
            PACKED,
            PACKED.body + b"x",
            ("size-mismatch", f"{len(PACKED.body) + 1} packed bytes of which the stream is another part"),
        ),
        (
            PACKED,
            PACKED.body[:-1],
            ("size-mismatch", f"{len(PACKED.body) - 1} packed bytes of which the stream is another part"),
        ),
        (replace(PLAIN, crc=0), TEXT, ("crc", f"CRC {CRC:08x}")),
        (replace(PLAIN, crc=FULL), TEXT, ("crc", f"CRC {CRC:08x}")),
    ],
)
def test_contents(part: Part, packed: bytes, expected: tuple[bytes | str, str | None]) -> None:
    """The content is what the directory says, to the byte; no more than one byte beyond it is inflated."""
    entry = entry_of(replace(part, packed_size=SIZE if part.method == 0 else None))
    try:
        found: tuple[bytes | str, str | None] = (content_of(packed, entry, "x.whl"), None)
    except WheelFormatError as error:
        found = (error.code, error.got)
    assert expected == found


NUMBERS = struct.pack("<3L", CRC, SIZE, SIZE)
WIDE = struct.pack("<L2Q", CRC, SIZE, SIZE)


@pytest.mark.parametrize(
    ("behind", "follows", "expected"),
    [
        (b"", False, None),
        (b"?", False, "hidden-data"),
        (NUMBERS, False, "hidden-data"),
        (NUMBERS, True, None),
        (b"PK\7\x08" + NUMBERS, True, None),
        (WIDE, True, None),
        (b"PK\7\x08" + WIDE, True, None),
        (b"", True, "lfh-cd-mismatch"),
        *((b"?" * gap, True, "lfh-cd-mismatch") for gap in (12, 16, 20, 24)),
        *((b"?" * gap, True, "hidden-data") for gap in (1, 11, 13, 15, 17, 19, 21, 23, 25)),
    ],
)
def test_behind_the_data(behind: bytes, follows: bool, expected: str | None) -> None:
    """Where numbers are announced, exactly they stand behind the data; elsewhere nothing does."""
    entry = entry_of(with_descriptor(PLAIN) if follows else PLAIN)
    assert expected == refused_or(data_end, TEXT + behind, SIZE, SIZE + len(behind), entry, "x.whl")


def test_data_that_overlaps() -> None:
    """Data that reaches into what follows is refused."""
    assert "overlap" == refused_or(data_end, TEXT, SIZE, SIZE - 1, entry_of(PLAIN), "x.whl")


@pytest.mark.parametrize(("path", "told"), [("a.py", "x.whl: a.py"), ("a\n", "x.whl: 'a\\n'")])
def test_entries_in_messages(path: str, told: str) -> None:
    """An entry is named as it is, or spelt out when its name cannot be printed."""
    assert told == place("x.whl", path)


def test_a_long_disagreement_is_cut() -> None:
    """Of two names that disagree, the first two hundred characters of the message are told."""
    long = replace(PLAIN, name=b"n" * 300, local_name=b"m" * 300)
    with pytest.raises(WheelFormatError) as caught:
        Archive(archive([long]), "x.whl")
    told = f"name: {b'm' * 300!r}"[:200]
    assert told == caught.value.got


def test_wide_numbers_alone() -> None:
    """Sizes that need ZIP64 have their numbers behind the data in its form only."""
    huge = entry_of(replace(with_descriptor(PLAIN), size=FULL, packed_size=FULL, crc=CRC, extra=zip64(FULL, FULL)))
    short, wide = struct.pack("<3L", CRC, FULL, FULL), struct.pack("<L2Q", CRC, FULL, FULL)
    assert ("lfh-cd-mismatch", None) == (
        refused_or(data_end, short, 0, len(short), huge, "x.whl"),
        refused_or(data_end, wide, 0, len(wide), huge, "x.whl"),
    )


def test_two_names_are_told() -> None:
    """Who refuses an entry of two names tells both."""
    with pytest.raises(WheelFormatError) as caught:
        extra_fields(field(0x7075, b"\1\0\0\0\0b.py"), b"a.py", "x.whl")
    assert "b'a.py' and b'b.py'" == caught.value.got


def test_a_signature_or_flags_of_nothing() -> None:
    """Where numbers are announced, they may be missing in front of the data; flags and a signature may not."""
    data = archive([with_descriptor(PLAIN)])
    assert ["lfh-cd-mismatch"] * 2 == [refusal(bytes(4) + data[4:]), refusal(data[:6] + bytes(2) + data[8:])]
