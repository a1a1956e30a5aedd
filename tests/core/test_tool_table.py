"""Our table under ``tool``: what is written, what is kept, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import Faults
from micropip_lock.core.formats.tool_table import (
    check_format,
    package_facts,
    plain,
    read_mocks,
    read_package_facts,
    read_site,
    read_start,
    read_tool,
    read_unlocked,
    start_facts,
    unlocked_facts,
)
from micropip_lock.core.model import LockedPackage, Origin, StartPack, Wheel
from micropip_lock.core.read import MAX_TEXT, Table
from micropip_lock.errors import InputError, LockVersionError, Unlockable

FILE = "https://files.example/six-1.16.0-py3-none-any.whl"
SIX = LockedPackage(
    name=canonicalize_name("six"), display_name="six", version="1.16.0", wheel=Wheel(url=FILE, digest=Digest.of(b""))
)
BARE: dict[str, Any] = {
    "size": None,
    "upload_time": None,
    "yanked": False,
    "requested": False,
    "requirement": None,
    "extras": (),
    "missing": (),
    "mocked": (),
}
ITEM = {"name": "six", "version": "1", "code": "no-record", "reason": "nothing says where from", "hint": "reinstall"}


def facts(value: object) -> dict[str, Any]:
    faults = Faults()
    found = read_package_facts(Table(value, "packages.six.tool.micropip-lock", faults, package="six"), FILE, faults)
    faults.check()
    return found


def unlocked(value: object) -> tuple[Unlockable, ...]:
    faults = Faults()
    found = read_unlocked(Table(value, "tool.micropip-lock", faults))
    faults.check()
    return found


def test_nothing_to_say() -> None:
    """A package with nothing of ours has no keys of ours."""
    assert {} == dict(package_facts(SIX))


def test_all_keys() -> None:
    """Every fact of ours is written under its key, and the keys give the facts again."""
    package = replace(
        SIX,
        wheel=replace(
            SIX.wheel,
            url="wheels/six-1.16.0-py3-none-any.whl",
            size=11053,
            upload_time="2026-01-02T03:04:05Z",
            yanked="it was broken",
        ),
        origin=Origin(kind="index", url=FILE, index="https://index.example/simple"),
        requested=True,
        requirement="six[x]>=1",
        extras=("x",),
        missing=(canonicalize_name("other"),),
        mocked=(canonicalize_name("stand-in"),),
    )
    written = dict(package_facts(package))

    assert (
        {
            "source": "index",
            "index": "https://index.example/simple",
            "url": FILE,
            "size": 11053,
            "upload-time": "2026-01-02T03:04:05Z",
            "yanked": "it was broken",
            "requested": True,
            "requirement": "six[x]>=1",
            "extras": ["x"],
            "missing": ["other"],
            "mocked": ["stand-in"],
        },
        {
            "size": 11053,
            "upload_time": "2026-01-02T03:04:05Z",
            "yanked": "it was broken",
            "requested": True,
            "requirement": "six[x]>=1",
            "extras": ("x",),
            "missing": ("other",),
            "mocked": ("stand-in",),
            "origin": package.origin,
        },
    ) == (written, facts(written))


def test_address_is_written_once() -> None:
    """The address of the origin is the file name unless the table says another."""
    package = replace(SIX, origin=Origin(kind="url", url=FILE))

    assert ({"source": "url"}, Origin(kind="url", url=FILE)) == (
        dict(package_facts(package)),
        facts({"source": "url"})["origin"],
    )


def test_empty_table_says_nothing() -> None:
    """A table of ours without keys gives no facts."""
    assert BARE == facts({})


@pytest.mark.parametrize(
    ("value", "code", "key"),
    [
        ({"source": "magic"}, "enum", "source"),
        ({"index": "https://index.example/simple"}, "missing", "source"),
        ({"url": FILE}, "missing", "source"),
        ({"source": "url", "index": "https://index.example/simple"}, "origin", "index"),
        ({"source": "index", "index": "https://u:p@index.example/simple"}, "credentials", "index"),
        ({"source": "index", "index": "simple"}, "url", "index"),
        ({"source": "url", "url": "javascript:x"}, "scheme", "url"),
        ({"size": -1}, "size", "size"),
        ({"size": True}, "type", "size"),
        ({"requested": 1}, "type", "requested"),
        ({"requirement": "six\u202e"}, "control-char", "requirement"),
        ({"extras": "x"}, "type", "extras"),
        ({"missing": ["-"]}, "name", "missing[0]"),
        ([], "type", ""),
    ],
)
def test_bad_facts(value: object, code: str, key: str) -> None:
    """A bad fact is refused with its code, its place and its package."""
    with pytest.raises(InputError) as caught:
        facts(value)

    where = f"packages.six.tool.micropip-lock.{key}".rstrip(".")
    assert (code, where, "six") == (caught.value.code, caught.value.where, caught.value.package)


@pytest.mark.parametrize("version", [2, 7, 10**30])
def test_newer_format(version: int) -> None:
    """A newer format is refused before anything else is read, whatever else is wrong."""
    with pytest.raises(LockVersionError) as caught:
        check_format({"tool": {"micropip-lock": {"version": version}}, "packages": 3})

    assert ("lock-version", "at most 1", str(version)) == (
        caught.value.code,
        caught.value.expected,
        caught.value.got,
    )


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"tool": None}, {"tool": {}}, {"tool": {"micropip-lock": 3}}, {"tool": {"micropip-lock": {}}}]
    + [{"tool": {"micropip-lock": {"version": version}}} for version in (1, 0, "2", None, [3], True)],
)
def test_other_formats_are_left_to_the_reader(value: object) -> None:
    """What is no newer format passes; the reader says what else is wrong with it."""
    assert check_format(value) is None  # type: ignore[func-returns-value]  # that it returns at all is the claim


@pytest.mark.parametrize(
    ("tool", "unknown", "others", "has_ours"),
    [
        ({}, {"tool": {}}, {}, False),
        ({"a": {"b": 1}}, {}, {"a": {"b": 1}}, False),
        ({"micropip-lock": {}}, {}, {}, True),
        ({"micropip-lock": {"version": 1}, "a": {}}, {}, {"a": {}}, True),
    ],
)
def test_other_tools_are_kept(tool: object, unknown: object, others: object, has_ours: bool) -> None:
    """Other tools' tables are kept, ours is read, and an empty table is remembered."""
    faults = Faults()
    kept, tables, ours = read_tool(Table({"tool": tool}, "", faults))
    faults.check()

    assert (unknown, others, has_ours) == (kept, tables, ours is not None)


def test_no_tool_table() -> None:
    """Without a tool table there is nothing to keep."""
    assert ({}, {}, None) == read_tool(Table({}, "", Faults()))


@pytest.mark.parametrize("tool", [[], "x", {"a": 1}, {"a": [{}]}, {"micropip-lock": None}])
def test_tool_is_a_table_of_tables(tool: object) -> None:
    """Anything under tool but a table of tables is refused: pyodide-lock refuses it too."""
    faults = Faults()
    read_tool(Table({"tool": tool}, "", faults))

    with pytest.raises(InputError) as caught:
        faults.check()

    assert "type" == caught.value.code


def test_unlocked_round_trip_is_sorted() -> None:
    """Unlocked items are written sorted and come back."""
    items = [Unlockable.from_json(ITEM | {"name": name}) for name in ("b", "a")]
    written = unlocked_facts(items)

    assert (["a", "b"], tuple(reversed(items))) == (
        [item["name"] for item in written],
        unlocked({"version": 1, "unlocked": written}),
    )


def test_unlocked_text_is_made_visible() -> None:
    """Reasons quote what was found: what a reader refuses is written as an escape."""
    items = [Unlockable.from_json(ITEM | {"reason": "got 'a\n\u202e\x1b\ud800é'"})]
    written = unlocked_facts(items)

    assert (r"got 'a\n\u202e\x1b\ud800é'", 1) == (
        written[0]["reason"],
        len(unlocked({"version": 1, "unlocked": written})),
    )


@pytest.mark.parametrize(
    ("value", "code", "where"),
    [
        ({}, "missing", "version"),
        ({"version": 0}, "enum", "version"),
        ({"version": 2}, "enum", "version"),
        ({"version": 1, "unlocked": [ITEM | {"name": ""}]}, "missing", "unlocked[0].name"),
        ({"version": "1"}, "type", "version"),
        ({"version": True}, "type", "version"),
        ({"version": 1, "unlocked": {}}, "type", "unlocked"),
        ({"version": 1, "unlocked": [3]}, "type", "unlocked[0]"),
        ({"version": 1, "unlocked": [{"name": "six"}]}, "missing", "unlocked[0].code"),
        ({"version": 1, "unlocked": [ITEM | {"reason": "\x07"}]}, "control-char", "unlocked[0].reason"),
        ({"version": 1, "unlocked": [ITEM | {"size": 1}]}, "unknown-key", "unlocked[0].size"),
    ],
)
def test_bad_top_table(value: object, code: str, where: str) -> None:
    """A bad table at the top is refused with its code and place."""
    with pytest.raises(InputError) as caught:
        unlocked(value)

    assert (code, f"tool.micropip-lock.{where}") == (caught.value.code, caught.value.where)


@pytest.mark.parametrize(
    ("length", "expected"), [(MAX_TEXT, "r" * MAX_TEXT), (MAX_TEXT + 1, "r" * (MAX_TEXT - 1) + "…")]
)
def test_a_long_reason_is_cut(length: int, expected: str) -> None:
    """A reason that no reader would take is cut to the longest that one does."""
    (written,) = unlocked_facts([Unlockable.from_json(ITEM | {"reason": "r" * length})])
    assert expected == written["reason"]


def test_every_bad_mock_is_told() -> None:
    """A mock that is no table does not hide what is wrong with the next one."""
    faults = Faults()
    read_mocks(Table({"mocks": {"a": 3, "b": {"version": "1", "persistent": False}, "c": 4}}, "", faults))
    with pytest.raises(InputError) as caught:
        faults.check()
    assert [("type", "mocks.a"), ("missing", "mocks.b.modules"), ("type", "mocks.c")] == [
        (each.code, each.where) for each in caught.value.errors
    ]


def test_plain_copies() -> None:
    """A plain value shares nothing with its source and is made of lists and dicts only."""
    source: dict[str, Any] = {"a": ({"b": []},)}
    copy = plain(source)
    copy["a"][0]["b"].append(1)

    assert ({"a": ({"b": []},)}, {"a": [{"b": [1]}]}) == (source, copy)


def test_a_local_wheel_has_no_address() -> None:
    """The origin of a local wheel is its file name, wherever the lock says that the file is; none is written."""
    origin = Origin(kind="local", url=SIX.wheel.filename)
    written = dict(package_facts(replace(SIX, origin=origin)))
    assert ({"source": "local"}, origin) == (written, facts(written)["origin"])


@pytest.mark.parametrize("key", ["url", "index"])
def test_a_local_wheel_with_an_address(key: str) -> None:
    """An address beside a local origin is refused."""
    with pytest.raises(InputError) as caught:
        facts({"source": "local", key: "https://index.example/simple"})
    assert "origin" == caught.value.code


@pytest.mark.parametrize(
    ("value", "code", "where"),
    [
        ([{"name": "Six", "version": "1"}, {"name": "six", "version": "2"}], "duplicate-package", "site[1].name"),
        ([{"name": "six", "version": "1", "url": "x"}], "unknown-key", "site[0].url"),
        ([{"name": "six"}], "missing", "site[0].version"),
        ([1], "type", "site[0]"),
        ({}, "type", "site"),
    ],
)
def test_refused_sites(value: object, code: str, where: str) -> None:
    """What the site brings is a list of names and versions, each name once."""
    faults = Faults()
    read_site(Table({"site": value}, "", faults))
    with pytest.raises(InputError) as caught:
        faults.check()

    assert (code, where) == (caught.value.code, caught.value.where)


def test_a_start_pack() -> None:
    """Where a start pack lies is written, and read again; a lock without one says nothing."""
    start = StartPack(url="start-0123.pack", digest=Digest.of(b"pack"), size=4)
    faults = Faults()
    assert start == read_start(Table({"start": start_facts(start)}, "", faults), faults)
    assert read_start(Table({}, "", faults), faults) is None
    faults.check()


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"url": ""}, "missing", "start.url"),
        ({"url": "//files.example/x"}, "scheme", "start.url"),
        ({"sha256": "1"}, "hash-form", "start.sha256"),
        ({"sha256": ""}, "no-hash", "start.sha256"),
        ({"size": -1}, "size", "start.size"),
        ({"size": None}, "type", "start.size"),
        ({"files": 1}, "unknown-key", "start.files"),
    ],
)
def test_refused_start_packs(change: dict[str, Any], code: str, where: str) -> None:
    """A start pack has an address, a SHA-256 and a size, and nothing else."""
    faults = Faults()
    value = {"url": "start.pack", "sha256": Digest.of(b"").hex, "size": 1} | change
    read_start(Table({"start": value}, "", faults), faults)
    with pytest.raises(InputError) as caught:
        faults.check()
    assert (code, where) == (caught.value.code, caught.value.where)
