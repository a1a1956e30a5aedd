"""When to ask again: which failures pass, how many times a source is tried, and how long to wait before.

Rules this file keeps:

1. What may pass (5xx, 429, no answer, a broken, silent or slow one) is tried again; what will not, is not.
2. A server's Retry-After is kept up to :data:`LONGEST_WAIT`; one that asks for more is not waited for.
3. No clock, no chance: the time and a random number are arguments.

Left to others: which sources there are and in what order (:mod:`micropip_lock.app.obtain`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from micropip_lock.errors import (
    FetchError,
    FetchTimeoutError,
    MicropipLockError,
    NetworkError,
    ServerError,
    TruncatedError,
)

TRIES: Final = 3
"""Requests to one source for one wheel, as long as its failures may pass."""

FIRST_WAIT: Final = 0.5
"""Seconds before the second try; each further wait is twice as long."""

LONGEST_WAIT: Final = 60.0
"""Seconds that a server may make us wait (``Retry-After``)."""

_PASSING: Final = (ServerError, NetworkError, FetchTimeoutError, TruncatedError)
_ONCE_MORE: Final = frozenset({"tls", "too-slow"})


def tries_for(error: MicropipLockError) -> int:
    """How many times a source may fail in this way before it is given up: 1 for what does not pass by itself.

    A failed TLS connection and a server that drips are given one more chance only: the first is hardly ever chance, and
    the second costs the whole span that slowness is measured over.
    """
    if not isinstance(error, _PASSING):
        return 1
    return 2 if error.code in _ONCE_MORE else TRIES


def wait_before(failures: int, error: MicropipLockError, chance: float) -> float | None:
    """Seconds to wait after a failure that may pass, or ``None`` when the server asks for too long a wait.

    Args:
        failures: How many there were until now, at least 1.
        error: The last one.
        chance: A random number from 0 to 1, so that many clients do not come back at one moment.
    """
    asked = error.retry_after if isinstance(error, FetchError) else None
    if asked is not None and asked > LONGEST_WAIT:
        return None
    return max(FIRST_WAIT * 2.0 ** (failures - 1) * (1 + chance / 2), asked or 0.0)


def retry_after(text: str | None, *, now: datetime) -> float | None:
    """Seconds that a header Retry-After asks to wait, at least 0; ``None`` when it is not there or unreadable.

    Source: HTTP Semantics (RFC 9110, section 10.2.3): seconds or a date.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        # More digits than any sane wait has; float() of thousands of them would be infinite.
        return float(text) if len(text) <= 12 else 1e12
    try:
        from email.utils import parsedate_to_datetime

        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
