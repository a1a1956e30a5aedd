"""What a status that is no success means: one class and one code for each, whoever asked.

Source: HTTP Semantics (RFC 9110, section 15); 451 is RFC 7725.
"""

from __future__ import annotations

from micropip_lock.core.redact import public_url
from micropip_lock.errors import BlockedError, FetchError, NotFoundError, ServerError


def status_error(status: int, url: str, *, wait: float | None) -> FetchError:
    """The error that a status stands for.

    Args:
        status: Anything but a success.
        url: What was asked for.
        wait: Seconds that the answer asks to wait, when it says so (``Retry-After``).
    """
    shown = public_url(url)
    if status in (404, 410):
        return NotFoundError(f"the server has no such file ({status})", status=status, url=shown)
    if status == 451:
        return NotFoundError(
            "the server may not serve this file (451)",
            status=status,
            url=shown,
            hint="it was taken down; look at the project's page for the reason",
        )
    if status in (401, 403):
        return BlockedError(f"the server refuses access ({status})", status=status, url=shown)
    if status == 429 or status >= 500:
        said = "asks to wait" if status == 429 else "failed"
        hint = None if wait is None else f"try again in {wait:.0f} seconds"
        return ServerError(f"the server {said} ({status})", status=status, retry_after=wait, url=shown, hint=hint)
    return FetchError(
        f"the server answered with an unexpected status ({status})",
        code="http-status",
        status=status,
        url=shown,
        expected="200",
        got=str(status),
        hint="open the address in a browser and see what it says",
    )
