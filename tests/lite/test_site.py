"""A site that was built with a lock, in Chromium, with no host but this machine to be reached."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from micropip_lock.testing import wheel
from tests.lite.conftest import DEMO, Built, Served
from tests.lite.lab import Lab, LabKernel, visitor
from tests.lite.static_host import StaticHost

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IMPORTS = """
import importlib, json
lock = json.loads(await (await __import__("pyodide.http").http.pyfetch(%r)).string())
answer = {}
for name in %r:
    for module in lock["packages"][name]["imports"]:
        try:
            importlib.import_module(module)
        except Exception as error:
            answer[module] = repr(error)
"""

# The last of what the page puts into the cache is there, and so is the page itself.
_ALL_KEPT = "async (last) => Boolean((await caches.match(last)) && (await caches.match(location.href)))"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lab(served: Served) -> AsyncIterator[Lab]:
    """A visitor."""
    async with visitor(served.browser) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kernel(served: Served, lab: Lab) -> LabKernel:
    """The first kernel of a first visit."""
    return await lab.kernel(await lab.open(f"{served.url}lab/index.html"))


def _lock(served: Served) -> str:
    return f"{served.url}static/micropip-lock/pyodide-lock.json"


async def test_a_kernel_starts_with_the_lock_in_place(served: Served, kernel: LabKernel) -> None:
    """Every locked package is imported without an install, and the environment is the lock."""
    failed = await kernel.ask(IMPORTS % (_lock(served), list(DEMO)))
    # matplotlib_inline is for a site with matplotlib.
    assert {"matplotlib_inline"} >= failed.keys()
    # What records is not loaded before it is needed.
    assert not await kernel.ask("import sys; answer = 'micropip_lock.wiring' in sys.modules")
    code = f"import micropip_lock; answer = (await micropip_lock.verify({_lock(served)!r})).to_json()"
    report = await kernel.ask(code)
    assert ([], True) == (report["findings"], report["ok"])
    frozen = await kernel.ask("import json, micropip; answer = sorted(json.loads(micropip.freeze())['packages'])")
    assert sorted(DEMO) == frozen


async def test_a_notebook_by_its_path(served: Served, lab: Lab) -> None:
    """A notebook whose path has a lock of its own starts with that one, and with nothing of the other."""
    page = await lab.open(f"{served.url}lab/index.html")
    code = (
        "import importlib.util as u; answer = [u.find_spec(name) is not None for name in ('idna', 'rich', 'IPython')]"
    )
    assert [True, False, True] == await (await lab.kernel(page, "other-1.ipynb")).ask(code)
    assert [False, True, True] == await (await lab.kernel(page, "another-1.ipynb")).ask(code)


async def test_what_is_installed_is_recorded(served: Served, kernel: LabKernel) -> None:
    """What ``%pip`` and ``micropip.install`` bring is recorded with its index, and frozen."""
    index = served.index
    index.add(wheel("first"))
    index.add(wheel("second"))
    assert None is await kernel.run(f"import micropip\nmicropip.set_index_urls({index.url!r})\n%pip install first")
    assert None is await kernel.run("await micropip.install('second')")
    frozen = await kernel.ask("import json; answer = json.loads(micropip.freeze())['packages']")
    origins = {name: frozen[name]["tool"]["micropip-lock"].get("index") for name in ("first", "second")}
    assert {"first": index.url, "second": index.url} == origins


async def test_the_next_visit_needs_no_wheel(served: Served, lab: Lab) -> None:
    """What lies under its digest is not asked for again, also of a host that says nothing of caches."""
    served.host.asked.clear()
    page = await lab.open(f"{served.url}lab/index.html")
    assert await (await lab.kernel(page, "second.ipynb")).ask("import rich; answer = True")
    wheels = [path for path in served.host.asked if path.endswith(".whl")]
    assert ([], True) == (wheels, bool(served.host.asked))


async def test_a_site_for_offline_needs_no_network(built: Built, served: Served, tmp_path: Path) -> None:
    """After one visit the application opens, a kernel starts and imports what is locked while the host is gone."""
    shutil.copytree(built.output, tmp_path / "site")
    config = tmp_path / "site" / "jupyter-lite.json"
    told = json.loads(config.read_text())
    # What --micropip-lock-offline writes.
    told["jupyter-config-data"]["enableServiceWorkerCache"] = True
    config.write_text(json.dumps(told))
    async with visitor(served.browser, forgiven={"ERR_CONNECTION_REFUSED": "the host is gone"}) as lab:
        with StaticHost(tmp_path / "site") as host:
            url = f"{host.url}lab/index.html"
            page = await lab.open(url)
            assert await (await lab.kernel(page)).ask("import rich; answer = True")
            await page.wait_for_function(_ALL_KEPT, arg=f"{host.url}static/pyodide/python_stdlib.zip")
            await page.close()
        kernel = await lab.kernel(await lab.open(url))
        assert await kernel.ask("import rich, pydantic; answer = True")
