"""The end of a zip archive and its directory, number by number: at each limit, and beyond it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from micropip_lock.core.zip_directory import (
    MAX_DIRECTORY,
    MAX_ENTRIES,
    DirectoryPlace,
    end_of_zip,
    parse_directory,
)
from micropip_lock.core.zip_entry import ZipEntry
from micropip_lock.errors import MicropipLockError
from tests.corpus.generate.raw_zip import Part, directory_entry

FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF


def outcome[T](read: Callable[..., T], *arguments: Any) -> T | str:
    """What was read, or the code of the refusal."""
    try:
        return read(*arguments, "x.whl")
    except MicropipLockError as error:
        return error.code


def end(
    count: int = 2, length: int = 100, start: int = 50, *, disk: int = 0, first: int = 0, here: int | None = None
) -> bytes:
    here = count if here is None else here
    return struct.pack("<4s4H2LH", b"PK\5\6", disk, first, here, count, length, start, 0)


def place(count: int = 2, length: int = 100, start: int = 50) -> DirectoryPlace:
    return DirectoryPlace(start=start, stop=start + length, count=count)


@pytest.mark.parametrize(
    ("tail", "size", "expected"),
    [
        (end(), 172, place()),
        (b"?" * 100 + end(), 172, place()),
        (end(length=92), 164, place(length=92)),
        (end(length=91), 163, "bad-zip"),
        (end(), 173, "prefix-data"),
        (end(), 171, "prefix-data"),
        (end(0, 0, 0), 22, "empty"),
        (end(0, 0, 1), 23, place(0, 0, 1)),
        (end(0, 0, 0), 23, "prefix-data"),
        (end(0, 1, 0), 23, place(0, 1, 0)),
        (end(disk=1), 172, "bad-zip"),
        (end(first=1), 172, "bad-zip"),
        (end(here=1), 172, "bad-zip"),
        (end(here=3), 172, "bad-zip"),
        (end(MAX_ENTRIES, 46 * MAX_ENTRIES, 0), 46 * MAX_ENTRIES + 22, place(MAX_ENTRIES, 46 * MAX_ENTRIES, 0)),
        (end(MAX_ENTRIES + 1, 46 * MAX_ENTRIES + 46, 0), 46 * MAX_ENTRIES + 68, "entries"),
        (end(1, MAX_DIRECTORY, 0), MAX_DIRECTORY + 22, place(1, MAX_DIRECTORY, 0)),
        (end(1, MAX_DIRECTORY + 1, 0), MAX_DIRECTORY + 23, "too-large"),
        (end()[:-2] + b"\3\0abc", 175, place()),
        (end()[:-2] + b"\3\0ab", 174, None),
        (end()[:-2] + b"\3\0abcd", 176, None),
        (b"\3" * 22, 172, None),
        (end()[:-2] + b"\x16\0" + end(), 194, "multiple-eocd"),
        (end()[:-2] + b"\4\0PK\5\6", 176, "multiple-eocd"),
    ],
)
def test_ends(tail: bytes, size: int, expected: DirectoryPlace | str | None) -> None:
    """The last record says where the directory is; what it says has to be so, and within the caps."""
    assert expected == outcome(end_of_zip, tail, size)


def end64(
    numbers: tuple[int, int, int, int, int, int] = (0, 0, 2, 2, 100, 50),
    *,
    record: bytes = b"PK\6\6",
    length: int = 44,
    locator: bytes = b"PK\6\7",
    locator_disk: int = 0,
    at: int = 150,
    disks: int = 1,
    last: bytes = end(FULL16, FULL32, FULL32),
) -> bytes:
    return (
        struct.pack("<4sQ2H2L4Q", record, length, 45, 45, *numbers)
        + struct.pack("<4sLQL", locator, locator_disk, at, disks)
        + last
    )


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (end64(), place()),
        (b"?" * 9 + end64(), place()),
        (end64(last=end(FULL16)), place()),
        (end64(last=end(here=FULL16)), place()),
        (end64(last=end(disk=FULL16)), place()),
        (end64(last=end(first=FULL16)), place()),
        (end64(last=end(length=FULL32)), place()),
        (end64(last=end(start=FULL32)), place()),
        (end64(last=end(2, 176, 50)), "multiple-eocd"),
        (end64(disks=0), place()),
        (end64(disks=2), "bad-zip"),
        (end64(locator_disk=1), "bad-zip"),
        (end64(at=149), "bad-zip"),
        (end64(at=151), "bad-zip"),
        (end64(length=43), "bad-zip"),
        (end64(length=45), "bad-zip"),
        (end64(record=b"PK\6\5"), "bad-zip"),
        (end64(locator=b"PK\6\6"), "bad-zip"),
        (end64((1, 0, 2, 2, 100, 50)), "bad-zip"),
        (end64((0, 1, 2, 2, 100, 50)), "bad-zip"),
        (end64((0, 0, 1, 2, 100, 50)), "bad-zip"),
        (end64((0, 0, 2, 2, 99, 50)), "prefix-data"),
        (end64((0, 0, MAX_ENTRIES + 1, MAX_ENTRIES + 1, 100, 50)), "entries"),
        (end64((0, 0, 2, 2, MAX_DIRECTORY + 1, 50)), "too-large"),
        (end64()[1:], None),
    ],
)
def test_large_ends(tail: bytes, expected: DirectoryPlace | str | None) -> None:
    """ZIP64's records are read when a field is full, and only then; each of their numbers has to be so."""
    assert expected == outcome(end_of_zip, tail, 150 + 56 + 20 + 22)


@pytest.mark.parametrize("size", [22, 97])
def test_no_room_for_large_ends(size: int) -> None:
    """An archive that is all there and too short for the records that its end asks for is refused."""
    assert "bad-zip" == outcome(end_of_zip, (b"?" * 99 + end(FULL16))[-size:], size)


A, B = Part(name=b"a.py", data=b"abc"), Part(name=b"b/", attributes=0)


def listed(*entries: bytes, count: int | None = None, start: int = 1000) -> list[ZipEntry] | str:
    data = b"".join(entries)
    where = DirectoryPlace(start=start, stop=start + len(data), count=len(entries) if count is None else count)
    found = outcome(parse_directory, data, where)
    return found if isinstance(found, str) else list(found)


def zip64(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


def test_every_field_of_an_entry() -> None:
    """Name, place, sizes, CRC, method, flags and attributes are those of the entry; its comment is passed over."""
    data = directory_entry(A, 7)
    commented = data[:32] + b"\2\0" + data[34:] + b"no"
    found = listed(commented, directory_entry(B, 40))
    assert isinstance(found, list)
    assert [
        ("a.py", b"a.py", 7, 3, 3, A.numbers[0], 0, 0x800, A.attributes, False),
        ("b/", b"b/", 40, 0, 0, 0, 0, 0x800, 0, True),
    ] == [(*one[:9], one.is_directory) for one in found]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (replace(A, size=FULL32, packed_size=FULL32, extra=zip64(5, 5)), (5, 5, 7)),
        (replace(A, size=FULL32, method=8, extra=zip64(5)), (5, 5, 7)),
        (replace(A, packed_size=FULL32, method=8, extra=zip64(6)), (3, 6, 7)),
        (replace(A, offset=FULL32, extra=zip64(8)), (3, 3, 8)),
        (replace(A, offset=FULL32, extra=zip64(8, 9)), (3, 3, 8)),
        (replace(A, size=FULL32, packed_size=FULL32, offset=FULL32, extra=zip64(5, 5, 8)), (5, 5, 8)),
        (replace(A, size=FULL32, packed_size=FULL32, extra=zip64(5)), "bad-zip"),
        (replace(A, offset=FULL32, extra=struct.pack("<2H7s", 1, 7, b"")), "bad-zip"),
        (replace(A, offset=FULL32), "bad-zip"),
    ],
)
def test_wide_fields(part: Part, expected: tuple[int, int, int] | str) -> None:
    """Each full field has its value in ZIP64's field, in the order of the format, and none else has."""
    found = listed(directory_entry(part, 7))
    got = found if isinstance(found, str) else (found[0].size, found[0].packed_size, found[0].offset)
    assert expected == got


@pytest.mark.parametrize(
    ("entries", "count", "expected"),
    [
        ([directory_entry(A, 0)[:-1]], 1, "bad-zip"),
        ([directory_entry(A, 0), b"?"], 1, "bad-zip"),
        ([directory_entry(A, 0)], 2, "bad-zip"),
        ([directory_entry(A, 0).replace(b"PK\1\2", b"PK\1\3")], 1, "bad-zip"),
        ([directory_entry(A, 0), directory_entry(A, 40)], 2, "duplicate-entry"),
        ([directory_entry(replace(B, data=b"x"), 0)], 1, "directory-content"),
        ([directory_entry(replace(A, size=4), 0)], 1, "size-mismatch"),
        ([directory_entry(replace(A, size=2), 0)], 1, "size-mismatch"),
        ([directory_entry(replace(A, flags=1), 0)], 1, "encrypted"),
        ([directory_entry(replace(A, flags=0x20), 0)], 1, "bad-zip"),
        ([directory_entry(replace(A, method=1), 0)], 1, "compression-method"),
        ([directory_entry(replace(A, method=9), 0)], 1, "compression-method"),
        ([directory_entry(replace(A, name=b"\xff.py"), 0)], 1, "bad-zip"),
        ([directory_entry(A, 0)[:34] + b"\1\0" + directory_entry(A, 0)[36:]], 1, "bad-zip"),
        ([directory_entry(A, 0)[:6] + b"\x40" + directory_entry(A, 0)[7:]], 1, "bad-zip"),
        ([directory_entry(A, 968)], 1, "bad-zip"),
    ],
)
def test_directories_that_are_refused(entries: list[bytes], count: int, expected: str) -> None:
    """A directory that is not whole, an entry that is special, and one that could not lie in front of it."""
    assert expected == listed(*entries, count=count)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (directory_entry(A, 967), "a.py"),
        (directory_entry(A, 0)[:6] + b"\x3f" + directory_entry(A, 0)[7:], "a.py"),
        (directory_entry(replace(A, flags=0, name=b"\x81.py"), 0), "ü.py"),
        (directory_entry(replace(A, name="ü.py".encode()), 0), "ü.py"),
        (directory_entry(replace(A, flags=0x80E), 0), "a.py"),
    ],
)
def test_directories_at_their_limits(data: bytes, path: str) -> None:
    """The last place, the newest format, the flags that wheels have and both spellings of a name are read."""
    found = listed(data)
    assert [path] == [one.path for one in found if isinstance(one, ZipEntry)]


def test_what_is_refused_is_named() -> None:
    """The entry that is there twice is named, not the first one."""
    data = directory_entry(B, 0) + directory_entry(A, 40) + directory_entry(A, 80)
    with pytest.raises(MicropipLockError) as caught:
        parse_directory(data, DirectoryPlace(start=1000, stop=1000 + len(data), count=3), "x.whl")
    assert "'a.py'" == caught.value.got


def test_the_caps() -> None:
    """Fifty thousand entries and a directory of 16 MiB are the most."""
    assert (50_000, 16_777_216) == (MAX_ENTRIES, MAX_DIRECTORY)
