"""The verbs of ``%lock``: words of a line in, a value out, which the notebook shows.

Rules this file keeps:

1. What is wrong with a line is a :class:`~micropip_lock.errors.UsageError`; no verb exits or prints.
2. The lock that a verb made, replayed or opened last is the next one's, when it names none.

Left to others: lines and shells (:mod:`micropip_lock.magics`).
"""

from __future__ import annotations

import argparse
import shlex
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from micropip_lock.core.model import Lock
from micropip_lock.errors import UsageError
from micropip_lock.load import load_lock

HERE: Final = "here"
_last: Lock | None = None


async def run_verb(line: str, names: Mapping[str, Any]) -> Any:
    """Do what a line says.

    Args:
        line: What stands behind ``%lock``.
        names: The person's variables.

    Raises:
        MicropipLockError: the line is wrong, or what the verb does failed.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError("the line cannot be read", got=str(error), hint="%lock? shows how it is written") from error
    if not words or words[0] in ("help", "-h", "--help"):
        from micropip_lock.magics import HELP

        return Help(HELP)
    options = _parser().parse_args(words)
    return await _VERBS[options.verb](options, names)


class Help(str):
    """Text that shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def verbs() -> list[str]:
    """Names of the verbs."""
    return sorted(_VERBS)


def options_of(verb: str) -> list[str]:
    """Options of a verb."""
    chosen = _parser().verbs.choices.get(verb)
    return [] if chosen is None else sorted(name for action in chosen._actions for name in action.option_strings)


def names_to_complete(verb: str, position: int, names: Mapping[str, Any]) -> list[str]:
    """What may come next: packages of the last lock, or variables that hold a lock."""
    packages = sorted(_last.packages) if _last is not None else []
    if verb == "upgrade" or verb == "freeze" or (verb == "why" and position == 1):
        return packages
    return [HERE, *sorted(name for name, value in names.items() if isinstance(value, Lock) and name[:1] != "_")]


async def _lock(text: str | None, names: Mapping[str, Any]) -> Lock:
    global _last  # a session has one last lock, as it has one last value
    if text is None and _last is not None:
        return _last
    if text in (None, HERE):
        from micropip_lock import api

        found = await api.freeze(strict=False)
    else:
        assert text is not None
        value = names.get(text) if text.isidentifier() else None
        found = await load_lock(value if isinstance(value, Lock | Path | str) else text)
    if text not in (None, HERE):
        # What is installed now may be something else by the next line.
        _last = found
    return found


def _remember(lock: Lock) -> Lock:
    global _last
    _last = lock
    return lock


async def _write(lock: Lock, output: str | None) -> Lock:
    if output is not None:
        from micropip_lock import api

        await api.save(lock, output)
    return _remember(lock)


async def _freeze(options: Namespace, names: Mapping[str, Any]) -> Lock:  # noqa: ARG001  # every verb is told both
    from micropip_lock import api

    lock = await api.freeze(strict=options.strict, roots=options.roots or None)
    return await _write(lock, options.output)


async def _replay(options: Namespace, names: Mapping[str, Any]) -> Any:
    from micropip_lock.core.policy import Policy
    from micropip_lock.replaying import replay

    lock = await _lock(options.lock, names)
    report = await replay(
        lock,
        exact=options.exact,
        force=options.force,
        offline=options.offline,
        target=options.target,
        policy=Policy(consent=True) if options.yes else None,
    )
    _remember(lock)
    return report


async def _verify(options: Namespace, names: Mapping[str, Any]) -> Any:
    from micropip_lock import api

    return await api.verify(await _lock(options.lock, names))


async def _diff(options: Namespace, names: Mapping[str, Any]) -> Any:
    from micropip_lock.core.compare import diff

    return diff(await _lock(options.before, names), await _lock(options.after, names))


async def _show(options: Namespace, names: Mapping[str, Any]) -> Lock:
    return await _lock(options.lock, names)


async def _why(options: Namespace, names: Mapping[str, Any]) -> Any:
    from micropip_lock.core.needed import why

    return why(await _lock(options.lock, names), options.name)


async def _tree(options: Namespace, names: Mapping[str, Any]) -> Any:
    from micropip_lock.core.needed import tree

    return tree(await _lock(options.lock, names))


async def _share(options: Namespace, names: Mapping[str, Any]) -> str:
    from micropip_lock.links import share
    from micropip_lock.panel_actions import page_url

    lock = await _lock(options.lock, names)
    return share(lock, options.base or page_url(), form="short" if options.short else "full")


async def _upgrade(options: Namespace, names: Mapping[str, Any]) -> Lock:
    from micropip_lock.upgrading import upgrade

    new = await upgrade(await _lock(options.within, names), *options.names, pre=options.pre)
    return await _write(new, options.output)


async def _panel(options: Namespace, names: Mapping[str, Any]) -> Any:
    from micropip_lock.panels import panel

    return panel(None if options.lock in (None, HERE) else await _lock(options.lock, names))


async def _record(options: Namespace, names: Mapping[str, Any]) -> Any:  # noqa: ARG001
    from micropip_lock import api

    recording = api.record()
    if options.stop:
        recording.stop()
    return recording


_VERBS: Final[Mapping[str, Callable[[Namespace, Mapping[str, Any]], Awaitable[Any]]]] = {
    "diff": _diff,
    "freeze": _freeze,
    "panel": _panel,
    "record": _record,
    "replay": _replay,
    "share": _share,
    "show": _show,
    "tree": _tree,
    "upgrade": _upgrade,
    "verify": _verify,
    "why": _why,
}


class _Parser(argparse.ArgumentParser):
    """Reports what is wrong as an error of ours."""

    verbs: argparse._SubParsersAction[_Parser]

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint="%lock? shows how it is written")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002
        raise UsageError("no help here", hint="%lock? shows how it is written")


def _parser() -> _Parser:
    root = _Parser(prog="%lock", add_help=False)
    root.verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str) -> argparse.ArgumentParser:
        return root.verbs.add_parser(name, add_help=False, allow_abbrev=False)

    one = verb("freeze")
    one.add_argument("roots", nargs="*")
    one.add_argument("-o", "--output")
    one.add_argument("--no-strict", action="store_false", dest="strict")
    one = verb("replay")
    one.add_argument("lock")
    for name in ("--exact", "--force", "--offline", "--yes"):
        one.add_argument(name, action="store_true")
    one.add_argument("--target")
    for name in ("verify", "show", "tree", "panel"):
        verb(name).add_argument("lock", nargs="?")
    one = verb("diff")
    one.add_argument("before")
    one.add_argument("after", nargs="?", default=HERE)
    one = verb("why")
    one.add_argument("name")
    one.add_argument("lock", nargs="?")
    one = verb("share")
    one.add_argument("lock", nargs="?")
    one.add_argument("--base", default="")
    one.add_argument("--short", action="store_true")
    one = verb("upgrade")
    one.add_argument("names", nargs="+")
    one.add_argument("--in", dest="within")
    one.add_argument("-o", "--output")
    one.add_argument("--pre", action="store_true")
    verb("record").add_argument("--stop", action="store_true")
    return root
