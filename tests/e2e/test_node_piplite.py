"""JupyterLite's piplite and ``%pip``, in Pyodide under Node, with a site index (``all.json``) that the test serves."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from jupyterlite_pyodide_kernel.addons.piplite import write_wheel_index  # type: ignore[import-untyped]  # has no types

from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, Status, wheel
from tests.e2e.kernel import Kernel, kernel

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

KERNEL_WHEELS = Path(sys.prefix, "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi")
"""Where jupyterlite-pyodide-kernel keeps the wheels that its kernel installs at start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A Pyodide as a JupyterLite kernel has it, and what it can reach.

    Attributes:
        kernel: The running Pyodide; recording is on.
        index: The public index, and the server of the site.
        all_json: Address of the site's own index.
    """

    kernel: Kernel
    index: PackageIndex
    all_json: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site with wheels of its own, and a public index that has others, and one of the site's in a newer version."""
    wheels = tmp_path_factory.mktemp("pypi")
    own = [wheel(f"{name}of-the-site") for name in ("", "third-", "fourth-")]
    for built in (*own, wheel("of-the-site-too", requires=["public"])):
        (wheels / built.filename).write_bytes(built.data)
    write_wheel_index(wheels)
    with PackageIndex() as index:
        index.add(wheel("public"))
        index.add(wheel("of-the-site", "99.0"))
        index.add(wheel("third-of-the-site", "99.0"))
        tools = index.mount("/kernel/", KERNEL_WHEELS)
        all_json = index.mount("/pypi/", wheels) + "all.json"
        (piplite,) = (path.name for path in KERNEL_WHEELS.glob("piplite-*.whl"))
        async with kernel() as running:
            await running.ask(f"""
import micropip
await micropip.install({tools + piplite!r})
import piplite.piplite
piplite.piplite._PIPLITE_URLS[:] = [{all_json!r}]
micropip.set_index_urls({index.url!r})
import micropip_lock
micropip_lock.record()
answer = True
""")
            yield Site(kernel=running, index=index, all_json=all_json)


async def _origin(site: Site, name: str) -> tuple[str | None, str]:
    lock = Lock.from_json(
        await site.kernel.ask("import micropip_lock; answer = (await micropip_lock.freeze()).to_json()")
    )
    package = lock.packages[next(key for key in lock.packages if key == name)]
    assert package.origin is not None
    return package.origin.index, package.wheel.filename


async def test_piplite_records_the_sites_index(site: Site) -> None:
    """A wheel of the site is recorded with the address of its all.json as its index."""
    await site.kernel.ask("import piplite; await piplite.install('of-the-site'); answer = 0")

    assert (site.all_json, wheel("of-the-site").filename) == await _origin(site, "of-the-site")


async def test_what_piplite_takes_elsewhere_names_elsewhere(site: Site) -> None:
    """A dependency that the site does not have is recorded with the index it came from."""
    await site.kernel.ask("import piplite; await piplite.install('of-the-site-too'); answer = 0")

    assert (site.index.url, wheel("public").filename) == await _origin(site, "public")


async def test_percent_pip_records(site: Site) -> None:
    """``%pip install`` is a line that piplite turns into an install; running that line records."""
    await site.kernel.ask("""
from piplite.cli import get_transformed_code
from pyodide.code import eval_code_async
code = await get_transformed_code(["install", "third-of-the-site"])
await eval_code_async(code, globals={})
answer = code
""")

    assert (site.all_json, wheel("third-of-the-site").filename) == await _origin(site, "third-of-the-site")


async def test_what_piplite_installed_replays(site: Site) -> None:
    """A lock of what piplite installed replays in another Pyodide to the same lock."""
    await site.kernel.ask("import piplite; await piplite.install(['of-the-site', 'of-the-site-too']); answer = 0")
    text = await site.kernel.ask("import micropip_lock; answer = (await micropip_lock.freeze()).to_json()")
    async with kernel() as second:
        await second.pyodide.replay(Lock.from_json(text))
        again = (await second.pyodide.freeze()).lock.to_json()

    assert text == again


async def test_a_failing_site_index_stops_the_install(site: Site) -> None:
    """When all.json answers 503 the install stops; the public index, where anybody may own the name, is not asked."""
    site.index.fault("*/all.json", Status(503))
    site.index.log.clear()
    error = await site.kernel.failure("""
import piplite, piplite.piplite
piplite.piplite._PIPLITE_INDICES.clear()
await piplite.install("not-there-yet")
""")
    site.index.clear_faults()

    assert ("index-failed", []) == (error["code"], site.index.log.paths("/simple/*"))


async def test_a_site_index_that_recovers_is_asked_again(site: Site) -> None:
    """After a failed install the next one asks all.json anew and goes on as usual."""
    site.index.fault("*/all.json", Status(503, times=1))
    failed = await site.kernel.failure("""
import piplite, piplite.piplite
piplite.piplite._PIPLITE_INDICES.clear()
await piplite.install("fourth-of-the-site")
""")
    await site.kernel.ask("import piplite; await piplite.install('fourth-of-the-site'); answer = 0")

    assert ("index-failed", (site.all_json, wheel("fourth-of-the-site").filename)) == (
        failed["code"],
        await _origin(site, "fourth-of-the-site"),
    )
