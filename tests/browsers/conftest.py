"""Three browsers, one index: started once for the session.

Rule: a browser that is not there fails its tests, with the reason; nothing is skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest

from micropip_lock.adapters.runtimes import pyodide_directory
from micropip_lock.testing import PackageIndex
from tests.browsers.chromium import chromium
from tests.browsers.driving import Browser
from tests.browsers.firefox import firefox
from tests.browsers.kernel import Web
from tests.browsers.webkit import private_webkit, webkit
from tests.e2e.chromium import PLACES, Place, build_project, runtime_lock
from tests.e2e.wheelhouse import wheels

BROWSERS: Final[Mapping[str, Callable[[], AbstractContextManager[Browser]]]] = {
    "chromium": chromium,
    "firefox": firefox,
    "webkit": webkit,
    "webkit-private": private_webkit,
}


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageIndex]:
    """A local index with the pinned wheels, the tools and micropip-lock itself."""
    with PackageIndex() as index:
        for path in {path.name: path for name in ("py314", "tools") for path in wheels(name).values()}.values():
            index.add_file(path)
        index.add_file(build_project(tmp_path_factory.mktemp("dist")))
        yield index


@pytest.fixture(scope="session", params=BROWSERS)
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """One running browser after the other."""
    with BROWSERS[request.param]() as running:
        yield running


@pytest.fixture(scope="session", params=PLACES)
def web(request: pytest.FixtureRequest, browser: Browser, catalogue: PackageIndex) -> Iterator[Web]:
    """One browser's page or worker, and what it needs."""
    place: Place = request.param
    here = Path(__file__)
    with contextlib.ExitStack() as servers:
        server = servers.enter_context(PackageIndex())
        server.mount("/pyodide/", pyodide_directory(None))
        server.mount("/page/", here.parents[1] / "e2e" / "page")
        page = server.mount("/browsers/", here.with_name("page"))
        yield Web(browser=browser, index=catalogue, page=page, lock=runtime_lock(catalogue), place=place)
