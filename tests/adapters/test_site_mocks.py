"""Mock packages in a directory: written and replaced with the wheels, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.core.mocks import MockInstall, PresentMock, mock_files, present_mock, read_mock
from micropip_lock.core.model import Mock
from micropip_lock.errors import ConflictError, StorageError
from micropip_lock.ports import Install
from tests.adapters.installing import NEW, install_of, snapshot

THING = Mock(
    name=canonicalize_name("thing"),
    display_name="thing",
    version="1.0",
    persistent=True,
    modules={"thing": "X = 1\n", "thing_more.inner": ""},
)


class Memory:
    """An interpreter's memory for mock packages, which notes what is done to it."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def __call__(self, add: Sequence[Mock], remove: Sequence[str]) -> Callable[[], None]:
        self.log.append(([mock.name for mock in add], list(remove)))
        return lambda: self.log.append("undone")


async def put(
    root: Path, *mocks: MockInstall, installs: Sequence[Install] = (), memory: Memory | None = None, fail: bool = False
) -> Sequence[str]:
    def after(installs: Sequence[Install]) -> None:
        if fail:
            raise StorageError("made to fail")

    installer = SiteInstaller(root, as_pyodide=memory is not None, memory_mocks=memory, after=after)
    return await installer.install(installs, lambda stage, name: None, mocks=mocks)


def present(root: Path) -> PresentMock:
    (found,) = (one for dist in SitePackages(root).distributions() if (one := present_mock(dist)) is not None)
    return found


async def test_written_and_read(tmp_path: Path) -> None:
    """A mock package that is written into a directory is read back as the same."""
    await put(tmp_path, MockInstall(mock=THING))
    (dist,) = SitePackages(tmp_path).distributions()

    assert THING == read_mock(dist)


async def test_as_micropip_writes_it(tmp_path: Path) -> None:
    """Where Pyodide's layout is kept, RECORD has absolute paths, as micropip writes them."""
    await put(tmp_path, MockInstall(mock=THING), memory=Memory())

    assert mock_files(THING, root=f"{tmp_path}/") == {
        path: content.decode() for path, content in snapshot(tmp_path).items() if isinstance(content, bytes)
    }


async def test_a_directory_has_no_memory(tmp_path: Path) -> None:
    """In a directory of its own a mock of the memory is kept in files, and a note says so."""
    notes = await put(tmp_path, MockInstall(mock=replace(THING, persistent=False)))
    (dist,) = SitePackages(tmp_path).distributions()

    assert (THING, ["kept in files, because a directory has no memory: mock thing"]) == (read_mock(dist), list(notes))


async def test_memory_gets_what_is_its(tmp_path: Path) -> None:
    """A mock of the memory goes there, and no file is written; those it replaces are taken away there."""
    memory, mock = Memory(), replace(THING, persistent=False)
    old = PresentMock(
        name=mock.name, version="0", directory="thing-0.dist-info", persistent=False, mock=None, modules=()
    )
    await put(tmp_path, MockInstall(mock=mock, replaces=(old,)), memory=memory)

    assert ([(["thing"], ["thing"])], {}) == (memory.log, snapshot(tmp_path))


async def test_replaced(tmp_path: Path) -> None:
    """A mock that replaces another leaves nothing of it: modules and their bytecode go as well."""
    await put(tmp_path, MockInstall(mock=THING), memory=Memory())
    (tmp_path / "thing" / "__pycache__").mkdir()
    (tmp_path / "thing" / "__pycache__" / "__init__.cpython-314.pyc").write_bytes(b"")
    newer = replace(THING, version="2.0", modules={"other": ""})
    await put(tmp_path, MockInstall(mock=newer, replaces=(present(tmp_path),)), memory=Memory())
    files = {path for path, content in snapshot(tmp_path).items() if isinstance(content, bytes)}

    assert mock_files(newer).keys() == files


@pytest.mark.parametrize("persistent", [True, False])
async def test_a_failure_at_the_end_undoes_all(tmp_path: Path, persistent: bool) -> None:
    """When the last step fails, wheels and mock packages are gone, and what was replaced is back, byte for byte."""
    await put(tmp_path, MockInstall(mock=THING), memory=Memory())
    before, memory = snapshot(tmp_path), Memory()
    changed = replace(THING, version="2.0", persistent=persistent)
    with pytest.raises(StorageError):
        await put(
            tmp_path,
            MockInstall(mock=changed, replaces=(present(tmp_path),)),
            installs=[install_of(NEW)],
            memory=memory,
            fail=True,
        )

    assert (before, "undone") == (snapshot(tmp_path), memory.log[-1])


async def test_a_module_that_belongs_to_something_else(tmp_path: Path) -> None:
    """A mock never overwrites a file that is there already, and nothing of it is left."""
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "__init__.py").write_text("real")
    before = snapshot(tmp_path)
    with pytest.raises(ConflictError) as caught:
        await put(tmp_path, MockInstall(mock=THING))

    assert ("owned", "thing", before) == (caught.value.code, caught.value.package, snapshot(tmp_path))
