"""The verb ``store`` of the command line: ``ls``, ``verify`` and ``gc``.

Rules this file keeps: those of :mod:`micropip_lock.cli_verbs`.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Final

from micropip_lock import store as wheel_store
from micropip_lock.app.store import used_at
from micropip_lock.cli_policy import policy_of
from micropip_lock.cli_text import Column, View, human_size, printable, table
from micropip_lock.cli_verbs import DIFFERS, FAILED, OK, Looks, Outcome
from micropip_lock.errors import UsageError
from micropip_lock.load import load_lock
from micropip_lock.ports import StoredWheel

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_SIZE: Final = re.compile(r"([0-9]{1,12})\s*([kmg]?)b?", re.IGNORECASE)
_DAY: Final = 86_400.0


def add_store_options(parser: ArgumentParser) -> None:
    """Give the verb its actions and options."""
    parser.add_argument(
        "action",
        choices=("ls", "verify", "gc"),
        help="list what is kept; hash all of it anew; let go of what was not used for 90 days",
    )
    group = parser.add_argument_group("of gc: what goes and what stays")
    group.add_argument("--older-than", type=_days, metavar="DAYS", help="wheels that were not used for longer go")
    group.add_argument("--max-size", type=_bytes, metavar="SIZE", help="the oldest go until this is left, e.g. 500MB")
    group.add_argument(
        "--keep",
        action="append",
        metavar="LOCK",
        help="the wheels of this lock stay, and without another rule no others; may be repeated",
    )
    group.add_argument("--dry-run", action="store_true", help="only say what would go")


async def store(options: Namespace, looks: Looks) -> Outcome:
    """Look after the store of wheels that were fetched once."""
    rules = (options.older_than, options.max_size, options.keep)
    if options.action != "gc" and (any(rule is not None for rule in rules) or options.dry_run):
        raise UsageError(f"store {options.action} takes no rules", hint="rules are for: store gc")
    if options.action == "gc":
        return await _gc(options, looks)
    return await (_ls(looks) if options.action == "ls" else _verify(looks))


async def _ls(looks: Looks) -> Outcome:
    found = await wheel_store.ls()
    count = f"{len(found.wheels)} wheel{'' if len(found.wheels) == 1 else 's'}"
    return Outcome(
        facts={"action": "ls", **found.to_json()},
        data=_text(_lines(found.wheels, looks.data)),
        people=(f"{count}, {human_size(found.size)} in {printable(found.location)}",),
    )


async def _verify(looks: Looks) -> Outcome:
    found = await wheel_store.verify()
    lines = [looks.data.paint("damaged", "red") + f": {_named(one)}" for one in found.damaged]
    verdict = f"{found.intact} intact, {len(found.damaged)} damaged"
    hint = ["what is damaged is fetched again when a replay wants it"] if found.damaged else []
    return Outcome(
        exit_code=OK if found.ok else DIFFERS,
        facts={"action": "verify", **found.to_json()},
        data=_text([*lines, looks.data.paint(verdict, "green" if found.ok else "red")]),
        people=tuple(hint),
    )


async def _gc(options: Namespace, looks: Looks) -> Outcome:
    policy = policy_of(options)
    keep = options.keep and [await load_lock(one, pyodide=options.pyodide, policy=policy) for one in options.keep]
    gone = await wheel_store.gc(max_age=options.older_than, max_size=options.max_size, keep=keep, trial=options.dry_run)
    done = "would go" if gone.is_trial else "went"
    stuck = tuple(f"could not be removed: {_named(one)}" for one in gone.stuck)
    return Outcome(
        exit_code=FAILED if stuck else OK,
        facts={"action": "gc", **gone.to_json()},
        data=_text(_lines(gone.removed, looks.data)),
        people=(f"{len(gone.removed)} {done}, {gone.left} stay; {human_size(gone.freed)} freed",),
        errors=stuck,
    )


def _lines(wheels: tuple[StoredWheel, ...], view: View) -> list[str]:
    head = (
        Column(title="wheel", shrinks=True),
        Column(title="size", right=True),
        Column(title="beside it", right=True),
        Column(title="last used"),
        Column(title="sha256"),
    )
    rows = [
        (one.title, human_size(one.size), human_size(one.extra_size or None), used_at(one)[:10], one.digest.hex)
        for one in sorted(wheels, key=lambda one: (one.title, one.digest))
    ]
    return table(head, rows, view) if rows else []


def _named(one: StoredWheel) -> str:
    return printable(f"{one.title} {one.digest.hex}".strip())


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _days(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ArgumentTypeError(f"expected a number of days, got {text!r}")
    return int(text) * _DAY


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text) if text.isascii() else None
    if match is None:
        raise ArgumentTypeError(f"expected a size such as 500MB or 2G, got {text!r}")
    return int(match[1]) * _UNITS[match[2].lower()]
