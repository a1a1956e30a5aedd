"""Where in an address a lock link is: ``#lock=…`` or ``#lock-url=…;sha256=…``, among other parameters or alone.

Rules this file keeps:

1. Only the fragment counts: a lock in the query would be sent to the server, and is refused.
2. One lock at a time; what else is in the fragment belongs to the page, and is left alone.
3. What a mail program encoded is decoded once, and no more.

Left to others: what the link holds (:mod:`micropip_lock.core.link`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from micropip_lock.core.address import address_fault
from micropip_lock.core.digest import Digest
from micropip_lock.core.shown import shown
from micropip_lock.errors import InputError, LinkError

PARAMETER: Final = "lock"
REFERENCE: Final = "lock-url"

MAX_LINK: Final = 64 * 1024
"""Characters of a link, before any of it is decoded."""

_HASH: Final = re.compile(r"(.*);sha256=([0-9a-fA-F]{64})", re.DOTALL)
_BODY: Final = re.compile(r"[0-9]+\.[A-Za-z0-9_%-]{20}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_KERNEL_SCRIPTS: Final = "/extensions/@jupyterlite/pyodide-kernel-extension/static/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A link that says where a lock lies.

    Attributes:
        url: Address of the lock's text.
        digest: SHA-256 of the text's bytes.
    """

    url: str
    digest: Digest


def is_link(text: str) -> bool:
    """Whether a text means to be a lock link: an address or a fragment with one of our parameters."""
    before, _, fragment = text.partition("#")
    if before and not _SCHEME.match(before):
        # A file may be called anything.
        return False
    if _found(fragment):
        return True
    # A server may have a parameter of that name; what a link looks like was meant to be one.
    return any(name == REFERENCE or _BODY.match(value) for name, value in _found(before.partition("?")[2]))


def linked_in(text: str) -> str | Reference:
    """The link in an address or a fragment, or what stands behind ``lock=``.

    Raises:
        LinkError: codes ``too-long``, ``no-link``, ``in-query``, ``ambiguous``, ``encoding``, ``no-hash``.
    """
    if len(text) > MAX_LINK + 2048:
        raise _too_long(len(text))
    before, mark, fragment = text.strip().partition("#")
    if not mark:
        query = before.partition("?")[2]
        if _found(query):
            raise LinkError(
                "the lock is in the query of the address, where every server on the way reads it",
                code="in-query",
                expected=f"#{PARAMETER}=…",
                got=f"?{PARAMETER}=…",
                hint="put # in place of ?",
            )
        fragment = before
    elif _found(before.partition("?")[2]):
        raise LinkError("a lock in the query of the address", code="in-query", expected=f"#{PARAMETER}=…")
    found = _found(fragment)
    if not found:
        if mark or any(one in fragment for one in "=:/"):
            raise _no_link()
        found = [(PARAMETER, fragment)]
    if len(found) > 1:
        raise LinkError("there are two locks in the address", code="ambiguous", expected="one", got=f"{len(found)}")
    [(name, value)] = found
    if len(value) > MAX_LINK:
        raise _too_long(len(value))
    value = _decoded(value)
    return value if name == PARAMETER else reference(value)


def reference(text: str) -> Reference:
    """The address of a lock and its digest, from what stands behind ``lock-url=``.

    Raises:
        LinkError: codes ``no-hash``, ``scheme``, ``url``, ``credentials``, ``filename``.
    """
    match = _HASH.fullmatch(text)
    if match is None:
        raise LinkError(
            "the link names a lock without its digest",
            code="no-hash",
            expected="…;sha256= and 64 hexadecimal characters",
            got=shown(text[-80:]),
            hint="without it, whoever has the server decides what is installed",
        )
    check_reference(match[1])
    return Reference(url=match[1], digest=Digest.from_hex(match[2]))


def check_reference(url: str) -> None:
    """Refuse an address that no link may have.

    Raises:
        LinkError: codes ``scheme``, ``url``, ``credentials``, ``filename``.
    """
    fault = address_fault(url, where=REFERENCE)
    if fault is None and re.match("file:", url, re.IGNORECASE):
        fault = LinkError("a link that names a file of one machine", code="scheme", where=REFERENCE, got="file:")
    if fault is None and any(mark in url for mark in ";&#"):
        fault = LinkError("an address that a fragment cannot hold", code="url", where=REFERENCE, got=shown(url))
    if isinstance(fault, InputError):
        raise LinkError(
            fault.message, code=fault.code, where=fault.where, expected=fault.expected, got=fault.got, hint=fault.hint
        )


def page_of(url: str) -> str | None:
    """The page that a link is of, without its fragment, where it is one of the web."""
    page = url.strip().partition("#")[0]
    is_right = re.match("https?:", page, re.IGNORECASE) and address_fault(page, where="page") is None
    return page if is_right else None


def with_fragment(page: str, fragment: str) -> str:
    """An address with a link in its fragment; what was a lock there before is replaced, other parameters stay.

    Args:
        page: An address, or ``""``.
        fragment: ``#lock=…``.
    """
    address, _, kept = page.partition("#")
    others = [one for one in kept.split("&") if one and one.partition("=")[0] not in (PARAMETER, REFERENCE)]
    return address + "#" + "&".join([fragment.removeprefix("#"), *others])


def _found(parameters: str) -> list[tuple[str, str]]:
    pairs = [one.partition("=") for one in parameters.split("&")]
    return [(name, value) for name, mark, value in pairs if mark and name in (PARAMETER, REFERENCE)]


def _decoded(value: str) -> str:
    if "%" not in value:
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise LinkError("an encoded character that is none", code="encoding", got=str(error)) from error


def _too_long(got: int) -> LinkError:
    return LinkError("the link is too long", code="too-long", expected=f"at most {MAX_LINK} characters", got=f"{got}")


def _no_link() -> LinkError:
    return LinkError("there is no lock link in the address", code="no-link", expected=f"#{PARAMETER}=…")


def lab_of(script: str | None) -> str:
    """JupyterLab of the JupyterLite site whose kernel runs this script as its worker; ``""`` for any other script."""
    root, found, _ = (script or "").partition(_KERNEL_SCRIPTS)
    return f"{root}/lab/index.html" if found else ""
