"""A slow network between a client and a local server: a delay each way, a bandwidth that all connections share.

It knows TCP and nothing of HTTP, so that it can neither help nor hinder what is measured through it.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

_PIECE: Final = 16 * 1024


class SlowLink:
    """Listens on a port of its own and passes on what comes; use it as a context manager.

    Args:
        origin: ``http://127.0.0.1:<port>`` of the server.
        round_trip: Seconds from a byte sent to its answer's first byte, at least; a connection costs one, too.
        megabits: Bandwidth towards the client, in 10⁶ bits a second, shared by all connections.

    Attributes:
        received: Bytes that went to clients, headers included.
    """

    def __init__(self, origin: str, *, round_trip: float, megabits: float) -> None:
        self.received = 0
        self._port = urlsplit(origin).port
        self._delay = round_trip / 2
        self._rate = megabits * 1e6 / 8
        self._free_at = 0.0
        self._own_port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="slow link")
        self._ready = threading.Event()
        self._end = asyncio.Event()

    @property
    def origin(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._own_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._own_port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The handshake on this machine takes no time; on the link it takes a round trip.
        await asyncio.sleep(2 * self._delay)
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._up(reader, back), self._down(there, writer))
        except OSError:
            # One of the two hung up, which ends the other one's connection.
            pass
        finally:
            for one in (writer, back):
                one.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE):
            await asyncio.sleep(self._delay)
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                if (wait := due - self._loop.time()) > 0:
                    await asyncio.sleep(wait)
                if not data:
                    return
                self.received += len(data)
                writer.write(data)
                await writer.drain()

        async def take() -> None:
            while data := await reader.read(_PIECE):
                # Each piece waits for those before it, of every connection, and then for its own length of time.
                self._free_at = max(self._free_at, self._loop.time()) + len(data) / self._rate
                await queue.put((self._free_at + self._delay, data))
                if self._free_at > self._loop.time():
                    await asyncio.sleep(self._free_at - self._loop.time())
            await queue.put((0.0, b""))

        await asyncio.gather(take(), deliver())
        writer.close()
