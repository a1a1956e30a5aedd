"""Locating in Pyodide under Node: the browser engine's ranges, heads and pages."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from micropip_lock.testing import GzipEncoded, PackageIndex, wheel
from tests.e2e.kernel import kernel

pytestmark = pytest.mark.node

type MakeIndex = Callable[..., PackageIndex]

DEMO = wheel("demo", files={"demo.py": "x = 1\n", "noise.bin": random.Random(3).randbytes(90_000)})

# What pip leaves behind in a Pyodide virtual environment: files, and no record of ours.
UNPACK = """
import io, zipfile
from micropip_lock import wiring
from micropip_lock.adapters.engine import EngineFetcher
fetcher = EngineFetcher()
for url in URLS:
    data = (await fetcher.fetch(url)).data
    zipfile.ZipFile(io.BytesIO(data)).extractall("/located")
"""

LOCATE = """
from pathlib import Path
from micropip_lock.adapters.engine import EngineFetcher
from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.locate import locate
found = await locate(
    SitePackages(Path("/located")).distributions(), index_urls=INDEXES, fetcher=EngineFetcher()
)
answer = {
    name: [one.origin.url, one.origin.index, one.digest.hex, one.size] if hasattr(one, "origin") else one.code
    for name, one in found.items()
}
"""


def methods(index: PackageIndex) -> list[tuple[str, int | None]]:
    """How files were asked for, and what was answered; without what a browser asks on its own."""
    return [(one.method, one.status) for one in index.log.requests("/files/*") if one.method != "OPTIONS"]


async def test_locate_in_pyodide(package_index_factory: MakeIndex) -> None:
    """A wheel is proven by one range; by a head and a range without sizes; by one answer without ranges."""
    known, unsized, whole = package_index_factory(), package_index_factory(sizes=False), package_index_factory()
    indexes = [known, unsized, whole]
    for index in indexes:
        index.add(DEMO)
    found, asked = [], []
    async with kernel() as running:
        await running.ask(f"URLS = {[known.file_url(DEMO.filename)]!r}\n{UNPACK}\nanswer = None")
        whole.fault("/files/*", GzipEncoded())
        for index in indexes:
            index.log.clear()
            found.append(await running.ask(f"INDEXES = {[index.url]!r}\n{LOCATE}"))
            asked.append(methods(index))
    origins = [{"demo": [index.file_url(DEMO.filename), index.url, DEMO.sha256, DEMO.size]} for index in indexes]
    assert origins == found
    assert [[("GET", 206)], [("HEAD", 200), ("GET", 206)], [("GET", 200)]] == asked


async def test_pages_are_asked_for_as_json(package_index_factory: MakeIndex) -> None:
    """The header Accept, which needs no permission, asks for JSON; another index's HTML is read as well."""
    json, html = package_index_factory(), package_index_factory(formats=("html",))
    html.add(DEMO)
    async with kernel() as running:
        await running.ask(f"URLS = {[html.file_url(DEMO.filename)]!r}\n{UNPACK}\nanswer = None")
        found = await running.ask(f"INDEXES = {[json.url, html.url]!r}\n{LOCATE}")
    (request,) = json.log.requests("/simple/*")
    assert (html.url, True) == (found["demo"][1], request.headers["accept"].startswith("application/vnd.pypi.simple"))
