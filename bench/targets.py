"""What the project promises of replays, and whether the samples keep it.

It is pure. A promise names its contender first by the one that shows it best; where that was not measured, the next one
stands in, and where none was, the promise is neither kept nor broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bench.samples import Cell, Sample, median

KERNEL: Final = "ours-python"
"""``await micropip_lock.replay(lock)`` in a kernel that something else booted."""
ENGINE: Final = "ours-engine"
"""The engine alone, without Python around it."""
BOOT: Final = "ours-boot"
"""Our own boot path, whole wheels."""
WIRE: Final = "wire"
"""Fetching every byte, and nothing else."""
LINK: Final = "ours-link"
"""A lock link, from the click on."""
PACK: Final = "ours-start"
"""The same, with what is needed first."""

type Value = Literal["install", "ready", "total", "installed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One promise.

    Attributes:
        text: What is promised.
        least: The least that it must be, or ``None``.
        most: The most that it may be, or ``None``.
        value: Its value over the samples, ``None`` when they do not tell.
    """

    text: str
    least: float | None = None
    most: float | None = None
    value: Callable[[Measured], float | None]

    def kept(self, value: float) -> bool:
        """Whether a value keeps the promise."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Samples that can be asked.

    Attributes:
        samples: All of a run.
        wheels: How many wheels a set has.
        floors: Milliseconds that the bytes of a set take over the slow link at least.
    """

    samples: Sequence[Sample]
    wheels: Mapping[str, int]
    floors: Mapping[str, float]

    def of(
        self,
        names: Sequence[str],
        value: Value,
        name: str,
        *,
        place: str = "worker",
        link: str = "loopback",
        visit: str = "cold",
    ) -> float | None:
        """The median of the first of these contenders that was measured there with this set."""
        cell = Cell(set=name, place=place, link=link, visit=visit)
        for contender in names:
            own = [one for one in self.samples if one.cell == cell and one.contender == contender]
            if (found := median(own, lambda one: float(getattr(one, value)))) is not None:
                return found
        return None

    def above_empty(self, names: Sequence[str], name: str, *, visit: str = "cold") -> float | None:
        """Bytes above a booted runtime once everything is installed."""
        return _minus(self.of(names, "installed", name, visit=visit), self.of(["boot"], "installed", name, visit=visit))


def _minus(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else value / base


def _install(other: str, name: str, own: Sequence[str]) -> Callable[[Measured], float | None]:
    return lambda seen: _ratio(seen.of([other], "install", name), seen.of(own, "install", name))


def _total(name: str, visit: str, own: str = BOOT) -> Callable[[Measured], float | None]:
    return lambda seen: _ratio(
        seen.of(["load-package"], "total", name, visit=visit), seen.of([own], "total", name, visit=visit)
    )


def _slow(name: str, own: str) -> Callable[[Measured], float | None]:
    """Against all bytes of the wheels over the same link and nothing else: measured, or else by its speed."""

    def times(seen: Measured) -> float | None:
        wire = seen.of([WIRE], "install", name, link="slow") or seen.floors.get(name)
        return _ratio(seen.of([own], "ready", name, link="slow"), wire)

    return times


def _linked(own: str) -> Callable[[Measured], float | None]:
    """From the click on a link until all is imported, in a page, against micropip and the same names."""

    def times(seen: Measured) -> float | None:
        names, ours = (seen.of([one], "total", "K", place="page", link="slow") for one in ("micropip-names", own))
        return _ratio(names, ours)

    return times


def _memory(visit: str) -> Callable[[Measured], float | None]:
    return lambda seen: _ratio(
        seen.above_empty([BOOT, KERNEL], "B", visit=visit), seen.above_empty(["load-package"], "B")
    )


def _per_wheel(seen: Measured) -> float | None:
    many, few = (_ratio(seen.of([ENGINE, KERNEL], "install", name), seen.wheels.get(name)) for name in ("L", "S"))
    return _ratio(many, few)


_FAST: Final = (ENGINE, KERNEL)

TARGETS: Final = (
    Target(
        text="M, install, first visit, loopback: ratio to the limit",
        most=1.15,
        value=lambda seen: _ratio(seen.of(_FAST, "install", "M"), seen.of(["limit"], "install", "M")),
    ),
    Target(text="M, the same: times faster than loadPackage", least=5, value=_install("load-package", "M", _FAST)),
    Target(text="M, the same: times faster than micropip", least=6.5, value=_install("micropip-names", "M", _FAST)),
    Target(
        text="M, the same, by a call in a kernel: times faster than loadPackage",
        least=4,
        value=_install("load-package", "M", [KERNEL]),
    ),
    Target(
        text="M, page open to all imported, our boot path with whole wheels: times faster than loadPackage",
        least=1.9,
        value=_total("M", "cold"),
    ),
    Target(
        text="M, the same, with a start pack",
        least=1.9,
        value=_total("M", "cold", PACK),
    ),
    *(
        Target(
            text=f"{name}, our boot path, second visit: times faster than loadPackage's second visit",
            least=least,
            value=_total(name, "warm"),
        )
        for name, least in (("M", 5.0), ("B", 6.5), ("L", 7.0))
    ),
    *(
        Target(
            text=f"{name}, 30 ms and 50 Mbit/s, ready to import, whole wheels: ratio to the wire",
            most=1.02,
            value=_slow(name, BOOT),
        )
        for name in ("M", "B")
    ),
    *(
        Target(
            text=f"{name}, the same, what is needed first: ratio to the wire of whole wheels",
            most=most,
            value=_slow(name, PACK),
        )
        for name, most in (("M", 0.3), ("B", 0.2))
    ),
    Target(
        text="K, 30 ms and 50 Mbit/s, click on a lock link to all imported: times faster than micropip and the names",
        least=1.2,
        value=_linked(LINK),
    ),
    Target(
        text="K, the same, from a page that has a compiled standard library",
        least=1.8,
        value=_linked(f"{LINK}-stdlib"),
    ),
    Target(text="install of a wheel of L against one of S", most=1.2, value=_per_wheel),
    Target(
        text="X, install, first visit: times faster than loadPackage",
        least=25,
        value=_install("load-package", "X", _FAST),
    ),
    Target(text="B, memory above an empty runtime, first visit: ratio to loadPackage", most=0.7, value=_memory("cold")),
    Target(text="B, the same, second visit", most=0.4, value=_memory("warm")),
)
"""In the order in which docs/benchmarks.md lists them."""


def lines(seen: Measured) -> list[str]:
    """The rows of the table of promises."""
    found = ["| promised | at most or least | measured | |", "| --- | ---: | ---: | --- |"]
    for one in TARGETS:
        bound = f"≤ {one.most:g}" if one.most is not None else f"≥ {one.least:g}"
        value = one.value(seen)
        if value is None:
            found.append(f"| {one.text} | {bound} | | not measured |")
        else:
            found.append(f"| {one.text} | {bound} | {value:.2f} | {'kept' if one.kept(value) else 'not kept'} |")
    return found
