"""A mounted tree behaves like an unpacked one in Chromium too, in a page and in a worker: a short run of programs.

The long one is :mod:`tests.e2e.test_node_mount_truth`; the file system is the same, the inflater and the thread differ.
"""

from __future__ import annotations

import pytest

from tests.e2e.chromium import PLACES, Place, Web, browser_kernel
from tests.e2e.truth.running import bring, first_difference

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("place", PLACES)
async def test_a_mounted_tree_behaves_like_an_unpacked_one(web: Web, place: Place) -> None:
    """Each operation of each program gives the same on both sides, and so does the tree in the end."""
    async with browser_kernel(web, place) as page:
        await bring(page)
        difference = await first_difference(page, 3_000, 3_150)

    assert difference is None
