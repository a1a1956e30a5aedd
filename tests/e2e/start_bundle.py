"""A bundle with a start pack of two small wheels, and servers that misbehave over it.

The pack is made of files that are named here, so that no other runtime is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from micropip_lock.adapters.folder import Folder
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.app.bundle import bundle
from micropip_lock.app.start import Start
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Wheel, by_name
from micropip_lock.ports import Fetched, FilesRead
from micropip_lock.testing import wheel
from micropip_lock.testing.answers import Answer, plain
from micropip_lock.testing.exchange import Exchange
from micropip_lock.testing.faults import Fault

# Not compressible: some hundred kilobytes that a connection does not take at once.
NOISE = "# " + "".join(Digest.of(str(number).encode()).hex for number in range(20_000)) + "\nVALUE = 3\n"
BUILT = (
    wheel("alpha", files={"alpha/__init__.py": "from beta import B\nA = B + 1\n", "alpha/late.py": NOISE}),
    wheel("beta", files={"beta.py": "B = 1\n", "beta_late.py": NOISE}),
)
READ = {BUILT[0].filename: frozenset({"alpha/__init__.py"}), BUILT[1].filename: frozenset({"beta.py"})}
USE = "import alpha; answer = alpha.A"
LATE = "import alpha.late; answer = alpha.late.VALUE"


@dataclass(frozen=True, slots=True)
class Whole(Fault):
    """Whole wheels, in contrast to parts of them: half of each comes, the rest when the gate is opened."""

    gate: threading.Event = field(default_factory=threading.Event)
    changed: bool = False

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        return exchange.method == "GET" and "range" not in exchange.headers

    def play(self, exchange: Exchange) -> Answer | None:
        answer = exchange.right()
        body = bytearray(answer.read())
        body[len(body) // 2] ^= 0xFF * self.changed
        exchange.send_head(200, (*answer.headers, ("Content-Length", str(len(body)))))
        exchange.send_bytes(bytes(body[: len(body) // 2]))
        while not self.gate.is_set():
            exchange.wait(0.02)
        exchange.send_bytes(bytes(body[len(body) // 2 :]), last=True)
        return None


@dataclass(frozen=True, slots=True)
class Parts(Fault):
    """Parts of wheels: what a server makes of requests for them."""

    whole: bool = False

    def applies(self, exchange: Exchange, asked_before: int) -> bool:
        return "range" in exchange.headers

    def play(self, exchange: Exchange) -> Answer | None:
        return exchange.right(whole=True) if self.whole else plain(403, "no parts here")


class _Named:
    async def files_read(self, lock: Lock, names: Sequence[str]) -> FilesRead:
        return FilesRead(read=READ, failed={})


class _Files:
    async def fetch(self, url: str, **options: Any) -> Fetched:
        return Fetched(data=next(one.data for one in BUILT if url.endswith(one.filename)), url=url)


async def start_bundle(root: Path) -> None:
    """Write the bundle; its pack has all but the late modules."""
    packages = [
        LockedPackage(
            name=canonicalize_name(one.name),
            display_name=one.name,
            version=one.version,
            wheel=Wheel(url=f"https://files.example/{one.filename}", digest=Digest.of(one.data)),
        )
        for one in BUILT
    ]
    lock = Lock(abi=Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2"), packages=by_name(packages))
    start = Start(watch=_Named(), base=root.as_uri() + "/")
    kept = KeptWheels(root.parent / "kept")
    await bundle(lock, folder=Folder(root), fetcher=_Files(), kept=kept, concurrency=2, start=start)
