"""What a replay meets in place: packages whose files are damaged, and modules that are in use.

Left to others: what it does about it (:mod:`micropip_lock.core.plan`, :mod:`micropip_lock.app.replay`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from micropip_lock.app.extras import modules_of
from micropip_lock.app.verify import recorded_digest
from micropip_lock.core.findings import verify
from micropip_lock.core.mocks import PresentMock
from micropip_lock.core.model import Lock, by_name
from micropip_lock.core.plan import Plan
from micropip_lock.ports import RuntimeLock, SiteReader


def damaged_in(lock: Lock, plan: Plan, site: SiteReader, runtime_lock: RuntimeLock) -> frozenset[str]:
    """Packages that are there by their record, and whose files are not: a replay puts them right."""
    if not plan.skipped:
        # Nothing of the lock is there; to look at what else is costs a kernel the parser of METADATA.
        return frozenset()
    kept = replace(lock, packages=by_name(plan.skipped), mocks={})
    report = verify(kept, site.distributions(), digest_of=recorded_digest(runtime_lock))
    return frozenset(finding.package for finding in report.errors)


def imported_again(
    plan: Plan, old_mocks: Iterable[PresentMock], site: SiteReader, imported: Container[str], own: Container[str]
) -> dict[str, str]:
    """Imported modules that a plan would replace or take away, each with the name of its package.

    Args:
        plan: What the replay does.
        old_mocks: Mock packages that are replaced or go away.
        site: The environment.
        imported: Names of imported modules.
        own: Top-level modules that only micropip-lock itself imported.
    """
    again: dict[str, str] = {name: old.name for old in old_mocks for name in old.modules if name in imported}
    going: Mapping[str, str] = {
        **modules_of(site, plan.removed),
        **{name: one.package.name for one in plan.downloads if one.replaces for name in one.package.imports},
    }
    return again | {
        name: package for name, package in going.items() if name in imported and name.partition(".")[0] not in own
    }
