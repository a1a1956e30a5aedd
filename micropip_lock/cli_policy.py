"""The policy of the command line: ``--policy FILE`` and the options that add to it.

Rules this file keeps:

1. Hosts of options are added to those of the file; a pin of an option stands in place of the file's for that name.
2. A file is TOML or JSON, a table of :meth:`~micropip_lock.core.policy.Policy.from_dict`; nothing is read unasked.

Left to others: what the keys mean (:mod:`micropip_lock.core.policy`).
"""

from __future__ import annotations

import json
import tomllib
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Final

from micropip_lock.core.policy import Policy
from micropip_lock.errors import UsageError

MAX_POLICY_BYTES: Final = 2**20


def add_policy_options(parser: ArgumentParser) -> None:
    """Give a verb the options of the policy."""
    group = parser.add_argument_group("policy: what is allowed")
    group.add_argument("--policy", type=Path, metavar="FILE", help="a table of rules, TOML or JSON")
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        dest="allow_hosts",
        metavar="HOST",
        help="take files from these hosts only; may be repeated",
    )
    group.add_argument(
        "--allow-insecure-host",
        action="append",
        default=[],
        dest="allow_insecure_hosts",
        metavar="HOST",
        help="this host may be asked over http:; may be repeated",
    )
    group.add_argument(
        "--index-pin",
        action="append",
        default=[],
        dest="index_pins",
        metavar="NAME=URL",
        help="take NAME (or PREFIX*) from this index only; may be repeated",
    )
    group.add_argument("--yes", action="store_true", dest="consent", help="consent to many hosts and large downloads")


def policy_of(options: Namespace) -> Policy:
    """The policy that the options say.

    Raises:
        UsageError: code ``bad-policy``.
    """
    table = {} if options.policy is None else _table(options.policy)
    said = Policy.from_dict(table)
    if options.allow_hosts:
        table["allow-hosts"] = [*(said.allow_hosts or ()), *options.allow_hosts]
    table["allow-insecure-hosts"] = [*said.allow_insecure_hosts, *options.allow_insecure_hosts]
    table["consent"] = said.consent or options.consent
    return Policy.from_dict(
        {**table, "index-pins": {**said.index_pins, **Policy(index_pins=_pins(options)).index_pins}}
    )


def _pins(options: Namespace) -> dict[str, str]:
    pins: dict[str, str] = {}
    for text in options.index_pins:
        name, equals, url = text.partition("=")
        if not equals or pins.setdefault(name, url) != url:
            raise UsageError(
                "--index-pin is not understood",
                code="bad-policy",
                expected="NAME=URL, once for each name",
                got=name,
                hint="for instance --index-pin 'acme-*=https://index.example/simple'",
            )
    return pins


def _table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POLICY_BYTES + 1)
        if len(data) > MAX_POLICY_BYTES:
            raise ValueError(f"more than {MAX_POLICY_BYTES} bytes")
        text = data.decode("utf-8-sig")
        table = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        # A parse error of either format is a ValueError, and so is text that is not UTF-8.
        raise UsageError(
            "the policy cannot be read",
            code="bad-policy",
            where=repr(str(path)),
            expected="a table in TOML or JSON",
            got=getattr(error, "strerror", None) or str(error),
        ) from error
    return dict(table)
