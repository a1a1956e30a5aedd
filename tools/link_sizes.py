"""How long lock links are, of real locks and beside what others do: the table of ``docs/links.md``.

``make link-sizes`` freezes real packages in a Pyodide under Node and prints the table; with ``--write`` it puts it into
the document. Locks that are there already can be measured instead (``--locks FILE…``).

The floor is what no link of the full form goes below: of each package its SHA-256 and the digest in its address, 64
bytes, or 32 where the address has none, and all names and versions, compressed as well as DEFLATE, zlib, LZMA or Brotli
can; as base64url. Of a package of the runtime it is the compressed name alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import lzma
import re
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from micropip_lock import api
from micropip_lock.adapters.runtimes import cached_packages, find_node, pyodide_directory
from micropip_lock.core.abis import ABIS
from micropip_lock.core.link import decode_link, encode_link
from micropip_lock.core.link_outline import outline_of
from micropip_lock.core.model import Lock, Origin, by_name
from micropip_lock.errors import MicropipLockError

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "links.md"
RUNTIME: Final = "314.0.7"

TEN: Final = "rich attrs tabulate tqdm six packaging toolz"
THIRTY: Final = "ipywidgets rich pydantic msgpack plotly tqdm"
FIFTY: Final = f"{THIRTY} sympy networkx beautifulsoup4 requests pytest httpx typer"
# In several installs, since one of a hundred asks more at once than every index answers.
MORE: Final = (
    "openpyxl attrs fsspec babel docutils xlsxwriter bleach marshmallow humanize inflect faker tzdata colorama",
    (
        "loguru tinydb sortedcontainers cachetools pyparsing pytz toml tomlkit blinker itsdangerous defusedxml lark "
        "tabulate termcolor decorator six toolz"
    ),
    (
        "cloudpickle markdown mistune alabaster snowballstemmer html5lib jsonpatch natsort pathspec platformdirs "
        "filelock ply schema webcolors"
    ),
)

OF_RUNTIME: Final = ("pandas", "matplotlib", "bokeh", "statsmodels")

# What others put in a link: lz-string (marimo, shinylive, JupyterLite's kernels), and two general compressors.
OTHERS: Final = """
import lz from "lz-string";
import { brotliCompressSync, constants, deflateRawSync } from "node:zlib";
let text = "";
for await (const piece of process.stdin) text += piece;
const { json, names } = JSON.parse(text);
const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_MODE]: 1 } };
const url = (bytes) => bytes.toString("base64url").length;
process.stdout.write(JSON.stringify({
  lz: lz.compressToEncodedURIComponent(json).length,
  deflate: url(deflateRawSync(json, { level: 9 })),
  brotli: url(brotliCompressSync(json, best)),
  names: brotliCompressSync(names, best).length,
}));
"""


async def frozen(requirements: str) -> Lock:
    """Real packages from the user's own index."""
    return await api.freeze_requirements(requirements.split())


def joined(locks: Sequence[Lock]) -> Lock:
    """All packages of several locks."""
    return replace(locks[0], packages=by_name({one.name: one for lock in reversed(locks) for one in lock}.values()))


def private(lock: Lock) -> Lock:
    """The same wheels on an index of a company, whose addresses have no digest in them."""
    packages = {}
    for name, package in lock.packages.items():
        url = f"https://packages.company.example/files/{package.wheel.url.rpartition('/')[2]}"
        origin = Origin(kind="index", url=url, index="https://packages.company.example/simple")
        packages[name] = replace(package, wheel=replace(package.wheel, url=url), origin=origin)
    return replace(lock, packages=packages)


def of_runtime(base: Mapping[str, Mapping[str, Any]], count: int) -> Lock:
    """So many packages of the runtime's own distribution, as a freeze locks them after ``loadPackage``."""
    wanted, queue = dict[str, bool](), list(OF_RUNTIME)
    while queue and len(wanted) < count:
        name = queue.pop(0)
        if name not in wanted:
            wanted[name] = name in OF_RUNTIME
            queue += base[name]["depends"]
    entries = {}
    for name, asked in sorted(wanted.items()):
        facts = {"source": "runtime", **({"requested": True, "requirement": name} if asked else {})}
        entries[name] = {
            **base[name],
            "file_name": f"https://cdn.jsdelivr.net/pyodide/v{RUNTIME}/full/{base[name]['file_name']}",
            "depends": sorted(one for one in base[name]["depends"] if one in wanted),
            "unvendored_tests": False,
            "tool": {"micropip-lock": facts},
        }
    value = {"info": ABIS["2026_0"].to_info(), "packages": entries, "tool": {"micropip-lock": {"version": 1}}}
    return Lock.from_json(json.dumps(value))


def others(lock: Lock, names: str) -> dict[str, int]:
    """Lengths of what others would write of the lock, and of the names compressed with Brotli."""
    question = json.dumps({"json": json.dumps(lock.to_dict(), separators=(",", ":")), "names": names})
    command = [str(find_node()), "--input-type=module", "-e", OTHERS]
    told = subprocess.run(command, input=question, capture_output=True, text=True, check=True, cwd=ROOT / "js")
    lengths: dict[str, int] = json.loads(told.stdout)
    return lengths


def measured(label: str, lock: Lock, base: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One row of the table."""
    lock, count = lock.without_upload_times(), len(lock)
    link, short = encode_link(lock, base=base), encode_link(lock, base=base, short=True)
    if decode_link(link, find_base=lambda digest: base) != lock:
        raise SystemExit(f"{label}: the link does not hold the lock")
    outline = outline_of(lock.to_dict(), base=base)
    rows = [one.name if one.base is not None else f"{one.name} {one.version}" for one in outline.entries]
    raw = sum(0 if one.base is not None else 64 if one.has_path else 32 for one in outline.entries)
    names = "\n".join(rows)
    told = others(lock, names)
    packed = [_raw_deflate(names.encode()), len(_lzma(names.encode())), told["names"]]
    floor = len(base64.urlsafe_b64encode(bytes(raw + min(packed))).rstrip(b"="))
    return [
        label,
        str(count),
        f"{len(link):,}",
        f"{len(link) / count:.1f}",
        f"{len(link) / floor:.2f}",
        f"{len(short):,}",
        f"{len(short) / count:.1f}",
        f"{told['lz']:,}",
        f"{told['deflate']:,}",
        f"{told['brotli']:,}",
    ]


def _raw_deflate(data: bytes) -> int:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return len(stream.compress(data) + stream.flush())


def _lzma(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "pb": 0}]
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)


HEAD: Final = [
    *("lock", "packages", "full", "a package", "to the floor", "short", "a package"),
    *("lz-string JSON", "DEFLATE JSON", "Brotli JSON"),
]


async def rows(paths: list[Path]) -> list[list[str]]:
    """The table, without its head."""
    pyodide_directory(RUNTIME)
    base = next(iter(cached_packages(RUNTIME)))
    if paths:
        return [measured(path.stem, Lock.from_json(path.read_bytes()), base) for path in paths]
    ten = await frozen(TEN)
    fifty = await frozen(FIFTY)
    hundred = joined([fifty, *[await frozen(one) for one in MORE]])
    found = [("ten", ten), ("a notebook", await frozen(THIRTY)), ("fifty", fifty), ("a hundred", hundred)]
    found += [("a private index", private(ten))]
    return [measured(label, lock, base) for label, lock in [*found, ("Pyodide's own", of_runtime(base, 20))]]


def main() -> int:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locks", nargs="*", type=Path, default=[], metavar="FILE")
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args()
    try:
        table = asyncio.run(rows(options.locks))
    except MicropipLockError as error:
        print(error)
        return 2
    lines = [f"| {' | '.join(row)} |" for row in (HEAD, ["--", *["--:"] * (len(HEAD) - 1)], *table)]
    print("\n".join(lines))
    if options.write:
        text = DOCUMENT.read_text("utf-8")
        marks = r"(<!-- sizes -->\n).*(<!-- end of sizes -->)"
        DOCUMENT.write_text(
            re.sub(marks, lambda found: found[1] + "\n".join([*lines, found[2]]), text, flags=re.DOTALL)
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
