"""How much of a download locating saves: bytes and time through one slow link, on real packages that pip installed.

Run it with ``make bench-locate``; options through ``ARGS="--releases 300"``.  What it does, all in one run:

1. pip, as it is configured here, downloads the wheels (kept in ``.cache/bench-locate`` for the next time); pip installs
   them from a local index into a directory, for the Pyodide platform.
2. Between that index and us lies a link of 30 ms round trip and 50 Mbit/s, which counts every byte, headers included.
   The index's pages are compressed, and list each project's wheel among as many older ones as ``--releases`` says:
   real pages are long, and cost more than all else. The first number decides, the others are told.
3. Through the link, first every wheel is downloaded, then everything is located; both with the same fetcher and as many
   requests at a time; ``--rounds`` times in turn. What is told is the round with the middle time of each.
4. The command ``micropip-lock freeze --site`` locks the directory through the same link, and every wheel of its lock is
   compared with the one that was installed.

It fails (exit 1) when a distribution is not proven, or when bytes or time are above the limits below.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import ProxyHandler, Request, build_opener

from packaging.utils import canonicalize_name, parse_wheel_filename

from micropip_lock.adapters.host_ranges import HostIndexFetcher
from micropip_lock.adapters.site import SitePackages
from micropip_lock.app.locate import CONCURRENCY, Located, locate
from micropip_lock.core.dist_info import OriginRecord
from micropip_lock.testing import PackageIndex
from micropip_lock.testing.pages import JSON_TYPE
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
        pages: Bytes of pages among them.
        wheels: Bytes of wheels among them; the rest is headers.
    """

    seconds: float
    received: int
    requests: int
    pages: int
    wheels: int

    def to_json(self) -> dict[str, float]:
        """The same facts as a JSON object."""
        return {
            "seconds": round(self.seconds, 3),
            "bytes": self.received,
            "requests": self.requests,
            "page_bytes": self.pages,
            "wheel_bytes": self.wheels,
        }


class Stopwatch:
    """Measures what is between its making and :meth:`stop`."""

    def __init__(self, link: SlowLink, index: PackageIndex) -> None:
        index.log.clear()
        self._link, self._log = link, index.log
        self._received, self._began = link.received, time.perf_counter()

    def stop(self) -> Measured:
        """What came since."""
        return Measured(
            seconds=time.perf_counter() - self._began,
            received=self._link.received - self._received,
            requests=self._log.count(),
            pages=sum(request.bytes_sent for request in self._log.requests("/pages-*")),
            wheels=sum(request.bytes_sent for request in self._log.requests("/files/*")),
        )


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


def publish(index: PackageIndex, wheels: dict[str, Path]) -> None:
    """Put the wheels on the index."""
    for path in wheels.values():
        index.add_file(path)


def write_pages(index: PackageIndex, wheels: dict[str, Path], releases: int) -> str:
    """Serve each project's page, made long and packed beforehand, as the network in front of a public index does.

    Returns:
        Path of the pages, with a place for the project's name.
    """
    chance = random.Random(releases)  # noqa: S311  # the same pages each time, no secret
    directory = CACHE / f"pages-{releases}"
    shutil.rmtree(directory, ignore_errors=True)
    for name in wheels:
        request = Request(f"{index.url}/{name}/", headers={"Accept": JSON_TYPE})  # noqa: S310  # an index of our own
        with build_opener(ProxyHandler({})).open(request) as answer:
            page = json.load(answer)
        (real,) = page["files"]
        older = [_older(real, name, number, chance) for number in range(releases)]
        page["files"] = [*older, real]
        page["versions"] = [*(f"0.0.{number}" for number in range(releases)), *page["versions"]]
        (directory / name).mkdir(parents=True)
        packed = gzip.compress(json.dumps(page, separators=(",", ":")).encode(), mtime=0)
        (directory / name / "page.json").write_bytes(packed)
    index.mount(f"/pages-{releases}/", directory, headers={"Content-Encoding": "gzip"})
    return f"/pages-{releases}/{{package_name}}/page.json"


def _older(real: dict[str, Any], name: str, number: int, chance: random.Random) -> dict[str, Any]:
    """A page's entry of a wheel that is long forgotten."""
    filename = f"{name.replace('-', '_')}-0.0.{number}-py3-none-any.whl"
    metadata = {"sha256": chance.randbytes(32).hex()}
    return real | {
        "filename": filename,
        "url": f"../../files/{filename}",
        "hashes": {"sha256": chance.randbytes(32).hex()},
        "size": chance.randrange(1 << 20),
        "core-metadata": metadata,
        "dist-info-metadata": metadata,
    }


async def download(link: SlowLink, index: PackageIndex, wheels: Sequence[Path], concurrency: int) -> Measured:
    """Every wheel, whole, from an address that is known already."""
    turn = asyncio.Semaphore(concurrency)
    watch = Stopwatch(link, index)
    with HostIndexFetcher() as fetcher:

        async def one(path: Path) -> int:
            async with turn:
                return len((await fetcher.fetch(f"{link.origin}/files/{path.name}")).data)

        sizes = await asyncio.gather(*map(one, wheels))
    measured = watch.stop()
    assert sum(path.stat().st_size for path in wheels) == sum(sizes)
    return measured


async def look(
    link: SlowLink, index: PackageIndex, pages: str, site: Path, concurrency: int
) -> tuple[Located, Measured]:
    """Locate everything in the directory."""
    watch = Stopwatch(link, index)
    with HostIndexFetcher() as fetcher:
        found = await locate(
            SitePackages(site).distributions(),
            index_urls=[link.origin + pages],
            fetcher=fetcher,
            concurrency=concurrency,
        )
    return found, watch.stop()


def freeze(link: SlowLink, pages: str, site: Path) -> tuple[dict[str, str], float, str]:
    """The command, run as a person runs it: SHA-256 by package, seconds, and what it said."""
    began = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "micropip_lock", "freeze", "--site", str(site), "--json"),
            *("--index-url", link.origin + pages),
        ],
        env={name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    packages = answer["lock"]["packages"] if answer["ok"] else {}
    return {name: entry["sha256"] for name, entry in packages.items()}, time.perf_counter() - began, done.stderr


def numbers(text: str) -> list[int]:
    """Numbers with commas between them."""
    return [int(part) for part in text.split(",")]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="measure locating against downloading")
    parser.add_argument(
        "--releases",
        type=numbers,
        default=[100, 200, 400],
        help="older releases on each project's page; default: %(default)s",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured; default: %(default)s")
    parser.add_argument("--round-trip", type=float, default=0.030, help="seconds")
    parser.add_argument("--megabits", type=float, default=50.0, help="per second, towards us")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    return parser.parse_args()


def middle(rounds: Sequence[Measured]) -> Measured:
    """The round with the middle time."""
    return sorted(rounds, key=lambda one: one.seconds)[len(rounds) // 2]


def install(index: PackageIndex, wheels: dict[str, Path]) -> Path:
    """The directory that pip fills."""
    site = CACHE / "site"
    shutil.rmtree(site, ignore_errors=True)
    wanted = (f"{name}=={parse_wheel_filename(path.name)[1]}" for name, path in wheels.items())
    flags = ("--no-cache-dir", "--no-compile", "--target", str(site), "--index-url", index.url)
    pip("install", *PLATFORM, *flags, *wanted, alone=True)
    return site


def main() -> int:
    """Measure and tell."""
    options = arguments()
    wheels = downloaded()
    size = sum(path.stat().st_size for path in wheels.values())
    downloads: list[Measured] = []
    located: dict[int, list[Measured]] = {releases: [] for releases in options.releases}
    refused: dict[str, object] = {}
    with PackageIndex(file_urls="relative") as index:
        publish(index, wheels)
        site = install(index, wheels)
        pages = {releases: write_pages(index, wheels, releases) for releases in options.releases}
        with SlowLink(index.origin, round_trip=options.round_trip, megabits=options.megabits) as link:
            for _ in range(options.rounds):
                downloads.append(asyncio.run(download(link, index, list(wheels.values()), options.concurrency)))
                for releases, place in pages.items():
                    found, measured = asyncio.run(look(link, index, place, site, options.concurrency))
                    located[releases].append(measured)
                    refused |= {
                        name: found.get(canonicalize_name(name))
                        for name in wheels
                        if not isinstance(found.get(canonicalize_name(name)), OriginRecord)
                    }
            frozen, seconds, said = freeze(link, pages[options.releases[0]], site)
    right = sum(1 for name, path in wheels.items() if frozen.get(name) == hashlib.sha256(path.read_bytes()).hexdigest())
    whole = middle(downloads)
    print(
        f"{len(wheels)} wheels, {size:,} bytes; {len(wheels) - len(refused)} proven in each of {options.rounds} rounds"
    )
    print(
        f"download                    {whole.received:>11,} bytes  {whole.seconds:6.2f} s  {whole.requests:4} requests"
    )
    shares = {}
    for releases, rounds in located.items():
        one = middle(rounds)
        shares[releases] = one.received / size, one.seconds / whole.seconds
        head = f"locate, {releases:>4} older releases"
        print(f"{head} {one.received:>11,} bytes  {one.seconds:6.2f} s  {one.requests:4} requests")
        print(f"  {one.pages:,} bytes of pages, {one.wheels:,} of wheels, the rest is headers")
        print("  {:.2%} of the wheels' bytes, {:.1%} of the time of downloading them".format(*shares[releases]))
    print(f"freeze --site  {right} of {len(wheels)} locked as the wheels that were installed, {seconds:.2f} s")
    if right < len(wheels):
        print(said)
    for name, reason in refused.items():
        print(f"not proven: {name}: {reason}")
    if options.json:
        facts = {
            "wheels": len(wheels),
            "bytes": size,
            "refused": sorted(refused),
            "download": [one.to_json() for one in downloads],
            "locate": {releases: [one.to_json() for one in rounds] for releases, rounds in located.items()},
            "frozen": right,
            "freeze_seconds": round(seconds, 3),
        }
        options.json.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", "utf-8")
    bytes_share, time_share = shares[options.releases[0]]
    print(f"at most {MOST_BYTES:.0%} and {MOST_TIME:.0%} are wanted with {options.releases[0]} older releases")
    good = right == len(wheels) and not refused and bytes_share <= MOST_BYTES and time_share <= MOST_TIME
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
