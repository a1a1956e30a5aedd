"""Tests of :mod:`micropip_lock.adapters.engine_answers`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from micropip_lock.adapters.engine_answers import fetch_error
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    FetchTimeoutError,
    HashMismatchError,
    NetworkError,
    NotFoundError,
    ServerError,
    TruncatedError,
    WheelTooLargeError,
)

URL = "https://files.example/six-1.16.0-py3-none-any.whl?token=secret"


@pytest.mark.parametrize(
    ("facts", "kind", "code"),
    [
        ({"kind": "status", "status": 404}, NotFoundError, "not-found"),
        ({"kind": "status", "status": 410}, NotFoundError, "not-found"),
        ({"kind": "status", "status": 451}, NotFoundError, "not-found"),
        ({"kind": "status", "status": 401}, BlockedError, "blocked"),
        ({"kind": "status", "status": 403}, BlockedError, "blocked"),
        ({"kind": "status", "status": 503}, ServerError, "server-error"),
        ({"kind": "status", "status": 418}, FetchError, "http-status"),
        ({"kind": "network"}, NetworkError, "network"),
        ({"kind": "offline"}, NetworkError, "network"),
        ({"kind": "aborted"}, NetworkError, "network"),
        ({"kind": "cors"}, BlockedError, "cors"),
        ({"kind": "csp"}, BlockedError, "csp"),
        ({"kind": "mixed-content"}, BlockedError, "insecure"),
        ({"kind": "timeout"}, FetchTimeoutError, "timeout"),
        ({"kind": "too-slow"}, FetchTimeoutError, "too-slow"),
        ({"kind": "truncated"}, TruncatedError, "truncated"),
        ({"kind": "too-large", "contentType": "application/zip"}, WheelTooLargeError, "too-large"),
        ({"kind": "too-large", "contentType": "text/html; charset=utf-8"}, HashMismatchError, "not-a-wheel"),
    ],
)
def test_every_kind_has_its_error(facts: dict[str, Any], kind: type[Exception], code: str) -> None:
    """Each failure of the engine is an error of its own class and code, with a hint and without secrets."""
    error = fetch_error(SimpleNamespace(message="why", **facts), URL, 10)
    assert (kind, code, True, False) == (type(error), error.code, bool(error.hint), "secret" in str(error))


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("soon", None), (None, None)])
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """The header Retry-After is told in seconds."""
    error = fetch_error(SimpleNamespace(kind="status", status=429, retryAfter=header), URL, None)
    assert isinstance(error, ServerError)
    assert seconds == error.retry_after
