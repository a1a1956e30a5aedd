"""Wheels that are too large when they are unpacked, or in what they claim; small on disk."""

from __future__ import annotations

import struct
from dataclasses import replace

from micropip_lock.testing.wheels import record_of
from tests.corpus.generate.raw_zip import Part, archive, parts_of
from tests.corpus.generate.wheel_case import Entries, container, content


@container("W41", "bomb", "100 MB of zeros in 100 kB", "WheelTooLargeError ratio")
def bomb(parts: list[Part], info: str) -> bytes:
    return _packed(parts, info, b"\0" * 100_000_000)


@content("W42", "many-entries", "20 000 entries")
def many_entries(entries: Entries, info: str) -> None:
    entries.update({f"many/m{number}.py": b"" for number in range(20_000)})


@content("W50", "too-many-entries", "60 000 entries", "WheelTooLargeError entries")
def too_many_entries(entries: Entries, info: str) -> None:
    entries.update({f"many/m{number}.py": b"" for number in range(60_000)})


@container("W51", "zip64-size", "ZIP64 fields give an entry of more than 1 GiB", "WheelTooLargeError too-large")
def zip64_size(parts: list[Part], info: str) -> bytes:
    # APPNOTE 4.5.3: the size alone is full in the directory; the local header's field has both sizes.
    size, packed = 2**30 + 1, len(parts[1].data)
    huge = replace(
        parts[1],
        size=0xFFFFFFFF,
        extra=struct.pack("<2HQ", 1, 8, size),
        local_extra=struct.pack("<2H2Q", 1, 16, size, packed),
        method=8,
    )
    return archive([parts[0], huge, *parts[2:]])


@container("W67", "bomb-that-lies", "As W41, and both headers say that it is small", "WheelFormatError size-mismatch")
def bomb_that_lies(parts: list[Part], info: str) -> bytes:
    return _packed(parts, info, b"\0" * 100_000_000, size=1000)


@container("W68", "sparse", "A file of 1 MB zeros in a wheel that is otherwise ordinary")
def sparse(parts: list[Part], info: str) -> bytes:
    noise = Part(
        name=b"w68_data/noise.bin",
        data=struct.pack("<4096Q", *((number * 0x9E3779B97F4A7C15) % 2**64 for number in range(4096))),
    )
    return _packed([noise, *parts], info, b"\0" * 1_000_000)


def _packed(parts: list[Part], info: str, data: bytes, size: int | None = None) -> bytes:
    """The wheel with one more file, deflated, and a RECORD that lists it truly."""
    entries = {part.name.decode(): part.data for part in parts if not part.name.endswith(b"/RECORD")}
    entries["zeros.bin"] = data
    entries[f"{info}/RECORD"] = record_of(entries, f"{info}/RECORD")
    return archive(
        [
            replace(part, method=8, size=size) if part.name == b"zeros.bin" else part
            for part in parts_of(entries.items())
        ]
    )
