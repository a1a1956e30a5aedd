"""The main job on real packages: record and freeze in one Pyodide, replay into another, compare, import.

Run it with ``make demo``, which ends by asking whether to build and serve the JupyterLite site of ``lite/site``; with
``--serve`` it does, with ``--no-serve``, or when nobody is at a terminal, it does not. Options through
``make demo ARGS="--index-url https://index.example/simple"``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from micropip_lock import render, wiring
from micropip_lock.adapters.node import EmbeddedPyodide
from micropip_lock.app.replay import ReplayReport
from micropip_lock.cli_text import View
from micropip_lock.core.model import Lock
from micropip_lock.errors import MicropipLockError
from micropip_lock.ports import ProgressEvent
from tools import site

REQUIREMENTS = ("ipywidgets", "rich", "pydantic", "msgpack")

# Who installed a package differs between the two by nature: micropip there, micropip-lock here.
WHO_INSTALLED = ("INSTALLER", "PYODIDE_REQUIRES")

IMPORT_ALL = """
import importlib, json
failed = {}
for name in %s:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {error}"
print(json.dumps(failed))
"""


def step(text: str) -> None:
    """Say what happens now."""
    print(f"\n\N{BLACK RIGHT-POINTING SMALL TRIANGLE} {text}", flush=True)


def told(event: ProgressEvent) -> None:
    """Say what is fetched for the first time."""
    if event.stage == "runtime":
        print(f"  fetching {event.package} (kept for the next time)", flush=True)


def differences(recorded: dict[str, str], replayed: dict[str, str]) -> list[str]:
    """Paths that differ, apart from the notes on who installed."""
    return sorted(
        path
        for path in recorded.keys() | replayed.keys()
        if recorded.get(path) != replayed.get(path) and path.rsplit("/", 1)[-1] not in WHO_INSTALLED
    )


class Printed(list[str]):
    """What the code in a Pyodide printed."""

    def take(self, stream: str, text: str) -> None:
        """Keep a line of standard output."""
        if stream == "stdout":
            self.append(text)


async def import_everything(runtime: EmbeddedPyodide, lock: Lock, printed: Printed) -> dict[str, str]:
    """Import every name in the lock; those that fail, with the reason."""
    names = sorted({name for package in lock for name in package.imports})
    printed.clear()
    error = await runtime.run(IMPORT_ALL % json.dumps(names))
    if error is not None:
        return {"(all)": error}
    failed: dict[str, str] = json.loads(printed[-1])
    return failed


async def demo(requirements: list[str], index_urls: list[str], pyodide: str | None, out: Path) -> int:
    """Run it all; the number of things that went wrong."""
    wrong = 0
    times: list[tuple[str, float]] = []
    printed = Printed()

    def took(what: str, began: float) -> None:
        times.append((what, time.perf_counter() - began))
        print(f"  {times[-1][1]:.1f} s")

    step(f"record and freeze: {' '.join(requirements)}, installed by micropip in a real Pyodide")
    began = time.perf_counter()
    async with wiring.embedded(pyodide, index_urls=index_urls, progress=told, output=printed.take) as runtime:
        took("start Pyodide", began)
        began = time.perf_counter()
        frozen = await runtime.install_and_freeze(requirements)
        took("install with recording on, freeze", began)
        failed_there = await import_everything(runtime, frozen.lock, printed)
    lock = frozen.lock
    out.mkdir(parents=True, exist_ok=True)
    path = out / "pyodide-lock.json"
    path.write_text(lock.to_json(), "utf-8")
    print("\n" + "\n".join(render.lock_lines(lock, View())))

    step(f"replay {path} into a second, empty Pyodide")
    began = time.perf_counter()
    async with wiring.embedded(pyodide, index_urls=index_urls, progress=told, output=printed.take) as runtime:
        took("start Pyodide again", began)
        began = time.perf_counter()
        replayed = await runtime.replay(Lock.from_json(path.read_text("utf-8")))
        took("replay: fetch, hash, check, install", began)
        report = ReplayReport.from_json(replayed.report)
        print(f"  {report.count('installed')} packages, {report.bytes_fetched} bytes, {report.requests} requests")

        step("compare the two environments, file by file")
        found = differences(frozen.tree, replayed.tree)
        for name in found[:20]:
            print(f"  differs: {name}")
        notes = sum(path.rsplit("/", 1)[-1] in WHO_INSTALLED for path in frozen.tree.keys() | replayed.tree.keys())
        print(f"  {len(frozen.tree)} files there, {len(replayed.tree)} here, {len(found)} different")
        print(f"  ({notes} notes in dist-info on who installed, {' and '.join(WHO_INSTALLED)}, are not compared)")
        wrong += len(found)

        step("freeze the second one: the same bytes?")
        began = time.perf_counter()
        again = (await runtime.freeze()).lock
        same = again.to_json() == path.read_text("utf-8")
        took("freeze", began)
        print(f"  {'the same' if same else 'NOT the same'}: lock {again.id}")
        wrong += not same

        step("verify every installed file, then import everything")
        verified = await runtime.verify(lock)
        print(f"  {verified.lines()[-1]}")
        wrong += len(verified.errors)
        failed = await import_everything(runtime, lock, printed)
        names = {name for package in lock for name in package.imports}
        print(f"  {len(names) - len(failed)} of {len(names)} import names imported")
        for name, reason in failed.items():
            same = failed_there.get(name) == reason
            print(f"  {name}: {reason}" + (" (in the first Pyodide too)" if same else ""))
        wrong += failed != failed_there

    step("times")
    for what, seconds in times:
        print(f"  {seconds:6.1f} s  {what}")
    print(f"\nlock {lock.id}")
    print("identical" if not wrong else f"{wrong} things went wrong")
    return wrong


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("requirements", nargs="*", default=list(REQUIREMENTS))
    parser.add_argument("--index-url", action="append", default=[], help="ask this index (repeatable)")
    parser.add_argument("--pyodide", help="a version or a directory")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="where the lock goes")
    parser.add_argument("--serve", action=argparse.BooleanOptionalAction, help="serve a JupyterLite site then")
    arguments = parser.parse_args()
    try:
        wrong = asyncio.run(demo(arguments.requirements, arguments.index_url, arguments.pyodide, arguments.out))
    except MicropipLockError as error:
        print(error, file=sys.stderr)
        return 2
    if not wrong and (arguments.serve or (arguments.serve is None and is_wanted())):
        return site.main([]) or site.main(["--serve"])
    return min(1, wrong)


def is_wanted() -> bool:
    """Ask whether the site is to be served; no, where nobody can answer."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        told = "\n`make serve` builds and serves a JupyterLite site that starts with these packages"
        print(told, file=sys.stderr)
        return False
    try:
        return input("\nbuild and serve a JupyterLite site with these packages? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(main())
