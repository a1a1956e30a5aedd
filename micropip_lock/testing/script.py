"""Which fault is due: rules of path pattern and faults, used up in order.

Rules this file keeps:

1. Rules are tried in the order they were added; within one, faults take turns in the order they were given.  When all
   of a rule's faults are used up, later rules and then the right answer have their turn.
2. ``each=True`` counts for every path on its own, so that "each wheel fails once" is one line.
3. Safe across threads: exactly ``times`` requests are spoiled, however many arrive at once.

What a fault does is left to :mod:`micropip_lock.testing.faults`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from micropip_lock.errors import UsageError
from micropip_lock.testing.exchange import Exchange
from micropip_lock.testing.faults import Fault


@dataclass(kw_only=True, slots=True)
class _Rule:
    glob: str
    faults: tuple[Fault, ...]
    each: bool
    used: dict[str, list[int]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def counts(self, path: str) -> list[int]:
        """How often each fault was used, for this path or for all."""
        return self.used.setdefault(path if self.each else "", [0] * len(self.faults))


class FaultScript:
    """The faults still to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []

    def add(self, glob: str, faults: Sequence[Fault], *, each: bool = False) -> None:
        """Spoil requests whose path matches ``glob``, in which ``*`` also matches ``/``.

        Raises:
            UsageError: No fault was given, or one with fewer than one ``times``.
        """
        if not faults:
            raise UsageError("no fault was given", where=f"fault({glob!r})", hint="pass e.g. Status(503, times=1)")
        for fault in faults:
            if fault.times is not None and fault.times < 1:
                raise UsageError(
                    "a fault happens at least once",
                    where=f"fault({glob!r})",
                    expected="times >= 1, or None for every time",
                    got=str(fault.times),
                    hint="leave the fault out instead",
                )
        with self._lock:
            self._rules.append(_Rule(glob=glob, faults=tuple(faults), each=each))

    def due(self, exchange: Exchange) -> Fault | None:
        """The fault for this request, counted as used; None for the right answer."""
        with self._lock:
            for rule in self._rules:
                if not fnmatchcase(exchange.path, rule.glob):
                    continue
                asked_before = rule.asked.get(exchange.path, 0)
                if exchange.method != "OPTIONS":
                    rule.asked[exchange.path] = asked_before + 1
                counts = rule.counts(exchange.path)
                for position, fault in enumerate(rule.faults):
                    if fault.times is not None and counts[position] >= fault.times:
                        continue
                    if fault.applies(exchange, asked_before):
                        counts[position] += 1
                        return fault
                    break  # its turn, but it lets this request pass: the next fault must not overtake it
        return None

    def clear(self) -> None:
        """Forget every rule."""
        with self._lock:
            self._rules.clear()

    def unused(self) -> list[tuple[str, Fault]]:
        """Faults, with their patterns, that have not happened, or not as often as ``times`` says.

        A test that asserts this is empty cannot pass because its pattern had a typing error.
        """
        with self._lock:
            return [
                (rule.glob, fault)
                for rule in self._rules
                for position, fault in enumerate(rule.faults)
                if not rule.used
                or any(counts[position] < (1 if fault.times is None else fault.times) for counts in rule.used.values())
            ]
