"""The record files in dist-info: what is written is what is read, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.direct_url import DirectUrl

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import (
    INSTALLER_FILES,
    RESERVED_FILES,
    OriginRecord,
    RecordRow,
    format_records,
    parse_record,
    parse_records,
    pyodide_source,
)
from micropip_lock.core.local_wheel import named_information
from micropip_lock.core.model import Origin
from micropip_lock.errors import RecordError

RECORD = "six.py,,\n"
WHEEL = Digest.of(b"wheel")
URL = "https://files.example/six-1.16.0-py3-none-any.whl"
INDEX = "https://index.example/simple"


def record_of(**changes: Any) -> OriginRecord:
    plain = OriginRecord(
        origin=Origin(kind="index", url=URL, index=INDEX), digest=WHEEL, record_digest=Digest.of(RECORD.encode())
    )
    return replace(plain, **changes)


def reader(files: Mapping[str, str]) -> Callable[[str], str | None]:
    return files.get


def parsed(files: Mapping[str, str]) -> OriginRecord | RecordError | None:
    try:
        return parse_records(reader(files))
    except RecordError as error:
        return error


def installed(record: OriginRecord, **more: str) -> dict[str, str]:
    return {"RECORD": RECORD, **format_records(record), **more}


words = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), min_size=1, max_size=8)
origins = st.one_of(
    st.builds(Origin, kind=st.just("index"), url=st.just(URL), index=st.sampled_from([INDEX, None])),
    st.builds(Origin, kind=st.sampled_from(["url", "runtime"]), url=st.just(URL)),
)
records = st.builds(
    OriginRecord,
    origin=origins,
    digest=st.just(WHEEL),
    size=st.none() | st.integers(0, 2**53 - 1),
    upload_time=st.none() | words,
    yanked=st.booleans() | st.just("it was broken"),
    requested=st.booleans(),
    requirement=st.sampled_from([None, "six", "six>=1.16", "six[a,b]==1.*"]),
    extras=st.sets(words).map(lambda extras: tuple(sorted(extras))),
    record_digest=st.just(Digest.of(RECORD.encode())),
)


@given(records)
def test_written_and_read_is_the_same(record: OriginRecord) -> None:
    """A record is read as it was written."""
    assert record == parse_records(reader(installed(record)))


@given(records)
def test_never_both(record: OriginRecord) -> None:
    """INDEX is written for an install by name, direct_url.json for one from a URL, never both (PEP 610)."""
    written = {"INDEX", "direct_url.json"} & format_records(record).keys()
    expected = {"url": {"direct_url.json"}, "runtime": set()}.get(
        record.origin.kind, {"INDEX"} if record.origin.index else set()
    )
    assert expected == written


def test_direct_url_is_standard() -> None:
    """Packaging reads our direct_url.json and finds the wheel's digest (PEP 610)."""
    text = format_records(record_of(origin=Origin(kind="url", url=URL)))["direct_url.json"]
    read = DirectUrl.from_dict(json.loads(text))
    assert (URL, {"sha256": WHEEL.hex}) == (read.url, read.archive_info and read.archive_info.hashes)


def test_installer_only_names() -> None:
    """Every file that is written is one a wheel may not ship."""
    written = {
        *format_records(record_of()),
        *format_records(record_of(origin=Origin(kind="url", url=URL))),
    }
    assert (True, True) == (written <= RESERVED_FILES, RESERVED_FILES <= INSTALLER_FILES)


def test_no_credentials_in_any_file() -> None:
    """Neither the address, the index nor the requirement carries a secret into a file."""
    dirty = "https://user:s3cr3t@files.example/six-1.0-py3-none-any.whl?token=s3cr3t#s3cr3t"
    index = record_of(origin=Origin(kind="index", url=dirty, index="https://user:s3cr3t@index.example/simple?t=s3cr3t"))
    direct = record_of(origin=Origin(kind="url", url=dirty), requirement=f"six @ {dirty}")
    text = "".join([*format_records(index).values(), *format_records(direct).values()])
    assert (False, True) == ("s3cr3t" in text, "index.example" in text)


def test_no_credentials_are_read_either() -> None:
    """A record that another hand wrote with a password gives an origin without it."""
    files = installed(record_of(), INDEX="https://user:s3cr3t@index.example/simple\n")
    files["micropip-lock.json"] = files["micropip-lock.json"].replace("https://", "https://user:s3cr3t@")
    assert record_of() == parse_records(reader(files))


def test_nothing_recorded() -> None:
    """Without our file there is no record, whatever else is there."""
    assert parse_records(reader({"RECORD": RECORD, "INDEX": INDEX, "PYODIDE_URL": URL})) is None


@pytest.mark.parametrize(
    "files",
    [
        {"RECORD": RECORD + "more.py,,\n"},
        {"RECORD": RECORD.replace("\n", "\r\n")},
        {"PYODIDE_SHA256": "0" * 64},
        {"PYODIDE_SHA256": "f" * 64},
    ],
    ids=["edited", "line-ends", "lower-wheel", "higher-wheel"],
)
def test_record_of_other_files_is_forged(files: dict[str, str]) -> None:
    """A record beside another RECORD, or beside micropip's record of another wheel, is not believed."""
    with pytest.raises(RecordError) as caught:
        parse_records(reader({**installed(record_of()), **files}))
    assert "record-forged" == caught.value.code


@pytest.mark.parametrize("record_text", [None, "\ud800"])
def test_record_without_readable_record_is_forged(record_text: str | None) -> None:
    """No RECORD, or one that no file can hold, binds nothing."""
    files = installed(record_of())
    with pytest.raises(RecordError) as caught:
        parse_records(lambda name: record_text if name == "RECORD" else files.get(name))
    assert "record-forged" == caught.value.code


def test_unbound_record_is_forged() -> None:
    """A record that names no RECORD was not written by us."""
    with pytest.raises(RecordError) as caught:
        parse_records(reader(installed(record_of(record_digest=None))))
    assert "record-forged" == caught.value.code


@pytest.mark.parametrize(
    ("files", "got"), [({}, "none"), ({"RECORD": "x"}, str(Digest.of(b"x")))], ids=["none", "another"]
)
def test_what_a_forged_record_lies_beside(files: dict[str, str], got: str) -> None:
    """The error has the digest of the RECORD that is there, or says that there is none."""
    with pytest.raises(RecordError) as caught:
        parse_records(reader({**format_records(record_of()), **files}))
    assert got == caught.value.got


def test_the_text_of_a_record() -> None:
    """Both files have their keys sorted, ours over several lines with every character as it is."""
    record = OriginRecord(origin=Origin(kind="url", url=URL), digest=WHEEL, upload_time="1é")
    assert {
        "micropip-lock.json": f"""{{
  "requested": false,
  "sha256": "{WHEEL.hex}",
  "source": "url",
  "upload-time": "1é",
  "url": "{URL}",
  "version": 1
}}
""",
        "direct_url.json": f'{{"archive_info": {{"hash": "sha256={WHEEL.hex}", "hashes": '
        f'{{"sha256": "{WHEEL.hex}"}}}}, "url": "{URL}"}}\n',
    } == format_records(record)


def test_a_record_of_little() -> None:
    """Unless somebody says so, an install was not asked for and its release not yanked."""
    record = OriginRecord(origin=Origin(kind="url", url=URL), digest=WHEEL)
    assert (False, False) == (record.requested, record.yanked)


@pytest.mark.parametrize("size", [0, 2**53 - 1])
def test_sizes_at_their_limits(size: int) -> None:
    """A size of nothing and the largest one are read."""
    assert record_of(size=size) == parsed(installed(record_of(size=size)))


def test_a_size_beyond_the_limit() -> None:
    """A size that JavaScript does not hold exactly is no size."""
    found = parsed(installed(record_of(size=2**53)))
    assert "record-unreadable" == (isinstance(found, RecordError) and found.code)


@pytest.mark.parametrize("kind", ["url", "local", "runtime"])
def test_an_index_beside_another_source(kind: str) -> None:
    """Only an install by name has an index: none is written for another, and one that is there is not read."""
    origin = Origin(kind=kind, url=URL)  # type: ignore[arg-type]  # a word
    written = format_records(record_of(origin=replace(origin, index=INDEX)))
    read = parsed(installed(record_of(origin=origin), INDEX=INDEX))
    assert (False, None) == ("INDEX" in written, isinstance(read, OriginRecord) and read.origin.index)


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        (Origin(kind="index", url=URL), "pypi"),
        (Origin(kind="index", url=URL, index=f"{INDEX}?token=x"), INDEX),
        (Origin(kind="url", url=URL), URL),
    ],
)
def test_what_micropip_lists(origin: Origin, source: str) -> None:
    """The list of micropip has the index or the address, and micropip's own word where nobody knows the index."""
    assert source == pyodide_source(origin)


def test_newer_record() -> None:
    """A record of a later format is told from a broken one."""
    files = installed(record_of())
    facts = json.loads(files["micropip-lock.json"])
    with pytest.raises(RecordError) as caught:
        parse_records(reader({**files, "micropip-lock.json": json.dumps({**facts, "version": 2})}))
    assert "record-version" == caught.value.code


@pytest.mark.parametrize(
    "change",
    [
        {"version": None},
        {"version": "1"},
        {"version": True},
        {"version": 0},
        {"source": "elsewhere"},
        {"source": []},
        {"url": ""},
        {"url": 5},
        {"url": "?token"},
        {"url": "https://files.example/\ud800"},
        {"sha256": "abc"},
        {"sha256": None},
        {"size": -1},
        {"size": True},
        {"size": 1.5},
        {"requested": "yes"},
        {"upload-time": 5},
        {"requirement": ["six"]},
        {"extras": "abc"},
        {"extras": [1]},
        {"extras": ["\ud800"]},
        {"extras": ["\u200b"]},
        {"url": "https://files.example/\u202e"},
        {"requirement": "six\x1b"},
        {"upload-time": "\u200b"},
        {"yanked": 1},
        {"yanked": ["broken"]},
        {"yanked": "\ud800"},
        {"record": 5},
        {"record": "abc"},
    ],
    ids=repr,
)
def test_wrong_fields(change: dict[str, Any]) -> None:
    """A field of the wrong form makes the record unreadable; nothing is coerced."""
    files = installed(record_of())
    facts = {**json.loads(files["micropip-lock.json"]), **change}
    with pytest.raises(RecordError) as caught:
        parse_records(reader({**files, "micropip-lock.json": json.dumps(facts)}))
    assert "record-unreadable" == caught.value.code


@pytest.mark.parametrize("index", [f"{INDEX}\nhttps://evil.example\n", f"{INDEX}\u200b/x"])
def test_index_is_one_line(index: str) -> None:
    """INDEX with several lines, or with what nobody can see, is not an index."""
    with pytest.raises(RecordError) as caught:
        parse_records(reader(installed(record_of(), INDEX=index)))
    assert "record-unreadable" == caught.value.code


def test_index_without_an_address() -> None:
    """INDEX that holds nothing that may be published names no index."""
    read = parse_records(reader(installed(record_of(), INDEX="?token=s3cr3t\n")))
    assert record_of(origin=Origin(kind="index", url=URL)) == read


json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        *("version", "source", "url", "sha256", "size", "requested", "extras", "record"),
        *("requirement", "upload-time", "yanked"),
    ]
)


@given(st.text() | json_texts.map(json.dumps) | st.just("[" * 100_000), st.text())
def test_any_text_is_a_record_or_our_error(text: str, record_text: str) -> None:
    """Garbage in both files gives our error, never another."""
    with pytest.raises(RecordError):
        parse_records(reader({"micropip-lock.json": text, "RECORD": record_text}))


@given(st.dictionaries(fields, json_texts, min_size=1, max_size=3), st.text() | st.none())
def test_any_field_is_a_record_or_our_error(change: dict[str, Any], index: str | None) -> None:
    """Garbage in fields of a good record gives a record or our error."""
    files = installed(record_of())
    facts = {**json.loads(files["micropip-lock.json"]), **change}
    files = {**files, "micropip-lock.json": json.dumps(facts), **({} if index is None else {"INDEX": index})}
    read = parsed(files)
    again = parsed(installed(read)) if isinstance(read, OriginRecord) else read
    assert read == again


ROW = RecordRow(path="six.py", digest=WHEEL, size=5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"six.py,{WHEEL.record},5\n", (ROW,)),
        (f"six.py,{WHEEL.record},5\r\n", (ROW,)),
        (f"six.py,{WHEEL.record},5", (ROW,)),
        (f"six.py,{WHEEL.record}=,5\n", (ROW,)),
        (f"\n\nsix.py,{WHEEL.record},5\n\n", (ROW,)),
        (f'"a,""b.py",{WHEEL.record},5\n', (replace(ROW, path='a,"b.py'),)),
        (f"a\\b.py,{WHEEL.record},5\n", (replace(ROW, path="a/b.py"),)),
        ("six.py,\n", (RecordRow(path="six.py", digest=None, size=None),)),
        (f"six.py,{WHEEL.record}\n", (replace(ROW, size=None),)),
        (f"six.py,{WHEEL.record},{'9' * 15}\n", (replace(ROW, size=10**15 - 1),)),
        ("six.py\n", (RecordRow(path="six.py", digest=None, size=None),)),
        ("six.py,md5=abc,\n", (RecordRow(path="six.py", digest=None, size=None),)),
        ("", ()),
    ],
)
def test_record_rows(text: str, expected: tuple[RecordRow, ...]) -> None:
    """RECORD is CSV with either line end; a digest of another kind is no digest (PEP 376)."""
    assert expected == parse_record(text)


@pytest.mark.parametrize(
    "text",
    [
        "a.py,sha256=abc,5\n",
        "a.py,sha256=,5\n",
        "a.py,abc,5\n",
        f"a.py,{WHEEL.record},-5\n",
        f"a.py,{WHEEL.record},٥\n",
        f"a.py,{WHEEL.record},{'9' * 20}\n",
        f"a.py,{WHEEL.record},1{'0' * 15}\n",
        "a.py,,,\n",
        ",,\n",
        '"a.py\n',
        'a"b"c,"d"e,\n',
        f"{'a' * 200_000},,\n",
    ],
)
def test_record_that_is_none(text: str) -> None:
    """A line of RECORD that cannot be read is an error, not a guess."""
    with pytest.raises(RecordError) as caught:
        parse_record(text)
    assert "record-unreadable" == caught.value.code


@pytest.mark.parametrize(
    ("text", "where", "got"),
    [
        (",a,b,c\n", "RECORD line 1", "4 fields, the first ''"),
        ("a.py,,\n\nb.py,abc,\n", "RECORD line 3", "'abc'"),
    ],
)
def test_the_line_is_named(text: str, where: str, got: str) -> None:
    """A line that cannot be read is named by its number, with what it holds."""
    with pytest.raises(RecordError) as caught:
        parse_record(text)
    assert (where, got) == (caught.value.where, caught.value.got)


@given(st.text() | st.lists(st.sampled_from(['"', ",", "\n", "\r", "a", "sha256=", "\0", "5"])).map("".join))
def test_any_text_is_rows_or_our_error(text: str) -> None:
    """Whatever RECORD holds, there are rows with paths or our error."""
    try:
        rows = parse_record(text)
    except RecordError:
        rows = ()
    assert all(row.path for row in rows)


def test_a_local_file_is_named_by_its_bytes() -> None:
    """A wheel from a local file has a valid direct_url.json with its digest as a URI, and no path; it is read again."""
    record = record_of(origin=Origin(kind="local", url="six-1.16.0-py3-none-any.whl"))
    files = installed(record)
    direct = DirectUrl.from_dict(json.loads(files["direct_url.json"]))
    read = parsed(files)

    assert (named_information(WHEEL), {"sha256": WHEEL.hex}, record) == (
        direct.url,
        direct.archive_info and dict(direct.archive_info.hashes or {}),
        read,
    )
