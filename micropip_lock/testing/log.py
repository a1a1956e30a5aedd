"""The log of what was asked of an index, so that tests can assert on traffic.

Rules this file keeps:

1. A request enters the log when its head has been read, and leaves the count of running ones just before its last byte
   goes out.  A client that has read a whole answer therefore finds it finished in the log, and a client that asks
   one thing after another never looks concurrent.
2. Readers get snapshots: a :class:`Request` in hand never changes.

What to answer is left to :mod:`micropip_lock.testing.index`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request, as the server saw it.

    Attributes:
        method: ``GET``, ``HEAD``, ``OPTIONS``…
        origin: Scheme, host and port that was asked, ``http://127.0.0.1:…``.
        path: Percent-decoded path, without the query.
        query: Query string as sent, without ``?``; empty when there is none.
        headers: Request headers under lower-case names; a repeated one is joined with ``", "``.
        status: Status sent; None while there is none, and for a connection reset before its headers.
        bytes_sent: Body bytes handed to the socket, as framed by the transfer encoding.
        started: When the head had been read, in seconds of :func:`time.perf_counter`.
        ended: When the last byte was handed over, same clock; None while it runs.
        concurrency: Requests running when this one started, itself included.
        aborted: The client hung up, or the index closed, before the answer was complete.
    """

    method: str
    origin: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    status: int | None = None
    bytes_sent: int = 0
    started: float = 0.0
    ended: float | None = None
    concurrency: int = 1
    aborted: bool = False

    @property
    def url(self) -> str:
        """Address asked for, decoded."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def seconds(self) -> float | None:
        """How long the answer took, in seconds; None while it runs."""
        return None if self.ended is None else self.ended - self.started


class RequestLog:
    """Every request since the index opened, or since :meth:`clear`, in order of arrival; safe across threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._entries: list[OpenRequest] = []
        self._running = 0

    def begin(self, request: Request) -> OpenRequest:
        """Enter a request that just arrived; the server then reports its progress on the result."""
        with self._condition:
            self._running += 1
            entry = OpenRequest(self, replace(request, started=time.perf_counter(), concurrency=self._running))
            self._entries.append(entry)
            self._condition.notify_all()
        return entry

    def requests(self, glob: str = "*", *, method: str | None = None, status: int | None = None) -> list[Request]:
        """Requests whose path matches ``glob`` (``*`` also matches ``/``), and the method and status if given."""
        with self._condition:
            snapshot = [entry.request for entry in self._entries]
        return [
            request
            for request in snapshot
            if fnmatchcase(request.path, glob) and method in (None, request.method) and status in (None, request.status)
        ]

    def paths(self, glob: str = "*", *, method: str | None = None, status: int | None = None) -> list[str]:
        """Paths of :meth:`requests`, in order of arrival."""
        return [request.path for request in self.requests(glob, method=method, status=status)]

    def count(self, glob: str = "*", *, method: str | None = None, status: int | None = None) -> int:
        """How many :meth:`requests` there are."""
        return len(self.requests(glob, method=method, status=status))

    def peak_concurrency(self, glob: str = "*") -> int:
        """The most requests that ran at one time, among those whose path matches ``glob``; 0 for none."""
        steps: list[tuple[float, int]] = []
        for request in self.requests(glob):
            steps.append((request.started, +1))
            if request.ended is not None:
                steps.append((request.ended, -1))
        running = peak = 0
        for _, step in sorted(steps):  # -1 sorts before +1: an end and a start at one instant do not overlap
            running += step
            peak = max(peak, running)
        return peak

    def wait_for(self, glob: str = "*", *, count: int = 1, timeout: float = 10.0) -> list[Request]:
        """Block until ``count`` requests for ``glob`` have arrived, e.g. before cancelling a client.

        Args:
            glob: Path pattern.
            count: How many must have arrived.
            timeout: Seconds to wait.

        Raises:
            TimeoutError: They did not arrive in time; the message lists what did.
        """
        with self._condition:
            arrived = self._condition.wait_for(lambda: self._matching(glob) >= count, timeout)
        if not arrived:
            raise TimeoutError(f"expected {count} requests for {glob} in {timeout} s, got {self.paths()}")
        return self.requests(glob)

    def wait_until_quiet(self, *, timeout: float = 10.0) -> list[Request]:
        """Block until no request is running, e.g. to see that a cancelled client let go of every one.

        Args:
            timeout: Seconds to wait.

        Raises:
            TimeoutError: Some still run; the message lists them.
        """
        with self._condition:
            quiet = self._condition.wait_for(lambda: self._running == 0, timeout)
        if not quiet:
            running = [request.path for request in self.requests() if request.ended is None]
            raise TimeoutError(f"still running after {timeout} s: {running}")
        return self.requests()

    def clear(self) -> None:
        """Forget every request; those running are still counted in the concurrency of later ones."""
        with self._condition:
            self._entries.clear()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests())

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        lines = [f"  {each.method} {each.url} {each.status} {each.bytes_sent} bytes" for each in self.requests()]
        return "\n".join([f"<RequestLog of {len(lines)} requests>", *lines])

    def _matching(self, glob: str) -> int:
        return sum(fnmatchcase(entry.request.path, glob) for entry in self._entries)

    def _update(self, entry: OpenRequest, request: Request) -> None:
        """Store a newer snapshot, and keep the running count right."""
        with self._condition:
            if entry.request.ended is None and request.ended is not None:
                self._running -= 1
            entry.request = request
            self._condition.notify_all()


class OpenRequest:
    """The server's end of one log entry."""

    def __init__(self, log: RequestLog, request: Request) -> None:
        self._log = log
        self.request = request

    def answered(self, status: int) -> None:
        """The head goes out with ``status``."""
        self._log._update(self, replace(self.request, status=status))

    def sending(self, size: int, *, last: bool = False) -> None:
        """``size`` more body bytes go out; ``last`` ends the request."""
        sent = self.request.bytes_sent + size
        ended = time.perf_counter() if last and self.request.ended is None else self.request.ended
        self._log._update(self, replace(self.request, bytes_sent=sent, ended=ended))

    def finish(self, *, aborted: bool = False) -> None:
        """The request is over; a second call changes nothing but can still mark it aborted."""
        ended = self.request.ended if self.request.ended is not None else time.perf_counter()
        self._log._update(self, replace(self.request, ended=ended, aborted=aborted or self.request.aborted))
