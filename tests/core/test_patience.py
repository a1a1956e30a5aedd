"""Tests of :mod:`micropip_lock.core.patience`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.patience import LONGEST_WAIT, retry_after, tries_for, wait_before
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    FetchTimeoutError,
    HashMismatchError,
    MicropipLockError,
    NetworkError,
    NotFoundError,
    RedirectPolicyError,
    ServerError,
    TruncatedError,
)


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ServerError("x", status=503), 3),
        (NetworkError("x"), 3),
        (TruncatedError("x"), 3),
        (FetchTimeoutError("x"), 3),
        (FetchTimeoutError("x", code="too-slow"), 2),
        (NetworkError("x", code="tls"), 2),
        (NotFoundError("x"), 1),
        (BlockedError("x"), 1),
        (RedirectPolicyError("x"), 1),
        (FetchError("x", code="http-status"), 1),
        (HashMismatchError("x"), 1),
    ],
)
def test_what_passes_is_tried_again(error: MicropipLockError, tries: int) -> None:
    """What may pass is tried three times, TLS and slowness twice, and what does not pass once."""
    assert tries == tries_for(error)


@pytest.mark.parametrize(
    ("failures", "asked", "chance", "seconds"),
    [
        (1, None, 0.0, 0.5),
        (1, None, 1.0, 0.75),
        (2, None, 0.0, 1.0),
        (3, None, 1.0, 3.0),
        (1, 0.0, 0.0, 0.5),
        (1, 17.0, 0.0, 17.0),
        (1, LONGEST_WAIT, 0.0, LONGEST_WAIT),
        (1, LONGEST_WAIT + 1, 0.0, None),
        (1, 1e12, 0.0, None),
    ],
)
def test_waits(failures: int, asked: float | None, chance: float, seconds: float | None) -> None:
    """Waits double from half a second, with jitter; Retry-After is kept up to a minute, and more is not waited for."""
    assert seconds == wait_before(failures, ServerError("x", retry_after=asked), chance)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("9" * 5000, 1e12),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:30", 30.0),
        ("Wed, 21 Oct 2020 07:28:30 GMT", 0.0),
        ("Wed, 99 Oct 2026 07:28:30 GMT", None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """Retry-After is seconds or a date, and anything else is nothing."""
    assert seconds == retry_after(text, now=datetime(2026, 10, 21, 7, 28, tzinfo=UTC))


@given(st.text(max_size=60) | st.none())
def test_any_retry_after_is_a_value(text: str | None) -> None:
    """Whatever Retry-After says, the answer is nothing or a number of seconds."""
    assert (retry_after(text, now=datetime(2026, 10, 21, tzinfo=UTC)) or 0.0) >= 0.0
