"""Mock packages: what is read of them, what is refused, what a replay does about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.mocks import (
    IN_MEMORY_INSTALLER,
    MockInstall,
    PresentMock,
    is_module_name,
    mock_files,
    module_paths,
    persistent_modules,
    plan_mocks,
    present_mock,
    read_mock,
)
from micropip_lock.core.model import Lock, Mock, mocks_by_name
from micropip_lock.errors import ConflictError, RecordError
from micropip_lock.testing import MemorySite
from tests.locks import full_lock
from tests.strategies import mocks

THING = Mock(
    name=canonicalize_name("a-thing"),
    display_name="A_Thing",
    version="1.5",
    persistent=True,
    modules={"a_thing": "X = 1\n", "a_thing.inner": ""},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InMemory:
    """A mock in memory, as an adapter shows it."""

    name: str = "thing"
    version: str = "1.0"
    modules: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        return f"{self.name}-{self.version}.dist-info"

    def read_text(self, filename: str) -> str | None:
        metadata = f"Metadata-Version: 1.1\nName: {self.name}\nVersion: {self.version}\n"
        return {"METADATA": metadata, "INSTALLER": IN_MEMORY_INSTALLER}.get(filename)

    def mock_modules(self) -> Mapping[str, str | None]:
        return self.modules


def lock(**facts: Any) -> Lock:
    return replace(full_lock(), **facts)


def test_what_is_in_memory() -> None:
    """A mock in memory is read with its sources as micropip runs them, without their common indentation."""
    dist = InMemory(name="My.Thing", modules={"b": "\n    x = 1\n    y = 2\n", "a.b": ""})

    assert Mock(
        name=canonicalize_name("my-thing"),
        display_name="My.Thing",
        version="1.0",
        persistent=False,
        modules={"a.b": "", "b": "\nx = 1\ny = 2\n"},
    ) == read_mock(dist)


@given(mocks("A_Thing"))
def test_files_there_and_back(mock: Mock) -> None:
    """What is written for a mock in files is read as the same mock."""
    site = MemorySite(mock_files(mock))
    (dist,) = site.distributions()

    assert replace(mock, persistent=True) == read_mock(dist)


def test_a_record_of_absolute_paths() -> None:
    """RECORD has micropip's form: each file and its size, under the site's absolute path, itself without."""
    record = mock_files(THING, root="/lib/site-packages/")["A_Thing-1.5.dist-info/RECORD"].splitlines()

    assert [
        "/lib/site-packages/A_Thing-1.5.dist-info/INSTALLER,,21",
        "/lib/site-packages/a_thing/__init__.py,,6",
        "/lib/site-packages/a_thing/inner/__init__.py,,0",
        "/lib/site-packages/A_Thing-1.5.dist-info/RECORD,,",
    ] == record[1:]


@pytest.mark.parametrize(
    ("dist", "code", "where"),
    [
        (InMemory(modules={"made": None}), "mock-callable", "made"),
        (InMemory(modules={"../up": ""}), "mock-module-name", "../up"),
        (InMemory(modules={"/etc/passwd": ""}), "mock-module-name", "/etc/passwd"),
        (InMemory(modules={"a..b": ""}), "mock-module-name", "a..b"),
        (InMemory(modules={"": ""}), "mock-module-name", ""),
        (InMemory(modules={"a": "x = '\u202e'"}), "mock-source", "a"),
        (InMemory(version="not a version"), "identity", None),
        (InMemory(name="no/name"), "identity", None),
    ],
)
def test_what_cannot_be_locked(dist: InMemory, code: str, where: str | None) -> None:
    """Functions, names that could be paths, hidden characters and odd identities are refused, each by its code."""
    with pytest.raises(RecordError) as caught:
        read_mock(dist)

    assert (code, where, True) == (caught.value.code, caught.value.where, bool(caught.value.hint))


def test_a_module_that_is_gone() -> None:
    """A mock in files one of whose modules is not there is refused."""
    site = MemorySite(mock_files(THING))
    site.remove("a_thing/inner")
    (dist,) = site.distributions()
    with pytest.raises(RecordError) as caught:
        read_mock(dist)

    assert ("mock-source", "a_thing/inner/__init__.py") == (caught.value.code, caught.value.where)


def test_a_distribution_is_no_mock() -> None:
    """What another installer installed has no mock modules."""
    assert (None, None) == (
        persistent_modules(lambda filename: "pip\n", lambda path: b""),
        persistent_modules(lambda filename: None, lambda path: b""),
    )


@given(st.text(st.sampled_from("aé_1-./\\\0 "), max_size=6))
def test_a_module_name_is_no_way_out(name: str) -> None:
    """A name that is accepted has its file inside site-packages."""
    inside = all(not path.startswith("/") and "//" not in path and ".." not in path for path in module_paths([name]))

    assert (True, is_module_name(name)) == (inside, bool(module_paths([name])))


def test_a_mock_that_cannot_be_locked_is_present() -> None:
    """A mock made by a function is in place all the same, with the names of its modules."""
    assert PresentMock(
        name=canonicalize_name("thing"),
        version="1.0",
        directory="thing-1.0.dist-info",
        persistent=False,
        mock=None,
        modules=("made",),
    ) == present_mock(InMemory(modules={"made": None}))


def test_plan() -> None:
    """What is there and the same stays; what is there and differs is replaced; the rest is added."""
    other, third = (
        replace(THING, name=canonicalize_name(name), display_name=name, persistent=False, modules={})
        for name in ("other", "third")
    )
    (in_files,) = MemorySite(mock_files(THING)).distributions()
    present = [one for one in (present_mock(in_files), present_mock(InMemory(name="other"))) if one is not None]
    changes, removed = plan_mocks(lock(mocks=mocks_by_name([THING, other, third])), present, [])

    assert ((MockInstall(mock=other, replaces=(present[1],)), MockInstall(mock=third)), ()) == (changes, removed)


@pytest.mark.parametrize(
    ("present", "installed", "code"),
    [(["rich"], [], "mock-in-place"), ([], ["a-thing"], "real-in-place")],
)
def test_conflicts(present: list[str], installed: list[str], code: str) -> None:
    """One name is a package or a mock package, never both; which is which is for a person to decide."""
    there = [one for name in present if (one := present_mock(InMemory(name=name))) is not None]
    with pytest.raises(ConflictError) as caught:
        plan_mocks(lock(mocks=mocks_by_name([THING])), there, installed)

    assert (code, True) == (caught.value.code, bool(caught.value.hint))
