"""What the tests of the host share: a wheel, servers with one answer, and what they watch."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from micropip_lock.adapters.host import HostFetcher
from micropip_lock.errors import (
    MicropipLockError,
)
from micropip_lock.testing import (
    PackageIndex,
    wheel,
)
from micropip_lock.testing.log import Request

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n" * 5000, "noise.bin": bytes(range(256)) * 1000})


async def failure(fetcher: HostFetcher, url: str, *, max_bytes: int | None = None) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        await fetcher.fetch(url, max_bytes=max_bytes)
    return caught.value


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server with one answer; yields its origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ended(index: PackageIndex) -> Request:
    """The first request of the log, when it has ended or after two seconds."""
    deadline = time.monotonic() + 2
    while (request := index.log.requests()[0]).ended is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return request


def join_downloads() -> int:
    """Wait for the threads of downloads, two seconds each, and count those that live on."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("fetch ")]
    for thread in threads:
        thread.join(2)
    return sum(thread.is_alive() for thread in threads)


def ok(handler: BaseHTTPRequestHandler, body: bytes = b"ok") -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
