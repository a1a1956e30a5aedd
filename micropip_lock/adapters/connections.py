"""HTTP connections of the host: pooled, through the configured proxy, trusting the configured certificates.

Rules this file keeps:

1. urllib3 neither follows redirects nor tries again here; each :meth:`Connections.open` is one request.
2. The thread that waits for an answer can be woken from another one: :meth:`Line.stop` shuts its socket down.  While it
   still looks up a name or connects, it ends by the connect timeout instead.

Left to others: what an answer means (:mod:`micropip_lock.adapters.answers`) and who may be asked
(:mod:`micropip_lock.adapters.host`).
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from micropip_lock.errors import NetworkError, UsageError


class Line:
    """One download as two threads see it: one reads from its socket, the other may stop it.

    Attributes:
        answered: The last response's headers have arrived.
        received: Body bytes so far.
    """

    def __init__(self) -> None:
        self.answered = False
        self.received = 0
        self._lock = threading.Lock()
        self._stopped = False
        self._socket: Any = None

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for this download any more."""
        return self._stopped

    def attach(self, sock: Any) -> None:
        """Remember the socket that the download reads from now."""
        with self._lock:
            self._socket = sock
            if self._stopped:
                _shut(sock)

    def stop(self) -> None:
        """End the download: a blocked read returns at once."""
        with self._lock:
            self._stopped = True
            _shut(self._socket)

    def finish(self) -> None:
        """Let go of the socket, which goes back to the pool and to other downloads."""
        with self._lock:
            self._socket = None


def _shut(sock: Any) -> None:
    # TLS within TLS wraps the socket once more; SSLSocket.shutdown is passed by, because it would pull the TLS state
    # away under the reader.
    inner = getattr(sock, "socket", sock)
    if isinstance(inner, socket.socket):
        try:
            socket.socket.shutdown(inner, socket.SHUT_RDWR)
        except OSError:
            # The peer was faster.
            return


_current = threading.local()


class _HTTPConnection(HTTPConnection):
    def getresponse(self) -> Any:
        _current.line.attach(self.sock)
        return super().getresponse()


class _HTTPSConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _current.line.attach(self.sock)
        return super().getresponse()


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class Connections:
    """The pools.

    Args:
        ca_bundle: File or directory of certificates to trust instead of the system's.
        connect_timeout: Seconds to connect, TLS included.
        idle_timeout: Seconds of silence after which a read fails.

    Raises:
        UsageError: code ``bad-ca-bundle``.
    """

    def __init__(self, *, ca_bundle: Path | None, connect_timeout: float, idle_timeout: float) -> None:
        self._options: dict[str, Any] = {
            "ssl_context": trust_store(ca_bundle),
            "timeout": urllib3.Timeout(connect=connect_timeout, read=idle_timeout),
            "retries": False,
            "num_pools": 20,
            "maxsize": 16,
        }
        self._proxies = getproxies()
        self._lock = threading.Lock()
        self._managers: dict[str | None, urllib3.PoolManager] = {}

    def open(self, url: str, headers: Mapping[str, str], line: Line) -> urllib3.BaseHTTPResponse:
        """Send one GET request and wait for the headers of its answer.

        Raises:
            NetworkError: code ``proxy``, for a proxy of a kind we do not speak to.
            urllib3.exceptions.HTTPError: as urllib3.
        """
        manager = self._manager(self._proxy(url))
        _current.line = line
        return manager.request("GET", url, headers=headers, redirect=False, preload_content=False, decode_content=True)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            managers, self._managers = self._managers, {}
        for manager in managers.values():
            manager.clear()

    def _proxy(self, url: str) -> str | None:
        parts = urlsplit(url)
        proxy = self._proxies.get(parts.scheme) or self._proxies.get("all")
        if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def _manager(self, proxy: str | None) -> urllib3.PoolManager:
        with self._lock:
            if proxy not in self._managers:
                manager = urllib3.PoolManager(**self._options) if proxy is None else self._through(proxy)
                manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
                self._managers[proxy] = manager
            return self._managers[proxy]

    def _through(self, proxy: str) -> urllib3.ProxyManager:
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https"):
            raise NetworkError(
                "the configured proxy is of a kind that is not supported",
                code="proxy",
                expected="http: or https:",
                got=parts.scheme,
                hint="set HTTPS_PROXY to an HTTP proxy, or name the host in NO_PROXY",
            )
        headers = None
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            headers = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}")
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return urllib3.ProxyManager(address, proxy_headers=headers, **self._options)


def trust_store(ca_bundle: Path | None) -> ssl.SSLContext:
    """The certificates to trust: the system's (``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` respected), or only those given.

    Raises:
        UsageError: code ``bad-ca-bundle``.
    """
    if ca_bundle is None:
        return ssl.create_default_context()
    try:
        if ca_bundle.is_dir():
            return ssl.create_default_context(capath=str(ca_bundle))
        return ssl.create_default_context(cafile=str(ca_bundle))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            "the configured certificates cannot be read",
            code="bad-ca-bundle",
            where=str(ca_bundle),
            expected="a file of PEM certificates, or a directory of them",
            got=str(error),
            hint="correct pip's cert setting, PIP_CERT or REQUESTS_CA_BUNDLE",
        ) from error
