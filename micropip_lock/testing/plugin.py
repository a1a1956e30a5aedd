"""The pytest plugin: fixtures that hand out package indexes and close them.

Registered as ``micropip_lock`` in the ``pytest11`` group, so it is loaded in every test run of an environment that has
micropip-lock.  Rule: loading it imports nothing but pytest; the index is imported by the first test that asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from micropip_lock.testing.index import PackageIndex


@pytest.fixture
def package_index() -> Iterator[PackageIndex]:
    """A running, empty :class:`micropip_lock.testing.PackageIndex` that allows every CORS origin."""
    from micropip_lock.testing.index import PackageIndex

    with PackageIndex() as index:
        yield index


@pytest.fixture
def package_index_factory() -> Iterator[Callable[..., PackageIndex]]:
    """Makes running indexes; takes the arguments of :class:`micropip_lock.testing.PackageIndex`, closes them all."""
    from contextlib import ExitStack

    from micropip_lock.testing.index import PackageIndex

    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(PackageIndex(**options))
