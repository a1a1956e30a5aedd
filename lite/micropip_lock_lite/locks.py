"""The locks of a site: loaded, frozen, checked against the runtime, and bundled.

Rules this file keeps:

1. A lock that does not fit the site's runtime is refused before anything of it is fetched.
2. Whoever builds the site answers for what it fetches: many hosts and large downloads need no further consent.
3. What was frozen is kept with what it was frozen from, so that the next build gives the same site.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from micropip_lock import api, wiring
from micropip_lock.app.bundle import LOCK_NAME
from micropip_lock.cli_requirements import read_requirements
from micropip_lock.core.abis import runtime_tags
from micropip_lock.core.faults import raise_all
from micropip_lock.core.model import Abi, Lock
from micropip_lock.core.policy import Policy
from micropip_lock.core.preflight import misfits
from micropip_lock.load import load_lock
from micropip_lock_lite.options import Options
from micropip_lock_lite.place import Place

_POLICY: Final = Policy(consent=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Locks:
    """Brings locks and their wheels.

    Attributes:
        options: What was asked.
        place: Where things lie.
        tell: Told what takes time, and what a person should know.
    """

    options: Options
    place: Place
    tell: Callable[[str], None]

    async def load(self, spec: str, *, abi: Abi | None) -> Lock:
        """A lock from whatever names it; refused when it is for another runtime than ``abi``.

        Raises:
            MicropipLockError: what loading raises; ``abi-mismatch``, ``tag-mismatch`` ….
        """
        runtime = None if abi is None else str(self.place.runtime)
        lock = await load_lock(self.options.placed(spec), pyodide=runtime, policy=_POLICY)
        if abi is not None:
            refuse_misfits(lock, abi)
        return lock

    async def frozen(self, requirements: Sequence[str], *, abi: Abi, constraints: Sequence[str] = ()) -> Lock:
        """Requirements, frozen in the site's own Pyodide; the same as last time when nothing was changed.

        Args:
            requirements: As for ``micropip.install``; ``-r FILE`` reads a file.
            abi: Of the site's runtime.
            constraints: Requirements that only limit versions.

        Raises:
            MicropipLockError: what freezing raises.
        """
        files = [Path(self.options.placed(one.removeprefix("-r").strip())) for one in requirements if _is_file(one)]
        asked = read_requirements([one for one in requirements if not _is_file(one)], files)
        limits = [*constraints, *asked.constraints]
        identity = json.dumps([asked.requirements, limits, asked.index_url, abi.to_info()], sort_keys=True)
        kept = f"frozen/{hashlib.sha256(identity.encode()).hexdigest()}.json"
        folder = wiring.folder(self.place.cache)
        if (text := folder.read(kept)) is not None:
            return Lock.from_json(text)
        self.tell(f"freezing {', '.join(asked.requirements)}")
        lock = await api.freeze_requirements(
            asked.requirements,
            index_urls=(asked.index_url,) if asked.index_url else (),
            pyodide=str(self.place.runtime),
            constraints=limits,
            policy=_POLICY,
        )
        folder.write(kept, lock.to_json().encode())
        self.tell(f"frozen; to keep it, copy {self.place.cache / kept}")
        return lock

    async def bundled(self, lock: Lock) -> Lock:
        """The lock with every wheel checked and in the bundle, named relative to it.

        Raises:
            MicropipLockError: the first wheel's failure, all of them in ``errors``.
        """
        await api.bundle(lock, self.place.bundle, policy=_POLICY)
        path = self.place.bundle / LOCK_NAME
        return replace(Lock.from_json(path.read_bytes()), base=None)

    async def bundled_without(self, lock: Lock, names: frozenset[str]) -> Lock:
        """As :meth:`bundled`, and nothing is fetched of the packages of these names, which the site has already."""
        rest = {name: package for name, package in lock.packages.items() if name not in names}
        alone = {name: replace(one, depends=tuple(n for n in one.depends if n in rest)) for name, one in rest.items()}
        bundled = await self.bundled(replace(lock, packages=alone))
        whole = {name: replace(one, depends=rest[name].depends) for name, one in bundled.packages.items()}
        return replace(bundled, packages=whole)


def refuse_misfits(lock: Lock, abi: Abi) -> None:
    """Refuse a lock that is not for this runtime.

    Raises:
        MicropipLockError: the first of what does not fit, all of it in ``errors``.
    """
    raise_all([*misfits(lock, abi=abi, tags=frozenset(runtime_tags(abi)))])


def _is_file(requirement: str) -> bool:
    return requirement.startswith("-r")
