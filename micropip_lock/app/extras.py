"""What is installed and not in a lock: what an exact replay takes away, and what has to stay for the next one.

Rules this file keeps:

1. In a kernel, what records, freezes and replays stays, with all it needs, and so does what the site brings along: the
   same that a freeze leaves out. In a directory nothing stays that the lock does not name.
2. What cannot be read goes by the name of its directory.

What was put there without a dist-info directory is nobody's, and stays.

Left to others: the plan (:mod:`micropip_lock.core.plan`), files (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.app.origins import is_of_kernel, origin_of
from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.findings import identity_of
from micropip_lock.core.graph import Requirements, closure, needs_of, parse_requirements
from micropip_lock.core.imports import import_names
from micropip_lock.core.metadata import parse_metadata
from micropip_lock.core.model import Lock
from micropip_lock.core.plan import Installed, extras_of
from micropip_lock.errors import MicropipLockError, RecordError
from micropip_lock.ports import InstalledDist, Runtime, SiteReader


def find_extras(
    lock: Lock, site: SiteReader, runtime: Runtime, installed: Sequence[Installed], tools: Collection[str]
) -> tuple[Installed, ...]:
    """What an exact replay of a lock takes away.

    Args:
        lock: What the environment is to become.
        site: The environment.
        runtime: The interpreter it is for.
        installed: What is in place but for mock packages.
        tools: Normalised names of what installs and replays here; empty for a directory.
    """
    return extras_of(lock, installed, keeps=_kept(site, runtime, tools) if tools else frozenset())


def modules_of(site: SiteReader, gone: Iterable[Installed]) -> dict[str, str]:
    """The import names of distributions that go away, with the name of the distribution."""
    names = {one.directory: one.name for one in gone}
    return {
        module: names[dist.directory]
        for dist in site.distributions()
        if dist.directory in names
        for module in _modules(dist)
    }


def _kept(site: SiteReader, runtime: Runtime, tools: Collection[str]) -> set[NormalizedName]:
    found = {identity_of(dist)[0]: dist for dist in site.distributions()}
    versions = {name: identity_of(dist)[1] for name, dist in found.items()}
    needs = needs_of({name: _requirements(name, dist) for name, dist in found.items()}, {}, runtime.markers(), versions)
    of_site = {name for name, dist in found.items() if _is_of_site(dist, name, versions[name], runtime)}
    return closure([*map(canonicalize_name, tools), *of_site], needs)


def _requirements(name: NormalizedName, dist: InstalledDist) -> Requirements:
    try:
        return parse_requirements(name, parse_metadata(dist.read_text("METADATA") or "").requires)
    except RecordError:
        return Requirements()


def _is_of_site(dist: InstalledDist, name: NormalizedName, version: str, runtime: Runtime) -> bool:
    try:
        return is_of_kernel(origin_of(dist, name, version, runtime.lock()))
    except MicropipLockError:
        return False


def _modules(dist: InstalledDist) -> tuple[str, ...]:
    try:
        paths = [row.path for row in parse_record(dist.read_text("RECORD") or "")]
    except RecordError:
        return ()
    return import_names(paths)
