"""What real pip and real uv install is locked with its origin, or refused with the one reason that is true."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from micropip_lock import api
from micropip_lock.core.model import Lock
from micropip_lock.errors import UnlockableError
from micropip_lock.testing import PackageIndex, wheel
from tests.installers import CLIENTS, Client, project, run, run_installer, sdist

pytestmark = pytest.mark.parametrize("client", CLIENTS)

APP = wheel(
    "App.Kit",
    "1.0",
    files={"app/__init__.py": "NAME = 'app'\n", "app/deep/x.py": ""},
    requires=["base>=1"],
    extras={"fast": ["fast"]},
    data={"scripts/run-app": "#!python\nprint('app')\n", "data/share/app/x.txt": "shared", "purelib/side.py": ""},
    dist_info={"entry_points.txt": "[console_scripts]\nApp-Cli = app:main\n"},
)
BASE = wheel("base", "2.0", files={"base.py": "x = 1\n"}, tag="py2.py3-none-any")
FAST = wheel("fast", "3.0", files={"fast.so": "\0asm"}, tag="cp313-cp313-pyodide_2025_0_wasm32")
PATCHED = wheel("base", "2.0+patched.1", files={"base.py": "x = 2\n"})
PLATFORM = {
    "pip": ["--platform", "pyodide_2025_0_wasm32", "--implementation", "cp", "--abi", "cp313"],
    "uv": ["--python-platform", "wasm32-pyodide2025"],
}


def install(client: Client, tmp_path: Path, *what: str, index: PackageIndex | None = None) -> Path:
    """Install into a directory."""
    site = tmp_path / "site"
    indexes = ["--no-index"] if index is None else ["--index-url", index.url]
    run_installer(client, tmp_path / "home", "--target", str(site), *indexes, *what)
    return site


def sources(lock: Lock) -> dict[str, str | None]:
    """The index of each package, or the address of what has none."""
    return {one.name: (one.origin.index or one.origin.url) if one.origin else None for one in lock}


async def refusals(site: Path, *indexes: PackageIndex) -> list[tuple[str, str, str]]:
    """Name, version and code of all that cannot be locked; each has a reason and a hint."""
    with pytest.raises(UnlockableError) as caught:
        await api.freeze_site(site, index_urls=[one.url for one in indexes] or ["http://127.0.0.1:9/simple"])
    assert all(item.reason and item.hint for item in caught.value.items)
    return [(item.name, item.version, item.code) for item in caught.value.items]


@pytest.mark.parametrize("compiled", [False, True])
async def test_for_the_pyodide_platform(
    client: Client, compiled: bool, tmp_path: Path, package_index: PackageIndex
) -> None:
    """A directory filled for Pyodide is locked for the ABI of its compiled wheels: scripts, moved data, extras and
    bytecode change nothing; what a person asked for is a root, and what pip or uv added to it is none.
    """
    for built in (APP, BASE, FAST):
        package_index.add(built)
    bytecode = {"pip": ["--compile"], "uv": ["--compile-bytecode"]} if compiled else {"pip": ["--no-compile"], "uv": []}
    if client == "uv" and compiled:
        # uv compiles with an interpreter of the target's version, and there is none of Pyodide on this machine.
        options = ["--python-version", "3.13", *bytecode[client], "--only-binary", ":all:"]
        what = ["app-kit"]
    else:
        options = [*PLATFORM[client], "--python-version", "3.13", "--only-binary", ":all:", *bytecode[client]]
        what = ["app-kit[fast]"]
    site = install(client, tmp_path, *options, *what, index=package_index)
    assert compiled is any(site.rglob("*.pyc"))
    lock = await api.freeze_site(site, index_urls=[package_index.url])
    wanted = [APP, BASE, FAST] if "fast" in what[0] else [APP, BASE]
    assert {one.project: one.sha256 for one in wanted} == {one.name: one.wheel.digest.hex for one in lock}
    assert ["app-kit"] == [one.name for one in lock if one.requested] or "fast" in what[0]
    assert [] == [str(note) for note in lock.notes]
    assert {"2025_0" if "fast" in what[0] else "2026_0"} == {lock.abi.abi_version}


async def test_roots(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """Roots are what pip marks as asked for. uv marks dependencies too, so that they are what nothing else needs, and
    of a circle all of it.
    """
    round_, trip = wheel("round", requires=["trip"]), wheel("trip", requires=["round"])
    for built in (APP, BASE, round_, trip):
        package_index.add(built)
    site = install(client, tmp_path, "app-kit", "base", "round", index=package_index)
    lock = await api.freeze_site(site, index_urls=[package_index.url])
    expected = {"pip": ["app-kit", "base", "round"], "uv": ["app-kit", "round", "trip"]}[client]
    assert expected == [one.name for one in lock if one.requested]


async def test_a_virtual_environment(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """A virtual environment is locked without what it brought along to install with."""
    for built in (APP, BASE):
        package_index.add(built)
    if client == "pip":
        run(tmp_path / "home", sys.executable, "-m", "venv", str(tmp_path / "venv"))
    else:
        run(tmp_path / "home", sys.executable, "-m", "uv", "venv", "--no-config", "-p", sys.executable, "../venv")
    python = tmp_path / "venv/bin/python"
    run_installer(client, tmp_path / "home", "--index-url", package_index.url, "app-kit", python=python)
    lock = await api.freeze_site(tmp_path / "venv", index_urls=[package_index.url])
    assert {"app-kit": package_index.url, "base": package_index.url} == sources(lock)
    assert [] == [str(note) for note in lock.notes]


async def test_an_editable_install(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """An editable install is refused as such, once, though an index has its name."""
    package_index.add(wheel("mine", "1.0"))
    run(tmp_path / "home", sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv"))
    source = project(tmp_path / "checkout", "mine")
    python = tmp_path / "venv/bin/python"
    run_installer(client, tmp_path / "home", "--no-index", "--editable", str(source), python=python)
    assert [("mine", "1.0", "editable")] == await refusals(tmp_path / "venv", package_index)


async def test_a_local_directory(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """What was built from a directory on this machine is refused as such, and no index is asked for it."""
    package_index.add(wheel("mine", "1.0"))
    site = install(client, tmp_path, str(project(tmp_path / "checkout", "mine")))
    assert [("mine", "1.0", "local-directory")] == await refusals(site, package_index)
    assert 0 == package_index.log.count()


async def test_a_checkout(client: Client, tmp_path: Path) -> None:
    """What was installed from a repository is refused with its commit."""
    source = project(tmp_path / "repository", "mine")
    git = ["git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=a@mail.example"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        run(tmp_path / "home", *git, *command)
    site = install(client, tmp_path, f"git+file://{source}")
    assert [("mine", "1.0", "vcs")] == await refusals(site)


async def test_built_from_an_sdist(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """What was built here because the index has no wheel is refused as such."""
    package_index.add_file(sdist(tmp_path, "mine"))
    site = install(client, tmp_path, "mine", index=package_index)
    assert [("mine", "1.0", "built-from-sdist")] == await refusals(site, package_index)


async def test_built_from_an_sdist_beside_a_wheel(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """A build of one's own is not taken for the wheel of that name."""
    package_index.add_file(sdist(tmp_path, "mine"))
    site = install(client, tmp_path, "mine", index=package_index)
    package_index.add(wheel("mine", "1.0", files={"mine.py": "x = 'of the index'\n"}))
    assert [("mine", "1.0", "different-build")] == await refusals(site, package_index)


async def test_an_archive_of_sources(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """Sources installed by their address were built here."""
    package_index.add_file(sdist(tmp_path, "mine"))
    site = install(client, tmp_path, package_index.file_url("mine-1.0.tar.gz"))
    assert [("mine", "1.0", "built-from-sdist")] == await refusals(site, package_index)


async def test_a_local_version(client: Client, tmp_path: Path, package_index_factory: type[PackageIndex]) -> None:
    """A local version is refused where no index has it, and locked where one does."""
    public, own = package_index_factory(), package_index_factory()
    public.add(BASE)
    own.add(PATCHED)
    site = install(client, tmp_path, "base==2.0+patched.1", index=own)
    assert [("base", "2.0+patched.1", "local-version")] == await refusals(site, public)
    lock = await api.freeze_site(site, index_urls=[public.url, own.url])
    assert ({"base": own.url}, PATCHED.sha256) == (sources(lock), lock.packages[BASE.project].wheel.digest.hex)


async def test_a_wheel_from_a_url(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """A wheel that was installed by its address has that address as its origin, proven by the wheel that lies there."""
    package_index.add(BASE)
    url = package_index.file_url(BASE.filename)
    site = install(client, tmp_path, url)
    lock = await api.freeze_site(site, index_urls=[package_index.url])
    package = lock.packages[BASE.project]
    assert ({"base": url}, BASE.sha256, BASE.size) == (sources(lock), package.wheel.digest.hex, package.wheel.size)
    assert 0 == package_index.log.count("/simple/*")


async def test_a_url_that_has_another_wheel_now(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """An address that has other files now, or none, is no origin."""
    package_index.add(BASE)
    site = install(client, tmp_path, package_index.file_url(BASE.filename))
    package_index.remove(BASE.filename)
    found = [await refusals(site, package_index)]
    package_index.add(replace(wheel("base", "2.0", files={"base.py": "x = 3\n"}), filename=BASE.filename))
    found.append(await refusals(site, package_index))
    assert [[("base", "2.0", "gone")], [("base", "2.0", "different-build")]] == found


async def test_a_wheel_of_this_machine(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """A wheel that was a local file is refused: no other machine can reach it."""
    (tmp_path / BASE.filename).write_bytes(BASE.data)
    site = install(client, tmp_path, str(tmp_path / BASE.filename))
    assert [("base", "2.0", "not-replayable")] == await refusals(site, package_index)


@pytest.mark.parametrize("chosen", ["1", "2"])
async def test_two_builds_of_a_version(
    client: Client, chosen: str, tmp_path: Path, package_index_factory: type[PackageIndex]
) -> None:
    """Of two builds of one version on the index, the one that is installed is found, also when it is not the newest."""
    first = wheel("base", "2.0", files={"base.py": "build = 1\n"}, build="1")
    second = wheel("base", "2.0", files={"base.py": "build = 2\n"}, build="2")
    both, one = package_index_factory(), package_index_factory()
    installed = {"1": first, "2": second}[chosen]
    one.add(installed)
    for built in (first, second):
        both.add(built)
    site = install(client, tmp_path, "base", index=one)
    lock = await api.freeze_site(site, index_urls=[both.url])
    assert [(installed.filename, installed.sha256)] == [(one.wheel.filename, one.wheel.digest.hex) for one in lock]


async def test_republished(client: Client, tmp_path: Path, package_index_factory: type[PackageIndex]) -> None:
    """What the index has other files for now is refused: its RECORD is another."""
    before, now = package_index_factory(), package_index_factory()
    before.add(BASE)
    now.add(replace(wheel("base", "2.0", files={"base.py": "x = 3\n"}), filename=BASE.filename))
    site = install(client, tmp_path, "base", index=before)
    assert [("base", "2.0", "different-build")] == await refusals(site, now)


async def test_edited_since(client: Client, tmp_path: Path, package_index: PackageIndex) -> None:
    """A file that was edited, and one that is gone, are refused with their names; the rest is not blamed."""
    for built in (APP, BASE):
        package_index.add(built)
    site = install(client, tmp_path, "app-kit", index=package_index)
    (site / "app/__init__.py").write_text("NAME = 'edited'\n", "utf-8")
    (site / "app/deep/x.py").unlink()
    expected = [("app-kit", "1.0", "dirty-changed"), ("app-kit", "1.0", "dirty-missing")]
    assert expected == await refusals(site, package_index)
