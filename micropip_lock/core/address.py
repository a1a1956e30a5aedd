"""Addresses of wheels and indexes as a lock may name them.

Rules this file keeps:

1. ``https:``, ``http:``, an absolute ``file:`` URL, or a path relative to the lock; nothing that runs, embeds or
   belongs to one session (``javascript:``, ``data:``, ``blob:``, ``emfs:``), and nothing that borrows the lock's scheme
   for another host (``//host/…``).
2. No credentials: neither before the host nor as a token in the query.
3. One reading: no percent-encoded path separators or dots, no backslashes, no white space.

Left to others: which hosts are trusted, and whether ``http:`` or a local file is acceptable for a lock that came from
elsewhere: that depends on where the lock came from, not on the address alone.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, unquote_plus, urlsplit

from micropip_lock.core.redact import public_url
from micropip_lock.core.shown import shown
from micropip_lock.errors import InputError, LockPolicyError, LockSchemaError

SCHEMES: Final = ("https", "http", "file")

# Names under which servers take a secret in the query, and what signed URLs of object stores carry.
_SECRET_KEY: Final = re.compile(
    r"(?:.*[_-])?(?:token|secret|password|passwd|pwd|signature|sig|credential|credentials|auth|apikey|api[_-]key|jwt)"
    r"|awsaccesskeyid|x-(?:amz|goog)-.*",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(
    r"https?://(?:127\.0\.0\.1|(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*)(?::(?:[1-5]?[0-9]{1,4}|6[0-4][0-9]{3}))?/[A-Za-z0-9._+!/-]*"
)
# Browsers map other characters to these (U+3002 to a dot, U+FB01 to "fi", %66 to "f"): one host, shown as another.
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_IPV4: Final = re.compile(r"(?:(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])(?:\.(?!$)|$)){4}")
_SPACE: Final = re.compile(r"\s")
_ENCODED_PATH: Final = re.compile(r"%(?:2e|2f|5c|00)", re.IGNORECASE)


def is_plain(text: str) -> bool:
    """Whether an address is one that nothing can be wrong with: a web address without any odd character.

    Others may be right as well; this only tells quickly, for the hundreds of them in an environment.
    """
    return _PLAIN.fullmatch(text) is not None


def address_fault(text: str, *, where: str, package: str | None = None, relative: bool = False) -> InputError | None:
    """What is wrong with an address, or ``None``.

    Args:
        text: As the lock spells it.
        where: Dotted place, for the message.
        package: Normalised name, for the message.
        relative: Whether a path relative to the lock is allowed.

    Returns:
        A LockSchemaError (codes ``url``, ``filename``) or a LockPolicyError (codes ``scheme``, ``credentials``).
    """
    if is_plain(text):
        return None
    if not text or "\\" in text or _SPACE.search(text):
        return _fault("url", "not an address", shown(text), where, package)
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return _fault("url", "not an address", shown(public_url(text)), where, package)
    if parts.scheme not in (*SCHEMES, "") or (not parts.scheme and (parts.netloc or text.startswith("//"))):
        return LockPolicyError(
            "an address of a kind that is not fetched",
            code="scheme",
            where=where,
            package=package,
            expected="https:, http:, file: or a path relative to the lock",
            got=shown(f"{parts.scheme}:" if parts.scheme else "//"),
            hint="put the wheel on a server or an index and install it from there",
        )
    if not parts.scheme and not relative:
        return _fault("url", "a relative address", shown(text), where, package)
    if _has_credentials(text):
        return LockPolicyError(
            "an address with credentials",
            code="credentials",
            where=where,
            package=package,
            expected="an address that anyone may read",
            got=public_url(text),
            hint="take the user, password or token out, and change it: it has been written down",
        )
    if parts.scheme in ("https", "http") and not host:
        return _fault("url", "an address without a host", shown(text), where, package)
    if parts.scheme in ("https", "http") and (
        not _HOST.fullmatch(host or "") or ("[" in parts.netloc) != (":" in (host or "")) or _is_odd_number(host or "")
    ):
        return _fault(
            "url", "a host that is not written plainly (others than ASCII as xn--…)", shown(text), where, package
        )
    if parts.scheme == "file" and (parts.netloc not in ("", "localhost") or not parts.path.startswith("/")):
        return _fault("url", "not an absolute file: address", shown(text), where, package)
    # Decoded twice: an address that only becomes a path after the second decoding is meant for somebody's bug.
    if _ENCODED_PATH.search(parts.path) or _ENCODED_PATH.search(unquote(parts.path)):
        return _fault("filename", "an encoded path separator or dot", shown(text), where, package)
    return None


def _is_odd_number(host: str) -> bool:
    """Whether browsers read a host as an IPv4 address that it does not spell: ``2130706433``, ``0x7f.1``, ``127.1``.

    URL Standard, "ends in a number checker".
    """
    last = host.rstrip(".").rpartition(".")[2]
    return ":" not in host and _NUMBER.fullmatch(last) is not None and _IPV4.fullmatch(host) is None


def _has_credentials(text: str) -> bool:
    parts = urlsplit(text)
    if "@" in parts.netloc:
        # public_url keeps ${VARIABLES}, which name a secret without telling it (PEP 610).
        bare = f"{parts.scheme}://{parts.netloc}"
        if public_url(bare) != bare:
            return True
    pairs = re.split("[&;]", f"{parts.query}&{parts.fragment}")
    keys = (unquote_plus(pair.partition("=")[0]).partition("[")[0] for pair in pairs)
    return any(map(_SECRET_KEY.fullmatch, keys))


def _fault(code: str, message: str, got: str, where: str, package: str | None) -> LockSchemaError:
    return LockSchemaError(
        message,
        code=code,
        where=where,
        package=package,
        expected="https:, http:, file: or a path relative to the lock, written plainly",
        got=got,
    )
