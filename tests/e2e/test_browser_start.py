"""A Pyodide in a worker of Chromium that boots from a start pack: it can import before the wheels are there.

The pack is made of files that the test names, so that no other runtime is needed; ``test_node_start.py`` makes one of
what was seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from playwright.async_api import Page

from micropip_lock.app.bundle import LOCK_NAME
from micropip_lock.testing import PackageIndex
from micropip_lock.testing.faults import Fault
from tests.e2e.chromium import Place, Web
from tests.e2e.start_bundle import BUILT, LATE, USE, Parts, Whole, start_bundle

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

DATA = Path(__file__).resolve().parents[2] / "micropip_lock" / "data"


@pytest_asyncio.fixture(loop_scope="session")
async def bundled(tmp_path: Path) -> Path:
    """A bundle with a start pack."""
    await start_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


class Visit:
    """One page that boots from the bundle."""

    def __init__(self, page: Page, site: PackageIndex, told: dict[str, Any]) -> None:
        self.page = page
        self.site = site
        self.told = told

    async def ask(self, code: str) -> Any:
        return await self.page.evaluate("code => kernel.ask(code)", code)

    async def story(self) -> list[list[str | None]]:
        found: list[list[str | None]] = await self.page.evaluate("() => kernel.story()")
        return found

    async def stages(self, *, until: str) -> dict[str, list[str | None]]:
        """Packages by stage, once it was told."""
        for _ in range(600):
            story = await self.story()
            if any(stage == until for stage, *_ in story):
                return {str(stage): [name for one, name, _ in story if one == stage] for stage, *_ in story}
            await asyncio.sleep(0.1)
        raise AssertionError(await self.story())

    def wheels(self, *, ranges: bool) -> list[str]:
        asked = self.site.log.requests("*.whl", method="GET")
        return [one.path.rsplit("/", 1)[-1] for one in asked if ("range" in one.headers) == ranges]


type Visitor = Callable[..., contextlib.AbstractAsyncContextManager[Visit]]


@pytest.fixture
def visitor(web: Web, bundled: Path) -> Visitor:
    """Opens pages that boot from the bundle, each with a server that may misbehave."""

    @contextlib.asynccontextmanager
    async def visit(*faults: Fault, place: Place = "worker", store: str | None = "start") -> AsyncIterator[Visit]:
        with PackageIndex() as site:
            for fault in faults:
                site.fault("*.whl", fault)
            data, address = site.mount("/data/", DATA), site.mount("/bundle/", bundled)
            context = await web.browser.new_context()
            try:
                page = await context.new_page()
                page.set_default_timeout(120_000)
                await page.goto(f"{web.pages[place]}index.html?in={place}")
                await page.wait_for_function("window.kernel !== undefined")
                options = {
                    "boot": f"{data}boot.js",
                    "directory": urljoin(web.pages[place], "/pyodide/"),
                    "lock": f"{address}{LOCK_NAME}",
                    "store": store,
                    "leaves": True,
                }
                told = await page.evaluate("options => kernel.bootFromLock(options)", options)
                yield Visit(page, site, told)
            finally:
                await context.close()

    return visit


@pytest.mark.parametrize("store", ["start", None])
async def test_before_the_wheels_are_there(visitor: Visitor, store: str | None) -> None:
    """Imports work while no wheel has arrived, also of a file that the pack lacks; then the wheels take their place."""
    gate = threading.Event()
    async with visitor(Whole(gate), store=store) as visit:
        first = await visit.ask(USE)
        assert (2, [], {one.filename for one in BUILT}) == (
            first,
            visit.wheels(ranges=True),
            set(visit.wheels(ranges=False)),
        )
        late = await visit.ask(LATE)
        assert (3, [BUILT[0].filename]) == (late, visit.wheels(ranges=True))
        assert not any(one.ended for one in visit.site.log.requests("*.whl") if "range" not in one.headers)
        gate.set()
        stages = await visit.stages(until="settled")
        assert (["alpha", "beta"], True, True) == (
            sorted(map(str, stages["whole"])),
            "complete" in stages,
            "finding" not in stages,
        )
        assert 3 == await visit.ask("import beta_late; answer = beta_late.VALUE")
        assert [BUILT[0].filename] == visit.wheels(ranges=True)


async def test_a_wheel_that_turns_out_to_be_another(visitor: Visitor) -> None:
    """What was read stays, nothing more is read, and it is told."""
    gate = threading.Event()
    async with visitor(Whole(gate, changed=True)) as visit:
        assert 2 == await visit.ask(USE)
        gate.set()
        stages = await visit.stages(until="invalid")
        assert "complete" not in stages
        reading = (
            "import pathlib, alpha\ntry: answer = len(pathlib.Path(alpha.__file__).with_name('late.py').read_bytes())"
        )
        for _ in range(100):
            if len((await visit.stages(until="invalid"))["invalid"]) == 2:
                break
            await asyncio.sleep(0.1)
        assert 5 == await visit.ask(f"{reading}\nexcept OSError as error: answer = error.errno - 24")
        assert ["finding", "*", "digest-mismatch"] in await visit.story()


@pytest.mark.parametrize("whole", [True, False])
async def test_a_server_without_ranges(visitor: Visitor, whole: bool) -> None:
    """A file that the pack lacks comes with its whole wheel: at once when the server sends it, else when it arrived."""
    gate = threading.Event()
    async with visitor(Whole(gate), Parts(whole)) as visit:
        assert 2 == await visit.ask(USE)
        late = f"try:\n    {LATE}\nexcept OSError as error: answer = -1"
        assert (3 if whole else -1) == await visit.ask(late)
        gate.set()
        await visit.stages(until="settled")
        assert 3 == await visit.ask(LATE)


async def test_a_pack_that_is_another(visitor: Visitor, bundled: Path) -> None:
    """A pack with another digest is no failure: the wheels are fetched whole first."""
    (pack,) = bundled.glob("*.pack")
    pack.write_bytes(pack.read_bytes()[:-1] + b"\1")
    async with visitor() as visit:
        assert 2 == await visit.ask(USE)
        ((_, _, message),) = [one for one in await visit.story() if one[0] == "no-start"]
        assert (True, [], 2) == (
            str(message).startswith("digest-mismatch"),
            visit.wheels(ranges=True),
            len(visit.wheels(ranges=False)),
        )


async def test_in_a_page(visitor: Visitor) -> None:
    """A page's main thread cannot wait for a file: it asks for no pack."""
    async with visitor(place="page") as visit:
        assert (2, 0, 2) == (await visit.ask(USE), visit.site.log.count("*.pack"), len(visit.wheels(ranges=False)))
