"""Hosts and indexes as addresses name them: in one spelling, and whether they are this machine or a private network.

Rules this file keeps:

1. Nothing is looked up: a host is judged as it is written. A name that resolves to a private address is a name.
2. What is not plainly loopback is not: a spelling that only browsers read as an address of this machine (``0x7f.1``)
   counts as a host of the net.

Left to others: which hosts may be asked (:mod:`micropip_lock.core.policy`).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin, urlsplit

from micropip_lock.core.redact import public_url

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a web address leads.

    Attributes:
        scheme: ``https`` or ``http`` (or another one: then it is no web address).
        host: In lower case, without brackets; ``""`` when there is none.
        port: As written, else the scheme's own.
    """

    scheme: str
    host: str
    port: int | None

    @property
    def names(self) -> frozenset[str]:
        """The two ways to list it: the host, for any port, and the host with its port."""
        return frozenset({shown_host(self.host), f"{shown_host(self.host)}:{self.port}"})


def place_of(url: str, base: str | None = None) -> Place | None:
    """Where an address leads that may be relative to another one, or ``None`` when it is none."""
    try:
        parts = urlsplit(urljoin(base or "", url))
        port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
        return Place(scheme=parts.scheme, host=parts.hostname or "", port=port)
    except ValueError:
        return None


def listed_host(text: str) -> str | None:
    """An entry of a list of hosts in its one spelling (``host`` or ``host:port``), or ``None`` when it is no host."""
    if not text.isascii() or any(character in text for character in "/\\?#@%*") or any(map(str.isspace, text)):
        return None
    place = place_of(f"//{text}")
    if place is None or not place.host or text.endswith(":"):
        return None
    return shown_host(place.host) + ("" if place.port is None else f":{place.port}")


def shown_host(host: str) -> str:
    """A host as addresses spell it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a host, as written, is this machine."""
    # A dot at the end says that the name is complete; it is the same name.
    if f".{host.removesuffix('.')}".endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def is_private(host: str) -> bool:
    """Whether a host, as written, is this machine or a private address."""
    if is_loopback(host):
        return True
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return False


def index_form(url: str) -> str:
    """An index's address in one spelling, to compare two: no credentials, placeholder, slash at the end, own port."""
    public = public_url(url.partition("{package_name}")[0]).rstrip("/")
    place = place_of(public)
    if place is None or not place.host:
        return public
    port = "" if place.port == _PORTS.get(place.scheme) else f":{place.port}"
    return f"{place.scheme}://{shown_host(place.host)}{port}{urlsplit(public).path.rstrip('/')}"
