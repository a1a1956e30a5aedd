"""The fields of a policy: hosts, pins and numbers in their one spelling, or the error that says what they should be.

Left to others: what they mean (:mod:`micropip_lock.core.policy`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from micropip_lock.core.address import address_fault
from micropip_lock.core.hosts import index_form, listed_host, place_of
from micropip_lock.core.redact import public_url
from micropip_lock.core.shown import shown
from micropip_lock.errors import UsageError

MIB: Final = 2**20

RUNTIME: Final = "pyodide"
"""What a pin says for a package that only the runtime's own distribution may bring."""

# PEP 508, "Names"; a prefix ends in "*".
_PATTERN: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?|(?:[A-Z0-9][A-Z0-9._-]*)?\*", re.IGNORECASE | re.ASCII)


def bad_policy(where: str, expected: str, got: object) -> UsageError:
    """The error for a policy that is none."""
    return UsageError(
        "the policy cannot be read",
        code="bad-policy",
        where=where or None,
        expected=expected,
        got=shown(got),
        hint="see micropip_lock.Policy for its fields",
    )


def read_number(where: str, given: object) -> int:
    """A whole number, at least 0.

    Raises:
        UsageError: code ``bad-policy``.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise bad_policy(where, "a whole number, at least 0", given)
    return given


def read_flag(where: str, given: object) -> bool:
    """True or false.

    Raises:
        UsageError: code ``bad-policy``.
    """
    if not isinstance(given, bool):
        raise bad_policy(where, "true or false", given)
    return given


def read_hosts(where: str, given: object) -> tuple[str, ...]:
    """Hosts, each once, sorted.

    Raises:
        UsageError: code ``bad-policy``.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise bad_policy(where, "a list of hosts", given)
    found = set()
    for one in given:
        host = listed_host(one) if isinstance(one, str) else None
        if host is None:
            raise bad_policy(where, "hosts like files.example or files.example:8443", one)
        found.add(host)
    return tuple(sorted(found))


def read_pins(where: str, given: object) -> dict[str, str]:
    """Indexes by normalised name or prefix, sorted.

    Raises:
        UsageError: code ``bad-policy``.
    """
    if not isinstance(given, Mapping):
        raise bad_policy(where, "a table: name or prefix* to index URL", given)
    pins: dict[str, str] = {}
    for key, url in given.items():
        if not isinstance(key, str) or not _PATTERN.fullmatch(key):
            raise bad_policy(where, "a name (acme-core) or a prefix (acme-*)", key)
        name = re.sub(r"[-_.]+", "-", key).lower()
        if not isinstance(url, str) or (url != RUNTIME and not _is_index(url)):
            got = public_url(url) if isinstance(url, str) else url
            raise bad_policy(
                f"{where}.{name}", f"the https: address of an index without credentials, or {RUNTIME}", got
            )
        form = url if url == RUNTIME else index_form(url)
        if pins.setdefault(name, form) != form:
            raise bad_policy(f"{where}.{name}", "one index", f"{pins[name]} and {form}")
    return dict(sorted(pins.items()))


def _is_index(url: str) -> bool:
    base = url.partition("{package_name}")[0]
    place = place_of(base)
    return place is not None and place.scheme in ("https", "http") and address_fault(base, where="") is None


def mib(count: int) -> str:
    """Bytes for people: ``100 MiB`` when they are whole, else bytes."""
    return f"{count // MIB:,} MiB" if count and count % MIB == 0 else f"{count:,} bytes"
