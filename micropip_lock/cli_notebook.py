"""The verbs ``embed`` and ``extract`` of the command line: a lock into a notebook, and out of it.

Rules this file keeps: those of :mod:`micropip_lock.cli_verbs`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from micropip_lock import api
from micropip_lock.cli_policy import policy_of
from micropip_lock.cli_text import printable
from micropip_lock.cli_verbs import Looks, Outcome, check_output, needs_file
from micropip_lock.errors import UsageError
from micropip_lock.load import load_lock
from micropip_lock.notebook import save_in
from micropip_lock.render import lock_lines, note_lines


def add_embed_options(parser: ArgumentParser, lock: str) -> None:
    """The options of ``embed``."""
    parser.add_argument("lock", metavar="LOCK", help=lock)
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="an .ipynb; only the lock in it changes")


def add_extract_options(parser: ArgumentParser) -> None:
    """The options of ``extract``."""
    parser.add_argument("notebook", metavar="NOTEBOOK", help="the path or the URL of an .ipynb, or - for its text")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the lock there instead of to standard output")


async def embed(options: Namespace, looks: Looks) -> Outcome:
    """Put a lock into a notebook's metadata."""
    lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy_of(options))
    saved = await save_in(lock, options.notebook)
    return Outcome(
        facts={"id": lock.id, "notebook": saved.path, "wheels": list(saved.wheels)},
        people=(*note_lines(lock, looks.people), f"wrote {printable(str(saved))}"),
    )


async def extract(options: Namespace, looks: Looks) -> Outcome:
    """Take the lock out of a notebook, which stays as it is."""
    if not (options.notebook == "-" or options.notebook.lower().split("?")[0].endswith(".ipynb")):
        raise UsageError(
            "not a notebook", expected="the path or the URL of an .ipynb, or -", got=repr(options.notebook)
        )
    output = None if options.output in (None, "-") else Path(options.output)
    if output is not None:
        check_output(output)
    lock = await load_lock(options.notebook, pyodide=options.pyodide, policy=policy_of(options))
    saved = None if output is None else await api.save(lock, output)
    needs_file(lock, saved)
    return Outcome(
        facts={
            "id": lock.id,
            "output": None if output is None else str(output),
            "wheels": [] if saved is None else list(saved.wheels),
            "lock": lock.to_dict(),
        },
        data=lock.to_json() if output is None else "",
        people=() if output is None else tuple(lock_lines(lock, looks.people)),
    )
