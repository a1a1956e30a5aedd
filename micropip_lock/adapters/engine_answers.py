"""What the JavaScript engine's failures mean: our errors, with as much of the reason as the platform tells.

Rules this file keeps:

1. Every kind of failure has one class and one code; a kind that is not known here is no answer at all.
2. Addresses in messages carry no credentials, query or fragment.

Left to others: asking (``js/src/engine.ts``), statuses (:mod:`micropip_lock.core.http_status`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from micropip_lock.core.digest import too_large
from micropip_lock.core.dist_info import public_url
from micropip_lock.core.http_status import status_error
from micropip_lock.core.patience import retry_after
from micropip_lock.errors import (
    BlockedError,
    FetchTimeoutError,
    MicropipLockError,
    NetworkError,
    TruncatedError,
)

_REFUSALS: Final = {
    "cors": (
        "cors",
        "the server gives pages of other sites no permission to read",
        "its owner can send Access-Control-Allow-Origin; else bundle the wheels on this site",
    ),
    "csp": (
        "csp",
        "the Content-Security-Policy of this page forbids to ask for",
        "its owner can add the host to connect-src; else bundle the wheels on this site",
    ),
    "mixed-content": (
        "insecure",
        "this page came over https:, so that the browser does not ask over http: for",
        "use https:, or bundle the wheels on this site",
    ),
}


def fetch_error(result: Any, url: str, max_bytes: int | None) -> MicropipLockError:
    """The error for a download that the engine reports as failed.

    Args:
        result: The engine's ``Failed``.
        url: What was asked for.
        max_bytes: The most bytes that it might have.
    """
    public = public_url(url)
    # The address of an index's page ends in a slash.
    name = public.rstrip("/").rsplit("/", 1)[-1]
    kind, status = str(result.kind), getattr(result, "status", None)
    if kind == "too-large":
        return too_large(public, max_bytes or 0, got="more", content_type=_text(result, "contentType"))
    if kind == "status" and isinstance(status, int):
        wait = retry_after(_text(result, "retryAfter"), now=datetime.now(UTC))
        return status_error(status, url, wait=wait)
    message = _text(result, "message") or kind
    if kind == "timeout":
        return FetchTimeoutError(f"{name} stopped arriving", url=public, got=message)
    if kind == "too-slow":
        return FetchTimeoutError(f"{name} arrives too slowly", code="too-slow", url=public, got=message)
    if kind == "truncated":
        return TruncatedError(f"{name} arrived only in part", url=public, got=message)
    if kind in _REFUSALS:
        code, why, hint = _REFUSALS[kind]
        return BlockedError(f"{why} {name}", code=code, url=public, got=message, hint=hint)
    if kind == "offline":
        hint = "the browser says that it is offline; connect, and try again"
        return NetworkError(f"{name} could not be fetched: offline", url=public, got=message, hint=hint)
    return NetworkError(f"{name} could not be fetched", url=public, got=message)


def _text(result: Any, name: str) -> str:
    """A field of a JavaScript object, which may be absent."""
    return str(getattr(result, name, None) or "")
