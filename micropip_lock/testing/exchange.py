"""One request and the socket to answer it on.

What this file knows: how an answer becomes bytes on the wire (RFC 9112), what CORS needs beside it, and how to
misbehave below the level of answers: stop, drip, reset.

Rules it keeps:

1. Every wait ends at once when the index closes or the client hangs up; both raise :class:`ClientGone`.
2. A connection whose framing was broken on purpose is never used again.

Which answer to send is left to the index, and which trick to play to :mod:`micropip_lock.testing.faults`.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote

from micropip_lock.testing.answers import Answer
from micropip_lock.testing.log import OpenRequest

EXPOSED_HEADERS = "Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified, Link, Retry-After"
_POLL_SECONDS = 0.05


class ClientGone(Exception):
    """Nobody is left to answer: the client hung up, or the index is closing."""


class Exchange:
    """A request being answered.

    Attributes:
        method: HTTP method.
        path: Percent-decoded path.
        query: Query string as sent.
        headers: Request headers under lower-case names.
        cors: ``Access-Control-Allow-Origin`` to send; None for no CORS headers at all.
        keep_alive: The connection can carry another request afterwards.
    """

    def __init__(
        self,
        *,
        method: str,
        target: str,
        headers: Mapping[str, str],
        connection: socket.socket,
        keep_alive: bool,
        closing: threading.Event,
        entry: OpenRequest,
        cors: str | None,
        answer: Callable[[Exchange], Answer],
    ) -> None:
        path, _, self.query = target.partition("?")
        self.method = method
        self.path = unquote(path)
        self.headers = headers
        self.cors = cors
        self.keep_alive = keep_alive
        self.was_reset = False
        self._connection = connection
        self._closing = closing
        self._entry = entry
        self._answer = answer
        self._head_sent = False

    def right(self, *, whole: bool = False) -> Answer:
        """The answer an honest index gives; with ``whole``, as if no range and no condition had been asked."""
        if not whole:
            return self._answer(self)
        asked = self.headers
        conditional = ("range", "if-range", "if-none-match", "if-modified-since")
        self.headers = {name: value for name, value in asked.items() if name not in conditional}
        try:
            return self._answer(self)
        finally:
            self.headers = asked

    def send(self, answer: Answer) -> None:
        """Send a well-framed answer.

        Raises:
            ClientGone: The client hung up before the end.
        """
        # RFC 9110 sections 15.4.5 and 15.3.5: 304 and 204 have no content, and 204 no length either.
        empty = self.method == "HEAD" or answer.status in (204, 304)
        length = () if answer.status in (204, 304) else (("Content-Length", str(answer.length)),)
        head = self._head(answer.status, (*answer.headers, *length))
        if empty or answer.length == 0:
            self._write(head, size=0, last=True)
            return
        left = answer.length
        for piece in answer.pieces():
            left -= len(piece)
            # The head travels with the first piece: one packet for a small answer.
            self._write(head + piece, size=len(piece), last=left == 0)
            head = b""
        if left:
            # The file on disk shrank: the announced length cannot be kept, so the client must see a broken answer.
            self.keep_alive = False

    def send_head(self, status: int, headers: Iterable[tuple[str, str]], *, last: bool = False) -> None:
        """Send a status line and exactly these headers, plus ``Date``, ``Connection: close`` and CORS.

        Raises:
            ClientGone: The client hung up.
        """
        self.keep_alive = False
        self._write(self._head(status, headers), size=0, last=last)

    def send_bytes(self, data: bytes, *, last: bool = False) -> None:
        """Send raw body bytes after :meth:`send_head`; nothing for a HEAD request.

        Raises:
            ClientGone: The client hung up.
        """
        if self.method != "HEAD":
            self._write(data, size=len(data), last=last)

    def wait(self, seconds: float | None = None) -> None:
        """Do nothing for a while; for ever when ``seconds`` is None.

        Raises:
            ClientGone: The client hung up or the index closes; both are noticed within 50 ms.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._closing.is_set():
            left = _POLL_SECONDS if deadline is None else min(deadline - time.monotonic(), _POLL_SECONDS)
            if left <= 0:
                return
            if self._hung_up():
                break
            self._closing.wait(left)
        raise ClientGone

    def reset(self) -> None:
        """Drop the connection with a TCP reset: a linger of zero makes close send RST."""
        self._entry.finish()
        self.keep_alive = False
        self.was_reset = True
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _hung_up(self) -> bool:
        try:
            readable = select.select([self._connection], [], [], 0)[0]
            return bool(readable) and self._connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def _head(self, status: int, headers: Iterable[tuple[str, str]]) -> bytes:
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = "Unknown"
        self._entry.answered(status)
        lines = [f"HTTP/1.1 {status} {reason}", f"Date: {formatdate(usegmt=True)}"]
        lines.extend(f"{name}: {value}" for name, value in (*headers, *self._cors_headers()))
        lines.append(f"Connection: {'keep-alive' if self.keep_alive else 'close'}")
        self._head_sent = True
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _cors_headers(self) -> list[tuple[str, str]]:
        if self.cors is None:
            return []
        headers = [
            ("Access-Control-Allow-Origin", self.cors),
            ("Access-Control-Expose-Headers", EXPOSED_HEADERS),
            # Pages that are cross-origin isolated, as threads in WebAssembly need, load only what says so.
            ("Cross-Origin-Resource-Policy", "cross-origin"),
        ]
        return headers if self.cors == "*" else [*headers, ("Vary", "Origin")]

    @property
    def head_sent(self) -> bool:
        """A status line went out, so no other can."""
        return self._head_sent

    def _write(self, data: bytes, *, size: int, last: bool) -> None:
        # Reported before it is sent: see rule 1 of the log.
        self._entry.sending(size, last=last)
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise ClientGone from error
