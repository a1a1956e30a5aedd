"""Bytes that are held elsewhere are let through by their digest, and judged as bytes where that does not agree."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.held import PlainFacts
from micropip_lock.core.plain_wheel import PlainWheel, open_wheel
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.core.wheel_place import check_place
from micropip_lock.errors import EnvironmentMismatchError, HashMismatchError, LockSchemaError
from micropip_lock.testing import wheel

BUILT = wheel("six", "1.16.0", files={"six.py": "answer = 42\n"}, requires_python=">=3.9")
DIGEST = Digest.of(BUILT.data)


@dataclass(slots=True)
class Kept:
    """Somebody who holds bytes."""

    data: bytes
    sha256: str | None
    reads: int = 0
    facts: PlainFacts | None = None

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self) -> bytes:
        self.reads += 1
        return self.data

    def plain(self, filename: str) -> PlainFacts | None:
        return self.facts


def test_nothing_is_copied() -> None:
    """Bytes of the right digest and size stay where they are until somebody asks for them."""
    kept = Kept(BUILT.data, DIGEST.hex)
    admitted = admit(kept, DIGEST, filename=BUILT.filename, size=len(BUILT.data))

    assert (kept.reads, admitted.size, admitted.held is kept) == (0, len(BUILT.data), True)
    assert admitted.data == BUILT.data
    assert admitted.data is admitted.data
    assert kept.reads == 1


@pytest.mark.parametrize("said", [None, Digest.of(b"other").hex, DIGEST.hex.upper()], ids=["none", "other", "case"])
def test_the_bytes_decide(said: str | None) -> None:
    """A digest that is not there, or another one, is no judgement: the bytes are hashed here."""
    kept = Kept(BUILT.data, said)

    assert admit(kept, DIGEST, filename=BUILT.filename).data == BUILT.data
    assert kept.reads == 1


def test_other_bytes() -> None:
    """Other bytes are refused as other bytes always are."""
    with pytest.raises(HashMismatchError) as caught:
        admit(Kept(b"PK other", Digest.of(b"PK other").hex), DIGEST, filename=BUILT.filename, package="six")

    assert (caught.value.code, caught.value.where) == ("digest-mismatch", "packages.six.sha256")


def test_a_wrong_size() -> None:
    """The right digest and a wrong size is a mistake of the lock."""
    with pytest.raises(LockSchemaError, match="wrong size"):
        admit(Kept(BUILT.data, DIGEST.hex), DIGEST, filename=BUILT.filename, size=1)


def plain(requires_python: str = ">=3.9") -> PlainWheel:
    """The wheel as an engine tells it."""
    opened = OpenedWheel(admit(BUILT.data, DIGEST, filename=BUILT.filename))
    facts = PlainFacts(
        dist_info=opened.dist_info,
        data_dir=opened.data_dir,
        metadata=opened.metadata,
        record_text=opened.record_text,
        requires_python=requires_python,
    )
    made = open_wheel(admit(Kept(BUILT.data, DIGEST.hex, facts=facts), DIGEST, filename=BUILT.filename))
    assert isinstance(made, PlainWheel)
    return made


def test_a_plain_wheel_says_what_the_checker_says() -> None:
    """What is not in the facts is read in the wheel itself."""
    made, opened = plain(), OpenedWheel(admit(BUILT.data, DIGEST, filename=BUILT.filename))

    assert (made.names, made.unpacked_size, made.warnings) == (opened.names, opened.unpacked_size, opened.warnings)
    assert dict(made.files()) == dict(opened.files())
    assert [made.mode(name) for name in made.names] == [opened.mode(name) for name in opened.names]
    assert list(made.layout()) == list(opened.layout())


def test_a_plain_wheel_for_another_python() -> None:
    """That nothing is unusual about a wheel does not make it one for this Python."""
    with pytest.raises(EnvironmentMismatchError):
        check_place(plain(">=99"), "3.14.2")


def test_what_is_not_plain_is_checked_here() -> None:
    """Of a wheel that the engine says nothing of, the checker decides."""
    made = open_wheel(admit(Kept(BUILT.data, DIGEST.hex), DIGEST, filename=BUILT.filename))

    assert type(made) is OpenedWheel
