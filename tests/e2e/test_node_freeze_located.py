"""``await freeze()`` in Pyodide under Node: what pip installed, and a wheel unpacked by hand, is located and proven."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from micropip_lock.adapters.default_index import default_index_urls
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.asking import the
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.wheelhouse import wheels
from tests.installers import run_installer

pytestmark = pytest.mark.node

type MakeIndex = Callable[..., PackageIndex]

APP = wheel(
    "app",
    "1.0",
    files={"app/__init__.py": "x = 1\n", "app/noise.bin": random.Random(5).randbytes(90_000)},
    requires=["base"],
    dist_info={"entry_points.txt": "[console_scripts]\napp = app:main\n"},
)
BASE = wheel("base", "2.0", files={"base.py": "y = 2\n"})
HAND = wheel("hand", "3.0", files={"hand.py": "z = 3\n"}, requires=["base"])

UNPACK = """
import io, zipfile
from pathlib import Path
from micropip_lock.adapters import engine, pyodide
fetcher = engine.EngineFetcher()
for url in URLS:
    zipfile.ZipFile(io.BytesIO((await fetcher.fetch(url)).data)).extractall(pyodide.site_packages().root)
answer = None
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What real pip installs, and beside it a wheel unpacked by hand, as one archive."""
    scratch = tmp_path_factory.mktemp("installed")
    with PackageIndex() as index:
        index.add(APP)
        index.add(BASE)
        flags = ["--only-binary", ":all:", "--target", str(scratch / "site"), "--index-url", index.url]
        run_installer("pip", scratch / "home", *flags, "app")
    with zipfile.ZipFile(io.BytesIO(HAND.data)) as opened:
        opened.extractall(scratch / "site")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for path in sorted((scratch / "site").rglob("*")):
            out.write(path, path.relative_to(scratch / "site"))
    return packed.getvalue()


@pytest.fixture
def index(package_index_factory: MakeIndex, archive: bytes, tmp_path: Path) -> PackageIndex:
    """An index with all three wheels; and, elsewhere on it, that archive."""
    one = package_index_factory()
    for built in (APP, BASE, HAND):
        one.add(built)
    (tmp_path / "site.zip").write_bytes(archive)
    one.mount("/installed/", tmp_path)
    return one


async def fill(running: Kernel, index: PackageIndex) -> None:
    """Put what was installed into the kernel's site-packages."""
    await running.ask(f"URLS = {[index.origin + '/installed/site.zip']!r}\n{UNPACK}")
    index.log.clear()


def facts(lock: Lock) -> dict[str, tuple[str, int | None, str | None, bool]]:
    """What a lock says of each package."""
    return {
        one.name: (one.wheel.digest.hex, one.wheel.size, one.origin.index if one.origin else None, one.requested)
        for one in lock
    }


def expected(index: PackageIndex) -> dict[str, tuple[str, int | None, str | None, bool]]:
    """The same of the three wheels: pip noted that somebody asked for app, and nothing else needs hand."""
    return {built.project: (built.sha256, built.size, index.url, built is not BASE) for built in (APP, BASE, HAND)}


async def test_given_indexes(index: PackageIndex) -> None:
    """``freeze(index_urls=…)`` proves each wheel by one page in JSON and one range; the lock replays elsewhere."""
    async with kernel() as running:
        await fill(running, index)
        text = await running.ask(
            f"import micropip_lock as ml; answer = (await ml.freeze(index_urls={[index.url]!r})).to_json()"
        )
        asked = [(one.method, one.status) for one in index.log.requests("/files/*")]
        pages = index.log.requests("/simple/*")
    lock = Lock.from_json(text)
    assert expected(index) == facts(lock)
    assert [("GET", 206)] * 3 == asked
    assert {True} == {one.headers["accept"].startswith("application/vnd.pypi.simple") for one in pages}
    async with kernel() as other:
        report = await other.ask(
            f"import micropip_lock as ml; report = await ml.replay({text!r})\n"
            "import app, base, hand; answer = [app.x, base.y, hand.z, (await ml.verify(report_text := "
            f"{text!r})).ok]"
        )
    assert [1, 2, 3, True] == report


async def test_micropips_own_indexes(index: PackageIndex) -> None:
    """Without ``index_urls`` the indexes are those that micropip asks: set by ``set_index_urls``, else its default."""
    (tool,) = (path for name, path in wheels("tools").items() if name.startswith("micropip"))
    async with kernel() as running:
        await fill(running, index)
        default, text = await running.ask(
            "import micropip, micropip_lock as ml\n"
            "from micropip_lock.adapters import micropip as adapter\n"
            "default = adapter.index_urls()\n"
            f"micropip.set_index_urls({[index.url]!r})\n"
            "answer = [default, (await ml.freeze()).to_json()]"
        )
    assert default_index_urls(tool) == tuple(default)
    assert expected(index) == facts(Lock.from_json(text))


async def test_micropip_freeze_says_who_can(index: PackageIndex) -> None:
    """``micropip.freeze()``, which cannot wait for an index, names all three and says what can; it asks nobody."""
    async with kernel() as running:
        await fill(running, index)
        error = await running.failure(
            "import micropip, micropip_lock\nwith micropip_lock.record():\n    micropip.freeze()"
        )
    assert [("app", "no-record"), ("base", "no-record"), ("hand", "no-record")] == [
        (item["name"], item["code"]) for item in error["items"]
    ]
    assert {True} == {"await micropip_lock.freeze()" in item["hint"] for item in error["items"]}
    assert 0 == index.log.count()


async def test_only_what_has_no_record_is_asked_for(index: PackageIndex) -> None:
    """What recording left a record of is not asked for again; both are in one lock."""
    recorded = index.add(wheel("recorded", "1.0", requires=["base"]))
    async with kernel() as running:
        await fill(running, index)
        text = await running.ask(
            "import micropip, micropip_lock as ml\n"
            "ml.record()\n"
            f"await micropip.install('recorded', index_urls={[index.url]!r})\n"
            f"answer = (await ml.freeze(index_urls={[index.url]!r})).to_json()"
        )
    lock = Lock.from_json(text)
    assert ["app", "base", "hand", "recorded"] == list(lock.packages)
    assert recorded.sha256 == the(lock, "recorded").wheel.digest.hex
    assert ["/simple/recorded/"] == [path for path in index.log.paths("/simple/*") if "recorded" in path]


@pytest.mark.parametrize(
    ("url", "code"),
    [("http://user:pass-word@127.0.0.1:9/simple", "credentials"), ("index.example/simple", "bad-index-url")],
)
async def test_indexes_that_cannot_be(index: PackageIndex, url: str, code: str) -> None:
    """An address that no browser takes is told at once, also when it was set in micropip; no password is repeated."""
    async with kernel() as running:
        await fill(running, index)
        given = await running.failure(f"import micropip_lock as ml; await ml.freeze(index_urls={[url]!r})")
        there = await running.failure(
            f"import micropip, micropip_lock as ml; micropip.set_index_urls({[url]!r}); await ml.freeze()"
        )
    assert ([code, code], False) == ([given["code"], there["code"]], "pass-word" in str((given, there)))


async def test_an_index_that_cannot_be_asked(index: PackageIndex) -> None:
    """Where an index cannot be reached, the reason is that, for each distribution that needs it."""
    async with kernel() as running:
        await fill(running, index)
        error = await running.failure(
            "import micropip_lock as ml; await ml.freeze(index_urls=['http://127.0.0.1:9/simple'])"
        )
    told = re.compile(r"http://127\.0\.0\.1:9/simple/(\w+)/ could not be asked: \1 could not be fetched")
    assert [("app", True), ("base", True), ("hand", True)] == [
        (item["name"], told.search(item["reason"]) is not None) for item in error["items"]
    ]
