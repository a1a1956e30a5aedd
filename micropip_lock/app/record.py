"""Record: from now on every install leaves its origin in dist-info.

The verb itself is here (on, off, context manager); how micropip is made to tell is
:mod:`micropip_lock.adapters.micropip`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Recorder(Protocol):
    """Something that can be made to record."""

    @property
    def running(self) -> bool:
        """Whether recording is on."""
        ...

    def start(self) -> None:
        """Turn it on."""
        ...

    def stop(self) -> None:
        """Leave everything as it was."""
        ...


class Recording:
    """Recording that is on. Usable as a context manager; :meth:`stop` undoes it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        recorder.start()

    @property
    def running(self) -> bool:
        """Whether recording is on."""
        return self._recorder.running

    def stop(self) -> None:
        """Leave micropip as it was; calling it twice does nothing."""
        self._recorder.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Recording {'on' if self.running else 'off'}>"

    def to_json(self) -> dict[str, bool]:
        """Whether recording is on."""
        return {"running": self.running}
