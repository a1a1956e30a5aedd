"""Mock packages and cycles in the text of a lock: written, read, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.core.formats.pyodide_lock import parse_pyodide_lock
from micropip_lock.core.model import Lock, Mock, mocks_by_name
from micropip_lock.errors import InputError
from tests.locks import VALID, full_lock

MOCK = Mock(
    name=canonicalize_name("a-thing"),
    display_name="A_Thing",
    version="1.5",
    modules={"a_thing": "X = 1\n", "b": "\t\f"},
)
ENTRY: dict[str, Any] = {
    "name": "A_Thing",
    "version": "1.5",
    "persistent": False,
    "modules": {"a_thing": "", "b.c": ""},
}


def with_mocks(mocks: object, **facts: object) -> str:
    value = deepcopy(VALID)
    value["tool"] = {"micropip-lock": {"version": 1, "mocks": mocks}}
    value["packages"]["six"] |= facts
    return json.dumps(value)


def test_as_it_is_written() -> None:
    """A mock package is under ``mocks`` by its normalised name, with its own spelling when that differs."""
    mocks = mocks_by_name([MOCK, replace(MOCK, name=canonicalize_name("b"), display_name="b", modules={})])
    written = replace(full_lock(), mocks=mocks).to_dict()["tool"]["micropip-lock"]["mocks"]

    assert {
        "a-thing": {
            "name": "A_Thing",
            "version": "1.5",
            "persistent": False,
            "modules": {"a_thing": "X = 1\n", "b": "\t\f"},
        },
        "b": {"version": "1.5", "persistent": False, "modules": {}},
    } == written


def test_it_shows() -> None:
    """The ``repr`` and the table of a lock name its mock packages as mocks."""
    lock = replace(full_lock(), packages={}, mocks=mocks_by_name([MOCK]))

    assert (True, True) == (
        "a-thing 1.5 (mock)" in repr(lock),
        "<td>a-thing</td><td>1.5</td><td>mock, in memory</td>" in lock._repr_html_(),
    )


def test_a_stand_in_is_no_dependency() -> None:
    """A package keeps which of its requirements a mock package stands in for, apart from ``depends``."""
    lock = full_lock()
    rich = replace(lock.packages["rich"], mocked=(MOCK.name,))
    text = replace(lock, packages={**lock.packages, "rich": rich}, mocks=mocks_by_name([MOCK])).to_json()
    entry = json.loads(text)["packages"]["rich"]

    assert (["markdown-it-py", "numpy"], ["a-thing"], (MOCK.name,)) == (
        entry["depends"],
        entry["tool"]["micropip-lock"]["mocked"],
        Lock.from_json(text).packages["rich"].mocked,
    )


@pytest.mark.parametrize(
    ("mocks", "code", "where"),
    [
        ([], "type", "tool.micropip-lock.mocks"),
        ({"a-thing": []}, "type", "tool.micropip-lock.mocks.a-thing"),
        ({"A_Thing": ENTRY}, "key-name", "tool.micropip-lock.mocks.A_Thing"),
        ({"other": ENTRY}, "key-name", "tool.micropip-lock.mocks.other"),
        ({"no/name": {**ENTRY, "name": "no/name"}}, "name", 'tool.micropip-lock.mocks."no/name".name'),
        ({"a-thing": {**ENTRY, "version": "one"}}, "version", "tool.micropip-lock.mocks.a-thing.version"),
        ({"a-thing": {**ENTRY, "persistent": 1}}, "type", "tool.micropip-lock.mocks.a-thing.persistent"),
        ({"a-thing": {**ENTRY, "modules": {"m": None}}}, "type", "tool.micropip-lock.mocks.a-thing.modules.m"),
        ({"a-thing": {**ENTRY, "modules": {"../m": ""}}}, "module-name", "tool.micropip-lock.mocks.a-thing.modules"),
        (
            {"a-thing": {**ENTRY, "modules": {"m": "\u202e"}}},
            "control-char",
            "tool.micropip-lock.mocks.a-thing.modules.m",
        ),
        ({"a-thing": {**ENTRY, "more": 1}}, "unknown-key", "tool.micropip-lock.mocks.a-thing.more"),
        ({"six": {**ENTRY, "name": "six"}}, "duplicate-package", "packages.six"),
    ],
)
def test_refused(mocks: object, code: str, where: str) -> None:
    """Each wrong mock package is refused with the place of the fault."""
    with pytest.raises(InputError) as caught:
        Lock.from_json(with_mocks(mocks))

    assert (code, where) == (caught.value.code, caught.value.where)


def test_a_stand_in_that_is_not_there() -> None:
    """A package that names a mock package which the lock does not hold is refused."""
    with pytest.raises(InputError) as caught:
        Lock.from_json(with_mocks({}, tool={"micropip-lock": {"mocked": ["a-thing"]}}))

    assert ("missing-dependency", "packages.six.tool.micropip-lock.mocked") == (caught.value.code, caught.value.where)


def cyclic() -> Lock:
    """full_lock has a cycle: rich needs markdown-it-py, which needs rich; rich was asked for."""
    return full_lock()


def test_a_cycle_is_not_shown_to_loaders() -> None:
    """The edge that closes a cycle is not in ``depends``; all dependencies are in our table, and are read again."""
    text = cyclic().to_json()
    entries = json.loads(text)["packages"]

    assert (["markdown-it-py", "numpy"], [], ["rich"], cyclic().packages["markdown-it-py"].depends) == (
        entries["rich"]["depends"],
        entries["markdown-it-py"]["depends"],
        entries["markdown-it-py"]["tool"]["micropip-lock"]["depends"],
        Lock.from_json(text).packages["markdown-it-py"].depends,
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda entry: entry["depends"].append("numpy"), "depends"),
        (lambda entry: entry["tool"]["micropip-lock"]["depends"].append("nowhere"), "missing-dependency"),
    ],
)
def test_two_lists_that_do_not_agree(change: Callable[[dict[str, Any]], None], code: str) -> None:
    """Whoever edits one of the two lists has to edit the other; and none of them dangles."""
    value = json.loads(cyclic().to_json())
    change(value["packages"]["markdown-it-py"])
    with pytest.raises(InputError) as caught:
        Lock.from_json(json.dumps(value))

    assert code == caught.value.code


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ({}, None),
        ({"mocks": mocks_by_name([MOCK])}, 1),
        ({"site": {"micropip": "0.11.0"}}, 1),
        ({"packages": cyclic().packages}, 1),
    ],
)
def test_our_format_has_its_version(said: dict[str, Any], version: int | None) -> None:
    """Mock packages, what the site brings or a cycle, each alone, are written with the version of our format."""
    bare = replace(parse_pyodide_lock(json.dumps(VALID)), **said)
    assert version == bare.to_dict().get("tool", {}).get("micropip-lock", {}).get("version")
