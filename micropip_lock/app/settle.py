"""Settle: the one record that a lock can be made of, from what was recorded and what was located.

Rules this file keeps:

1. What was recorded wins over what was located; a wheel that came from a local file is taken from an index only where
   that has the very same bytes, else from those that were kept, else it is refused.
2. Kept bytes pass what any wheel passes: their digest is the recorded one, and the container, its paths, its identity
   and its RECORD are checked.
3. The wheel is of this distribution, for this runtime and its Python, keeps out of what is not its own, and comes from
   where the policy lets it, or it is refused.

Left to others: reading records (:mod:`micropip_lock.app.origins`), locating (:mod:`micropip_lock.app.locate`).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from packaging.utils import NormalizedName

from micropip_lock.app.origins import same_version
from micropip_lock.app.refusals import item_of
from micropip_lock.app.survey import Surveyed
from micropip_lock.core.address import address_fault, is_plain
from micropip_lock.core.candidates import not_replayable
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.core.local_wheel import is_reachable, local_file_name, local_origin
from micropip_lock.core.model import Wheel, file_of
from micropip_lock.core.policy import Policy
from micropip_lock.core.shown import hidden_character
from micropip_lock.core.wheel import OpenedWheel, parse_identity
from micropip_lock.core.wheel_place import check_installed
from micropip_lock.errors import ConflictError, EnvironmentMismatchError, RecordError, Unlockable
from micropip_lock.ports import KeptWheels


class RefusedError(Exception):
    """There is a reason against it; it never leaves a freeze.

    Attributes:
        item: The reason.
    """

    def __init__(self, item: Unlockable) -> None:
        super().__init__(item.reason)
        self.item = item


def settled(one: Surveyed, located: OriginRecord | Unlockable | None, kept: KeptWheels | None = None) -> OriginRecord:
    """The record that a lock can be made of.

    Args:
        one: The distribution.
        located: What locating gave; ``None`` when nobody looked.
        kept: Wheels from local files.

    Raises:
        WheelFormatError, WheelPathError, WheelMetadataError, WheelRecordError: The kept bytes are no wheel of it.
        RecordError: There is none: codes ``no-record``, ``not-in-runtime-lock``, ``record-version``,
            ``not-replayable``.
        RefusedError: Nothing could be proven.
    """
    record = one.record
    if record is not None and can_be_fetched(record):
        return record
    if record is not None:
        if isinstance(located, OriginRecord) and located.digest == record.digest:
            # What a person asked for is known from the record alone, all else from where it was found.
            return replace(located, requested=record.requested, requirement=record.requirement, extras=record.extras)
        return _from_kept(record, kept)
    if isinstance(located, OriginRecord):
        return located
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
        hint="await micropip_lock.freeze() looks for it on your index; or uninstall it and install it again with "
        "micropip while recording is on (micropip_lock.record())",
    )


def can_be_fetched(record: OriginRecord) -> bool:
    """Whether another machine can reach the wheel."""
    return is_reachable(record.origin.url)


def wheel_of(record: OriginRecord) -> Wheel:
    """What a lock says about the file: its address, or its name beside the lock when only we have it."""
    url = record.origin.url
    if record.origin.kind == "local":
        url = local_file_name(record.digest, url)
    return Wheel(url=url, digest=record.digest, size=record.size, upload_time=record.upload_time, yanked=record.yanked)


def _from_kept(record: OriginRecord, kept: KeptWheels | None) -> OriginRecord:
    filename = file_of(record.origin.url)
    wheel = kept.get(record.digest, filename) if kept is not None else None
    if wheel is None:
        raise not_replayable(record.origin.url)
    OpenedWheel(wheel)
    return replace(record, origin=local_origin(filename), size=len(wheel.data))


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
    local = record.origin.kind == "local"
    for address in filter(None, (wheel_of(record).url, record.origin.index)):
        if is_plain(address):
            continue
        if (fault := address_fault(address, where="", package=name, relative=local)) is not None:
            raise fault
        if hidden_character(address) is not None:
            raise RecordError(
                "its address has a control or invisible character",
                code="record-unreadable",
                got=ascii(address),
                hint="uninstall it, and install it again while recording is on",
            )
    filename = file_of(record.origin.url)
    identity = parse_identity(filename)
    if identity.name != name or not same_version(str(identity.version), version):
        raise RecordError(
            "the recorded wheel is of another distribution",
            code="identity",
            expected=f"{name} {version}",
            got=filename,
            hint="uninstall it, and install it again while recording is on",
        )
    if not filename.endswith("-none-any.whl") and tags.isdisjoint(identity.tags):
        raise RecordError(
            "its wheel is for another platform",
            code="other-platform",
            got=filename,
            hint="install it for Pyodide (pip install --platform, or in a Pyodide virtual environment)",
        )


def check_fit(one: Surveyed, python: str) -> None:
    """Check that a replay would not refuse the wheel for what METADATA and RECORD say.

    Args:
        one: The distribution.
        python: Full version of the interpreter it is installed for.

    Raises:
        RefusedError: codes ``requires-python``, ``protected``.
    """
    try:
        check_installed(one.name, one.paths, one.requires_python, python)
    except (EnvironmentMismatchError, ConflictError) as error:
        raise RefusedError(item_of(one.name, one.version, error)) from error


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
