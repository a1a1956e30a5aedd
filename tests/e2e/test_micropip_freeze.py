"""What micropip's own tests say of ``micropip.freeze()`` and ``micropip.list()``, said of ours in its place.

Written from micropip's behaviour (its ``test_freeze.py`` and ``test_list.py``), while recording is on. Where theirs
takes import names from ``top_level.txt``, ours takes them from the files; where theirs lists the whole runtime, ours
lists what is installed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pyodide_lock import PyodideLockSpec

from micropip_lock.testing import BuiltWheel, PackageIndex, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_314

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


def trio(prefix: str) -> list[BuiltWheel]:
    """One wheel that needs two others; import names differ from distribution names."""
    return [
        wheel(
            f"{prefix}-dummy",
            requires=[f"{prefix}-dep1", f"{prefix}-dep2"],
            files={f"{prefix}_abc.py": "", f"{prefix}_def/__init__.py": ""},
        ),
        wheel(f"{prefix}-dep1", files={f"{prefix}_c.py": ""}),
        wheel(f"{prefix}-dep2", files={f"{prefix}_a12.py": ""}),
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index(catalogue: PackageIndex) -> AsyncIterator[PackageIndex]:
    """The trios, and one that the runtime's own distribution has too."""
    with PackageIndex() as running:
        for built in (*trio("whole"), *trio("single"), wheel("by-url", requires=["whole-dep1"])):
            running.add(built)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recording(index: PackageIndex) -> AsyncIterator[Kernel]:
    """A Pyodide in which ``freeze`` was bound before recording began."""
    async with kernel(PYODIDE_314, index_urls=[index.url]) as running:
        await running.ask(f"""
import builtins, micropip
from micropip import freeze
builtins.bound_freeze = freeze
micropip.set_index_urls({index.url!r})
import micropip_lock
micropip_lock.record()
answer = 0
""")
        yield running


async def freeze(running: Kernel) -> Any:
    """What ``micropip.freeze()`` gives, parsed."""
    return json.loads(await running.ask("import micropip; answer = micropip.freeze()"))


async def test_depends_and_imports(recording: Kernel) -> None:
    """An install with its dependencies freezes with ``depends`` and ``imports`` of each."""
    await recording.ask("import micropip; await micropip.install('whole-dummy'); answer = 0")
    packages = (await freeze(recording))["packages"]

    assert [
        (["whole-dep1", "whole-dep2"], ["whole_abc", "whole_def"]),
        ([], ["whole_c"]),
        ([], ["whole_a12"]),
    ] == [
        (packages[name]["depends"], packages[name]["imports"]) for name in ("whole-dummy", "whole-dep1", "whole-dep2")
    ]


async def test_depends_of_single_installs(recording: Kernel) -> None:
    """Wheels that were installed one by one with ``deps=False`` freeze with the same ``depends``."""
    await recording.ask("""
import micropip
for name in ("single-dummy", "single-dep1", "single-dep2"):
    await micropip.install(name, deps=False)
answer = 0
""")
    packages = (await freeze(recording))["packages"]

    assert [["single-dep1", "single-dep2"], [], []] == [
        packages[name]["depends"] for name in ("single-dummy", "single-dep1", "single-dep2")
    ]


async def test_pyodide_lock_reads_it(recording: Kernel, index: PackageIndex, tmp_path: Any) -> None:
    """pyodide-lock reads the text, and finds what micropip's own test looks for in a wheel installed by its URL."""
    url = index.file_url(wheel("by-url").filename)
    text = await recording.ask(f"import micropip; await micropip.install({url!r}); answer = micropip.freeze()")
    (tmp_path / "pyodide-lock.json").write_text(text, "utf-8")
    package = PyodideLockSpec.from_json(tmp_path / "pyodide-lock.json").packages["by-url"]

    assert (url, "by-url", {"whole-dep1"}, True, "site", False, "1.0") == (
        package.file_name,
        package.name,
        set(package.depends),
        "by_url" in package.imports,
        package.install_dir,
        package.unvendored_tests,
        package.version,
    )


async def test_every_address_is_absolute(recording: Kernel) -> None:
    """Every file of the lock has an absolute address, so that it can be used away from the runtime."""
    packages = (await freeze(recording))["packages"]

    assert {"http"} == {entry["file_name"].partition(":")[0] for entry in packages.values()}


async def test_the_fields_of_pyodide_are_all_there(recording: Kernel) -> None:
    """Each entry has the fields that the entries of Pyodide's own lock have, of the same types."""
    packages = (await freeze(recording))["packages"]
    theirs = await recording.ask("""
import pyodide_js
answer = {key: type(value).__name__ for key, value in pyodide_js._api.lockfile_packages.to_py()["six"].items()}
""")

    assert [theirs] * len(packages) == [
        {key: type(entry[key]).__name__ for key in theirs} for entry in packages.values()
    ]


async def test_info_is_the_runtimes(recording: Kernel) -> None:
    """``info`` is that of the runtime, so that Pyodide takes the lock for its own."""
    info = await recording.ask("import pyodide_js; answer = pyodide_js._api.lockfile_info.to_py()")

    assert info == (await freeze(recording))["info"]


async def test_a_freeze_bound_early_is_ours(recording: Kernel) -> None:
    """``from micropip import freeze`` from before recording began gives the same text."""
    texts = await recording.ask("import micropip; answer = [bound_freeze(), micropip.freeze()]")

    assert texts[0] == texts[1]


async def test_list_names_the_index(recording: Kernel, index: PackageIndex) -> None:
    """``micropip.list()`` shows the index a package came from, or its address, where micropip's own word is "pypi"."""
    url = index.file_url(wheel("by-url").filename)
    sources = await recording.ask(f"""
import micropip
await micropip.install(["whole-dummy", {url!r}])
answer = {{name: one.source for name, one in micropip.list().items()}}
""")

    assert {"whole-dummy": index.url, "whole-dep1": index.url, "whole-dep2": index.url, "by-url": url} == {
        name: source for name, source in sources.items() if name.startswith(("whole", "by"))
    }


async def test_a_replayed_environment_lists_the_same(recording: Kernel) -> None:
    """After a replay elsewhere ``micropip.list()`` shows the same sources, and the freeze is the same."""
    shown = "{name: one.source for name, one in micropip.list().items()}"
    text, listed = await recording.ask(f"import micropip; answer = [micropip.freeze(), {shown}]")
    async with kernel(PYODIDE_314) as second:
        again = await second.ask(f"""
import micropip, micropip_lock
await micropip_lock.replay({text!r})
with micropip_lock.record():
    answer = [micropip.freeze(), {shown}]
""")

    assert [text, listed] == again
