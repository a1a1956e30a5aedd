"""Exact replays: what the lock does not name goes, in the same transaction, and no more than that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.core.model import Mock, mocks_by_name
from micropip_lock.core.plan import TOOLS
from micropip_lock.errors import AlreadyImportedError, ConflictError, NotFoundError
from micropip_lock.testing import wheel
from tests.app.replaying import WHEELS, Network, Runtime, failing, lock_of, outcomes, run, snapshot

EXTRA = wheel("extra", "3.0", files={"extra/__init__.py": "", "shared/a.py": "a", "shared/b.py": ""})
STAYS = wheel("stays", "1.0", files={"stays.py": "", "shared/a.py": "a"})
MICROPIP = wheel("micropip", "0.11", files={"micropip.py": ""}, requires=["packaging>=23", "absent; extra == 'x'"])
PACKAGING = wheel("packaging", "25", files={"packaging.py": ""})
EVERY = (EXTRA, STAYS, MICROPIP, PACKAGING, *WHEELS.values())

BETA = lock_of(WHEELS["beta"])


def mock(name: str, **modules: str) -> Mock:
    return Mock(
        name=canonicalize_name(name), display_name=name, version="1.0", persistent=True, modules=modules or {name: ""}
    )


async def fill(site: Path, *mocks: Mock) -> None:
    """A site that holds more than any lock of these tests."""
    lock = replace(lock_of(EXTRA, STAYS, MICROPIP, PACKAGING), mocks=mocks_by_name(mocks))
    await run(site, lock, Network(wheels=EVERY))


def names(site: Path) -> list[str]:
    return [dist.directory.partition("-")[0] for dist in SitePackages(site).distributions()]


async def test_a_directory_becomes_the_lock(tmp_path: Path) -> None:
    """Nothing that was installed stays, byte for byte what a fresh directory would be; a file of nobody does."""
    await fill(tmp_path / "site", mock("pretend"))
    (tmp_path / "site" / "mine.txt").write_text("mine")
    report = await run(tmp_path / "site", BETA, exact=True)
    await run(tmp_path / "fresh", BETA)
    fresh = {**snapshot(tmp_path / "fresh"), "mine.txt": b"mine"}
    gone = ["extra", "micropip", "packaging", "pretend", "stays"]
    assert (fresh, {"beta": "installed", **dict.fromkeys(gone, "removed")}) == (
        snapshot(tmp_path / "site"),
        outcomes(report),
    )
    assert ("3.0", 5, "5 removed") == (
        next(one.version for one in report.packages if one.name == "extra"),
        report.count("removed"),
        repr(report).split(", ")[2],
    )


async def test_tools_stay_in_a_kernel(tmp_path: Path) -> None:
    """What installs and replays stays, with all it needs, and what is shared with what stays."""
    await fill(tmp_path)
    await run(tmp_path, lock_of(WHEELS["beta"], STAYS), Network(wheels=EVERY), exact=True, tools=TOOLS)
    shared = sorted(path.name for path in (tmp_path / "shared").iterdir())
    assert (["beta", "micropip", "packaging", "stays"], ["a.py"]) == (names(tmp_path), shared)


async def test_without_exact_nothing_goes(tmp_path: Path) -> None:
    """What the lock does not name is no matter by default."""
    await fill(tmp_path)
    report = await run(tmp_path, BETA)
    assert (5, {"beta": "installed"}) == (len(names(tmp_path)), outcomes(report))


async def test_exactly_there_already(tmp_path: Path) -> None:
    """A second exact replay has nothing to remove and asks for nothing."""
    await fill(tmp_path)
    await run(tmp_path, BETA, exact=True)
    network = Network()
    report = await run(tmp_path, BETA, network, exact=True)
    assert ({"beta": "skipped"}, []) == (outcomes(report), network.asked)


async def test_only_removals(tmp_path: Path) -> None:
    """With everything there, removing is all that is done, offline too."""
    await fill(tmp_path)
    report = await run(tmp_path, lock_of(STAYS), exact=True, offline=True)
    expected = {"stays": "skipped", **dict.fromkeys(("extra", "micropip", "packaging"), "removed")}
    assert (expected, ["stays"]) == (outcomes(report), names(tmp_path))


async def test_a_failure_removes_nothing(tmp_path: Path) -> None:
    """When a wheel cannot be fetched, what was to go is there, and told as not tried."""
    await fill(tmp_path)
    before = snapshot(tmp_path)
    error = await failing(tmp_path, BETA, Network({"beta": [NotFoundError("x")]}), exact=True)
    left = dict.fromkeys(("extra", "micropip", "packaging", "stays"), "not-tried")
    assert ({"beta": "failed", **left}, before) == (outcomes(error.report), snapshot(tmp_path))


async def test_a_conflict_removes_nothing(tmp_path: Path) -> None:
    """A file of nobody in the way of a new one puts back what was removed."""
    await fill(tmp_path)
    (tmp_path / "beta.py").write_text("mine")
    before = snapshot(tmp_path)
    error = await failing(tmp_path, BETA, exact=True)
    assert (ConflictError, before) == (type(error), snapshot(tmp_path))


@pytest.mark.parametrize(
    ("options", "restart"), [({}, None), ({"force": True}, True), ({"own_modules": ["extra"]}, False)]
)
async def test_what_is_imported(tmp_path: Path, options: dict[str, Any], restart: bool | None) -> None:
    """A module of what would go is in use: refused before any request; with force it goes, with a restart."""
    await fill(tmp_path)
    network = Network()
    options = {"runtime": Runtime("extra"), "exact": True, **options}
    if restart is None:
        error = await failing(tmp_path, BETA, network, **options)
        assert (AlreadyImportedError, "extra", "failed", []) == (
            type(error),
            error.package,
            outcomes(error.report)["extra"],
            network.asked,
        )
    else:
        report = await run(tmp_path, BETA, network, **options)
        assert (restart, "removed") == (report.restart_required, outcomes(report)["extra"])


async def test_an_imported_mock(tmp_path: Path) -> None:
    """The module of a mock that would go is in use: refused, too."""
    await fill(tmp_path, mock("pretend"))
    error = await failing(tmp_path, BETA, exact=True, runtime=Runtime("pretend"))
    assert (AlreadyImportedError, "pretend") == (type(error), error.package)


async def test_a_mock_makes_way_for_the_package(tmp_path: Path) -> None:
    """A mock that stands in for a locked package, and a package in a mock's place, are what an exact replay mends."""
    await fill(tmp_path, mock("beta", beta="pretended = 1\n"))
    lock = replace(BETA, mocks=mocks_by_name([mock("extra")]))
    assert ConflictError is type(await failing(tmp_path, lock))
    await run(tmp_path, lock, exact=True)
    await run(tmp_path / "fresh", lock)
    assert snapshot(tmp_path / "fresh") == {
        path: data for path, data in snapshot(tmp_path).items() if not path.startswith("fresh")
    }


async def test_mocks_in_memory(tmp_path: Path) -> None:
    """Mocks in memory go by their names, with those in files."""
    changed: list[tuple[list[str], list[str]]] = []

    def memory(add: Any, remove: Any) -> Any:
        changed.append(([one.name for one in add], list(remove)))
        return lambda: None

    class Site(SitePackages):
        def distributions(self) -> Any:
            yield from super().distributions()
            yield InMemory()

    class InMemory:
        directory = "vapour-1.0.dist-info"

        def read_text(self, filename: str) -> str | None:
            return "Name: vapour\nVersion: 1.0\n" if filename == "METADATA" else None

        def read_file(self, path: str) -> bytes | None:
            return None

        def mock_modules(self) -> dict[str, str]:
            return {"vapour": ""}

    from micropip_lock.app.replay import replay

    installer = SiteInstaller(tmp_path, memory_mocks=memory)
    report = await replay(
        BETA, site=Site(tmp_path), runtime=Runtime(), fetcher=Network(), installer=installer, exact=True
    )
    assert ([([], ["vapour"])], {"beta": "installed", "vapour": "removed"}) == (changed, outcomes(report))
