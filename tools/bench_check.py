"""What checking a wheel costs beside hashing and inflating it, on real wheels: ``make bench-check``.

Three ways through the same bytes, turn by turn (A B C B A), several rounds; medians of processor time for each wheel:

- **A**, hash and inflate as installers written in Python do: SHA-256 of the file; :mod:`zipfile` reads every entry,
  which compares its CRC; SHA-256 of its content.
- **B**, what micropip-lock does: admit the bytes, check the container, the paths, the identity, METADATA, RECORD, and
  every file against its row.
- **C**, the least that hashing and inflating can cost in Python: as A, each entry inflated by one call of zlib.

It prints both ratios and fails (exit 1) when B takes more than 15 % longer than A. ``--each`` lists wheels.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import io
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.wheel import OpenedWheel
from tools.check_wheels import real_wheels

LIMIT: Final = 0.15

type Way = Callable[[bytes, str], int]


def hash_and_inflate(data: bytes, filename: str) -> int:  # noqa: ARG001  # one signature for all ways
    """A: returns the bytes inflated; ``filename`` is what the other ways take, too."""
    hashlib.sha256(data).digest()
    total = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                content = archive.read(entry)
                hashlib.sha256(content).digest()
                total += len(content)
    return total


def bare(data: bytes, filename: str) -> int:
    """C: returns the bytes inflated."""
    hashlib.sha256(data).digest()
    total, view = 0, memoryview(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            name, extra = struct.unpack_from("<2H", data, entry.header_offset + 26)
            start = entry.header_offset + 30 + name + extra
            packed = view[start : start + entry.compress_size]
            content = zlib.decompress(packed, -15, max(entry.file_size, 1)) if entry.compress_type else bytes(packed)
            if zlib.crc32(content) != entry.CRC:
                raise ValueError(f"{filename}: {entry.filename}")
            hashlib.sha256(content).digest()
            total += len(content)
    return total


def check(data: bytes, filename: str) -> int:
    """B: returns the bytes inflated."""
    opened = OpenedWheel(admit(data, Digest.of(data), filename=filename))
    return sum(len(content) for _path, content in opened.files())


def seconds(run: Way, data: bytes, filename: str) -> float:
    """How long one run takes, in processor time: the machine may be shared."""
    began = time.process_time()
    run(data, filename)
    return time.process_time() - began


def main(arguments: Sequence[str]) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_check", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "directories", nargs="*", type=Path, help="where wheels are; default: the caches of this project"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--each", action="store_true", help="list every wheel")
    options = parser.parse_args(arguments)
    wheels = real_wheels(options.directories)
    if not wheels:
        print("no wheels: run make demo or make bench-locate first, or name a directory", file=sys.stderr)
        return 2
    ways = (hash_and_inflate, check, bare)
    sums = [0.0, 0.0, 0.0]
    ratios = []
    gc.disable()
    for path in wheels:
        data = path.read_bytes()
        if len({way(data, path.name) for way in ways}) != 1:
            print(f"{path.name}: the ways see different files", file=sys.stderr)
            return 1
        taken: dict[Way, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way in (*ways, *reversed(ways[:2])):
                taken[way].append(seconds(way, data, path.name))
        gc.collect()
        middle = [median(taken[way]) for way in ways]
        sums = [one + more for one, more in zip(sums, middle, strict=True)]
        ratios.append(middle[1] / middle[0])
        if options.each:
            print(f"{ratios[-1] - 1:+7.1%}  {middle[0] * 1000:8.2f} ms  {len(data) / 1e6:6.2f} MB  {path.name}")
    over = sums[1] / sums[0] - 1
    print(f"{len(wheels)} wheels, {options.rounds} rounds of A B C B A, medians")
    print(f"A hash and inflate, as installers do {sums[0] * 1000:9.1f} ms")
    print(f"B check                              {sums[1] * 1000:9.1f} ms   {over:+.1%} of A (limit {LIMIT:+.0%})")
    print(f"C hash and inflate, the least        {sums[2] * 1000:9.1f} ms   B is {sums[1] / sums[2] - 1:+.1%} of C")
    print(f"the wheel in the middle {median(ratios) - 1:+.1%} of A, the worst {max(ratios) - 1:+.1%}")
    return int(over > LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
