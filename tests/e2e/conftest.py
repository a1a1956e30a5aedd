"""One index with every pinned wheel, and the runtimes, brought once for the session.

Rule: what cannot be had fails the tests that need it, with the reason; nothing is skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from micropip_lock.adapters.indexes import EXPLICIT, IndexConfig
from micropip_lock.adapters.runtimes import pyodide_directory, tool_wheels
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex
from tests.e2e.chromium import PLACES, Place, Web, build_project, chromium, runtime_lock
from tests.e2e.kernel import kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314, PackageSet
from tests.e2e.wheelhouse import pure_markupsafe, wheels


@pytest.fixture(scope="session")
def catalogue() -> Iterator[PackageIndex]:
    """A local index with every pinned wheel, the tools included; and in the browser tests our own."""
    paths = {path.name: path for name in ("py314", "py313", "tools") for path in wheels(name).values()}
    with PackageIndex() as index:
        for path in paths.values():
            index.add_file(path)
        index.add(pure_markupsafe())
        yield index


@pytest.fixture(scope="session", autouse=True)
def _runtimes(catalogue: PackageIndex) -> None:
    """Pyodide and the tools that run inside are in the cache before a test counts requests."""
    for version in (PYODIDE_314, PYODIDE_029):
        pyodide_directory(version)
    tool_wheels([IndexConfig(url=catalogue.url, source=EXPLICIT)])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def web(catalogue: PackageIndex, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Web]:
    """Chromium, and the origins that its pages ask."""
    catalogue.add_file(build_project(tmp_path_factory.mktemp("dist")))
    pages: dict[Place, str] = {}
    with contextlib.ExitStack() as servers:
        for place in PLACES:
            server = servers.enter_context(PackageIndex())
            server.mount("/pyodide/", pyodide_directory(None))
            pages[place] = server.mount("/page/", Path(__file__).with_name("page"))
        async with chromium() as browser:
            yield Web(browser=browser, index=catalogue, pages=pages, lock=runtime_lock(catalogue))


@pytest.fixture(scope="session")
def frozen_under_node(catalogue: PackageIndex) -> Callable[[PackageSet], Awaitable[Lock]]:
    """Freezes a set under Node, each set once."""
    locks: dict[str, Lock] = {}

    async def freeze(packages: PackageSet) -> Lock:
        if packages.name not in locks:
            async with kernel(PYODIDE_314, index_urls=[catalogue.url]) as node:
                locks[packages.name] = (await node.pyodide.install_and_freeze(packages.roots)).lock
        return locks[packages.name]

    return freeze
