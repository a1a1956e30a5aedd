"""Freeze looks at the files, not only at the records: what was edited, lost or added since the install is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.freeze import Indexes, freeze, freeze_located
from micropip_lock.errors import UnlockableError
from micropip_lock.testing import PackageIndex, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import RUNTIME, records_of
from tests.app.replaying import Network, lock_of, run

PACKAGE = wheel("pack", "1.0", files={"pack/__init__.py": "one = 1\n", "pack/data.txt": "data\n"})


async def installed(tmp_path: Path) -> SitePackages:
    """A site with one package that a replay installed."""
    await run(tmp_path, lock_of(PACKAGE), network=Network(wheels=[PACKAGE]))
    return SitePackages(tmp_path)


def codes(site: SitePackages | MemorySite) -> list[tuple[str, str]]:
    """What a strict freeze refuses: name and code of each item."""
    try:
        freeze(site, RUNTIME)
    except UnlockableError as error:
        return [(item.name, item.code) for item in error.items]
    return []


def put(path: Path, text: str, *, later: float = 10.0) -> None:
    """Write a file, some seconds after the install."""
    path.write_text(text, "utf-8")
    changed = path.stat().st_mtime + later
    os.utime(path, (changed, changed))


async def test_a_clean_site(tmp_path: Path) -> None:
    """What a replay installed is locked; bytecode that an import left is no matter."""
    site = await installed(tmp_path)
    (tmp_path / "pack/__pycache__").mkdir()
    put(tmp_path / "pack/__pycache__/__init__.cpython-314.pyc", "x")
    assert [] == codes(site)


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        ("pack/__init__.py", "one = 2\n", "dirty-changed"),  # of the same size
        ("pack/data.txt", "longer than it was\n", "dirty-changed"),
        ("pack/added.py", "", "dirty-extra"),
    ],
)
async def test_an_edited_site(tmp_path: Path, path: str, text: str, code: str) -> None:
    """A file that was changed, or put into a package's folder, makes a strict freeze refuse and name the package."""
    site = await installed(tmp_path)
    put(tmp_path / path, text)
    assert [("pack", code)] == codes(site)


async def test_a_file_behind_a_link(tmp_path: Path) -> None:
    """A folder that was replaced by a link to a copy of it is whole: nothing of it is gone."""
    site = await installed(tmp_path / "site")
    (tmp_path / "site/pack").rename(tmp_path / "elsewhere")
    (tmp_path / "site/pack").symlink_to(tmp_path / "elsewhere")
    assert [] == codes(site)


async def test_a_lost_file(tmp_path: Path) -> None:
    """A file that is gone makes a strict freeze refuse."""
    site = await installed(tmp_path)
    (tmp_path / "pack/data.txt").unlink()
    assert [("pack", "dirty-missing")] == codes(site)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("pack.cpython-314-wasm32-emscripten.so", []),
        ("flat.abi3.so", [("pack", "shadowed")]),
        ("flat/__init__.py", [("pack", "shadowed")]),
        ("stray.py", []),
    ],
)
async def test_a_module_in_the_place_of_another(tmp_path: Path, path: str, found: list[tuple[str, str]]) -> None:
    """A module of nobody that Python imports instead of a package's own makes a strict freeze refuse."""
    built = wheel("pack", "1.0", files={"pack/__init__.py": "", "flat.py": ""})
    await run(tmp_path, lock_of(built), network=Network(wheels=[built]))
    (tmp_path / path).parent.mkdir(exist_ok=True)
    put(tmp_path / path, "")
    assert found == codes(SitePackages(tmp_path))


async def test_not_strict(tmp_path: Path) -> None:
    """Without strictness the same is listed in the lock."""
    site = await installed(tmp_path)
    (tmp_path / "pack/data.txt").unlink()
    lock = freeze(site, RUNTIME, strict=False)
    assert [("pack", "dirty-missing")] == [(item.name, item.code) for item in lock.unlocked]


def test_notes() -> None:
    """An unmet version and a shared import name are noted, and do not stop a freeze."""
    first = wheel("first", "1.0", files={"shared.py": ""}, requires=["second>=2"])
    second = wheel("second", "1.0", files={"shared/__init__.py": ""})
    site = MemorySite()
    for built in (first, second):
        site.install(built, records_of(built))
    lock = freeze(site, RUNTIME)
    assert [("first", "import-clash"), ("first", "open-closure"), ("second", "import-clash")] == [
        (note.package, note.code) for note in lock.notes
    ]


@pytest.mark.parametrize(("yanked", "got"), [(True, None), ("it was broken", "it was broken")])
def test_yanked(yanked: bool | str, got: str | None) -> None:
    """What its index had withdrawn is locked as such and noted; nothing is said of what was not."""
    site = MemorySite()
    site.install(PACKAGE, records_of(PACKAGE, yanked=yanked))
    site.install(wheel("whole"), records_of(wheel("whole")))
    lock = freeze(site, RUNTIME)
    assert ([("pack", "yanked", got)], yanked, False) == (
        [(note.package, note.code, note.got) for note in lock.notes],
        lock.packages["pack"].wheel.yanked,
        lock.packages["whole"].wheel.yanked,
    )


async def test_what_pip_installed_is_proven(tmp_path: Path) -> None:
    """What pip put into a directory has no record; the index names its file, and RECORD proves it."""
    with PackageIndex() as index:
        index.add(PACKAGE)
        command = [sys.executable, "-m", "pip", "install", "--isolated", "--quiet", "--no-cache-dir"]
        command += ["--index-url", index.url, "--target", str(tmp_path / "site"), "pack"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        environment["PIP_CONFIG_FILE"] = os.devnull
        await asyncio.to_thread(subprocess.run, command, check=True, env=environment)
        site = SitePackages(tmp_path / "site")
        assert [("pack", "no-record")] == codes(site)
        with HostIndexFetcher() as fetcher:
            found = Indexes(urls=[index.url], fetcher=fetcher)
            lock = await freeze_located(site, RUNTIME, indexes=lambda: nullcontext(found))
        package = lock.packages["pack"]
        assert package.origin is not None
        assert (PACKAGE.sha256, index.url) == (package.wheel.digest.hex, package.origin.index)
