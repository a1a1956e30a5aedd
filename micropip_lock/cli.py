"""The command ``micropip-lock``: options in; streams and an exit code out.

Rules this file keeps:

1. Exit code 0: done. 1: checked, and it differs. 2: wrong usage, or it could not be done. 130: interrupted.
2. Data goes to standard output, what people read to standard error; progress only to a terminal.
3. With ``--json``, standard output holds one JSON object with ``schema`` and ``ok``, whatever happens; a failure is its
   ``error``.  It is ASCII, so nothing in it can act on a terminal.
4. Every error of the program is told by its code; anything else is a bug and says so (code ``internal``).

Left to others: what a verb does (:mod:`micropip_lock.cli_verbs`), looks (:mod:`micropip_lock.render`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

from micropip_lock.app.replay import ReplayReport
from micropip_lock.cli_bundle import add_source_options, bundle
from micropip_lock.cli_graph import add_tree_options, add_upgrade_options, add_why_options, tree, upgrade, why
from micropip_lock.cli_link import add_link_options, open_, share
from micropip_lock.cli_notebook import add_embed_options, add_extract_options, embed, extract
from micropip_lock.cli_policy import add_policy_options
from micropip_lock.cli_script import add_script_options
from micropip_lock.cli_stdlib import add_stdlib_options
from micropip_lock.cli_store import add_store_options, store
from micropip_lock.cli_text import ColorMode, View, printable, wants_colour
from micropip_lock.cli_verbs import FAILED, OK, Looks, Outcome, Verb, failure_lines
from micropip_lock.cli_verbs import VERBS as _VERBS
from micropip_lock.errors import MicropipLockError, OutcomeError, UsageError
from micropip_lock.render import error_text

PROGRAM: Final = "micropip-lock"
INTERRUPTED: Final = 130
VERBS: Final[Mapping[str, Verb]] = {
    **_VERBS,
    "bundle": bundle,
    "embed": embed,
    "extract": extract,
    "open": open_,
    "share": share,
    "store": store,
    "tree": tree,
    "upgrade": upgrade,
    "why": why,
}
LOCK: Final = "a path, a URL, a lock link, or - for standard input: pyodide-lock.json, pylock.toml, .ipynb with a lock"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; those of the process when not given.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    _open_streams()
    try:
        code = _main(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output (`| head`) has gone; without this, Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        # A full disk behind a redirection: the output is not whole, and exit code 1 would say "it differs".
        with contextlib.suppress(OSError):
            sys.stderr.write(f"storage: the output cannot be written\n  got {error.strerror or error}\n")
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return FAILED
    except SystemExit as leaving:
        # argparse leaves this way after --help and --version.
        return leaving.code if isinstance(leaving.code, int) else OK


def _open_streams() -> None:
    """A stream that was closed before we began (``>&-``) is ``None`` in Python; an empty one takes its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # it lives as long as we do


def _main(arguments: Sequence[str]) -> int:
    verb = next((one for one in arguments if one in VERBS), "cli")
    as_json = "--json" in arguments
    looks = Looks(people=_view(sys.stderr, _early_colour(arguments)))
    try:
        options = parser().parse_args(arguments)
        looks = _looks(options)
        return _run(options, looks)
    except MicropipLockError as error:
        _tell_failure(error, verb, looks, as_json=as_json)
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        _tell_failure(OutcomeError("stopped by the user", code="interrupted"), verb, looks, as_json=as_json)
        return INTERRUPTED
    except Exception as bug:  # a bug too is told with a code and an exit code, in JSON too
        if isinstance(bug, OSError) and bug.filename is None:
            # Our own streams; files, which have names, are told by what reads and writes them.
            raise
        if _is_verbose(arguments):
            sys.stderr.write(printable(traceback.format_exc(), lines=True))
        told = OutcomeError(
            f"{type(bug).__name__}: {bug}",
            code="internal",
            hint="this is a bug in micropip-lock; please report it with the output of -v",
        )
        _tell_failure(told, verb, looks, as_json=as_json)
        return FAILED


def _run(options: argparse.Namespace, looks: Looks) -> int:
    if not options.quiet:
        # Before the work: what was ignored may be why it fails.
        sys.stderr.writelines(f"{line}\n" for line in _notes(options))
    outcome = asyncio.run(_awaited(options, looks))
    people = [] if options.quiet else outcome.people
    sys.stderr.writelines(f"{line}\n" for line in (*people, *outcome.errors))
    if options.json:
        _write_json(options.verb, ok=outcome.exit_code == OK, facts=outcome.facts)
    else:
        _write_data(outcome.data)
    return outcome.exit_code


async def _awaited(options: argparse.Namespace, looks: Looks) -> Outcome:
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        # As Ctrl-C: what is under way is undone, and the embedded runtime ends with us.
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await VERBS[options.verb](options, looks)


def _notes(options: argparse.Namespace) -> list[str]:
    """Options that every verb takes, and this one has no use for."""
    used = {
        "--index-url": options.verb in ("freeze", "upgrade"),
        "--yes": options.verb in ("bundle", "replay", "upgrade"),
    }
    given = {"--index-url": bool(options.index_urls), "--yes": options.consent}
    return [f"note: {name} changes nothing here" for name in given if given[name] and not used[name]]


def _tell_failure(error: MicropipLockError, verb: str, looks: Looks, *, as_json: bool) -> None:
    lines = [*failure_lines(error.report, looks), error_text(error, looks.people)]
    sys.stderr.writelines(f"{line}\n" for line in lines)
    if as_json:
        facts: dict[str, Any] = {"error": error.to_json()}
        if isinstance(error.report, ReplayReport):
            facts["report"] = error.report.to_json()
        _write_json(verb, ok=False, facts=facts)


def _write_json(verb: str, *, ok: bool, facts: Mapping[str, Any]) -> None:
    value = {"schema": f"{PROGRAM}/{verb}/1", "ok": ok, **facts}
    _write_data(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def _write_data(text: str) -> None:
    """Data with its own line ends; as UTF-8, but for a terminal that expects something else."""
    encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
    sys.stdout.flush()
    rest = memoryview(text.encode(encoding, "backslashreplace"))
    while rest:
        # With PYTHONUNBUFFERED there is no buffer, and a write may take less than it was given.
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


def _looks(options: argparse.Namespace) -> Looks:
    shows_progress = sys.stderr.isatty() and not options.quiet
    return Looks(
        data=_view(sys.stdout, options.color),
        people=_view(sys.stderr, options.color),
        progress_stream=sys.stderr if shows_progress else None,
    )


def _view(stream: TextIO, mode: ColorMode) -> View:
    is_terminal = stream.isatty()
    return View(
        colour=wants_colour(mode, os.environ, is_terminal=is_terminal),
        width=shutil.get_terminal_size().columns if is_terminal else None,
    )


def _early_colour(arguments: Sequence[str]) -> ColorMode:
    """``--color`` for errors about the options themselves, which are told before the options are known."""
    modes: dict[str, ColorMode] = {"always": "always", "never": "never"}
    given = " ".join(arguments).replace("--color ", "--color=")
    return next((mode for name, mode in modes.items() if f"--color={name}" in given), "auto")


def _is_verbose(arguments: Sequence[str]) -> bool:
    return any(one in ("-v", "--verbose") for one in arguments)


class _Parser(argparse.ArgumentParser):
    """Reports wrong options as every other error, also in JSON."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The command's options; the documentation is made from it too."""
    common = _Parser(add_help=False)
    group = common.add_argument_group("common options")
    group.add_argument("--json", action="store_true", help="one JSON object on standard output")
    group.add_argument(
        "--index-url",
        action="append",
        default=[],
        dest="index_urls",
        metavar="URL",
        help="of freeze and upgrade: package index to ask instead of the configured ones; may be repeated",
    )
    group.add_argument("--pyodide", metavar="VERSION|DIR", help="the Pyodide to run or to read a pylock.toml for")
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="only data and errors")
    loudness.add_argument("-v", "--verbose", action="store_true", help="also the traceback of a bug")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")

    rules = _Parser(add_help=False)
    add_policy_options(rules)

    root = _Parser(prog=PROGRAM, description="Reproducible Python environments for Pyodide and JupyterLite.")
    root.add_argument("--version", action="version", version=f"{PROGRAM} {_version()}")
    verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=summary, description=summary, parents=[common, rules], allow_abbrev=False)

    one = verb("freeze", "install requirements in a real Pyodide, or read a directory, and lock what is there")
    one.add_argument(
        "requirements",
        nargs="*",
        metavar="REQ",
        help="as for micropip.install, e.g. 'rich>=13'; or a script or notebook, for what it asks for",
    )
    one.add_argument("-r", "--requirement", action="append", default=[], dest="files", type=Path, metavar="FILE")
    one.add_argument(
        "-o", "--output", metavar="FILE", help="write the lock there (an .ipynb keeps it) instead of to standard output"
    )
    one.add_argument(
        "--no-strict", action="store_false", dest="strict", help="list what cannot be locked instead of failing"
    )
    one.add_argument("--pre", action="store_true", help="take pre-releases too")
    add_script_options(one)
    one.add_argument(
        "--site", type=_directory, metavar="DIR", help="lock what is in this directory, e.g. of pip install --target"
    )
    one.add_argument(
        "--trust-metadata", action="store_true", help="with --site: let the METADATA that an index states prove a wheel"
    )

    one = verb("replay", "install exactly what a lock names")
    one.add_argument("lock", metavar="LOCK", help=LOCK)
    one.add_argument("--target", type=_directory, metavar="DIR", help="fill this directory")
    one.add_argument("--in-pyodide", action="store_true", help="fill a fresh Pyodide instead")
    one.add_argument("-c", dest="code", metavar="CODE", help="then run CODE there")
    one.add_argument("--offline", action="store_true", help="send no request; files of this machine are none")
    one.add_argument("--force", action="store_true", help="install again what is there")
    one.add_argument("--exact", action="store_true", help="remove what is installed there and not in the lock")
    one.add_argument("--concurrency", type=_positive, metavar="N", help="downloads at a time")
    one.add_argument("--no-store", action="store_false", dest="store", help="neither use nor fill the store of wheels")
    add_source_options(one)

    one = verb("bundle", "write every wheel of a lock into a directory, with a lock beside them")
    one.add_argument("lock", metavar="LOCK", help=LOCK)
    one.add_argument("-o", "--output", type=_directory, required=True, metavar="DIR", help="where; for any static host")
    one.add_argument("--concurrency", type=_positive, metavar="N", help="downloads at a time")
    one.add_argument("--no-store", action="store_false", dest="store", help="neither use nor fill the store of wheels")
    one.add_argument("--start", action="store_true", help="also a file with what imports need first, for bootFromLock")
    one.add_argument(
        "--import",
        action="append",
        default=[],
        dest="imports",
        metavar="NAME",
        help="with --start: what is imported; default: the modules of what was asked for",
    )
    add_source_options(one)

    one = verb("recover", "undo, or finish, a replay that was interrupted")
    one.add_argument("directory", type=_directory, metavar="DIR", help="what replay --target filled")

    one = verb("verify", "check a directory or wheels against a lock")
    one.add_argument("lock", metavar="LOCK", help=LOCK)
    one.add_argument("--site", type=_directory, metavar="DIR", help="site-packages or a virtual environment")
    one.add_argument(
        "--wheels",
        type=_directory,
        metavar="DIR",
        help="a directory of wheels; with --site they prove what no record names",
    )

    one = verb("diff", "show how lock B differs from lock A")
    one.add_argument("before", metavar="A", help=LOCK)
    one.add_argument("after", metavar="B", help=LOCK)

    one = verb("show", "show a lock")
    one.add_argument("lock", metavar="LOCK", help=LOCK)

    add_tree_options(verb("tree", "draw a lock as a tree of what needs what"), LOCK)
    add_why_options(verb("why", "say why a package is in a lock"), LOCK)
    add_upgrade_options(verb("upgrade", "move one package of a lock and what it forces; the rest stays pinned"), LOCK)
    add_embed_options(verb("embed", "put a lock into a notebook's metadata"), LOCK)
    add_extract_options(verb("extract", "take the lock out of a notebook's metadata"))
    add_link_options(verb, LOCK)
    add_stdlib_options(verb("stdlib", "compile the standard library of a Pyodide, to boot in a third of the time"))
    add_store_options(verb("store", "look after the wheels that replays keep for the next time"))
    return root


def _version() -> str:
    try:
        return version(PROGRAM)
    except PackageNotFoundError:
        return "(not installed)"


def _directory(text: str) -> Path:
    # An unset shell variable gives "", which Path takes for the current directory.
    if not text:
        raise argparse.ArgumentTypeError("expected a directory, got nothing")
    return Path(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return int(text[:9])
