"""HTTP answers as values: a body, a status, headers, and the choice between 200, 206, 304 and 416.

What this file knows: conditional requests and ranges (RFC 9110 sections 13 and 14) and the content types that browsers
insist on (a module script or streaming WebAssembly of another type is refused).

Rules it keeps: no socket; a body is read in pieces and only when it is sent; a Range it cannot parse is ignored, as
RFC 9110 section 14.2 asks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

PIECE = 256 * 1024
"""Bytes read and sent at a time."""

type Headers = tuple[tuple[str, str], ...]

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".ipynb": "application/json",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".metadata": "text/plain; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".toml": "application/toml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".whl": "application/zip",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}


def content_type_of(filename: str) -> str:
    """Media type for a file name, the same on every machine (the ``mimetypes`` module reads the system's tables)."""
    return _CONTENT_TYPES.get(PurePosixPath(filename).suffix.lower(), "application/octet-stream")


class Body(Protocol):
    """Bytes of a known length that can be read from any offset."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, in pieces."""
        ...


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, in pieces."""
        for offset in range(start, stop, PIECE):
            yield self.data[offset : min(offset + PIECE, stop)]


@dataclass(frozen=True, slots=True)
class FileBody:
    """A body on disk, of the size it had when the answer was made."""

    path: Path
    size: int

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, in pieces."""
        with self.path.open("rb") as stream:
            stream.seek(start)
            while start < stop and (piece := stream.read(min(PIECE, stop - start))):
                start += len(piece)
                yield piece


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is sent for one request, apart from ``Date``, ``Connection`` and the CORS headers.

    Attributes:
        status: HTTP status code.
        headers: Name and value pairs; ``Content-Length`` is added when sent.
        body: The whole representation.
        start: Offset in ``body`` of the first byte sent.
        stop: Offset after the last byte sent; None for all of it.
    """

    status: int = 200
    headers: Headers = ()
    body: Body = field(default_factory=lambda: BytesBody(b""))
    start: int = 0
    stop: int | None = None

    @property
    def length(self) -> int:
        """Bytes to send."""
        return (self.body.size if self.stop is None else self.stop) - self.start

    def pieces(self) -> Iterator[bytes]:
        """The bytes to send, in pieces."""
        return self.body.pieces(self.start, self.start + self.length)

    def read(self) -> bytes:
        """The bytes to send, at once."""
        return b"".join(self.pieces())

    def with_headers(self, *more: tuple[str, str]) -> Answer:
        """The answer with these headers in place of any of the same names."""
        names = {name.lower() for name, _ in more}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=kept + more)

    def without_headers(self, *names: str) -> Answer:
        """The answer without the headers of these names."""
        dropped = {name.lower() for name in names}
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in dropped))

    def with_bytes(self, data: bytes) -> Answer:
        """The answer with another body, sent whole."""
        return replace(self, body=BytesBody(data), start=0, stop=None)


def plain(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """A short text answer: refusals, redirects."""
    typed = ("Content-Type", "text/plain; charset=utf-8")
    return Answer(status=status, headers=(typed, *headers), body=BytesBody(f"{text}\n".encode()))


def redirect(location: str, status: int = 301) -> Answer:
    """A redirect to ``location``, which may be relative (RFC 9110 section 10.2.2)."""
    return plain(status, f"moved to {location}", ("Location", location))


def etag_of(data: bytes) -> str:
    """A strong entity tag for these bytes."""
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def represent(
    body: Body,
    *,
    content_type: str,
    etag: str,
    modified: datetime,
    request_headers: Mapping[str, str],
    more: Headers = (),
) -> Answer:
    """Answer a GET or HEAD for one representation, obeying its conditions and its range.

    Args:
        body: The representation.
        content_type: Its media type.
        etag: Its entity tag, quotes included.
        modified: When it last changed, UTC.
        request_headers: Request headers under lower-case names.
        more: Further headers to send.

    Returns:
        200, 206, 304 or 416.
    """
    stamp = modified.astimezone(UTC).replace(microsecond=0)
    # no-cache means "store, but ask again": a later index may reuse this port for other bytes of the same name.
    caching = (
        ("ETag", etag),
        ("Last-Modified", format_datetime(stamp, usegmt=True)),
        ("Cache-Control", "no-cache"),
        *more,
    )
    if _unchanged(request_headers, etag, stamp):
        return Answer(status=304, headers=caching)
    headers = (("Content-Type", content_type), ("Accept-Ranges", "bytes"), *caching)
    wanted = _range_of(request_headers, body.size) if _range_still_valid(request_headers, etag, stamp) else None
    if wanted is None:
        return Answer(status=200, headers=headers, body=body)
    start, stop = wanted
    if start >= stop:
        return plain(416, "range not satisfiable", ("Content-Range", f"bytes */{body.size}"))
    ranged = ("Content-Range", f"bytes {start}-{stop - 1}/{body.size}")
    return Answer(status=206, headers=(*headers, ranged), body=body, start=start, stop=stop)


def _unchanged(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    # RFC 9110 section 13.1.3: If-Modified-Since is ignored beside If-None-Match.
    if (tags := headers.get("if-none-match")) is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in known or etag.removeprefix("W/") in known
    since = _date(headers.get("if-modified-since"))
    return since is not None and modified <= since


def _range_still_valid(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    # RFC 9110 section 13.1.5: If-Range holds a strong tag or the exact date.
    condition = headers.get("if-range")
    return condition is None or condition.strip() == etag or _date(condition) == modified


def _range_of(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """Start and stop of a single byte range; start >= stop if it cannot be satisfied; None to send everything."""
    unit, equals, ranges = headers.get("range", "").partition("=")
    first, dash, last = ranges.strip().partition("-")
    if unit.strip().lower() != "bytes" or not equals or not dash or not _digits(first) or not _digits(last):
        return None
    if first and last:
        return (int(first), min(int(last) + 1, size)) if int(first) <= int(last) else None
    if first:
        return int(first), size
    if last:
        return max(size - int(last), 0), size
    return None


def _digits(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdigit())


def _date(text: str | None) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
