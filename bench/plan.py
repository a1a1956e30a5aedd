"""What is measured, and how often: the whole takes less than half an hour on two cores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bench.samples import Cell


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """A cell and its rounds.

    Attributes:
        cell: Where.
        rounds: How often each contender runs, in turn with the others.
        only: Who takes part; by default whoever says that it runs there.
    """

    cell: Cell
    rounds: int
    only: tuple[str, ...] = ()


def _leg(set: str, place: str, link: str, visit: str, rounds: int, only: tuple[str, ...] = ()) -> Leg:  # noqa: A002  # the word of the samples
    return Leg(cell=Cell(set=set, place=place, link=link, visit=visit), rounds=rounds, only=only)


PLAN: Final = (
    _leg("S", "worker", "loopback", "cold", 5),
    _leg("M", "worker", "loopback", "cold", 5),
    _leg("B", "worker", "loopback", "cold", 3),
    _leg("X", "worker", "loopback", "cold", 3),
    _leg("L", "worker", "loopback", "cold", 1),
    _leg("S", "worker", "loopback", "warm", 3),
    _leg("M", "worker", "loopback", "warm", 3),
    _leg("B", "worker", "loopback", "warm", 3),
    _leg("L", "worker", "loopback", "warm", 1),
    _leg("M", "page", "loopback", "cold", 3),
    _leg("M", "node", "loopback", "cold", 3),
    _leg("M", "node", "loopback", "warm", 3),
    _leg("S", "worker", "slow", "cold", 3),
    _leg("M", "worker", "slow", "cold", 3),
    _leg("B", "worker", "slow", "cold", 1),
    # A page that opens a lock link against the same page that installs the same names.
    _leg("K", "page", "slow", "cold", 3, ("boot", "micropip-names", "ours-link", "ours-link-stdlib")),
)
"""The whole run."""

QUICK: Final = (
    _leg("S", "worker", "loopback", "cold", 3),
    _leg("M", "worker", "loopback", "cold", 3),
    _leg("M", "worker", "loopback", "warm", 1),
)
"""A first look, in some minutes."""


def legs(
    plan: tuple[Leg, ...],
    *,
    sets: tuple[str, ...] | None,
    places: tuple[str, ...] | None,
    links: tuple[str, ...] | None,
    visits: tuple[str, ...] | None,
    rounds: int | None,
) -> list[Leg]:
    """The legs of a plan that a person wants; what the plan lacks is made, with three rounds.

    Each of the four narrows; naming a set, place, link or visit that the plan does not combine so far adds it.
    """
    wanted = [
        leg
        for leg in plan
        if (sets is None or leg.cell.set in sets)
        and (places is None or leg.cell.place in places)
        and (links is None or leg.cell.link in links)
        and (visits is None or leg.cell.visit in visits)
    ]
    if sets and places and links and visits:
        known = {leg.cell for leg in wanted}
        every = (Cell(set=s, place=p, link=k, visit=v) for s in sets for p in places for k in links for v in visits)
        wanted += [Leg(cell=cell, rounds=3) for cell in every if cell not in known]
    return [replace(leg, rounds=rounds or leg.rounds) for leg in wanted]
