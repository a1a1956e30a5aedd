"""Typed readers: values in their final types, and every fault with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import MAX_FAULTS, Faults
from micropip_lock.core.read import MAX_NAME, MAX_WHOLE, Table, parsed_version
from micropip_lock.core.shown import shown
from micropip_lock.errors import (
    InputError,
    LockGraphError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
)
from tests.strategies import json_values, names, versions

HEX = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
HIDDEN = ["a\x00", "a\x1b[31m", "a\u200b", "\u202egnp.whl", "a\u2066", "a\ufeff", "a\u2028", "a\xad", "a\n"]

GETTERS: dict[str, Callable[[Table], object]] = {
    "text": lambda table: table.text("key"),
    "text with default": lambda table: table.text("key", "x"),
    "texts": lambda table: table.texts("key"),
    "names": lambda table: table.names("key"),
    "whole": lambda table: table.whole("key"),
    "flag": lambda table: table.flag("key"),
    "choice": lambda table: table.choice("key", ("one", "two")),
    "name": lambda table: table.name("key"),
    "version": lambda table: table.version("key"),
    "any version": lambda table: table.version("key", any_form=True),
    "digest": lambda table: table.digest("key"),
    "table": lambda table: table.table("key", required=True),
    "tables": lambda table: list(table.tables("key")),
    "rest": lambda table: table.rest(),
}


def read[T](value: object, getter: Callable[[Table], T]) -> T:
    faults = Faults()
    found = getter(Table({"key": value}, "packages.six", faults, package="six"))
    faults.check()
    return found


def refusal(value: object, getter: Callable[[Table], object]) -> InputError:
    with pytest.raises(InputError) as caught:
        read(value, getter)
    return caught.value


@pytest.mark.parametrize(
    ("getter", "value", "expected"),
    [
        ("text", "é", "é"),
        ("texts", ["a", ""], ("a", "")),
        ("names", ["Jinja2", "typing_extensions", "jinja2"], ("jinja2", "typing-extensions")),
        ("whole", 0, 0),
        ("whole", MAX_WHOLE, MAX_WHOLE),
        ("flag", True, True),
        ("choice", "two", "two"),
        ("name", "Ruamel.YAML", "Ruamel.YAML"),
        ("name", "constructor", "constructor"),
        ("name", "x" * MAX_NAME, "x" * MAX_NAME),
        ("version", "1.0rc1+cpu", "1.0rc1+cpu"),
        ("version", "1" * 128, "1" * 128),
        ("any version", "w" * 128, "w" * 128),
        ("any version", "1.1.1w", "1.1.1w"),
        ("digest", HEX, Digest.from_hex(HEX)),
        ("digest", HEX.upper(), Digest.from_hex(HEX)),
        ("rest", "two\nlines\tand a tab\r", {"key": "two\nlines\tand a tab\r"}),
    ],
)
def test_good_values(getter: str, value: object, expected: object) -> None:
    """A good value comes in its final type."""
    assert expected == read(value, GETTERS[getter])


@pytest.mark.parametrize(
    ("getter", "value", "code", "where"),
    [
        ("text", None, "type", "key"),
        ("text", 1, "type", "key"),
        ("text with default", False, "type", "key"),
        ("texts", "numpy", "type", "key"),
        ("texts", ["a", 1], "type", "key[1]"),
        ("names", ["a", "-b"], "name", "key[1]"),
        ("whole", True, "type", "key"),
        ("whole", "1", "type", "key"),
        ("whole", -1, "size", "key"),
        ("whole", MAX_WHOLE + 1, "size", "key"),
        ("flag", 1, "type", "key"),
        ("choice", "three", "enum", "key"),
        ("choice", ["one"], "type", "key"),
        ("name", "", "name", "key"),
        ("name", "x" * (MAX_NAME + 1), "name", "key"),
        ("name", "__proto__", "name", "key"),
        ("name", "num\u0440y", "name", "key"),
        ("name", "six\n", "name", "key"),
        ("name", "<img>", "name", "key"),
        ("name", None, "type", "key"),
        ("version", 1, "version", "key"),
        ("version", "", "version", "key"),
        ("version", "1.1.1w", "version", "key"),
        ("version", "1" * 200, "version", "key"),
        ("version", None, "version", "key"),
        ("any version", "", "version", "key"),
        ("any version", 1, "version", "key"),
        ("digest", None, "type", "key"),
        ("digest", "", "no-hash", "key"),
        ("digest", HEX[:-1], "hash-form", "key"),
        ("digest", HEX + "00", "hash-form", "key"),
        ("digest", " " + HEX, "hash-form", "key"),
        ("digest", "g" + HEX[1:], "hash-form", "key"),
        ("digest", f"sha256:{HEX}", "hash-form", "key"),
        ("digest", "md5:900150983cd24fb0d6963f7d28e17f72", "weak-hash", "key"),
        ("digest", "SHA1=a9993e364706816aba3e25717850c26c9cd0d89d", "weak-hash", "key"),
        ("table", [], "type", "key"),
        ("tables", {}, "type", "key"),
        ("tables", [{}, 3], "type", "key[1]"),
        ("rest", {"a": ["\u202e"]}, "control-char", "key.a[0]"),
        ("rest", {"\x1b": 1}, "control-char", "key"),
    ],
)
def test_bad_values(getter: str, value: object, code: str, where: str) -> None:
    """A bad value is a fault with its code and its place, and carries the package."""
    error = refusal(value, GETTERS[getter])

    assert (code, f"packages.six.{where}", "six") == (error.code, error.where, error.package)


@pytest.mark.parametrize("text", HIDDEN)
@pytest.mark.parametrize("getter", ["text", "any version"])
def test_hidden_characters(getter: str, text: str) -> None:
    """Control, bidirectional and zero-width characters are refused in what people are shown."""
    assert "control-char" == refusal(text, GETTERS[getter]).code


@pytest.mark.parametrize("text", ["é", "日本語", "a b", "\xa0", "😀", "ﬁ"])
def test_visible_characters(text: str) -> None:
    """Letters of any script and blanks are no hidden characters."""
    assert text == read(text, GETTERS["text"])


@pytest.mark.parametrize(
    ("getter", "expected"),
    [
        ("text", "missing"),
        ("name", "missing"),
        ("version", "missing"),
        ("choice", "missing"),
        ("table", "missing"),
        ("digest", "no-hash"),
    ],
)
def test_absent_required_keys(getter: str, expected: str) -> None:
    """A required key that is absent is a fault; a digest has no default by policy."""
    faults = Faults()
    GETTERS[getter](Table({}, "packages.six", faults))

    with pytest.raises(InputError) as caught:
        faults.check()

    assert (expected, "packages.six.key") == (caught.value.code, caught.value.where)


@pytest.mark.parametrize(
    ("getter", "expected"),
    [
        ("text with default", "x"),
        ("texts", ()),
        ("names", ()),
        ("whole", None),
        ("flag", False),
        ("tables", []),
        ("rest", {}),
    ],
)
def test_absent_optional_keys(getter: str, expected: object) -> None:
    """An optional key that is absent gives its default and no fault."""
    faults = Faults()
    found = GETTERS[getter](Table({}, "", faults))
    faults.check()

    assert expected == found


@pytest.mark.parametrize("value", [[], None, "text", 7])
def test_no_table_is_one_fault(value: object) -> None:
    """Where a table is expected and something else is, that is one fault, not one for each key that is missing."""
    faults = Faults()
    table = Table(value, "packages.six", faults)
    for getter in GETTERS.values():
        getter(table)

    with pytest.raises(LockSchemaError) as caught:
        faults.check()

    assert (["type"], False, []) == ([error.code for error in caught.value.errors], bool(table), list(table))


def test_gravest_first() -> None:
    """Form comes before policy and policy before the graph; within one kind the order of the text stays."""
    faults = Faults()
    for error in (
        LockGraphError("graph"),
        LockPolicyError("policy one"),
        LockSchemaError("schema"),
        LockPolicyError("policy two"),
    ):
        faults.add(error)

    with pytest.raises(LockSchemaError) as caught:
        faults.check()

    assert ("schema", ["schema", "policy one", "policy two", "graph"]) == (
        caught.value.message,
        [error.message for error in caught.value.errors],
    )


def test_no_faults_no_error() -> None:
    """Without a fault check does nothing."""
    assert Faults().check() is None  # type: ignore[func-returns-value]  # that it returns at all is the claim


def test_faults_are_bounded() -> None:
    """Reading stops at a hundred faults instead of collecting millions."""
    error = refusal([1] * 1_000_000, GETTERS["texts"])

    assert MAX_FAULTS == len(error.errors)


def test_rest_is_what_nobody_asked_for() -> None:
    """Keys that were asked for, present or not, are not in the rest; checking a table does not ask for it."""
    faults = Faults()
    table = Table({"name": "six", "tool": {}, "other": [1]}, "", faults)
    table.text("name")
    table.check_table("tool")
    faults.check()

    assert {"tool": {}, "other": [1]} == table.rest()


@given(names())
def test_every_name_is_read(name: str) -> None:
    """Every name of PEP 508's form is read, as it is and normalised."""
    assert (name, (canonicalize_name(name),)) == (read(name, GETTERS["name"]), read([name], GETTERS["names"]))


@given(versions)
def test_every_version_is_read(version: str) -> None:
    """Every PEP 440 version is read and keeps its spelling."""
    assert (version, True) == (read(version, GETTERS["version"]), parsed_version(version) is not None)


@given(json_values, st.sampled_from(sorted(GETTERS)))
def test_any_value_is_read_or_our_error(value: Any, getter: str) -> None:
    """Any JSON value is read, or refused with an error of our tree that has a place."""
    where = "packages.six.key"
    try:
        read(value, GETTERS[getter])
    except MicropipLockError as error:
        where = error.where or ""

    assert where.startswith("packages.six.key")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\n", r"'a\n'"),
        ("x" * 100, "'" + "x" * 60 + "…'"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (12, "the number 12"),
        ({"a": 1}, "a table of 1"),
        ([], "a list of 0"),
        (b"", "a bytes"),
    ],
)
def test_shown_values(value: object, expected: str) -> None:
    """An error shows a value on one line and cut short."""
    assert expected == shown(value)


def test_the_caps() -> None:
    """A name has up to 214 characters, a whole number is what JavaScript holds, a hundred faults are told."""
    assert (214, 9_007_199_254_740_991, 100) == (MAX_NAME, MAX_WHOLE, MAX_FAULTS)


@pytest.mark.parametrize("getter", ["version", "any version"])
def test_a_version_that_is_too_long(getter: str) -> None:
    """A version of 129 characters is refused, though PEP 440 allows it."""
    assert "version" == refusal("1" * 129, GETTERS[getter]).code


@pytest.mark.parametrize(("where", "told"), [("", "the lock"), ("packages", "packages")])
def test_no_table_has_its_name(where: str, told: str) -> None:
    """What should be a table is told by its place, the whole text as the lock."""
    faults = Faults()
    Table([], where, faults)
    with pytest.raises(LockSchemaError) as caught:
        faults.check()
    assert told in caught.value.message
