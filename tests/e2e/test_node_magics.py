"""``%lock`` and the panel in a Pyodide under Node, where cells are run as the kernel of JupyterLite runs them."""

from __future__ import annotations

import pytest

from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import kernel

pytestmark = pytest.mark.node

_SHELL = """
from IPython.core.interactiveshell import InteractiveShell
ip = InteractiveShell.instance()
ip.history_manager.enabled = False
shown = []
ip._showtraceback = lambda kind, error, lines: shown.extend(lines)
async def cell(code):
    shown.clear()
    transformed = ip.transform_cell(code)
    assert ip.should_run_async(code, transformed_cell=transformed), transformed
    return (await ip.run_cell_async(code, transformed_cell=transformed)).result
"""


async def test_the_main_job(catalogue: PackageIndex) -> None:
    """Record, install, freeze to a file, verify, undo, replay from the file: each a line, and none needs JSPI; then
    the panel does the same by its buttons.
    """
    with PackageIndex() as index:
        index.add(wheel("pack", "1.0"))
        async with kernel(index_urls=[index.url]) as running:
            found = await running.ask(f"""
import micropip, os
await micropip.install("ipython", index_urls=[{catalogue.url!r}])
{_SHELL}
os.chdir("/home")
micropip.set_index_urls({index.url!r})
ip.run_line_magic("load_ext", "micropip_lock")
await cell("%lock record\\nimport micropip\\nawait micropip.install('pack')\\n%lock freeze pack -o lock.json")
lock = await cell("lock = %lock show lock.json\\nlock")
verified = await cell("%lock verify")
micropip.uninstall("pack")
missing = await cell("%lock verify lock")
replayed = await cell("%lock replay lock.json")
why = await cell("%lock why pack here")
nothing = await cell("%lock freeze nobody\\nreached = True")
said = shown[0].split(":")[0]
await micropip.install("ipywidgets", index_urls=[{catalogue.url!r}])
panel = await cell("%lock panel")
await panel.done()
seen = [row.key for row in panel._rows if row.key in ("pack", "ipywidgets")]
panel.path.value = "lock.json"
panel.verify_button.click()
await panel.done()
verdict = [one.code for one in panel.report.findings if one.package == "pack"] if panel.report else panel.status.value
panel.replay_button.click()
await panel.done()
panel.yes_button.click()
await panel.done()
told = panel.status.value
answer = [
    list(lock.packages),
    [one.code for one in verified.findings if one.package == "pack"],
    [one.code for one in missing.findings if one.package == "pack"],
    [one.outcome for one in replayed.packages],
    why.requested,
    [nothing, said, "reached" in ip.user_ns],
    seen,
    verdict,
    "replayed: 1 packages" in told or told,
]
""")
    assert [["pack"], [], ["missing"], ["installed"], True, [None, "unknown-root", False]] == found[:6]
    assert [["ipywidgets", "pack"], [], True] == found[6:]
