"""One HTTP origin: a listening socket on 127.0.0.1 and a thread for each connection.

Rules this file keeps:

1. It starts in a millisecond (no host name look-up) and stops as fast, whatever its connections are doing.
2. It never writes to stderr.  An exception of our own becomes a 500, is kept in ``failures``, and is raised by whoever
   closes the index: a broken index must not look like a flaky network.

Which answer to give is left to the callables it is made with.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from micropip_lock.testing.answers import Answer, plain
from micropip_lock.testing.exchange import ClientGone, Exchange
from micropip_lock.testing.log import Request, RequestLog

_JOIN_SECONDS = 5.0


class OriginServer(ThreadingHTTPServer):
    """Serves until :meth:`close`.

    Args:
        log: Where every request is entered.
        cors: ``Access-Control-Allow-Origin`` of every answer, or None.
        play: Answers an exchange, faults included: returns the answer to send, or None if it has sent all itself.
        answer: The answer of an honest index.
    """

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        *,
        log: RequestLog,
        cors: str | None,
        play: Callable[[Exchange], Answer | None],
        answer: Callable[[Exchange], Answer],
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.closing = threading.Event()
        self.failures: list[Exception] = []
        self._log = log
        self._cors = cors
        self._play = play
        self._answer = answer
        self._guard = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        self._acceptor = threading.Thread(target=self._accept, name=f"package-index {self.origin}", daemon=True)
        self._acceptor.start()

    def server_bind(self) -> None:
        """Bind without HTTPServer's reverse DNS look-up, which takes seconds on a machine without a resolver."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def service_actions(self) -> None:
        """Leave the accept loop as soon as it wakes: ``shutdown`` would wait for the next poll."""
        if self.closing.is_set():
            raise _Closing

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, and remember both for :meth:`close`."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="package-index", daemon=True
        )
        with self._guard:
            self._connections[request] = thread
        thread.start()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002  # the base class's signature
        """Refuse connections while closing; :meth:`close` itself makes one."""
        return not self.closing.is_set()

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection before its socket goes away."""
        with self._guard:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection broke while a request was being read: nobody to answer, nothing to print."""

    def serve(self, connection: _Connection) -> None:
        """Answer the request whose head ``connection`` has just read."""
        headers: dict[str, str] = {}
        for name, value in connection.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        path, _, query = connection.path.partition("?")
        entry = self._log.begin(
            Request(method=connection.command, origin=self.origin, path=unquote(path), query=query, headers=headers)
        )
        # A request body is never read, so the bytes after this head would be taken for the next request.
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        exchange = Exchange(
            method=connection.command,
            target=connection.path,
            headers=headers,
            connection=connection.connection,
            keep_alive=not connection.close_connection and not has_body,
            closing=self.closing,
            entry=entry,
            cors=self._cors,
            answer=self._answer,
        )
        try:
            self._respond(exchange)
        except ClientGone:
            exchange.keep_alive = False
            entry.finish(aborted=True)
        finally:
            entry.finish()
            connection.close_connection = not exchange.keep_alive
        if exchange.was_reset:
            # Closed before socketserver can shut it down in an orderly way, which would send FIN instead of RST.
            connection.connection.close()

    def _respond(self, exchange: Exchange) -> None:
        try:
            answer = self._play(exchange)
            if answer is not None:
                exchange.send(answer)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001  # kept, and raised by whoever closes the index
            self.failures.append(error)
            exchange.keep_alive = False
            if not exchange.head_sent:
                exchange.send(plain(500, f"the package index itself failed: {error!r}"))

    def close(self) -> None:
        """Stop listening, cut every connection, and wait until all threads have ended."""
        self.closing.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.server_port), timeout=_JOIN_SECONDS).close()
        self._acceptor.join(_JOIN_SECONDS)
        self.server_close()
        with self._guard:
            running = list(self._connections.items())
        for connection, _ in running:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in running:
            thread.join(_JOIN_SECONDS)

    def _accept(self) -> None:
        with contextlib.suppress(_Closing):
            self.serve_forever()


class _Closing(Exception):
    """Carries control out of the accept loop."""


class _Connection(BaseHTTPRequestHandler):
    """Reads request heads off one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: OriginServer

    def _any_method(self) -> None:
        self.server.serve(self)

    # BaseHTTPRequestHandler finds methods by these names.
    do_GET = do_HEAD = do_OPTIONS = _any_method  # noqa: N815
    do_POST = do_PUT = do_DELETE = do_PATCH = _any_method  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        """Print nothing: the log is a value, see :mod:`micropip_lock.testing.log`."""
