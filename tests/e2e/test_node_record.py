"""What recording leaves in dist-info, in Pyodide under Node, however a person calls micropip."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from packaging.direct_url import DirectUrl
from packaging.utils import canonicalize_name

from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import Kernel, kernel

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

DIST_INFO = """
from pathlib import Path
from site import getsitepackages
(directory,) = Path(getsitepackages()[0]).glob("{name}-*.dist-info")
answer = {{path.name: path.read_text() for path in directory.iterdir() if path.is_file()}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index() -> AsyncIterator[PackageIndex]:
    """Small packages; the running Pyodide of this module installs each once."""
    with PackageIndex() as running:
        running.add(wheel("early"), upload_time="2026-02-03T04:05:06.789Z")
        running.add(wheel("direct"))
        running.add(wheel("promised"))
        running.add(wheel("extended", extras={"more": ["addition"]}))
        running.add(wheel("addition"))
        running.add(wheel("there-already"))
        running.add(wheel("needs-there-already", requires=["there-already"]))
        running.add(wheel("unrecorded"))
        running.add(wheel("withdrawn"), yanked="it was\nbroken")
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recording(index: PackageIndex) -> AsyncIterator[Kernel]:
    """A Pyodide in which ``install`` was bound before recording began."""
    async with kernel(index_urls=[index.url]) as running:
        await running.ask("""
import builtins
from micropip import install
builtins.bound_early = install
import micropip_lock
builtins.recording = micropip_lock.record()
answer = True
""")
        yield running


async def _dist_info(running: Kernel, name: str) -> dict[str, str]:
    files: dict[str, str] = await running.ask(DIST_INFO.format(name=name.replace("-", "_")))
    return files


async def test_an_install_bound_early_is_recorded(recording: Kernel, index: PackageIndex) -> None:
    """``from micropip import install`` from before recording began leaves INDEX, and no direct_url.json."""
    await recording.ask(f"await bound_early('early', index_urls={index.url!r}); answer = 0")
    files = await _dist_info(recording, "early")

    assert (index.url, False) == (files["INDEX"].strip(), "direct_url.json" in files)


async def test_what_the_index_said_is_kept(recording: Kernel, index: PackageIndex) -> None:
    """Address, digest, size and upload time of a wheel are in its record as the index gave them."""
    await recording.ask(f"await bound_early('early', index_urls={index.url!r}); answer = 0")
    record = json.loads((await _dist_info(recording, "early"))["micropip-lock.json"])
    early = wheel("early")

    assert (index.file_url(early.filename), early.sha256, early.size, "2026-02-03T04:05:06.789Z") == (
        record["url"],
        record["sha256"],
        record["size"],
        record["upload-time"],
    )


async def test_what_was_yanked_is_recorded_locked_and_told(recording: Kernel, index: PackageIndex) -> None:
    """A file that the index has withdrawn is recorded with the reason, locked with it, noted, and replayed with it."""
    await recording.ask(f"await bound_early('withdrawn', index_urls={index.url!r}); answer = 0")
    record = json.loads((await _dist_info(recording, "withdrawn"))["micropip-lock.json"])
    text, notes = await recording.ask("""
import micropip_lock
lock = await micropip_lock.freeze(roots=["withdrawn"])
answer = [lock.to_json(), [[note.code, note.got] for note in lock.notes]]
""")
    lock = Lock.from_json(text)
    async with kernel() as second:
        await second.pyodide.replay(lock)
        again = (await second.pyodide.freeze()).lock.to_json()
    reason = "it was broken"

    assert (reason, reason, [["yanked", reason]], text) == (
        record["yanked"],
        lock.packages[canonicalize_name("withdrawn")].wheel.yanked,
        notes,
        again,
    )


async def test_a_url_install_leaves_direct_url_json(recording: Kernel, index: PackageIndex) -> None:
    """An install from a URL leaves a direct_url.json that ``packaging`` validates (PEP 610), and no INDEX."""
    direct = wheel("direct")
    await recording.ask(f"import micropip; await micropip.install({index.file_url(direct.filename)!r}); answer = 0")
    files = await _dist_info(recording, "direct")
    url = DirectUrl.from_dict(json.loads(files["direct_url.json"]))

    assert (index.file_url(direct.filename), {"sha256": direct.sha256}, False) == (
        url.url,
        url.archive_info and dict(url.archive_info.hashes or {}),
        "INDEX" in files,
    )


async def test_a_broken_promise_is_refused(recording: Kernel, index: PackageIndex) -> None:
    """A URL whose ``#sha256=`` is not that of the file is refused, although micropip would not look."""
    url = index.file_url(wheel("promised").filename) + "#sha256=" + "0" * 64
    error = await recording.failure(f"import micropip; await micropip.install({url!r})")

    assert "digest-mismatch" == error["code"]


async def test_requirement_and_extras_are_recorded(recording: Kernel, index: PackageIndex) -> None:
    """What the person asked for is recorded with its extras, and what it brought along is not marked as requested."""
    await recording.ask(f"await bound_early('extended[more]>=1', index_urls={index.url!r}); answer = 0")
    record = json.loads((await _dist_info(recording, "extended"))["micropip-lock.json"])
    brought = json.loads((await _dist_info(recording, "addition"))["micropip-lock.json"])

    assert (True, "extended[more]>=1", ["more"], False) == (
        record["requested"],
        record["requirement"],
        record["extras"],
        brought.get("requested", False),
    )


async def test_asking_for_what_is_there_marks_it(recording: Kernel, index: PackageIndex) -> None:
    """A dependency that a person asks for later counts as requested from then on."""
    await recording.ask(f"await bound_early('needs-there-already', index_urls={index.url!r}); answer = 0")
    before = json.loads((await _dist_info(recording, "there-already"))["micropip-lock.json"])
    await recording.ask(f"await bound_early('there-already', index_urls={index.url!r}); answer = 0")
    after = json.loads((await _dist_info(recording, "there-already"))["micropip-lock.json"])

    assert (False, True) == (before.get("requested", False), after["requested"])


async def test_micropips_freeze_gives_our_lock(recording: Kernel) -> None:
    """While recording is on, ``micropip.freeze()`` returns the strict lock as JSON text, the same that freeze gives."""
    texts = await recording.ask("""
import micropip, micropip_lock
answer = [micropip.freeze(), (await micropip_lock.freeze()).to_json()]
""")

    assert (texts[1], True) == (texts[0], "info" in json.loads(texts[0]))


async def test_stop_leaves_micropip_as_it_was() -> None:
    """After ``stop()`` every object of micropip that recording had put in its place is the one from before."""
    async with kernel() as running:
        same = await running.ask("""
import micropip, micropip_lock
from micropip import package_manager, package_index, transaction, wheelinfo, freeze
modules = (micropip, package_manager, package_index, transaction, wheelinfo, freeze)
manager = micropip._package_manager_singleton
before = [dict(vars(module)) for module in modules], dict(vars(manager))
with micropip_lock.record():
    during = [dict(vars(module)) for module in modules], dict(vars(manager))
after = [dict(vars(module)) for module in modules], dict(vars(manager))
same = lambda one, two: all(
    left.keys() == right.keys() and all(left[name] is right[name] for name in left)
    for left, right in zip([*one[0], one[1]], [*two[0], two[1]], strict=True)
)
answer = [same(before, during), same(before, after)]
""")

    assert [False, True] == same


async def test_recording_twice_is_recording_once(index: PackageIndex) -> None:
    """``record()`` is idempotent: one ``stop()`` ends it, and what is installed then is not recorded."""
    async with kernel() as running:
        files = await running.ask(f"""
import micropip, micropip_lock
micropip_lock.record()
micropip_lock.record().stop()
await micropip.install("unrecorded", index_urls={index.url!r})
from pathlib import Path
from site import getsitepackages
answer = sorted(path.name for path in Path(getsitepackages()[0]).glob("unrecorded-*.dist-info/*"))
""")

    assert ["INSTALLER", "METADATA", "PYODIDE_SHA256", "PYODIDE_SOURCE", "PYODIDE_URL", "RECORD", "WHEEL"] == files


async def test_a_package_without_its_dependency_is_locked_and_says_so(catalogue: PackageIndex) -> None:
    """Contourpy without numpy, which no index has for this platform, is locked; what is missing is in the lock."""
    async with kernel(index_urls=[catalogue.url]) as running:
        text = await running.ask(f"""
import micropip, micropip_lock
with micropip_lock.record():
    await micropip.install("contourpy", deps=False, index_urls={catalogue.url!r})
answer = (await micropip_lock.freeze(strict=False)).to_json()
""")
        lock = Lock.from_json(text)
    async with kernel() as second:
        await second.pyodide.replay(lock)
        refrozen = (await second.pyodide.freeze(strict=False)).lock.to_json()
    contourpy = lock.packages[canonicalize_name("contourpy")]

    assert ((), True, text) == (contourpy.depends, "numpy" in str(contourpy.missing), refrozen)


async def test_a_package_of_the_unreachable_distribution_stops(catalogue: PackageIndex) -> None:
    """When the runtime's own distribution does not deliver a dependency, the install fails and names it."""
    async with kernel(index_urls=[catalogue.url]) as running:
        error = await running.failure(f"""
import micropip, micropip_lock, pyodide_js
# A distribution that has nothing, on every machine: Pyodide's own may be reachable from here.
pyodide_js._api.packageManager.cdnURL = "{catalogue.origin}/empty/"
with micropip_lock.record():
    await micropip.install("contourpy", index_urls={catalogue.url!r})
""")

    assert ("runtime-package-failed", "numpy", True) == (
        error["code"],
        error["package"],
        catalogue.log.count("/empty/numpy-*") > 0,
    )
