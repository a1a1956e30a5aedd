"""How the bench talks with its page: over HTTP, as any page talks, so that no debugger has to be attached.

With a debugger attached Chromium is another browser: what fails is reported to it, each request and each error,
which costs some contenders far more than others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from bench.node import SampleError

_PATIENCE: Final = 300.0


class Remote:
    """A page that asks what to do, again and again. ``GET`` waits for an order, ``POST`` brings its answer.

    Attributes:
        address: Where the page asks.
    """

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._page_calls())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"

    async def call(self, name: str, argument: Any, *, lives: Callable[[], bool] = lambda: True) -> Any:
        """Have the page call a function of ``run.mjs``.

        Args:
            name: Of the function.
            argument: Its argument.
            lives: Whether the browser still does.

        Raises:
            SampleError: It failed, or the browser ended, or nothing came for 300 seconds.
        """
        self._orders.put({"name": name, "argument": argument})
        answer = await asyncio.to_thread(self._answer, lives)
        if "error" in answer:
            raise SampleError(str(answer["error"])[-900:])
        return answer.get("value")

    def _answer(self, lives: Callable[[], bool]) -> dict[str, Any]:
        for _ in range(int(_PATIENCE)):
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=1)
            if not lives():
                return {"error": "the browser ended"}
        return {"error": f"no end within {_PATIENCE:g} seconds"}

    def _page_calls(self) -> type[BaseHTTPRequestHandler]:
        orders, answers = self._orders, self._answers

        class PageCalls(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(json.dumps(orders.get()).encode())

            def do_POST(self) -> None:
                answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._send(b"")

            def _send(self, body: bytes) -> None:
                # A browser that ended waits for nothing.
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Access-Control-Allow-Origin", "*")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that is overridden
                pass

        return PageCalls

    @contextlib.contextmanager
    def serving(self) -> Iterator[Remote]:
        """Answer the page."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            # Whoever waits for an order is told that there is none.
            self._orders.put(None)
            self._server.shutdown()
            self._server.server_close()
            thread.join()
