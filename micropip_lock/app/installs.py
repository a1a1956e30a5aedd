"""What a replay hands to the installer, and what it leaves in dist-info and keeps.

Rules this file keeps:

1. A replayed package has the records that recording wrote when it was installed the first time.
2. A place on this machine is no origin: a wheel that nobody else can be asked for is recorded as a local file, and its
   bytes are kept, so that what was replayed can be frozen.

Left to others: fetching and order (:mod:`micropip_lock.app.replay`), files (:mod:`micropip_lock.core.dist_info`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, format_records, public_url, pyodide_source
from micropip_lock.core.local_wheel import is_reachable, local_origin
from micropip_lock.core.model import Origin
from micropip_lock.core.plan import Download, Plan
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import StorageError
from micropip_lock.ports import Install, WheelKeep

INSTALLER_NAME: Final = "micropip-lock"


def installs(plan: Plan, admitted: Mapping[str, OpenedWheel]) -> list[Install]:
    """The wheels of a plan, in the order to install.

    Args:
        plan: What the replay does.
        admitted: Each wheel of it, by name.
    """
    downloads: dict[str, Download] = {one.package.name: one for one in plan.downloads}
    return [
        Install(
            package=downloads[name].package,
            wheel=admitted[name],
            records=_record_writer(downloads[name], admitted[name].wheel.digest),
            replaces=tuple(old.directory for old in downloads[name].replaces),
        )
        for name in plan.order
    ]


def keep_local(plan: Plan, admitted: Mapping[str, OpenedWheel], keep: WheelKeep) -> list[str]:
    """Keep what nobody can be asked for again.

    Returns:
        A note for each wheel that cannot be kept: the replay itself needs none.
    """
    notes = []
    for download in plan.downloads:
        if _origin(download).kind == "local":
            try:
                keep.put(admitted[download.package.name].wheel)
            except StorageError as error:
                notes.append(
                    f"{download.package}: its wheel could not be kept, a freeze here will refuse it ({error.got})"
                )
    return notes


def _origin(download: Download) -> Origin:
    """What the lock says, or the address."""
    package = download.package
    origin = package.origin or Origin(kind="url", url=download.url)
    return origin if is_reachable(origin.url) else local_origin(package.wheel.filename)


def _record_writer(download: Download, digest: Digest) -> Callable[[str], Mapping[str, str]]:
    package = download.package
    origin = _origin(download)

    def records(record_text: str) -> Mapping[str, str]:
        record = OriginRecord(
            origin=origin,
            digest=digest,
            size=package.wheel.size,
            upload_time=package.wheel.upload_time,
            yanked=package.wheel.yanked,
            requested=package.requested,
            requirement=package.requirement,
            extras=package.extras,
            record_digest=Digest.of(record_text.encode("utf-8")),
        )
        files = format_records(record)
        files["INSTALLER"] = INSTALLER_NAME
        # What micropip would have written: micropip.list() and micropip.freeze() read these.
        files["PYODIDE_SOURCE"] = pyodide_source(origin)
        files["PYODIDE_URL"] = origin.url if origin.kind == "local" else public_url(download.url)
        files["PYODIDE_SHA256"] = digest.hex
        return files

    return records
