"""Settle: the one record that a lock can be made of, from what was recorded and what was located.

Rules this file keeps:

1. What was recorded wins over what was located; a wheel that came from a local file is taken from an index only where
   that has the very same bytes.
2. The wheel is of this distribution and for this runtime, and comes from where the policy lets it, or it is refused.

Left to others: reading records (:mod:`micropip_lock.app.origins`), locating (:mod:`micropip_lock.app.locate`).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from urllib.parse import urlsplit

from packaging.utils import NormalizedName

from micropip_lock.app.origins import same_version
from micropip_lock.app.survey import Surveyed
from micropip_lock.core.address import address_fault
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.core.model import Wheel
from micropip_lock.core.policy import Policy
from micropip_lock.core.shown import hidden_character
from micropip_lock.core.wheel import parse_identity
from micropip_lock.errors import RecordError, Unlockable


class RefusedError(Exception):
    """Locating found a reason against it; it never leaves a freeze.

    Attributes:
        item: The reason.
    """

    def __init__(self, item: Unlockable) -> None:
        super().__init__(item.reason)
        self.item = item


def settled(one: Surveyed, located: OriginRecord | Unlockable | None) -> OriginRecord:
    """The record that a lock can be made of.

    Args:
        one: The distribution.
        located: What locating gave; ``None`` when nobody looked.

    Raises:
        RecordError: There is none: codes ``no-record``, ``not-in-runtime-lock``, ``record-version``,
            ``not-replayable``.
        RefusedError: Nothing could be proven.
    """
    record = one.record
    if record is not None and can_be_fetched(record):
        return record
    if isinstance(located, OriginRecord):
        if record is not None and located.digest != record.digest:
            raise _not_replayable(record)
        if record is None:
            return located
        # What a person asked for is known from the record alone, all else from where it was found.
        return replace(located, requested=record.requested, requirement=record.requirement, extras=record.extras)
    if record is not None:
        raise _not_replayable(record)
    if located is not None:
        raise RefusedError(located)
    doubt = one.doubt
    assert doubt is not None
    if doubt.code == "record-version":
        raise doubt
    raise RecordError(
        doubt.message,
        code=doubt.code,
        got=doubt.got,
        hint="await micropip_lock.freeze() looks for it on your index; or install it again with micropip while "
        "recording is on (micropip_lock.record())",
    )


def can_be_fetched(record: OriginRecord) -> bool:
    """Whether another machine can reach the wheel."""
    return urlsplit(record.origin.url).scheme in ("https", "http")


def _not_replayable(record: OriginRecord) -> RecordError:
    return RecordError(
        "its wheel was a local file that no other machine can reach",
        code="not-replayable",
        got=record.origin.url,
        hint="put the wheel on a server or an index and install it from there",
    )


def check_wheel(record: OriginRecord, name: NormalizedName, version: str, tags: AbstractSet[str]) -> None:
    """Check that the wheel is of this distribution, and for this runtime.

    Args:
        record: Where the wheel came from.
        name: Of the distribution.
        version: Of the distribution.
        tags: What the runtime takes.

    Raises:
        RecordError: codes ``identity``, ``other-platform``, ``record-unreadable``.
        WheelMetadataError: code ``wheel-filename``.
        LockSchemaError, LockPolicyError: an address that no lock may name, see :mod:`micropip_lock.core.address`.
    """
    for address in filter(None, (record.origin.url, record.origin.index)):
        if (fault := address_fault(address, where="", package=name)) is not None:
            raise fault
        if hidden_character(address) is not None:
            raise RecordError(
                "its address has a control or invisible character",
                code="record-unreadable",
                got=ascii(address),
                hint="reinstall the package while recording is on",
            )
    filename = Wheel(url=record.origin.url, digest=record.digest).filename
    identity = parse_identity(filename)
    if identity.name != name or not same_version(str(identity.version), version):
        raise RecordError(
            "the recorded wheel is of another distribution",
            code="identity",
            expected=f"{name} {version}",
            got=filename,
            hint="reinstall the package while recording is on",
        )
    if not filename.endswith("-none-any.whl") and tags.isdisjoint(identity.tags):
        raise RecordError(
            "its wheel is for another platform",
            code="other-platform",
            got=filename,
            hint="install it for Pyodide (pip install --platform, or in a Pyodide virtual environment)",
        )


def check_policy(policy: Policy, record: OriginRecord, name: NormalizedName) -> None:
    """Check that a replay under this policy could fetch the wheel.

    Raises:
        LockPolicyError: codes ``index-pin``, ``insecure``, ``host-not-allowed`` ….
    """
    fault = policy.origin_fault(name, record.origin)
    if fault is None and can_be_fetched(record):
        address = policy.address_fault(record.origin.url, package=name)
        if address is not None:
            raise address
    if fault is not None:
        raise fault
