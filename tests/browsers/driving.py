"""What the tests want from a browser, whichever it is and however it is driven.

Rules this file keeps:

1. A browser gives three things: its name and version, a tab with a page in it, and values of JavaScript in that tab.
2. Values come as JSON, so that three protocols cannot translate them in three ways.
3. What cannot be started fails with the reason; it skips nothing.

Left to others: each browser's own protocol (``chromium``, ``firefox``, ``webkit``), what is in the page (``kernel``).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

ROOT: Final = Path(__file__).resolve().parents[2]

PATIENCE: Final = 300.0
"""Seconds that a script in a page may take; the machines that run the tests are shared."""

READY: Final = "async () => { while (!window.place) await new Promise((next) => setTimeout(next, 10)); }"
"""Waits until the scripts of our page have run."""


class Tab(Protocol):
    """One page."""

    def evaluate(self, function: str, argument: object = None) -> Any:
        """Call a JavaScript function, asynchronous or not, with one JSON value; what it returns.

        Raises:
            ScriptError: It threw, or its promise was rejected.
        """
        ...

    def close(self) -> None:
        """Close the page, whatever runs in it."""
        ...


class Browser(Protocol):
    """A running browser.

    Attributes:
        name: For test ids and texts.
        version: As the browser tells it.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def open(self, url: str) -> Tab:
        """A tab with this page, loaded."""
        ...


class ScriptError(AssertionError):
    """JavaScript in a page failed; the text is what it said."""


class DrivingError(AssertionError):
    """A browser could not be started, or does not do as its protocol says."""


def found(tool: str) -> str:
    """What one of ``tools/find-*`` prints.

    Raises:
        DrivingError: It found nothing; the text says what was tried.
    """
    answer = subprocess.run([ROOT / "tools" / tool], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise DrivingError(answer.stderr.strip())
    return answer.stdout.strip()


def as_text(function: str, argument: object) -> str:
    """The source of a JavaScript function that calls ``function`` and gives a text for :func:`from_text`."""
    return f"""async () => {{
        try {{
            return JSON.stringify({{ value: (await ({function})({json.dumps(argument)})) ?? null }});
        }} catch (error) {{
            return JSON.stringify({{ error: String(error?.stack ? `${{error}}\\n${{error.stack}}` : error) }});
        }}
    }}"""


def from_text(text: object) -> Any:
    """The value that the function of :func:`as_text` had.

    Raises:
        ScriptError: It threw.
    """
    if not isinstance(text, str):
        raise DrivingError(f"a script gave {text!r} for a text")
    told = json.loads(text)
    if "error" in told:
        raise ScriptError(told["error"])
    return told["value"]


class Running:
    """A process, and all that it said."""

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    def wait_until[T](self, ready: Callable[[], T | None]) -> T:
        """What ``ready`` gives once it gives something.

        Raises:
            DrivingError: The process ended before, or took too long; the text is what it said.
        """
        until = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < until:
            if (it := ready()) is not None:
                return it
            time.sleep(0.05)
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()
        raise DrivingError(f"{self._process.args!r} did not start; it said:\n{said}")

    def wait(self, seconds: float) -> None:
        """Give it time to end on its own."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)


@contextlib.contextmanager
def running(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
) -> Iterator[Running]:
    """A process that is ended at the end, and killed when it does not end."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            pass_fds=pass_fds,
        )
        try:
            yield Running(process, log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
