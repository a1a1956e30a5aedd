"""Records that are wrong, forged or of others (R01 to R20), where they come to be: in a Pyodide under Node.

Recording is off but where a test turns it on: what micropip and ``loadPackage`` leave on their own is what a freeze has
to see through. Every case, without a Pyodide: ``tests/corpus`` (R01 to R20).
"""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from micropip_lock.core.model import Origin
from micropip_lock.testing import BuiltWheel, PackageIndex, wheel
from tests.e2e.asking import frozen, install, the, url_of
from tests.e2e.kernel import Kernel, kernel

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

FORGED = wheel(
    "forged",
    dist_info={
        "PYODIDE_URL": "https://evil.example/forged-1.0-py3-none-any.whl",
        "PYODIDE_SHA256": "0" * 64,
    },
)
POISONED = wheel("fakename", dist_info={"METADATA": "Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n\n"})
EDITED = wheel("edited", files={"edited/__init__.py": "one = 1\n"})
LOADED = wheel("loaded-one", files={"loaded_one.py": "one = 1\n"})
PIPPED = wheel("pipped", files={"pipped/__init__.py": "one = 1\n"}, data={"scripts/run-pipped": "#!python\n"})
GREEDY = wheel("greedy", files={"greedy.py": "one = 1\n"})

SITE = "from pathlib import Path\nfrom site import getsitepackages\nsite = Path(getsitepackages()[0])\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index() -> AsyncIterator[PackageIndex]:
    """Small packages, some of them hostile."""
    with PackageIndex() as running:
        for built in (FORGED, POISONED, EDITED, LOADED, PIPPED, GREEDY):
            running.add(built)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(index: PackageIndex) -> AsyncIterator[Kernel]:
    """A Pyodide with micropip, whose index is ``index``."""
    async with kernel(index_urls=[index.url]) as running:
        await running.ask(f"import micropip; micropip.set_index_urls({index.url!r}); answer = 0")
        yield running


async def refused(running: Kernel) -> list[tuple[str, str]]:
    """Name and code of what a freeze cannot lock; it changes no file."""
    before = await running.tree()
    lock = await frozen(running, strict=False)
    assert before == await running.tree()
    return [(item.name, item.code) for item in lock.unlocked]


async def load(running: Kernel, built: BuiltWheel, directory: Path) -> None:
    """``pyodide.loadPackage`` by name, of a package that the runtime's own lock is given for the purpose."""
    (directory / built.filename).write_bytes(built.data)
    await running.ask(f"""
import pyodide_js
from pyodide.ffi import to_js
from js import Object
entry = dict(
    name={built.name!r}, version={built.version!r}, file_name={built.filename!r}, sha256={built.sha256!r},
    install_dir="site", package_type="package", imports=[], depends=[], unvendored_tests=False,
)
setattr(pyodide_js._api.lockfile_packages, {built.name!r}, to_js(entry, dict_converter=Object.fromEntries))
manager = pyodide_js._api.packageManager
before = manager.installBaseUrl
# A distribution of one file, on every machine.
manager.installBaseUrl = {f"{directory}/"!r}
try:
    await pyodide_js.loadPackage({built.name!r})
finally:
    manager.installBaseUrl = before
answer = 0
""")


@pytest.mark.parametrize("by", ["loadPackage", "micropip"])
async def test_r04_records_that_the_wheel_brought(fresh: Kernel, tmp_path: Path, by: str) -> None:
    """Pyodide unpacks a wheel with records of its own and keeps them; a freeze refuses it by that (F5)."""
    if by == "micropip":
        await install(fresh, "forged")
    else:
        await load(fresh, FORGED, tmp_path)
    there = await fresh.ask(f"{SITE}answer = (site / 'forged-1.0.dist-info/PYODIDE_URL').is_file()")

    assert (True, [("forged", "record-forged")]) == (there, await refused(fresh))


async def test_r05_metadata_of_another(fresh: Kernel) -> None:
    """A wheel whose METADATA says numpy is installed by micropip; the lock has no numpy, and says why (F4)."""
    await install(fresh, "fakename", deps=False)

    assert [("fakename", "identity")] == await refused(fresh)


async def test_r10_a_file_that_was_edited(fresh: Kernel) -> None:
    """An edit that keeps the size is seen in Pyodide's own file system, whose listing tells times."""
    await install(fresh, "edited")
    before = await refused(fresh)
    await fresh.ask(f"{SITE}answer = (site / 'edited/__init__.py').write_text('one = 2\\n')")

    assert ([], [("edited", "dirty-changed")]) == (before, await refused(fresh))


async def test_r12_a_path_that_leaves_the_site_is_not_followed(fresh: Kernel) -> None:
    """A replay that replaces a package deletes nothing outside site-packages, whatever its RECORD lists."""
    await install(fresh, "greedy")
    lock = await frozen(fresh, "greedy")
    left = await fresh.ask(f"""{SITE}
import os, micropip_lock
victim = Path("/home/pyodide/victim.txt")
victim.write_text("mine")
with (site / "greedy-1.0.dist-info/RECORD").open("a") as record:
    record.write(f"{{os.path.relpath(victim, site)}},,4\\n{{victim}},,4\\n")
report = await micropip_lock.replay({lock.to_json()!r}, force=True)
answer = [report.count("installed"), victim.read_text() if victim.exists() else "deleted"]
""")

    assert [1, "mine"] == left


async def test_r16_loaded_by_the_runtime(fresh: Kernel, tmp_path: Path) -> None:
    """What ``loadPackage`` brought is locked as the runtime's own, by the digest in the runtime's lock."""
    await load(fresh, LOADED, tmp_path)
    package = the(await frozen(fresh, strict=False), "loaded-one")

    assert ("runtime", LOADED.sha256, LOADED.filename) == (
        package.origin and package.origin.kind,
        package.wheel.digest.hex,
        package.wheel.filename,
    )


def piped(target: Path, *what: str) -> str:
    """What real pip installs on the host for a target directory, as a tar archive in base64."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment["PIP_CONFIG_FILE"] = os.devnull
    command = [sys.executable, "-m", "pip", "install", "--isolated", "--quiet", "--no-cache-dir", "--no-compile"]
    subprocess.run([*command, "--target", str(target), *what], check=True, env=environment)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(target, arcname=".")
    return base64.b64encode(data.getvalue()).decode("ascii")


async def test_r17_what_pip_installed_from_a_url(fresh: Kernel, index: PackageIndex, tmp_path: Path) -> None:
    """A package that real pip installed from a URL, copied into Pyodide, is proven there and locked with the URL."""
    archive = piped(tmp_path / "site", url_of(index, PIPPED))
    await fresh.ask(f"""{SITE}
import base64, io, tarfile
tarfile.open(fileobj=io.BytesIO(base64.b64decode({archive!r}))).extractall(site, filter="data")
answer = 0
""")
    index.log.clear()
    package = the(await frozen(fresh, strict=False), "pipped")
    statuses = [request.status for request in index.log.requests("/files/*") if request.method == "GET"]

    assert (Origin(kind="url", url=url_of(index, PIPPED)), PIPPED.sha256, True, [206]) == (
        package.origin,
        package.wheel.digest.hex,
        package.requested,
        statuses,
    )


async def test_r17_what_pip_built_from_a_directory(fresh: Kernel) -> None:
    """A checkout or a directory that pip installed from is named as the reason, with the place."""
    await install(fresh, "edited")
    codes = []
    for facts in ('"dir_info": {}', '"vcs_info": {"vcs": "git", "commit_id": "c0ffee"}'):
        await fresh.ask(f"""{SITE}
info = site / "edited-1.0.dist-info"
(info / "INSTALLER").write_text("pip\\n")
(info / "direct_url.json").write_text('{{"url": "file:///src/edited", {facts}}}')
answer = 0
""")
        codes += await refused(fresh)

    assert [("edited", "local-directory"), ("edited", "vcs")] == codes
