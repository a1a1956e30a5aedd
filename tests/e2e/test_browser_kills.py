"""Pages and browsers that end at random moments of a replay: the next start finds the store and the directories clean.

The profile lasts. Each round replays the next version into site-packages, into a directory that IndexedDB keeps, and
into one that the origin's private files keep, and is killed; the round after it looks at what is there.
``make schedules ARGS="--kills 50"`` does it more often.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, LockedPackage, Wheel, by_name
from micropip_lock.testing import BuiltWheel, PackageIndex, wheel
from tests.e2e.chromium import FLAGS, PLACES, Place, Web, chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

START, END = (int(one) for one in os.environ.get("MICROPIP_LOCK_KILLS", "0-12").split("-"))

LASTING: Final = ("/lasting-idb", "/lasting-opfs")

KERNEL: Final = """
import builtins, micropip_lock, pyodide_js
from micropip_lock import wiring
from micropip_lock.adapters import engine
from micropip_lock.adapters import pyodide as own
from pathlib import Path
from pyodide.code import run_js

await run_js('''async (pyodide) => {
  const { FS } = pyodide;
  const { IDBFS, NATIVEFS_ASYNC } = FS.filesystems;
  const root = await navigator.storage.getDirectory();
  const fileSystemHandle = await root.getDirectoryHandle("lasting-opfs", { create: true });
  FS.mkdir("/lasting-idb");
  FS.mount(IDBFS, {}, "/lasting-idb");
  FS.mkdir("/lasting-opfs");
  FS.mount(NATIVEFS_ASYNC, { fileSystemHandle }, "/lasting-opfs");
  await new Promise((resolve, reject) => FS.syncfs(true, (error) => (error ? reject(error) : resolve())));
}''')(pyodide_js)

async def replay(text):
    await micropip_lock.replay(text)
    engine.settle()
    for place in ("/lasting-idb", "/lasting-opfs"):
        await micropip_lock.replay(text, target=place)
    await engine.store_all()

def look():
    return {place: wiring.tree_of(Path(place)) for place in ("/lasting-idb", "/lasting-opfs")}

builtins.replay, builtins.look = replay, look
from micropip_lock.core.model import Lock
answer = Lock(abi=own.PyodideRuntime().abi(), packages={}).to_json()
"""

STORED: Final = """async () => {
  const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const found = { whole: [], broken: [] };
  const look = async (name, bytes) => {
    const whole = hex(await crypto.subtle.digest("SHA-256", bytes)) === name;
    (whole ? found.whole : found.broken).push(name);
  };
  const walk = async (folder) => {
    for await (const [name, entry] of folder.entries()) {
      if (entry.kind === "directory") await walk(entry);
      else await look(name, await (await entry.getFile()).arrayBuffer());
    }
  };
  const root = await navigator.storage.getDirectory();
  const own = await root.getDirectoryHandle("micropip-lock").catch(() => undefined);
  const wheels = await own?.getDirectoryHandle("wheels").catch(() => undefined);
  if (wheels) await walk(wheels);
  const cache = await caches.open("micropip-lock");
  for (const request of await cache.keys()) {
    if (/\\/wheels\\//.test(request.url)) {
      await look(request.url.split("/").at(-1), await (await cache.match(request)).arrayBuffer());
    }
  }
  return found;
}"""


@dataclass(kw_only=True, slots=True)
class Profile:
    """One profile of Chromium, through all that happens to it.

    Attributes:
        web: Where everything is.
        index: The wheels that are replayed.
        place: Where Pyodide runs.
        folder: The profile.
        before: What lay in the lasting directories when the last replay began.
        published: Files that the index has.
        found: How often each of the lasting directories was as before, or as after.
    """

    web: Web
    index: PackageIndex
    place: Place
    folder: Path
    before: Mapping[str, Any] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)
    found: Counter[str] = field(default_factory=Counter)

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator[BrowserContext]:
        """Start Chromium with this profile."""
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                self.folder, executable_path=chromium_path(), args=[*FLAGS]
            )
            try:
                yield context
            finally:
                # It may be gone.
                with contextlib.suppress(Exception):
                    await context.close()

    async def boot(self, context: BrowserContext) -> tuple[Page, Lock]:
        """A page with a Pyodide that has our tools and the lasting directories; and an empty lock of it."""
        page = await context.new_page()
        page.set_default_timeout(120_000)
        await page.goto(f"{self.web.pages[self.place]}index.html?in={self.place}")
        await page.wait_for_function("window.kernel !== undefined")
        directory = urljoin(self.web.pages[self.place], "/pyodide/")
        options = {"directory": directory, "lock": self.web.lock, "packages": ["micropip"]}
        await page.evaluate("options => kernel.boot(options)", options)
        await self.ask(
            page,
            f"import micropip\nawait micropip.install('micropip-lock', index_urls={self.web.index.url!r})\nanswer=0",
        )
        return page, Lock.from_json(await self.ask(page, KERNEL))

    async def ask(self, page: Page, code: str) -> Any:
        """Run code that assigns ``answer``; that value."""
        return await page.evaluate("code => kernel.ask(code)", code)

    async def begin(self, page: Page, empty: Lock, number: int) -> None:
        """Begin the replay of a version, without waiting for it."""
        self.before = await self.ask(page, "answer = look()")
        code = f"await replay({self._lock(empty, number).to_json()!r})\nanswer = 0"
        await page.evaluate("code => void kernel.ask(code).catch(() => {})", code)

    async def check(self, page: Page, empty: Lock, number: int) -> list[str]:
        """What is wrong after a replay of a version was killed; it is replayed again, to its end."""
        wrong = []
        stored = await page.evaluate(STORED)
        if stored["broken"]:
            wrong.append(f"broken in the store: {stored['broken']}")
        for place in LASTING:
            await self.ask(page, f"import micropip_lock\nawait micropip_lock.recover({place!r})\nanswer = 0")
        recovered = await self.ask(page, "answer = look()")
        text = self._lock(empty, number).to_json()
        await self.ask(page, f"await replay({text!r})\nanswer = 0")
        after = await self.ask(page, "answer = look()")
        verified = await self.ask(page, f"import micropip_lock\nanswer = (await micropip_lock.verify({text!r})).ok")
        wrong += [
            f"{place} is neither before, {_unlike(recovered[place], self.before[place])}, "
            f"nor after, {_unlike(recovered[place], after[place])}"
            for place in LASTING
            if recovered[place] not in (self.before[place], after[place])
        ]
        self.found.update(f"{place}: {'after' if recovered[place] == after[place] else 'before'}" for place in LASTING)
        stored = await page.evaluate(STORED)
        digests = {one.wheel.digest.hex for one in self._lock(empty, number)}
        if stored["broken"] or digests - {*stored["whole"]}:
            wrong.append(f"not whole in the store: {stored['broken']}, {len(stored['whole'])} are")
        values = {f"value = {number}" in (await self._read(page, place)) for place in LASTING}
        return [*wrong, *(["not the lock"] if not verified or values != {True} else [])]

    async def _read(self, page: Page, place: str) -> str:
        text: str = await self.ask(page, f"answer = open({place + '/alpha.py'!r}).read()")
        return text

    def _lock(self, empty: Lock, number: int) -> Lock:
        return replace(empty, packages=by_name([self._locked(name, number) for name in ("alpha", "beta", "gamma")]))

    def _locked(self, name: str, number: int) -> LockedPackage:
        built = _wheel(name, number)
        if built.filename not in self.published:
            self.published.add(built.filename)
            self.index.add(built)
        url = self.index.file_url(built.filename)
        return LockedPackage(
            name=built.project,
            display_name=built.name,
            version=built.version,
            wheel=Wheel(url=url, digest=Digest.of(built.data), size=built.size),
            imports=(built.name,),
        )


def _wheel(name: str, number: int) -> BuiltWheel:
    chance = random.Random(f"{name} {number}")
    data = "".join(f"{chance.random()}\n" for _ in range(20_000))
    return wheel(name, f"1.{number}", files={f"{name}.py": f"value = {number}\n", f"{name}_data/{number}.txt": data})


def _unlike(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return sorted(f"{path} {found.get(path)}" for path in {*found, *wanted} if found.get(path) != wanted.get(path))


async def _kill(context: BrowserContext, page: Page, *, whole: bool) -> None:
    if not whole:
        await page.close()
        return
    assert context.browser is not None
    devtools = await context.browser.new_browser_cdp_session()
    processes = (await devtools.send("SystemInfo.getProcessInfo"))["processInfo"]
    async with context.expect_event("close"):
        os.kill(next(one["id"] for one in processes if one["type"] == "browser"), signal.SIGKILL)


@pytest.mark.parametrize("place", PLACES)
async def test_killed_at_random_moments(web: Web, tmp_path: Path, place: Place) -> None:
    """After each end the store has whole wheels only, each directory is exactly before or after, and a replay works."""
    numbers = list(range(START + list(PLACES).index(place), END, len(PLACES)))
    wrong: list[tuple[int, str]] = []
    with PackageIndex() as index:
        profile = Profile(web=web, index=index, place=place, folder=tmp_path)
        before: int | None = None
        while numbers or before is not None:
            async with profile.browser() as context:
                # Pages end in one browser as long as it lives.
                while True:
                    page, empty = await profile.boot(context)
                    if before is not None:
                        wrong += [(before, one) for one in await profile.check(page, empty, before)]
                        before = None
                    if not numbers:
                        break
                    before = numbers.pop(0)
                    chance = random.Random(before)
                    await profile.begin(page, empty, before)
                    await asyncio.sleep(chance.random() ** 2 * 2.5)
                    whole = chance.random() < 0.5
                    await _kill(context, page, whole=whole)
                    if whole:
                        break
    print(f"{place}: {len(range(START, END, len(PLACES)))} kills; {dict(profile.found)}; wrong: {wrong}")
    assert [] == wrong
