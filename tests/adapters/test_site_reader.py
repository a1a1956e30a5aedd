"""A site-packages directory, read: distributions, their files, and nothing that lies elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SitePackages, TargetRuntime
from micropip_lock.adapters.site_reader import find_site
from micropip_lock.app.origins import installed_in
from micropip_lock.core.digest import Digest
from micropip_lock.core.graph import needs_of, parse_requirements
from micropip_lock.core.model import Abi
from micropip_lock.errors import UsageError
from micropip_lock.ports import RuntimeLock
from tests.adapters.installing import NEIGHBOUR, NEW, install_of, put

ABI = Abi(abi_version="2026_0", python="3.14.2")


async def test_reading(tmp_path: Path) -> None:
    """Distributions come sorted; files that are not there or not UTF-8 are ``None``."""
    await put(tmp_path, install_of(NEW), install_of(NEIGHBOUR))
    (tmp_path / "file.dist-info").write_text("no directory")
    (tmp_path / "six-1.16.dist-info" / "BAD").write_bytes(b"\xff")
    other, six = SitePackages(tmp_path).distributions()
    expected = ("other-1.0.dist-info", "six-1.16.dist-info", "micropip-lock", None, None, b"new", None)
    assert expected == (
        other.directory,
        six.directory,
        six.read_text("INSTALLER"),
        six.read_text("NOWHERE"),
        six.read_text("BAD"),
        six.read_file("six.py"),
        six.read_file("nowhere.py"),
    )


def test_reading_nothing(tmp_path: Path) -> None:
    """A directory that is not there has no distributions."""
    assert [] == list(SitePackages(tmp_path / "nowhere").distributions())


def test_what_is_no_file(tmp_path: Path) -> None:
    """Links in a circle or to nowhere, and pipes, are neither files nor waited for; nor do they end the reading."""
    made = tmp_path / "six-1.16.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Name: six\n")
    for directory in (tmp_path, made):
        (directory / "circle").symlink_to(directory / "circle")
        (directory / "nowhere").symlink_to(directory / "gone")
        os.mkfifo(directory / "pipe.pth")
    site = SitePackages(tmp_path)
    (dist,) = site.distributions()
    assert (["six-1.16.0.dist-info/METADATA"], "", []) == (
        list(site.files().sizes),
        dist.read_text("pipe.pth"),
        list(site.strays()),
    )


async def test_other_distributions(tmp_path: Path) -> None:
    """Distributions without a directory are read after those with one."""
    await put(tmp_path, install_of(NEW))
    (mock,) = SitePackages(tmp_path).distributions()
    site = SitePackages(tmp_path / "elsewhere", others=lambda: [mock])
    assert [("six", Digest.of(NEW.data))] == [(one.name, one.digest) for one in installed_in(site, RuntimeLock())]


def test_target_runtime_is_the_locks_own() -> None:
    """Markers are answered for the lock's Python and platform, not for the interpreter that runs this."""
    runtime = TargetRuntime(ABI)
    six = canonicalize_name("six")
    lines = [
        'yes; python_version == "3.14"',
        'yes; python_full_version == "3.14.2"',
        'yes; platform_system == "Emscripten" and os_name == "posix" and implementation_name == "cpython"',
        'no; python_version < "3.14"',
        'no; sys_platform == "linux" or platform_machine == "x86_64" or platform_release != ""',
    ]
    needs = needs_of({six: parse_requirements(six, lines)}, {}, runtime.markers())
    assert ("yes",) == needs[six].missing


@pytest.mark.parametrize(("python", "expected"), [("3.13.2", "3.13.2"), ("3.14.2", "3.13.0"), ("", "3.13.0")])
def test_target_runtime_does_not_believe_info_python(python: str, expected: str) -> None:
    """When ``info.python`` contradicts the ABI, the ABI counts."""
    markers = TargetRuntime(Abi(abi_version="2025_0", python=python)).markers()
    assert ("3.13", expected) == (markers["python_version"], markers["python_full_version"])


@pytest.mark.parametrize(
    ("made", "named", "expected"),
    [
        (["site/six.dist-info"], "site", ("site", "site")),
        (["v/lib/python3.14/site-packages/six.dist-info"], "v", ("v/lib/python3.14/site-packages", "v")),
        (
            ["v/lib/python3.14/site-packages/six.dist-info"],
            "v/lib/python3.14/site-packages",
            ("v/lib/python3.14/site-packages", "v"),
        ),
        # A target with a package that brought a lib directory of its own.
        (["site/six.dist-info", "site/lib/python3.14/site-packages/x.dist-info"], "site", ("site", "site")),
        # What was left of another Python does not count when it is empty.
        (
            ["v/lib/python3.14/site-packages/six.dist-info", "v/lib/python3.13/site-packages"],
            "v",
            ("v/lib/python3.14/site-packages", "v"),
        ),
        (["eggs/six.egg-info"], "eggs", ("eggs", "eggs")),
    ],
)
def test_the_site_that_a_person_means(tmp_path: Path, made: list[str], named: str, expected: tuple[str, str]) -> None:
    """A directory of distributions is taken as it is; a virtual environment by its one site-packages with any."""
    for path in made:
        (tmp_path / path).mkdir(parents=True)
    site, environment = find_site(tmp_path / named)
    assert expected == (site.relative_to(tmp_path).as_posix(), environment.relative_to(tmp_path).as_posix())


@pytest.mark.parametrize(
    ("made", "code", "got"),
    [
        ([], "no-directory", "v"),
        (["v"], "no-site", "v"),
        (["v/lib/python3.14/site-packages"], "no-site", "v"),
        (
            [f"v/lib/python3.{minor}/site-packages/six.dist-info" for minor in (13, 14)],
            "no-site",
            "v/lib/python3.13/site-packages, v/lib/python3.14/site-packages",
        ),
    ],
)
def test_no_site(tmp_path: Path, made: list[str], code: str, got: str) -> None:
    """A directory that is not there, holds nothing, or holds several environments, is told."""
    for path in made:
        (tmp_path / path).mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        find_site(tmp_path / "v")
    assert (code, got) == (caught.value.code, (caught.value.got or "").replace(f"{tmp_path}/", ""))


def test_a_site_that_nobody_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that cannot be listed is our error, not the operating system's."""

    def refuse(path: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UsageError) as caught:
        find_site(tmp_path)
    assert ("no-directory", "Permission denied") == (caught.value.code, caught.value.got)
