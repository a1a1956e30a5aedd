"""A lock against a policy: allowed, allowed with consent, or refused, and why.

Rules this file keeps:

1. The outcome is data; :meth:`PolicyVerdict.check` raises it. Consent never lifts a refusal.
2. All of a lock is judged, whatever is installed already; only bytes are those that would be fetched.

Left to others: what is allowed (:mod:`micropip_lock.core.policy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from micropip_lock.core.faults import Faults
from micropip_lock.core.hosts import place_of, shown_host
from micropip_lock.core.model import TOOL_NAME, Lock, LockedPackage
from micropip_lock.core.policy import Policy
from micropip_lock.core.policy_fields import mib
from micropip_lock.core.verdict import Finding
from micropip_lock.errors import InputError, LockPolicyError

_CONSENT_HINT: Final = "if that is meant, consent: policy=Policy(consent=True), or --yes on the command line"

Answer = Literal["allowed", "needs-consent", "refused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyVerdict:
    """What a policy says about a lock.

    Attributes:
        refused: Why it is refused; empty when it is not.
        needs_consent: What a person has to agree to.
        hosts: Every host that its files are on, sorted.
        download_bytes: Bytes to fetch, as far as the lock states them.
    """

    refused: tuple[InputError, ...] = ()
    needs_consent: tuple[LockPolicyError, ...] = ()
    hosts: tuple[str, ...] = ()
    download_bytes: int = 0

    @property
    def answer(self) -> Answer:
        """The verdict in one word."""
        return "refused" if self.refused else "needs-consent" if self.needs_consent else "allowed"

    def check(self) -> None:
        """Raise unless it is allowed.

        Raises:
            LockPolicyError: the first reason, with every one in ``errors``.
            LockSchemaError: an address that no lock can have.
        """
        faults = Faults()
        for error in (*self.refused, *self.needs_consent):
            faults.add(error)
        faults.check()

    def to_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return {
            "answer": self.answer,
            "refused": [error.to_json() for error in self.refused],
            "needs_consent": [error.to_json() for error in self.needs_consent],
            "hosts": list(self.hosts),
            "download_bytes": self.download_bytes,
        }


def download_fault(policy: Policy, total: int) -> LockPolicyError | None:
    """Why so many bytes may not be fetched: codes ``too-large``, ``large-download`` (consent); or ``None``."""
    if total > policy.max_download_bytes:
        return LockPolicyError(
            "the lock's files are larger than all of them may be together",
            code="too-large",
            expected=f"at most {policy.max_download_bytes} bytes (max-download-bytes)",
            got=f"{total} bytes",
            hint="raise max-download-bytes if you want them",
        )
    if total > policy.ask_above_bytes and not policy.consent:
        return LockPolicyError(
            f"this downloads more than {mib(policy.ask_above_bytes)}",
            code="large-download",
            expected=f"at most {policy.ask_above_bytes} bytes without consent (ask-above-bytes)",
            got=f"{total} bytes",
            hint=_CONSENT_HINT,
        )
    return None


def judge(policy: Policy, lock: Lock, downloads: Iterable[LockedPackage] | None = None) -> PolicyVerdict:
    """What a policy says about a lock; no network, no environment.

    Args:
        policy: What is allowed.
        lock: All of it is judged: addresses, origins, hosts.
        downloads: What would be fetched, for the bytes; all of it by default.
    """
    refused: list[InputError] = []
    asks: list[LockPolicyError] = []
    hosts: set[str] = set()
    for package in lock:
        refused += _faults_of(policy, package, lock.base)
    urls = [package.wheel.url for package in lock]
    if lock.start is not None:
        urls.append(lock.start.url)
        fault = policy.address_fault(lock.start.url, base=lock.base, where=f"tool.{TOOL_NAME}.start.url")
        refused += [] if fault is None else [fault]
    for url in urls:
        place = place_of(url, lock.base)
        if place is not None and place.scheme in ("https", "http"):
            hosts.add(shown_host(place.host))
    if policy.allow_hosts is None and len(hosts) > policy.max_hosts and not policy.consent:
        asks.append(
            LockPolicyError(
                "the lock's files are on many hosts",
                code="too-many-hosts",
                where="packages",
                expected=f"at most {policy.max_hosts} without consent (max-hosts)",
                got=f"{len(hosts)}: {', '.join(sorted(hosts)[:12])}{', …' if len(hosts) > 12 else ''}",
                hint=_CONSENT_HINT,
            )
        )
    total = sum(package.wheel.size or 0 for package in (lock if downloads is None else downloads))
    if (much := download_fault(policy, total)) is not None:
        (refused if much.code == "too-large" else asks).append(much)
    return PolicyVerdict(
        refused=tuple(refused), needs_consent=tuple(asks), hosts=tuple(sorted(hosts)), download_bytes=total
    )


def forbidden(policy: Policy, lock: Lock) -> Iterator[Finding]:
    """The packages that a policy refuses, as findings of a verification; how much is downloaded is no matter then."""
    for package in lock:
        for fault in _faults_of(policy, package, lock.base):
            yield Finding(
                package=package.name,
                code=fault.code,
                message=fault.message,
                expected=fault.expected,
                got=fault.got,
            )


def _faults_of(policy: Policy, package: LockedPackage, base: str | None) -> Iterator[InputError]:
    where = f"packages.{package.name}"
    fault = policy.address_fault(package.wheel.url, base=base, where=f"{where}.file_name", package=package.name)
    if fault is not None:
        yield fault
    if (pinned := policy.origin_fault(package.name, package.origin, where=where)) is not None:
        yield pinned
    if (package.wheel.size or 0) > policy.max_wheel_bytes:
        yield LockPolicyError(
            f"the wheel of {package} is larger than one may be",
            code="too-large",
            where=f"{where}.tool.micropip-lock.size",
            package=package.name,
            expected=f"at most {policy.max_wheel_bytes} bytes (max-wheel-bytes)",
            got=f"{package.wheel.size} bytes",
            hint="raise max-wheel-bytes if you want it",
        )
