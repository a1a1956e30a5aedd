"""Lock links made by hand, byte by byte, for tests: right ones, and ones that no writer of ours makes."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from micropip_lock.core.link_coder import Coder, Writer
from micropip_lock.core.link_names import KNOWN_INFO
from micropip_lock.core.link_pack import Entry, Outline, Walk, tutor
from micropip_lock.core.model import canonical_json

CHANGED, DEFLATED = 2, 4
NO_LOCK = bytes(32)


def sealed(flags: bytes, rest: bytes, *, length: int | None = None, check: int | None = None) -> str:
    """What stands behind ``lock=1.``: content with the length and the checksum that it should have.

    Args:
        flags: One byte.
        rest: All that the checksum is followed by.
        length: Another length than the right one.
        check: Another checksum.
    """
    right = zlib.crc32(flags + rest)
    data = (
        flags + (len(rest) if length is None else length).to_bytes(2) + (right if check is None else check).to_bytes(4)
    )
    return base64.urlsafe_b64encode(data + rest).rstrip(b"=").decode()


def with_tail(tail: bytes, *, flags: int = CHANGED, made: int | None = None, behind: bytes = b"") -> str:
    """A link without packages, and with some bytes for its changes.

    Args:
        tail: The bytes.
        flags: Of the link.
        made: How many bytes they are said to inflate to.
        behind: What follows the content.
    """
    writer = Writer(tutor())
    Walk(writer, b"").outline(Outline())
    sizes = varint(len(tail)) + (b"" if made is None else varint(made))
    return "#lock=1." + sealed(bytes([flags]), NO_LOCK + varint(0) + sizes + tail + writer.finish() + behind)


def of_entries(*entries: Entry, short: bool = False, writer: Writer | None = None) -> str:
    """A link with these packages, whatever they are, that says no lock's id."""
    writer = writer or Writer(tutor())
    walk = Walk(writer, b"", short=short)
    walk.outline(Outline(info=KNOWN_INFO[0].split(), entries=sorted(entries, key=lambda one: one.name)))
    blocks = varint(len(walk.written) // 32) + walk.written
    return "#lock=1." + sealed(bytes([short]), NO_LOCK + blocks + writer.finish())


def entry(name: str, **more: Any) -> Entry:
    """A package as most are."""
    file = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    return Entry(name=name, **{"display": name, "version": "1.0", "file": file, "digest": bytes(32), **more})


def of_name(name: str, *, short: bool = False) -> str:
    """A link with a package of this name, which no writer would write."""
    given = "stand-in" if "-" in name else "standin"
    return of_entries(entry(given), short=short, writer=_Liar(tutor(), given, name))


class _Liar(Writer):
    def __init__(self, tutor: Coder, given: str, written: str) -> None:
        super().__init__(tutor)
        self._given, self._written = given, written

    def text(self, kind: int, value: str = "") -> str:
        super().text(kind, self._written if value == self._given else value)
        return value


def repeated() -> str:
    """A short text that stands for tens of megabytes: each package has the same long address."""
    prefix = "https://files.example/" + "x" * 30_000
    return of_entries(*(entry(f"p{number:03}", prefix=prefix) for number in range(300)))


def needed() -> str:
    """Another one: each package needs one with a long name."""
    others = (entry(f"p{number:03}", needs=[0]) for number in range(300))
    return of_entries(entry("a" * 30_000), *others)


def deep() -> str:
    """Changes that put one table into another, hundreds deep, in JSON that is not."""
    made = [[[""] * depth, {}] for depth in range(1, 1_150)]
    tail = canonical_json(made)
    return with_tail(deflated(tail), flags=CHANGED | DEFLATED, made=len(tail))


def of_value(value: Any) -> str:
    """A link that holds a JSON value, whatever it is, with its id."""
    import hashlib

    text = canonical_json(value)
    writer = Writer(tutor())
    Walk(writer, b"").outline(Outline())
    tail = deflated(canonical_json([[[], value]]))
    rest = hashlib.sha256(text).digest() + varint(0) + varint(len(tail)) + varint(len(canonical_json([[[], value]])))
    return "#lock=1." + sealed(bytes([CHANGED | DEFLATED]), rest + tail + writer.finish())


def deflated(data: bytes) -> bytes:
    """A raw DEFLATE stream."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


def varint(number: int) -> bytes:
    """A number, seven bits a byte."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
