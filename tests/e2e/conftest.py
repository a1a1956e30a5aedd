"""One index with every pinned wheel, and the runtimes, brought once for the session.

Rule: what cannot be had fails the tests that need it, with the reason; nothing is skipped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from micropip_lock.adapters.indexes import EXPLICIT, IndexConfig
from micropip_lock.adapters.runtimes import pyodide_directory, tool_wheels
from micropip_lock.testing import PackageIndex
from tests.e2e.chromium import Web, build_project, chromium, runtime_lock
from tests.e2e.sets import PYODIDE_029, PYODIDE_314
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
    with PackageIndex() as pages:
        page = pages.mount("/page/", Path(__file__).with_name("page"))
        runtime = pages.mount("/pyodide/", pyodide_directory(None))
        async with chromium() as browser:
            yield Web(browser=browser, index=catalogue, page=page, runtime=runtime, lock=runtime_lock(catalogue))
