"""Tests of :mod:`micropip_lock.app.locate`: what real pip and real uv installed, located on a local index."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.adapters.site import SitePackages
from micropip_lock.app import network, prove
from micropip_lock.app.locate import locate
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.core.model import Origin
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    InputError,
    MicropipLockError,
    NetworkError,
    ServerError,
    Unlockable,
)
from micropip_lock.ports import ProgressEvent
from micropip_lock.testing import (
    BuiltWheel,
    GzipEncoded,
    MemorySite,
    NotFound,
    PackageIndex,
    Reset,
    Status,
    WrongOffset,
    wheel,
)
from micropip_lock.testing.faults import Fault
from tests.installers import CLIENTS, Client, run_installer

type Factory = Callable[..., PackageIndex]
type Outcome = dict[str, OriginRecord | str]

NOISE = random.Random(7).randbytes(120_000)
DEMO = wheel(
    "Demo.Pkg",
    "1.0",
    files={"demo/__init__.py": "NAME = 'demo'\n", "demo/noise.bin": NOISE, "demo/deep/x.py": ""},
    requires=["base"],
    extras={"more": ["also"]},
    data={"scripts/run-demo": "#!python\nprint('demo')\n", "data/share/demo/x.txt": "shared", "purelib/side.py": ""},
    dist_info={"entry_points.txt": "[console_scripts]\nDemo-Cli = demo:main\n[gui_scripts]\ndemo-gui = demo:main\n"},
)
BASE = wheel("base", "2.0", files={"base.py": "x = 1\n"}, tag="py2.py3-none-any")
ALSO = wheel("also", "3", files={"also.py": "y = 1\n"}, build="7")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies, and no pauses between tries."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(network, "PAUSES", (0.0, 0.0))


@pytest.fixture
async def fetcher(_quick: None) -> AsyncIterator[HostIndexFetcher]:
    """The host's network."""
    with HostIndexFetcher(connect_timeout=5, idle_timeout=5) as one:
        yield one


def install(client: Client, target: Path, index: PackageIndex, *what: str) -> SitePackages:
    """Install with pip or uv into a directory."""
    run_installer(client, target.parent / "home", "--target", str(target), "--index-url", index.url, *what)
    return SitePackages(target)


def unpacked(*built: BuiltWheel, **records: str) -> MemorySite:
    """Wheels put in place as an installer that adds nothing would."""
    site = MemorySite()
    for one in built:
        site.install(one, records)
    return site


async def outcome(
    site: SitePackages | MemorySite,
    fetcher: HostIndexFetcher,
    *indexes: PackageIndex | str,
    trust_metadata: bool = False,
    progress: Callable[[ProgressEvent], None] | None = None,
) -> Outcome:
    """Origins, and the codes of refusals."""
    urls = [one if isinstance(one, str) else one.url for one in indexes]
    found = await locate(
        site.distributions(), index_urls=urls, fetcher=fetcher, trust_metadata=trust_metadata, progress=progress
    )
    return {name: one.code if isinstance(one, Unlockable) else one for name, one in found.items()}


def origin(index: PackageIndex, built: BuiltWheel) -> OriginRecord:
    """What has to be found for a wheel, but for what depends on the installer."""
    return OriginRecord(
        origin=Origin(kind="index", url=index.file_url(built.filename), index=index.url),
        digest=Digest.from_hex(built.sha256),
        size=built.size,
    )


def plain(found: Outcome) -> Outcome:
    """The outcome without what depends on the installer, and on when the wheel was uploaded."""
    return {
        name: one if isinstance(one, str) else replace(one, upload_time=None, requested=False, record_digest=None)
        for name, one in found.items()
    }


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("page_format", ["json", "html"])
async def test_real_installers(
    package_index_factory: Factory, fetcher: HostIndexFetcher, tmp_path: Path, client: Client, page_format: str
) -> None:
    """Extras, scripts, moved data files and compiled modules of pip and uv change nothing: every wheel is proven."""
    index = package_index_factory(formats=(page_format,), files_on_another_origin=True)
    for built in (DEMO, BASE, ALSO):
        index.add(built)
    index.add(wheel("demo-pkg", "0.9"))
    site = install(client, tmp_path / "target", index, "demo.pkg[more]")
    found = await outcome(site, fetcher, index)
    expected = {"also": origin(index, ALSO), "base": origin(index, BASE), "demo-pkg": origin(index, DEMO)}
    assert expected == plain(found)


@pytest.mark.parametrize("client", CLIENTS)
async def test_facts_of_the_install(
    package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path, client: Client
) -> None:
    """Upload time comes from the index, RECORD's digest from dist-info; what was asked for is what pip noted, while uv
    notes it for every dependency too.
    """
    package_index.add(DEMO, upload_time="2026-01-02T03:04:05Z")
    package_index.add(BASE)
    site = install(client, tmp_path / "target", package_index, "demo.pkg")
    found = await outcome(site, fetcher, package_index)
    demo, base = found["demo-pkg"], found["base"]
    assert isinstance(demo, OriginRecord)
    assert isinstance(base, OriginRecord)
    record = (tmp_path / "target" / DEMO.dist_info / "RECORD").read_bytes()
    expected = ("2026-01-02T03:04:05Z", client == "pip", False, Digest.of(record))
    assert expected == (demo.upload_time, demo.requested, base.requested, demo.record_digest)


async def test_one_page_and_one_range_each(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """A wheel of 120 kB is proven with its page, one range, and less than two kilobytes of it."""
    package_index.add(DEMO)
    await outcome(unpacked(DEMO), fetcher, package_index)
    [request] = package_index.log.requests("/files/*")
    assert (["/simple/demo-pkg/"], 206) == (package_index.log.paths("/simple/*"), request.status)
    assert request.bytes_sent < 2000 + len(DEMO.metadata)


async def test_trust_metadata(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """With trust in the index's METADATA digests, no byte of any wheel is asked for."""
    package_index.add(DEMO)
    found = await outcome(unpacked(DEMO), fetcher, package_index, trust_metadata=True)
    assert ({"demo-pkg": origin(package_index, DEMO)}, 0) == (plain(found), package_index.log.count("/files/*"))


async def test_trust_needs_metadata(package_index_factory: Factory, fetcher: HostIndexFetcher) -> None:
    """An index without METADATA digests is looked into all the same."""
    index = package_index_factory(metadata=False)
    index.add(DEMO)
    found = await outcome(unpacked(DEMO), fetcher, index, trust_metadata=True)
    assert ({"demo-pkg": origin(index, DEMO)}, 1) == (plain(found), index.log.count("/files/*"))


@pytest.mark.parametrize("yanked", [True, "broken"])
async def test_yanked(package_index: PackageIndex, fetcher: HostIndexFetcher, yanked: bool | str) -> None:
    """What was yanked after it was installed is found, and said to be yanked."""
    package_index.add(BASE, yanked=yanked)
    found = plain(await outcome(unpacked(BASE), fetcher, package_index))
    assert {"base": replace(origin(package_index, BASE), yanked=yanked)} == found


async def test_sizes_and_digests_that_the_index_leaves_out(
    package_index_factory: Factory, fetcher: HostIndexFetcher
) -> None:
    """A size is asked of the server; a digest that the index does not state costs one whole download."""
    bare = package_index_factory(sizes=False, metadata=False, hashes=False)
    unsized = package_index_factory(sizes=False, metadata=False)
    for index in (bare, unsized):
        index.add(DEMO)
    found = [await outcome(unpacked(DEMO), fetcher, index) for index in (bare, unsized)]
    assert [{"demo-pkg": origin(bare, DEMO)}, {"demo-pkg": origin(unsized, DEMO)}] == [plain(one) for one in found]
    statuses = [[request.status for request in index.log.requests("/files/*")] for index in (bare, unsized)]
    assert [[200], [206, 206]] == statuses


async def test_server_without_ranges(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """A server that ignores ranges sends the wheel once; that is hashed and read."""
    package_index.add(DEMO)
    package_index.fault("/files/*", GzipEncoded())
    found = await outcome(unpacked(DEMO), fetcher, package_index)
    assert ({"demo-pkg": origin(package_index, DEMO)}, 1) == (plain(found), package_index.log.count("/files/*"))


async def test_large_wheel_without_ranges(
    package_index: PackageIndex, fetcher: HostIndexFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel too large to be downloaded for a proof is refused as such."""
    monkeypatch.setattr(prove, "MAX_WHOLE", 100_000)
    package_index.add(DEMO)
    package_index.fault("/files/*", GzipEncoded(times=None))
    assert {"demo-pkg": "no-ranges"} == await outcome(unpacked(DEMO), fetcher, package_index)


def rebuilt(built: BuiltWheel, **files: str) -> BuiltWheel:
    """A wheel of the same name, version and METADATA with other files."""
    other = wheel("Demo.Pkg", "1.0", files={"demo/__init__.py": "NAME = 'other'\n"} | files)
    return replace(other, filename=built.filename)


def smuggle(entries: dict[str, bytes]) -> None:
    """Put in a file that RECORD does not list."""
    entries["smuggled.py"] = b""


SMALL = wheel("Demo.Pkg", "1.0", files={"demo/__init__.py": "NAME = 'demo'\n"})


@pytest.mark.parametrize(
    ("published", "code"),
    [
        ((), "not-on-index"),
        ((rebuilt(SMALL),), "different-build"),
        ((wheel("Demo.Pkg", "1.0", requires=["x"]),), "different-build"),
        ((wheel("demo-pkg", "1.1"),), "version-not-on-index"),
        ((wheel("demo-pkg", "1.0", tag="cp314-cp314-win32"),), "no-matching-wheel"),
        ((wheel("Demo.Pkg", "1.0", files={"demo/__init__.py": "NAME = 'demo'\n", "demo/b.py": ""}),), "edited"),
        ((SMALL.with_data(b"not a zip archive at all"),), "bad-zip"),
        ((wheel("Demo.Pkg", "1.0", files={"demo/__init__.py": ""}, mutate=smuggle),), "record-mismatch"),
        ((SMALL.with_data(b"#!/bin/sh\n" + SMALL.data),), "prefix-data"),
    ],
)
async def test_refusals(
    package_index: PackageIndex, fetcher: HostIndexFetcher, published: Sequence[BuiltWheel], code: str
) -> None:
    """Each way not to be what is installed has its own refusal."""
    for built in published:
        package_index.add(built)
    assert {"demo-pkg": code} == await outcome(unpacked(SMALL), fetcher, package_index)


async def test_built_from_an_sdist(package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path) -> None:
    """Where the index has an sdist only, the install was built here."""
    (tmp_path / "demo_pkg-1.0.tar.gz").write_bytes(b"sources")
    package_index.add_file(tmp_path / "demo_pkg-1.0.tar.gz")
    assert {"demo-pkg": "built-from-sdist"} == await outcome(unpacked(SMALL), fetcher, package_index)


async def test_republished_file(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """An index that states a wrong size or digest is found out where it can be."""
    package_index.add(SMALL, index_hash="00" * 32)
    package_index.fault("/files/*", GzipEncoded())
    assert {"demo-pkg": "digest-mismatch"} == await outcome(unpacked(SMALL), fetcher, package_index)


async def test_file_that_is_gone(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """A wheel that the page lists and the server has not is told as gone."""
    package_index.add(SMALL)
    package_index.fault("/files/*", NotFound())
    assert {"demo-pkg": "gone"} == await outcome(unpacked(SMALL), fetcher, package_index)


async def test_two_wheels_with_the_same_files(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """Two files that hold the very same RECORD leave the origin open."""
    package_index.add(SMALL)
    # ZIP comments change the archive and no file in it.
    data = SMALL.data[:-2] + b"\x01\x00x"
    package_index.add(replace(SMALL.with_data(data), filename="demo.pkg-1.0-py3-none-any.whl"))
    assert {"demo-pkg": "ambiguous"} == await outcome(unpacked(SMALL), fetcher, package_index)


async def test_edited_files(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """A file that was edited after it was installed is told, though RECORD still says what the wheel says."""
    package_index.add(SMALL)
    site = unpacked(SMALL)
    site.write("demo/__init__.py", "NAME = 'edited'\n")
    assert {"demo-pkg": "edited"} == await outcome(site, fetcher, package_index)


async def test_indexes_in_order(package_index_factory: Factory, fetcher: HostIndexFetcher) -> None:
    """The first index that proves the wheel is its origin; one that has not the project is passed over."""
    empty, other, first, second = (package_index_factory() for _ in range(4))
    other.add(rebuilt(SMALL))
    for index in (first, second):
        index.add(SMALL)
    found = await outcome(unpacked(SMALL), fetcher, "file:///nowhere", empty, other, first, second)
    assert ({"demo-pkg": origin(first, SMALL)}, 0) == (plain(found), second.log.count())


@pytest.mark.parametrize("indexes", [(), ("file:///nowhere",)])
async def test_no_index(fetcher: HostIndexFetcher, indexes: tuple[str, ...]) -> None:
    """Where there is no index to ask, that is the reason."""
    assert {"demo-pkg": "no-index-url"} == await outcome(unpacked(SMALL), fetcher, *indexes)


async def test_placeholder_in_the_index(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """An index URL may say where the project's name goes."""
    package_index.add(SMALL)
    found = await outcome(unpacked(SMALL), fetcher, f"{package_index.url}/{{package_name}}/")
    assert {"demo-pkg": origin(package_index, SMALL)} == plain(found)


@pytest.mark.parametrize(
    ("path", "fault", "kind"),
    [
        ("/simple/*", Status(503, times=None), ServerError),
        ("/simple/*", Status(403, times=None), BlockedError),
        ("/simple/*", Status(429, times=None, retry_after="3600"), ServerError),
        ("/simple/*", Reset(times=None), NetworkError),
        ("/files/*", Status(500, times=None), ServerError),
        ("/files/*", WrongOffset(times=None), FetchError),
    ],
)
async def test_failures_end_everything(
    package_index_factory: Factory, fetcher: HostIndexFetcher, path: str, fault: Fault, kind: type[FetchError]
) -> None:
    """An index that fails is never silently replaced by the next one."""
    failing, next_one = package_index_factory(), package_index_factory()
    for index in (failing, next_one):
        index.add(SMALL)
        index.add(BASE)
    failing.fault(path, fault)
    with pytest.raises(MicropipLockError) as caught:
        await outcome(unpacked(SMALL, BASE), fetcher, failing, next_one)
    assert (True, 0) == (isinstance(caught.value, kind), next_one.log.count())


@pytest.mark.parametrize(
    "fault", [Status(503, times=1), Reset(times=2), Status(429, times=1, retry_after="0"), WrongOffset(times=1)]
)
async def test_passing_failures(package_index: PackageIndex, fetcher: HostIndexFetcher, fault: Fault) -> None:
    """What passes is tried again."""
    package_index.add(SMALL)
    package_index.fault("/files/*", fault)
    found = await outcome(unpacked(SMALL), fetcher, package_index)
    assert ({"demo-pkg": origin(package_index, SMALL)}, []) == (plain(found), package_index.unused_faults())


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"url": "file:///src", "dir_info": {"editable": True}}, "editable"),
        ({"url": "file:///src", "dir_info": {}}, "local-directory"),
        ({"url": "https://git.example/x.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}, "vcs"),
        ({"url": "https://files.example/x-1.tar.gz", "archive_info": {}}, "built-from-sdist"),
    ],
)
async def test_direct_urls_that_are_no_wheels(
    package_index: PackageIndex, fetcher: HostIndexFetcher, facts: dict[str, object], code: str
) -> None:
    """What was built here is refused without asking an index that happens to have the name."""
    package_index.add(SMALL)
    site = unpacked(SMALL, **{"direct_url.json": json.dumps(facts)})
    assert ({"demo-pkg": code}, 0) == (await outcome(site, fetcher, package_index), package_index.log.count())


@pytest.mark.parametrize("client", CLIENTS)
async def test_installed_from_a_url(
    package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path, client: Client
) -> None:
    """A direct URL is the origin once it is proven: by ranges with pip's digest, by all bytes as uv notes none."""
    package_index.add(SMALL)
    site = install(client, tmp_path / "target", package_index, package_index.file_url(SMALL.filename))
    package_index.log.clear()
    found = (await outcome(site, fetcher, package_index))["demo-pkg"]
    assert isinstance(found, OriginRecord)
    url = Origin(kind="url", url=package_index.file_url(SMALL.filename))
    assert (url, SMALL.sha256) == (found.origin, found.digest.hex)
    assert {"pip": [206, 206], "uv": [200]}[client] == [one.status for one in package_index.log.requests()]


@pytest.mark.parametrize("noted", [True, False])
async def test_a_wheel_that_brings_its_direct_url(
    package_index: PackageIndex, fetcher: HostIndexFetcher, noted: bool
) -> None:
    """A wheel that brings a ``direct_url.json`` along, with a digest or without, does not choose where it is from."""
    facts: dict[str, object] = {"url": package_index.file_url(SMALL.filename), "archive_info": {}}
    if noted:
        facts["archive_info"] = {"hashes": {"sha256": "00" * 32}}
    files = {"demo/__init__.py": "NAME = 'demo'\n"}
    forging = wheel("Demo.Pkg", "1.0", files=files, dist_info={"direct_url.json": json.dumps(facts)})
    package_index.add(forging)
    assert {"demo-pkg": "record-forged"} == await outcome(unpacked(forging), fetcher, package_index)


async def test_url_with_other_bytes_now(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """Where the installer noted no digest, what lies at the address now has to be what is installed."""
    package_index.add(rebuilt(SMALL))
    facts = {"url": package_index.file_url(SMALL.filename), "archive_info": {}}
    site = unpacked(SMALL, **{"direct_url.json": json.dumps(facts)})
    assert {"demo-pkg": "different-build"} == await outcome(site, fetcher)


async def test_remains_of_an_install(fetcher: HostIndexFetcher) -> None:
    """Directories that are no installed distribution any more have a reason each."""
    site = MemorySite({"a-1.dist-info/RECORD": "", "b-1.dist-info/METADATA": "Name: b\nVersion: 1\n"})
    site.write("c-1.dist-info/METADATA", "Name: c\nVersion: 1\n")
    site.write("c-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    assert {"a": "no-metadata", "b": "no-wheel", "c": "record-unreadable"} == await outcome(site, fetcher)


async def test_two_directories_for_one_name(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """Two dist-info directories of one name are refused, whatever the index has."""
    package_index.add(SMALL)
    older = wheel("demo-pkg", "0.9", files={"old.py": ""})
    package_index.add(older)
    assert {"demo-pkg": "duplicate"} == await outcome(unpacked(SMALL, older), fetcher, package_index)


async def test_progress_and_bounded_concurrency(package_index_factory: Factory, fetcher: HostIndexFetcher) -> None:
    """Each distribution is told once, bytes only rise, and no more requests run than were allowed."""
    index = package_index_factory(latency=0.02)
    built = [index.add(wheel(f"p{number}", "1", files={f"p{number}.py": ""})) for number in range(12)]
    events: list[ProgressEvent] = []
    found = await locate(
        unpacked(*built).distributions(), index_urls=[index.url], fetcher=fetcher, concurrency=3, progress=events.append
    )
    assert sorted(found) == sorted(str(event.package) for event in events)
    received = [event.all_received for event in events]
    assert sorted(received) == received
    assert 3 == index.log.peak_concurrency()


async def test_index_page_of_another_form(
    package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """A JSON page that is no JSON ends the search with our error."""
    (tmp_path / "demo-pkg").mkdir()
    (tmp_path / "demo-pkg" / "index.json").write_text("{")
    mounted = package_index.mount("/broken", tmp_path)
    with pytest.raises(InputError) as caught:
        await outcome(unpacked(SMALL), fetcher, f"{mounted}{{package_name}}/index.json")
    assert "index-page" == caught.value.code


async def test_known_bytes_are_found_by_their_digest(package_index_factory: Factory, fetcher: HostIndexFetcher) -> None:
    """A wheel whose SHA-256 is known is the file that the index lists with it: only pages are asked for."""
    first, second = package_index_factory(), package_index_factory()
    first.add(rebuilt(SMALL))
    second.add(SMALL)
    site = unpacked(SMALL, **{"direct_url.json": json.dumps({"url": "ni:///sha-256;x", "archive_info": {}})})
    found = await locate(
        site.distributions(),
        index_urls=[first.url, second.url],
        fetcher=fetcher,
        recorded={canonicalize_name("demo-pkg"): Digest.from_hex(SMALL.sha256)},
    )
    record = found[canonicalize_name("demo-pkg")]
    assert isinstance(record, OriginRecord)
    assert (second.file_url(SMALL.filename), ["/simple/demo-pkg/"], ["/simple/demo-pkg/"]) == (
        record.origin.url,
        first.log.paths(),
        second.log.paths(),
    )


async def test_an_address_made_of_blake2b_is_found_by_sha256(
    package_index: PackageIndex, fetcher: HostIndexFetcher, tmp_path: Path
) -> None:
    """Where an index has files at addresses made of their BLAKE2b-256, the page states the address beside the SHA-256:
    none is ever computed, and a file that no page lists is not asked for.
    """
    blake = hashlib.blake2b(SMALL.data, digest_size=32).hexdigest()
    address = f"https://files.example/packages/{blake[:2]}/{blake[2:4]}/{blake[4:]}/{SMALL.filename}"
    for project, digest in (("listed", SMALL.sha256), ("unlisted", "0" * 64)):
        (tmp_path / project / "demo-pkg").mkdir(parents=True)
        (tmp_path / project / "demo-pkg" / "index.html").write_text(
            f'<!DOCTYPE html><a href="{address}#sha256={digest}">{SMALL.filename}</a>'
        )
    mounted = package_index.mount("/pages", tmp_path)
    found = []
    for project in ("listed", "unlisted"):
        located = await locate(
            unpacked(SMALL).distributions(),
            index_urls=[f"{mounted}{project}/{{package_name}}/index.html"],
            fetcher=fetcher,
            recorded={canonicalize_name("demo-pkg"): Digest.from_hex(SMALL.sha256)},
        )
        one = located[canonicalize_name("demo-pkg")]
        found.append(one.origin.url if isinstance(one, OriginRecord) else None)
    assert [address, None] == found
