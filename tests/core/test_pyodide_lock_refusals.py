"""pyodide-lock.json that is refused: each with its class and code, at its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.core.formats.pyodide_lock import parse_pyodide_lock
from micropip_lock.errors import (
    InputError,
    LockGraphError,
    LockParseError,
    LockPolicyError,
    LockSchemaError,
    LockVersionError,
)
from tests.locks import HEX, SIX, VALID, changed, with_six


def refusal(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_pyodide_lock(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "kind", "code", "where"),
    [
        ("", LockParseError, "empty", None),
        ("<!doctype html>", LockParseError, "not-json", "line 1 column 1"),
        (json.dumps(VALID)[:-9], LockParseError, "not-json", None),
        (json.dumps(VALID).encode("utf-16"), LockParseError, "encoding", None),
        ("[" * 100_000, LockParseError, "depth", "line 1 column 33"),
        ("[]", LockSchemaError, "type", ""),
        ("{}", LockSchemaError, "missing", "info"),
        (changed(lambda value: value.pop("packages")), LockSchemaError, "missing", "packages"),
        (changed(lambda value: value.update(packages=None)), LockSchemaError, "type", "packages"),
        (changed(lambda value: value.update(packages=[])), LockSchemaError, "type", "packages"),
        (changed(lambda value: value.update(info=3)), LockSchemaError, "type", "info"),
        (changed(lambda value: value["info"].update(abi_version="")), LockSchemaError, "missing", "info.abi_version"),
        (changed(lambda value: value["info"].pop("abi_version")), LockSchemaError, "missing", "info.abi_version"),
        (changed(lambda value: value["info"].update(python=3.14)), LockParseError, "non-json-number", None),
        (changed(lambda value: value["packages"].update(six=1)), LockSchemaError, "type", "packages.six"),
        (changed(lambda value: value.update(tool=[])), LockSchemaError, "type", "tool"),
        (changed(lambda value: value.update(tool={"a": 1})), LockSchemaError, "type", "tool.a"),
        (
            changed(lambda value: value.update(tool={"micropip-lock": {"version": 2}}, packages=1)),
            LockVersionError,
            "lock-version",
            "tool.micropip-lock.version",
        ),
        (
            changed(lambda value: value["packages"].update(Six=SIX)),
            LockSchemaError,
            "duplicate-package",
            "packages.Six",
        ),
        (
            changed(lambda value: value.update(packages={"SIX": SIX})),
            LockSchemaError,
            "key-name",
            "packages.SIX.name",
        ),
        (
            changed(lambda value: value.update(packages={"rich": SIX})),
            LockSchemaError,
            "key-name",
            "packages.rich.name",
        ),
        (
            changed(lambda value: value.update(packages={"__proto__": SIX | {"name": "__proto__"}})),
            LockSchemaError,
            "name",
            "packages.__proto__.name",
        ),
        (changed(lambda value: value.update(note="\u202e")), LockSchemaError, "control-char", "note"),
    ],
)
def test_refused_locks(text: str | bytes, kind: type[InputError], code: str, where: str | None) -> None:
    """A bad lock is refused with its class and code, at its place."""
    error = refusal(text)

    assert (kind, code) == (type(error), error.code)
    assert where is None or where == error.where


@pytest.mark.parametrize(
    ("fields", "kind", "code", "key"),
    [
        ({"sha256": ""}, LockPolicyError, "no-hash", "sha256"),
        ({"sha256": None}, LockSchemaError, "type", "sha256"),
        ({"sha256": HEX[1:]}, LockSchemaError, "hash-form", "sha256"),
        ({"sha256": HEX + "00"}, LockSchemaError, "hash-form", "sha256"),
        ({"sha256": "md5:900150983cd24fb0d6963f7d28e17f72"}, LockPolicyError, "weak-hash", "sha256"),
        ({"version": 1}, LockSchemaError, "version", "version"),
        ({"version": "1.1.1w"}, LockSchemaError, "version", "version"),
        ({"name": ""}, LockSchemaError, "name", "name"),
        ({"name": "x" * 215}, LockSchemaError, "name", "name"),
        ({"name": "rich"}, LockSchemaError, "key-name", "name"),
        ({"depends": "numpy"}, LockSchemaError, "type", "depends"),
        ({"depends": ["numpy"]}, LockGraphError, "missing-dependency", "depends"),
        ({"imports": [1]}, LockSchemaError, "type", "imports[0]"),
        ({"imports": ["six\u200b"]}, LockSchemaError, "control-char", "imports[0]"),
        ({"unvendored_tests": 0}, LockSchemaError, "type", "unvendored_tests"),
        ({"install_dir": "/etc"}, LockSchemaError, "enum", "install_dir"),
        ({"package_type": "virus"}, LockSchemaError, "enum", "package_type"),
        ({"tool": {"micropip-lock": {"size": -1}}}, LockSchemaError, "size", "tool.micropip-lock.size"),
        ({"file_name": "javascript:alert(1)"}, LockPolicyError, "scheme", "file_name"),
        ({"file_name": "data:,x"}, LockPolicyError, "scheme", "file_name"),
        ({"file_name": "emfs:/home/six-1.16.0-py3-none-any.whl"}, LockPolicyError, "scheme", "file_name"),
        (
            {"file_name": "https://u:p@files.example/six-1.16.0-py3-none-any.whl"},
            LockPolicyError,
            "credentials",
            "file_name",
        ),
        ({"file_name": "https://files.example/six-1.15.0-py3-none-any.whl"}, LockSchemaError, "filename", "file_name"),
        (
            {"file_name": "https://files.example/numpy-1.16.0-py3-none-any.whl"},
            LockSchemaError,
            "filename",
            "file_name",
        ),
        ({"file_name": "https://files.example/six.whl"}, LockSchemaError, "filename", "file_name"),
        ({"file_name": "https://files.example/"}, LockSchemaError, "filename", "file_name"),
        ({"file_name": "%2e%2e%2fsix-1.16.0-py3-none-any.whl"}, LockSchemaError, "filename", "file_name"),
        ({"file_name": ""}, LockSchemaError, "missing", "file_name"),
        ({"file_name": None}, LockSchemaError, "type", "file_name"),
    ],
)
def test_refused_packages(fields: dict[str, Any], kind: type[InputError], code: str, key: str) -> None:
    """A bad field is refused once, with its class and code, at its place, with its package."""
    error = refusal(with_six(**fields))

    assert (kind, code, f"packages.six.{key}", "six", [code]) == (
        type(error),
        error.code,
        error.where,
        error.package,
        [each.code for each in error.errors],
    )


def test_too_many_packages() -> None:
    """Two thousand packages are read, one more is refused before any of them is."""
    entries = {f"p{at}": SIX | {"name": f"p{at}", "file_name": f"p{at}-1.16.0-py3-none-any.whl"} for at in range(2000)}
    most = parse_pyodide_lock(json.dumps(VALID | {"packages": entries}))
    error = refusal(json.dumps(VALID | {"packages": entries | {"one": 1}}))

    assert (2000, LockPolicyError, "too-large", "packages") == (len(most), type(error), error.code, error.where)


@pytest.mark.parametrize(("key", "place"), [("file_name", "file_name"), ("imports", "imports[0]")])
def test_too_long_strings(key: str, place: str) -> None:
    """A string of 4096 characters is read, one more is refused, at its place."""
    longest = "https://files.example/" + "x" * (4096 - 22 - len("/six-1.16.0-py3-none-any.whl"))

    def text(value: str) -> str:
        return with_six(**{key: [value] if key == "imports" else f"{value}/six-1.16.0-py3-none-any.whl"})

    at_the_limit = longest + "x" * (28 if key == "imports" else 0)
    error = refusal(text(at_the_limit + "x"))

    assert 1 == len(parse_pyodide_lock(text(at_the_limit)))
    assert ("too-large", f"packages.six.{place}", "4097 characters") == (error.code, error.where, error.got)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("name", "missing"),
        ("version", "missing"),
        ("file_name", "missing"),
        ("install_dir", None),
        ("sha256", "no-hash"),
    ],
)
def test_absent_fields(key: str, code: str | None) -> None:
    """What says which file it is must be there; where it goes has a default."""
    text = changed(lambda value: value["packages"]["six"].pop(key))
    try:
        found = parse_pyodide_lock(text).packages[canonicalize_name("six")].install_dir
    except InputError as error:
        found = error.code  # type: ignore[assignment]  # one name for both outcomes keeps the claim in one line

    assert (code or "site") == found


def test_all_faults_at_once() -> None:
    """Every fault of a lock is told at once, the gravest kind first."""
    numpy = SIX | {"name": "numpy", "version": 1, "sha256": "", "depends": ["rich"]}
    error = refusal(changed(lambda value: (value["packages"].update(numpy=numpy), value["info"].pop("arch"))))

    assert (
        LockSchemaError,
        [
            ("missing", "info.arch"),
            ("version", "packages.numpy.version"),
            ("filename", "packages.numpy.file_name"),
            ("no-hash", "packages.numpy.sha256"),
            ("missing-dependency", "packages.numpy.depends"),
        ],
    ) == (type(error), [(each.code, each.where) for each in error.errors])
