"""Tests of :mod:`micropip_lock.adapters.answers`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.adapters.answers import follow_redirect
from micropip_lock.adapters.host import HostFetcher
from micropip_lock.core.policy import Policy
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    NotFoundError,
    RedirectPolicyError,
    ServerError,
)
from micropip_lock.testing import (
    PackageIndex,
    Status,
)
from tests.adapters.servers import failure

STATUSES = [
    (404, NotFoundError, "not-found"),
    (410, NotFoundError, "not-found"),
    (451, NotFoundError, "not-found"),
    (401, BlockedError, "blocked"),
    (403, BlockedError, "blocked"),
    (429, ServerError, "server-error"),
    (500, ServerError, "server-error"),
    (503, ServerError, "server-error"),
    (599, ServerError, "server-error"),
    (400, FetchError, "http-status"),
    (418, FetchError, "http-status"),
    (206, FetchError, "http-status"),
    (304, FetchError, "http-status"),
    (204, FetchError, "http-status"),
]


@pytest.mark.parametrize(("status", "kind", "code"), STATUSES)
async def test_statuses(
    fetcher: HostFetcher, package_index: PackageIndex, six: str, status: int, kind: type[FetchError], code: str
) -> None:
    """Every status but 200 has its class, code and number."""
    package_index.fault("*.whl", Status(status))
    error = await failure(fetcher, six)
    assert isinstance(error, FetchError)
    assert (kind, code, status, six) == (type(error), error.code, error.status, error.url)


@given(st.text(max_size=40).map(lambda text: "http://" + text) | st.text(max_size=40))
def test_any_redirect_is_a_value_or_our_error(location: str) -> None:
    """Whatever a Location header says, the answer is an http(s) address or a RedirectPolicyError."""
    try:
        found = follow_redirect("http://127.0.0.1/x", location)
    except RedirectPolicyError:
        found = "http://refused.invalid/"
    assert (found[:7], True) == ("http://", True) if found.startswith("http://") else found.startswith("https://")


@pytest.mark.parametrize(
    ("url", "location", "code"),
    [
        ("https://index.example/a", "http://index.example/b", "redirect-policy"),
        ("https://index.example/a", "file:///etc/passwd", "redirect-policy"),
        ("http://index.example/a", "file:///etc/passwd", "redirect-policy"),
        ("http://index.example/a", "ftp://index.example/b", "redirect-policy"),
        ("https://index.example/a", "data:,x", "redirect-policy"),
        ("http://index.example/a", "https:///b", "redirect-policy"),
        ("https://index.example/a", "https://[::1", "redirect-policy"),
        ("https://index.example/a", "https://me:pw@index.example/b", "redirect-policy"),
        ("https://index.example/a", "https://127.0.0.1/b", "redirect-private"),
        ("https://index.example/a", "https://10.1.2.3/b", "redirect-private"),
        ("https://index.example/a", "https://169.254.169.254/latest", "redirect-private"),
        ("https://index.example/a", "https://[fe80::1]/b", "redirect-private"),
        ("https://index.example/a", "https://localhost:8000/b", "redirect-private"),
    ],
)
def test_forbidden_redirects(url: str, location: str, code: str) -> None:
    """Redirects to a less safe scheme, a local file or a private network are refused."""
    with pytest.raises(RedirectPolicyError) as caught:
        follow_redirect(url, location)
    assert code == caught.value.code


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://index.example/a/b", "../c?x=1", "https://index.example/c?x=1"),
        ("https://index.example/a", "//files.example/c", "https://files.example/c"),
        ("http://index.example/a", "https://index.example/a", "https://index.example/a"),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:2/a", "http://127.0.0.1:2/a"),
        ("https://10.0.0.1/a", "https://10.0.0.2/a", "https://10.0.0.2/a"),
    ],
)
def test_allowed_redirects(url: str, location: str, target: str) -> None:
    """Redirects within a scheme, to https:, and from private to private are followed."""
    assert target == follow_redirect(url, location)


def test_redirects_under_a_policy() -> None:
    """The policy's hosts are where redirects may lead."""
    listed = Policy(allow_hosts=("files.example",))
    with pytest.raises(RedirectPolicyError) as caught:
        follow_redirect("https://index.example/a", "https://cdn.example/a", listed)
    assert ("redirect-policy", "https://files.example/a") == (
        caught.value.code,
        follow_redirect("https://index.example/a", "//files.example/a", listed),
    )


async def test_retry_after_is_told(fetcher: HostFetcher, package_index: PackageIndex, six: str) -> None:
    """A 429 with Retry-After carries the seconds."""
    package_index.fault("*.whl", Status(429, retry_after="17"))
    error = await failure(fetcher, six)
    assert (getattr(error, "retry_after", None), error.hint) == (17.0, "try again in 17 seconds")
