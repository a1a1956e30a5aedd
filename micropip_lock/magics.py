"""``%load_ext micropip_lock``: the line magic ``%lock``, awaited where its line stands, with completion and help.

Rules this file keeps:

1. A line ``%lock …`` becomes ``await …`` when the cell is transformed, so that whoever runs cells with top-level
   ``await`` (IPython, ipykernel, JupyterLite, none of which needs JSPI for it) awaits it. Inside a function it stays a
   call: what needs no waiting works there, the rest says so.
2. An error of ours is shown as its text, without a traceback, and stops the cell as every error does.
3. Loading the extension imports no verb; the first ``%lock`` does.

Left to others: the verbs (:mod:`micropip_lock.magic_verbs`).
"""

from __future__ import annotations

import ast
import asyncio
import re
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

NAME: Final = "lock"
_TEXT: Final = r"""(?P<text>'.*'|".*")"""
_TARGETS: Final = r"""(?:[\w.,\[\]'" \t]+=[ \t]*)?"""
_CALL: Final = re.compile(
    rf"(?m)^(?P<before>[ \t]*{_TARGETS})get_ipython\(\)\.run_line_magic\('{NAME}', {_TEXT}\)[ \t]*$"
)
_AWAITED: Final = r"\g<before>await __import__('micropip_lock.magics', fromlist=['run']).run(get_ipython(), \g<text>)"
_FILES: Final = (".json", ".toml", ".ipynb")

HELP: Final = """\
%lock freeze [NAME…] [-o FILE] [--no-strict]   lock what is installed here, or only NAMEs and what they need
%lock replay LOCK [--exact] [--force] [--offline] [--yes] [--target DIR]   install exactly what a lock names
%lock verify [LOCK]        compare this environment with a lock
%lock diff A [B]           what changed from A to B
%lock show [LOCK]          a table of packages
%lock why NAME [LOCK]      why a package is there
%lock tree [LOCK]          what needs what
%lock share [LOCK] [--base URL] [--short]   a link that carries the lock
%lock upgrade NAME… [--in LOCK] [-o FILE]   move packages to the newest that the rest allows
%lock panel [LOCK]         look at packages, replay, verify and share with the mouse
%lock record [--stop]      leave the origin of each install from now on

LOCK is a path (pyodide-lock.json, pylock.toml, an .ipynb with a lock in it), a URL, a link, the name of a variable, or
`here` for what is installed now. Left out, it is what this session froze, replayed or opened last, else `here`.
Each verb gives a value: `lock = %lock freeze`."""


def load_ipython_extension(ip: Any) -> None:
    """Called by ``%load_ext micropip_lock``; again changes nothing."""
    if _transform in ip.input_transformers_post:
        return

    def lock(line: str) -> Any:
        return call(ip, line)

    lock.__doc__ = HELP
    ip.register_magic_function(lock, magic_kind="line", magic_name=NAME)
    ip.input_transformers_post.append(_transform)
    ip.set_hook("complete_command", _completer(ip), str_key=f"%{NAME}")


def unload_ipython_extension(ip: Any) -> None:
    """Called by ``%unload_ext micropip_lock``."""
    if _transform in ip.input_transformers_post:
        ip.input_transformers_post.remove(_transform)
    ip.magics_manager.magics["line"].pop(NAME, None)


async def run(ip: Any, line: str) -> Any:
    """What a line ``%lock …`` awaits.

    Args:
        ip: The shell.
        line: What stands behind ``%lock``.

    Raises:
        MicropipLockError: shown without a traceback.
    """
    return await _shown(ip, line)


def call(ip: Any, line: str) -> Any:
    """``%lock …`` where nothing can be awaited: in a function, or by ``run_line_magic``.

    Raises:
        UsageError: code ``needs-await``.
        MicropipLockError: shown without a traceback.
    """
    work = _shown(ip, line)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _without_waiting(work)


def _without_waiting(work: Coroutine[Any, Any, Any]) -> Any:
    """The value of a coroutine that does not wait."""
    from micropip_lock.errors import UsageError

    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise _without_traceback(
        UsageError(
            "this has to wait for the network, which nothing can do here",
            code="needs-await",
            hint="write %lock on a line of its own, not in a function; or await the function of micropip_lock",
        )
    )


async def _shown(ip: Any, line: str) -> Any:
    from micropip_lock.errors import MicropipLockError
    from micropip_lock.magic_verbs import run_verb

    try:
        return await run_verb(_expanded(ip, line), ip.user_ns)
    except MicropipLockError as error:
        raise _without_traceback(error) from None


def _without_traceback[E: Exception](error: E) -> E:
    # IPython asks an exception that has this for the lines to show.
    error._render_traceback_ = lambda: str(error).splitlines()  # type: ignore[attr-defined]
    return error


def _expanded(ip: Any, line: str) -> str:
    """``$name`` and ``{name}`` as in every line magic, but with the person's variables only."""
    if "$" not in line and "{" not in line:
        return line
    from IPython.utils.text import DollarFormatter

    try:
        return str(DollarFormatter().vformat(line, args=[], kwargs=ip.user_ns))
    except Exception:  # noqa: BLE001  # a line that is no template stands for itself, as IPython has it
        return line


def _transform(lines: list[str]) -> list[str]:
    """Lines of a cell, after IPython's own transformations: each ``%lock`` awaited, where that is Python."""
    source = "".join(lines)
    if f"run_line_magic('{NAME}'" not in source:
        return lines
    for found in reversed([*_CALL.finditer(source)]):
        awaited = source[: found.start()] + found.expand(_AWAITED) + source[found.end() :]
        if _is_python(awaited):
            source = awaited
    return source.splitlines(keepends=True)


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            # The person is told when the cell is compiled to be run.
            warnings.simplefilter("ignore")
            compile(source, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _completer(ip: Any) -> Callable[[Any, Any], list[str]]:
    def complete(_self: Any, event: Any) -> list[str]:
        from micropip_lock.magic_verbs import names_to_complete, options_of, verbs

        words = event.line.split()
        # The word that is being written is no word yet.
        done = words[1:] if event.line[-1:].isspace() else words[1:-1]
        if not done:
            return verbs()
        if event.symbol.startswith("-"):
            return options_of(done[0])
        if done[-1] in ("-o", "--output"):
            return _paths(event.symbol)
        return [*names_to_complete(done[0], len(done), ip.user_ns), *_paths(event.symbol)]

    return complete


def _paths(start: str) -> list[str]:
    folder, _, name = start.rpartition("/")
    try:
        found = [path for path in Path(folder or ".").iterdir() if path.name.startswith(name)]
        prefix = f"{folder}/" if "/" in start else ""
        return sorted(
            f"{prefix}{path.name}{'/' * path.is_dir()}"
            for path in found
            if not path.name.startswith(".") and (path.is_dir() or path.suffix in _FILES)
        )
    except OSError:
        return []
