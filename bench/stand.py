"""Where the contenders compete: a server of its own process, two links to it, and what it serves.

Rules this file keeps:

1. The page and the runtime come over the loopback link always; the link that is measured carries the wheels, the locks
   and the index alone.
2. What is served is written to ``.cache/bench/site`` anew each time; wheels are served from where they are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.request import ProxyHandler, build_opener

from bench.wheelsets import Pinned, paths, pinned
from micropip_lock import Policy, bundle
from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from micropip_lock.core.link import encode_link
from micropip_lock.core.model import Lock
from micropip_lock.errors import LinkError
from micropip_lock.stdlib import compile_stdlib
from tests.e2e.chromium import build_project
from tests.e2e.wheelhouse import wheels
from tools.slow_link import SlowLink

type Link = Literal["loopback", "slow"]

LINKS: Final[tuple[Link, ...]] = ("loopback", "slow")
ROUND_TRIP: Final = 0.03
MEGABITS: Final = 50.0

ROOT: Final = Path(__file__).resolve().parents[1]
CACHE: Final = ROOT / ".cache" / "bench"
MADE: Final = CACHE / "made"
"""What is made once for the contenders, served below ``/made/``."""
HERE: Final = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelSet:
    """A set as contenders see it.

    Attributes:
        packages: Name, version, file, sha256 and size of each wheel.
        imports: What is imported, in this order.
        files: Files in all wheels together.
    """

    packages: tuple[dict[str, Any], ...]
    imports: tuple[str, ...]
    files: int

    @property
    def size(self) -> int:
        """Bytes of all wheels."""
        return sum(int(one["size"]) for one in self.packages)


class Stand:
    """A running server.

    Attributes:
        page: Origin of the page and the runtime.
        wheels: Origin of what a lock names, by link.
        sets: What is served.
        runtime: Directory of the Pyodide.
    """

    def __init__(self, page: str, wheels: dict[Link, str], sets: dict[str, WheelSet]) -> None:
        self.page = page
        self.wheels = wheels
        self.sets = sets
        self.runtime = pyodide_directory(None)

    def counts(self) -> dict[str, int]:
        """Requests and bytes of the wheels' origin since the last call."""
        # No proxy of this machine between the two.
        with build_opener(ProxyHandler({})).open(f"{self.page}/_counts", timeout=10) as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def spec(self, *, contender: str, name: str, place: str, link: Link, visit: str, store: Path) -> dict[str, Any]:
        """What one sample is told."""
        node = place == "node"
        return {
            "contender": contender,
            "set": name,
            "place": place,
            "visit": visit,
            "page": self.page,
            "wheels": self.wheels[link],
            "runtime": f"{self.runtime}/" if node else f"{self.page}/runtime/",
            "bundles": f"{ROOT}/micropip_lock/data/",
            "made": f"{MADE}/",
            "mambajs": (CACHE / "mambajs" / "mambajs.mjs").as_uri(),
            "packages": self.sets[name].packages,
            "imports": self.sets[name].imports,
            "store": str(store),
            "link": _lock_link(f"{self.wheels[link]}/sets/{name}/", CACHE / "site" / "sets" / name / "lock.json"),
        }


@contextlib.contextmanager
def stand(names: Sequence[str]) -> Iterator[Stand]:
    """Serve these sets.

    Raises:
        WheelsMissingError: pip could not bring the wheels.
        CalledProcessError: mambajs or our own wheel could not be built.
    """
    site = CACHE / "site"
    site.mkdir(parents=True, exist_ok=True)
    files: dict[str, str] = {}
    sets = {name: _place(name, site, files) for name in names}
    files["/ours/micropip_lock.whl"] = str(_own_wheel())
    subprocess.run([find_node(), HERE / "mambajs.mjs", CACHE / "mambajs"], check=True)
    mounts = {
        "/runtime/": str(pyodide_directory(None)),
        "/bench/": str(HERE),
        "/mambajs/": str(CACHE / "mambajs"),
        "/data/": str(ROOT / "micropip_lock" / "data"),
        "/made/": str(MADE),
    }
    with (
        serve(site / "map.json", mounts, files) as (page, plain),
        SlowLink(plain, round_trip=ROUND_TRIP, megabits=MEGABITS) as slow,
    ):
        yield Stand(page, {"loopback": plain, "slow": slow.origin}, sets)


@contextlib.contextmanager
def serve(target: Path, mounts: Mapping[str, str], files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Run the server.

    Args:
        target: Where to write what it reads.
        mounts: Directories by the prefix of the paths that lead into them.
        files: Files by path; those below ``/simple/`` are pages of an index, with ``{origin}`` for their own origin.

    Yields:
        Its origin for pages, and the one whose requests are counted.
    """
    target.write_text(json.dumps({"mounts": mounts, "files": files}), "utf-8")
    command = [find_node(), HERE / "server.mjs", target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        ports = json.loads(server.stdout.readline())
        try:
            yield f"http://127.0.0.1:{ports['page']}", f"http://127.0.0.1:{ports['wheels']}"
        finally:
            server.stdin.close()


def _lock_link(base: str, path: Path) -> str | None:
    """The fragment of a link that holds the lock of a set; nothing for one that is too large for a link."""
    try:
        return encode_link(Lock.from_json(path.read_text("utf-8"), base=base))
    except LinkError:
        return None


def _own_wheel() -> Path:
    directory = CACHE / "dist"
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.whl"):
        old.unlink()
    return build_project(directory)


def _place(name: str, site: Path, files: dict[str, str]) -> WheelSet:
    """Write the locks and index pages of a set, and map the addresses of its files."""
    chosen = pinned(name)
    found = paths(chosen)
    packages = [_package(one, found[one.name]) for one in chosen]
    count = 0
    for one in packages:
        path = found[one["name"]]
        files[f"/sets/{name}/{one['file']}"] = str(path)
        with zipfile.ZipFile(path) as archive:
            count += len(archive.namelist())
            (metadata,) = (n for n in archive.namelist() if n.count("/") == 1 and n.endswith(".dist-info/METADATA"))
            _index_page(one, path, archive.read(metadata), site, files)
    tools = []
    for requirement, path in wheels("tools").items():
        project, _, version = requirement.partition("==")
        if project not in found:
            digest = path.parent.name
            tool = Pinned(name=project, version=version, digest=digest, imports=project)
            tools.append(_package(tool, path))
            files[f"/sets/{name}/{path.name}"] = str(path)
    info = json.loads((pyodide_directory(None) / "pyodide-lock.json").read_text("utf-8"))["info"]
    for file, entries in (("lock.json", packages), ("pyodide-lock.json", [*packages, *tools])):
        lock = {"info": info, "packages": {one["name"]: _entry(one) for one in entries}}
        # What micropip needs, as its own METADATA says.
        if "micropip" in lock["packages"]:
            lock["packages"]["micropip"]["depends"] = ["packaging"]
        target = site / "sets" / name / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(lock), "utf-8")
        files[f"/sets/{name}/{file}"] = str(target)
    imports = tuple(one.imports for one in chosen if one.imports is not None)
    _place_start(name, site / "sets" / name / "lock.json", found, imports, files)
    return WheelSet(packages=tuple(packages), imports=imports, files=count)


def _place_start(
    name: str, path: Path, found: Mapping[str, Path], imports: Sequence[str], files: dict[str, str]
) -> None:
    """The lock with a start pack, as the verb ``bundle`` makes it of the set."""
    lock = json.loads(path.read_text("utf-8"))
    here = {key: {**entry, "file_name": found[key].as_uri()} for key, entry in lock["packages"].items()}
    text = json.dumps({**lock, "packages": here})
    makers = [
        *(path for name in ("start*.py", "stdlib.py") for path in (ROOT / "micropip_lock").rglob(name)),
        *(ROOT / "js" / "src" / f"{name}.ts" for name in ("mount", "bytecode", "start-pack")),
    ]
    key = hashlib.sha256(b"".join((text.encode(), *(maker.read_bytes() for maker in makers)))).hexdigest()
    made = MADE / "start" / key / "pyodide-lock.json"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        # A lock that lies on this machine may name files of it.
        (lying := made.with_name("lock.json")).write_text(text, "utf-8")
        policy = Policy(consent=True)
        asyncio.run(compile_stdlib(made.with_name("python_stdlib.zip"), lock=lying, imports=imports, policy=policy))
        asyncio.run(bundle(lying, made.parent, start=True, imports=imports, policy=policy))
    # Runtime and page come from another origin than the wheels.
    shutil.copyfile(made.with_name("python_stdlib.zip"), MADE / f"python_stdlib-{name}.zip")
    start = json.loads(made.read_text("utf-8"))["tool"]["micropip-lock"]["start"]
    target = path.with_name("start.json")
    target.write_text(json.dumps({**lock, "tool": {"micropip-lock": {"version": 1, "start": start}}}), "utf-8")
    files[f"/sets/{name}/start.json"] = str(target)
    files[f"/sets/{name}/{start['url']}"] = str(made.with_name(start["url"]))


def _package(one: Pinned, path: Path) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "file": path.name,
        "sha256": one.digest,
        "size": path.stat().st_size,
        "import": one.imports,
    }


def _entry(package: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": package["name"],
        "version": package["version"],
        "file_name": package["file"],
        "sha256": package["sha256"],
        "install_dir": "site",
        "package_type": "package",
        "imports": [package["import"]] if package["import"] else [],
        "depends": [],
        "unvendored_tests": False,
        # As a freeze writes it.
        "tool": {"micropip-lock": {"size": package["size"]}},
    }


def _index_page(one: dict[str, Any], path: Path, metadata: bytes, site: Path, files: dict[str, str]) -> None:
    """A page of PEP 691 for a project, and the metadata of its file (PEP 658)."""
    address = f"/files/{one['sha256']}/{one['file']}"
    files[address] = str(path)
    kept = site / "metadata" / f"{one['sha256']}.metadata"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(metadata)
    files[f"{address}.metadata"] = str(kept)
    page = site / "simple" / f"{one['name']}.json"
    page.parent.mkdir(exist_ok=True)
    file = {
        "filename": one["file"],
        "url": f"{{origin}}{address}",
        "hashes": {"sha256": one["sha256"]},
        "size": one["size"],
        "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()},
    }
    text = {"meta": {"api-version": "1.1"}, "name": one["name"], "versions": [one["version"]], "files": [file]}
    page.write_text(json.dumps(text), "utf-8")
    files[f"/simple/{one['name']}/"] = str(page)
