"""The example page in Chromium, opened with lock links: nothing before the yes, and what a link brings after it.

One browser, one server of pages and one of wheels for all tests, each on its own origin; the servers' logs say what was
asked for. Pyodide boots where a test is about what is installed, and nowhere else.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from packaging.utils import canonicalize_name, parse_wheel_filename
from playwright.async_api import Browser, BrowserContext, Page, expect

from micropip_lock.adapters.runtimes import pyodide_directory
from micropip_lock.core.digest import Digest
from micropip_lock.core.link import encode_link
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.testing import PackageIndex
from tests.corpus.generate.case import all_cases
from tests.e2e.axe import violations
from tests.e2e.chromium import chromium
from tests.e2e.wheelhouse import wheels

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ROOT: Final = Path(__file__).resolve().parents[2]
NAMES: Final = (
    *("rich", "markdown-it-py", "mdurl", "pygments", "pydantic", "pydantic-core"),
    *("annotated-types", "typing-extensions", "typing-inspection", "msgpack"),
)
USE: Final = """
import msgpack
from pydantic import BaseModel
from rich.text import Text
class Point(BaseModel):
    x: int
[Point(x="4").x, Text.from_markup("[bold]hi[/]").plain, msgpack.unpackb(msgpack.packb([1]))]
"""
ANSWER: Final = "[4, 'hi', [1]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where everything is.

    Attributes:
        browser: A running Chromium.
        pages: Serves the example page.
        files: Serves the wheels, at another origin.
        page: Address of the example page.
        locks: The same ten packages, and one of them.
    """

    browser: Browser
    pages: PackageIndex
    files: PackageIndex
    page: str
    locks: tuple[Lock, Lock]

    def link(self, number: int = 0) -> str:
        """The page with a link in its address."""
        return self.page + encode_link(self.locks[number])

    def asked(self) -> tuple[list[str], list[str]]:
        """What was asked for since the log was cleared: of the page's site beyond the page itself, and of the files."""
        own = {"/app/", "/app/index.html", "/app/micropip-lock.js"}
        paths = [one.path for one in self.pages.log.requests(method="GET")]
        return [path for path in paths if path not in own], [one.path for one in self.files.log.requests()]


def _lock(files: PackageIndex, names: tuple[str, ...]) -> Lock:
    packages = []
    for path in wheels("py314").values():
        name, version, *_ = parse_wheel_filename(path.name)
        if name in names:
            data = path.read_bytes()
            wheel = Wheel(url=files.file_url(path.name), digest=Digest.of(data), size=len(data))
            origin = Origin(kind="index", url=wheel.url, index=files.url)
            packages.append(
                LockedPackage(
                    name=canonicalize_name(name), display_name=name, version=str(version), wheel=wheel, origin=origin
                )
            )
    assert len(names) == len(packages)
    abi = Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2")
    return Lock(abi=abi, packages=by_name(packages))


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a person copies: the example, the library, and what boots."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copytree(ROOT / "js/example", folder, dirs_exist_ok=True)
    for name in ("micropip-lock.js", "boot.js"):
        shutil.copy(ROOT / "micropip_lock/data" / name, folder)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(application: Path) -> AsyncIterator[Site]:
    """One browser and two servers."""
    with PackageIndex() as files, PackageIndex() as pages:
        for path in wheels("py314").values():
            files.add_file(path)
        pages.mount("/app/pyodide/", pyodide_directory(None))
        page = pages.mount("/app/", application)
        async with chromium() as browser:
            locks = (_lock(files, NAMES), _lock(files, ("msgpack",)))
            yield Site(browser=browser, pages=pages, files=files, page=f"{page}index.html", locks=locks)


@pytest_asyncio.fixture(loop_scope="session")
async def person(site: Site) -> AsyncIterator[BrowserContext]:
    """A person who has never been here; what their pages throw fails the test."""
    context = await site.browser.new_context()
    thrown: list[str] = []
    context.on("weberror", lambda error: thrown.append(str(error.error)))
    site.pages.log.clear()
    site.files.log.clear()
    try:
        yield context
        assert [] == thrown
    finally:
        await context.close()


async def _opened(person: BrowserContext, address: str) -> Page:
    page = await person.new_page()
    page.set_default_timeout(60_000)
    await page.goto(address)
    return page


async def _agree(page: Page, *, remember: bool = False) -> None:
    if remember:
        await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Install").click()


async def _installed(page: Page, lock: Lock) -> None:
    await expect(page.get_by_role("status")).to_have_text(f"Installed: lock {lock.id[:12]}.", timeout=60_000)


async def _run(page: Page, code: str) -> str:
    await page.get_by_label("Python:").fill(code)
    await page.get_by_role("button", name="Run").click()
    await expect(page.locator("#output")).not_to_be_empty()
    return await page.locator("#output").inner_text()


async def test_a_link_is_installed_after_one_click(site: Site, person: BrowserContext) -> None:
    """Nothing is asked for before the click, each wheel once after it, and imports work.

    The same link again, an address without one, and the back button ask nothing; a reload does. Another lock is
    a question, whose no changes nothing.
    """
    page = await _opened(person, site.link())
    dialog = page.get_by_role("dialog", name="Install what this link brings?")
    await expect(dialog).to_contain_text("10 packages, ")
    await expect(dialog).to_contain_text("from 127.0.0.1: 10 packages")
    await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    assert ([], []) == site.asked()

    await _agree(page)
    await _installed(page, site.locks[0])
    assert ANSWER == await _run(page, USE)
    wanted = {package.wheel.url.removeprefix(site.files.origin) for package in site.locks[0]}
    assert (10, wanted) == (len(site.asked()[1]), set(site.asked()[1]))

    for fragment in ("", encode_link(site.locks[0]), f"{encode_link(site.locks[0])}&x=1"):
        await page.evaluate("fragment => { location.hash = fragment }", fragment)
    await page.go_back()
    await page.evaluate("fragment => { location.hash = fragment }", encode_link(site.locks[1]))
    await expect(dialog).to_contain_text("1 package, ")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("status")).to_have_text("Nothing was installed.")
    assert (10, ANSWER) == (len(site.asked()[1]), await _run(page, USE))

    await page.go_back()
    await page.reload()
    await expect(dialog).to_contain_text("10 packages, ")
    assert 10 == len(site.asked()[1])


async def test_a_no_leaves_nothing(site: Site, person: BrowserContext) -> None:
    """After Cancel, Escape or Enter nothing was asked for, nothing is stored, and the next visit asks again."""
    page = await _opened(person, site.link())
    for key in ("Space", "Escape", "Enter"):
        await expect(page.get_by_role("dialog")).to_be_visible()
        for _ in range(8):
            await page.keyboard.press("Tab")
            assert await page.evaluate(
                "question.contains(document.activeElement) || document.activeElement === document.body"
            )
        await page.get_by_role("checkbox").check()
        await page.get_by_role("button", name="Cancel").focus()
        await page.keyboard.press(key)
        await expect(page.get_by_role("status")).to_have_text("Nothing was installed.")
        await page.reload()
    await expect(page.get_by_role("dialog")).to_be_visible()
    stored = await page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, document.cookie, (await caches.keys()).length,"
        " (await Array.fromAsync((await navigator.storage.getDirectory()).keys())).length]"
    )
    assert ([0, 0, "", 0, 0], ([], [])) == (stored, site.asked())


async def test_a_yes_is_for_one_lock_on_one_site(site: Site, person: BrowserContext) -> None:
    """Where a person said so, a second tab installs that lock without asking, and asks about another one."""
    page = await _opened(person, site.link(1))
    await _agree(page, remember=True)
    await _installed(page, site.locks[1])

    second = await _opened(person, site.link(1))
    await expect(second.get_by_role("status")).to_contain_text("Install")
    await expect(second.get_by_role("dialog")).not_to_be_visible()
    await second.evaluate("fragment => { location.hash = fragment }", encode_link(site.locks[0]))
    await expect(second.get_by_role("dialog")).to_contain_text("10 packages")


@pytest.mark.parametrize("remembered", [False, True])
async def test_nothing_happens_in_a_frame_of_another_site(
    site: Site, person: BrowserContext, tmp_path: Path, remembered: bool
) -> None:
    """A page inside another site shows a link to a tab of its own: no question, no request, whatever was agreed to."""
    if remembered:
        page = await _opened(person, site.page)
        await page.evaluate(
            "id => localStorage.setItem('micropip-lock.approved', JSON.stringify([id]))", site.locks[1].id
        )
    (tmp_path / "index.html").write_text(
        f"<link rel='icon' href='data:,'><iframe src='{site.link(1)}'></iframe>", "utf-8"
    )
    outer = await person.new_page()
    # Another name of this machine is another origin.
    await outer.goto(site.files.mount("/outer/", tmp_path).replace("127.0.0.1", "localhost"))
    inner = outer.frame_locator("iframe")
    await expect(inner.get_by_role("status")).to_contain_text("shown inside another site")
    link = inner.get_by_role("link", name="Open it in a tab of its own")
    assert (site.link(1), ([], ["/outer/"])) == (await link.get_attribute("href"), site.asked())
    await expect(inner.get_by_role("dialog")).not_to_be_visible()


async def test_malicious_links_are_refused(site: Site, person: BrowserContext) -> None:
    """Each bad link of the corpus is refused with a reason that a person can read, or its address is asked about first.

    Nobody is asked to install anything, and nothing is asked for.
    """
    page = await _opened(person, site.page)
    told = {}
    for case in all_cases():
        if case.group != "links" or case.verdict != "reject":
            continue
        link = case.files()["input.txt"].decode()
        at = min(where for mark in "#?" if (where := link.find(mark)) >= 0)
        if link[at] == "#":
            await page.evaluate(
                "link => { question.close(); state.textContent = problem.textContent = ''; location.hash = link }",
                link[at:],
            )
        else:
            await page.goto(site.page + link[at:])
        refused, asked = page.get_by_text("The link was not opened."), page.get_by_text("what this link means?")
        await expect(refused.or_(asked)).to_be_visible()
        reason = await page.get_by_role("alert").inner_text()
        installs = await page.get_by_text("Install what this link brings?").count()
        is_told = await asked.is_visible() or ("(" in reason and len(reason) > 20)
        told[case.id] = (is_told, installs)
    assert len(told) > 30
    assert {} == {case: one for case, one in told.items() if one != (True, 0)}
    assert ([], []) == site.asked()


async def test_axe_finds_nothing(site: Site, person: BrowserContext) -> None:
    """The example page as it is, with its question, and with what it says of a link that it refuses."""
    page = await _opened(person, site.page)
    found = [await violations(page)]
    await page.evaluate("fragment => { location.hash = fragment }", encode_link(site.locks[0]))
    await expect(page.get_by_role("dialog", name="Install what this link brings?")).to_contain_text("10 packages, ")
    found.append(await violations(page))
    await page.keyboard.press("Escape")
    await page.evaluate("location.hash = '#lock=1broken'")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    found.append(await violations(page))
    assert [[], [], []] == found


async def test_no_text_of_a_lock_becomes_markup(site: Site, person: BrowserContext) -> None:
    """A preview full of markup is text in the page: no element, no script and no attribute of it."""
    page = await _opened(person, site.page)
    shown = await page.evaluate(
        """
        async (text) => {
          const { previewElement } = await import("./micropip-lock.js");
          const told = { name: text, version: text, size: null, host: text, index: text, installed: text };
          const element = previewElement({
            lock: text, abi: text, standing: "new", hosts: [{ host: text, packages: 1, size: 1 }], indexes: [text],
            packages: [{ ...told, native: true, requested: true, change: "replaces" }], download: 1, unsized: 0,
            beside: [text], warnings: [{ code: text, message: text, packages: [text] }],
          });
          document.body.append(element);
          const inside = [element, ...element.querySelectorAll("*")];
          await new Promise((resolve) => setTimeout(resolve, 50));
          return [inside.flatMap((one) => [...one.attributes]).length, [...new Set(inside.map((one) => one.localName))],
            element.textContent.split(text).length - 1, window.pwned ?? null];
        }
        """,
        "</td></table><img src=x onerror='pwned = 1'><script>pwned = 2</script>&lt;b&gt;<svg onload=pwned=3>",
    )
    attributes, elements, times, pwned = shown
    assert (0, set(), None) == (attributes, {"img", "script", "svg", "b"} & set(elements), pwned)
    assert times > 9


async def test_a_lock_at_an_address(site: Site, person: BrowserContext) -> None:
    """It is fetched after one yes and shown before another; a redirect and other bytes are refused after the first."""
    text = site.locks[1].to_json().encode()
    digest = hashlib.sha256(text).hexdigest()
    other = site.files.origin.replace("127.0.0.1", "localhost")
    cases = {"right": None, "wrong": "digest-mismatch", "moved": "redirect-policy"}
    cors = {"Access-Control-Allow-Origin": "*"}
    await person.route(f"{site.files.origin}/right", lambda route: route.fulfill(body=text, headers=cors))
    await person.route(f"{site.files.origin}/wrong", lambda route: route.fulfill(body=text + b" ", headers=cors))
    await person.route(
        f"{site.files.origin}/moved",
        lambda route: route.fulfill(status=302, headers={**cors, "Location": f"{other}/right"}),
    )
    for name, code in cases.items():
        page = await _opened(person, f"{site.page}#lock-url={site.files.origin}/{name};sha256={digest}")
        await expect(page.get_by_role("dialog")).to_contain_text("Ask 127.0.0.1 what this link means?")
        await page.get_by_role("button", name="Ask, and show me").click()
        if code is None:
            await expect(page.get_by_role("dialog")).to_contain_text("1 package, ")
        else:
            await expect(page.get_by_role("alert")).to_contain_text(f"({code})")
    # What fetches it is in the second file of the library.
    assert (["/app/boot.js"] * 3, []) == site.asked()
