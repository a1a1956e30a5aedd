"""A policy as a table (TOML, JSON, JupyterLite's settings) and in words.

Rules this file keeps:

1. Keys are the fields' names with hyphens; a key that there is not is refused, because a misspelt rule protects nobody.
2. ``read_policy(policy_to_dict(policy)) == policy``.

Left to others: what the values may be (:mod:`micropip_lock.core.policy`), files (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from micropip_lock.core.policy import Policy
from micropip_lock.core.policy_fields import RUNTIME, bad_policy, mib

KEYS: Final[Mapping[str, str]] = {field.name.replace("_", "-"): field.name for field in fields(Policy)}
"""Field by key."""


def read_policy(table: Mapping[str, Any]) -> Policy:
    """The policy that a table says; absent keys are the default's.

    Raises:
        UsageError: code ``bad-policy``.
    """
    if not isinstance(table, Mapping):
        raise bad_policy("", "a table", table)
    for key in table:
        if key not in KEYS:
            raise bad_policy(str(key)[:60], ", ".join(KEYS), key)
    return Policy(**{KEYS[key]: value for key, value in table.items()})


def policy_to_dict(policy: Policy) -> dict[str, Any]:
    """Every key but an absent list of hosts, as JSON has it."""
    table: dict[str, Any] = {}
    for key, name in KEYS.items():
        value = getattr(policy, name)
        if isinstance(value, tuple):
            table[key] = list(value)
        elif isinstance(value, Mapping):
            table[key] = dict(value)
        elif value is not None:
            table[key] = value
    return table


def described(policy: Policy) -> tuple[str, ...]:
    """The policy in words, one rule a line."""
    return tuple(_lines(policy))


def _lines(policy: Policy) -> Iterator[str]:
    if policy.allow_hosts is None:
        yield (
            "Files come over https: from any host; "
            + ("any number of hosts is agreed to." if policy.consent else f"more than {policy.max_hosts} need consent.")
        )
    else:
        yield f"Files and locks come over https: from these hosts only: {', '.join(policy.allow_hosts) or 'none'}."
    yield "http: is for this machine" + (
        f" and these hosts: {', '.join(policy.allow_insecure_hosts)}." if policy.allow_insecure_hosts else " only."
    )
    yield "Files of this machine are for locks that are files of this machine; no other kind of address is fetched."
    yield (
        f"At most {policy.max_redirects} redirects: never from https: to http:, never from a public address to a "
        "private one, to other hosts only where those are allowed."
    )
    yield (
        f"At most {mib(policy.max_wheel_bytes)} for a wheel, "
        f"{mib(policy.max_download_bytes)} for a replay; "
        + ("large downloads are agreed to." if policy.consent else f"above {mib(policy.ask_above_bytes)} with consent.")
    )
    for name, index in policy.index_pins.items():
        yield f"{name} comes from {'the runtime' if index == RUNTIME else index} only."
