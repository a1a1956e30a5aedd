"""Tests of :mod:`micropip_lock.core.abis`: releases, tags, and what is neither."""

from __future__ import annotations

import pytest

from micropip_lock.core.abis import ABIS, abi_of_release, abis_of_tags
from micropip_lock.core.plan import python_of, runtime_tags
from micropip_lock.errors import UsageError


@pytest.mark.parametrize(
    ("release", "abi_version"),
    [
        ("0.26.4", "2024_0"),
        ("0.27.7", "2024_0"),
        ("0.28.0", "2025_0"),
        ("0.29.4", "2025_0"),
        ("314.0.7", "2026_0"),
        ("314.0.0a1", "2026_0"),
    ],
)
def test_releases(release: str, abi_version: str) -> None:
    """A release has the ABI of its series, pre-releases too."""
    assert ABIS[abi_version] == abi_of_release(release)


@pytest.mark.parametrize("text", ["", "0.25.0", "0.290.1", "315.0.0", "314", "0.29", "latest", "x/314.0.7"])
def test_what_is_no_known_release(text: str) -> None:
    """A release whose ABI nobody told us is an error, not a guess."""
    with pytest.raises(UsageError) as caught:
        abi_of_release(text)
    assert ("pyodide-spec", text) == (caught.value.code, caught.value.got)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([], ()),
        (["py3-none-any", "py2.py3-none-any"], ()),
        (["cp314-cp314-pyemscripten_2026_0_wasm32"], ("2026_0",)),
        (["cp313-cp313-pyodide_2025_0_wasm32"], ("2025_0",)),
        (["cp313-cp313-emscripten_4_0_9_wasm32"], ("2025_0",)),
        (["cp313-cp313-pyodide_2025_0_wasm32.pyemscripten_2026_0_wasm32"], ("2025_0", "2026_0")),
        (["cp313-cp313-emscripten_1_2_3_wasm32"], ()),
        (["cp314-cp314-pyemscripten_2099_1_wasm32"], ("2099_1",)),
        (["cp313-cp313-manylinux_2_17_x86_64", "", "-", "pyemscripten_2026_0_wasm32x"], ()),
    ],
)
def test_tags(tags: list[str], expected: tuple[str, ...]) -> None:
    """Tags of Pyodide name ABIs, old spellings and compressed sets included; all others name none."""
    assert expected == abis_of_tags(tags)


@pytest.mark.parametrize("abi_version", sorted(ABIS))
def test_the_table_agrees_with_the_tags(abi_version: str) -> None:
    """Each known ABI takes wheels that name it, and its Python is the one its tags say."""
    abi = ABIS[abi_version]
    named = {found for tag in runtime_tags(abi) for found in abis_of_tags([tag])}
    assert ({abi_version}, ".".join(map(str, python_of(abi)))) == (named, abi.python.rpartition(".")[0])
