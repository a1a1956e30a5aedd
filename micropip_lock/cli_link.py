"""The verbs ``share`` and ``open`` of the command line: a lock into a link, a link into a lock.

Rules this file keeps: those of :mod:`micropip_lock.cli_verbs`; and that a link too long for where links go is told of,
with what is shorter.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Final

from micropip_lock import api, wiring
from micropip_lock.cli_policy import policy_of
from micropip_lock.cli_text import printable
from micropip_lock.cli_verbs import Looks, Outcome
from micropip_lock.core.json_text import MAX_BYTES
from micropip_lock.core.model import Lock
from micropip_lock.errors import LinkError, UsageError
from micropip_lock.links import LONG, VERY_LONG, resolve_link, share_reference
from micropip_lock.links import share as _share
from micropip_lock.load import load_lock
from micropip_lock.render import lock_lines, note_lines

# ISO/IEC 18004: what a symbol of version 40 with the lowest error correction holds, in bytes.
_MOST_IN_QR: Final = 2_953


def add_link_options(verb: Callable[[str, str], ArgumentParser], lock: str) -> None:
    """Give the command the verbs of this file.

    Args:
        verb: Makes the parser of one verb.
        lock: What is said of a LOCK argument.
    """
    one = verb("share", "write a lock as a link: one address that holds the environment")
    one.add_argument("lock", metavar="LOCK", help=lock)
    one.add_argument("--base", default="", metavar="URL", help="the page that opens it; default: the fragment alone")
    one.add_argument(
        "--form",
        choices=("full", "short"),
        default="full",
        help="full: all of it (default); short: the indexes are asked for addresses and digests when it is opened",
    )
    one.add_argument(
        "--by-reference", metavar="URL", help="say where the lock lies instead, with the digest of what lies there now"
    )
    one.add_argument(
        "--spell-out", action="store_true", help="do not leave packages of Pyodide's distribution to its own lock"
    )
    one.add_argument("--qr", action="store_true", help="also a QR code, on standard error; needs micropip-lock[qr]")

    one = verb("open", "show the lock that a link holds, or write it; nothing is installed")
    one.add_argument("link", metavar="LINK", help="an address with #lock=… or #lock-url=… in it, or that alone")
    one.add_argument("-o", "--output", metavar="FILE", help="write the lock there; - for standard output")


async def share(options: Namespace, looks: Looks) -> Outcome:  # noqa: ARG001  # every verb is given both
    """Write a lock as a link."""
    policy = policy_of(options)
    if options.by_reference is not None and options.form == "short":
        raise UsageError("--by-reference names the whole lock", hint="leave out --form")
    lock, notes = None, list[str]()
    if options.by_reference is not None:
        link = await _by_reference(options)
    else:
        lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy)
        link = _share(lock, options.base, form=options.form, spell_out=options.spell_out, pyodide=options.pyodide)
        notes = _notes(lock, link, options)
    code = _qr_lines(link) if options.qr else ()
    form = "reference" if options.by_reference is not None else options.form
    length = f"{len(link)} characters" + ("" if not lock else f", {len(link) / max(1, len(lock)):.0f} a package")
    return Outcome(
        facts={
            "link": link,
            "form": form,
            "length": len(link),
            "id": None if lock is None else lock.id,
            "notes": notes,
        },
        data=link + "\n",
        people=(*code, length, *(f"note: {note}" for note in notes)),
    )


async def open_(options: Namespace, looks: Looks) -> Outcome:
    """Show the lock that a link means, or write it."""
    lock = await resolve_link(options.link, policy=policy_of(options), pyodide=options.pyodide)
    text = lock.to_json()
    output = options.output if options.output not in (None, "-") else None
    if output is not None:
        await api.save(lock, Path(output))
    shown = options.output is None
    return Outcome(
        facts={
            "id": lock.id,
            "output": output,
            "lock": lock.to_dict(),
            "notes": [note.to_json() for note in lock.notes],
        },
        data="\n".join([*lock_lines(lock, looks.data), ""]) if shown else "" if output else text,
        people=(*note_lines(lock, looks.people), *([f"wrote {printable(output)}"] if output else [])),
    )


async def _by_reference(options: Namespace) -> str:
    """The link to a lock that lies somewhere already: its digest is of what lies there, which has to be that lock."""
    url = options.by_reference
    here = await load_lock(options.lock, pyodide=options.pyodide, policy=policy_of(options))
    share_reference(url, b"")
    fetched = await wiring.fetcher(policy_of(options)).fetch(url, max_bytes=MAX_BYTES)
    there = await load_lock(fetched.data.decode("utf-8", "replace"), pyodide=options.pyodide)
    if there.id != here.id:
        raise LinkError(
            "another lock lies there",
            code="reference-differs",
            url=url,
            expected=f"lock {here.id}",
            got=f"lock {there.id}",
            hint="put this one there first, and share it then",
        )
    return share_reference(url, fetched.data, options.base)


def _notes(lock: Lock, link: str, options: Namespace) -> list[str]:
    notes = []
    if lock.local_wheels and not (lock.base or "").startswith(("https:", "http:")):
        names = ", ".join(package.name for package in lock.local_wheels)
        notes.append(f"{names}: the wheels lie beside the lock on this machine, and whoever opens the link has none")
    if len(link) > LONG:
        many = "many programs cut it or refuse it" if len(link) > VERY_LONG else "some programs cut it"
        shorter = "" if options.form == "short" else f"--form short has {_length_of_short(lock, options)} characters; "
        notes.append(
            f"{len(link)} characters: {many}; {shorter}or put the lock on a web server and share its address "
            "(--by-reference URL)"
        )
    return notes


def _length_of_short(lock: Lock, options: Namespace) -> int:
    return len(_share(lock, options.base, form="short", spell_out=options.spell_out, pyodide=options.pyodide))


def _qr_lines(link: str) -> tuple[str, ...]:
    try:
        import segno
    except ModuleNotFoundError as error:
        raise UsageError(
            "a QR code needs the package segno", code="needs-extra", hint="pip install 'micropip-lock[qr]'"
        ) from error
    if len(link) > _MOST_IN_QR:
        raise LinkError(
            "the link is too long for a QR code",
            code="too-long",
            expected=f"at most {_MOST_IN_QR} characters",
            got=f"{len(link)}",
            hint="--form short, or --by-reference URL",
        )
    rows = [[bool(dark) for dark in row] for row in segno.make(link, error="l", micro=False).matrix_iter(border=2)]
    # Two rows in one line: a dark module is a gap, so that it reads on dark terminals; both kinds of readers take it.
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    marks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    return tuple(
        "".join(marks[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )
