"""Callers of one replay: who asks for what is being done already joins it, who asks for something else is refused.

Rules this file keeps:

1. One replay at a time in one environment. The same lock with the same options is the same replay: all who asked for it
   get its progress from then on, and its report or its error.
2. A caller that is cancelled leaves; the others do not notice. When the last one leaves, the replay is cancelled, and
   who left last waits until it has come to rest: nothing of it goes on after the error.
3. A caller whose listener fails is out with that error; when it is the only one, the replay fails with it.

Left to others: other processes and tabs (:meth:`micropip_lock.ports.Installer.hold`), what a replay does
(:mod:`micropip_lock.app.replay`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from micropip_lock.app.report import ReplayReport
from micropip_lock.errors import BusyError, MicropipLockError, ReplayCancelled
from micropip_lock.ports import Progress, ProgressEvent

type Start = Callable[[Progress], Coroutine[Any, Any, ReplayReport]]
"""Begins a replay that tells its progress."""

AS_IT_WAS = "replay cancelled; the environment is as it was"

_running: dict[object, _Shared] = {}


async def join(place: object, identity: object, start: Start, progress: Progress | None) -> ReplayReport:
    """Take part in a replay.

    Args:
        place: The environment: what is the same object is the same place.
        identity: What is asked for; the running replay is joined if it is equal.
        start: Begins the replay, when none is running.
        progress: Told what happens from now on.

    Raises:
        BusyError: another replay is changing this environment.
        ReplayCancelled: the caller was cancelled, or the replay as a whole.
        MicropipLockError: what the replay raises.
    """
    shared = _running.get(place)
    if shared is None or shared.is_over:
        shared = _Shared(identity=identity, loop=asyncio.get_running_loop())
        shared.begin(place, start)
    elif not shared.takes(identity):
        raise BusyError("another replay is changing this environment")
    return await shared.take_part(progress)


@dataclass(eq=False, kw_only=True, slots=True)
class _Caller:
    """One who takes part.

    Attributes:
        progress: What it wants to be told by.
        out: Set to the error of its listener.
    """

    progress: Progress | None
    out: asyncio.Future[None]


@dataclass(eq=False, kw_only=True, slots=True)
class _Shared:
    """A running replay and those who take part in it."""

    identity: object
    loop: asyncio.AbstractEventLoop
    callers: list[_Caller] = field(default_factory=list)
    task: asyncio.Task[ReplayReport] | None = None
    stopping: bool = False

    @property
    def is_over(self) -> bool:
        """It has ended, or its loop has without telling anybody."""
        return self.loop.is_closed() or (self.task is not None and self.task.done())

    def takes(self, identity: object) -> bool:
        """Whether somebody who asks for this may join."""
        return self.identity == identity and not self.stopping and self.loop is asyncio.get_running_loop()

    def begin(self, place: object, start: Start) -> None:
        self.task = self.loop.create_task(start(self._tell), name="micropip-lock replay")
        _running[place] = self
        # Before any caller: who is woken by the end may begin anew.
        self.task.add_done_callback(lambda _: _running.pop(place, None))

    async def take_part(self, progress: Progress | None) -> ReplayReport:
        assert self.task is not None, "it has begun"
        me = _Caller(progress=progress, out=self.loop.create_future())
        self.callers.append(me)
        try:
            await asyncio.wait((self.task, me.out), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as cancelled:
            self._drop(me)
            if self.callers:
                raise ReplayCancelled("left the replay, which goes on for others") from cancelled
            error = await self._stop(self.task)
            raise error from error.__cause__ or cancelled
        finally:
            self._drop(me)
        if me.out.done():
            me.out.result()
        me.out.cancel()
        try:
            return self.task.result()
        except ReplayCancelled:
            raise
        except asyncio.CancelledError as cancelled:
            raise ReplayCancelled(AS_IT_WAS) from cancelled

    async def _stop(self, task: asyncio.Task[ReplayReport]) -> BaseException:
        """Cancel the replay and wait for its end, however often the caller is cancelled meanwhile."""
        self.stopping = True
        task.cancel()
        while not task.done():
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError:
                continue
        if task.cancelled():
            return ReplayCancelled(AS_IT_WAS)
        error = task.exception()
        if error is None:
            # It came too late: nothing could be taken back.
            return ReplayCancelled(
                "replay cancelled when it was done; the environment is the lock's", report=task.result()
            )
        if isinstance(error, MicropipLockError):
            stopped = ReplayCancelled(AS_IT_WAS if error.code != "rollback" else str(error))
            stopped.__cause__ = error
            return stopped
        return error

    def _tell(self, event: ProgressEvent) -> None:
        for one in tuple(self.callers):
            if one.progress is None:
                continue
            try:
                one.progress(event)
            except Exception as error:
                if len(self.callers) == 1:
                    raise
                self._drop(one)
                one.out.set_exception(error)

    def _drop(self, caller: _Caller) -> None:
        if caller in self.callers:
            self.callers.remove(caller)
