"""Why a page got no answer: what the engine tells in Chromium, in a page and in a worker of it."""

from __future__ import annotations

import importlib.resources
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route

from micropip_lock.testing import CorsOff, PackageIndex, Reset, Status, wheel
from tests.e2e.chromium import PLACES, Place, chromium

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ENGINE = importlib.resources.files("micropip_lock").joinpath("data/engine.js").read_text("utf-8")
BUILT = wheel("beta")
WORKER = """
onmessage = async ({ data: { engine, url } }) => {
  globalThis.engine ??= (0, eval)(engine);
  const { bytes, ...result } = await globalThis.engine.download(url).promise;
  postMessage(result);
};
"""
ASK = {
    "page": """async ({ engine, url }) => {
  globalThis.engine ??= (0, eval)(engine);
  const { bytes, ...result } = await globalThis.engine.download(url).promise;
  return result;
}""",
    "worker": """({ engine, url }) => new Promise((resolve, reject) => {
  globalThis.worker ??= new Worker("worker.js");
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage({ engine, url });
})""",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A running Chromium."""
    async with chromium() as one:
        yield one


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A page and a worker script."""
    (tmp_path / "index.html").write_text("<!DOCTYPE html><title>a page</title>")
    (tmp_path / "worker.js").write_text(WORKER)
    return tmp_path


async def kind(page: Page, place: Place, url: str) -> Any:
    """What a download of an address ends as."""
    result = await page.evaluate(ASK[place], {"engine": ENGINE, "url": url})
    return "ok" if result["ok"] else result["kind"]


@pytest.mark.parametrize("place", PLACES)
async def test_no_permission(browser: Browser, site: Path, package_index: PackageIndex, place: Place) -> None:
    """N20: a server that gives pages no permission is told from one that drops connections, or has answered before."""
    package_index.add(BUILT)
    url = package_index.file_url(BUILT.filename)
    with PackageIndex() as pages:
        page = await browser.new_page()
        await page.goto(pages.mount("/p/", site) + "index.html")
        package_index.fault("*.whl", CorsOff())
        forbidden = await kind(page, place, url)
        package_index.clear_faults()
        package_index.fault("*.whl", Reset())
        dropped = await kind(page, place, url)
        package_index.clear_faults()
        package_index.fault("*.whl", Status(404))
        missing = await kind(page, place, url)
        package_index.clear_faults()
        answered = await kind(page, place, url)
        package_index.fault("*.whl", CorsOff())
        # Another address, which the cache of the browser does not have.
        afterwards = await kind(page, place, f"{url}?again")
        await page.close()
    assert ("cors", "network", "status", "ok", "network") == (forbidden, dropped, missing, answered, afterwards)
    assert [] == [one for one in package_index.log if {"cookie", "referer", "authorization"} & set(one.headers)]


@pytest.mark.parametrize("place", PLACES)
async def test_forbidden_by_the_page_itself(
    browser: Browser, site: Path, package_index: PackageIndex, place: Place
) -> None:
    """N21: what the page's Content-Security-Policy forbids is told as such, and the server is never asked."""
    package_index.add(BUILT)
    with PackageIndex() as pages:
        page = await browser.new_page()
        rules = {"Content-Security-Policy": "connect-src 'self'"}
        await page.goto(pages.mount("/p/", site, headers=rules) + "index.html")
        package_index.log.clear()
        forbidden = await kind(page, place, package_index.file_url(BUILT.filename))
        own = await kind(page, place, f"{pages.origin}/p/index.html")
        await page.close()
    assert ("csp", "ok", 0) == (forbidden, own, len(package_index.log))


@pytest.mark.parametrize("place", PLACES)
async def test_offline(browser: Browser, site: Path, place: Place) -> None:
    """N06: a browser that says that it is offline is believed."""
    with PackageIndex() as pages:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(pages.mount("/p/", site) + "index.html")
        # The worker is made, and the engine in it, while its script can be had.
        before = await kind(page, place, f"{pages.origin}/p/index.html")
        await context.set_offline(True)
        offline = await kind(page, place, "https://files.example/beta.whl")
        await context.close()
    assert ("ok", "offline") == (before, offline)


async def test_insecure(browser: Browser) -> None:
    """N22: a page that came over https: is told that it cannot ask over http:."""
    page = await browser.new_page()

    async def answer(route: Route) -> None:
        await route.fulfill(body="<!DOCTYPE html><title>a page</title>", content_type="text/html")

    await page.route("https://page.example/**", answer)
    await page.goto("https://page.example/")
    mixed = await kind(page, "page", "http://files.example/beta.whl")
    await page.close()
    assert "mixed-content" == mixed
