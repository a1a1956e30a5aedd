"""The vectors that hold the boot path's reader of start packs to Python's.

``python -m tests.core.start_pack_vectors`` writes them anew from what Python does; ``test_start_pack.py`` fails when
they are not what Python does.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from micropip_lock.core.digest import Digest
from micropip_lock.core.start_pack import MAGIC, WheelParts, format_start_pack, parse_start_pack
from micropip_lock.errors import WheelFormatError

PATH: Final = Path(__file__).parents[1] / "vectors" / "start_pack.json"


def _parts(first: int, size: int, *segments: tuple[int, bytes], compiled: bytes = b"") -> WheelParts:
    return WheelParts(digest=Digest(bytes([first, *range(31)])), size=size, segments=segments, compiled=compiled)


def _packs() -> Iterator[tuple[str, bytes]]:
    one = _parts(1, 9, (0, b"abc"), (5, b"fg"))
    other = _parts(7, 4, (0, b"abcd"))
    good = format_start_pack([one, other])
    yield "two wheels", good
    yield "compiled modules", (compiled := format_start_pack([_parts(1, 9, (0, b"abc"), compiled=b"code" * 9), other]))
    yield "compiled modules of no length", _changed(compiled, 36 + len(MAGIC) + 4, 0)
    yield "compiled modules of too great a length", _changed(compiled, 36 + len(MAGIC) + 4, 2**28 + 1)
    yield "compiled modules in no bytes", _changed(good, 36 + len(MAGIC) + 4, 7)
    yield "none", format_start_pack([])
    yield "another version", MAGIC[:-1] + b"\1" + good[len(MAGIC) :]
    yield "nothing", b""
    yield "cut in the table", good[:40]
    yield "cut in the bytes", good[:-1]
    yield "something behind", good + b"\0"
    yield "digests that do not ascend", _joined(other, one)
    yield "a digest twice", _joined(one, one)
    yield "segments that touch", format_start_pack([_parts(1, 9, (0, b"abc"), (3, b"d"))])
    yield "segments that overlap", format_start_pack([_parts(1, 9, (0, b"abc"), (2, b"d"))])
    yield "segments out of order", format_start_pack([_parts(1, 9, (5, b"abc"), (0, b"d"))])
    yield "an empty segment", format_start_pack([_parts(1, 9, (0, b""))])
    yield "no segment", format_start_pack([_parts(1, 9)])
    yield "a segment outside", format_start_pack([_parts(1, 9, (7, b"abc"))])
    yield "an empty wheel", format_start_pack([_parts(1, 0, (0, b"a"))])
    yield "too many wheels", MAGIC + struct.pack("<I", 2001)
    yield "a wheel that is too large", format_start_pack([_parts(1, 2**28 + 1, (0, b"a"))])
    yield "too large together", format_start_pack([_parts(n, 2**28, (0, b"a")) for n in range(9)])


def _changed(pack: bytes, at: int, number: int) -> bytes:
    return pack[:at] + struct.pack("<I", number) + pack[at + 4 :]


def _joined(*wheels: WheelParts) -> bytes:
    """A pack of wheels in this order, which is no right one."""
    tables, data = [], []
    for parts in wheels:
        single = format_start_pack([parts])
        length = sum(len(one) for _, one in parts.segments)
        tables.append(single[len(MAGIC) + 4 : -length])
        data.append(single[-length:])
    return MAGIC + struct.pack("<I", len(wheels)) + b"".join((*tables, *data))


def vectors() -> list[dict[str, Any]]:
    """Each pack, and what Python says of it: the wheels, or ``null`` for a refusal."""
    found: list[dict[str, Any]] = []
    for name, data in _packs():
        try:
            wheels: list[dict[str, Any]] | None = [
                {
                    "sha256": one.digest.hex,
                    "size": one.size,
                    "compiled": one.compiled.decode("ascii"),
                    "segments": [[offset, part.decode("ascii")] for offset, part in one.segments],
                }
                for one in parse_start_pack(data)
            ]
        except WheelFormatError:
            wheels = None
        found.append({"name": name, "pack": base64.b64encode(data).decode("ascii"), "wheels": wheels})
    return found


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=2) + "\n", "utf-8")
