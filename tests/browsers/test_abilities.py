"""What the engine needs of every browser is there; what only some have saves time, and is found out by using it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.browsers.kernel import Web, opened

NEEDED: Final = (
    "fetch with a body that is read as it arrives",
    "a fetch that is aborted",
    "SHA-256 (crypto.subtle)",
    "WebAssembly exceptions",
    "WebAssembly, 64-bit numbers as BigInt",
    "Web Locks",
)


@pytest.fixture(scope="module")
def abilities(web: Web) -> dict[str, Any]:
    """What one place can do: true, false, or the name of the error that trying it gave."""
    with opened(web, pyodide=False) as kernel:
        told: dict[str, Any] = kernel.tab.evaluate("() => place.abilities()")
        return told


def test_what_is_needed_is_there(abilities: dict[str, Any]) -> None:
    """Fetch, abort, digest, the WebAssembly of Pyodide and locks between tabs are everywhere."""
    assert dict.fromkeys(NEEDED, True) == {name: abilities.get(name) for name in NEEDED}
