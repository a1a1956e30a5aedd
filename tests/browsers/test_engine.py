"""The engine on its own, without a Pyodide: fetch, digest, limits, faults, cancelling, in every browser and place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import pytest

from micropip_lock.testing import PackageIndex, wheel
from micropip_lock.testing.faults import ContentLength, EarlyEof, Fault, Redirect, Reset, Stall, Status
from tests.browsers.kernel import Kernel, Web, opened

_WHEEL: Final = wheel("alpha", files={"alpha.py": "answer = 42\n", "alpha.txt": "0123456789" * 40_000})

_DOWNLOAD: Final = """async (engine, { url, options }) => {
    const told = await engine.download(url, options).promise;
    const { bytes, ...facts } = told;
    return { ...facts, length: bytes?.length ?? null };
}"""


@pytest.fixture(scope="module")
def place(web: Web) -> Iterator[Kernel]:
    """A page or worker without Pyodide."""
    with opened(web, pyodide=False) as kernel:
        yield kernel


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """An index with one wheel."""
    with PackageIndex() as index:
        index.add(_WHEEL)
        yield index


def _download(place: Kernel, index: PackageIndex, **options: object) -> dict[str, Any]:
    told: dict[str, Any] = place.engine(
        _DOWNLOAD, {"url": index.file_url(_WHEEL.filename), "options": {"headersTimeoutMs": 60_000, **options}}
    )
    return told


def test_neither_jspi_nor_shared_memory_is_there(place: Kernel) -> None:
    """What these tests show is shown without JSPI, without SharedArrayBuffer and without isolation."""
    told = place.run("""() => [
        "Suspending" in WebAssembly, "promising" in WebAssembly, "SharedArrayBuffer" in globalThis,
        globalThis.crossOriginIsolated ?? false,
    ]""")

    assert [False, False, False, False] == told


def test_a_download_has_its_bytes_and_their_digest(place: Kernel, index: PackageIndex) -> None:
    """A wheel arrives whole, with the SHA-256 that Python computes of it."""
    told = _download(place, index)

    assert (True, len(_WHEEL.data), hashlib.sha256(_WHEEL.data).hexdigest()) == (
        told["ok"],
        told["length"],
        told["sha256"],
    )


def test_a_range_arrives(place: Kernel, index: PackageIndex) -> None:
    """A range of bytes can be asked for across origins, and is what arrives."""
    told = _download(place, index, range={"first": 10, "last": 29})

    assert (206, 20, hashlib.sha256(_WHEEL.data[10:30]).hexdigest()) == (
        told["status"],
        told["length"],
        told["sha256"],
    )


def test_progress_counts_up(place: Kernel, index: PackageIndex) -> None:
    """Bytes are counted as they arrive; the last count is all of them."""
    counts = place.engine(
        """async (engine, url) => {
            const counts = [];
            await engine.download(url, { onProgress: (count) => counts.push(count) }).promise;
            return counts;
        }""",
        index.file_url(_WHEEL.filename),
    )

    assert (len(_WHEEL.data), sorted(counts)) == (counts[-1], counts)


def test_too_many_bytes_end_the_download(place: Kernel, index: PackageIndex) -> None:
    """The first byte too many ends the download."""
    told = _download(place, index, maxBytes=len(_WHEEL.data) - 1)
    index.log.wait_until_quiet()

    assert (False, "too-large") == (told["ok"], told["kind"])


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (Status(503, retry_after="1"), "status", 503),
        (Reset(), "network", None),
        (Reset(after=1000), "truncated", 200),
        (Stall(after=1000), "timeout", 200),
        (Redirect(), "network", None),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Fault) else None,
)
def test_a_fault_is_told(place: Kernel, index: PackageIndex, fault: Fault, kind: str, status: int | None) -> None:
    """What goes wrong on the way is told as data, the same in every browser, and no request lives on."""
    index.fault("*.whl", fault)
    told = _download(place, index, idleTimeoutMs=300)
    index.log.wait_until_quiet()

    assert (False, kind, status) == (told["ok"], told["kind"], told.get("status"))


@pytest.mark.parametrize("fault", [EarlyEof(), ContentLength(-1000)], ids=lambda one: type(one).__name__)
def test_a_body_that_ends_early_is_never_taken_for_whole(place: Kernel, index: PackageIndex, fault: Fault) -> None:
    """Where the platform cannot tell that bytes are missing the digest does."""
    index.fault("*.whl", fault)
    told = _download(place, index)

    assert hashlib.sha256(_WHEEL.data).hexdigest() != told.get("sha256")


def test_an_abort_lets_go_of_the_request(place: Kernel, index: PackageIndex) -> None:
    """A download that is stopped while bytes arrive is told as stopped, and its connection is closed."""
    index.fault("*.whl", Stall(after=1000))
    kind = place.engine(
        """async (engine, url) => {
            const { promise, resolve } = Promise.withResolvers();
            const download = engine.download(url, { onProgress: resolve });
            await promise;
            download.abort();
            return (await download.promise).kind;
        }""",
        index.file_url(_WHEEL.filename),
    )
    requests = index.log.wait_until_quiet()

    assert ("aborted", [True]) == (kind, [one.aborted for one in requests])
