"""WebKitGTK, driven over classic WebDriver: HTTP to WebKitWebDriver, which starts a window with WebKitGTK in it.

What this file knows: two such windows. Our own (``webkit_window.py``) keeps what pages store. WebKitGTK's MiniBrowser
is ephemeral under automation and rejects every use of the origin-private file system, as a private window of Safari
does. Neither can do without a screen, so an Xvfb makes one where there is none.

Rule: one command at a time, in one session: WebKitWebDriver has no more than one.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.browsers.driving import PATIENCE, DrivingError, Tab, as_text, found, from_text, running

_PYTHON: Final = "/usr/bin/python3"
"""The distribution's own: no other one has its GTK."""

STORAGE: Final = ("FileSystem", "FileSystemWritableStream", "AccessHandle", "StorageAPI", "StorageAPIEstimate")
"""Features that Safari has and that WebKitGTK ships switched off."""


class WebDriver:
    """Commands to one session."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._session = ""

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One command and its value; ``path`` is relative to the session.

        Raises:
            DrivingError: The driver refuses the command, or does not answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE + 10)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/session{self._session}{path}", text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            value = json.loads(answer.read())["value"]
        except (OSError, http.client.HTTPException) as error:
            raise DrivingError(f"no answer to {method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise DrivingError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def begin(self, capabilities: object) -> dict[str, Any]:
        """Start the browser; what it can do."""
        session = self.call("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/{session['sessionId']}"
        told: dict[str, Any] = session["capabilities"]
        return told


@dataclass(frozen=True, kw_only=True, slots=True)
class WebKitTab:
    """One window, by its handle."""

    driver: WebDriver
    handle: str

    def evaluate(self, function: str, argument: object = None) -> Any:
        self.driver.call("POST", "/window", {"handle": self.handle})
        script = f"({as_text(function, argument)})().then(arguments[0])"
        return from_text(self.driver.call("POST", "/execute/async", {"script": script, "args": []}))

    def close(self) -> None:
        self.driver.call("POST", "/window", {"handle": self.handle})
        self.driver.call("DELETE", "/window")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebKit:
    """A running MiniBrowser."""

    driver: WebDriver
    first: str
    version: str
    name: str

    def open(self, url: str) -> Tab:
        # Commands need a window that is open; the first one never closes.
        self.driver.call("POST", "/window", {"handle": self.first})
        handle = self.driver.call("POST", "/window/new", {"type": "tab"})["handle"]
        self.driver.call("POST", "/window", {"handle": handle})
        self.driver.call("POST", "/url", {"url": url})
        return WebKitTab(driver=self.driver, handle=handle)


@contextlib.contextmanager
def webkit() -> Iterator[WebKit]:
    """A running window that keeps what pages store.

    Raises:
        DrivingError: There is none, or it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="webkit-", ignore_cleanup_errors=True) as storage:
        window = str(Path(__file__).with_name("webkit_window.py"))
        with _driven("webkit", {"binary": _PYTHON, "args": [window, storage, *STORAGE]}) as running:
            yield running


@contextlib.contextmanager
def private_webkit() -> Iterator[WebKit]:
    """A running MiniBrowser, which forgets.

    Raises:
        DrivingError: There is none, or it does not start.
    """
    switched = f"--features={','.join(f'+{one}' for one in STORAGE)}"
    with _driven("webkit-private", {"args": ["--automation", switched]}) as running:
        yield running


@contextlib.contextmanager
def _driven(name: str, options: object) -> Iterator[WebKit]:
    path = found("find-webkit")
    with contextlib.ExitStack() as leaving:
        screen = leaving.enter_context(_screen())
        port = _free_port()
        process = leaving.enter_context(running([path, f"--port={port}"], environment={"DISPLAY": screen}))
        process.wait_until(lambda: _listens(port))
        driver = WebDriver(port)
        told = driver.begin({"webkitgtk:browserOptions": options})
        driver.call("POST", "/timeouts", {"script": PATIENCE * 1000, "pageLoad": PATIENCE * 1000})
        first = driver.call("GET", "/window")
        yield WebKit(driver=driver, first=first, version=told["browserVersion"], name=name)
        # A window of ours is gone before the driver is told that it is.
        with contextlib.suppress(DrivingError):
            driver.call("DELETE", "")


@contextlib.contextmanager
def _screen() -> Iterator[str]:
    """The name of a screen: the one there is, else one of our own."""
    if display := os.environ.get("DISPLAY"):
        yield display
        return
    with tempfile.TemporaryFile("w+", encoding="ascii") as told:
        number = told.fileno()
        command = ["Xvfb", "-displayfd", str(number), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
        with running(command, pass_fds=[number]) as process:
            # It writes the number and the end of the line in one go, once it is ready.
            yield ":" + process.wait_until(lambda: os.pread(number, 16, 0).decode("ascii").strip() or None)


def _free_port() -> int:
    """WebKitWebDriver takes no port 0."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _listens(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return None
    return True
