"""Recording: on, off, and as a context manager."""

from __future__ import annotations

import pytest

from micropip_lock.app.record import Recording


class Switch:
    """A recorder that only counts."""

    def __init__(self) -> None:
        self.running = False
        self.calls: list[str] = []

    def start(self) -> None:
        self.running = True
        self.calls.append("start")

    def stop(self) -> None:
        self.running = False
        self.calls.append("stop")


def test_on_at_once() -> None:
    """Recording begins when it is made and ends when it is stopped."""
    switch = Switch()
    recording = Recording(switch)
    during = recording.running
    recording.stop()
    assert (True, False, ["start", "stop"]) == (during, recording.running, switch.calls)


def test_context_manager() -> None:
    """Leaving the block ends recording, and the block gets the recording itself."""
    switch = Switch()
    recording = Recording(switch)
    with recording as same:
        during = (same is recording, same.running)
    assert ((True, True), False) == (during, recording.running)


def test_an_error_in_the_block() -> None:
    """An error in the block ends recording as well, and comes out."""
    switch = Switch()
    with pytest.raises(LookupError), Recording(switch):
        raise LookupError
    assert not switch.running


def test_shown() -> None:
    """A person sees whether it is on; so does a program."""
    recording = Recording(Switch())
    on = (repr(recording), recording.to_json())
    recording.stop()
    off = (repr(recording), recording.to_json())
    assert (("<Recording on>", {"running": True}), ("<Recording off>", {"running": False})) == (on, off)
