"""Wheels whose archive is read differently by different programs, or by none."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zlib
from dataclasses import replace

from tests.corpus.generate.raw_zip import (
    UTF8,
    Part,
    archive,
    deflated,
    directory_entry,
    end_record,
    local_header,
    with_descriptor,
)
from tests.corpus.generate.wheel_case import container


@container(
    "W01", "duplicate-name", "Two entries have one name and different content", "WheelFormatError duplicate-entry"
)
def duplicate_name(parts: list[Part], info: str) -> bytes:
    return archive([*parts, replace(parts[0], data=b"import os\n")])


@container("W18", "trailing-data", "Bytes follow the archive", "WheelFormatError trailing-data")
def trailing_data(parts: list[Part], info: str) -> bytes:
    return archive(parts) + b"#!/bin/sh\necho more\n"


@container("W19", "prefix-data", "Bytes precede the archive", "WheelFormatError prefix-data")
def prefix_data(parts: list[Part], info: str) -> bytes:
    return b"#!/bin/sh\necho first\n" + archive(parts)


@container("W20", "truncated", "The last third did not arrive", "WheelFormatError truncated")
def truncated(parts: list[Part], info: str) -> bytes:
    data = archive(parts)
    return data[: len(data) * 2 // 3]


@container("W21", "crc-wrong", "The CRC of an entry is not that of its content", "WheelFormatError crc")
def crc_wrong(parts: list[Part], info: str) -> bytes:
    return archive([replace(parts[0], crc=0xDEADBEEF), *parts[1:]])


@container(
    "W22", "local-name-differs", "Local header and directory name different files", "WheelFormatError lfh-cd-mismatch"
)
def local_name_differs(parts: list[Part], info: str) -> bytes:
    return archive([replace(parts[0], local_name=b"xxx.py"), *parts[1:]])


@container("W23", "encrypted", "An entry says that it is encrypted", "WheelFormatError encrypted")
def encrypted(parts: list[Part], info: str) -> bytes:
    return archive([replace(parts[0], flags=UTF8 | 1), *parts[1:]])


@container("W24", "comment-with-end", "The comment holds another end of the archive", "WheelFormatError multiple-eocd")
def comment_with_end(parts: list[Part], info: str) -> bytes:
    other = archive([Part(name=b"evil.py", data=b"import os\n")])
    return archive(parts, comment=other)


@container("W25", "size-lies", "An entry inflates to more than both headers say", "WheelFormatError size-mismatch")
def size_lies(parts: list[Part], info: str) -> bytes:
    honest = replace(parts[1], method=8)
    return archive([parts[0], replace(honest, size=len(honest.data) - 100), *parts[2:]])


@container("W44", "lzma", "An entry is compressed with LZMA", "WheelFormatError compression-method")
def with_lzma(parts: list[Part], info: str) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 6}]
    # APPNOTE 5.8.8: version, length of the properties, the properties of LZMA1 (lc=3 lp=0 pb=2, 8 MiB), the stream.
    packed = struct.pack("<BBHBI", 9, 4, 5, 93, 1 << 23) + lzma.compress(
        parts[1].data, lzma.FORMAT_RAW, filters=filters
    )
    return archive([parts[0], replace(parts[1], method=14, packed=packed), *parts[2:]])


@container("W45", "bzip2", "An entry is compressed with bzip2", "WheelFormatError compression-method")
def with_bzip2(parts: list[Part], info: str) -> bytes:
    return archive([parts[0], replace(parts[1], method=12, packed=bz2.compress(parts[1].data)), *parts[2:]])


@container(
    "W46", "tar-then-zip", "The file is a tar archive, too", "WheelFormatError prefix-data", note="CVE-2026-3219"
)
def tar_then_zip(parts: list[Part], info: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("setup.py")
        member.size = 10
        tar.addfile(member, io.BytesIO(b"import os\n"))
    return buffer.getvalue() + archive(parts)


@container("W47", "empty", "An archive without entries", "WheelFormatError empty")
def empty(parts: list[Part], info: str) -> bytes:
    return archive([])


@container("W48", "html", "A web page", "WheelFormatError not-zip")
def html(parts: list[Part], info: str) -> bytes:
    return b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"


@container(
    "W49", "overlap", "Entries lie in each other", "WheelFormatError overlap", note="Fifield's zip bomb quotes so"
)
def overlap(parts: list[Part], info: str) -> bytes:
    inner = Part(name=b"inner.py", data=b"x = 1\n" * 50, method=8)
    outer = Part(name=b"outer.py", data=local_header(inner) + inner.body)
    body, directory = bytearray(), bytearray()
    for part in (*parts, outer):
        directory += directory_entry(part, len(body))
        body += local_header(part) + part.body
    # The outer one's data is its last bytes, and a whole entry.
    directory += directory_entry(inner, len(body) - len(outer.data))
    return bytes(body + directory + end_record(len(parts) + 2, len(directory), len(body)))


@container("W56", "one-data-twice", "Two names share one local header", "WheelFormatError overlap")
def one_data_twice(parts: list[Part], info: str) -> bytes:
    body, directory = bytearray(), bytearray()
    for part in parts:
        directory += directory_entry(part, len(body))
        body += local_header(part) + part.body
    directory += directory_entry(replace(parts[0], name=b"two.py"), 0)
    return bytes(body + directory + end_record(len(parts) + 1, len(directory), len(body)))


@container("W57", "hidden-entry", "An entry that the directory does not list", "WheelFormatError hidden-data")
def hidden_entry(parts: list[Part], info: str) -> bytes:
    evil = Part(name=b"evil.py", data=b"import os\n")
    body, directory = bytearray(), bytearray()
    for number, part in enumerate(parts):
        if number == 1:
            body += local_header(evil) + evil.body
        directory += directory_entry(part, len(body))
        body += local_header(part) + part.body
    return bytes(body + directory + end_record(len(parts), len(directory), len(body)))


@container("W58", "descriptor-lies", "The numbers behind the data are others", "WheelFormatError lfh-cd-mismatch")
def descriptor_lies(parts: list[Part], info: str) -> bytes:
    return archive([with_descriptor(parts[0], crc=0xDEADBEEF), *parts[1:]])


@container("W59", "descriptor", "Numbers stand behind the data, as a stream is written")
def descriptor(parts: list[Part], info: str) -> bytes:
    return archive([with_descriptor(replace(part, method=8)) for part in parts])


@container(
    "W60", "unicode-path-field", "An extra field gives an entry another name", "WheelFormatError lfh-cd-mismatch"
)
def unicode_path_field(parts: list[Part], info: str) -> bytes:
    # APPNOTE 4.6.9, Info-ZIP Unicode Path: version, CRC of the name in the header, the other name.
    name = b"evil.py"
    field = struct.pack("<2HBL", 0x7075, 5 + len(name), 1, zlib.crc32(parts[0].name)) + name
    return archive([replace(parts[0], flags=0, extra=field, local_extra=field), *parts[1:]])


@container(
    "W61", "local-size-differs", "Local header and directory give different sizes", "WheelFormatError lfh-cd-mismatch"
)
def local_size_differs(parts: list[Part], info: str) -> bytes:
    return archive([replace(parts[0], local_size=3), *parts[1:]])


@container(
    "W62",
    "local-method-differs",
    "Local header and directory give different methods",
    "WheelFormatError lfh-cd-mismatch",
)
def local_method_differs(parts: list[Part], info: str) -> bytes:
    return archive([replace(parts[0], method=8, local_method=0), *parts[1:]])


@container("W63", "directory-with-content", "A directory that has content", "WheelFormatError directory-content")
def directory_with_content(parts: list[Part], info: str) -> bytes:
    return archive([*parts, Part(name=b"d/", data=b"import os\n", attributes=0o40755 << 16)])


@container(
    "W64", "after-the-stream", "Bytes follow the compressed stream of an entry", "WheelFormatError size-mismatch"
)
def after_the_stream(parts: list[Part], info: str) -> bytes:
    packed = deflated(parts[1].data) + b"hidden"
    return archive([parts[0], replace(parts[1], method=8, packed=packed), *parts[2:]])


@container("W65", "zip64", "An archive with ZIP64's records")
def zip64(parts: list[Part], info: str) -> bytes:
    return archive(parts, zip64=True)


@container("W66", "second-directory", "Two directories, the end tells of the second", "WheelFormatError hidden-data")
def second_directory(parts: list[Part], info: str) -> bytes:
    data = archive(parts)
    directory = data[data.index(b"PK\1\2") : data.index(b"PK\5\6")]
    start = data.index(b"PK\1\2") + len(directory)
    return data[:start] + directory + end_record(len(parts), len(directory), start)
