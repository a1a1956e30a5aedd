"""How much of a download locating saves: bytes and time through one slow link, on real packages that pip installed.

Run it with ``make bench-locate``; options through ``ARGS="--releases 300"``.  What it does, all in one run:

1. pip, as it is configured here, downloads the wheels (kept in ``.cache/bench-locate`` for the next time); pip installs
   them from a local index into a directory, for the Pyodide platform.
2. Between that index and us lies a link of 30 ms round trip and 50 Mbit/s, which counts every byte, headers included.
   The index knows each project's wheel and as many older releases as ``--releases`` says, since real pages are long.
3. Through the link, first every wheel is downloaded, then everything is located; both with the same fetcher and as many
   requests at a time.
4. The command ``micropip-lock freeze --site`` locks the directory through the same link, and every wheel of its lock is
   compared with the one that was installed.

It fails (exit 1) when a distribution is not proven, or when bytes or time are above the limits below.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.utils import parse_wheel_filename

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.locate import CONCURRENCY, Located, locate
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.testing import GzipEncoded, PackageIndex, wheel
from tools.slow_link import SlowLink

CACHE: Final = Path(".cache/bench-locate")
MOST_BYTES: Final = 0.05
MOST_TIME: Final = 0.20

PURE: Final = (
    *("boto3", "botocore", "urllib3", "requests", "certifi", "idna", "charset-normalizer", "typing-extensions"),
    *("setuptools", "packaging", "python-dateutil", "s3transfer", "six", "pip", "fsspec", "attrs", "click"),
    *("platformdirs", "pytz", "jmespath", "wheel", "rsa", "pyasn1", "jinja2", "pygments", "importlib-metadata"),
    *("zipp", "filelock", "rich", "tqdm", "pydantic", "virtualenv", "pluggy", "annotated-types", "google-auth"),
    *("googleapis-common-protos", "jsonschema", "pyparsing", "cachetools", "tzdata"),
)
COMPILED: Final = ("pydantic-core", "msgpack", "jiter", "contourpy")
PLATFORM: Final = (
    *("--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--implementation", "cp"),
    *("--abi", "cp314", "--only-binary", ":all:", "--no-deps"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One half of the comparison.

    Attributes:
        seconds: Wall time.
        received: Bytes that came through the link.
        requests: Requests that the index answered.
    """

    seconds: float
    received: int
    requests: int

    def to_json(self) -> dict[str, float]:
        """The same facts as a JSON object."""
        return {"seconds": round(self.seconds, 3), "bytes": self.received, "requests": self.requests}


def pip(*arguments: str, alone: bool = False) -> None:
    """Run pip; ``alone`` without the configuration of this machine."""
    own = {"PIP_CONFIG_FILE": os.devnull} if alone else {}
    environment = {name: value for name, value in os.environ.items() if not (alone and name.startswith("PIP_"))} | own
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"pip failed:\n{done.stdout}")


def downloaded() -> dict[str, Path]:
    """The wheels by project, brought by pip where they are not there."""

    def kept() -> dict[str, Path]:
        return {parse_wheel_filename(path.name)[0]: path for path in sorted((CACHE / "wheels").glob("*.whl"))}

    missing = [name for name in (*PURE, *COMPILED) if name not in kept()]
    if missing:
        print(f"pip downloads {len(missing)} wheels …", flush=True)
        pip("download", *PLATFORM, "--dest", str(CACHE / "wheels"), *missing)
    found = kept()
    return {name: found[name] for name in (*PURE, *COMPILED)}


def publish(index: PackageIndex, wheels: dict[str, Path], releases: int) -> None:
    """Put the wheels on the index, each among its older releases."""
    for name, path in wheels.items():
        index.add_file(path)
        for number in range(releases):
            index.add(wheel(name, f"0.0.{number}", files={f"{name.replace('-', '_')}_{number}.py": f"{number}\n"}))
    # Pages of public indexes are compressed on their way.
    index.fault("/simple/*", GzipEncoded())


async def download(link: SlowLink, index: PackageIndex, wheels: Sequence[Path], concurrency: int) -> Measured:
    """Every wheel, whole, from an address that is known already."""
    turn = asyncio.Semaphore(concurrency)
    index.log.clear()
    before, began = link.received, time.perf_counter()
    with HostIndexFetcher() as fetcher:

        async def one(path: Path) -> int:
            async with turn:
                return len((await fetcher.fetch(f"{link.origin}/files/{path.name}")).data)

        sizes = await asyncio.gather(*map(one, wheels))
    measured = Measured(
        seconds=time.perf_counter() - began, received=link.received - before, requests=index.log.count()
    )
    assert sum(path.stat().st_size for path in wheels) == sum(sizes)
    return measured


async def look(link: SlowLink, index: PackageIndex, site: Path, concurrency: int) -> tuple[Located, Measured]:
    """Locate everything in the directory."""
    index.log.clear()
    before, began = link.received, time.perf_counter()
    with HostIndexFetcher() as fetcher:
        found = await locate(
            SitePackages(site).distributions(),
            index_urls=[f"{link.origin}/simple"],
            fetcher=fetcher,
            concurrency=concurrency,
        )
    return found, Measured(
        seconds=time.perf_counter() - began, received=link.received - before, requests=index.log.count()
    )


def freeze(link: SlowLink, site: Path) -> tuple[dict[str, str], float, str]:
    """The command, run as a person runs it: SHA-256 by package, seconds, and what it said."""
    began = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "micropip_lock", "freeze", "--site", str(site), "--json"),
            *("--index-url", f"{link.origin}/simple"),
        ],
        env={name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    packages = answer["lock"]["packages"] if answer["ok"] else {}
    return {name: entry["sha256"] for name, entry in packages.items()}, time.perf_counter() - began, done.stderr


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="measure locating against downloading")
    parser.add_argument("--releases", type=int, default=100, help="older releases on each project's page")
    parser.add_argument("--round-trip", type=float, default=0.030, help="seconds")
    parser.add_argument("--megabits", type=float, default=50.0, help="per second, towards us")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    return parser.parse_args()


def main() -> int:
    """Measure and tell."""
    options = arguments()
    wheels = downloaded()
    site = CACHE / "site"
    shutil.rmtree(site, ignore_errors=True)
    with PackageIndex(file_urls="relative") as index:
        publish(index, wheels, options.releases)
        pip(
            "install",
            *PLATFORM,
            "--no-cache-dir",
            "--no-compile",
            "--target",
            str(site),
            "--index-url",
            index.url,
            *(f"{name}=={parse_wheel_filename(path.name)[1]}" for name, path in wheels.items()),
            alone=True,
        )
        with SlowLink(index.origin, round_trip=options.round_trip, megabits=options.megabits) as link:
            whole = asyncio.run(download(link, index, list(wheels.values()), options.concurrency))
            found, located = asyncio.run(look(link, index, site, options.concurrency))
            frozen, seconds, said = freeze(link, site)
        pages = sum(request.bytes_sent for request in index.log.requests("/simple/*"))
        ranges = sum(request.bytes_sent for request in index.log.requests("/files/*"))
    size = sum(path.stat().st_size for path in wheels.values())
    refused = {name: one for name, one in found.items() if not isinstance(one, OriginRecord)}
    proven = sum(1 for name, one in found.items() if isinstance(one, OriginRecord) and name in wheels)
    bytes_share, time_share = located.received / size, located.seconds / whole.seconds
    print(f"proven           {proven} of {len(wheels)}")
    print(f"download         {whole.received:>11,} bytes  {whole.seconds:6.2f} s  {whole.requests:4} requests")
    print(f"locate           {located.received:>11,} bytes  {located.seconds:6.2f} s  {located.requests:4} requests")
    print(f"  of it          {pages:>11,} bytes of pages, {ranges:,} of wheels; the rest is headers")
    print(f"bytes            {bytes_share:.2%} of the wheels (at most {MOST_BYTES:.0%})")
    print(f"time             {time_share:.1%} of downloading (at most {MOST_TIME:.0%})")
    right = sum(1 for name, path in wheels.items() if frozen.get(name) == hashlib.sha256(path.read_bytes()).hexdigest())
    print(f"freeze --site    {right} of {len(wheels)} locked as the wheels that were installed, {seconds:.2f} s")
    if right < len(wheels):
        print(said)
    for name, one in refused.items():
        print(f"not proven: {name}: {one}")
    if options.json:
        facts = {
            "wheels": len(wheels),
            "wheel_bytes": size,
            "proven": proven,
            "page_bytes": pages,
            "range_bytes": ranges,
            "releases_per_page": options.releases,
            "download": whole.to_json(),
            "locate": located.to_json(),
            "frozen": right,
            "freeze_seconds": round(seconds, 3),
        }
        options.json.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", "utf-8")
    good = (
        right == len(wheels)
        and proven == len(wheels)
        and not refused
        and bytes_share <= MOST_BYTES
        and time_share <= MOST_TIME
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
