"""Where faults come in, and what each does: the points that a replay passes, counted, in the order it passes them.

Rules this file keeps:

1. A schedule is data: for some numbers of points, which of the faults that fit there. The same schedule on the same
   scenario is the same replay, so that a failure can be repeated from what was printed.
2. A fault acts once.
"""

from __future__ import annotations

import asyncio
import builtins
import errno
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from micropip_lock.adapters import journal
from micropip_lock.errors import (
    BlockedError,
    FetchError,
    FetchTimeoutError,
    MicropipLockError,
    NetworkError,
    NotFoundError,
    RedirectPolicyError,
    ServerError,
    TruncatedError,
    WheelTooLargeError,
)


class ForeignError(Exception):
    """What is none of our errors: a listener's own, or a port that breaks its promise."""


class Interrupt(BaseException):
    """Ends whatever runs, as an interrupt of a kernel does."""


FETCH: Final[Mapping[str, Callable[[], MicropipLockError]]] = {
    "not-found": lambda: NotFoundError("x", status=404),
    "blocked": lambda: BlockedError("x", status=403),
    "server-error": lambda: ServerError("x", status=503),
    "retry-after": lambda: ServerError("x", status=429, retry_after=3600),
    "network": lambda: NetworkError("x"),
    "tls": lambda: NetworkError("x", code="tls"),
    "timeout": lambda: FetchTimeoutError("x"),
    "too-slow": lambda: FetchTimeoutError("x", code="too-slow"),
    "truncated": lambda: TruncatedError("x"),
    "redirect-policy": lambda: RedirectPolicyError("x"),
    "too-large": lambda: WheelTooLargeError("x"),
    "fetch-failed": lambda: FetchError("x"),
}
INTERRUPTS: Final = ("interrupt", "keyboard-interrupt")
STOPS: Final = ("cancel", *INTERRUPTS)
DISK: Final = {"no-space": errno.ENOSPC, "no-access": errno.EACCES, "io-error": errno.EIO}
BODIES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "wrong-bytes": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "cut-bytes": lambda data: data[: len(data) // 2],
    "more-bytes": lambda data: data + b"\0",
    "no-bytes": lambda data: b"",
    "login-page": lambda data: b"<!DOCTYPE html><p>log in",
}
FITTING: Final[Mapping[str, Sequence[str]]] = {
    "lock": ("larger-size", "smaller-size", "other-digest"),
    "asked": (*FETCH, "gives-up", "cancel-child", "foreign", *STOPS),
    "half": (*FETCH, "gives-up", "cancel-child", "foreign", *STOPS),
    "body": (*BODIES, "cancel-child", *STOPS),
    "sleep": ("cancel-child", *STOPS),
    "store get": ("miss", "lie", "foreign", "cancel-child", *STOPS),
    "store put": ("refuse", "foreign", "cancel-child", *STOPS),
    "listener": ("foreign", *STOPS),
    "load": ("extension-load", "foreign", *STOPS),
    "memory": ("foreign", "extension-load", *STOPS),
    "persist": ("not-persisted", *STOPS),
    "disk": (*DISK, *STOPS),
    "disk after": STOPS,
    "clearing": (*DISK, *STOPS),
    "clearing after": STOPS,
    "turn": ("cancel",),
}
"""The faults of each kind of point."""

_CLEARING: Final = ("rmdir", "unlink")
_WRITE: Final = Path.write_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When what happens.

    Attributes:
        scenario: Name of what is replayed.
        faults: For numbers of points, a number that picks one of the faults that fit there.
        turn: After so many turns of the loop the replay is cancelled, too.
    """

    scenario: str
    faults: Mapping[int, int] = field(default_factory=dict)
    turn: int | None = None

    @classmethod
    def at_random(cls, seed: int, passed: Mapping[str, Sequence[str]]) -> Schedule:
        """One to three faults, and a cancellation now and then.

        Args:
            seed: Decides.
            passed: The kinds of the points that each scenario passes when nothing fails.
        """
        chance = random.Random(seed)
        scenario = chance.choice(sorted(passed))
        points = passed[scenario]
        faults = {}
        for _ in range(chance.choice((1, 2, 2, 3))):
            # Every kind as often as any other, though there are many more operations on the disk, and interrupts less.
            kind = chance.choice(sorted(one for one in set(points) if "after" not in one or chance.random() < 0.15))
            point = chance.choice([number for number, one in enumerate(points) if one == kind])
            # What failed before moves all later points.
            fitting = FITTING[kind]
            fault = chance.randrange(len(fitting))
            if fitting[fault] in INTERRUPTS:
                # They end everything, so that there would be little else.
                fault = chance.randrange(len(fitting))
            faults[point + chance.choice((0, 0, 0, 1, 2, 5))] = fault
        return cls(scenario=scenario, faults=faults, turn=chance.randrange(60) if chance.random() < 0.2 else None)


class Points:
    """Counts points, and says which fault acts at each.

    Args:
        schedule: When what happens.

    Attributes:
        passed: The kind of every point that was passed.
        acted: (kind of point, fault) of what happened.
        stop: Cancels the replay; measured from then on.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.passed: list[str] = []
        self.acted: list[tuple[str, str]] = []
        self.stop: Callable[[], None] = lambda: None

    def at(self, kind: str) -> str | None:
        """Pass a point; the fault that acts here, cancellations and interrupts done already.

        Raises:
            Interrupt, KeyboardInterrupt: the fault is one.
        """
        number = self._schedule.faults.get(len(self.passed))
        self.passed.append(kind)
        if number is None:
            return None
        fault = FITTING[kind][number % len(FITTING[kind])]
        self.acted.append((kind, fault))
        if fault == "cancel":
            self.stop()
            return None
        if fault == "cancel-child":
            child = asyncio.current_task()
            assert child is not None
            child.cancel()
            return None
        if fault == "interrupt":
            raise Interrupt
        if fault == "keyboard-interrupt":
            raise KeyboardInterrupt
        if fault == "foreign":
            raise ForeignError(kind)
        return fault

    @contextmanager
    def on_disk(self) -> Iterator[None]:
        """Every operation of the file system that a replay uses is a point, before it and after it."""
        with ExitStack() as patched:
            for name in ("rename", "replace", "mkdir", "fsync", "listdir", *_CLEARING):
                kind = "clearing" if name in _CLEARING else "disk"
                patched.enter_context(mock.patch.object(os, name, self._operation(getattr(os, name), kind)))
            for name in ("write_bytes", "read_bytes", "chmod"):
                patched.enter_context(mock.patch.object(Path, name, self._method(getattr(Path, name))))
            opened = self._operation(builtins.open, "disk", once=True)
            patched.enter_context(mock.patch.object(journal, "open", opened, create=True))
            yield

    def _operation(self, call: Callable[..., Any], kind: str, *, once: bool = False) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            fault = self.at(kind)
            if fault in DISK:
                if fault == "no-space" and call is _WRITE:
                    # What is full takes a part of it.
                    call(args[0], args[1][: len(args[1]) // 2])
                raise OSError(DISK[fault], os.strerror(DISK[fault]), str(args[0]) if args else None)
            done = call(*args, **kwargs)
            if not once:
                self.at(f"{kind} after")
            return done

        return operation

    def _method(self, call: Callable[..., Any]) -> Callable[..., Any]:
        operation = self._operation(call, "disk")

        def method(path: Path, *args: Any, **kwargs: Any) -> Any:
            return operation(path, *args, **kwargs)

        return method
