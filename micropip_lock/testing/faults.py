"""The ways an index can misbehave, as values.

Each fault is a row of the fault catalogue in the project's documentation: it takes the exchange and, mostly, the
right answer, and spoils it in exactly one way.

Rules this file keeps:

1. A fault is a frozen value: how often it was used is counted by :mod:`micropip_lock.testing.script`.
2. A fault spoils only what it names.  CORS headers stay on a 503, so that a browser test sees the 503; only
   :class:`CorsOff` removes them.
3. CORS preflights pass every fault but :class:`CorsOff`, and use none of their ``times``.
4. Chance is drawn from a seed, the path and how many times that path was asked for, never from a clock or from the
   order of threads: equal seeds fail equal requests.
"""

# ruff: noqa: ARG002  # each fault takes what the base method gives and uses the part it needs

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import quote

from micropip_lock.errors import UsageError
from micropip_lock.testing.answers import PIECE, Answer, plain, redirect
from micropip_lock.testing.exchange import Exchange

LOGIN_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form>Please log in</form></body></html>\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Base of all faults.

    Attributes:
        times: How many requests it spoils before the next fault, or the right answer, has its turn; None for all.
    """

    times: int | None = None

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        """Whether it spoils this request; one that it lets pass uses none of ``times``.

        Args:
            exchange: The request.
            asked_before: How many requests for this path the same rule has seen before.
        """
        return exchange.method != "OPTIONS"

    def play(self, exchange: Exchange) -> Answer | None:
        """The answer to send, or None when it has sent all it wants to send."""
        return exchange.right()


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """Answer ``code``, with ``Retry-After`` if given: seconds or an HTTP date, sent as it is."""

    code: int
    retry_after: str | None = field(default=None, kw_only=True)

    def play(self, exchange: Exchange) -> Answer | None:
        """Answer with the status alone."""
        more = () if self.retry_after is None else (("Retry-After", self.retry_after),)
        return plain(self.code, f"status {self.code}, as scripted", *more)


@dataclass(frozen=True, slots=True)
class NotFound(Fault):
    """Answer 404."""

    def play(self, exchange: Exchange) -> Answer | None:
        """Answer as if the file had been removed."""
        return plain(404, "not found, as scripted")


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """Wait ``seconds``, then give the right answer."""

    seconds: float

    def play(self, exchange: Exchange) -> Answer | None:
        """Be late."""
        exchange.wait(self.seconds)
        return exchange.right()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stall(Fault):
    """Send the headers and the first ``after`` bytes of the body, then nothing, and keep the connection open."""

    after: int = 0

    def play(self, exchange: Exchange) -> Answer | None:
        """Go silent."""
        body = _announce(exchange, exchange.right())
        if self.after:
            exchange.send_bytes(body[: self.after])
        exchange.wait()
        return None


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """Send the right body at ``bytes_per_second``."""

    bytes_per_second: float

    def play(self, exchange: Exchange) -> Answer | None:
        """Drip, in at most twenty pieces a second."""
        body = _announce(exchange, exchange.right())
        piece = max(1, int(self.bytes_per_second / 20))
        for offset in range(0, len(body), piece):
            part = body[offset : offset + piece]
            exchange.wait(len(part) / self.bytes_per_second)
            exchange.send_bytes(part, last=offset + piece >= len(body))
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reset(Fault):
    """Drop the connection with a TCP reset, before any header or after ``after`` bytes of the body.

    Attributes:
        after: Body bytes to send first; None resets before the status line, "half" in the middle of the body.
    """

    after: int | Literal["half"] | None = None

    def play(self, exchange: Exchange) -> Answer | None:
        """Hang up rudely."""
        if self.after is not None:
            body = _announce(exchange, exchange.right())
            exchange.send_bytes(body[: len(body) // 2 if self.after == "half" else self.after])
        exchange.reset()
        return None


@dataclass(frozen=True, slots=True)
class ContentLength(Fault):
    """Announce ``delta`` bytes more, or fewer when negative, than the body has.

    Longer: the whole body arrives and the connection closes early.  Shorter: only the announced bytes are sent, which a
    client cannot tell from a whole answer.
    """

    delta: int

    def play(self, exchange: Exchange) -> Answer | None:
        """Announce a wrong length."""
        answer = exchange.right()
        body = answer.read()
        announced = max(len(body) + self.delta, 0)
        exchange.send_head(answer.status, (*answer.headers, ("Content-Length", str(announced))))
        exchange.send_bytes(body[:announced], last=True)
        return None


@dataclass(frozen=True, slots=True)
class EarlyEof(Fault):
    """Send half of the body without a ``Content-Length``, then close.

    Attributes:
        framing: "chunked" lacks the last chunk, so the client can tell; "chunked-complete" has one and "until-close" is
            not chunked at all, so it cannot.
    """

    framing: Literal["chunked", "chunked-complete", "until-close"] = "chunked"

    def play(self, exchange: Exchange) -> Answer | None:
        """Stop halfway."""
        answer = exchange.right()
        body = answer.read()
        half = body[: len(body) // 2]
        if self.framing == "until-close":
            exchange.send_head(answer.status, answer.headers)
            exchange.send_bytes(half, last=True)
            return None
        exchange.send_head(answer.status, (*answer.headers, ("Transfer-Encoding", "chunked")))
        end = b"0\r\n\r\n" if self.framing == "chunked-complete" else b""
        exchange.send_bytes(b"".join(_chunk(piece) for piece in _pieces(half)) + end, last=True)
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Endless(Fault):
    """Send the right body, chunked, and then zeros until the client hangs up.

    Attributes:
        bytes_per_second: Rate of the zeros; None for as fast as the client reads.
    """

    bytes_per_second: float | None = None

    def play(self, exchange: Exchange) -> Answer | None:
        """Never stop."""
        answer = exchange.right()
        exchange.send_head(answer.status, (*answer.headers, ("Transfer-Encoding", "chunked")))
        for piece in answer.pieces():
            exchange.send_bytes(_chunk(piece))
        if exchange.method == "HEAD":
            return None
        size = PIECE if self.bytes_per_second is None else max(1, int(self.bytes_per_second / 20))
        pause = 0.0 if self.bytes_per_second is None else size / self.bytes_per_second
        while True:
            exchange.wait(pause)
            exchange.send_bytes(_chunk(bytes(size)))


@dataclass(frozen=True, kw_only=True, slots=True)
class WrongBytes(Fault):
    """Flip every bit of one byte: same length, same headers, other content.

    Attributes:
        at: Offset of the byte in what is sent; None for the middle.
    """

    at: int | None = None

    def play(self, exchange: Exchange) -> Answer | None:
        """Corrupt."""
        answer = exchange.right()
        body = bytearray(answer.read())
        if body:
            body[len(body) // 2 if self.at is None else self.at] ^= 0xFF
        return answer.with_bytes(bytes(body))


@dataclass(frozen=True, kw_only=True, slots=True)
class Html(Fault):
    """Answer 200 and a login page, as captive portals and expired sessions do."""

    body: bytes = LOGIN_PAGE

    def play(self, exchange: Exchange) -> Answer | None:
        """Ask for a login nobody expects."""
        return Answer(headers=(("Content-Type", "text/html; charset=utf-8"),)).with_bytes(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class GzipEncoded(Fault):
    """Send the right body with ``Content-Encoding: gzip``, as some proxies do without being asked."""

    def play(self, exchange: Exchange) -> Answer | None:
        """Compress the transfer, not the file; ranges would be of the compressed bytes, so there are none."""
        answer = exchange.right(whole=True).without_headers("Accept-Ranges", "ETag")
        packed = gzip.compress(answer.read(), mtime=0)
        return answer.with_bytes(packed).with_headers(("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """Redirect to ``to``, in which ``{path}`` stands for the path that was asked, or to the same path: a loop.

    With ``times=n`` and no ``to``, the chain ends after n hops with the right answer.
    """

    to: str = "{path}"
    status: int = field(default=302, kw_only=True)

    def play(self, exchange: Exchange) -> Answer | None:
        """Send the client elsewhere."""
        return redirect(self.to.replace("{path}", quote(exchange.path)), self.status)


@dataclass(frozen=True, slots=True)
class StaleCache(Fault):
    """Answer ``old`` bytes as a cache would, fresh for a year, unless the request says ``Cache-Control: no-cache``.

    That is what ``cache: "reload"`` in a browser, and a retry past the cache in general, sends.
    """

    old: bytes

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        """Only while the client lets a cache answer."""
        wishes = exchange.headers.get("cache-control", "") + exchange.headers.get("pragma", "")
        return exchange.method != "OPTIONS" and "no-cache" not in wishes

    def play(self, exchange: Exchange) -> Answer | None:
        """Answer from before."""
        answer = exchange.right(whole=True).with_bytes(self.old)
        etag = f'"{hashlib.sha256(self.old).hexdigest()[:32]}"'
        return answer.with_headers(("Cache-Control", "max-age=31536000"), ("Age", "3600"), ("ETag", etag))


@dataclass(frozen=True, kw_only=True, slots=True)
class WrongOffset(Fault):
    """Answer a range request from another offset than asked, ``by`` bytes later, and say so in ``Content-Range``."""

    by: int = 1

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        """Only when a range was asked for."""
        return exchange.method != "OPTIONS" and "range" in exchange.headers

    def play(self, exchange: Exchange) -> Answer | None:
        """Resume elsewhere."""
        answer = exchange.right()
        if answer.status != 206:
            return answer
        size = answer.body.size
        start = min(answer.start + self.by, size - 1)
        stop = max(start + 1, min(answer.start + answer.length, size))
        moved = replace(answer, start=start, stop=stop)
        return moved.with_headers(("Content-Range", f"bytes {start}-{stop - 1}/{size}"))


@dataclass(frozen=True, kw_only=True, slots=True)
class CorsOff(Fault):
    """Give the right answer without any CORS header, and refuse preflights."""

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        """Preflights too."""
        return True

    def play(self, exchange: Exchange) -> Answer | None:
        """Forget that other origins exist."""
        exchange.cors = None
        return exchange.right()


@dataclass(frozen=True, slots=True)
class RandomFailure(Fault):
    """Play ``fault`` for a share ``rate`` (0 to 1) of the requests, drawn from ``seed``, the path and its count."""

    rate: float
    seed: int = 0
    fault: Fault = field(default_factory=lambda: Status(503), kw_only=True)

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise UsageError(
                "a rate is a share of the requests",
                where="rate",
                expected="0 to 1",
                got=str(self.rate),
                hint="30 % is 0.3",
            )

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        """Draw."""
        if not self.fault.applies(exchange, asked_before):
            return False
        drawn = hashlib.sha256(f"{self.seed}\0{exchange.path}\0{asked_before}".encode()).digest()
        return int.from_bytes(drawn[:8]) < self.rate * 2**64

    def play(self, exchange: Exchange) -> Answer | None:
        """Fail this one."""
        return self.fault.play(exchange)


def _announce(exchange: Exchange, answer: Answer) -> bytes:
    """Send the head of ``answer`` as if all of it would follow; returns the body that should."""
    body = answer.read()
    exchange.send_head(answer.status, (*answer.headers, ("Content-Length", str(len(body)))))
    return body


def _chunk(data: bytes) -> bytes:
    # RFC 9112 section 7.1: an empty chunk would end the body.
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def _pieces(data: bytes) -> Iterator[bytes]:
    for offset in range(0, len(data), PIECE):
        yield data[offset : offset + PIECE]
