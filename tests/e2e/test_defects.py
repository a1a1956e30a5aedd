"""micropip's defects M1 to M18 and its loader's F2 to F5, each gone where we record and freeze; in real Pyodide.

The numbers are those of the table in ``docs/features.md``. One Pyodide under Node takes almost all of them, each with
packages of its own; what belongs to a page is tried in Chromium.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from packaging.utils import canonicalize_name

from micropip_lock.adapters.runtimes import pyodide_directory
from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.asking import frozen, install, load_with_pyodide, refused, the, url_of
from tests.e2e.chromium import PLACES, Place, Web, browser_kernel
from tests.e2e.kernel import Kernel, kernel
from tests.e2e.sets import PYODIDE_314

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="session")]

POISONED = wheel("fakename", dist_info={"METADATA": "Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n\n"})
FORGED = wheel("forged", dist_info={"PYODIDE_URL": "https://files.example/forged-1.0-py3-none-any.whl"})
WHEELS = (
    wheel("cycle-one", requires=["cycle-two"]),
    wheel("cycle-two", requires=["cycle-one"]),
    wheel("without-dependency", requires=["nowhere-installed"]),
    wheel("in-a-file"),
    wheel("packaged", files={"packaged/__init__.py": "", "packaged/deep.py": "", "spaced/inner.py": ""}),
    wheel("needs-a-mock", requires=["mocked-thing"]),
    wheel("Odd.Spelling"),
    wheel("needs-odd", requires=["ODD_spelling"]),
    wheel("by-pip"),
    wheel("with-query"),
    wheel("with-token"),
    wheel("with-promise"),
    wheel("extended", extras={"more": ["addition"]}),
    wheel("slashed"),
    wheel("placed"),
    wheel("self-extended", extras={"all": ["self-extended[io]"], "io": ["good-one"]}),
    wheel("good-one"),
    POISONED,
    FORGED,
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def index() -> AsyncIterator[PackageIndex]:
    """Small packages, some of them hostile."""
    with PackageIndex() as running:
        for built in WHEELS:
            running.add(built)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recording(index: PackageIndex) -> AsyncIterator[Kernel]:
    """A Pyodide that records; its index is ``index``."""
    async with kernel(PYODIDE_314, index_urls=[index.url]) as running:
        await running.ask(f"""
import micropip, micropip_lock
micropip.set_index_urls({index.url!r})
micropip_lock.record()
answer = True
""")
        yield running


async def test_m01_a_cycle_is_frozen(recording: Kernel) -> None:
    """Two that need each other, installed with ``deps=False``, are frozen with both edges."""
    await install(recording, "cycle-one", "cycle-two", deps=False)
    lock = await frozen(recording, "cycle-one")

    assert {"cycle-one": ("cycle-two",), "cycle-two": ("cycle-one",)} == {one.name: one.depends for one in lock}


async def test_m02_a_missing_dependency_is_told(recording: Kernel) -> None:
    """What ``deps=False`` left out is no reason to fail: the lock says that it is missing, and depends on nothing."""
    await install(recording, "without-dependency", deps=False)
    package = the(await frozen(recording, "without-dependency"), "without-dependency")

    assert ((), ("nowhere-installed",)) == (package.depends, package.missing)


@pytest.mark.browser
@pytest.mark.parametrize("place", PLACES)
async def test_m03_a_page_relative_wheel_has_the_pages_address(web: Web, place: Place, tmp_path: Path) -> None:
    """``./x.whl`` is frozen with the address that the browser asked, in a page and in a worker, and replays."""
    beside = wheel("beside-the-page")
    for path in Path(__file__).with_name("page").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / beside.filename).write_bytes(beside.data)
    with PackageIndex() as server:
        server.mount("/pyodide/", pyodide_directory(None))
        address = server.mount("/page/", tmp_path)
        here = replace(web, pages={place: address})
        async with browser_kernel(here, place) as running:
            text = await running.ask(f"""
import micropip, micropip_lock
with micropip_lock.record():
    await micropip.install("./wheels/{beside.filename}")
answer = (await micropip_lock.freeze(roots=["beside-the-page"])).to_json()
""")
        async with browser_kernel(here, place) as second:
            again = await second.ask(f"""
import micropip_lock
await micropip_lock.replay({text!r})
answer = (await micropip_lock.freeze(roots=["beside-the-page"])).to_json()
""")
    package = the(Lock.from_json(text), "beside-the-page")

    assert (f"{address}wheels/{beside.filename}", text) == (package.wheel.url, again)


async def test_m04_a_local_wheel_has_no_address_of_this_session(recording: Kernel, index: PackageIndex) -> None:
    """A wheel from this session's file system is locked by its bytes; when those are gone, it is an item."""
    built = wheel("in-a-file")
    text = await recording.ask(f"""
import micropip, micropip_lock
from pathlib import Path
from pyodide.http import pyfetch
Path("/home/{built.filename}").write_bytes(await (await pyfetch({url_of(index, built)!r})).bytes())
await micropip.install("emfs:/home/{built.filename}")
answer = micropip.freeze()
""")
    await recording.ask("""
import shutil
from pathlib import Path
shutil.rmtree(Path.home() / ".cache/micropip-lock")
answer = 0
""")
    micropips = await recording.ask("""
import micropip, micropip_lock
try:
    micropip.freeze()
except micropip_lock.UnlockableError as error:
    answer = [(item.name, item.code) for item in error.items]
""")
    await recording.ask("import micropip; micropip.uninstall('in-a-file'); answer = 0")
    locked = the(Lock.from_json(text), "in-a-file")

    assert (f"wheels/{built.sha256}/{built.filename}", False, [["in-a-file", "not-replayable"]]) == (
        locked.wheel.url,
        "emfs:" in text,
        micropips,
    )


async def test_m05_imports_come_from_the_files(recording: Kernel) -> None:
    """A wheel without ``top_level.txt`` has its import names, that of a namespace package dotted."""
    await install(recording, "packaged")

    assert ("packaged", "spaced.inner") == the(await frozen(recording, "packaged"), "packaged").imports


async def test_m06_no_dependency_dangles_for_a_mock(recording: Kernel) -> None:
    """A dependency that a mock package stands in for is not in ``depends``, and the mock is in the lock."""
    await recording.ask("import micropip; micropip.add_mock_package('mocked-thing', '1.0'); answer = 0")
    await install(recording, "needs-a-mock")
    lock = await frozen(recording, "needs-a-mock")
    package = the(lock, "needs-a-mock")

    assert ((), (), ("mocked-thing",), ["mocked-thing"]) == (
        package.depends,
        package.missing,
        package.mocked,
        list(lock.mocks),
    )


async def test_m07_names_in_depends_are_canonical(recording: Kernel) -> None:
    """However METADATA spells a requirement, ``depends`` has the key that the lock has."""
    await install(recording, "needs-odd")
    lock = await frozen(recording, "needs-odd")

    assert (("odd-spelling",), "Odd.Spelling") == (
        the(lock, "needs-odd").depends,
        the(lock, "odd-spelling").display_name,
    )


async def test_m08_what_pip_installed_is_not_left_out(recording: Kernel, index: PackageIndex) -> None:
    """A distribution that pip unpacked is found on the index, proven and locked."""
    built = wheel("by-pip")
    await install(recording, "by-pip")
    await recording.ask("""
from pathlib import Path
from site import getsitepackages
for path in Path(getsitepackages()[0], "by_pip-1.0.dist-info").iterdir():
    if path.name not in ("METADATA", "WHEEL", "RECORD"):
        path.unlink()
path.with_name("INSTALLER").write_text("pip")
answer = 0
""")
    lock = await frozen(recording, "by-pip")
    await recording.ask("import micropip; micropip.uninstall('by-pip'); answer = 0")

    origin = the(lock, "by-pip").origin
    assert (built.sha256, index.url) == (the(lock, "by-pip").wheel.digest.hex, origin and origin.index)


async def test_m09_a_query_is_not_part_of_the_file_name(recording: Kernel, index: PackageIndex) -> None:
    """A URL with ``?sha256=``, as piplite writes it, is frozen without it; its file name is the wheel's; it replays."""
    built = wheel("with-query")
    await install(recording, f"{url_of(index, built)}?sha256={built.sha256}")
    lock = await frozen(recording, "with-query")
    async with kernel(PYODIDE_314) as second:
        await second.pyodide.replay(lock)
        again = (await second.pyodide.freeze()).lock.to_json()

    assert (url_of(index, built), lock.to_json()) == (the(lock, "with-query").wheel.url, again)


async def test_m10_no_token_is_written(recording: Kernel, index: PackageIndex) -> None:
    """A token in the address of a wheel is in no file of the environment and not in the lock."""
    built = wheel("with-token")
    await install(recording, f"{url_of(index, built)}?token=s3cret-word")
    lock = await frozen(recording, "with-token")
    found = await recording.ask("""
from pathlib import Path
from site import getsitepackages
files = [path for path in Path(getsitepackages()[0]).rglob("*") if path.is_file()]
answer = [path.name for path in files if b"s3cret-word" in path.read_bytes()]
""")

    assert ([], False, url_of(index, built)) == (
        found,
        "s3cret-word" in lock.to_json(),
        the(lock, "with-token").wheel.url,
    )


@pytest.mark.parametrize("mark", ["#", "?"])
async def test_m11_a_promise_in_the_address_is_kept(recording: Kernel, index: PackageIndex, mark: str) -> None:
    """``#sha256=`` and ``?sha256=`` of a direct URL are checked; other bytes change nothing."""
    url = f"{url_of(index, wheel('with-promise'))}{mark}sha256={'0' * 64}"

    assert ("digest-mismatch", True) == await refused(recording, url)


async def test_m12_relative_addresses_of_a_json_page_are_resolved(recording: Kernel) -> None:
    """A JSON page with relative addresses installs, and the lock has the absolute one."""
    built = wheel("relative")
    with PackageIndex(formats=("json",), file_urls="relative") as relative:
        relative.add(built)
        await install(recording, "relative", index_urls=relative.url)
        package = the(await frozen(recording, "relative"), "relative")
        expected = (url_of(relative, built), relative.url)

    assert expected == (package.wheel.url, package.origin and package.origin.index)


async def test_m13_metadata_of_a_signed_address_is_found(
    recording: Kernel, index: PackageIndex, tmp_path: Path
) -> None:
    """For a wheel whose address has a query, METADATA is asked at its path with the suffix, not inside the query."""
    built = index.add(wheel("signed", requires=["good-one"]))
    (tmp_path / "signed").mkdir()
    (tmp_path / "signed" / "index.html").write_text(
        f'<a href="{url_of(index, built)}?signature=abc#sha256={built.sha256}" '
        f'data-core-metadata="sha256={hashlib.sha256(built.metadata).hexdigest()}">{built.filename}</a>',
        "utf-8",
    )
    base = index.mount("/signing/", tmp_path).rstrip("/")
    await install(recording, "signed", index_urls=[base, index.url])
    package = the(await frozen(recording, "signed"), "signed")

    assert (1, [200], url_of(index, built), base) == (
        index.log.count(f"*/{built.filename}.metadata"),
        [request.status for request in index.log.requests(f"*/{built.filename}.metadata")],
        package.wheel.url,
        package.origin and package.origin.index,
    )


async def test_m14_only_what_is_installed_is_locked(recording: Kernel) -> None:
    """A lock has what is installed, not the three hundred packages of the runtime's own distribution."""
    await install(recording, "packaged")
    installed, runtime = await recording.ask("""
import importlib.metadata, pyodide_js
names = sorted({dist.name for dist in importlib.metadata.distributions()})
answer = [names, len(pyodide_js._api.lockfile_packages.to_py())]
""")
    locked = set((await frozen(recording, strict=False)).packages)

    assert (set(), True, True) == (
        locked - {canonicalize_name(name) for name in installed},
        "packaged" in locked,
        len(locked) < runtime,
    )


async def test_m15_what_replaces_a_package_of_the_runtime_is_whole(catalogue: PackageIndex) -> None:
    """An index's build of what the runtime has, too, is locked by its own digest and freezes the same again."""
    async with kernel(PYODIDE_314, index_urls=[catalogue.url]) as first:
        lock = (await first.pyodide.install_and_freeze(["markupsafe"])).lock
        theirs = await first.ask("""
import pyodide_js
answer = dict(pyodide_js._api.lockfile_packages.to_py()["markupsafe"])
""")
    async with kernel(PYODIDE_314) as second:
        await second.pyodide.replay(lock)
        again = (await second.pyodide.freeze()).lock
    ours = json.loads(lock.to_json())["packages"]["markupsafe"]

    assert (set(), False, "index", lock.to_json()) == (
        (theirs.keys() - {"tool"}) - ours.keys(),
        theirs["sha256"] == ours["sha256"],
        ours["tool"]["micropip-lock"]["source"],
        again.to_json(),
    )


async def test_m16_extras_of_what_is_there_are_kept(recording: Kernel) -> None:
    """Asking for an extra of what is installed is recorded; the lock says what it needs and micropip did not bring."""
    await install(recording, "extended")
    await install(recording, "extended[more]")
    package = the(await frozen(recording, "extended"), "extended")

    assert (("more",), ("addition",), "extended[more]") == (package.extras, package.missing, package.requirement)


async def test_m16_also_without_a_record(recording: Kernel) -> None:
    """The same holds for what was installed before recording began."""
    await recording.ask("""
import micropip, micropip_lock
micropip_lock.record().stop()
micropip.uninstall("extended")
await micropip.install("extended")
micropip_lock.record()
await micropip.install("extended[more]")
answer = 0
""")
    package = the(await frozen(recording, "extended"), "extended")

    assert (True, ("more",), ("addition",)) == (package.requested, package.extras, package.missing)


@pytest.mark.parametrize(("name", "form"), [("slashed", "{}/"), ("placed", "{}/{{package_name}}/")])
async def test_m17_every_form_of_an_index_address(recording: Kernel, index: PackageIndex, name: str, form: str) -> None:
    """An index address with a slash at its end or with a placeholder is asked for one page; its base is recorded."""
    await install(recording, name, index_urls=form.format(index.url))
    origin = the(await frozen(recording, name), name).origin

    assert (index.url, [f"/simple/{name}/"]) == (origin and origin.index, index.log.paths(f"/simple/*{name}/"))


async def test_m18_a_dependency_that_did_not_arrive_is_an_error(recording: Kernel, tmp_path: Path) -> None:
    """When ``loadPackage`` does not get a dependency of what it was asked for, the install fails and names it."""
    built = wheel("asttokens", "3.0.1", requires=["six"])
    (tmp_path / built.filename).write_bytes(built.data)
    error = await recording.failure(f"""
import micropip, pyodide_js
manager = pyodide_js._api.packageManager
before = manager.installBaseUrl, manager.cdnURL
# A distribution with one file, on every machine: nothing is fetched, and nothing kept in the runtime's directory.
manager.installBaseUrl, manager.cdnURL = {str(tmp_path) + "/"!r}, "http://127.0.0.1:9/"
try:
    await micropip.install("asttokens", index_urls=micropip.package_index.DEFAULT_INDEX_URLS[:])
finally:
    manager.installBaseUrl, manager.cdnURL = before
""")
    await recording.ask("import micropip; micropip.uninstall('asttokens'); answer = 0")

    assert ("runtime-package-failed", "six") == (error["code"], error["package"])


async def test_f02_pyodide_loads_our_lock_of_a_cycle(recording: Kernel, tmp_path: Path) -> None:
    """Pyodide's own ``loadPackage``, which waits for ever on a cycle, loads our lock of two that need each other."""
    await install(recording, "cycle-one", "cycle-two", deps=False)
    lock = await frozen(recording, "cycle-one")
    code = "import cycle_one, cycle_two; answer = [cycle_one.__version__, cycle_two.__version__]"

    assert ["1.0", "1.0"] == await load_with_pyodide(lock, tmp_path, list(WHEELS[:2]), "cycle-one", code)


async def test_f02_a_self_extra_is_no_edge(recording: Kernel) -> None:
    """A package with an extra that names itself does not depend on itself."""
    await install(recording, "self-extended[all]")

    assert "self-extended" not in the(await frozen(recording, "self-extended"), "self-extended").depends


async def test_f03_a_self_extra_is_followed(recording: Kernel) -> None:
    """What ``pkg[all]`` needs by way of ``pkg[io]`` is in the lock or told as missing; micropip does not install it."""
    await install(recording, "self-extended[all]")
    before = the(await frozen(recording, "self-extended"), "self-extended")
    await install(recording, "good-one")
    after = the(await frozen(recording, "self-extended"), "self-extended")

    assert (("all",), {"good-one"}, ("good-one",)) == (
        before.extras,
        {*before.depends, *before.missing},
        after.depends,
    )


@pytest.mark.parametrize("by_url", [False, True])
async def test_f04_a_wheel_that_poses_as_another_is_refused(
    recording: Kernel, index: PackageIndex, by_url: bool
) -> None:
    """A wheel named ``fakename`` whose METADATA says numpy is refused before a file of it is unpacked."""
    assert ("name-mismatch", True) == await refused(recording, url_of(index, POISONED) if by_url else "fakename")


async def test_f05_a_wheel_that_ships_records_is_refused(recording: Kernel) -> None:
    """A wheel with a ``PYODIDE_URL`` of its own is refused before a file of it is unpacked."""
    assert ("reserved-dist-info-file", True) == await refused(recording, "forged")
