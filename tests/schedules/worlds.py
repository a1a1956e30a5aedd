"""What is replayed under faults: small locks of every kind, and a network, a store and an environment that fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.app.obtain import Patience, Sources
from micropip_lock.app.replay import ReplayReport, replay
from micropip_lock.core.digest import Digest, VerifiedWheel, admit
from micropip_lock.core.mirrors import Mirror
from micropip_lock.core.model import Lock, Mock, mocks_by_name
from micropip_lock.errors import EnvironmentMismatchError, WheelTooLargeError
from micropip_lock.ports import Fetched, ProgressEvent
from micropip_lock.testing import BuiltWheel, wheel
from tests.app.replaying import Runtime, lock_of, url_of
from tests.schedules.points import BODIES, FETCH, Points, Schedule
from tests.sites import Memory

TAG: Final = "cp314-cp314-pyemscripten_2026_0_wasm32"
SHARED: Final = {"ns/shared.py": "same = 1\n"}

ALPHA = wheel("alpha", files={"alpha.py": "a = 1\n", "ns/alpha.py": "", **SHARED}, requires=["beta"])
BETA = wheel("beta", files={"beta/__init__.py": "b = 2\n", "ns/beta.py": "", **SHARED})
OLD_BETA = wheel("beta", "0.9", files={"beta/__init__.py": "b = 1\n", "beta/old/gone.py": "", **SHARED})
FAST = wheel(
    "fast",
    files={"fast.cpython-314-wasm32-emscripten.so": "wasm"},
    data={"data/etc/fast/settings": "x = 1\n", "scripts/fast": "#!python\n"},
    tag=TAG,
)
EXTRA = wheel("extra", "3.0", files={"extra/__init__.py": "", **SHARED})
WHEELS: Final = (ALPHA, BETA, OLD_BETA, FAST, EXTRA)


def mock_package(name: str, version: str, *, persistent: bool) -> Mock:
    source = f"version = {version!r}\n"
    return Mock(
        name=canonicalize_name(name), display_name=name, version=version, persistent=persistent, modules={name: source}
    )


def with_mocks(lock: Lock, *mocks: Mock) -> Lock:
    return replace(lock, mocks=mocks_by_name(mocks))


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One kind of replay.

    Attributes:
        lock: What is replayed.
        before: What was replayed into the environment first, if anything.
        exact: What the lock does not name goes.
        stored: Wheels that the store has.
        mirrored: A mirror has everything, too.
        kernel: The environment is laid out as Pyodide's, has a memory for mocks, and opens extension modules.
        lasting: It outlives its interpreter.
    """

    lock: Lock
    before: Lock | None = None
    exact: bool = False
    stored: Sequence[BuiltWheel] = ()
    mirrored: bool = False
    kernel: bool = False
    lasting: bool = False


_PRETEND = mock_package("pretend", "1.0", persistent=True)
_VAPOUR = mock_package("vapour", "1.0", persistent=False)

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "fresh": Scenario(lock=lock_of(BETA)),
    "shared": Scenario(lock=lock_of(ALPHA, BETA, EXTRA)),
    "replaced": Scenario(lock=lock_of(ALPHA, BETA), before=lock_of(OLD_BETA, EXTRA)),
    "partly there": Scenario(lock=lock_of(ALPHA, BETA, EXTRA), before=lock_of(BETA, EXTRA), stored=(ALPHA,)),
    "exact": Scenario(
        lock=with_mocks(lock_of(BETA), mock_package("pretend", "2.0", persistent=True)),
        before=with_mocks(lock_of(OLD_BETA, EXTRA), _PRETEND),
        exact=True,
    ),
    "mirrored": Scenario(lock=lock_of(ALPHA, BETA), mirrored=True, stored=(BETA,)),
    "kernel": Scenario(
        lock=with_mocks(lock_of(BETA, FAST), replace(_VAPOUR, version="2.0"), _PRETEND),
        before=with_mocks(lock_of(OLD_BETA), _VAPOUR),
        kernel=True,
    ),
    "lasting": Scenario(lock=lock_of(ALPHA, BETA, FAST), before=lock_of(OLD_BETA), kernel=True, lasting=True),
    "emptied": Scenario(
        lock=lock_of(BETA), before=with_mocks(lock_of(BETA, EXTRA), _PRETEND, _VAPOUR), exact=True, kernel=True
    ),
}


@dataclass(kw_only=True, slots=True)
class World:
    """One environment, and what a replay into it uses.

    Attributes:
        scenario: What is replayed.
        root: A directory of its own: the environment, with site-packages in it.
        points: Where its faults come in.
        memory: Mock packages in the memory of its interpreter.
        active: Requests that are under way.
        told: The stage that its listener was told of last.
    """

    scenario: Scenario
    root: Path
    points: Points = field(default_factory=lambda: Points(Schedule(scenario="")))
    memory: dict[str, Mock] = field(default_factory=dict)
    active: int = 0
    told: str = ""
    _installer: SiteInstaller | None = None

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.root / "lib" / "site" if self.scenario.kernel else self.root / "site"

    @property
    def prefix(self) -> Path:
        """Where files beside packages go."""
        return self.root if self.scenario.kernel else self.site

    async def replay(self, lock: Lock | None = None) -> ReplayReport:
        """Replay with whatever faults the points have."""
        lock = lock or self._lock()
        mirrors = (Mirror(to="https://mirror.example/"),)
        if self._installer is None:
            self._installer = self._new_installer()
        return await replay(
            lock,
            site=SitePackages(self.site, others=self._in_memory),
            runtime=Runtime(),
            fetcher=self,
            installer=self._installer,
            store=self,
            concurrency=2,
            progress=self._listen,
            sources=Sources(
                mirrors=mirrors if self.scenario.mirrored else (),
                patience=Patience(sleep=self._sleep, chance=lambda: 0.0),
            ),
            exact=self.scenario.exact,
        )

    def _lock(self) -> Lock:
        """The lock, or one that is wrong about one of its packages."""
        lock = self.scenario.lock
        fault = self.points.at("lock")
        if fault is None:
            return lock
        name = max(lock.packages)
        package = lock.packages[name]
        size = package.wheel.size or 0
        wrong = {
            "larger-size": replace(package.wheel, size=size + 1),
            "smaller-size": replace(package.wheel, size=size - 1),
            "other-digest": replace(package.wheel, digest=Digest.of(b"other")),
        }
        return replace(lock, packages={**lock.packages, name: replace(package, wheel=wrong[fault])})

    def _new_installer(self) -> SiteInstaller:
        scenario = self.scenario
        return SiteInstaller(
            self.site,
            prefix=self.prefix,
            as_pyodide=scenario.kernel,
            load_extension=self._load if scenario.kernel else None,
            memory_mocks=self._change_memory if scenario.kernel else None,
            # It does what the class does that needs Pyodide.
            persistence=_Lasting(self.points_at) if scenario.lasting else None,  # type: ignore[arg-type]
        )

    def points_at(self, kind: str) -> str | None:
        """Pass a point of the schedule that is on."""
        return self.points.at(kind)

    # The fetcher.

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> Fetched:
        built = next(one for one in WHEELS if url_of(one).rpartition("/")[2] == url.rpartition("/")[2])
        self.active += 1
        try:
            await self._pass("asked")
            if progress is not None:
                progress(built.size // 2)
            await self._pass("half")
            fault = self.points.at("body")
            await asyncio.sleep(0)
        finally:
            self.active -= 1
        data = built.data if fault is None else BODIES[fault](built.data)
        if max_bytes is not None and len(data) > max_bytes:
            raise WheelTooLargeError("too many bytes")
        return Fetched(data=data, url=url)

    async def _pass(self, kind: str) -> None:
        fault = self.points.at(kind)
        await asyncio.sleep(0)
        if fault == "gives-up":
            raise asyncio.CancelledError
        if fault is not None:
            error = FETCH[fault]()
            raise error

    async def _sleep(self, seconds: float) -> None:
        self.points.at("sleep")
        await asyncio.sleep(0)

    # The store.

    async def get(self, digest: Digest, filename: str) -> VerifiedWheel | None:
        fault = self.points.at("store get")
        await asyncio.sleep(0)
        if fault == "lie":
            built = next(one for one in WHEELS if one.filename == filename)
            wrong = BODIES["wrong-bytes"](built.data)
            return admit(wrong, Digest.of(wrong), filename=filename)
        found = [one for one in self.scenario.stored if Digest.of(one.data) == digest]
        return admit(found[0].data, digest, filename=filename) if found and fault is None else None

    async def put(self, wheel: VerifiedWheel) -> bool:
        fault = self.points.at("store put")
        await asyncio.sleep(0)
        return fault is None

    # The interpreter.

    def _listen(self, event: ProgressEvent) -> None:
        self.told = event.stage
        self.points.at("listener")

    async def _load(self, path: Path) -> None:
        fault = self.points.at("load")
        await asyncio.sleep(0)
        if fault is not None:
            raise EnvironmentMismatchError("cannot be loaded", code="extension-load", where=str(path))

    def _change_memory(self, add: Sequence[Mock], remove: Sequence[str]) -> Callable[[], None]:
        before = dict(self.memory)

        def undo() -> None:
            self.memory.clear()
            self.memory.update(before)

        if self.points.at("memory") is not None:
            raise EnvironmentMismatchError("no memory for it")
        for name in remove:
            del self.memory[name]
        self.memory.update({one.name: one for one in add})
        return undo

    def _in_memory(self) -> Iterator[Any]:
        for one in self.memory.values():
            yield Memory(
                directory=f"{one.name}-{one.version}.dist-info",
                metadata=f"Name: {one.name}\nVersion: {one.version}\n",
                modules=one.modules,
            )


class _Lasting:
    """What :class:`micropip_lock.adapters.persisted.Persistence` does, for a directory that lasts."""

    def __init__(self, at: Callable[[str], str | None]) -> None:
        self._at = at

    def lasts(self, root: Path) -> bool:
        return True

    @contextlib.asynccontextmanager
    async def hold(self, root: Path) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        yield

    def copies(self, root: Path) -> bool:
        return True

    async def persist(self, root: Path, moment: str) -> Sequence[str]:
        fault = self._at("persist")
        await asyncio.sleep(0)
        return () if fault is None else (f"not persisted: {moment}",)
