"""The zip container of a wheel: what is accepted, and every way to be refused."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.zip import MAX_RATIO, MAX_UNPACKED_BYTES, Archive
from micropip_lock.core.zip_directory import MAX_ENTRIES
from micropip_lock.errors import MicropipLockError, WheelFormatError, WheelPathError
from micropip_lock.testing import wheel
from tests.corpus.generate.raw_zip import Part, directory_entry, end_record, local_header
from tests.corpus.generate.raw_zip import archive as raw_archive

Entry = tuple[str | zipfile.ZipInfo, bytes]


def archive(entries: Iterable[Entry], method: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as out:
        for name, data in entries:
            out.writestr(name, data)
        out.comment = comment
    return buffer.getvalue()


def info(name: str, *, mode: int = 0o100644) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = mode << 16
    return entry


def named(name: str, real: str) -> bytes:
    """An archive whose entry has a name that zipfile would not write."""
    assert len(name) == len(real)
    return archive([(name, b"x")]).replace(name.encode(), real.encode())


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """The archive with bytes changed behind the first header of a kind."""
    at = data.index(signature) + offset
    return data[:at] + value + data[at + len(value) :]


def contents(data: bytes) -> dict[str, bytes]:
    opened = Archive(data, "x.whl")
    return {path: opened.read(entry) for path, entry in opened.entries.items()}


def refusal(data: bytes) -> MicropipLockError:
    with pytest.raises((WheelFormatError, WheelPathError)) as caught:
        contents(data)
    return caught.value


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
PLAIN = archive([("a.py", b"a")])
DEFLATED = archive([("a.py", b"a" * 1000)], zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PLAIN, {"a.py": b"a"}),
        (DEFLATED, {"a.py": b"a" * 1000}),
        (archive([("d/", b""), ("d/a.py", b"a")]), {"d/a.py": b"a"}),
        (archive([("a.py", b"a")], comment=b"made by hand"), {"a.py": b"a"}),
        (archive([("é.py", b"a"), ("日本.py", b"b")]), {"é.py": b"a", "日本.py": b"b"}),
        (archive([(info("a.py", mode=0), b"a")]), {"a.py": b"a"}),
        (archive([(info("a.py", mode=0o755), b"a")]), {"a.py": b"a"}),
        (archive([(info("d/", mode=stat.S_IFDIR | 0o755), b""), ("a", b"")]), {"a": b""}),
        (archive([("a..py", b""), ("..a", b""), ("...", b"")]), {"a..py": b"", "..a": b"", "...": b""}),
        (archive([("a b.py", b""), ("a+b,'\".py", b"")]), {"a b.py": b"", "a+b,'\".py": b""}),
    ],
)
def test_accepted(data: bytes, expected: dict[str, bytes]) -> None:
    """Stored and deflated entries, directories, comments, Unicode names and entries without a mode are read."""
    assert expected == contents(data)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../x", "escapes"),
        ("a/../../x", "escapes"),
        ("a/../x", "escapes"),
        ("..", "escapes"),
        ("./x", "escapes"),
        ("a//x", "escapes"),
        ("a/./", "escapes"),
        ("//", "absolute-path"),
        ("/etc/x", "absolute-path"),
        ("C:/x", "absolute-path"),
        ("c:x", "absolute-path"),
        ("a\\b", "backslash"),
        ("..\\b", "backslash"),
        ("a\x01b", "control-char"),
        ("a\nb", "control-char"),
        ("a\x7fb", "control-char"),
        ("a\x85b", "control-char"),
        ("a\u2028b", "control-char"),
    ],
)
def test_paths(name: str, code: str) -> None:
    """A name that leaves its directory, or that systems read differently, is refused and shown printable."""
    error = refusal(archive([(name, b"" if name.endswith("/") else b"x")]))
    assert (code, True) == (error.code, str(error.where).isprintable())


def test_nul() -> None:
    """A name with NUL, which some cut there, is refused."""
    assert "control-char" == refusal(named("aXb.py", "a\0b.py")).code


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices(mode: int) -> None:
    """An entry that is neither a file nor a directory is refused."""
    assert "symlink" == refusal(archive([(info("a.py", mode=mode), b"/etc/passwd")])).code


@pytest.mark.filterwarnings("ignore:Duplicate name")  # what is written here on purpose
def test_one_name_twice() -> None:
    """Two entries of one name are refused, also with the same content."""
    assert "duplicate-entry" == refusal(archive([("a.py", b"x"), ("a.py", b"x")])).code


@pytest.mark.parametrize(
    ("one", "other"),
    [("a.py", "A.py"), ("d/a.py", "D/a.py"), ("straße.py", "STRASSE.py"), ("ﬁ.py", "fi.py")],
)
def test_names_that_are_one_file_somewhere(one: str, other: str) -> None:
    """Names that differ in case or Unicode form only are refused: some file systems hold one of them."""
    assert "case-collision" == refusal(archive([(one, b"x"), (other, b"y")])).code


@pytest.mark.parametrize(("one", "other"), [("é.py", "e\u0301.py"), ("Å/x", "A\u030a/x")])
def test_names_in_two_unicode_forms(one: str, other: str) -> None:
    """Names that differ in Unicode form only are refused, and told apart from those that differ in case."""
    assert "unicode-collision" == refusal(archive([(one, b"x"), (other, b"y")])).code


@pytest.mark.parametrize(
    "names",
    [("a", "a/b.py"), ("a/b.py", "a"), ("a", "a/"), ("a/", "a"), ("A", "a/b.py"), ("a/b/c", "a/b"), ("a", "A/")],
)
def test_file_and_directory(names: tuple[str, str]) -> None:
    """A name that is both a file and a directory is refused, in either order and with an explicit directory."""
    assert "file-dir-collision" == refusal(archive([(name, b"") for name in names])).code


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods(method: int) -> None:
    """Only stored and deflated entries are read."""
    assert "compression-method" == refusal(archive([("a.py", b"x")], method)).code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (patched(PLAIN, CENTRAL, 8, b"\x01"), "encrypted"),
        (patched(PLAIN, CENTRAL, 8, b"\x20"), "bad-zip"),
        (patched(PLAIN, CENTRAL, 10, b"\x63"), "compression-method"),
        (patched(PLAIN, CENTRAL, 16, b"\0\0\0\0"), "lfh-cd-mismatch"),
        (patched(patched(PLAIN, CENTRAL, 16, b"\1\0\0\0"), LOCAL, 14, b"\1\0\0\0"), "crc"),
        (patched(PLAIN, LOCAL, 30, b"b.py"), "lfh-cd-mismatch"),
        (patched(PLAIN, LOCAL, 0, b"XXXX"), "lfh-cd-mismatch"),
        (patched(DEFLATED, LOCAL, 34, b"\xff\xff\xff\xff"), "bad-zip"),
        (patched(PLAIN, CENTRAL, 24, struct.pack("<I", 2)), "size-mismatch"),
        (patched(DEFLATED, CENTRAL, 24, struct.pack("<I", 999)), "lfh-cd-mismatch"),
        (patched(PLAIN, CENTRAL, 42, b"\xff\xff\0\0"), "bad-zip"),
        (PLAIN[:-1], "truncated"),
        (PLAIN[: len(PLAIN) // 2], "truncated"),
        (b"", "not-zip"),
        (b"<html>not found</html>", "not-zip"),
        (archive([]), "empty"),
        (archive([("d/", b"")]), "empty"),
        (b"#!/bin/sh\n" + PLAIN, "prefix-data"),
        (archive([("b.py", b"b")]) + PLAIN, "prefix-data"),
        (PLAIN + b"more", "trailing-data"),
        (PLAIN + PLAIN[-22:], "prefix-data"),
        (archive([("a.py", b"a")], comment=b"x" + PLAIN[-22:]), "multiple-eocd"),
    ],
)
def test_containers(data: bytes, code: str) -> None:
    """A container that zipfile cannot read, or that another program reads differently, is refused."""
    assert code == refusal(data).code


@pytest.mark.parametrize(("count", "refused"), [(MAX_ENTRIES, False), (MAX_ENTRIES + 1, True)])
def test_number_of_entries(count: int, refused: bool) -> None:
    """As many entries as the cap are read, one more is refused."""
    found = code_or_contents(lambda data: dict.fromkeys(Archive(data, "x.whl").entries, b""), many(count))
    assert ("entries" if refused else count) == (found if isinstance(found, str) else len(found))


@pytest.mark.parametrize(("more", "code"), [(0, "lfh-cd-mismatch"), (1, "too-large")])
def test_unpacked_size(more: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would unpack to more than the cap is refused before a byte is inflated; at the cap, for what it is."""
    data = patched(
        archive([("a.py", b"a" * 9)], zipfile.ZIP_DEFLATED), CENTRAL, 24, struct.pack("<I", MAX_UNPACKED_BYTES + more)
    )
    monkeypatch.setattr("micropip_lock.core.zip.MAX_RATIO", MAX_UNPACKED_BYTES)
    with pytest.raises(MicropipLockError) as caught:
        Archive(data, "x.whl")
    assert code == caught.value.code


@pytest.mark.parametrize(("more", "code"), [(0, "lfh-cd-mismatch"), (1, "ratio")])
def test_ratio(more: int, code: str) -> None:
    """What would unpack to more than 200 times the archive is refused before a byte is inflated."""
    limit = MAX_RATIO * len(DEFLATED)
    with pytest.raises(MicropipLockError) as caught:
        Archive(patched(DEFLATED, CENTRAL, 24, struct.pack("<I", limit + more)), "x.whl")
    assert code == caught.value.code


def many(count: int) -> bytes:
    return archive((f"{number}.py", b"") for number in range(count))


def code_or_contents(read: Callable[[bytes], dict[str, bytes]], data: bytes) -> str | dict[str, bytes]:
    try:
        return read(data)
    except MicropipLockError as error:
        return error.code


@given(st.binary() | st.binary().map(lambda data: PLAIN[:40] + data + PLAIN[40:]))
def test_any_bytes(data: bytes) -> None:
    """Garbage gives files or our error, never another, and the same every time."""
    assert code_or_contents(contents, data) == code_or_contents(contents, data)


GOOD = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n", "six_data/x.txt": "x" * 50}).data
changes = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4)


@given(changes, st.integers(0, 3), st.integers(0, len(GOOD)))
def test_any_damage(spots: list[tuple[int, int]], how: int, cut: int) -> None:
    """A good archive with bytes changed, cut or doubled gives our error, or else what it holds."""
    data = bytearray(GOOD)
    for at, value in spots:
        data[at] = value
    damaged = bytes([data, data[:cut], data[cut:], data + data[cut:]][how])
    assert code_or_contents(contents, damaged) == code_or_contents(contents, damaged)


@given(st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "A", "é", "\0", "C:", " ", "x.py"])).map("".join))
def test_every_accepted_path_stays_inside(name: str) -> None:
    """A path that is let through is relative and has no part that moves up."""
    found = code_or_contents(contents, archive([(zipfile.ZipInfo(name), b"x")]))
    parts = [part for path in (found if isinstance(found, dict) else {}) for part in path.split("/")]
    assert [] == [part for part in parts if part in ("", ".", "..") or "\\" in part or "\0" in part]


def test_the_caps() -> None:
    """One GiB unpacked, two hundred times the archive and fifty thousand entries are the most."""
    assert (1 << 30, 200, 50_000) == (MAX_UNPACKED_BYTES, MAX_RATIO, MAX_ENTRIES)


@pytest.mark.parametrize(("length", "good"), [(0xFFFF - 128, True), (0xFFFF, True)])
def test_the_longest_comment(length: int, good: bool) -> None:
    """An archive's end is found before the longest comment that there can be, also ZIP64's."""
    parts = [Part(name=b"a.py", data=b"a" * 70_000)]
    plain = raw_archive(parts, comment=b"c" * length)
    large = raw_archive(parts, zip64=True)
    large = large[:-2] + length.to_bytes(2, "little") + b"c" * length
    assert (good, good) == ("a.py" in contents(plain), "a.py" in contents(large))


def crafted(body: bytes, *entries: tuple[Part, int], count: int | None = None) -> bytes:
    """An archive of these bytes with these directory entries at these offsets."""
    directory = b"".join(directory_entry(part, at) for part, at in entries)
    return body + directory + end_record(len(entries) if count is None else count, len(directory), len(body))


A, B = Part(name=b"a.py", data=b"a"), Part(name=b"b.py", data=b"b")
IN_A, IN_B = local_header(A) + A.body, local_header(B) + B.body


@pytest.mark.parametrize(
    ("data", "code", "got"),
    [
        (crafted(IN_A + IN_B, (A, 0), (B, len(IN_A))), None, None),
        (crafted(IN_A + IN_B, (B, len(IN_A)), (A, 0)), None, None),
        (crafted(IN_A + b"?" + IN_B, (A, 0), (B, len(IN_A) + 1)), "hidden-data", "1 bytes behind 'a.py'"),
        (crafted(IN_A + IN_B + b"?", (A, 0), (B, len(IN_A))), "hidden-data", "1 bytes behind 'b.py'"),
        (crafted(IN_A + IN_B, (A, 0)), "hidden-data", f"{len(IN_B)} bytes behind 'a.py'"),
        (crafted(b"?" * 7 + IN_A + IN_B, (A, 7), (B, 7 + len(IN_A))), "prefix-data", "7 bytes"),
        (crafted(IN_A + IN_B, (A, 0), (replace(A, name=b"x.py"), len(IN_A)), (B, len(IN_A))), "overlap", "'x.py'"),
        (crafted(IN_A[:-1] + IN_B, (A, 0), (B, len(IN_A) - 1)), "overlap", "'a.py'"),
    ],
)
def test_places(data: bytes, code: str | None, got: str | None) -> None:
    """Entries follow each other from the first byte to the directory, in any order, and nothing is between them."""
    if code is None:
        assert {"a.py": b"a", "b.py": b"b"} == contents(data)
    else:
        assert (code, got) == (refusal(data).code, refusal(data).got)


@pytest.mark.parametrize(
    ("data", "code", "got"),
    [
        (END + bytes(18), "empty", "no entries"),
        (END + bytes(18) + b"x", "trailing-data", "1 bytes more"),
        (PLAIN + b"\0" * 9, "trailing-data", "9 bytes more"),
        (archive([("a.py", b"a")], comment=b"c" * 300) + b"x", "trailing-data", "1 bytes more"),
        (PLAIN[:-1], "truncated", f"{len(PLAIN) - 1} bytes without the archive's end"),
        (
            archive([("a.py", b"a")], comment=b"c" * 300)[:-1],
            "truncated",
            f"{len(PLAIN) + 299} bytes without the archive's end",
        ),
        (b"w" * 41, "not-zip", f"41 bytes of text beginning {'w' * 40!r}"),
        (b"\0" * 41, "not-zip", "41 bytes"),
    ],
)
def test_no_end(data: bytes, code: str, got: str) -> None:
    """What has no end where it should be is told as cut, as followed by something, or as no archive at all."""
    assert (code, got) == (refusal(data).code, refusal(data).got)


def test_a_page_has_its_hint() -> None:
    """Text in the place of a wheel is explained; other bytes are not to be used."""
    assert ("a server sent a page instead of the wheel; open the address and see", "do not use it") == (
        refusal(b"words").hint,
        refusal(b"\0\1\2").hint,
    )


def test_names_of_one_character() -> None:
    """A file whose name is one character and a slash is a directory; one of two characters is a file."""
    assert {"ab": b"x", "c": b"y"} == contents(archive([("a/", b""), ("ab", b"x"), ("c", b"y")]))
