"""Whether installed files are those that were installed, judged by sizes, times and bytes."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core.digest import Digest
from micropip_lock.core.dirty import (
    Dirt,
    Listing,
    changed_and_missing,
    extra_files,
    record_rows,
    unlisted_files,
)
from micropip_lock.core.dist_info import parse_record
from micropip_lock.errors import RecordError

INFO = "pack-1.0.dist-info"
GOOD = Digest.of(b"").record

paths = st.one_of(
    st.sampled_from(
        ["a.py", "a/./b.py", "../bin/run", "a\\b.py", '"a,b.py"', '"a""b"', "é.py", "", "/abs", "a\rb", "\0", " ", "."]
    ),
    st.text("ab/.\\\"'é\r\n\0 ", max_size=6),
)
hashes = st.one_of(
    st.binary(min_size=32, max_size=32).map(lambda raw: Digest(raw).record),
    st.sampled_from(
        ["", GOOD, GOOD + "=", GOOD[:-1] + "B", "sha256=" + "!" * 43, "sha256=" + "é" * 43, "sha256=short"]
    ),
    st.sampled_from(["md5=abc", "sha256", "sha512=" + "A" * 43, GOOD[:20] + "\n" + GOOD[21:], '"' + GOOD + '"']),
)
sizes = st.sampled_from(["", "0", "7", "007", "1" * 15, "1" * 16, "-1", "x", "\u0663", " 1", '"5"', "1,", "1\r"])
lines = st.one_of(
    st.builds("{},{},{}".format, paths, hashes, sizes),
    st.builds("{},{},{}".format, st.sampled_from(["a.py", "b/c.py"]), st.just(GOOD), st.just("1")),
    st.sampled_from(["", "a.py", "a.py,", "a.py,,", "a,b,c,d", '"open']),
)
texts = st.builds(
    lambda parts, ends, last: "".join(part + end for part, end in zip(parts, ends, strict=False)) + last,
    st.lists(lines, max_size=4),
    st.lists(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]), min_size=4, max_size=4),
    st.one_of(st.just(""), lines),
)


def rows_of(text: str) -> list[tuple[str, str]] | str:
    """What the plain reader gives, or its error's code."""
    try:
        return [(posixpath.normpath(row.path), "" if row.size is None else str(row.size)) for row in parse_record(text)]
    except RecordError as error:
        return error.code


@given(texts)
@example("a,sha256=" + "!" * 43 + ",1\n")
@example(f"a,{GOOD[:-1]}B,1\n")
@example("a\rb,,\n")
@example(f"a,{GOOD},007\n")
def test_fast_rows_are_the_plain_readers(text: str) -> None:
    """The fast reader of RECORD gives what the plain one gives, for any text: the same rows, or the same error."""
    try:
        rows: object = [(path, size and str(int(size))) for path, size in record_rows(text)]
    except RecordError as error:
        rows = error.code
    assert rows_of(text) == rows


def test_paths_that_are_there_stay_as_they_are() -> None:
    """A path that is there needs no normalising; one that is not is put into its plain form."""
    rows = record_rows("a/../b.py,,\nc.py,,\n", {"c.py"})
    assert [("b.py", ""), ("c.py", "")] == [*rows]


def judged(
    record: Mapping[str, bytes | None],
    there: Mapping[str, bytes],
    *,
    changed: Mapping[str, float] | None = None,
    more: str = "",
) -> Dirt:
    """Compare a RECORD of these files (``None``: a row without digest and size) with what is there."""
    text = "".join(
        f"{path},," + "\n" if data is None else f"{path},{Digest.of(data).record},{len(data)}\n"
        for path, data in record.items()
    )
    text += more
    listing = Listing(
        sizes={path: str(len(data)) for path, data in there.items() if "__pycache__" not in path}, changed=changed or {}
    )
    return changed_and_missing(
        record_rows(text, listing.sizes),
        listing,
        INFO,
        {"RECORD": text}.get,
        lambda path: there.get(posixpath.normpath(path)),
    )


@pytest.mark.parametrize(
    ("record", "there", "expected"),
    [
        ({}, {}, Dirt()),
        ({"a.py": b"x"}, {"a.py": b"x"}, Dirt()),
        ({"a.py": b"x"}, {"a.py": b"y"}, Dirt(changed=("a.py",))),
        ({"a.py": b"x"}, {"a.py": b"xx"}, Dirt(changed=("a.py",))),
        ({"a.py": b"x"}, {}, Dirt(missing=("a.py",))),
        ({"b.py": b"x", "a.py": b"x"}, {"c.py": b"x"}, Dirt(missing=("a.py", "b.py"))),
        ({"a.py": None}, {"a.py": b"anything"}, Dirt()),
        ({"a.py": None}, {}, Dirt(missing=("a.py",))),
        ({"a.pyc": None, "b.pyo": None}, {}, Dirt()),
        ({"a.pyc": b"x"}, {"a.pyc": b"y"}, Dirt(changed=("a.pyc",))),
        ({"./a/../b.py": b"x"}, {"b.py": b"x"}, Dirt()),
        ({"./a/../b.py": b"x"}, {"b.py": b"y"}, Dirt(changed=("b.py",))),
        ({"../../bin/run": b"x", "/etc/x": b"x"}, {}, Dirt()),
        ({"bin/run": b"x", "Scripts/run.exe": b"x"}, {"bin/run": b"rewritten"}, Dirt()),
        ({f"{INFO}/INSTALLER": b"pip", f"{INFO}/REQUESTED": b""}, {f"{INFO}/INSTALLER": b"uv"}, Dirt()),
        ({f"{INFO}/METADATA": b"x"}, {f"{INFO}/METADATA": b"y"}, Dirt(changed=(f"{INFO}/METADATA",))),
        ({"a/__pycache__/x.pyc": None}, {}, Dirt()),
        ({"a/__pycache__/x.pyc": b"x"}, {"a/__pycache__/x.pyc": b"y"}, Dirt()),
    ],
)
def test_changed_and_missing(record: dict[str, bytes | None], there: dict[str, bytes], expected: Dirt) -> None:
    """What RECORD lists is compared with what is there; what installers rewrite, and what lies outside, is not."""
    assert expected == judged(record, there)


@pytest.mark.parametrize(("size", "expected"), [("1", Dirt()), ("", Dirt()), ("9", Dirt(changed=("a.py",)))])
def test_a_row_of_another_algorithm(size: str, expected: Dirt) -> None:
    """A row whose digest is no SHA-256 says nothing about the bytes but how many there are."""
    assert expected == judged({}, {"a.py": b"x"}, more=f"a.py,md5=abc,{size}\n")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"a.py": 9.0, f"{INFO}/RECORD": 10.0}, Dirt()),
        ({"a.py": 10.0, f"{INFO}/RECORD": 10.0}, Dirt()),
        ({"a.py": 11.0, f"{INFO}/RECORD": 10.0, f"{INFO}/INSTALLER": 11.0}, Dirt()),
        ({"a.py": 11.0, f"{INFO}/RECORD": 10.0}, Dirt(changed=("a.py",))),
        ({f"{INFO}/RECORD": 10.0}, Dirt(changed=("a.py",))),
        ({"a.py": 0.0}, Dirt(changed=("a.py",))),
    ],
    ids=["before", "with-it", "before-the-installers-end", "after", "time-unknown", "end-unknown"],
)
def test_times(changed: dict[str, float], expected: Dirt) -> None:
    """Bytes of the right size are read only where the file may have changed after the installer was done."""
    assert expected == judged({"a.py": b"x"}, {"a.py": b"y"}, changed=changed)


def test_a_size_that_differs_needs_no_time() -> None:
    """A file of another size is dirty however old it is."""
    changed = {"a.py": 1.0, f"{INFO}/RECORD": 10.0}
    assert Dirt(changed=("a.py",)) == judged({"a.py": b"x"}, {"a.py": b"xx"}, changed=changed)


def test_leading_zeros_of_a_size() -> None:
    """A size that is spelt in another way is the same size."""
    assert Dirt() == judged({}, {"a.py": b""}, more=f"a.py,{GOOD},000\n", changed={"a.py": 1, f"{INFO}/RECORD": 2})


@given(st.dictionaries(st.sampled_from(["a.py", "p/b.py", "p/c.txt"]), st.binary(max_size=2)), st.data())
def test_every_difference_is_told(record: dict[str, bytes | None], data: st.DataObject) -> None:
    """Without times, exactly the files that differ are told."""
    there = data.draw(st.dictionaries(st.sampled_from(["a.py", "p/b.py", "p/c.txt"]), st.binary(max_size=2)))
    expected = Dirt(
        changed=tuple(sorted(path for path in record.keys() & there.keys() if record[path] != there[path])),
        missing=tuple(sorted(record.keys() - there.keys())),
    )
    assert expected == judged(record, there)


LISTED = {
    "one-1.0.dist-info": [
        "one/__init__.py",
        "one/deep/__init__.py",
        "one.py",
        "ns/one/__init__.py",
        "one-1.0.dist-info/RECORD",
    ],
    "two-1.0.dist-info": ["ns/two/mod.py", "one/__init__.py", "two-1.0.dist-info/RECORD"],
}


def extra(*paths: str) -> dict[str, tuple[str, ...]]:
    return extra_files(LISTED, sorted(paths))


def test_unlisted_files() -> None:
    """What no RECORD lists is unlisted, sorted; what any of them lists is not."""
    files = Listing(sizes=dict.fromkeys(["z.py", "one.py", "ns/two/mod.py", "a/b.py"], "1"))
    assert ("a/b.py", "z.py") == unlisted_files(LISTED, files)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("one/added.py", "one-1.0.dist-info"),
        ("one/deep/added.py", "one-1.0.dist-info"),
        ("one/new/added.txt", "one-1.0.dist-info"),
        ("ns/one/added.py", "one-1.0.dist-info"),
        ("ns/added.py", None),
        ("ns/two/added.py", None),
        ("added.py", None),
        ("other/added.py", None),
        ("two-1.0.dist-info/added", "two-1.0.dist-info"),
        ("two-1.0.dist-info/licenses/added", "two-1.0.dist-info"),
        ("two-1.0.dist-info/INSTALLER", None),
        ("two-1.0.dist-info/direct_url.json", None),
        ("three-1.0.dist-info/added", None),
    ],
)
def test_extra_files(path: str, owner: str | None) -> None:
    """An unlisted file is its own package's matter, or of the dist-info it lies in; nobody owns a namespace."""
    assert ({} if owner is None else {owner: (path,)}) == extra(path)


def test_extra_files_of_several() -> None:
    """Each owner has its own files, sorted; of two that list one package, the first."""
    found = extra("one/z.py", "one/a.py", "two-1.0.dist-info/x")
    assert {"one-1.0.dist-info": ("one/a.py", "one/z.py"), "two-1.0.dist-info": ("two-1.0.dist-info/x",)} == found


def test_dirt_is_false_when_clean() -> None:
    """Dirt is true exactly when something is wrong."""
    assert [False, True, True, True] == [
        bool(Dirt(**facts)) for facts in ({}, {"changed": ("a",)}, {"missing": ("a",)}, {"extra": ("a",)})
    ]
