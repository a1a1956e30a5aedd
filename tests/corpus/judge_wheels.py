"""Judges the wheel cases twice: the checker alone on the bytes, and a real replay into an environment on disk.

Rules this file keeps:

1. The lock names the wheel's true digest: what is refused is refused for what is in it.
2. The environment has a neighbour, micropip, a part of the standard library and a store; all of it is compared before
   and after.
3. Both layouts are run: schemes spread as pip does, and Pyodide's own. They must agree, and with the checker alone
   where the case says that the bytes suffice (``"by": "wheel"``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from micropip_lock.adapters.index_answers import Pages
from micropip_lock.adapters.kept_wheels import KeptWheels
from micropip_lock.adapters.site import SiteInstaller, SitePackages, TargetRuntime
from micropip_lock.adapters.underway import Underway
from micropip_lock.app.replay import ReplayReport
from micropip_lock.app.replay import replay as replayed
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError
from micropip_lock.ports import Fetched
from micropip_lock.testing import BuiltWheel, wheel
from tests.corpus.judging import Expect, Got, state_after, tree_state

ABI = Abi(abi_version="2026_0", python="3.14.2")
SITE = "lib/python3.14/site-packages"
NEIGHBOUR = wheel("neighbour", "1.0", files={"neighbour.py": "OWNED = True\n", "shared/neighbour.py": ""})
MICROPIP = wheel("micropip", "0.11.1", files={"micropip/__init__.py": "", "micropip/package_index.py": ""})
STANDARD_LIBRARY = {"lib/python3.14/json/__init__.py": "", "lib/python314.zip": "", "bin/python": ""}


class Files:
    """A network in memory that counts what it is asked for."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.requests = 0

    def add(self, filename: str, data: bytes) -> str:
        url = f"https://files.example/{filename}"
        self.content[url] = data
        return url

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        reload: bool = False,
    ) -> Fetched:
        self.requests += 1
        return Fetched(data=self.content[url], url=url)


async def judge(folder: Path, expect: Expect, work: Path) -> Got:
    """Run a wheel case."""
    data = (folder / "input.whl").read_bytes()
    if expect["by"] == "record":
        return _recorded(data, expect, work)
    results = [
        await _replayed(data, expect, work / layout, as_pyodide=layout == "pyodide") for layout in ("spread", "pyodide")
    ]
    if expect["by"] == "wheel":
        alone = _checked(data, expect["filename"])
        results.append(Got(verdict=alone.verdict, error=alone.error, code=alone.code, state=results[0].state))
    wrong = [result for result in results if result.differences(expect)]
    return (wrong or results)[0]


def _checked(data: bytes, filename: str) -> Got:
    try:
        opened = OpenedWheel(admit(data, Digest.of(data), filename=filename))
        for _path, _content in opened.files():
            # Inflating is the check: the CRC, and the digest in RECORD.
            pass
    except MicropipLockError as error:
        return Got(verdict="reject", error=type(error).__name__, code=error.code)
    return _taken(opened, "")


def _taken(opened: OpenedWheel, state: str) -> Got:
    codes = sorted({warning.code for warning in opened.warnings})
    return Got(verdict="warn" if codes else "accept", code=",".join(codes), state=state)


def _recorded(data: bytes, expect: Expect, work: Path) -> Got:
    """An install that is recorded: everything is checked before anything is unpacked."""
    before = tree_state(work)
    underway = Underway(asked={}, pages=Pages())
    url = f"https://files.example/{expect['filename']}"
    underway.describe(f"{url}.metadata", expect["metadata"].encode())
    try:
        underway.records(data, expect["filename"], {"PYODIDE_URL": url})
    except MicropipLockError as error:
        state = state_after(before, tree_state(work), 1)
        return Got(verdict="reject", error=type(error).__name__, code=error.code, state=state)
    return Got(verdict="accept", state="installed")


async def _replayed(data: bytes, expect: Expect, prefix: Path, *, as_pyodide: bool) -> Got:
    site, files, keep = prefix / SITE, Files(), KeptWheels(prefix / "store")
    installer = SiteInstaller(site, prefix=prefix, as_pyodide=as_pyodide)
    for path, text in {**STANDARD_LIBRARY, "store/blob": "kept"}.items():
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).write_text(text)

    async def run(lock: Lock) -> ReplayReport:
        runtime, packages = TargetRuntime(ABI), SitePackages(site, prefix=prefix)
        return await replayed(lock, site=packages, runtime=runtime, fetcher=files, installer=installer, keep=keep)

    await run(_lock(files, *(_built(one) for one in (NEIGHBOUR, MICROPIP))))
    before, files.requests = tree_state(prefix), 0
    name, version = expect["filename"].split("-")[:2]
    try:
        report = await run(_lock(files, (name, version, expect["filename"], data)))
    except MicropipLockError as error:
        state = state_after(before, tree_state(prefix), files.requests)
        return Got(verdict="reject", error=type(error).__name__, code=error.code, state=state)
    after = tree_state(prefix)
    kept = all(after.get(path) == state for path, state in before.items())
    state = "installed" if kept and any(path.endswith(".dist-info/RECORD") for path in after.keys() - before) else "odd"
    taken = _taken(OpenedWheel(admit(data, Digest.of(data), filename=expect["filename"])), state)
    # A warning that nobody is told is none.
    told = all(code in "\n".join(report.notes) for code in taken.code.split(","))
    return taken if told else replace(taken, verdict="accept", code="")


def _built(one: BuiltWheel) -> tuple[str, str, str, bytes]:
    return one.name, one.version, one.filename, one.data


def _lock(files: Files, *wheels: tuple[str, str, str, bytes]) -> Lock:
    packages = []
    for name, version, filename, data in wheels:
        url = files.add(filename, data)
        packages.append(
            LockedPackage(
                name=canonicalize_name(name),
                display_name=name,
                version=version,
                wheel=Wheel(url=url, digest=Digest.of(data), size=len(data)),
                origin=Origin(kind="index", url=url, index="https://index.example/simple"),
            )
        )
    return Lock(abi=ABI, packages=by_name(packages))
