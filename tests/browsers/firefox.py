"""Firefox, driven over WebDriver BiDi: JSON over a WebSocket that Firefox itself opens, no driver in between.

Rule: one command at a time; what Firefox tells in between (events) is not asked for.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.browsers.driving import PATIENCE, DrivingError, Tab, as_text, found, from_text, running


class Bidi:
    """Commands over one socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._count = 0

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command and its result.

        Raises:
            DrivingError: The browser refuses the command, or does not answer.
        """
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            try:
                message: dict[str, Any] = json.loads(self._socket.recv(timeout=PATIENCE))
            except (TimeoutError, ConnectionClosed) as error:
                raise DrivingError(f"no answer to {method}: {error!r}") from error
            if message.get("id") == self._count:
                if message["type"] == "error":
                    raise DrivingError(f"{method}: {message['error']}: {message['message']}")
                result: dict[str, Any] = message["result"]
                return result


@dataclass(frozen=True, kw_only=True, slots=True)
class FirefoxTab:
    """One browsing context."""

    bidi: Bidi
    context: str

    def evaluate(self, function: str, argument: object = None) -> Any:
        answer = self.bidi.call(
            "script.callFunction",
            functionDeclaration=as_text(function, argument),
            awaitPromise=True,
            target={"context": self.context},
        )
        if answer["type"] != "success":
            raise DrivingError(str(answer["exceptionDetails"]["text"]))
        return from_text(answer["result"].get("value"))

    def close(self) -> None:
        self.bidi.call("browsingContext.close", context=self.context)


@dataclass(frozen=True, kw_only=True, slots=True)
class Firefox:
    """A running Firefox with a profile of its own."""

    bidi: Bidi
    version: str
    name: str = "firefox"

    def open(self, url: str) -> Tab:
        context = self.bidi.call("browsingContext.create", type="tab")["context"]
        self.bidi.call("browsingContext.navigate", context=context, url=url, wait="complete")
        return FirefoxTab(bidi=self.bidi, context=context)


@contextlib.contextmanager
def firefox() -> Iterator[Firefox]:
    """A running Firefox.

    Raises:
        DrivingError: There is none, or it does not start.
    """
    path = found("find-firefox")
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"]
        with running(command, environment={"MOZ_CRASHREPORTER_DISABLE": "1"}) as process:
            address = process.wait_until(lambda: _address(Path(profile)))
            with connect(f"{address}/session", max_size=None, open_timeout=PATIENCE, proxy=None) as socket:
                bidi = Bidi(socket)
                session = bidi.call("session.new", capabilities={})
                yield Firefox(bidi=bidi, version=session["capabilities"]["browserVersion"])
                bidi.call("browser.close")
            process.wait(10)


def _address(profile: Path) -> str | None:
    """Where a Firefox listens, which it writes into its profile."""
    try:
        told = json.loads((profile / "WebDriverBiDiServer.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        # Not there yet, or not whole.
        return None
    return f"ws://{told['ws_host']}:{told['ws_port']}"
