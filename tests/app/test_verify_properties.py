"""Verify over any environment and any lock of one: findings, and never an error."""

from __future__ import annotations

from hypothesis import given

from micropip_lock.app.freeze import freeze
from micropip_lock.app.verify import verify
from micropip_lock.core.verdict import VerifyReport
from micropip_lock.ports import RuntimeLock
from micropip_lock.testing.site import MemorySite
from tests.app.test_freeze_properties import Runtime, Site, mocks, runtimes
from tests.sites import Memory, Tree, sites


@given(sites(), sites(), mocks, runtimes)
def test_findings_and_no_error(one: Tree, other: Tree, others: list[Memory], runtime_lock: RuntimeLock) -> None:
    """Whatever lies in a site, an environment is compared with the lock of another, and the report can be kept."""
    lock = freeze(MemorySite(one), Runtime(runtime_lock), strict=False)
    report = verify(lock, Site(MemorySite(other), others), runtime_lock)
    assert report == VerifyReport.from_json(report.to_json())


@given(sites(), mocks, runtimes)
def test_what_was_frozen_is_what_is_there(tree: Tree, others: list[Memory], runtime_lock: RuntimeLock) -> None:
    """An environment has no errors against its own lock, where that holds all of it."""
    site = Site(MemorySite(tree), others)
    lock = freeze(site, Runtime(runtime_lock), strict=False)
    # RECORD may name a file by its absolute path; a freeze does not look at what lies outside, verify warns of it.
    # And what a record says of a wheel's size may be more than a policy allows, which is no matter of a freeze.
    known = ("record-unsafe-path", "too-large")
    errors = [one for one in verify(lock, site, runtime_lock).errors if one.code not in known]
    assert bool(lock.unlocked) or [] == errors
