"""What limits an upgrade in an environment: the requirements of what stays.

Left to others: installing (:class:`~micropip_lock.adapters.micropip`), the lock that comes of it
(:mod:`micropip_lock.core.upgrading`).
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement

from micropip_lock.core.findings import identity_of
from micropip_lock.core.graph import parse_requirements
from micropip_lock.core.metadata import parse_metadata
from micropip_lock.core.upgrading import limits
from micropip_lock.errors import RecordError
from micropip_lock.ports import InstalledDist, Runtime, SiteReader


def limits_here(site: SiteReader, runtime: Runtime, moving: Iterable[str]) -> list[str]:
    """Constraints that keep what stays satisfied.

    Args:
        site: The environment.
        runtime: The interpreter it is for.
        moving: Normalised names of what moves.
    """
    markers = runtime.markers()
    return limits({identity_of(dist)[0]: _applying(dist, dict(markers)) for dist in site.distributions()}, moving)


def _applying(dist: InstalledDist, markers: dict[str, str]) -> list[Requirement]:
    try:
        found = parse_requirements(identity_of(dist)[0], parse_metadata(dist.read_text("METADATA") or "").requires)
    except RecordError:
        return []
    return [one for one in found.always if _applies(one, markers)]


def _applies(requirement: Requirement, markers: dict[str, str]) -> bool:
    try:
        return requirement.marker is None or requirement.marker.evaluate({**markers, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return False
