"""Verify, and what cannot be installed together, in Pyodide under Node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.testing import BuiltWheel, PackageIndex, wheel
from tests.e2e.asking import frozen, install
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_314

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

PACK = wheel("pack", files={"pack/__init__.py": "one = 1\n", "pack/data.txt": "data\n", "flat.py": ""})
DECLARING = [
    wheel(f"declares-{number}", files={f"own_{number}.py": ""}, metadata_version="2.5", metadata_extra=extra)
    for number, extra in enumerate(["Import-Name: twice", "Import-Name: twice ; private"])
]
SAME_FILE = [wheel(f"same-file-{number}", files={"same_file.py": f"number = {number}\n"}) for number in (0, 1)]
SAME_NAME = [wheel(f"same-name-{number}", files={"tests/__init__.py": "", f"n{number}.py": ""}) for number in (0, 1)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index() -> AsyncIterator[PackageIndex]:
    """All of these."""
    with PackageIndex() as running:
        for built in (PACK, *DECLARING, *SAME_FILE, *SAME_NAME):
            running.add(built)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
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


def of_both(lock: Lock, wheels: list[BuiltWheel], index: PackageIndex) -> Lock:
    """A lock as somebody else may write it."""
    packages = []
    for built in wheels:
        url = index.file_url(built.filename)
        name = canonicalize_name(built.name)
        packages.append(
            LockedPackage(
                name=name,
                display_name=name,
                version=built.version,
                wheel=Wheel(url=url, digest=Digest.of(built.data), size=built.size),
                origin=Origin(kind="index", url=url, index=index.url),
            )
        )
    return replace(lock, packages=by_name(packages))


async def told(running: Kernel, lock: Lock) -> list[Any]:
    """What verify says: whether all is well, and severity, package and code of each finding."""
    found: list[Any] = await running.ask(f"""
import micropip_lock
report = await micropip_lock.verify({lock.to_json()!r})
answer = [report.ok, *([one.severity, one.package, one.code] for one in report)]
""")
    return found


async def test_verify_names_what_was_added(recording: Kernel) -> None:
    """Files put into a package's folder and modules in its place are errors; path files and others are notes."""
    await install(recording, "pack")
    lock = await frozen(recording)
    clean = await told(recording, lock)
    await recording.ask("""
from pathlib import Path
from site import getsitepackages
site = Path(getsitepackages()[0])
(site / "pack/added.py").write_text("")
(site / "pack/data.txt").unlink()
(site / "flat").mkdir()
(site / "flat/__init__.py").write_text("")
(site / "mine.py").write_text("")
(site / "mine.pth").write_text("/nowhere")
answer = 0
""")
    expected = [
        [False],
        ["error", "pack", "file-extra"],
        ["error", "pack", "file-missing"],
        ["error", "pack", "shadowed"],
        ["note", "mine", "unowned-module"],
        ["note", "mine.pth", "path-file"],
    ]
    found = await told(recording, lock)

    assert ([True], expected) == (clean, [[found[0]], *sorted(found[1:])])


async def test_verify_asks_who_installed(recording: Kernel) -> None:
    """A locked wheel that was unpacked by hand is not proven, though every file is as it should be."""
    await install(recording, "pack")
    lock = await frozen(recording)
    url = lock.packages["pack"].wheel.url
    await recording.ask(f"""
import io, zipfile, micropip
from pyodide.http import pyfetch
from site import getsitepackages
micropip.uninstall("pack")
data = await (await pyfetch({url!r})).bytes()
zipfile.ZipFile(io.BytesIO(data)).extractall(getsitepackages()[0])
answer = 0
""")

    assert [False, ["error", "pack", "no-record"]] == await told(recording, lock)


@pytest.mark.parametrize(
    ("wheels", "code", "replayed"), [(DECLARING, "import-clash", "import-clash"), (SAME_FILE, "file-clash", "owned")]
)
async def test_clashes_are_not_frozen_and_not_replayed(
    recording: Kernel, index: PackageIndex, wheels: list[BuiltWheel], code: str, replayed: str
) -> None:
    """Two that take each other's place: freeze names both, and a replay of both changes nothing."""
    empty = await frozen(recording)
    lock = of_both(empty, wheels, index)
    before = await recording.tree()
    refused = await recording.failure(f"import micropip_lock; await micropip_lock.replay({lock.to_json()!r})")
    after = await recording.tree()
    await install(recording, *(built.name for built in wheels))
    unlockable = await recording.failure("import micropip_lock; await micropip_lock.freeze()")

    assert (replayed, before, {built.name for built in wheels}) == (
        refused["code"],
        after,
        {item["name"] for item in unlockable["items"] if item["code"] == code},
    )


async def test_one_name_that_nobody_declared(recording: Kernel) -> None:
    """Two packages that merely have the same name are locked, noted, and replayed elsewhere to the same lock."""
    await install(recording, *(built.name for built in SAME_NAME))
    notes = await recording.ask("""
import micropip_lock
answer = [note.code for note in (await micropip_lock.freeze()).notes]
""")
    lock = await frozen(recording)
    async with kernel(PYODIDE_314) as second:
        await second.pyodide.replay(lock)
        again = (await second.pyodide.freeze()).lock
        found = await told(second, lock)

    assert (["import-clash"] * 2, lock.to_json(), [True, ["note", "same-name-0", "import-clash"]]) == (
        notes,
        again.to_json(),
        found,
    )
