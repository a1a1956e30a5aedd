"""Judges the records: a real site-packages directory is frozen, strictly and not.

Rules this file keeps:

1. A freeze that is not strict lists exactly the items that a strict one refuses with, and locks none of them; each has
   a reason and says what to do.
2. The whole file system of the case is compared before and after, times of change included: a freeze only reads.
3. Where the case says so, a wheel is installed in the place of what was frozen, in both layouts; then everything but
   the package's own files is compared.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.adapters.site import SiteInstaller, SitePackages, TargetRuntime
from micropip_lock.app.freeze import Indexes, freeze, freeze_located
from micropip_lock.app.replay import replay
from micropip_lock.core.abis import ABIS
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock, LockedPackage, Wheel, by_name
from micropip_lock.errors import NotFoundError, UnlockableError
from micropip_lock.ports import Fetched, FetchedRange, RuntimeLock
from tests.corpus.judge_wheels import Files
from tests.corpus.judging import Expect, Got, state_after, tree_state

ENVIRONMENT = "env"
SITE = f"{ENVIRONMENT}/lib/python3.14/site-packages"
MORE = {f"{ENVIRONMENT}/lib/python3.14/json/__init__.py": "", f"{ENVIRONMENT}/store/blob": "kept"}
ABI = ABIS["2026_0"]


class Booted(TargetRuntime):
    """A runtime that was booted with a lock."""

    def __init__(self, lock: RuntimeLock) -> None:
        super().__init__(ABI)
        self._lock = lock

    def lock(self) -> RuntimeLock:
        return self._lock


class Server(Files):
    """Files that can be read in parts; it has no pages. Implements :class:`~micropip_lock.ports.IndexFetcher`."""

    async def fetch_range(self, url: str, first: int, last: int, *, max_whole: int) -> FetchedRange:
        data = self._file(url)
        return FetchedRange(data=data[first : last + 1], first=first, total=len(data), whole=False, url=url)

    async def size_of(self, url: str) -> int | None:
        return len(self._file(url))

    async def fetch_page(self, url: str, *, accept: str, max_bytes: int) -> Fetched:
        return Fetched(data=self._file(url), url=url)

    def _file(self, url: str) -> bytes:
        self.requests += 1
        if url not in self.content:
            raise NotFoundError("not found", url=url)
        return self.content[url]


async def judge(folder: Path, expect: Expect, work: Path) -> Got:
    """Run a case."""
    if expect["by"] != "replay":
        return await _frozen(folder, expect, work)
    results = [await _replaced(folder, expect, work / layout, layout) for layout in ("spread", "pyodide")]
    return next((result for result in results if result.differences(expect)), results[0])


async def _frozen(folder: Path, expect: Expect, work: Path) -> Got:
    site, runtime, server = _laid_out(folder, work), _booted(folder), Server()
    for wheel in folder.glob("*.whl"):
        server.add(wheel.name, wheel.read_bytes())
    kept = KeptWheels(work / ENVIRONMENT / "store")

    async def run(*, strict: bool) -> Lock:
        if expect["by"] == "records":
            return freeze(site, runtime, kept=kept, strict=strict)
        indexes = Indexes(urls=(), fetcher=server)
        return await freeze_located(site, runtime, indexes=lambda: nullcontext(indexes), kept=kept, strict=strict)

    before = _state(work)
    lock, refusal = await run(strict=False), None
    try:
        strict = await run(strict=True)
    except UnlockableError as error:
        refusal = error
    else:
        if strict != lock:
            return Got(verdict="strict and lenient differ")
    state = state_after(before, _state(work), server.requests)
    if odd := _odd(lock, refusal, expect):
        return Got(verdict=odd, state=state)
    if refusal is not None:
        codes = sorted({item.code for item in refusal.items})
        return Got(verdict="reject", error=type(refusal).__name__, code=",".join(codes), state=state)
    codes = sorted({note.code for note in lock.notes})
    return Got(verdict="warn" if codes else "accept", code=",".join(codes), state=state)


def _odd(lock: Lock, refusal: UnlockableError | None, expect: Expect) -> str:
    """What is wrong about a result whose codes may be right."""
    items = refusal.items if refusal else ()
    if lock.unlocked != tuple(items):
        return "strict and lenient list other items"
    if unhelpful := [item.name for item in items if not (item.reason and item.hint)]:
        return f"no reason or no hint: {', '.join(unhelpful)}"
    packages = {
        package.name: {
            "url": package.wheel.url,
            "sha256": package.wheel.digest.hex,
            "source": package.origin.source if package.origin else "",
        }
        for package in lock
    }
    if packages != expect["locked"] or list(lock.mocks) != expect["mocks"]:
        return f"locks {', '.join([*packages, *lock.mocks]) or 'nothing'}, or other files of it"
    told = [*(f"{item.reason} {item.hint}" for item in items), *map(str, lock.notes)]
    if silent := [words for words in expect["says"] if words not in "\n".join(told)]:
        return f"does not say {', '.join(silent)}"
    shown = [*told, lock.to_json(), str(lock), repr(lock), lock._repr_html_(), repr(lock.unlocked), repr(lock.notes)]
    if refusal is not None:
        shown += [str(refusal), repr(refusal), json.dumps(refusal.to_json()), refusal._repr_html_()]
    is_told = "secret" in expect and any(expect["secret"] in text for text in shown)
    return "tells the secret" if is_told else ""


async def _replaced(folder: Path, expect: Expect, work: Path, layout: str) -> Got:
    """Freeze, then install the wheel of the folder in the place of what is there."""
    frozen = await _frozen(folder, {**expect, "by": "records"}, work)
    if frozen.verdict != expect["verdict"]:
        return frozen
    server, packages = Server(), []
    for wheel in folder.glob("*.whl"):
        name, version = wheel.name.split("-")[:2]
        url, digest = server.add(wheel.name, wheel.read_bytes()), Digest.of(wheel.read_bytes())
        packages.append(
            LockedPackage(
                name=canonicalize_name(name), display_name=name, version=version, wheel=Wheel(url=url, digest=digest)
            )
        )
    # In Pyodide the environment is the whole file system.
    prefix = work if layout == "pyodide" else work / ENVIRONMENT
    site, before = work / SITE, tree_state(work)
    await replay(
        Lock(abi=ABI, packages=by_name(packages)),
        site=SitePackages(site, prefix=prefix),
        runtime=TargetRuntime(ABI),
        fetcher=server,
        installer=SiteInstaller(site, prefix=prefix, as_pyodide=layout == "pyodide"),
        force=True,
    )
    after = tree_state(work)
    own = tuple(f"{SITE}/{package.name}" for package in packages)
    kept = all(after.get(path) == state for path, state in before.items() if not path.startswith(own))
    replaced = any(after.get(path) != state for path, state in before.items() if path.startswith(own))
    return Got(verdict=frozen.verdict, state="installed" if kept and replaced else "odd")


def _laid_out(folder: Path, work: Path) -> SitePackages:
    shutil.copytree(folder / "input", work, dirs_exist_ok=True)
    for path, text in MORE.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text, encoding="utf-8")
    return SitePackages(work / SITE, prefix=work / ENVIRONMENT)


def _booted(folder: Path) -> Booted:
    path = folder / "runtime-lock.json"
    facts: Mapping[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return Booted(RuntimeLock(packages=facts.get("packages", {}), base=facts.get("base")))


def _state(work: Path) -> dict[str, str]:
    times = {path.relative_to(work).as_posix(): path.lstat().st_mtime_ns for path in work.rglob("*")}
    return {path: f"{state} {times.get(path, '')}" for path, state in tree_state(work).items()}
