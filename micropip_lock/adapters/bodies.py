"""The bytes of a download, from an HTTP answer or from a local file: whole, capped and counted as they come.

Rules this file keeps:

1. Reading ends when the line is stopped, at the cap, or with an error; it never returns a body that is known to be cut.
2. The cap counts decoded bytes, and what is announced to be too large is refused before it is read.

Left to others: asking (:mod:`micropip_lock.adapters.host`), statuses (:mod:`micropip_lock.adapters.answers`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import urllib3

from micropip_lock.adapters.answers import failure_of
from micropip_lock.adapters.connections import Line
from micropip_lock.core.digest import too_large
from micropip_lock.core.dist_info import public_url
from micropip_lock.errors import BlockedError, FetchError, NotFoundError, UsageError
from micropip_lock.ports import Fetched

_CHUNK: Final = 1 << 16


def read_body(
    response: urllib3.BaseHTTPResponse, url: str, line: Line, tell: Callable[[int], None], max_bytes: int | None
) -> bytes:
    """All bytes of an answer whose headers have arrived.

    Raises:
        WheelTooLargeError, HashMismatchError: more than ``max_bytes``; as :func:`~micropip_lock.core.digest.too_large`.
        FetchError: ``truncated``, ``timeout``, ``bad-encoding``.
    """
    content_type = response.headers.get("Content-Type", "")
    announced = response.headers.get("Content-Length", "")
    if max_bytes is not None and announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise too_large(public_url(url), max_bytes, got=f"{announced[:20]} bytes announced", content_type=content_type)
    chunks: list[bytes] = []
    received = 0
    try:
        # read1 returns what is there: a slow server is then seen as slow, not as silent until a chunk is full.
        while not line.stopped and (chunk := response.read1(_CHUNK)):
            received += len(chunk)
            if max_bytes is not None and received > max_bytes:
                raise too_large(public_url(url), max_bytes, got="more", content_type=content_type)
            chunks.append(chunk)
            tell(received)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        # ValueError: a stopped line's TLS connection reads as closed.
        raise failure_of(error, url, began=True) from error
    # Nobody waits for a stopped download; joining what may be hundreds of megabytes would only hold up its end.
    return b"" if line.stopped else b"".join(chunks)


def read_file(url: str, line: Line, tell: Callable[[int], None], max_bytes: int | None) -> Fetched:
    """All bytes of a ``file:`` address.

    Raises:
        WheelTooLargeError: more than ``max_bytes``.
        FetchError: ``not-found``, ``blocked``, ``fetch-failed``.
        UsageError: the address names another machine.
    """
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise UsageError("a file: address names another machine", code="bad-url", url=public_url(url))
    line.answered = True
    chunks: list[bytes] = []
    received = 0
    try:
        with Path(url2pathname(parts.path)).open("rb") as file:
            while not line.stopped and (chunk := file.read(_CHUNK)):
                received += len(chunk)
                if max_bytes is not None and received > max_bytes:
                    raise too_large(public_url(url), max_bytes, got="more")
                chunks.append(chunk)
                tell(received)
    except FileNotFoundError as error:
        raise NotFoundError(
            "there is no such file",
            url=public_url(url),
            hint="check the path; a lock's own wheels are in the folder wheels beside it, and are copied with it",
        ) from error
    except PermissionError as error:
        raise BlockedError(
            "the file may not be read", url=public_url(url), hint="check the permissions of the file"
        ) from error
    except (OSError, ValueError) as error:
        raise FetchError("the file cannot be read", url=public_url(url), got=str(error)) from error
    return Fetched(data=b"".join(chunks), url=url)
