"""The vectors of the boot path say what Python does; ``js/src`` is held to them by its own tests."""

from __future__ import annotations

import pytest

from tests.core.boot_vectors import VECTORS, written


@pytest.mark.parametrize("name", ["lock_read.json", "records.json", "requires_python.json"])
def test_they_are_what_python_does(name: str) -> None:
    """The committed file is what Python computes now; if not: ``python -m tests.core.boot_vectors``."""
    assert written()[name] == (VECTORS / name).read_text("utf-8")
