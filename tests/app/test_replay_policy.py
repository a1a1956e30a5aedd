"""Replay and verify under a policy: judged before the first request, bytes again as they arrive, nothing changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.verify import verify, verify_wheels
from micropip_lock.core.model import Lock, Origin
from micropip_lock.core.policy import Policy
from micropip_lock.ports import RuntimeLock
from tests.app.replaying import ALL, NAMES, WHEELS, Network, failing, lock_of, locked, outcomes, run, snapshot

TOTAL = sum(built.size for built in WHEELS.values())
ALPHA = WHEELS["alpha"]
INSECURE = lock_of(locked(ALPHA, wheel=replace(locked(ALPHA).wheel, url=f"http://files.example/{ALPHA.filename}")))
ELSEWHERE = "https://other.example/simple"


def unsized() -> Lock:
    """All wheels, their sizes unknown until they arrive."""
    return lock_of(*(replace(one, wheel=replace(one.wheel, size=None)) for one in ALL))


@pytest.mark.parametrize(
    ("lock", "policy", "code"),
    [
        (ALL, Policy(index_pins={"beta": ELSEWHERE}), "index-pin"),
        (ALL, Policy(allow_hosts=("cdn.example",)), "host-not-allowed"),
        (INSECURE, Policy(), "insecure"),
        (ALL, Policy(max_hosts=0), "too-many-hosts"),
        (ALL, Policy(ask_above_bytes=TOTAL - 1), "large-download"),
        (ALL, Policy(max_download_bytes=TOTAL - 1), "too-large"),
        (ALL, Policy(max_wheel_bytes=ALPHA.size - 1), "too-large"),
    ],
)
async def test_refused_before_any_request(tmp_path: Path, lock: Lock, policy: Policy, code: str) -> None:
    """A lock that the policy forbids, or that needs consent, sends no request and changes nothing."""
    network, site = Network(), tmp_path / "site"
    error = await failing(site, lock, network, policy=policy)
    assert (code, True, [], False) == (error.code, bool(error.hint), network.asked, site.exists())


async def test_at_the_limit(tmp_path: Path) -> None:
    """Just as many hosts and bytes as the policy allows are no matter, and neither is what was agreed to."""
    exact = Policy(max_hosts=1, ask_above_bytes=TOTAL, max_download_bytes=TOTAL, allow_hosts=None)
    agreed = Policy(max_hosts=0, ask_above_bytes=0, consent=True)
    reports = [await run(tmp_path / str(at), policy=policy) for at, policy in enumerate((exact, agreed))]
    assert [dict.fromkeys(sorted(NAMES), "installed")] * 2 == [outcomes(report) for report in reports]


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (Policy(ask_above_bytes=TOTAL), None),
        (Policy(ask_above_bytes=TOTAL - 1), "large-download"),
        (Policy(ask_above_bytes=TOTAL - 1, consent=True), None),
        (Policy(max_download_bytes=TOTAL - 1, consent=True), "too-large"),
        (Policy(max_wheel_bytes=max(built.size for built in WHEELS.values())), None),
        (Policy(max_wheel_bytes=max(built.size for built in WHEELS.values()) - 1), "too-large"),
    ],
)
async def test_sizes_that_nobody_stated(tmp_path: Path, policy: Policy, code: str | None) -> None:
    """Bytes of wheels whose size the lock does not say are counted as they arrive; too many change nothing."""
    site = tmp_path / "site"
    if code is None:
        assert len(NAMES) == len((await run(site, unsized(), policy=policy)).packages)
    else:
        error = await failing(site, unsized(), policy=policy)
        assert (code, {}) == (error.code, snapshot(site) if site.exists() else {})


async def test_a_pinned_package_from_its_index(tmp_path: Path) -> None:
    """A pinned package whose origin is its index is installed; one without an origin, or from an address, is not."""
    policy = Policy(index_pins={"alpha": "https://index.example/simple/"})
    report = await run(tmp_path / "good", lock_of(ALPHA), policy=policy)
    url = Origin(kind="url", url=locked(ALPHA).wheel.url)
    errors = [
        await failing(tmp_path / "bad", lock_of(locked(ALPHA, origin=origin)), policy=policy) for origin in (None, url)
    ]
    assert ({"alpha": "installed"}, ["index-pin"] * 2) == (outcomes(report), [error.code for error in errors])


async def test_verify_keeps_the_policy(tmp_path: Path) -> None:
    """What a replay would refuse is an error of a verification, of an environment and of wheels."""
    lock = lock_of(ALPHA)
    await run(tmp_path, lock)
    policy = Policy(index_pins={"alpha": ELSEWHERE})
    reports = [
        verify(lock, SitePackages(tmp_path), RuntimeLock(), policy=policy),
        verify_wheels(lock, lambda filename: ALPHA.data, policy=policy),
        verify(lock, SitePackages(tmp_path), RuntimeLock()),
    ]
    assert [["index-pin"], ["index-pin"], []] == [[one.code for one in report.errors] for report in reports]
