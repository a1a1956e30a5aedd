"""Tests of :mod:`micropip_lock.app.target`: for which Pyodide a directory was filled."""

from __future__ import annotations

import pytest

from micropip_lock.app.target import abi_of_site
from micropip_lock.core.abis import ABIS
from micropip_lock.core.model import Abi
from micropip_lock.errors import UsageError
from micropip_lock.testing import wheel
from micropip_lock.testing.site import MemorySite

PURE = wheel("pure")
NEW = wheel("new", tag="cp314-cp314-pyemscripten_2026_0_wasm32")
OLD = wheel("old", tag="cp313-cp313-pyodide_2025_0_wasm32")
UNKNOWN = wheel("unknown", tag="cp399-cp399-pyemscripten_2099_0_wasm32")
LINUX = wheel("linux", tag="cp313-cp313-manylinux_2_17_x86_64")


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (MemorySite(), None),
        (MemorySite(wheels=[PURE, LINUX]), None),
        (MemorySite(wheels=[PURE, NEW]), ABIS["2026_0"]),
        (MemorySite(wheels=[OLD]), ABIS["2025_0"]),
        (MemorySite(wheels=[UNKNOWN]), Abi(abi_version="2099_0")),
        (MemorySite({"left-1.dist-info/METADATA": "Name: left\nVersion: 1\n"}), None),
    ],
)
def test_what_the_wheels_say(site: MemorySite, expected: Abi | None) -> None:
    """The compiled wheels of Pyodide decide, also for an ABI that nobody knows yet; all others say nothing."""
    assert expected == abi_of_site(site)


def test_two_abis() -> None:
    """Wheels for two ABIs are told, with both."""
    with pytest.raises(UsageError) as caught:
        abi_of_site(MemorySite(wheels=[OLD, NEW]))
    assert ("abi-ambiguous", "2025_0, 2026_0") == (caught.value.code, caught.value.got)
