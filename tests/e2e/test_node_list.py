"""``micropip.list()`` while recording is on: the true source of every package, on both runtimes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314
from tests.e2e.test_node_piplite import KERNEL_WHEELS
from tests.e2e.test_node_records import load

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

OF_RUNTIME = wheel("of-runtime")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A Pyodide with a package from everywhere.

    Attributes:
        kernel: The running Pyodide; recording is on.
        first: Index of ``by-name``.
        second: Index of ``elsewhere``, which ``by-name`` needs.
    """

    kernel: Kernel
    first: PackageIndex
    second: PackageIndex


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[PYODIDE_314, PYODIDE_029])
async def listed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Listed]:
    """By name from two indexes, by address, from the runtime's own distribution, and from a local file."""
    with PackageIndex() as first, PackageIndex() as second:
        first.add(wheel("by-name", requires=["elsewhere"]))
        second.add(wheel("elsewhere"))
        by_address = second.file_url(second.add(wheel("by-address")).filename)
        local = wheel("local")
        async with kernel(request.param, index_urls=[first.url]) as running:
            await running.ask(f"""
import micropip, micropip_lock
from pathlib import Path
micropip.set_index_urls([{first.url!r}, {second.url!r}])
micropip_lock.record()
Path("/home/pyodide/{local.filename}").write_bytes({local.data!r})
await micropip.install(["by-name", {by_address!r}, "emfs:/home/pyodide/{local.filename}"])
answer = 0
""")
            await load(running, OF_RUNTIME, tmp_path_factory.mktemp("runtime"))
            yield Listed(kernel=running, first=first, second=second)


async def sources(running: Kernel) -> dict[str, str]:
    """What ``micropip.list()`` says of each of them."""
    found: dict[str, str] = await running.ask("""
import micropip
answer = {name: one.source for name, one in micropip.list().items()}
""")
    names = ("by-name", "elsewhere", "by-address", "of-runtime", "local")
    return {name: source for name, source in found.items() if name in names}


async def test_list_names_every_source(listed: Listed) -> None:
    """Each package is listed with its index, its address, as local, or as of the runtime's own distribution."""
    assert {
        "by-name": listed.first.url,
        "elsewhere": listed.second.url,
        "by-address": listed.second.file_url(wheel("by-address").filename),
        "local": "local",
        "of-runtime": "pyodide",
    } == await sources(listed.kernel)


async def test_the_table_shows_them(listed: Listed) -> None:
    """The table that a notebook shows has the same sources, and the versions."""
    table = await listed.kernel.ask("import micropip; answer = str(micropip.list())")
    row = next(line for line in table.splitlines() if line.startswith("by-name "))

    assert ["by-name", "1.0", listed.first.url] == [cell.strip() for cell in row.split("|")]


async def test_sources_agree_with_the_lock(listed: Listed) -> None:
    """What is listed is what a freeze locks: index or address."""
    origins = await listed.kernel.ask("""
import micropip_lock
lock = await micropip_lock.freeze(strict=False)
answer = {name: one.origin.index or one.origin.url for name, one in lock.packages.items()}
""")
    shown = await sources(listed.kernel)

    assert {name: shown[name] for name in ("by-name", "elsewhere", "by-address")} == {
        name: origin for name, origin in origins.items() if name in ("by-name", "elsewhere", "by-address")
    }


async def test_an_uninstall_takes_it_off_the_list(listed: Listed) -> None:
    """What is uninstalled is listed no more; what is installed again from elsewhere is listed from there."""
    url = listed.first.file_url(wheel("by-name", requires=["elsewhere"]).filename)
    await listed.kernel.ask(f"""
import micropip
micropip.uninstall(["by-name", "by-address"])
await micropip.install({url!r})
answer = 0
""")
    found = await sources(listed.kernel)

    assert (url, False) == (found["by-name"], "by-address" in found)


async def test_percent_pip_lists_nothing(listed: Listed) -> None:
    """``%pip list`` is no action of piplite: it runs nothing, so that there is nothing to show a source in."""
    with PackageIndex() as tools:
        address = tools.mount("/kernel/", Path(KERNEL_WHEELS))
        (piplite,) = (path.name for path in KERNEL_WHEELS.glob("piplite-*.whl"))
        code = await listed.kernel.ask(f"""
import micropip
await micropip.install({address + piplite!r})
from piplite.cli import get_transformed_code
answer = await get_transformed_code(["list"])
""")

    assert "" == code.strip()
