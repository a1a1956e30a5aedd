"""A network in memory that follows a script, wheels to replay, and what a replay did: for tests of replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller, SitePackages, TargetRuntime
from micropip_lock.app.obtain import Patience, Sources
from micropip_lock.app.replay import ReplayReport, replay
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.errors import (
    MicropipLockError,
    WheelTooLargeError,
)
from micropip_lock.ports import Fetched
from micropip_lock.testing import BuiltWheel, wheel

ABI = Abi(abi_version="2026_0", python="3.14.2")


NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


# Sizes differ, and not in the order of the names.
TEXTS = {name: "#" * (len(name) * 100 + number) for number, name in enumerate(NAMES)}


WHEELS = {name: wheel(name, files={f"{name}.py": text}) for name, text in TEXTS.items()}


SIZES = sorted(NAMES, key=lambda name: -WHEELS[name].size)


def url_of(built: BuiltWheel) -> str:
    return f"https://files.example/{built.filename}"


def locked(built: BuiltWheel, **changes: Any) -> LockedPackage:
    package = LockedPackage(
        name=canonicalize_name(built.name),
        display_name=built.name,
        version=built.version,
        wheel=Wheel(url=url_of(built), digest=Digest.of(built.data), size=built.size),
        imports=(built.name,),
        origin=Origin(kind="index", url=url_of(built), index="https://index.example/simple"),
    )
    return replace(package, **changes)


def lock_of(*packages: LockedPackage | BuiltWheel) -> Lock:
    made = [locked(one) if isinstance(one, BuiltWheel) else one for one in packages]
    return Lock(abi=ABI, packages=by_name(made))


ALL = lock_of(*WHEELS.values())


AT_ONCE = Patience(sleep=lambda seconds: asyncio.sleep(0), chance=lambda: 0.0)


Step = BaseException | bytes


@dataclass
class Network:
    """Serves wheels from memory, by a script: for each address what to raise or to send instead, one after another.

    Attributes:
        asked: (file name, reload) of every request, in order.
        active: Requests that are under way.
        peak: The most that were at one time.
        cancelled: Requests that were cancelled while under way.
        hold: Waits here before it answers, when given.
        pauses: How often each request lets others run.
    """

    script: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    hold: Callable[[str], Awaitable[None]] | None = None
    pauses: int = 2
    wheels: Iterable[BuiltWheel] = tuple(WHEELS.values())
    asked: list[tuple[str, bool]] = field(default_factory=list)
    active: int = 0
    peak: int = 0
    cancelled: list[str] = field(default_factory=list)

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> Fetched:
        built = next(one for one in self.wheels if url_of(one) == url)
        turn = sum(filename == built.filename for filename, _ in self.asked)
        self.asked.append((built.filename, reload))
        self.active += 1
        self.peak = max(self.peak, self.active)
        steps = self.script.get(built.name, ())
        answer = steps[turn] if turn < len(steps) else built.data
        try:
            for pause in range(self.pauses):
                await asyncio.sleep(0)
                if progress and isinstance(answer, bytes):
                    progress(len(answer) * pause // self.pauses)
            if self.hold:
                await self.hold(built.name)
        except asyncio.CancelledError:
            self.cancelled.append(built.name)
            raise
        finally:
            self.active -= 1
        if isinstance(answer, BaseException):
            raise answer
        if max_bytes is not None and len(answer) > max_bytes:
            raise WheelTooLargeError("too many bytes", expected=str(max_bytes), got=str(len(answer)))
        return Fetched(data=answer, url=url)


class Runtime(TargetRuntime):
    """A target's runtime in which some modules are imported."""

    def __init__(self, *imported: str) -> None:
        super().__init__(ABI)
        self._imported = dict.fromkeys(imported, "")

    def imported(self) -> Mapping[str, str]:
        return self._imported


def snapshot(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


async def run(site: Path, lock: Lock = ALL, network: Network | None = None, **options: Any) -> ReplayReport:
    options = {
        "runtime": Runtime(),
        "installer": SiteInstaller(site),
        "sources": Sources(patience=AT_ONCE),
        **options,
    }
    return await replay(lock, site=SitePackages(site), fetcher=network or Network(), **options)


async def failing(site: Path, lock: Lock = ALL, network: Network | None = None, **options: Any) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        await run(site, lock, network, **options)
    return caught.value


def outcomes(report: ReplayReport) -> dict[str, str]:
    return {one.name: one.outcome for one in report.packages}
