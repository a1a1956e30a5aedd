"""The verb ``bundle`` of the command line, and the options that name further sources of wheels.

Rules this file keeps: those of :mod:`micropip_lock.cli_verbs`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from micropip_lock import api
from micropip_lock.app.bundle import LOCK_NAME
from micropip_lock.cli_policy import policy_of
from micropip_lock.cli_text import printable
from micropip_lock.cli_verbs import Looks, Outcome, shown_progress
from micropip_lock.errors import UsageError
from micropip_lock.load import load_lock


def add_source_options(parser: ArgumentParser) -> None:
    """Give a verb that fetches wheels the options that name other sources."""
    group = parser.add_argument_group("sources: where to ask when a wheel's own address does not give it")
    group.add_argument(
        "--mirror",
        action="append",
        default=[],
        dest="mirrors",
        metavar="URL|PREFIX=URL",
        help="ask here next; may be repeated",
    )
    group.add_argument("--bundle", metavar="DIR|URL", help="ask last: what the verb bundle wrote")


async def bundle(options: Namespace, looks: Looks) -> Outcome:
    """Write every wheel of a lock into a directory, with a lock beside them."""
    directory: Path = options.output
    if directory.exists() and not directory.is_dir():
        raise UsageError(
            "-o names no directory", where=str(directory), expected="a directory, or a name that is free", hint="-o DIR"
        )
    policy = policy_of(options)
    lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy)
    more = {} if options.concurrency is None else {"concurrency": options.concurrency}
    with shown_progress(looks, lock) as progress:
        done = await api.bundle(
            lock,
            directory,
            progress=progress,
            policy=policy,
            mirrors=options.mirrors,
            bundle=options.bundle,
            store=options.store,
            start=options.start,
            imports=options.imports,
            pyodide=options.pyodide if options.start else None,
            **more,
        )
    return Outcome(
        facts={"output": str(directory), "lock": LOCK_NAME, "bundle": done.to_json()},
        people=(*(f"note: {printable(note)}" for note in done.notes), f"wrote {printable(str(done))}"),
    )
