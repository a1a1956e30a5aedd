"""Tests of :mod:`micropip_lock.core.judgement`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.judgement import PolicyVerdict, download_fault, forbidden, judge
from micropip_lock.core.model import Lock, Origin
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.core.policy_fields import MIB
from micropip_lock.errors import InputError, LockPolicyError
from tests.core.policies import PUBLIC, lock_with, package_at, policies, policy_locks
from tests.core.test_policy import PINNED, WIDER


def _hosts(count: int, base: str | None = None) -> Lock:
    return lock_with(*(package_at(f"https://h{number}.example/a.whl") for number in range(count)), base=base)


def _sized(*sizes: int | None) -> Lock:
    return lock_with(*(package_at(f"https://files.example/{at}.whl", size=size) for at, size in enumerate(sizes)))


@pytest.mark.parametrize(
    ("policy", "lock", "answer", "code"),
    [
        (DEFAULT_POLICY, _hosts(0), "allowed", None),
        (DEFAULT_POLICY, _hosts(8), "allowed", None),
        (DEFAULT_POLICY, _hosts(9), "needs-consent", "too-many-hosts"),
        (DEFAULT_POLICY, _hosts(300), "needs-consent", "too-many-hosts"),
        (Policy(consent=True), _hosts(300), "allowed", None),
        (Policy(max_hosts=9), _hosts(9), "allowed", None),
        (Policy(allow_hosts=tuple(f"h{number}.example" for number in range(9))), _hosts(9), "allowed", None),
        (DEFAULT_POLICY, _sized(256 * MIB), "needs-consent", "large-download"),
        (Policy(consent=True), _sized(256 * MIB), "allowed", None),
        (Policy(consent=True), _sized(256 * MIB + 1), "refused", "too-large"),
        (DEFAULT_POLICY, _sized(60 * MIB, 40 * MIB, None), "allowed", None),
        (DEFAULT_POLICY, _sized(60 * MIB, 40 * MIB + 1), "needs-consent", "large-download"),
        (Policy(consent=True), _sized(*[256 * MIB] * 4), "allowed", None),
        (Policy(consent=True), _sized(*[256 * MIB] * 4, 1), "refused", "too-large"),
        (Policy(max_wheel_bytes=9), _sized(9), "allowed", None),
        (Policy(max_wheel_bytes=9), _sized(10), "refused", "too-large"),
        (PINNED, lock_with(package_at("https://files.example/a.whl", name="acme-x")), "refused", "index-pin"),
    ],
)
def test_answers(policy: Policy, lock: Lock, answer: str, code: str | None) -> None:
    """Each cap holds at its limit and not beyond; consent opens what needs it and nothing that is refused."""
    verdict = judge(policy, lock)
    try:
        verdict.check()
        raised = None
    except InputError as error:
        raised = error.code
    assert (answer, code) == (verdict.answer, raised)


@pytest.mark.parametrize(
    ("total", "code"),
    [
        (100 * MIB, None),
        (100 * MIB + 1, "large-download"),
        (1024 * MIB, "large-download"),
        (1024 * MIB + 1, "too-large"),
    ],
)
def test_downloads(total: int, code: str | None) -> None:
    """Bytes need consent above 100 MiB and are refused above 1 GiB."""
    fault = download_fault(DEFAULT_POLICY, total)
    assert code == (fault and fault.code)


def test_the_base_is_a_host_too() -> None:
    """A relative file is on the lock's own host, which counts as one."""
    lock = lock_with(
        package_at("a.whl"), package_at("https://files.example/b.whl"), base="https://site.example/lock.json"
    )
    assert ("files.example", "site.example") == judge(DEFAULT_POLICY, lock).hosts


def test_only_downloads_count() -> None:
    """Bytes of what is installed already are not counted."""
    lock = _sized(200 * MIB, 1)
    small = [package for package in lock if package.wheel.size == 1]
    assert ("allowed", 1) == (
        judge(DEFAULT_POLICY, lock, small).answer,
        judge(DEFAULT_POLICY, lock, small).download_bytes,
    )


@pytest.mark.parametrize(
    ("count", "got"),
    [
        (9, "9: " + ", ".join(f"h{number}.example" for number in range(9))),
        (12, "12: " + ", ".join(sorted(f"h{number}.example" for number in range(12)))),
        (13, "13: " + ", ".join(sorted(f"h{number}.example" for number in range(13))[:12]) + ", …"),
    ],
)
def test_many_hosts_are_named(count: int, got: str) -> None:
    """Who is asked for consent reads how many hosts there are, and the first twelve."""
    (ask,) = judge(DEFAULT_POLICY, _hosts(count)).needs_consent
    assert got == ask.got


def test_unknown_sizes_are_no_bytes() -> None:
    """A wheel whose size nobody wrote counts as nothing, also where nothing at all may be downloaded."""
    policy = Policy(max_wheel_bytes=0, max_download_bytes=0, ask_above_bytes=0)
    verdict = judge(policy, _sized(None, None))
    assert ("allowed", 0) == (verdict.answer, verdict.download_bytes)


def test_a_verdict_of_nothing() -> None:
    """A verdict without facts allows, and downloads nothing."""
    assert ("allowed", 0) == (PolicyVerdict().answer, PolicyVerdict().download_bytes)


def test_everything_is_told() -> None:
    """A verdict has every reason, in words, in JSON and in the error; consent is told with what to pass."""
    lock = lock_with(
        *_hosts(9),
        package_at("http://old.example/a.whl", size=300 * MIB),
        package_at("https://files.example/x.whl", name="acme-x", origin=Origin(kind="index", url="", index=PUBLIC)),
    )
    verdict = judge(PINNED, lock)
    with pytest.raises(LockPolicyError) as caught:
        verdict.check()
    asks = verdict.to_json()["needs_consent"]
    assert (
        "refused",
        {"insecure", "too-large", "index-pin"},
        ["too-many-hosts", "large-download"],
        5,
        True,
    ) == (
        verdict.to_json()["answer"],
        {fault["code"] for fault in verdict.to_json()["refused"]},
        [ask["code"] for ask in asks],
        len(caught.value.errors),
        all("Policy(consent=True)" in ask["hint"] and "--yes" in ask["hint"] for ask in asks),
    )


def test_findings() -> None:
    """A verification tells the packages that are refused, and not how much a replay would download."""
    lock = lock_with(*_hosts(9), package_at("http://old.example/a.whl", name="old", size=200 * MIB))
    found = [(one.package, one.code, one.severity) for one in forbidden(DEFAULT_POLICY, lock)]
    assert [("old", "insecure", "error")] == found


def _worse(before: PolicyVerdict, after: PolicyVerdict) -> bool:
    order = ("allowed", "needs-consent", "refused")
    return order.index(after.answer) > order.index(before.answer)


@given(policies, policy_locks(), st.sampled_from(WIDER[1:]))
def test_widening_never_asks_more(
    policy: Policy, lock: Lock, widen: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """A wider policy refuses no lock that was allowed, and asks for no consent that was not needed."""
    assert not _worse(judge(policy, lock), judge(Policy.from_dict(widen(policy.to_dict())), lock))


@given(policies, policy_locks())
def test_any_host_refuses_no_more_than_listed_ones(policy: Policy, lock: Lock) -> None:
    """Without a list of hosts nothing is refused that was not; many hosts need consent then."""
    wider = Policy.from_dict(WIDER[0](policy.to_dict()))
    before = {(fault.package, fault.code) for fault in judge(policy, lock).refused}
    assert {(fault.package, fault.code) for fault in judge(wider, lock).refused} <= before


@given(policies, policy_locks())
def test_consent_lifts_no_refusal(policy: Policy, lock: Lock) -> None:
    """With consent nothing needs it any more, and what is refused stays so."""
    agreed = judge(Policy.from_dict({**policy.to_dict(), "consent": True}), lock)
    assert ((), len(judge(policy, lock).refused)) == (agreed.needs_consent, len(agreed.refused))
