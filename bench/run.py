"""Runs the legs: contenders in turn, A B C A B C …, so that what the machine does beside it meets all of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import browser, node
from bench.node import SampleError
from bench.plan import Leg
from bench.samples import Cell, Sample
from bench.stand import CACHE, Link, Stand

type Tell = Callable[[Sample], None]


def takes_part(contender: Mapping[str, Any], cell: Cell) -> bool:
    """Whether a contender says that it runs there."""
    return cell.place in contender["places"] and (cell.visit in contender["visits"]) and cell.link in contender["links"]


async def run(stand: Stand, legs: Sequence[Leg], contenders: Sequence[Mapping[str, Any]], tell: Tell) -> None:
    """Measure.

    Args:
        stand: The server.
        legs: What to measure.
        contenders: Who, in order, as :func:`bench.node.describe` tells.
        tell: Called with each sample.
    """
    for leg in legs:
        names = [
            str(one["name"])
            for one in contenders
            if takes_part(one, leg.cell) and (not leg.only or one["name"] in leg.only)
        ]
        if leg.cell.visit == "warm":
            shutil.rmtree(CACHE / "visits", ignore_errors=True)
        for number in range(leg.rounds):
            for name in names:
                tell(await _sample(stand, leg.cell, name, number))


async def _sample(stand: Stand, cell: Cell, contender: str, number: int) -> Sample:
    store = CACHE / "visits" / contender
    link: Link = "slow" if cell.link == "slow" else "loopback"
    spec = stand.spec(contender=contender, name=cell.set, place=cell.place, link=link, visit=cell.visit, store=store)
    try:
        numbers = await _numbers(stand, cell, spec, store)
    except SampleError as error:
        return Sample(cell=cell, contender=contender, round=number, error=str(error))
    return Sample(cell=cell, contender=contender, round=number, **numbers)


async def _numbers(stand: Stand, cell: Cell, spec: dict[str, Any], store: Path) -> dict[str, Any]:
    if cell.visit == "cold":
        if cell.place == "node":
            return await asyncio.to_thread(node.cold, stand, spec)
        return await browser.cold(stand, spec)
    first = not store.exists()
    store.mkdir(parents=True, exist_ok=True)
    if first:
        # What the visit that counts finds.
        await _visited(stand, cell, spec, store)
    return await _visited(stand, cell, spec, store)


async def _visited(stand: Stand, cell: Cell, spec: dict[str, Any], store: Path) -> dict[str, Any]:
    if cell.place == "node":
        return await asyncio.to_thread(node.visit, stand, spec)
    return await browser.warm(stand, spec, store)
