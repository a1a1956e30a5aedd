r"""Addresses and requirements without what nobody else may read, so that they can be written down.

Rules this file keeps:

1. User information, query and fragment go, whatever the text is: a browser reads more spellings as an address with a
   password than RFC 3986 does (``https:\\user:password@host``), and a mistyped one still holds the password.
2. What is not secret stays as it is: ``@`` in a path, ``${VARIABLES}`` (PEP 610), relative paths.

Left to others: which addresses are acceptable (:mod:`micropip_lock.core.address`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from packaging.requirements import InvalidRequirement

from micropip_lock.core.specifiers import parse_requirement

# PEP 610: user information may be kept when it is environment variables only.
_ENV_USERINFO: Final = re.compile(r"\$\{[A-Za-z0-9_-]+\}(:\$\{[A-Za-z0-9_-]+\})?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WEB: Final = re.compile(r"(?:[a-z0-9+.-]*\+)?(?:https?|wss?|ftp):")
_AUTHORITY: Final = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")
_EMBEDDED: Final = re.compile(r"(?<=://)[^/\\]*@")
_CONTROL_OR_SPACE: Final = "".join(map(chr, range(33)))
# What has none of the marks of an address; the shape of nearly every requirement.
_NO_ADDRESS: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._,<>=!~*+\[\] -]*[A-Za-z0-9*\]])?")
_TWO_SLASHES: Final = re.compile(r"[/\\]{2}")


@lru_cache(maxsize=4096)
def public_url(url: str) -> str:
    """``url`` without user information, query and fragment, so that it can be written down.

    User information made of environment variables only (``${USER}:${TOKEN}``, PEP 610) is kept: it is no secret.
    """
    # What is left of a mistyped address may read as another one with a password: until nothing changes.
    while (public := _once(url)) != url:
        url = public
    return url


def _once(url: str) -> str:
    # URL Standard, "basic URL parser": what is stripped first, and where the authority of a web address begins and
    # ends. Any number of slashes or backslashes does, so reading by RFC 3986 alone would let a password through.
    text = url.strip(_CONTROL_OR_SPACE).translate({9: None, 10: None, 13: None})
    found = _SCHEME.match(text)
    scheme = found[0].lower() if found else ""
    rest = text[len(scheme) :]
    after = rest.lstrip("/\\") if _WEB.fullmatch(scheme) else rest[2:] if _TWO_SLASHES.match(rest) else rest
    slashes, rest = rest[: len(rest) - len(after)], after
    if not slashes and not _WEB.fullmatch(scheme):
        return scheme + _EMBEDDED.sub(_kept_userinfo, _without_first_userinfo(rest, bool(scheme)))
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    if "@" not in authority and "@" in rest and not _AUTHORITY.fullmatch(authority):
        # Not a host: a password with a "/", "?" or "#" in it. Nobody can fetch that; nobody shall read it either.
        authority = rest[: rest.rindex("@") + 1] + re.split(r"[/\\?#]", rest[rest.rindex("@") + 1 :])[0]
    path = re.split(r"[?#]", rest[len(authority) :])[0].rstrip(_CONTROL_OR_SPACE)
    if not path:
        authority = authority.rstrip(_CONTROL_OR_SPACE)
    userinfo, at, host = authority.rpartition("@")
    kept = at and _ENV_USERINFO.fullmatch(userinfo)
    return scheme + slashes + (authority if kept else host) + _EMBEDDED.sub(_kept_userinfo, _without_dots(path))


def _without_first_userinfo(rest: str, has_scheme: bool) -> str:
    rest = re.split(r"[?#]", rest)[0].rstrip(_CONTROL_OR_SPACE)
    first = re.split(r"[/\\]", rest)[0]
    userinfo, at, _host = first.rpartition("@")
    secret = at and "://" not in rest[: len(first) + 2] and (has_scheme or ":" in userinfo)
    return rest[len(userinfo) + 1 :] if secret and not _ENV_USERINFO.fullmatch(userinfo) else rest


def _kept_userinfo(found: re.Match[str]) -> str:
    """For an address within an address (``https://proxy/https://user:password@host/``)."""
    return found[0] if _ENV_USERINFO.fullmatch(found[0].removesuffix("@")) else ""


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4, on an absolute path."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == ".." and len(kept) > 1:
            kept.pop()
        elif segment not in (".", ".."):
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


def public_requirement(requirement: str) -> str:
    """A requirement with the credentials of a direct reference (``name @ URL``) or of a bare URL taken out."""
    if _NO_ADDRESS.fullmatch(requirement):
        return requirement
    try:
        parsed = parse_requirement(requirement)
    except InvalidRequirement:
        return public_url(requirement)
    if parsed.url:
        parsed.url = public_url(parsed.url)
        return str(parsed)
    return requirement
