"""Tests of :mod:`micropip_lock.adapters.connections`: reuse, cancellation, proxies, certificates."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from micropip_lock.adapters.host import HostFetcher
from micropip_lock.errors import (
    NetworkError,
    UsageError,
)
from micropip_lock.testing import (
    Endless,
    PackageIndex,
    Slow,
    Stall,
)
from micropip_lock.testing.faults import Fault
from tests.adapters.servers import SIX, ended, failure, join_downloads, ok, serving


async def test_connections_are_reused(fetcher: HostFetcher) -> None:
    """Two downloads from one server share a connection."""
    peers = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = False
        peers.append(handler.client_address)
        ok(handler)

    BaseHTTPRequestHandler.protocol_version, before = "HTTP/1.1", BaseHTTPRequestHandler.protocol_version
    try:
        with serving(answer) as origin:
            await fetcher.fetch(origin)
            await fetcher.fetch(origin)
            fetcher.close()
    finally:
        BaseHTTPRequestHandler.protocol_version = before
    assert [peers[0]] * 2 == peers


@pytest.mark.parametrize("fault", [Stall(), Stall(after=100), Endless(), Slow(5000)], ids=repr)
async def test_cancel(package_index: PackageIndex, six: str, fault: Fault) -> None:
    """A cancelled download returns at once, its connection is cut and its thread ends."""
    package_index.fault("*.whl", fault)
    with HostFetcher() as fetcher:
        task = asyncio.create_task(fetcher.fetch(six))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        took = time.monotonic() - began
        request = await asyncio.to_thread(ended, package_index)
        cut = time.monotonic() - began
    alive = await asyncio.to_thread(join_downloads)
    assert (took < 0.1, cut < 1, request.aborted, alive) == (True, True, True, 0)


async def test_cancel_before_an_answer() -> None:
    """A download that waits for the headers is cut too."""
    asked, gone = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        handler.connection.settimeout(5)
        if handler.connection.recv(1) == b"":
            gone.set()
        handler.close_connection = True

    with serving(answer) as origin, HostFetcher() as fetcher:
        task = asyncio.create_task(fetcher.fetch(origin))
        await asyncio.to_thread(asked.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gone.wait, 0.5)


async def test_cancel_while_connecting() -> None:
    """A download that cannot even connect does not hold up its task, nor the end of the program."""
    script = (
        "import asyncio, socket, time\n"
        "from micropip_lock.adapters import connections\n"
        "from micropip_lock.adapters.host import HostFetcher\n"
        "connections.Connections.open = lambda *a: time.sleep(60)\n"
        "async def main():\n"
        "    with HostFetcher() as fetcher:\n"
        "        try:\n"
        "            await asyncio.wait_for(fetcher.fetch('http://index.example/'), 0.1)\n"
        "        except TimeoutError:\n"
        "            print('gave up')\n"
        "asyncio.run(main())\n"
    )
    began = time.monotonic()
    result = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert (result.stdout, result.stderr, time.monotonic() - began < 10) == ("gave up\n", "", True)


async def test_cancelled_socket_is_not_reused(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """After a cancelled download the next one from the same server is whole."""
    package_index.fault("*.whl", Stall(after=100, times=1))
    task = asyncio.create_task(fetcher.fetch(six))
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait({task})
    assert SIX.data == (await fetcher.fetch(six)).data


async def test_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go through the configured proxy with its own credentials, but for the hosts of NO_PROXY."""
    seen: list[tuple[str, str | None, str | None]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers["Proxy-Authorization"], handler.headers["Authorization"]))
        ok(handler)

    with serving(answer) as proxy, serving(ok) as direct:
        monkeypatch.setenv("http_proxy", proxy.replace("://", "://me:p%40w@"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with HostFetcher() as fetcher:
            await fetcher.fetch("http://index.example/a")
            await fetcher.fetch(direct)
    assert seen == [("http://index.example/a", "Basic bWU6cEB3", None)]


async def test_private_redirect_over_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server's redirect into the private network is refused before anything is asked there."""
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", "http://169.254.169.254/latest/meta-data")
        handler.end_headers()

    with serving(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with HostFetcher() as fetcher:
            error = await failure(fetcher, "http://index.example/a")
    assert (error.code, asked) == ("redirect-private", ["http://index.example/a"])


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
async def test_bad_proxy(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A proxy that does not answer, or of a kind we do not speak to, is told as the proxy's fault."""
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with HostFetcher() as fetcher:
        error = await failure(fetcher, "https://index.example/a")
    assert (NetworkError, "proxy") == (type(error), error.code)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_untrusted_certificate(fetcher: HostFetcher, certificate: tuple[Path, ssl.SSLContext]) -> None:
    """A certificate nobody vouches for is a TLS error with a hint on what to set."""
    with serving(ok, certificate[1]) as origin:
        error = await failure(fetcher, origin)
    assert (NetworkError, "tls", True) == (type(error), error.code, "SSL_CERT_FILE" in error.hint)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"])
async def test_trusted_certificate(
    monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, ssl.SSLContext], variable: str
) -> None:
    """The system's variable, pip's setting and its HTTP library's variable all name certificates to trust."""
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv(variable, str(certificate[0]))
    with serving(ok, certificate[1]) as origin, HostFetcher() as fetcher:
        assert (await fetcher.fetch(origin)).data == b"ok"


async def test_cancel_over_tls(certificate: tuple[Path, ssl.SSLContext]) -> None:
    """A cancelled TLS download ends its thread at once."""
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"x")
        over.wait(5)

    with serving(answer, certificate[1]) as origin, HostFetcher(ca_bundle=certificate[0]) as fetcher:
        task = asyncio.create_task(fetcher.fetch(origin))
        await asyncio.sleep(0.3)
        task.cancel()
        began = time.monotonic()
        await asyncio.wait({task})
        await asyncio.to_thread(join_downloads)
        took = time.monotonic() - began
        over.set()
    assert took < 0.5


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_bad_ca_bundle(tmp_path: Path, content: bytes | None) -> None:
    """Certificates that are missing or broken are a UsageError that names the file."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        HostFetcher(ca_bundle=path)
    assert ("bad-ca-bundle", str(path)) == (caught.value.code, caught.value.where)
