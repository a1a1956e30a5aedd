"""Mock packages in memory, with a stand-in for micropip's module; the real one is in the tests of real Pyodide."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.memory_mocks import change_memory_mocks, memory_mocks
from micropip_lock.core.mocks import IN_MEMORY_INSTALLER, read_mock
from micropip_lock.core.model import Mock
from micropip_lock.errors import RuntimeMissingError

THING = Mock(name=canonicalize_name("thing"), display_name="Thing", version="1.0", modules={"thing": "X = 1"})


class Distributions(ModuleType):
    """As much of ``micropip._mock_package`` as there is to use."""

    def __init__(self) -> None:
        super().__init__("micropip._mock_package")
        self._mock_distributions: dict[str, Any] = {}
        self.refused = ""

    def _add_in_memory_distribution(self, name: str, file_dict: dict[str, str], modules: dict[str, Any]) -> None:
        version = file_dict["METADATA"].rpartition("Version: ")[2].strip()
        self._mock_distributions[name] = SimpleNamespace(
            file_dict=file_dict, modules=modules, version=version, read_text=file_dict.get
        )

    def add_mock_package(self, name: str, version: str, *, modules: dict[str, Any], persistent: bool) -> None:
        assert not persistent
        if name == self.refused:
            raise ValueError(name)
        files = {"METADATA": f"Name: {name}\nVersion: {version}\n", "INSTALLER": IN_MEMORY_INSTALLER}
        self._add_in_memory_distribution(name, files, modules)

    def remove_mock_package(self, name: str) -> None:
        del self._mock_distributions[name]


@pytest.fixture
def micropip(monkeypatch: pytest.MonkeyPatch) -> Distributions:
    """The stand-in, where micropip would be."""
    module = Distributions()
    monkeypatch.setitem(sys.modules, "micropip", ModuleType("micropip"))
    monkeypatch.setitem(sys.modules, "micropip._mock_package", module)
    return module


def state(module: Distributions) -> dict[str, tuple[str, dict[str, Any]]]:
    return {name: (one.version, dict(one.modules)) for name, one in module._mock_distributions.items()}


def test_none_without_micropip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where micropip has not been used there are no mock packages, and reading does not load it."""
    monkeypatch.delitem(sys.modules, "micropip._mock_package", raising=False)

    assert ([], False) == (memory_mocks(), "micropip" in sys.modules)


def test_read(micropip: Distributions) -> None:
    """Text is a module's source, a function is none, and what is neither makes an empty module."""
    modules: dict[str, object] = {"text": "A = 1", "made": lambda module: None, "empty": None}
    micropip.add_mock_package("odd-one", "2.0", modules=modules, persistent=False)
    (dist,) = memory_mocks()

    assert ("odd-one-2.0.dist-info", {"text": "A = 1", "made": None, "empty": ""}, None) == (
        dist.directory,
        dist.mock_modules(),
        dist.read_file("text/__init__.py"),
    )


def test_added_and_read_again(micropip: Distributions) -> None:
    """What is put into memory is read back as the same mock package."""
    change_memory_mocks([THING], [])
    (dist,) = memory_mocks()

    assert THING == read_mock(dist)


def _module(module: object) -> None:
    """Make a module; a lock cannot hold it, a rollback has to."""


def test_undone(micropip: Distributions) -> None:
    """Undoing brings back what was replaced, functions included, and takes away what was added."""
    micropip.add_mock_package("thing", "0.5", modules={"thing": _module}, persistent=False)
    before = state(micropip)
    undo = change_memory_mocks([THING], ["thing"])
    during = state(micropip)
    undo()

    assert ({"Thing": ("1.0", {"thing": "X = 1"})}, before) == (during, state(micropip))


def test_all_or_nothing(micropip: Distributions) -> None:
    """When the second cannot be added, the first is not there either, and what was taken away is back."""
    micropip.add_mock_package("thing", "0.5", modules={}, persistent=False)
    before, micropip.refused = state(micropip), "second"
    second = Mock(name=canonicalize_name("second"), display_name="second", version="1.0")
    with pytest.raises(ValueError, match="second"):
        change_memory_mocks([THING, second], ["thing"])

    assert before == state(micropip)


def test_nothing_to_do_needs_no_micropip(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay without mock packages in memory works where micropip is not installed; one with them says why not."""
    monkeypatch.setitem(sys.modules, "micropip", None)
    monkeypatch.delitem(sys.modules, "micropip._mock_package", raising=False)
    undo: Callable[[], None] = change_memory_mocks([], [])
    undo()
    with pytest.raises(RuntimeMissingError) as caught:
        change_memory_mocks([THING], [])

    assert "no-micropip" == caught.value.code
