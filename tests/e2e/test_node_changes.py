"""Records when what is installed changes: uninstalled, reinstalled, interrupted, failed half-way; under Node."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from packaging.utils import canonicalize_name

from micropip_lock.core.model import Lock, LockedPackage
from micropip_lock.testing import PackageIndex, Stall, WrongBytes, wheel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_314

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

BROKEN_MODULE = wheel(
    "broken-module",
    files={"broken_module.cpython-314-wasm32-emscripten.so": b"no WebAssembly"},
    tag="cp314-cp314-pyemscripten_2026_0_wasm32",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index() -> AsyncIterator[PackageIndex]:
    """Packages in one or two versions; the newer ones of some are not what they should be."""
    with PackageIndex() as running:
        for version in ("1.0", "2.0"):
            running.add(wheel("gone", version))
            running.add(wheel("moved", version))
        running.add(wheel("twofold"))
        running.add(wheel("unrecorded"))
        running.add(wheel("kept"))
        running.add(wheel("kept", "2.0", mutate=lambda files: {**files, "kept_unlisted.py": b""}))
        running.add(wheel("slow", requires=["slower"]))
        running.add(wheel("slower"))
        running.add(wheel("sound"))
        running.add(wheel("spoilt"))
        running.add(wheel("beside-broken"))
        running.add(BROKEN_MODULE)
        running.add(wheel("asked-and-cancelled"))
        running.add(wheel("brings-it", requires=["asked-and-cancelled"]))
        for name in ("at-once", "at-once-too"):
            running.add(wheel(name, requires=["for-both"]))
        running.add(wheel("for-both"))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recording(index: PackageIndex) -> AsyncIterator[Kernel]:
    """A Pyodide that records."""
    async with kernel(PYODIDE_314, index_urls=[index.url]) as running:
        await running.ask(f"""
import micropip, micropip_lock
micropip.set_index_urls({index.url!r})
micropip_lock.record()
answer = 0
""")
        yield running


async def locked(running: Kernel) -> dict[str, LockedPackage]:
    """What a strict freeze gives: everything that is installed is recorded, or this fails."""
    text = await running.ask("import micropip_lock; answer = (await micropip_lock.freeze()).to_json()")
    return dict(Lock.from_json(text).packages)


async def installed(running: Kernel) -> dict[str, list[str]]:
    """Every dist-info directory, with the names of its files."""
    found: dict[str, list[str]] = await running.ask("""
from pathlib import Path
from site import getsitepackages
answer = {
    path.name: sorted(file.name for file in path.iterdir())
    for path in Path(getsitepackages()[0]).glob("*.dist-info")
}
""")
    return found


async def test_uninstall_takes_the_records_away(recording: Kernel) -> None:
    """After ``micropip.uninstall`` nothing of the package is left, records included, and the lock does not have it."""
    before = await recording.tree()
    await recording.ask("import micropip; await micropip.install('gone==1.0'); micropip.uninstall('gone'); answer = 0")

    assert (before, False) == (await recording.tree(), "gone" in await locked(recording))


async def test_a_reinstall_is_recorded_anew(recording: Kernel, index: PackageIndex) -> None:
    """``reinstall=True`` with another version leaves the records of that version, and none of the old one."""
    await recording.ask("""
import micropip
await micropip.install("moved==1.0")
await micropip.install("moved==2.0", reinstall=True)
answer = 0
""")
    moved = (await locked(recording))["moved"]
    directories = [name for name in await installed(recording) if name.startswith("moved-")]

    assert (["moved-2.0.dist-info"], "2.0", "moved==2.0", index.url) == (
        directories,
        moved.version,
        moved.requirement,
        moved.origin and moved.origin.index,
    )


async def test_what_the_hint_says_gives_a_record(recording: Kernel, index: PackageIndex) -> None:
    """Micropip leaves a satisfied requirement alone, even with ``reinstall=True``: uninstalling first is the advice."""
    found = await recording.ask("""
import micropip, micropip_lock
from pathlib import Path
from site import getsitepackages
def records():
    return [path.name for path in Path(getsitepackages()[0]).glob("unrecorded-*/INDEX")]
micropip_lock.record().stop()
await micropip.install("unrecorded")
micropip_lock.record()
await micropip.install("unrecorded", reinstall=True)
before = records()
micropip.uninstall("unrecorded")
await micropip.install("unrecorded")
answer = [before, records()]
""")
    origin = (await locked(recording))["unrecorded"].origin
    assert ([[], ["INDEX"]], index.url) == (found, origin and origin.index)


async def test_one_name_from_elsewhere_is_recorded_anew(recording: Kernel, index: PackageIndex) -> None:
    """The same version installed again, by its address instead of by name, is recorded as from that address."""
    url = index.file_url(wheel("twofold").filename)
    files = await recording.ask(f"""
import micropip
await micropip.install("twofold")
micropip.uninstall("twofold")
await micropip.install({url!r})
answer = 0
""")
    files = (await installed(recording))["twofold-1.0.dist-info"]
    twofold = (await locked(recording))["twofold"]

    assert ("url", None, False) == (
        twofold.origin and twofold.origin.kind,
        twofold.origin and twofold.origin.index,
        "INDEX" in files,
    )


async def test_a_refused_reinstall_keeps_the_old(recording: Kernel) -> None:
    """A newer wheel that is refused is refused before the old version is taken away."""
    await recording.ask("import micropip; await micropip.install('kept==1.0'); answer = 0")
    before = await recording.tree()
    error = await recording.failure("import micropip; await micropip.install('kept==2.0', reinstall=True)")

    assert ("not-in-record", before) == (error["code"], await recording.tree())


async def test_wrong_bytes_of_one_install_none(recording: Kernel, index: PackageIndex) -> None:
    """When one of two wheels is not the one that the index lists, neither is installed; micropip would install one."""
    before = await recording.tree()
    index.fault("*/spoilt-1.0-py3-none-any.whl", WrongBytes())
    error = await recording.failure("import micropip; await micropip.install(['sound', 'spoilt'])")
    index.clear_faults()

    assert ("digest-mismatch", before) == (error["code"], await recording.tree())


async def test_a_half_installed_set_is_frozen_as_it_is(recording: Kernel) -> None:
    """When one of two fails to load, both lie there, as micropip leaves them; each has its record and is locked."""
    failed = await recording.ask("""
import micropip
try:
    await micropip.install(["beside-broken", "broken-module"])
    answer = ""
except Exception as error:
    answer = type(error).__name__
""")
    found = await locked(recording)
    directories = await installed(recording)
    await recording.ask("import micropip; micropip.uninstall('broken-module'); answer = 0")

    assert (True, {"beside-broken", "broken-module"}, []) == (
        bool(failed),
        found.keys() & {"beside-broken", "broken-module"},
        [name for name, files in directories.items() if "micropip-lock.json" not in files],
    )


@pytest.mark.parametrize("seconds", [0.01, 0.4])
async def test_a_cancelled_install_leaves_no_record(recording: Kernel, index: PackageIndex, seconds: float) -> None:
    """An install that is cancelled while it gathers leaves nothing: no package and no record."""
    before = await recording.tree()
    index.fault("/simple/slower/", Stall())
    outcome = await recording.ask(f"""
import asyncio, micropip
task = asyncio.ensure_future(micropip.install("slow"))
await asyncio.sleep({seconds})
task.cancel()
try:
    await task
    answer = "done"
except asyncio.CancelledError:
    answer = "cancelled"
""")
    index.clear_faults()

    assert ("cancelled", before) == (outcome, await recording.tree())


async def test_what_was_asked_for_in_vain_is_no_request(recording: Kernel, index: PackageIndex) -> None:
    """A package that an install asked for before it failed is a dependency when another brings it later."""
    index.fault("*/asked_and_cancelled-1.0-py3-none-any.whl", WrongBytes(times=1))
    await recording.failure("import micropip; await micropip.install('asked-and-cancelled')")
    index.clear_faults()
    await recording.ask("import micropip; await micropip.install('brings-it'); answer = 0")
    found = await locked(recording)

    assert (True, False) == (found["brings-it"].requested, found["asked-and-cancelled"].requested)


async def test_two_installs_at_once_keep_apart(recording: Kernel) -> None:
    """Two installs that run at the same time record each what it was asked, and what both bring once."""
    await recording.ask("""
import asyncio, micropip
await asyncio.gather(micropip.install("at-once"), micropip.install("at-once-too"), return_exceptions=False)
answer = 0
""")
    found = await locked(recording)

    assert {"at-once": "at-once", "at-once-too": "at-once-too", "for-both": None} == {
        name: found[canonicalize_name(name)].requirement for name in ("at-once", "at-once-too", "for-both")
    }
