"""Two locks against each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from packaging.utils import canonicalize_name

from micropip_lock.core.compare import LockDiff, diff
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Mock, Origin, Wheel, by_name, mocks_by_name
from micropip_lock.errors import Unlockable
from tests.strategies import locks

INDEX = "https://index.example/simple"


def package(name: str = "six", version: str = "1.16.0", **facts: Any) -> LockedPackage:
    url = f"https://files.example/{name}-{version}-py3-none-any.whl"
    locked = LockedPackage(
        name=canonicalize_name(name),
        display_name=name,
        version=version,
        wheel=Wheel(url=url, digest=Digest.of(url.encode())),
        origin=Origin(kind="index", url=url, index=INDEX),
    )
    return replace(locked, **facts)


def lock(*packages: LockedPackage, **facts: Any) -> Lock:
    return replace(Lock(abi=Abi(abi_version="2026_0", python="3.14.2"), packages=by_name(packages)), **facts)


def changes(found: LockDiff) -> list[tuple[str, Any, Any]]:
    return [(change.field, change.before, change.after) for each in found.changed for change in each.changes]


OTHER_BUILD = replace(package(), wheel=replace(package().wheel, digest=Digest.of(b"other")))
OTHER_INDEX = replace(package(), origin=Origin(kind="index", url=package().wheel.url, index="https://other.example"))


@given(locks())
def test_same_lock_has_no_difference(one: Lock) -> None:
    """A lock does not differ from what its own text gives."""
    found = diff(one, Lock.from_json(one.to_json()))

    assert (True, False, ["no differences"], "<LockDiff no differences>") == (
        found.ok,
        bool(found),
        found.lines(),
        repr(found),
    )


@given(locks(max_packages=2), locks(max_packages=2))
@example(lock(package()), lock(package(unknown={"tool": {}}, origin=None)))
@example(lock(tool_unknown={"micropip-lock": {}}), lock())
@example(lock(tool_unknown={"a": {}}), lock(tool_unknown={"a": {"b": 1}}))
@example(lock(unknown={"version": "1"}), lock(unknown={"arch": "1"}))
def test_no_difference_exactly_when_same_identity(a: Lock, b: Lock) -> None:
    """Two locks differ exactly when their identities do, whatever it is that differs."""
    assert (a.id == b.id) == diff(a, b).ok


@given(locks(max_packages=3), locks(max_packages=3))
def test_diff_backwards(a: Lock, b: Lock) -> None:
    """The diff the other way round adds what this one removes, and changes the same fields."""
    there, back = diff(a, b), diff(b, a)

    assert (there.added, there.removed, changes(there)) == (
        back.removed,
        back.added,
        [(field, after, before) for field, before, after in changes(back)],
    )


@given(locks(), locks())
def test_forms_of_any_diff(a: Lock, b: Lock) -> None:
    """Every diff has a JSON form that json can write, text, a repr and HTML."""
    found = diff(a, b)

    assert (found.to_json(), True, True) == (
        json.loads(json.dumps(found.to_json())),
        repr(found).startswith("<LockDiff "),
        found._repr_html_().endswith("</table>"),
    )


def test_added_and_removed() -> None:
    """Packages of one lock only are added or removed, with their source in the text."""
    found = diff(lock(package("six"), package("idna", "3.6")), lock(package("six"), package("rich", "13.9.4")))

    assert (
        ["+ rich 13.9.4  from " + INDEX, "- idna 3.6  from " + INDEX],
        "<LockDiff 1 added, 1 removed, 0 changed>",
    ) == (
        found.lines(),
        repr(found),
    )


def test_new_version() -> None:
    """A new version is told in one line; the address and digest that follow from it are in the JSON form only."""
    found = diff(lock(package(version="1.16.0")), lock(package(version="1.17.0")))

    assert (["~ six 1.16.0 -> 1.17.0"], ["version", "sha256", "url"]) == (
        found.lines(),
        [change["field"] for change in found.to_json()["changed"][0]["changes"]],
    )


def test_same_version_other_build() -> None:
    """The same version with other bytes is called another build, with both digests."""
    found = diff(lock(package()), lock(OTHER_BUILD))
    before, after = package().wheel.digest.hex, Digest.of(b"other").hex

    assert (
        ["~ six 1.16.0: same version, other build", f"    sha256: {before[:12]} -> {after[:12]}"],
        True,
        [("sha256", before, after)],
    ) == (found.lines(), found.changed[0].other_build, changes(found))


@pytest.mark.parametrize(
    ("after", "field", "values", "line"),
    [
        (OTHER_INDEX, "index", (INDEX, "https://other.example"), f"index: {INDEX} -> https://other.example"),
        (package(requested=True), "requested", (None, True), "requested: none -> true"),
        (package(requirement="six>1"), "requirement", (None, "six>1"), "requirement: none -> six>1"),
        (package(extras=("a", "b")), "extras", (None, ["a", "b"]), "extras: none -> a, b"),
        (package(imports=("six",)), "imports", ([], ["six"]), "imports: none -> six"),
        (package(install_dir="dynlib"), "install_dir", ("site", "dynlib"), "install_dir: site -> dynlib"),
        (package(unknown={"url": 1}), "entry.url", (None, 1), "entry.url: none -> 1"),
        (package(tool_unknown={"a b": {}}), 'tool."a b"', (None, {}), 'tool."a b": none -> {}'),
        (
            package(tool_unknown={"micropip-lock": {"later": [2]}}),
            "tool.micropip-lock.later",
            (None, [2]),
            "tool.micropip-lock.later: none -> [2]",
        ),
    ],
)
def test_changed_fields(after: LockedPackage, field: str, values: tuple[Any, Any], line: str) -> None:
    """A field that differs is named with both sides, in JSON and in text."""
    found = diff(lock(package()), lock(after))

    assert ([(field, *values)], ["~ six 1.16.0", f"    {line}"]) == (changes(found), found.lines())


def test_other_file_for_the_same_bytes() -> None:
    """A bundle that names a local file keeps the origin's address: both changes are told."""
    url = package().wheel.url
    bundled = replace(package(), wheel=replace(package().wheel, url="wheels/six.whl"))

    assert [("url", url, "wheels/six.whl"), ("origin", None, url)] == changes(diff(lock(package()), lock(bundled)))


def test_other_abi() -> None:
    """Another ABI is told first and marked: the wheels of one lock do not fit the other."""
    found = diff(lock(package()), lock(abi=Abi(abi_version="2025_0", python="3.14.2")))

    assert (True, "! abi_version: 2026_0 -> 2025_0", "<LockDiff 0 added, 1 removed, 0 changed, other ABI>") == (
        found.abi_changed,
        found.lines()[0],
        repr(found),
    )


def test_other_python_is_no_other_abi() -> None:
    """The version of Python is informational: it is told and is no other ABI."""
    found = diff(lock(), lock(abi=Abi(abi_version="2026_0", python="3.14.3")))

    assert (False, ["! python: 3.14.2 -> 3.14.3"]) == (found.abi_changed, found.lines())


def test_unlocked_items_are_compared() -> None:
    """What could not be locked is part of what a lock says."""
    item = Unlockable(name="six", version="1", code="no-record", reason="no record")
    found = diff(lock(), lock(unlocked=(item,)))

    assert [("lock-version", None, 1), ("unlocked", None, [item.to_json()])] == [
        (change.field, change.before, change.after) for change in found.top
    ]


def test_json_form() -> None:
    """The JSON form names both locks, and each added package by name, version, digest, address and source."""
    before, after = lock(), lock(package())
    six = package()

    assert {
        "same": False,
        "before": before.id,
        "after": after.id,
        "abi_changed": False,
        "top": [{"field": "lock-version", "before": None, "after": 1}],
        "added": [
            {
                "name": "six",
                "version": "1.16.0",
                "sha256": six.wheel.digest.hex,
                "url": six.wheel.url,
                "source": INDEX,
            }
        ],
        "removed": [],
        "changed": [],
        "mocks": [],
        "clashes": [],
    } == diff(before, after).to_json()


def test_html_escapes() -> None:
    """The HTML table escapes every cell and names another build."""
    html = diff(lock(package()), lock(replace(OTHER_BUILD, requirement="<script>")))._repr_html_()

    assert (False, True, True) == (
        "<script>" in html,
        "&lt;script&gt;" in html,
        "same version, other build" in html,
    )


def mock(version: str = "1.0", **facts: Any) -> Mock:
    base = Mock(name=canonicalize_name("stand-in"), display_name="stand-in", version=version, modules={"m": "a = 1"})
    return replace(base, **facts)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, mock(), ["+ stand-in 1.0 (mock)"]),
        (mock(), None, ["- stand-in 1.0 (mock)"]),
        (mock(), mock("2.0"), ["~ stand-in 1.0 -> 2.0 (mock)"]),
        (mock(), mock(persistent=True), ["~ stand-in 1.0 (mock)", "    kept: mock, in memory -> mock, in files"]),
        (
            mock(),
            mock(modules={"m": "a = 2"}),
            ["~ stand-in 1.0 (mock)", "    module m: 'a = 1' -> 'a = 2'"],
        ),
    ],
    ids=["added", "removed", "version", "place", "source"],
)
def test_mocks_differ(before: Mock | None, after: Mock | None, lines: list[str]) -> None:
    """A mock package that was added, removed or changed is told as such, with what changed in it."""
    found = diff(
        *(lock(package(), mocks=mocks_by_name([one] if one is not None else [])) for one in (before, after)),
    )

    assert (lines, False) == (found.lines(), found.ok)


def test_mocks_in_json_and_html() -> None:
    """The JSON form has both sides of a mock package, and the HTML form names it."""
    found = diff(lock(), lock(mocks=mocks_by_name([mock()])))

    assert (
        [
            {
                "name": "stand-in",
                "before": None,
                "after": {"version": "1.0", "persistent": False, "modules": {"m": "a = 1"}},
            }
        ],
        True,
        "<LockDiff 0 added, 0 removed, 0 changed, 1 mocks differ>",
    ) == (found.to_json()["mocks"], "<td>stand-in</td>" in found._repr_html_(), repr(found))


def test_new_import_clashes() -> None:
    """An import name that several packages of the second lock have, and none of the first, is a note of the diff."""
    first = lock(package("a", "1", imports=("x",)), package("b", "1", imports=("y",)))
    second = lock(package("a", "1", imports=("x",)), package("b", "1", imports=("x",)))
    found = diff(first, second)
    message = "several packages of the lock have the import name x: the order decides what is imported"

    assert (f"note: a: import-clash: {message}: got a, b", ["import-clash"], True, (), ()) == (
        found.lines()[-1],
        [clash["code"] for clash in found.to_json()["clashes"]],
        message in found._repr_html_(),
        diff(second, first).clashes,
        diff(second, second).clashes,
    )
