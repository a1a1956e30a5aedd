"""The store of the host and the store of the engine under Node are one: what either keeps the other finds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.adapters.wheel_store import WheelStore
from micropip_lock.core.digest import Digest, admit
from micropip_lock.testing import wheel

ROOT = Path(__file__).resolve().parents[2]
SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})
RICH = wheel("rich", "15.0", files={"rich/__init__.py": "#" * 3000})

PROGRAM = """
import { readFileSync } from "node:fs";
import { openStore } from "./store.mjs";
const { directory, wheel, asked } = JSON.parse(readFileSync(0, "utf8"));
const store = await openStore({ directory });
const bytes = new Uint8Array(Buffer.from(wheel.data, "base64"));
const found = await store.get(asked);
const answer = {
  kept: await store.put(wheel.sha256, bytes),
  extra: await store.putExtra(wheel.sha256, "checked", new Uint8Array([1, 2, 3])),
  found: found && Buffer.from(found.source.read(0, found.source.size)).toString("base64"),
  listed: (await store.list()).map(({ sha256, size }) => [sha256, size]).sort(),
};
console.log(JSON.stringify(answer));
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that uses the engine's store."""
    folder = tmp_path_factory.mktemp("store")
    options = ("--bundle", "--format=esm", "--external:node:*", f"--outfile={folder}/store.mjs")
    npm = (ROOT / "tools" / "npm", "exec", "--silent", "--")
    subprocess.run([*npm, "esbuild", "src/store.ts", *options], check=True, capture_output=True)
    (folder / "program.mjs").write_text(PROGRAM, "utf-8")
    return folder / "program.mjs"


def under_node(program: Path, **asked: Any) -> dict[str, Any]:
    found = subprocess.run([ROOT / "tools" / "find-node"], check=True, capture_output=True, text=True)
    done = subprocess.run(
        [found.stdout.strip(), program], input=json.dumps(asked), check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


async def test_each_finds_what_the_other_kept(tmp_path: Path, program: Path) -> None:
    """A wheel that Python kept is found under Node, one that Node kept is found by Python, with what is beside it."""
    store = WheelStore(tmp_path)
    await store.put(admit(SIX.data, Digest.of(SIX.data), filename=SIX.filename))
    rich = {"sha256": RICH.sha256, "data": b64encode(RICH.data).decode()}
    answer = under_node(program, directory=str(tmp_path), wheel=rich, asked=SIX.sha256)
    found = await store.get(Digest.of(RICH.data), RICH.filename)
    listed = [(one.title, one.size, one.extra_size) for one in await store.wheels()]

    assert ("stored", "stored", SIX.data, RICH.data) == (
        answer["kept"],
        answer["extra"],
        b64decode(answer["found"]),
        found and found.data,
    )
    assert sorted([[SIX.sha256, SIX.size], [RICH.sha256, RICH.size]]) == answer["listed"]
    assert sorted([("six 1.16.0", SIX.size, 0), ("rich 15.0", RICH.size, 35)]) == sorted(listed)
    assert await store.is_intact(Digest.of(RICH.data))


async def test_half_written_files_are_each_others(tmp_path: Path, program: Path) -> None:
    """What Python left half-written long ago goes when the store is opened under Node, and is nothing until then."""
    folder = tmp_path / "wheels" / SIX.sha256[:2]
    folder.mkdir(parents=True)
    parts = [folder / f".{SIX.sha256[:60]}.{end}" for end in ("old", "new")]
    for part, age in zip(parts, (7200, 0), strict=True):
        part.write_bytes(SIX.data)
        os.utime(part, (part.stat().st_mtime - age,) * 2)
    nothing = {"sha256": hashlib.sha256(b"").hexdigest(), "data": ""}
    answer = under_node(program, directory=str(tmp_path), wheel=nothing, asked=SIX.sha256)

    assert (None, [[nothing["sha256"], 0]], [False, True]) == (
        answer["found"],
        answer["listed"],
        [part.exists() for part in parts],
    )
