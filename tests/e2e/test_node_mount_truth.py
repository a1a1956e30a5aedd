"""A mounted tree behaves like an unpacked one: random programs of file operations give the same on both, under Node.

Programs are numbered, the same ones on every machine. ``MICROPIP_LOCK_TRUTH`` names others: ``50000`` (from 0) or
``50000-90000``; ``make truth`` sets it.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.e2e.kernel import kernel
from tests.e2e.sets import PYODIDE_029, PYODIDE_314
from tests.e2e.truth.running import bring, first_difference, registered

pytestmark = pytest.mark.node

ORDINARY: Final = {PYODIDE_314: (0, 1_400), PYODIDE_029: (1_400, 2_000)}
BATCH: Final = 200


def numbers(version: str) -> tuple[int, int]:
    """Which programs to run."""
    asked = os.environ.get("MICROPIP_LOCK_TRUTH", "")
    if not asked:
        return ORDINARY[version]
    first, _, last = asked.rpartition("-")
    return int(first or 0), int(last)


@pytest.mark.slow
@pytest.mark.parametrize("version", ORDINARY)
async def test_a_mounted_tree_behaves_like_an_unpacked_one(version: str) -> None:
    """Each operation of each program gives the same on both sides, error for error, and so does the tree in the end."""
    start, stop = numbers(version)
    async with kernel(version) as node:
        await bring(node)
        for batch in range(start, stop, BATCH):
            assert await first_difference(node, batch, min(batch + BATCH, stop)) is None


async def test_a_difference_is_found_and_made_short() -> None:
    """A side that forgets to cut a file off is told, by a program of no more steps than it takes."""
    async with kernel(PYODIDE_314) as node:
        await bring(node)
        await node.ask("""
import os
from tests.e2e.truth import side
def wrong(here, path, size):
    return None if here.root.endswith("/m") and os.path.isfile(here.at(path)) else right(here, path, size)
right = side.OPERATIONS["truncate"]
side.OPERATIONS["truncate"] = wrong
answer = 0
""")
        found = await first_difference(node, 0, 1000)

    assert found is not None
    assert (2, "truncate") == (len(found["program"]), found["program"][-1][0])


async def test_every_operation_is_in_some_program() -> None:
    """Programs do everything that is registered, and nearly all of it succeeds in some of them."""
    async with kernel(PYODIDE_314) as node:
        await bring(node)
        known, used, succeeded = await registered(node, 0, 400)

    assert sorted(known) == sorted(used)
    # Emscripten has no hard links.
    assert {"link"} == set(known) - set(succeeded)
