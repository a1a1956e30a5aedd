"""The store in every browser, in a page and in a worker: what one of them lacks is answered by a slower path."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from micropip_lock.testing import PackageIndex
from tests.browsers.driving import ROOT, Browser, Tab
from tests.e2e.chromium import PLACES, Place

SIZE: Final = 400_000
KINDS: Final = {
    ("chromium", "worker"): "opfs",
    ("firefox", "worker"): "opfs",
}
"""Where wheels are kept; Cache Storage where nothing is said here: pages, and workers without synchronous handles."""

Open = Callable[[], Tab]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with the store."""
    folder = tmp_path_factory.mktemp("store-page")
    shutil.copytree(ROOT / "tests" / "e2e" / "store_page", folder, dirs_exist_ok=True)
    options = ("--bundle", "--format=esm", "--external:node:*", f"--outfile={folder}/store.js")
    npm = (ROOT / "tools" / "npm", "exec", "--silent", "--")
    subprocess.run([*npm, "esbuild", "src/store.ts", *options], check=True, capture_output=True)
    return folder


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    """In the page itself, or in a worker of it."""
    found: Place = request.param
    return found


@pytest.fixture
def open_page(browser: Browser, place: Place, folder: Path) -> Iterator[Open]:
    """Opens pages of an origin of this test's own, each with its store open."""
    tabs: list[Tab] = []
    with PackageIndex() as server:
        origin = server.mount("/store/", folder)

        def opened() -> Tab:
            tab = browser.open(f"{origin}index.html?in={place}")
            tabs.append(tab)
            assert KINDS.get((browser.name, place), "cache") == call(tab, "open")
            return tab

        yield opened
        for tab in tabs:
            with contextlib.suppress(AssertionError):
                # A test may have closed it.
                tab.close()


def call(tab: Tab, name: str, *given: Any) -> Any:
    return tab.evaluate(
        """async ([name, given]) => {
            while (window.call === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
            return window.call(name, ...given);
        }""",
        [name, list(given)],
    )


def test_put_and_get(open_page: Open) -> None:
    """What one page put, another one gets, while the first still has it open, and lists."""
    first = open_page()
    digest = call(first, "digest", 1, SIZE)
    kept = [call(first, "put", 1, SIZE), call(first, "put", 1, SIZE), call(first, "get", digest)]
    second = open_page()
    found = [call(second, "get", digest), call(second, "get", "0" * 64), call(second, "list")]

    assert (["stored", "there", digest], [digest, None, [[digest, SIZE]]]) == (kept, found)


def test_a_flipped_bit(open_page: Open) -> None:
    """A wheel in which one bit changed at rest is not given, and is gone; it can be kept anew."""
    tab = open_page()
    digest = call(tab, "digest", 1, SIZE)
    call(tab, "put", 1, SIZE)
    call(tab, "flip", digest)
    found = [call(tab, "get", digest), [name for name in call(tab, "everything") if digest in name]]
    again = [call(tab, "put", 1, SIZE), call(tab, "get", digest)]

    assert ([None, []], ["stored", digest]) == (found, again)


def test_extras(open_page: Open) -> None:
    """What is kept beside a wheel is replaced, and given in another page."""
    first = open_page()
    digest = call(first, "digest", 1, SIZE)
    kept = [call(first, "putExtra", digest, "checked", text) for text in ("a", "é")]
    call(first, "settle")
    second = open_page()
    found = [call(second, "getExtra", digest, kind) for kind in ("checked", "other")]

    assert (["stored", "stored"], ["é", None]) == (kept, found)


def test_two_pages(open_page: Open) -> None:
    """Two pages that want the same wheels fetch each once."""
    first, second = open_page(), open_page()
    begin = """(seeds) => {
        window.told = Promise.all(seeds.map((seed) => call("visit", seed, 200_000)));
        return null;
    }"""
    seeds = list(range(4))
    for tab in (first, second):
        tab.evaluate(begin, seeds)
    told = [tab.evaluate("() => window.told") for tab in (first, second)]

    assert [["found", "stored"]] * 4 == [sorted(pair) for pair in zip(*told, strict=True)]
    assert 4 == len(call(second, "list"))


def test_a_closed_page(open_page: Open) -> None:
    """A page that is closed while it puts wheels leaves whole wheels only."""
    tab = open_page()
    tab.evaluate("(size) => { void call('keepPutting', size); return null; }", 4_000_000)
    tab.evaluate("() => new Promise((resolve) => setTimeout(resolve, 60))")
    tab.close()
    after = open_page()
    listed = [digest for digest, _ in call(after, "list")]
    found = [call(after, "get", digest) for digest in listed]

    assert listed == found
    assert "stored" == call(after, "put", 1_000, SIZE)
