"""The store in real Chromium, in a page and in a worker: whole or not there, whatever happens to the page.

Wheels are made in the page from a seed; storage is real, and belongs to the profile that a test opens.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, async_playwright

from micropip_lock.testing import PackageIndex
from tests.e2e.chromium import PLACES, Place, Web, chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ROOT = Path(__file__).resolve().parents[2]
KIND = {"worker": "opfs", "page": "cache"}
SIZE = 1_000_000


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the page with the store."""
    folder = tmp_path_factory.mktemp("store-page")
    shutil.copytree(Path(__file__).with_name("store_page"), folder, dirs_exist_ok=True)
    options = ("--bundle", "--format=esm", "--external:node:*", f"--outfile={folder}/store.js")
    npm = (ROOT / "tools" / "npm", "exec", "--silent", "--")
    subprocess.run([*npm, "esbuild", "src/store.ts", *options], check=True, capture_output=True)
    with PackageIndex() as server:
        yield server.mount("/store/", folder)


@pytest_asyncio.fixture(loop_scope="session")
async def context(web: Web) -> AsyncIterator[BrowserContext]:
    """A profile of its own."""
    context = await web.browser.new_context()
    yield context
    await context.close()


async def opened(context: BrowserContext, origin: str, place: Place, *, store: bool = True) -> Page:
    """A page whose store is open."""
    page = await context.new_page()
    page.set_default_timeout(120_000)
    await page.goto(f"{origin}index.html?in={place}")
    await page.wait_for_function("window.call !== undefined")
    if store:
        assert KIND[place] == await call(page, "open")
    return page


async def call(page: Page, name: str, *given: Any) -> Any:
    return await page.evaluate("([name, given]) => call(name, ...given)", [name, given])


def of_wheel(names: list[str], digest: str) -> list[str]:
    return [name for name in names if digest in name]


async def test_put_and_get(context: BrowserContext, origin: str, place: Place) -> None:
    """What one page put, another one gets, while the first still has it open, and lists."""
    first = await opened(context, origin, place)
    digest = await call(first, "digest", 1, SIZE)
    kept = [await call(first, "put", 1, SIZE), await call(first, "put", 1, SIZE), await call(first, "get", digest)]
    second = await opened(context, origin, place)
    found = [await call(second, "get", digest), await call(second, "get", "0" * 64), await call(second, "list")]

    assert (["stored", "there", digest], [digest, None, [[digest, SIZE]]]) == (kept, found)


async def test_extras(context: BrowserContext, origin: str, place: Place) -> None:
    """What is kept beside a wheel is given in another page."""
    first = await opened(context, origin, place)
    digest = await call(first, "digest", 1, SIZE)
    kept = [await call(first, "putExtra", digest, "checked", text) for text in ("a", "é")]
    await call(first, "settle")
    second = await opened(context, origin, place)
    found = [await call(second, "getExtra", digest, kind) for kind in ("checked", "other")]

    assert (["stored", "stored"], ["é", None]) == (kept, found)


async def test_a_flipped_bit(context: BrowserContext, origin: str, place: Place) -> None:
    """A wheel in which one bit changed at rest is not given, and is gone; it can be kept anew."""
    page = await opened(context, origin, place)
    digest = await call(page, "digest", 1, SIZE)
    await call(page, "put", 1, SIZE)
    await call(page, "flip", digest)
    found = [await call(page, "get", digest), of_wheel(await call(page, "everything"), digest)]
    again = [await call(page, "put", 1, SIZE), await call(page, "get", digest)]

    assert ([None, []], ["stored", digest]) == (found, again)


async def test_a_quota_of_a_megabyte(context: BrowserContext, origin: str, place: Place) -> None:
    """Without room a wheel is not kept, nothing of it is left, and what was kept before is still there."""
    page = await opened(context, origin, place)
    small, large = [await call(page, "digest", 1, size) for size in (100_000, 3 * SIZE)]
    await call(page, "put", 1, 100_000)
    devtools = await context.new_cdp_session(page)
    override = {"origin": origin.removesuffix("/store/"), "quotaSize": 1024 * 1024}
    await devtools.send("Storage.overrideQuotaForOrigin", override)
    kept = await call(page, "put", 1, 3 * SIZE)
    extra = await call(page, "putExtra", large, "checked", "x" * 3 * SIZE)
    left = of_wheel(await call(page, "everything"), large)
    found = await call(page, "get", small)
    await devtools.send("Storage.overrideQuotaForOrigin", {"origin": override["origin"]})

    assert ("quota", "quota", [], small) == (kept, extra, left, found)
    assert "stored" == await call(page, "put", 1, 3 * SIZE)


async def test_old_wheels_make_room(context: BrowserContext, origin: str, place: Place) -> None:
    """When the quota is used up, wheels of earlier sessions go, the one used longest ago first."""
    first = await opened(context, origin, place)
    for seed in (1, 2):
        await call(first, "put", seed, SIZE)
    await first.close()
    page = await opened(context, origin, place)
    digests = [await call(page, "digest", seed, SIZE) for seed in (1, 2, 3)]
    await call(page, "get", digests[1])
    devtools = await context.new_cdp_session(page)
    used = await page.evaluate("navigator.storage.estimate().then(({ usage }) => usage)")
    override = {"origin": origin.removesuffix("/store/"), "quotaSize": used + SIZE // 2}
    await devtools.send("Storage.overrideQuotaForOrigin", override)
    kept = await call(page, "put", 3, SIZE)
    listed = [digest for digest, _ in await call(page, "list")]

    assert ("stored", sorted(digests[1:])) == (kept, listed)


@pytest.mark.parametrize("moment", [0, 3, 8, 20, 45, 80, 130, 250])
async def test_a_killed_page(context: BrowserContext, origin: str, place: Place, moment: int) -> None:
    """A page that goes away while it puts wheels leaves whole wheels only, and nothing half-written."""
    page = await opened(context, origin, place)
    await page.evaluate("size => void call('keepPutting', size)", 8 * SIZE)
    await page.wait_for_timeout(moment)
    await page.close()

    await assert_clean(context, origin, place)


async def assert_clean(context: BrowserContext, origin: str, place: Place) -> None:
    """All that is listed can be got, and nothing else is there."""
    page = await opened(context, origin, place)
    # The browser frees a page's locks and files soon after the page; what holds them then is still being written.
    left: list[str] = []
    for _ in range(300):
        left = await page.evaluate(
            """async () => {
                await call("open");
                const names = await call("everything");
                const held = (await navigator.locks.query()).held.map(({ name }) => `lock ${name}`);
                return [...held, ...names.filter((name) => name.includes("incoming"))];
            }"""
        )
        if not left:
            break
        await asyncio.sleep(0.2)
    assert [] == left
    listed = [digest for digest, _ in await call(page, "list")]
    found = [await call(page, "get", digest) for digest in listed]

    assert listed == found
    assert sorted(listed) == sorted(name.rpartition("/")[2] for name in await call(page, "everything"))
    assert "stored" == await call(page, "put", 1_000, SIZE)


@pytest.mark.parametrize("moment", [5, 60, 200])
async def test_a_killed_browser(origin: str, place: Place, moment: int, tmp_path: Path) -> None:
    """The same for the whole browser, and its next start."""
    async with async_playwright() as playwright:

        async def launched() -> BrowserContext:
            return await playwright.chromium.launch_persistent_context(
                tmp_path, executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
            )

        context = await launched()
        page = await opened(context, origin, place)
        await call(page, "put", 0, SIZE)
        devtools = await context.browser.new_browser_cdp_session() if context.browser else None
        assert devtools is not None
        processes = (await devtools.send("SystemInfo.getProcessInfo"))["processInfo"]
        await page.evaluate("size => void call('keepPutting', size)", 8 * SIZE)
        await page.wait_for_timeout(moment)
        async with context.expect_event("close"):
            os.kill(next(one["id"] for one in processes if one["type"] == "browser"), signal.SIGKILL)
        context = await launched()
        await assert_clean(context, origin, place)
        await context.close()


async def test_two_pages(context: BrowserContext, origin: str, place: Place) -> None:
    """Two pages that want the same wheels fetch each once."""
    first, second = await opened(context, origin, place), await opened(context, origin, place)
    visits = "seeds => Promise.all(seeds.map((seed) => call('visit', seed, 200_000)))"
    seeds = list(range(6))
    # Not awaited one after the other: both are under way at once.
    begun = [await page.evaluate_handle(f"seeds => [({visits})(seeds)]", seeds) for page in (first, second)]
    told = [await handle.evaluate("([all]) => all") for handle in begun]

    assert [["found", "stored"]] * 6 == [sorted(pair) for pair in zip(*told, strict=True)]
    assert 6 == len(await call(second, "list"))


async def test_two_pages_without_waiting(context: BrowserContext, origin: str, place: Place) -> None:
    """Two pages that put the same wheel at the same time both have it afterwards."""
    first, second = await opened(context, origin, place), await opened(context, origin, place)
    digest = await call(first, "digest", 1, 4 * SIZE)
    begun = [await page.evaluate_handle("size => [call('put', 1, size)]", 4 * SIZE) for page in (first, second)]
    told = [await handle.evaluate("([one]) => one") for handle in begun]
    found = [await call(page, "get", digest) for page in (first, second)]

    assert ({"stored", "there"} >= set(told), [digest, digest]) == (True, found)


async def test_offline(context: BrowserContext, origin: str, place: Place) -> None:
    """Without a network everything that was kept is there."""
    page = await opened(context, origin, place)
    digest = await call(page, "digest", 1, SIZE)
    await call(page, "put", 1, SIZE)
    await context.set_offline(True)
    found = await call(page, "get", digest)
    await context.set_offline(False)

    assert digest == found


async def test_cleared_storage(context: BrowserContext, origin: str, place: Place) -> None:
    """When the browser clears the site's storage under an open page, nothing is found, and keeping begins anew."""
    page = await opened(context, origin, place)
    digest = await call(page, "digest", 1, SIZE)
    await call(page, "put", 1, SIZE)
    devtools = await context.new_cdp_session(page)
    everything = {"origin": origin.removesuffix("/store/"), "storageTypes": "all"}
    await devtools.send("Storage.clearDataForOrigin", everything)
    found = await call(page, "get", digest)
    again = [await call(page, "put", 1, SIZE), await call(page, "get", digest)]

    assert (None, ["stored", digest]) == (found, again)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    """In the page itself, or in a worker of it."""
    found: Place = request.param
    return found
