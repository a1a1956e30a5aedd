"""pylock.toml: what pip and uv write is read for one Pyodide, and what is chosen."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.pylock import Pylock, PylockSelectError, PylockValidationError
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from micropip_lock.core.abis import ABIS, marker_environment, runtime_tags
from micropip_lock.core.formats.pylock import parse_pylock
from micropip_lock.core.model import Lock, LockedPackage, Origin
from micropip_lock.errors import InputError, MicropipLockError
from tests.pylocks import FIXTURES, HEX, SIX, VALID, WHEEL, pylocks, toml, with_six, with_top, with_wheel
from tests.strategies import json_values

ABI = ABIS["2026_0"]
SIX_NAME = canonicalize_name("six")


RICH: dict[str, Any] = {
    "name": "rich",
    "version": "1",
    "wheels": [{"url": "https://files.example/rich-1-py3-none-any.whl", "hashes": {"sha256": HEX}}],
}


def six(text: str, **options: Any) -> LockedPackage:
    return parse_pylock(text, **options).packages[SIX_NAME]


@pytest.mark.parametrize(
    ("path", "abi", "expected"),
    [
        (0, "2026_0", ["markdown-it-py 4.3.0", "mdurl 0.1.2", "pygments 2.21.0", "rich 15.0.0"]),
        (
            1,
            "2026_0",
            [
                *("markdown-it-py 4.3.0", "mdurl 0.1.2", "msgpack 1.2.4", "pydantic-core 2.50.4"),
                *("pygments 2.21.0", "rich 15.0.0", "typing-extensions 4.16.0"),
            ],
        ),
    ],
    ids=["pip", "uv"],
)
def test_locks_of_others(path: int, abi: str, expected: list[str]) -> None:
    """What pip and uv write is read: marked packages are left out, compiled ones are of this ABI."""
    lock = parse_pylock(FIXTURES[path].read_bytes())

    assert (abi, expected, ()) == (lock.abi.abi_version, list(map(str, lock)), lock.notes)
    assert {"none-any", f"pyemscripten_{abi}_wasm32"} >= {
        package.wheel.filename.removesuffix(".whl").partition("-py3-")[2]
        or package.wheel.filename.removesuffix(".whl").rpartition("-")[2]
        for package in lock
    }


def test_facts_are_kept() -> None:
    """Address, digest, size, time and index of a file are those of the lock."""
    package = six(toml(VALID))

    assert (
        *("six", "1.16.0", WHEEL["url"], HEX, 11053, "2021-05-05T14:18:17Z"),
        Origin(kind="index", url=WHEEL["url"], index="https://index.example/simple/"),
    ) == (
        *(package.name, package.version, package.wheel.url, package.wheel.digest.hex),
        *(package.wheel.size, package.wheel.upload_time, package.origin),
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2021-05-05T16:18:17+02:00", "2021-05-05T14:18:17Z"),
        ("2021-05-05T14:18:17.250000+00:00", "2021-05-05T14:18:17.250000Z"),
        ("2021-05-05T14:18:17", "2021-05-05T14:18:17Z"),
    ],
)
def test_times_are_utc(told: str, expected: str) -> None:
    """A time is kept in UTC; one without an offset is in UTC already (PEP 751)."""
    assert expected == six(with_wheel(upload_time=datetime.fromisoformat(told))).wheel.upload_time


@pytest.mark.parametrize(
    ("text", "base", "url"),
    [
        (with_wheel(url=None, path="wheels/six-1.16.0-py3-none-any.whl", name=None), None, "wheels/{}"),
        (with_wheel(url=None, path="./six-1.16.0-py3-none-any.whl", name=None), None, "./{}"),
        (with_wheel(url=None, path="a b#?/six-1.16.0-py3-none-any.whl", name=None), None, "a%20b%23%3F/{}"),
        (with_wheel(url=None, path="../six-1.16.0-py3-none-any.whl", name=None), "file:///a/b/pylock.toml", "../{}"),
        (with_wheel(url=None, path="/srv/six-1.16.0-py3-none-any.whl", name=None), "file:///a/x", "file:///srv/{}"),
        (with_wheel(url="file:///srv/six-1.16.0-py3-none-any.whl", name=None), "file:///a/x", "file:///srv/{}"),
        (
            with_wheel(
                url="https://files.example/six-1.16.0-py3-none-any.whl",
                path="six-1.16.0-py3-none-any.whl",
                name=None,
            ),
            None,
            "https://files.example/{}",
        ),
        (
            with_wheel(url="https://files.example/six-1.16.0-py3-none-any.whl?x=1", name=None),
            None,
            "https://files.example/{}?x=1",
        ),
    ],
)
def test_addresses(text: str, base: str | None, url: str) -> None:
    """A file is named by its URL, else by its path, which may leave the lock's directory only on this machine."""
    assert url.format("six-1.16.0-py3-none-any.whl") == six(text, base=base).wheel.url


def test_a_wheel_of_a_direct_address() -> None:
    """An archive that is a wheel, as pip locks a direct address, is one; its version is that of its name."""
    archive = {key: WHEEL[key] for key in ("url", "hashes")} | {"subdirectory": "."}
    package = six(with_six(wheels=None, index=None, version=None, archive=archive))

    assert ("1.16.0", Origin(kind="url", url=WHEEL["url"])) == (package.version, package.origin)


def wheels(*tags: str) -> list[dict[str, Any]]:
    return [
        {"url": f"https://files.example/six-1.16.0-{tag}.whl", "hashes": {"sha256": f"{at:064x}"}}
        for at, tag in enumerate(tags)
    ]


@pytest.mark.parametrize(
    ("tags", "abi", "expected"),
    [
        (["py3-none-any", "cp314-cp314-pyemscripten_2026_0_wasm32"], "2026_0", 1),
        (["py2-none-any", "py2.py3-none-any", "py3-none-any"], "2026_0", 1),
        (["cp314-cp314-pyemscripten_2026_0_wasm32", "cp313-cp313-pyemscripten_2025_0_wasm32"], "2025_0", 1),
        (["cp313-cp313-pyemscripten_2025_0_wasm32", "cp313-cp313-win_amd64"], None, 0),
        (["cp314-cp314-pyemscripten_2026_0_wasm32", "cp313-cp313-pyemscripten_2025_0_wasm32"], None, 0),
        (["cp313-abi3-pyemscripten_2025_0_wasm32", "py3-none-any"], "2026_0", 1),
    ],
)
def test_the_best_tag(tags: list[str], abi: str | None, expected: int) -> None:
    """The wheel with the runtime's best tag is taken, among equals the first, whatever their order."""
    package = six(with_six(wheels=wheels(*tags)), abi=None if abi is None else ABIS[abi])

    assert expected == int(package.wheel.digest.hex, 16)


@pytest.mark.parametrize(
    ("text", "abi"),
    [
        (toml(VALID), "2026_0"),
        (with_top(requires_python="<3.14"), "2025_0"),
        (with_top(environments=["python_version == '3.12'"]), "2024_0"),
        (with_six(wheels=wheels("cp313-cp313-pyemscripten_2025_0_wasm32")), "2025_0"),
        (with_six(wheels=wheels("cp314-cp314-emscripten_5_0_3_wasm32")), "2026_0"),
        (with_six(wheels=wheels("cp313-cp313-pyemscripten_2025_0_wasm32", "py3-none-any")), "2025_0"),
        (with_six(wheels=wheels("cp399-cp399-pyemscripten_2099_0_wasm32", "py3-none-any")), "2026_0"),
        (
            with_top(
                requires_python="<3.14",
                packages=[
                    SIX
                    | {
                        "wheels": wheels(
                            "cp313-cp313-pyemscripten_2025_0_wasm32", "cp314-cp314-pyemscripten_2026_0_wasm32"
                        )
                    }
                ],
            ),
            "2025_0",
        ),
    ],
)
def test_the_newest_abi_that_it_fits(text: str, abi: str) -> None:
    """Without an ABI the lock is for the newest that it fits, of those that its compiled wheels name."""
    assert abi == parse_pylock(text).abi.abi_version


@pytest.mark.parametrize(
    ("marker", "top", "is_in"),
    [
        ("sys_platform == 'emscripten'", {}, True),
        ("sys_platform == 'win32'", {}, False),
        ("python_full_version == '3.14.2' and platform_machine == 'wasm32'", {}, True),
        ("'dev' in extras", {"extras": ["dev"]}, False),
        ("'dev' in dependency_groups", {"dependency_groups": ["dev"]}, False),
        ("'dev' in dependency_groups", {"dependency_groups": ["dev"], "default_groups": ["dev"]}, True),
    ],
)
def test_markers(marker: str, top: dict[str, Any], is_in: bool) -> None:
    """A package is in when its marker holds in Pyodide, without any extra and with the default groups."""
    lock = parse_pylock(with_top(**top, packages=[SIX | {"marker": marker}]), abi=ABI)

    assert is_in == (SIX_NAME in lock)


def test_two_entries_of_one_name() -> None:
    """Entries whose markers exclude each other are one package, of the entry that is for us."""
    older = {"url": "https://files.example/six-1.15.0-py3-none-any.whl", "hashes": WHEEL["hashes"]}
    other = SIX | {"version": "1.15.0", "marker": "sys_platform == 'win32'", "wheels": [older]}
    lock = parse_pylock(with_top(packages=[other, SIX | {"marker": "sys_platform != 'win32'"}]))

    assert ["six 1.16.0"] == list(map(str, lock))


def test_dependencies_before_and_behind() -> None:
    """Dependencies are kept wherever they are in the alphabet."""
    middle: dict[str, Any] = {
        "name": "m",
        "archive": {"url": "https://files.example/m-1-py3-none-any.whl", "hashes": WHEEL["hashes"]},
    }
    others = [
        middle
        | {"name": name, "archive": middle["archive"] | {"url": f"https://files.example/{name}-1-py3-none-any.whl"}}
        for name in ("a", "z")
    ]
    needing: dict[str, Any] = middle | {"dependencies": [{"name": "z"}, {"name": "a"}, {"name": "m"}]}
    lock = parse_pylock(with_top(packages=[*others, needing]))

    assert ("a", "z") == lock.packages[canonicalize_name("m")].depends


def test_dependencies_are_of_what_is_there() -> None:
    """Dependencies are kept as far as they are in the lock; a package does not need itself."""
    archive = {"url": "https://files.example/rich-1-py3-none-any.whl", "hashes": WHEEL["hashes"]}
    rich = {"name": "rich", "archive": archive}
    needed = [{"name": "six", "version": "1.16.0"}, {"name": "Rich"}, {"name": "colorama"}]
    lock = parse_pylock(with_top(packages=[SIX, rich | {"dependencies": needed}]))

    assert [("six",), ()] == [package.depends for package in sorted(lock, key=lambda one: one.name)]


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (with_top(lock_version="1.9"), [("", "lock-version", "1.9")]),
        (with_top(lock_version="1"), []),
        (with_top(z=1), [("", "unknown-key", "the lock")]),
        (
            with_top(a=1, packages=[SIX, SIX | RICH | {"variants": 1}]),
            [("", "unknown-key", "the lock"), ("rich", "unknown-key", "rich")],
        ),
        (with_wheel(subdirectory="x"), []),
        (with_top(later=1, tool={"uv": {}}), [("", "unknown-key", "the lock")]),
        (with_six(variants={"a": 1}, tool={"x": 1}, attestation_identities=[]), [("six", "unknown-key", "six")]),
    ],
)
def test_notes(text: str, notes: list[tuple[str, str, str]]) -> None:
    """A newer minor version and keys that are not known are noted; ``tool`` is not looked at."""
    assert notes == [(note.package, note.code, note.got) for note in parse_pylock(text).notes]


def test_base_is_kept() -> None:
    """Where the lock was read from is remembered."""
    assert "https://files.example/x/" == parse_pylock(toml(VALID), base="https://files.example/x/").base


@given(pylocks(), st.sampled_from(sorted(ABIS)))
@example(VALID, "2026_0")
def test_the_same_choice_as_packaging(value: dict[str, Any], abi: str) -> None:
    """What is chosen for an ABI is what packaging's own selection chooses; where it finds nothing, we refuse."""
    try:
        chosen = Pylock.from_dict(tomllib.loads(toml(value))).select(
            environment=marker_environment(ABIS[abi]),  # type: ignore[arg-type]  # a TypedDict of the same keys
            tags=[tag for text in runtime_tags(ABIS[abi]) for tag in parse_tag(text)],
        )
        theirs = {package.name: getattr(source, "hashes", {}).get("sha256") for package, source in chosen}
        codes = {"not-wheel", "tag-mismatch"}
    except PylockSelectError:
        theirs, codes = {}, {"ambiguous", "environments", "requires-python", "not-wheel", "tag-mismatch"}
    try:
        lock = parse_pylock(toml(value), abi=ABIS[abi])
    except MicropipLockError as error:
        # packaging falls back on what would have to be built.
        assert codes >= {each.code for each in error.errors}  # noqa: PT017  # one of two ends, both of them the claim
    else:
        assert theirs == {package.name: package.wheel.digest.hex for package in lock}


@given(pylocks())
def test_what_is_read_can_be_written(value: dict[str, Any]) -> None:
    """A lock that was read is a pyodide-lock.json like any other, and comes back from it."""
    try:
        lock = parse_pylock(toml(value))
    except MicropipLockError:
        return

    assert lock == Lock.from_json(lock.to_json())


@given(pylocks(), st.data())
def test_any_value_inside_a_lock_is_read_or_refused(value: dict[str, Any], data: st.DataObject) -> None:
    """A lock with any TOML value in one place is a lock, or an error of our tree."""
    scalars = st.one_of(json_values, st.datetimes(), st.floats(), st.text(max_size=4), st.dates())
    scalars = scalars.map(_without_nothing)
    table: Any = value
    while data.draw(st.booleans()):
        inner = [one for one in (table.values() if isinstance(table, dict) else table) if isinstance(one, dict | list)]
        inner = [one for one in inner if one]
        if not inner:
            break
        table = data.draw(st.sampled_from(inner))
    if isinstance(table, dict):
        known = ["lock-version", "name", "version", "wheels", "archive", "marker", "requires-python", "url", "hashes"]
        key = data.draw(st.sampled_from([*table, *known, "dependencies", "path", "tool", "x"]))
        table[key] = data.draw(scalars)
    else:
        table[data.draw(st.integers(0, len(table) - 1))] = data.draw(scalars)
    try:
        found: object = parse_pylock(toml(value))
    except MicropipLockError as error:
        found = error

    assert isinstance(found, Lock | MicropipLockError)


def _without_nothing(value: Any) -> Any:
    """TOML has no null, and JSON's writer spells infinities in its own way."""
    if isinstance(value, dict):
        return {key: _without_nothing(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nothing(inner) for inner in value]
    if isinstance(value, float):
        return value if abs(value) < 1e300 else 0.5
    return False if value is None else value


@given(st.text() | st.binary())
def test_any_text_is_a_lock_or_our_error(text: str | bytes) -> None:
    """Any text or bytes give a lock or an error of our tree, never another exception."""
    with pytest.raises(InputError):
        parse_pylock(text)


def test_what_we_read_packaging_reads() -> None:
    """The small lock of these tests, and those of pip and uv, are valid for packaging."""
    for text in (toml(VALID), *(Path(path).read_text("utf-8") for path in FIXTURES)):
        try:
            Pylock.from_dict(tomllib.loads(text))
        except PylockValidationError as error:
            raise AssertionError(text[:80]) from error

    assert json.loads(parse_pylock(toml(VALID)).to_json())["packages"]["six"]["sha256"] == HEX
