"""Collects what is wrong with one input, to raise it once: the gravest fault, and all of them with it.

Rules this file keeps:

1. Gravity: a wrong form before what is not allowed, that before what does not fit together or here.
2. A hundred faults are enough: an input with more of them is no lock that somebody will put right by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

from micropip_lock.errors import (
    LockGraphError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
    WheelMetadataError,
)

MAX_FAULTS: Final = 100
"""Faults that are collected before reading stops."""

_GRAVITY: Final[tuple[tuple[type[MicropipLockError], ...], ...]] = (
    (LockSchemaError, WheelMetadataError),
    (LockPolicyError,),
    (LockGraphError,),
)


class Faults:
    """What is wrong with one input, collected until :meth:`check`."""

    def __init__(self) -> None:
        self._errors: list[MicropipLockError] = []

    def add(self, error: MicropipLockError) -> None:
        """Note one fault.

        Raises:
            MicropipLockError: at once when there are too many to be worth listing.
        """
        self._errors.append(error)
        if len(self._errors) >= MAX_FAULTS:
            self.check()

    def check(self) -> None:
        """Raise what was collected, if anything was: the gravest kind, with every fault in ``errors``.

        Raises:
            LockSchemaError, WheelMetadataError, LockPolicyError, LockGraphError, EnvironmentMismatchError: in this
                order of gravity.
        """
        raise_all(sorted(self._errors, key=_gravity))


def _gravity(error: MicropipLockError) -> int:
    return next((rank for rank, kinds in enumerate(_GRAVITY) if isinstance(error, kinds)), len(_GRAVITY))


def raise_all(errors: Sequence[MicropipLockError]) -> None:
    """Raise the first of these errors, with all of them in its ``errors``; nothing when there is none."""
    if errors:
        first = copy.copy(errors[0])
        first.errors = tuple(errors)
        raise first
