"""Locks across runtimes, and failures that only a browser has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.chromium import PLACES, Place, Web, browser_kernel
from tests.e2e.kernel import kernel
from tests.e2e.sets import SETS, PackageSet

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_PROVOKED = {
    "blocked by CORS policy": "the test takes the header away",
    "net::ERR_FAILED": "what Chromium logs then for the request itself",
}
BY_NAME = {one.name: one for one in SETS}
RICH_PYDANTIC = BY_NAME["rich-pydantic"]

type Freeze = Callable[[PackageSet], Awaitable[Lock]]


async def _error(running: Any, code: str) -> dict[str, Any]:
    error: dict[str, Any] = await running.ask(f"""
from micropip_lock.errors import MicropipLockError
import micropip, micropip_lock
try:
    {code}
except MicropipLockError as error:
    answer = error.to_json()
""")
    return error


@pytest.mark.node
@pytest.mark.parametrize("place", PLACES)
async def test_a_lock_of_node_replays_in_chromium(web: Web, frozen_under_node: Freeze, place: Place) -> None:
    """A lock frozen under Node replays in Chromium, works there, and freezes to the same bytes."""
    text = (await frozen_under_node(RICH_PYDANTIC)).to_json()
    async with browser_kernel(web, place) as running:
        again = await running.ask(f"""
import micropip_lock
await micropip_lock.replay({text!r})
answer = (await micropip_lock.freeze()).to_json()
""")
        used = await running.ask(RICH_PYDANTIC.use)

    assert (text, RICH_PYDANTIC.answer) == (again, used)


@pytest.mark.node
@pytest.mark.parametrize(
    ("name", "place"),
    [("rich-pydantic", "page"), ("rich-pydantic", "worker"), ("plotly", "page"), ("ipywidgets", "worker")],
)
async def test_pyodide_itself_loads_our_lock(web: Web, frozen_under_node: Freeze, name: str, place: Place) -> None:
    """Pyodide boots with our lock as ``lockFileContents``, and its own ``loadPackage`` brings the roots."""
    packages = BY_NAME[name]
    text = (await frozen_under_node(packages)).to_json()
    async with browser_kernel(web, place, lock=text, packages=packages.roots, tools=False) as running:
        used = await running.ask(packages.use)

    assert packages.answer == used


@pytest.mark.parametrize("place", PLACES)
async def test_a_host_without_cors_is_explained(web: Web, place: Place) -> None:
    """Wheels on a host that sends no CORS header fail as such, and the hint names the header."""
    with PackageIndex(cors=False) as silent:
        silent.add(wheel("alpha"))
        async with kernel(index_urls=[silent.url]) as node:
            text = (await node.pyodide.install_and_freeze(["alpha"])).lock.to_json()
        async with browser_kernel(web, place, forgiven=_PROVOKED) as running:
            before = await running.tree()
            error = await _error(running, f"await micropip_lock.replay({text!r})")
            after = await running.tree()

    assert ("cors", "alpha", True, before) == (
        error["code"],
        error["package"],
        "Access-Control-Allow-Origin" in error["hint"],
        after,
    )


@pytest.mark.parametrize("place", PLACES)
async def test_an_index_without_cors_stops_the_install(web: Web, place: Place) -> None:
    """An index that sends no CORS header stops the install with the hint; the next index is not asked."""
    with PackageIndex(cors=False) as silent, PackageIndex() as public:
        silent.add(wheel("alpha"))
        public.add(wheel("alpha", "99.0"))
        async with browser_kernel(web, place, forgiven=_PROVOKED) as running:
            await running.ask("import micropip_lock; micropip_lock.record(); answer = 0")
            error = await _error(running, f"await micropip.install('alpha', index_urls={[silent.url, public.url]!r})")

        assert ("index-unreachable", True, []) == (
            error["code"],
            "Access-Control-Allow-Origin" in error["hint"],
            public.log.paths(),
        )
