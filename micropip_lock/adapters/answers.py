"""What an HTTP answer, or the lack of one, means: our errors, and where a redirect may lead.

Rules this file keeps:

1. Every status but 200 and every exception of the connection has one class and one code.
2. A redirect leads where the policy lets it, so that a server on the net cannot make this machine ask its own network.
3. Addresses in messages carry no credentials, query or fragment: a signed download URL is a credential too.

Left to others: sending and counting (:mod:`micropip_lock.adapters.host`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from urllib3 import exceptions as urllib3_errors

from micropip_lock.core.dist_info import public_url
from micropip_lock.core.http_status import status_error
from micropip_lock.core.patience import retry_after
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import (
    FetchError,
    FetchTimeoutError,
    NetworkError,
    TruncatedError,
)

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def refusal_of(status: int, headers: Mapping[str, str], url: str) -> FetchError | None:
    """The error that a status stands for, or ``None`` for 200 OK.

    Source: HTTP Semantics (RFC 9110, section 15); 451 is RFC 7725.
    """
    if status == 200:
        return None
    return status_error(status, url, wait=retry_after(headers.get("Retry-After"), now=datetime.now(UTC)))


def failure_of(error: Exception, url: str, *, began: bool) -> FetchError:
    """The error that an exception of urllib3 or of the socket stands for.

    Args:
        error: What was raised.
        url: What was asked for.
        began: The headers had arrived.
    """
    shown = public_url(url)
    host = urlsplit(shown).netloc
    if isinstance(error, urllib3_errors.ProxyError):
        return NetworkError(
            "the proxy does not let the request through",
            code="proxy",
            url=shown,
            got=_cause(error),
            hint="check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
        )
    # NewConnectionError is a ConnectTimeoutError in urllib3, but it means refused or unknown.
    if isinstance(error, urllib3_errors.NewConnectionError):
        if isinstance(error, urllib3_errors.NameResolutionError):
            return NetworkError(f"no host of the name {host} is known", url=shown, got=_cause(error))
        return NetworkError(f"{host} cannot be reached", url=shown, got=_cause(error))
    if isinstance(error, urllib3_errors.TimeoutError | TimeoutError):
        what = "stopped answering" if began else "did not answer in time"
        return FetchTimeoutError(f"{host} {what}", url=shown)
    if isinstance(error, urllib3_errors.SSLError):
        return NetworkError(
            f"the TLS connection to {host} failed",
            code="tls",
            url=shown,
            got=_cause(error),
            hint="if your network uses its own certificates, name their file in SSL_CERT_FILE or in pip's cert setting",
        )
    if isinstance(error, urllib3_errors.DecodeError):
        return FetchError(
            "the content encoding of the answer is broken", code="bad-encoding", url=shown, got=_cause(error)
        )
    if isinstance(error, urllib3_errors.LocationValueError | UnicodeError):
        return FetchError("the address cannot be used", code="bad-url", url=shown, got=_cause(error))
    if began:
        return TruncatedError("the answer broke off before its end", url=shown, got=_cause(error))
    return NetworkError(f"the connection to {host} broke before an answer", url=shown, got=_cause(error))


def follow_redirect(url: str, location: str, policy: Policy = DEFAULT_POLICY) -> str:
    """The address that an answer of ``url`` leads to.

    Raises:
        RedirectPolicyError: codes ``redirect-policy``, ``redirect-private``.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        target = location
    if (fault := policy.redirect_fault(url, target)) is not None:
        raise fault
    return target


def _cause(error: BaseException) -> str:
    """The innermost reason, in one line and without object addresses or URLs."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
