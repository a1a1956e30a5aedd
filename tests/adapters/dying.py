"""A process that ends at its n-th file operation, without a word: for tests of what the next one finds."""

from __future__ import annotations

import asyncio
import os
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

KILLED: Final = 77
DONE: Final = 0

_CHANGES: Final = frozenset(
    {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.symlink", "os.chmod", "os.truncate"}
)
"""Operations that change a file system, as audit events (Python's "Audit events table"); replace is a rename there."""


def _is_change(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in _CHANGES


def ends_at(number: int, work: Callable[[], Awaitable[object]]) -> int:
    """Do something in a child process that ends before its n-th change of the file system.

    Returns:
        :data:`KILLED`, or :data:`DONE` when it made fewer changes.
    """
    with warnings.catch_warnings():
        # Threads of other tests do nothing in the child, which never returns to them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _die(number, work)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _die(number: int, work: Callable[[], Awaitable[object]]) -> int:
    seen = 0

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if _is_change(event, arguments):
            seen += 1
            if seen == number:
                os._exit(KILLED)

    async def awaited() -> None:
        await work()

    sys.addaudithook(audit)
    asyncio.run(awaited())
    return DONE


def every_end(work: Callable[[int], Callable[[], Awaitable[object]]]) -> Iterator[tuple[int, int]]:
    """Number and exit code of a child for every operation it can end at; the last one is done.

    Args:
        work: Prepares the work that ends at an operation.
    """
    for number in range(1, 2000):
        code = ends_at(number, work(number))
        yield number, code
        if code == DONE:
            return
