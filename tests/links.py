"""Lock links made by hand, byte by byte, for tests: right ones, and ones that no writer of ours makes."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from micropip_lock.core.link_coder import Writer
from micropip_lock.core.link_pack import Outline, Walk, tutor
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
