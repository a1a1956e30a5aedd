"""The store of wheels in every browser: the quickest place that the browser really has, and never a wrong byte."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from micropip_lock.testing import PackageIndex
from tests.browsers.driving import ROOT
from tests.browsers.kernel import Kernel, Web, opened

SIZE: Final = 200_000

WORKERS_WITH_HANDLES: Final = {"chromium", "firefox"}
"""Their workers have synchronous handles to files; all else goes to Cache Storage."""


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the store as a module, and what the end-to-end tests ask of it."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(ROOT / "tests" / "e2e" / "store_page" / "calls.mjs", folder)
    options = ("--bundle", "--format=esm", "--external:node:*", f"--outfile={folder}/store.js")
    npm = (ROOT / "tools" / "npm", "exec", "--silent", "--")
    subprocess.run([*npm, "esbuild", "src/store.ts", *options], check=True, capture_output=True)
    return str(folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """The store in one tab."""

    kernel: Kernel

    def call(self, name: str, *given: object) -> Any:
        """Call a function of ``store_page/calls.mjs``."""
        return self.kernel.run(
            "async ({ name, given }) => (await import('/store/calls.mjs'))[name](...given)",
            {"name": name, "given": given},
        )


@pytest.fixture
def origin(web: Web, scripts: str) -> Iterator[Web]:
    """An origin of this test's own, whose storage is empty."""
    with PackageIndex() as server:
        server.mount("/page/", ROOT / "tests" / "e2e" / "page")
        server.mount("/store/", scripts)
        page = server.mount("/browsers/", ROOT / "tests" / "browsers" / "page")
        yield Web(browser=web.browser, index=web.index, page=page, lock=web.lock, place=web.place)


@contextlib.contextmanager
def _visit(origin: Web) -> Iterator[Store]:
    with opened(origin, pyodide=False) as kernel:
        store = Store(kernel=kernel)
        expected = "opfs" if origin.place == "worker" and origin.browser.name in WORKERS_WITH_HANDLES else "cache"
        assert expected == store.call("open")
        yield store


def test_put_and_get(origin: Web) -> None:
    """What one tab put, another one gets and lists while the first still has it open."""
    with _visit(origin) as first, _visit(origin) as second:
        digest = first.call("digest", 1, SIZE)
        kept = [first.call("put", 1, SIZE), first.call("put", 1, SIZE), first.call("get", digest)]
        found = [second.call("get", digest), second.call("get", "0" * 64), second.call("list")]

    assert (["stored", "there", digest], [digest, None, [[digest, SIZE]]]) == (kept, found)


def test_the_next_visit(origin: Web) -> None:
    """What one visit put is there in the next, but for a private window, which forgets."""
    with _visit(origin) as first:
        digest = first.call("digest", 1, SIZE)
        first.call("put", 1, SIZE)
        first.call("settle")
    with _visit(origin) as second:
        found = second.call("get", digest)

    assert (None if origin.browser.name == "webkit-private" else digest) == found


def test_a_flipped_bit(origin: Web) -> None:
    """A wheel in which one bit changed at rest is not given, and is gone; it can be kept anew."""
    with _visit(origin) as first:
        digest = first.call("digest", 1, SIZE)
        first.call("put", 1, SIZE)
        first.call("flip", digest)
        found = [first.call("get", digest), first.call("list")]
        again = [first.call("put", 1, SIZE), first.call("get", digest)]

    assert ([None, []], ["stored", digest]) == (found, again)


def test_extras(origin: Web) -> None:
    """What is kept beside a wheel is given as it was."""
    with _visit(origin) as first:
        digest = first.call("digest", 1, SIZE)
        kept = [first.call("putExtra", digest, "checked", "é"), first.call("getExtra", digest, "checked")]

    assert ["stored", "é"] == kept


def test_one_wheel_is_fetched_once(origin: Web) -> None:
    """Two replays that want one wheel at the same time take turns: the second finds what the first kept."""
    with _visit(origin) as first:
        told = first.kernel.run(
            """async (size) => {
                const { visit } = await import("/store/calls.mjs");
                return (await Promise.all([visit(1, size), visit(1, size)])).sort();
            }""",
            SIZE,
        )

    assert ["found", "stored"] == told
