"""Freeze under a policy: what comes from elsewhere is an item, and what is pinned is looked for in one place only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.app.freeze import freeze
from micropip_lock.app.locate import locate
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.core.model import Origin
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import Unlockable, UnlockableError
from micropip_lock.testing import PackageIndex, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import INDEX, RUNTIME, records_of

CORE = wheel("acme-core", "1.0")
PINNED = Policy(index_pins={"acme-*": "https://other.example/simple"})


@pytest.mark.parametrize(
    ("policy", "url", "code"),
    [
        (PINNED, "https://files.example", "index-pin"),
        (Policy(index_pins={"acme-*": f"{INDEX}/"}), "https://files.example", None),
        (DEFAULT_POLICY, "http://files.example", "insecure"),
        (Policy(allow_insecure_hosts=("files.example",)), "http://files.example", None),
        (DEFAULT_POLICY, "http://localhost:8000", None),
        (Policy(allow_hosts=("cdn.example",)), "https://files.example", "host-not-allowed"),
    ],
)
def test_items(policy: Policy, url: str, code: str | None) -> None:
    """What a replay under the same policy would refuse cannot be locked; its item says why and what to do."""
    site = MemorySite(wheels=[])
    origin = Origin(kind="index", url=f"{url}/{CORE.filename}", index=INDEX)
    site.install(CORE, records_of(CORE, origin=origin))
    try:
        found = [*freeze(site, RUNTIME, policy=policy).packages]
    except UnlockableError as error:
        found = [item.code if item.reason and item.hint else "untold" for item in error.items]
    assert [code or "acme-core"] == found


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[HostIndexFetcher]:
    """The network of the host."""
    with HostIndexFetcher() as found:
        yield found


async def _located(
    fetcher: HostIndexFetcher, indexes: list[str], policy: Policy, direct_url: str | None = None
) -> OriginRecord | Unlockable:
    site = MemorySite(wheels=[CORE])
    if direct_url is not None:
        site.write("acme_core-1.0.dist-info/direct_url.json", direct_url)
    (outcome,) = (await locate(site.distributions(), index_urls=indexes, fetcher=fetcher, policy=policy)).values()
    return outcome


async def test_a_pinned_name_is_located_on_its_index(
    package_index_factory: Callable[..., PackageIndex], fetcher: HostIndexFetcher
) -> None:
    """An index that comes first and has the very same wheel is not asked for a name that is pinned to the second."""
    public, private = package_index_factory(), package_index_factory()
    public.add(CORE)
    private.add(CORE)
    policy = Policy(index_pins={"acme-core": f"{private.url}/"})
    outcome = await _located(fetcher, [public.url, private.url], policy)
    assert isinstance(outcome, OriginRecord)
    assert (private.url, []) == (outcome.origin.index, public.log.requests())


async def test_the_pinned_index_is_not_among_those_asked(
    package_index: PackageIndex, fetcher: HostIndexFetcher
) -> None:
    """Nobody is asked for a name that is pinned to an index which is not configured; it is an item."""
    package_index.add(CORE)
    outcome = await _located(fetcher, [package_index.url], PINNED)
    assert ("index-pin", []) == (isinstance(outcome, Unlockable) and outcome.code, package_index.log.requests())


@pytest.mark.parametrize(
    ("policy", "code"), [(PINNED, "index-pin"), (Policy(allow_hosts=("files.example",)), "host-not-allowed")]
)
async def test_a_direct_url_that_is_not_allowed(
    package_index: PackageIndex, fetcher: HostIndexFetcher, policy: Policy, code: str
) -> None:
    """The address in ``direct_url.json`` is not asked when the policy forbids it."""
    package_index.add(CORE)
    direct = f'{{"url": "{package_index.file_url(CORE.filename)}", "archive_info": {{}}}}'
    outcome = await _located(fetcher, [], policy, direct)
    assert (code, []) == (isinstance(outcome, Unlockable) and outcome.code, package_index.log.requests())


async def test_files_on_a_host_that_is_not_allowed(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """A file that an index lists on a host that is not allowed is not asked for, and that is the reason told."""
    package_index.add(CORE)
    outcome = await _located(fetcher, [package_index.url], Policy(allow_hosts=("files.example",)))
    assert isinstance(outcome, Unlockable)
    assert ("host-not-allowed", True, []) == (
        outcome.code,
        "--allow-host" in outcome.hint,
        package_index.log.paths("*.whl*"),
    )
