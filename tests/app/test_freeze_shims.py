"""What JupyterLite's own kernel brings is left to the site: named in the lock, replayed by nobody, missed by nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.app.freeze import freeze
from micropip_lock.app.origins import KERNEL_WHEELS
from micropip_lock.app.verify import verify
from micropip_lock.core.compare import diff
from micropip_lock.core.model import Lock, Origin
from micropip_lock.ports import RuntimeLock
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import RUNTIME, records_of
from tests.app.replaying import Network, outcomes, run

SITE = "https://site.example/lab/extensions" + KERNEL_WHEELS
PIPLITE = wheel("piplite", "0.8.6", requires=["micropip"])
IPYKERNEL = wheel("ipykernel", "6.9.2", requires=["comm", "Widgets_NB"])
WIDGETS = wheel("widgets-nb", "4.0.15", requires=["ipykernel"])
COMM = wheel("comm", "0.2.3")
APP = wheel("app", "1.0", requires=["ipykernel>=6", "lib"])
LIB = wheel("lib", "1.0")
SHIMS = (PIPLITE, IPYKERNEL, WIDGETS)


def kernel_site(*packages: BuiltWheel, shims: tuple[BuiltWheel, ...] = SHIMS, base: str = SITE) -> MemorySite:
    """A kernel in which recording was on before it started: the shims have records like everything else."""
    site = MemorySite()
    for built in packages:
        site.install(built, records_of(built, requested=built is APP))
    for built in shims:
        site.install(built, records_of(built, origin=Origin(kind="url", url=base + built.filename)))
    return site


def test_shims_are_left_to_the_site() -> None:
    """Wheels of the kernel extension's own folder are no packages of a lock; it says which they were."""
    lock = freeze(kernel_site(APP, LIB), RUNTIME)
    expected = {"ipykernel": "6.9.2", "piplite": "0.8.6", "widgets-nb": "4.0.15"}
    assert (["app", "lib"], expected) == ([*lock.packages], lock.site)


def test_what_they_need_is_left_to_the_site() -> None:
    """What only a shim needs comes with it again; what a package of the person's needs as well is locked."""
    alone = freeze(kernel_site(APP, LIB, COMM), RUNTIME)
    shared = freeze(kernel_site(wheel("app", "1.0", requires=["comm", "ipykernel"]), COMM), RUNTIME)
    assert (["app", "lib"], ["app", "comm"]) == ([*alone.packages], [*shared.packages])


def test_nothing_depends_on_them() -> None:
    """A package that needs a shim neither depends on it nor misses it, and nothing is noted."""
    lock = freeze(kernel_site(APP, LIB), RUNTIME)
    assert (("lib",), (), ()) == (lock.packages["app"].depends, lock.packages["app"].missing, lock.notes)


def test_a_shim_that_was_edited() -> None:
    """The files of a shim are the site's matter: an edit of them stops no freeze."""
    site = kernel_site(APP, LIB)
    site.write("piplite.py", "patched by the site\n")
    assert ["app", "lib"] == [*freeze(site, RUNTIME).packages]


@pytest.mark.parametrize(
    "base",
    [
        SITE.replace("@", "%40"),
        "http://127.0.0.1:8000" + KERNEL_WHEELS,
        "https://site.example/deep/er/lab/extensions" + KERNEL_WHEELS,
    ],
    ids=["encoded", "on-this-machine", "deep"],
)
def test_where_a_site_may_lie(base: str) -> None:
    """The folder is found under any site, however the address spells it."""
    assert {"piplite": "0.8.6"} == freeze(kernel_site(shims=(PIPLITE,), base=base), RUNTIME).site


@pytest.mark.parametrize(
    "base",
    ["https://files.example/", "https://files.example/static/pypi/", f"https://files.example/x?y={KERNEL_WHEELS}"],
    ids=["elsewhere", "the-sites-own-wheels", "in-the-query"],
)
def test_what_is_no_shim(base: str) -> None:
    """A wheel from anywhere else is a package like any other, also one of the site's own index."""
    assert {} == freeze(kernel_site(shims=(LIB,), base=base), RUNTIME, strict=False).site


def test_in_the_text() -> None:
    """The lock's text has them under ``tool`` only, sorted by name, and reads back as the same lock."""
    lock = freeze(kernel_site(APP, LIB), RUNTIME)
    value = json.loads(lock.to_json())
    told = [(one["name"], one["version"]) for one in value["tool"]["micropip-lock"]["site"]]
    expected = [("ipykernel", "6.9.2"), ("piplite", "0.8.6"), ("widgets-nb", "4.0.15")]
    assert (expected, {"app", "lib"}, lock) == (told, value["packages"].keys(), Lock.from_json(lock.to_json()))


def test_a_diff_tells_them() -> None:
    """Two locks that differ in what the site brought have two identities, and a diff says why."""
    one, other = freeze(kernel_site(LIB), RUNTIME), freeze(kernel_site(LIB, shims=(PIPLITE,)), RUNTIME)
    changes = diff(one, other)
    assert (False, True) == (one.id == other.id, "widgets-nb" in "\n".join(changes.lines()))


async def test_replay_does_not_miss_them(tmp_path: Path) -> None:
    """A replay where no shim is installs the packages alone, and the environment is what the lock says."""
    lock = Lock.from_json(freeze(kernel_site(APP, LIB), RUNTIME).to_json())
    report = await run(tmp_path, lock, Network(wheels=[APP, LIB]))
    assert {"app": "installed", "lib": "installed"} == outcomes(report)


def test_verify_does_not_miss_them() -> None:
    """With and without the shims an environment is what its lock says, with nothing to note about them."""
    lock = freeze(kernel_site(APP, LIB), RUNTIME)
    reports = [verify(lock, kernel_site(APP, LIB, shims=shims), RuntimeLock()) for shims in (SHIMS, (), (PIPLITE,))]
    assert [()] * 3 == [report.findings for report in reports]


def test_a_shim_as_a_root() -> None:
    """A root that the site brings is no package of the lock; the lock says who brings it."""
    lock = freeze(kernel_site(APP, LIB), RUNTIME, roots=["ipykernel"])
    assert ([], "6.9.2") == ([*lock.packages], lock.site[canonicalize_name("ipykernel")])
