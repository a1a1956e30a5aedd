"""pylock.toml that is refused: each with its class and code, at its place, and all faults at once."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from micropip_lock.core.abis import ABIS
from micropip_lock.core.formats.pylock import parse_pylock
from micropip_lock.errors import (
    EnvironmentMismatchError,
    LockGraphError,
    LockParseError,
    LockPolicyError,
    LockSchemaError,
    LockVersionError,
    MicropipLockError,
)
from tests.pylocks import HEX, SIX, VALID, WHEEL, toml, with_six, with_top, with_wheel

FILE = "packages[0].wheels[0]"
SERVER = "https://files.example"
FAR = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))


def refusal(text: str | bytes, **options: Any) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        parse_pylock(text, **options)
    return caught.value


@pytest.mark.parametrize(
    ("text", "kind", "code", "where"),
    [
        ("", LockParseError, "empty", None),
        ("a = 1\nb", LockParseError, "not-toml", "line 2 column 2"),
        (with_top(lock_version=None), LockSchemaError, "missing", "lock-version"),
        (with_top(lock_version=1), LockSchemaError, "type", "lock-version"),
        (with_top(lock_version=""), LockSchemaError, "missing", "lock-version"),
        (with_top(lock_version="one"), LockSchemaError, "version", "lock-version"),
        (with_top(lock_version="2.0"), LockVersionError, "lock-version", "lock-version"),
        (with_top(lock_version="0.9"), LockVersionError, "lock-version", "lock-version"),
        (with_top(created_by=None), LockSchemaError, "missing", "created-by"),
        (with_top(created_by=""), LockSchemaError, "missing", "created-by"),
        (with_top(extras=1), LockSchemaError, "type", "extras"),
        (with_top(dependency_groups=["a", 1]), LockSchemaError, "type", "dependency-groups[1]"),
        (with_top(packages=None), LockSchemaError, "missing", "packages"),
        (with_top(packages={}), LockSchemaError, "type", "packages"),
        (with_top(packages=[1]), LockSchemaError, "type", "packages[0]"),
        (with_top(packages=[{}] * 2001), LockPolicyError, "too-large", "packages"),
        (with_top(environments=["x =="]), LockSchemaError, "marker", "environments[0]"),
        (with_top(environments=["sys_platform == 'win32'"]), EnvironmentMismatchError, "environments", "environments"),
        (with_top(requires_python="three"), LockSchemaError, "specifier", "requires-python"),
        (with_top(requires_python=">=3.15"), EnvironmentMismatchError, "requires-python", "requires-python"),
        (with_top(tool=1), LockSchemaError, "type", "tool"),
        (with_six(name="Six"), LockSchemaError, "name", "packages[0].name"),
        (with_six(name="../six"), LockSchemaError, "name", "packages[0].name"),
        (with_six(name=None), LockSchemaError, "missing", "packages[0].name"),
        (with_six(version="one"), LockSchemaError, "version", "packages[0].version"),
        (with_six(version="1.15.0"), LockSchemaError, "filename", FILE),
        (with_six(index="javascript:x"), LockPolicyError, "scheme", "packages[0].index"),
        (with_six(marker="(" * 4000), LockSchemaError, "marker", "packages[0].marker"),
        (with_six(marker="extra == "), LockSchemaError, "marker", "packages[0].marker"),
        (with_six(marker="extra == 'x'"), LockSchemaError, "marker", "packages[0].marker"),
        (with_six(requires_python="!"), LockSchemaError, "specifier", "packages[0].requires-python"),
        (with_six(requires_python=">=4"), EnvironmentMismatchError, "requires-python", "packages[0].requires-python"),
        (with_six(dependencies=[{"name": "-"}]), LockSchemaError, "name", "packages[0].dependencies[0].name"),
        (with_six(wheels=None), LockSchemaError, "missing", "packages[0]"),
        (with_six(wheels=[]), LockPolicyError, "not-wheel", "packages[0]"),
        (with_six(wheels=None, sdist={"name": "six.tar.gz"}), LockPolicyError, "not-wheel", "packages[0]"),
        (with_six(wheels=None, vcs={"type": "git"}), LockPolicyError, "not-wheel", "packages[0]"),
        (with_six(wheels=None, directory={"path": "."}), LockPolicyError, "not-wheel", "packages[0]"),
        (with_six(wheels=None, archive={"url": "x.tar.gz"}), LockPolicyError, "not-wheel", "packages[0]"),
        (with_six(wheels=None, archive=1), LockSchemaError, "type", "packages[0].archive"),
        (with_six(directory={"path": "."}), LockSchemaError, "origin", "packages[0]"),
        (with_six(name="s.ix"), LockSchemaError, "name", "packages[0].name"),
        (with_six(wheels=None, vcs={}, archive={"url": "x.zip"}), LockSchemaError, "origin", "packages[0]"),
        (with_top(packages=[SIX, SIX]), LockGraphError, "ambiguous", "packages[1]"),
    ],
)
def test_refused_locks(text: str, kind: type[MicropipLockError], code: str, where: str | None) -> None:
    """A bad lock is refused with its class and code, at its place."""
    error = refusal(text, abi=ABIS["2026_0"])

    assert (kind, code, where) == (type(error), error.code, error.where)


@pytest.mark.parametrize(
    ("fields", "kind", "code", "where"),
    [
        ({"url": None}, LockSchemaError, "missing", FILE),
        ({"name": "six-1.16.0-py3-none-any.whl"}, LockSchemaError, "filename", f"{FILE}.url"),
        ({"path": "six-1.15.0-py3-none-any.whl"}, LockSchemaError, "filename", f"{FILE}.path"),
        ({"name": None, "url": f"{SERVER}/rich-1.16.0-py3-none-any.whl"}, LockSchemaError, "filename", FILE),
        ({"name": None, "url": f"{SERVER}/six-1-py3-none-any.whl"}, LockSchemaError, "filename", FILE),
        ({"name": None, "url": f"{SERVER}/six.whl"}, LockSchemaError, "filename", FILE),
        ({"name": None, "url": f"{SERVER}/six-1.16.0.tar.gz"}, LockSchemaError, "filename", FILE),
        ({"url": "javascript:alert(1)"}, LockPolicyError, "scheme", f"{FILE}.url"),
        ({"url": "six-1.16.0-py2.py3-none-any.whl"}, LockSchemaError, "url", f"{FILE}.url"),
        ({"url": "https://u:p@files.example/x.whl"}, LockPolicyError, "credentials", f"{FILE}.url"),
        ({"url": "file:///etc/six-1.16.0-py2.py3-none-any.whl"}, LockPolicyError, "local-path", f"{FILE}.url"),
        ({"path": "/etc/six-1.16.0-py2.py3-none-any.whl"}, LockPolicyError, "local-path", f"{FILE}.path"),
        ({"path": "a/../../six-1.16.0-py2.py3-none-any.whl"}, LockPolicyError, "local-path", f"{FILE}.path"),
        ({"path": "..\\six-1.16.0-py2.py3-none-any.whl"}, LockSchemaError, "filename", f"{FILE}.path"),
        ({"path": "%2e%2e/six-1.16.0-py2.py3-none-any.whl"}, LockSchemaError, "filename", f"{FILE}.path"),
        ({"path": "six-1.17.0-py3-none-any.whl"}, LockSchemaError, "filename", f"{FILE}.path"),
        ({"hashes": {"sha256": HEX, "sha512": ""}}, LockSchemaError, "missing", f"{FILE}.hashes.sha512"),
        ({"hashes": {"sha256": HEX, "sha3": 1}}, LockSchemaError, "type", f"{FILE}.hashes.sha3"),
        ({"size": -1}, LockSchemaError, "size", f"{FILE}.size"),
        ({"size": 2**53}, LockSchemaError, "size", f"{FILE}.size"),
        ({"size": True}, LockSchemaError, "type", f"{FILE}.size"),
        ({"size": 1.5}, LockSchemaError, "type", f"{FILE}.size"),
        ({"upload_time": "2026"}, LockSchemaError, "type", f"{FILE}.upload-time"),
        ({"upload_time": date(2026, 1, 1)}, LockSchemaError, "type", f"{FILE}.upload-time"),
        ({"upload_time": FAR}, LockSchemaError, "type", f"{FILE}.upload-time"),
        ({"hashes": None}, LockSchemaError, "missing", f"{FILE}.hashes"),
        ({"hashes": {}}, LockPolicyError, "no-hash", f"{FILE}.hashes.sha256"),
        ({"hashes": {"sha512": "00"}}, LockPolicyError, "no-hash", f"{FILE}.hashes.sha256"),
        ({"hashes": {"md5": "00", "SHA1": "00"}}, LockPolicyError, "weak-hash", f"{FILE}.hashes"),
        ({"hashes": {"sha256": HEX[1:]}}, LockSchemaError, "hash-form", f"{FILE}.hashes.sha256"),
        ({"hashes": {"sha256": HEX, "md5": 1}}, LockSchemaError, "type", f"{FILE}.hashes.md5"),
    ],
)
def test_refused_files(fields: dict[str, Any], kind: type[MicropipLockError], code: str, where: str) -> None:
    """A bad field of a file is refused once, with its class and code, at its place, with its package."""
    error = refusal(with_wheel(**fields), base="https://files.example/locks/pylock.toml")

    assert (kind, code, where, "six", [code]) == (
        type(error),
        error.code,
        error.where,
        error.package,
        [each.code for each in error.errors],
    )


def test_no_wheel_for_this_runtime() -> None:
    """Where no wheel fits, the tags that there are are told, those for another Pyodide first."""
    tags = ["cp313-cp313-win_amd64", *(f"cp3{minor}-cp3{minor}-manylinux_2_28_x86_64" for minor in range(10, 20))]
    files = [
        {"url": f"https://files.example/six-1.16.0-{tag}.whl", "hashes": {"sha256": HEX}}
        for tag in [*tags, "cp313-cp313-pyemscripten_2025_0_wasm32"]
    ]
    error = refusal(with_six(wheels=files), abi=ABIS["2026_0"])

    assert (EnvironmentMismatchError, "tag-mismatch", "packages[0].wheels") == (type(error), error.code, error.where)
    assert str(error.got).startswith("cp313-cp313-pyemscripten_2025_0_wasm32, cp310-cp310-manylinux_2_28_x86_64, ")
    assert str(error.got).endswith(" and 4 more")


@pytest.mark.parametrize(("count", "end"), [(7, "win_amd64"), (8, "win_amd64"), (9, "win_amd64 and 1 more")])
def test_tags_that_do_not_fit_are_counted(count: int, end: str) -> None:
    """Eight tags are told, and how many more there are, if any."""
    files = [
        {"url": f"https://files.example/six-1.16.0-cp3{at}-cp3{at}-win_amd64.whl", "hashes": {"sha256": HEX}}
        for at in range(10, 10 + count)
    ]
    error = refusal(with_six(wheels=files), abi=ABIS["2026_0"])
    assert (min(count, 8) - 1, end) == (str(error.got).count(", "), str(error.got).rpartition("-")[2])


def test_environments_are_told_briefly() -> None:
    """Of the environments of a lock that is for others, the first two hundred characters are told."""
    markers = [f"python_full_version == '3.{at}.0'" for at in range(20)]
    error = refusal(with_top(environments=markers), abi=ABIS["2026_0"])
    told = " or ".join(f'python_full_version == "3.{at}.0"' for at in range(20))[:200]
    assert ("environments", told) == (error.code, error.expected)


@pytest.mark.parametrize(("version", "told"), [("1.15.0", "a wheel of six 1.15.0"), (None, "a wheel of six")], ids=str)
def test_which_wheel_is_missing(version: str | None, told: str) -> None:
    """A wheel of another package is refused with the package that it should be of, and its version if there is one."""
    other = WHEEL | {"name": None, "url": f"{SERVER}/rich-1.16.0-py3-none-any.whl"}
    error = refusal(with_six(version=version, wheels=[{key: value for key, value in other.items() if value}]))
    assert ("filename", told) == (error.code, error.expected)


@pytest.mark.parametrize(
    ("sources", "got"),
    [
        ({"sdist": {"name": "six.tar.gz"}}, "sdist"),
        ({"archive": {"url": "https://files.example/six.tar.gz"}}, "archive"),
        ({"vcs": {"type": "git"}}, "vcs"),
    ],
)
def test_what_is_there_instead_of_a_wheel(sources: dict[str, Any], got: str) -> None:
    """A package without a wheel is refused with the sources that it has."""
    assert got in str(refusal(with_six(wheels=None, **sources), abi=ABIS["2026_0"]).got).split(", ")


def test_all_faults_of_the_file() -> None:
    """Every fault of a file is told at once, whatever environment it is for, the gravest kind first."""
    bad = WHEEL | {"size": -1, "hashes": {"md5": "00"}}
    windows = SIX | {"name": "Rich", "marker": "sys_platform == 'win32'", "wheels": [bad]}
    error = refusal(toml(VALID | {"created-by": 1, "packages": [SIX | {"requires-python": ">=4"}, windows]}))

    assert [
        ("type", "created-by"),
        ("name", "packages[1].name"),
        ("size", "packages[1].wheels[0].size"),
        ("filename", "packages[1].wheels[0]"),
        ("weak-hash", "packages[1].wheels[0].hashes"),
    ] == [(each.code, each.where) for each in error.errors]


def test_all_that_does_not_fit() -> None:
    """Everything that does not fit here is told at once."""
    packages = [SIX, SIX, {"name": "rich", "directory": {"path": "."}}, SIX | {"name": "x", "requires-python": ">=4"}]
    packages[3]["wheels"] = [{"url": "https://files.example/x-1.16.0-cp39-cp39-win32.whl", "hashes": {"sha256": HEX}}]
    error = refusal(
        toml(VALID | {"requires-python": ">=3.15", "environments": ["os_name == 'nt'"], "packages": packages})
    )

    assert [
        ("not-wheel", "packages[2]"),
        ("ambiguous", "packages[1]"),
        ("requires-python", "requires-python"),
        ("environments", "environments"),
        ("requires-python", "packages[3].requires-python"),
        ("tag-mismatch", "packages[3].wheels"),
    ] == [(each.code, each.where) for each in error.errors]


def test_a_local_file_in_a_lock_without_an_address() -> None:
    """A lock that was pasted names no file of this machine either."""
    assert "local-path" == refusal(with_wheel(url="file:///srv/six-1.16.0-py2.py3-none-any.whl")).code
