"""The verbs ``why``, ``tree`` and ``upgrade`` of the command line.

Rules this file keeps: those of :mod:`micropip_lock.cli_verbs`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from micropip_lock import api
from micropip_lock.cli_bundle import add_source_options
from micropip_lock.cli_policy import policy_of
from micropip_lock.cli_text import printable
from micropip_lock.cli_verbs import Looks, Outcome, check_output, needs_file, shown_progress
from micropip_lock.core import needed
from micropip_lock.core.compare import diff
from micropip_lock.core.upgrading import held_back
from micropip_lock.load import load_lock
from micropip_lock.render import diff_lines
from micropip_lock.upgrading import upgrade as _upgrade


def add_why_options(parser: ArgumentParser, lock: str) -> None:
    """The options of ``why``."""
    parser.add_argument("lock", metavar="LOCK", help=lock)
    parser.add_argument("name", metavar="NAME", help="a package of the lock")


def add_tree_options(parser: ArgumentParser, lock: str) -> None:
    """The options of ``tree``."""
    parser.add_argument("lock", metavar="LOCK", help=lock)


def add_upgrade_options(parser: ArgumentParser, lock: str) -> None:
    """The options of ``upgrade``."""
    parser.add_argument("lock", metavar="LOCK", help=lock)
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="a package of the lock; 'rich>=14' for another requirement"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the new lock there (an .ipynb keeps it) instead of to stdout"
    )
    parser.add_argument("--pre", action="store_true", help="take pre-releases too")
    add_source_options(parser)


async def why(options: Namespace, looks: Looks) -> Outcome:  # noqa: ARG001  # every verb is told how to look
    """Say why a package is in a lock."""
    lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy_of(options))
    found = needed.why(lock, options.name)
    return Outcome(facts={"id": lock.id, "why": found.to_json()}, data=_text(found.lines()))


async def tree(options: Namespace, looks: Looks) -> Outcome:  # noqa: ARG001
    """Draw a lock as a tree of needs."""
    lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy_of(options))
    found = needed.tree(lock)
    return Outcome(facts={"id": lock.id, "tree": found.to_json()}, data=_text(found.lines()))


async def upgrade(options: Namespace, looks: Looks) -> Outcome:
    """Move one package of a lock, or several, and what that forces."""
    output = None if options.output in (None, "-") else Path(options.output)
    if output is not None:
        check_output(output)
    policy = policy_of(options)
    old = await load_lock(options.lock, pyodide=options.pyodide, policy=policy)
    with shown_progress(looks, old) as progress:
        new = await _upgrade(
            old,
            *options.names,
            index_urls=tuple(options.index_urls),
            pre=options.pre,
            pyodide=options.pyodide,
            progress=progress,
            policy=policy,
            mirrors=options.mirrors,
            bundle=options.bundle,
        )
    found = diff(old, new)
    saved = None if output is None else await api.save(new, output)
    needs_file(new, saved)
    return Outcome(
        facts={
            "id": new.id,
            "output": None if output is None else str(output),
            "wheels": [] if saved is None else list(saved.wheels),
            "diff": found.to_json(),
            "lock": new.to_dict(),
        },
        data=new.to_json() if output is None else "",
        people=(
            *diff_lines(found, looks.people),
            *(printable(one) for one in held_back(old, new, options.names)),
            *([f"wrote {printable(str(saved))}"] if saved is not None else []),
        ),
    )


def _text(lines: list[str]) -> str:
    return "".join(f"{printable(line)}\n" for line in lines)
