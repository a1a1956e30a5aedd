"""Distributions that take each other's place cannot be in one lock; those that only look so can."""

from __future__ import annotations

import pytest

from micropip_lock.app.freeze import freeze
from micropip_lock.errors import Unlockable, UnlockableError
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import RUNTIME, records_of


def site_of(*wheels: BuiltWheel) -> MemorySite:
    site = MemorySite()
    for built in wheels:
        site.install(built, records_of(built))
    return site


def items(*wheels: BuiltWheel) -> list[Unlockable]:
    """What a strict freeze refuses."""
    try:
        freeze(site_of(*wheels), RUNTIME)
    except UnlockableError as error:
        return list(error.items)
    return []


def declaring(name: str, *fields: str) -> BuiltWheel:
    return wheel(name, metadata_version="2.5", metadata_extra=fields)


@pytest.mark.parametrize(
    "field", ["Import-Name: shared", "Import-Name: shared; private", "Import-Namespace: shared", "IMPORT-NAME:  shared"]
)
def test_one_name_declared_twice(field: str) -> None:
    """A name that one declares as its own and another declares too is an item for both, each naming the other."""
    found = items(declaring("first", "Import-Name: shared"), declaring("second", field))

    assert [
        ("first", "import-clash", "it declares the import name shared, and so does second"),
        ("second", "import-clash", "it declares the import name shared, and so does first"),
    ] == [(item.name, item.code, item.reason) for item in found]


def test_one_name_in_both_fields() -> None:
    """A name that one distribution declares as its own and as shared is ambiguous (PEP 794)."""
    found = items(declaring("first", "Import-Name: shared", "Import-Namespace: shared"))

    assert [("import-clash", "it declares the import name shared, as its own and as shared")] == [
        (item.code, item.reason) for item in found
    ]


def test_one_file_with_two_contents() -> None:
    """A file that two list with different bytes is an item for both, beside the change that one of them sees."""
    found = items(wheel("first", files={"shared.py": "1"}), wheel("second", files={"shared.py": "2"}))

    assert [("first", "dirty-changed"), ("first", "file-clash"), ("second", "file-clash")] == [
        (item.name, item.code) for item in found
    ]
    assert "it installs shared.py with other bytes, and so does first" == found[-1].reason


@pytest.mark.parametrize(
    "wheels",
    [
        [wheel(name, files={"tests/__init__.py": "", f"tests/{name}.py": ""}) for name in ("first", "second")],
        [declaring("first", "Import-Name: shared"), wheel("second", files={"shared.py": ""})],
        [declaring(name, "Import-Namespace: ns", f"Import-Name: ns.{name}") for name in ("first", "second")],
        [declaring(name, "Import-Name: ") for name in ("first", "second")],
    ],
    ids=["same bytes", "one declares", "namespace", "nothing to import"],
)
def test_what_is_no_clash(wheels: list[BuiltWheel]) -> None:
    """Files with the same bytes, a name that only one declares, shared namespaces and no name at all can be locked."""
    assert [] == items(*wheels)


def test_not_strict() -> None:
    """Without strictness both are listed as unlocked, and the rest is locked."""
    wheels = [*(declaring(name, "Import-Name: shared") for name in ("first", "second")), wheel("third")]
    lock = freeze(site_of(*wheels), RUNTIME, strict=False)

    assert (["third"], ["first", "second"]) == (list(lock.packages), [item.name for item in lock.unlocked])


def test_only_what_a_lock_would_hold() -> None:
    """With roots, a clash among what the lock does not hold is no matter."""
    wheels = [*(declaring(name, "Import-Name: shared") for name in ("first", "second")), wheel("third")]

    assert ["third"] == list(freeze(site_of(*wheels), RUNTIME, roots=["third"]).packages)
