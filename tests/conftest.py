"""What holds for every test.

Property tests have no deadline, because the machines that run them are shared. No test takes wheels from the store of
whoever runs it, or keeps some there: those that are about a store turn it on with a directory of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings


@pytest.fixture(autouse=True, scope="session")
def quick_disk() -> Iterator[None]:
    """No test waits for a disk; what is flushed, and when, has a test of its own (tests/adapters/test_journal.py)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")
os.environ["MICROPIP_LOCK_STORE"] = "off"
