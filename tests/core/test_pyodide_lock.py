"""pyodide-lock.json: what others write and we read, what we write and others read, and what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from pyodide_lock import PyodideLockSpec

from micropip_lock.core.digest import Digest
from micropip_lock.core.formats.pyodide_lock import format_pyodide_lock, lock_to_dict, parse_pyodide_lock
from micropip_lock.core.model import Lock
from micropip_lock.errors import (
    InputError,
    MicropipLockError,
)
from tests.locks import FIXTURES, HEX, SIX, VALID, changed, full_lock, with_six
from tests.strategies import json_values, locks


def normalised(value: dict[str, Any]) -> dict[str, Any]:
    """The documented normalisations, done by hand."""
    for key, package in value["packages"].items():
        package["sha256"] = package["sha256"].lower()
        depends = [re.sub(r"[-_.]+", "-", name).lower() for name in package["depends"]]
        package["depends"] = [name for name in dict.fromkeys(depends) if name != key]
        package.setdefault("package_type", "package")
        package.setdefault("unvendored_tests", False)
    return value


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_locks_of_others_round_trip(path: Path) -> None:
    """Locks of Pyodide 0.27 to 314 and of micropip.freeze keep their JSON value, but for what is documented."""
    text = path.read_bytes()

    assert normalised(json.loads(text)) == json.loads(format_pyodide_lock(parse_pyodide_lock(text)))


def test_fixtures_cover_every_oddity() -> None:
    """The fixtures hold every package type, each oddity of the real locks, and both writers."""
    packages = [package for path in FIXTURES for package in json.loads(path.read_text("utf-8"))["packages"].values()]
    facts = {
        "types": {package.get("package_type") for package in packages},
        "directories": {package["install_dir"] for package in packages},
        "suffixes": {package["file_name"].rpartition(".")[2] for package in packages},
        "odd version": any(package["version"] == "1.1.1w" for package in packages),
        "unnormalised name": any(package["name"] == "ruamel.yaml" for package in packages),
        "unnormalised depends": any("typing_extensions" in map(str.lower, package["depends"]) for package in packages),
        "tests": any(package["name"].endswith("-tests") for package in packages),
        "import with a dash": any("matplotlib-inline" in package["imports"] for package in packages),
        "self-dependency": any(package["name"] in package["depends"] for package in packages),
        "empty tool": any(package.get("tool") == {} for package in packages),
    }

    assert {
        "types": {"package", "shared_library", "cpython_module", None},
        "directories": {"site", "dynlib"},
        "suffixes": {"whl", "zip", "tar"},
        **dict.fromkeys(list(facts)[3:], True),
    } == facts


def test_micropip_freeze_is_understood() -> None:
    """What micropip.freeze leaves out gets its default; what it spells freely is normalised."""
    path = next(path for path in FIXTURES if path.stem.startswith("micropip"))
    package = parse_pyodide_lock(path.read_bytes()).packages[canonicalize_name("markdown-it-py")]

    assert ("markdown_it_py", "package", False, ("mdurl", "typing-extensions"), Digest(b"\xaa" * 32), None) == (
        package.display_name,
        package.package_type,
        package.unvendored_tests,
        package.depends,
        package.wheel.digest,
        package.origin,
    )


@given(locks())
@example(full_lock())
def test_format_then_parse_is_identity(lock: Lock) -> None:
    """Every valid lock comes back from its text, with the same identity."""
    text = format_pyodide_lock(lock)
    back = parse_pyodide_lock(text)

    assert (lock, lock.id, text) == (back, back.id, format_pyodide_lock(back))


@given(locks())
def test_parse_then_format_keeps_the_value(lock: Lock) -> None:
    """Text made in any way from a lock's value is written again with that value."""
    value = lock_to_dict(lock)

    assert value == json.loads(format_pyodide_lock(parse_pyodide_lock(json.dumps(value, ensure_ascii=True))))


@given(locks(), st.sampled_from(["packages", "info", "tool"]), json_values)
def test_any_value_inside_a_lock_is_read_or_refused(lock: Lock, key: str, value: Any) -> None:
    """A lock with any JSON value in one place is a lock, or an error of our tree."""
    whole = lock_to_dict(lock)
    table = whole.get(key)
    if isinstance(table, dict) and table:
        name = sorted(table)[0]
        inner = table[name]
        if isinstance(inner, dict) and inner:
            inner[sorted(inner)[-1]] = value
        else:
            table[name] = value
    else:
        whole[key] = value
    try:
        found = parse_pyodide_lock(json.dumps(whole))
    except MicropipLockError:
        return

    assert found == parse_pyodide_lock(format_pyodide_lock(found))


@given(json_values.map(json.dumps) | st.text() | st.binary())
@example("[]")
@example('{"packages": [], "info": null}')
def test_any_text_is_a_lock_or_our_error(text: str | bytes) -> None:
    """Any JSON value, text or bytes gives a lock or an error of our tree, never another exception."""
    try:
        found: object = parse_pyodide_lock(text)
    except MicropipLockError as error:
        found = error

    assert isinstance(found, Lock | InputError)


@given(locks())
@example(full_lock())
def test_pyodide_lock_reads_what_we_write(lock: Lock) -> None:
    """The pyodide-lock package reads our text, and says the same of every package."""
    # It knows no fields but its own; ours are all under tool.
    lock = replace(
        lock,
        unknown={},
        abi=replace(lock.abi, unknown={}),
        packages={name: replace(package, unknown={}) for name, package in lock.packages.items()},
    )
    spec = PyodideLockSpec.from_dict(json.loads(format_pyodide_lock(lock)))
    ours = lock_to_dict(lock)

    assert (ours.get("tool", {}), {name: {"tool": {}} | package for name, package in ours["packages"].items()}) == (
        spec.tool,
        {name: package.to_dict() for name, package in spec.packages.items()},
    )


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_pyodide_lock_reads_a_file_that_we_write(path: Path, tmp_path: Path) -> None:
    """A file that we wrote is read by pyodide-lock's own from_json and gives the same lock when it writes it."""
    lock = parse_pyodide_lock(path.read_bytes())
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    ours.write_text(format_pyodide_lock(lock), encoding="utf-8")
    PyodideLockSpec.from_json(ours).to_json(theirs)
    back = parse_pyodide_lock(theirs.read_bytes())

    assert {name: replace(package, unknown={}) for name, package in lock.packages.items()} == {
        name: replace(package, unknown={}) for name, package in back.packages.items()
    }


def test_text_is_deterministic() -> None:
    """Keys are sorted, two spaces indent, characters are themselves, and a newline ends the text."""
    lock = parse_pyodide_lock(changed(lambda value: value.update(zoë="é", Alpha=[])))
    text = format_pyodide_lock(lock)

    assert ('{\n  "Alpha": [],\n  "info": {\n', '\n  },\n  "zoë": "é"\n}\n') == (text[:29], text[-21:])


def test_dict_shares_nothing_with_the_lock() -> None:
    """Changing what lock_to_dict gave does not change the lock."""
    lock = parse_pyodide_lock(changed(lambda value: value.update(other={"list": []}, tool={"a": {"list": []}})))
    before = lock.id
    value = lock_to_dict(lock)
    value["other"]["list"].append(1)
    value["tool"]["a"]["list"].append(1)
    value["packages"]["six"]["imports"].append("x")

    assert before == lock.id


def test_our_table_is_written_when_something_is_said() -> None:
    """The version of our format stands at the top exactly when the lock says something of ours, or had the table."""
    bare = parse_pyodide_lock(json.dumps(VALID))
    sized = parse_pyodide_lock(with_six(tool={"micropip-lock": {"size": 1}}))
    kept = parse_pyodide_lock(changed(lambda value: value.update(tool={"micropip-lock": {"version": 1}})))

    assert [None, {"micropip-lock": {"version": 1}}, {"micropip-lock": {"version": 1}}] == [
        lock_to_dict(lock).get("tool") for lock in (bare, sized, kept)
    ]


@pytest.mark.parametrize(
    "tool", [{}, {"other": {}}, {"micropip-lock": {}}, {"micropip-lock": {"later": [1]}, "other": {"a": 1}}]
)
def test_tool_tables_are_kept(tool: dict[str, Any]) -> None:
    """A package's tool table is written again as it was, empty or not."""
    lock = parse_pyodide_lock(with_six(tool=tool))

    assert tool == lock_to_dict(lock)["packages"]["six"]["tool"]


def test_unknown_fields_are_kept() -> None:
    """Unknown fields at the top, in info and in a package are written again."""
    text = changed(
        lambda value: (
            value.update(schema=2),
            value["info"].update(version="314.0.7"),
            value["packages"]["six"].update(index="x", shared_library=False),
        )
    )

    assert json.loads(text) == lock_to_dict(parse_pyodide_lock(text))


def test_base_is_not_part_of_the_text() -> None:
    """Where a lock was read from is remembered and not written."""
    lock = parse_pyodide_lock(json.dumps(VALID), base="https://files.example/locks/")

    assert ("https://files.example/locks/", False) == (lock.base, "locks/" in format_pyodide_lock(lock))


def test_cycles_are_accepted() -> None:
    """Packages that need each other are a lock like any other."""
    rich = SIX | {"name": "rich", "file_name": "rich-1.16.0-py3-none-any.whl", "depends": ["six"]}
    lock = parse_pyodide_lock(
        changed(lambda value: (value["packages"].update(rich=rich), value["packages"]["six"].update(depends=["rich"])))
    )

    assert [("six",), ("rich",)] == [package.depends for package in lock]


@pytest.mark.parametrize(
    ("fields", "attribute", "expected"),
    [
        ({"sha256": HEX.upper()}, "wheel.digest.hex", HEX),
        ({"depends": ["SIX", "six"]}, "depends", ()),
        ({"name": "SIX"}, "display_name", "SIX"),
        ({"version": "1.16"}, "version", "1.16"),
        ({"file_name": "six-1.16.0-py2.py3-none-any.whl"}, "wheel.filename", "six-1.16.0-py2.py3-none-any.whl"),
        ({"package_type": "shared_library", "file_name": "six.zip", "version": "1w"}, "version", "1w"),
        ({"package_type": "cpython_module", "file_name": "six.zip", "version": "1w"}, "version", "1w"),
        ({"file_name": "six-tests.tar"}, "wheel.url", "six-tests.tar"),
    ],
)
def test_accepted_and_normalised(fields: dict[str, Any], attribute: str, expected: object) -> None:
    """What is odd but clear is accepted, in its normal form."""
    found: object = parse_pyodide_lock(with_six(**fields)).packages[canonicalize_name("six")]
    for name in attribute.split("."):
        found = getattr(found, name)

    assert expected == found


def test_a_large_lock_is_read_quickly() -> None:
    """A thousand packages are read and written within a second of processor time each."""
    import time

    packages = {
        f"p{number}": SIX | {"name": f"p{number}", "file_name": f"p{number}-1.16.0-py3-none-any.whl"}
        for number in range(1000)
    }
    text = json.dumps(VALID | {"packages": packages})
    started = time.process_time()
    lock = parse_pyodide_lock(text)
    read = time.process_time()
    format_pyodide_lock(lock)

    assert (1000, True, True) == (len(lock), read - started < 1, time.process_time() - read < 1)
