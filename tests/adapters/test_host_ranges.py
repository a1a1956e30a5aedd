"""Tests of :mod:`micropip_lock.adapters.host_ranges`, against real servers on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.errors import FetchError, MicropipLockError, NotFoundError, UsageError, WheelTooLargeError
from micropip_lock.ports import FetchedRange
from micropip_lock.testing import GzipEncoded, NotFound, PackageIndex, Redirect, Status, WrongOffset, wheel
from micropip_lock.testing.faults import Fault

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n" * 9000})
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def six(package_index: PackageIndex) -> str:
    """The address of a wheel."""
    return package_index.file_url(package_index.add(SIX).filename)


@pytest.fixture
async def fetcher(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostIndexFetcher]:
    """A fetcher on a machine without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with HostIndexFetcher(connect_timeout=2, idle_timeout=2) as one:
        yield one


@pytest.mark.parametrize(("first", "last"), [(0, 0), (10, 19), (len(SIX.data) - 5, len(SIX.data) - 1)])
async def test_range(fetcher: HostIndexFetcher, six: str, first: int, last: int) -> None:
    """The bytes asked for arrive, both ends included, with the size of the whole file."""
    got = await fetcher.fetch_range(six, first, last, max_whole=0)
    data = SIX.data[first : last + 1]
    assert FetchedRange(data=data, first=first, total=SIX.size, whole=False, url=six) == got


async def test_range_beyond_the_end(fetcher: HostIndexFetcher, six: str) -> None:
    """What lies beyond the end is cut off."""
    got = await fetcher.fetch_range(six, SIX.size - 3, SIX.size + 100, max_whole=0)
    assert (SIX.data[-3:], SIX.size) == (got.data, got.total)


async def test_server_without_ranges(package_index: PackageIndex, fetcher: HostIndexFetcher, six: str) -> None:
    """A server that ignores the range gives the whole file, and says so."""
    package_index.fault("*.whl", GzipEncoded())
    got = await fetcher.fetch_range(six, 10, 19, max_whole=SIX.size)
    assert FetchedRange(data=SIX.data, first=0, total=SIX.size, whole=True, url=six) == got


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (WrongOffset(), FetchError, "wrong-range"),
        (GzipEncoded(), WheelTooLargeError, "too-large"),
        (NotFound(), NotFoundError, "not-found"),
        (Status(206), FetchError, "wrong-range"),
    ],
)
async def test_failures(
    package_index: PackageIndex,
    fetcher: HostIndexFetcher,
    six: str,
    fault: Fault,
    kind: type[MicropipLockError],
    code: str,
) -> None:
    """Other bytes, all bytes where they are too many, and no bytes are errors of their own classes."""
    package_index.fault("*.whl", fault)
    with pytest.raises(kind) as caught:
        await fetcher.fetch_range(six, 10, 19, max_whole=1000)
    assert code == caught.value.code


async def test_range_outside_the_file(fetcher: HostIndexFetcher, six: str) -> None:
    """A range that the file does not have is a failure with the server's status."""
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch_range(six, SIX.size, SIX.size + 1, max_whole=1000)
    assert 416 == caught.value.status


async def test_range_after_a_redirect(package_index: PackageIndex, fetcher: HostIndexFetcher, six: str) -> None:
    """The range is asked of the place that a redirect leads to."""
    package_index.fault("/moved/*", Redirect(six))
    got = await fetcher.fetch_range(f"{package_index.origin}/moved/six.whl", 3, 5, max_whole=0)
    assert (SIX.data[3:6], six) == (got.data, got.url)


async def test_whole_download_never_takes_a_part(fetcher: HostIndexFetcher, six: str) -> None:
    """Asking for all bytes sends no Range, and gives all."""
    assert SIX.data == (await fetcher.fetch(six)).data


async def test_size(fetcher: HostIndexFetcher, six: str) -> None:
    """The size is what the server says along with one byte."""
    assert SIX.size == await fetcher.size_of(six)


async def test_size_of_a_small_file_without_ranges(package_index: PackageIndex, fetcher: HostIndexFetcher) -> None:
    """A small file that a server sends whole tells its size by its length."""
    small = package_index.add(wheel("small"))
    package_index.fault("*.whl", GzipEncoded())
    assert small.size == await fetcher.size_of(package_index.file_url(small.filename))


async def test_size_of_a_large_file_without_ranges(
    package_index: PackageIndex, fetcher: HostIndexFetcher, six: str
) -> None:
    """A large file that a server sends whole is not downloaded for its size."""
    package_index.fault("*.whl", GzipEncoded())
    assert await fetcher.size_of(six) is None


@pytest.mark.parametrize(("accept", "content_type"), [(JSON, JSON), ("text/html", "text/html")])
async def test_page(
    package_index: PackageIndex, fetcher: HostIndexFetcher, six: str, accept: str, content_type: str
) -> None:
    """A page comes in the format that is asked for."""
    got = await fetcher.fetch_page(f"{package_index.url}/six/", accept=accept, max_bytes=10_000)
    assert (content_type, True) == (got.content_type.partition(";")[0], SIX.filename.encode() in got.data)


async def test_compressed_page(package_index: PackageIndex, fetcher: HostIndexFetcher, six: str) -> None:
    """A page may come compressed, and is the same."""
    url = f"{package_index.url}/six/"
    bare = await fetcher.fetch_page(url, accept=JSON, max_bytes=10_000)
    package_index.fault("/simple/*", GzipEncoded())
    packed = await fetcher.fetch_page(url, accept=JSON, max_bytes=10_000)
    encodings = [request.headers["accept-encoding"] for request in package_index.log.requests()]
    assert (bare.data, ["gzip", "gzip"]) == (packed.data, encodings)


async def test_cap_on_pages(package_index: PackageIndex, fetcher: HostIndexFetcher, six: str) -> None:
    """The cap counts what a page is when it is not compressed."""
    url = f"{package_index.url}/six/"
    size = len((await fetcher.fetch_page(url, accept=JSON, max_bytes=10_000)).data)
    package_index.fault("/simple/*", GzipEncoded())
    with pytest.raises(WheelTooLargeError) as caught:
        await fetcher.fetch_page(url, accept=JSON, max_bytes=size - 1)
    assert "too-large" == caught.value.code


@pytest.mark.parametrize(
    "ask",
    [
        lambda fetcher: fetcher.fetch_page("file:///tmp", accept=JSON, max_bytes=1),
        lambda fetcher: fetcher.fetch_range("file:///tmp", 0, 1, max_whole=1),
        lambda fetcher: fetcher.size_of("file:///tmp"),
    ],
    ids=["page", "range", "size"],
)
async def test_files_of_this_machine(fetcher: HostIndexFetcher, ask: Callable[[HostIndexFetcher], object]) -> None:
    """An index on this machine's disk is refused before anything is read."""
    with pytest.raises(UsageError) as caught:
        await ask(fetcher)  # type: ignore[misc]
    assert "bad-url" == caught.value.code
