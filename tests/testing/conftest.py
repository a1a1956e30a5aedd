"""A raw HTTP client: the tests here are about bytes and headers, which friendlier clients hide."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

import pytest


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back; header names have no case."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


type Ask = Callable[..., Reply]


@pytest.fixture
def ask() -> Ask:
    """One request on a connection of its own; follows nothing, retries nothing."""

    def asking(url: str, method: str = "GET", *, timeout: float = 10.0, **headers: str) -> Reply:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), headers=named)
            response = connection.getresponse()
            return Reply(status=response.status, headers=response.headers, body=response.read())
        finally:
            connection.close()

    return asking
