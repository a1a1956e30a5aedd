"""Lock links: a whole lock in the fragment of an address.

``#lock=1.`` and base64url of: flags, length of what follows the check, CRC-32 of all but the length, and then the
lock's id, the digest of the runtime's lock where packages are named from it, digests, what an outline does not say as
JSON, and the outline.  ``docs/links.md`` has it byte by byte.

Rules this file keeps:

1. Decoding sends no request and is bounded before it begins and while it runs: :data:`MAX_LINK` characters,
   :data:`MAX_MADE` bytes.
2. A link that is damaged is told from one that is cut off, and from one of a newer version.
3. What comes out has the id that the link says, or does not come out.

Left to others: finding a link in an address (:mod:`micropip_lock.core.link_address`), the network.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from micropip_lock.core.formats.pyodide_lock import lock_to_dict, parse_pyodide_lock
from micropip_lock.core.json_text import read_json
from micropip_lock.core.link_address import MAX_LINK, PARAMETER, Reference, linked_in
from micropip_lock.core.link_coder import MAX_MADE, Reader, Writer, damaged, too_large
from micropip_lock.core.link_outline import Base, apply, changes, expanded, outline_of
from micropip_lock.core.link_pack import Outline, Walk, tutor
from micropip_lock.core.model import Lock, canonical_json
from micropip_lock.errors import InputError, LinkError

VERSION: Final = 1

_SHORT, _CHANGED, _DEFLATED, _BASED = 1, 2, 4, 8
_FLAGS: Final = 15
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)

FindBase = Callable[[bytes], Base | None]
"""Gives the packages of the runtime's lock that has a digest (:func:`base_digest`), or ``None``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortLink:
    """A link that names packages and leaves their addresses and digests to the indexes.

    Attributes:
        id: Of the lock, 64 hexadecimal characters: what proves that the indexes gave the same.
        outline: What it says.
        made: Changes to that (:func:`~micropip_lock.core.link_outline.apply`).
    """

    id: str
    outline: Outline = field(repr=False)
    made: Any = field(repr=False)

    def lock(self) -> Lock:
        """The lock, once every entry of the outline has its digest.

        Raises:
            LinkError: code ``checksum``: it is another lock; and what reading a lock raises.
        """
        return _lock(self.outline, self.made, self.id)


def encode_link(lock: Lock, *, short: bool = False, base: Base | None = None) -> str:
    """A lock as the fragment of an address, ``#lock=…``.

    Args:
        lock: Any lock.
        short: Leave addresses, digests and sizes to the indexes that the packages came from.
        base: Packages of the lock of the runtime that opens the link: what is the same there is told by its name.

    Raises:
        LinkError: codes ``too-long``, ``too-large``, ``encoding``.
    """
    lock = lock.without_upload_times()
    value = lock_to_dict(lock)
    outline = outline_of(value, base=base, short=short)
    outline.address = _address(lock)
    is_based = any(entry.base is not None for entry in outline.entries)
    base = base if is_based else None
    made = changes(expanded(outline), value)
    try:
        writer = Writer(tutor())
        walk = Walk(writer, b"", short=short, base=base)
        walk.outline(outline)
        coded, tail = writer.finish(), canonical_json(made) if made else b""
    except UnicodeEncodeError as error:
        raise LinkError("a text of the lock is not UTF-8", code="encoding", got=str(error)) from error
    packed = _deflated(tail)
    flags = short | bool(made) << 1 | (len(packed) < len(tail)) << 2 | is_based << 3
    rest = bytearray(bytes.fromhex(lock.id))
    if base is not None:
        rest += base_digest(base)
    rest += _varint(len(walk.written) // 32) + walk.written
    if made:
        rest += _varint(min(len(packed), len(tail)))
        rest += _varint(len(tail)) + packed if flags & _DEFLATED else tail
    rest += coded
    check = zlib.crc32(bytes([flags]) + rest).to_bytes(4)
    data = bytes([flags]) + (len(rest) & 0xFFFF).to_bytes(2) + check + rest
    text = f"#{PARAMETER}={VERSION}." + base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    if len(text) > MAX_LINK:
        raise LinkError(
            "the lock is too large for a link",
            code="too-long",
            expected=f"at most {MAX_LINK} characters",
            got=f"{len(text)}",
            hint="put it on a web server and share its address: share --by-reference URL",
        )
    return text


def decode_link(text: str, *, find_base: FindBase = lambda _digest: None) -> Lock | ShortLink | Reference:
    """What a lock link holds.

    Args:
        text: An address with a link in its fragment, or the fragment.
        find_base: Where to find the lock of a runtime.

    Returns:
        A lock; or, of a short link, what is to be asked of indexes; or the address of a lock.

    Raises:
        LinkError: codes ``empty``, ``version``, ``encoding``, ``compression``, ``truncated``, ``trailing``,
            ``too-large``, ``too-long``, ``checksum``, ``content``, ``ambiguous``, ``in-query``, ``no-link``,
            ``no-hash``, ``needs-base``; and the codes of a lock's reader, for a lock that is none.
    """
    found = linked_in(text)
    if isinstance(found, Reference):
        return found
    flags, rest = _opened(found)
    identity, at = rest[:32].hex(), 32
    base = None
    if flags & _BASED:
        base, at = find_base(rest[32:38]), 38
        if base is None:
            raise LinkError(
                "the link needs the lock of the Pyodide that it was made with",
                code="needs-base",
                expected=f"a pyodide-lock.json whose packages have the digest {rest[32:38].hex()}…",
                got="none here",
                hint="open it in that Pyodide, or let its author share it in full (base packages spelt out)",
            )
    count, at = _read_varint(rest, at)
    blocks, at = rest[at : at + 32 * count], at + 32 * count
    made: Any = []
    if flags & _CHANGED:
        made, at = _read_changes(rest, at, flags)
    reader = Reader(tutor(), rest[at:])
    walk = Walk(reader, blocks, short=bool(flags & _SHORT), base=base)
    outline = walk.outline(Outline())
    walk.finish()
    reader.finish()
    if flags & _SHORT:
        return ShortLink(id=identity, outline=outline, made=made)
    return _lock(outline, made, identity)


def base_digest(packages: Mapping[str, Mapping[str, Any]]) -> bytes:
    """By which a link names the lock of a runtime: the first 6 bytes of the SHA-256 of its packages' canonical JSON.

    It only finds the lock; what is taken from it is proven by the id of the link's lock.
    """
    return hashlib.sha256(canonical_json(packages)).digest()[:6]


def _lock(outline: Outline, made: Any, identity: str) -> Lock:
    value = apply(made, expanded(outline))
    canonical = canonical_json(value)
    if hashlib.sha256(canonical).hexdigest() != identity:
        raise LinkError(
            "the link's content is not the lock that it says it is",
            code="checksum",
            expected=f"lock {identity}",
            got=f"lock {hashlib.sha256(canonical).hexdigest()}",
        )
    try:
        return parse_pyodide_lock(canonical, base=outline.address or None)
    except InputError as error:
        raise _wrapped(error) from error


def _wrapped(error: InputError) -> LinkError:
    return LinkError(
        f"the link holds a lock that is none: {error.message}",
        code=error.code,
        where=error.where,
        package=error.package,
        url=error.url,
        expected=error.expected,
        got=error.got,
        hint="ask who sent the link; it was not made by freezing an environment",
        errors=error.errors,
    )


def _address(lock: Lock) -> str:
    """Where relative names are to be found, when another machine can find them there, too."""
    is_relative = any(lock.local_wheels) or lock.start is not None
    return lock.base if is_relative and lock.base and re.match("https?:", lock.base, re.IGNORECASE) else ""


def _opened(text: str) -> tuple[int, bytes]:
    """Flags and what follows the check, proven by it."""
    if text == "":
        raise LinkError("there is no lock in the link", code="empty", got=f"#{PARAMETER}=")
    version, dot, body = text.partition(".")
    if version != str(VERSION) or not dot:
        if re.fullmatch(r"[0-9]{1,9}", version, re.ASCII) and dot:
            raise LinkError(
                "the link needs a newer micropip-lock",
                code="version",
                expected=f"version {VERSION}",
                got=f"version {version}",
                hint="update micropip-lock",
            )
        raise LinkError("not a lock link", code="encoding", expected=f"{VERSION}. and base64url", got=repr(text[:20]))
    if not _ALPHABET.fullmatch(body):
        raise LinkError(
            "the link has characters that no lock link has",
            code="encoding",
            expected="letters, digits, - and _",
            got=repr(re.sub(_ALPHABET, "", body)[:10]),
        )
    # Of a link that is cut off, the last character may be no whole byte.
    whole = body[: len(body) - (len(body) % 4 == 1)]
    data = base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
    if len(data) < 8:
        raise _cut_off("", len(body))
    flags, length, check, rest = data[:1], int.from_bytes(data[1:3]), data[3:7], data[7:]
    is_whole = zlib.crc32(flags + rest).to_bytes(4) == check
    if length != len(rest) or not is_whole:
        # A length that is wrong where all else is right was damaged itself.
        if len(rest) < length and not is_whole:
            raise _cut_off(f"{-(-(7 + length) * 4 // 3)}", len(body))
        if len(rest) > length and zlib.crc32(flags + rest[:length]).to_bytes(4) == check:
            raise LinkError("something follows the link", code="trailing", got=f"{len(rest) - length} bytes too many")
        raise LinkError("the link is damaged", code="checksum", expected="the CRC-32 that it says", got="another")
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != body:
        raise LinkError("the last character of the link is damaged", code="encoding", got=repr(body[-1]))
    if flags[0] & ~_FLAGS:
        raise LinkError("the link needs a newer micropip-lock", code="version", hint="update micropip-lock")
    return flags[0], rest


def _cut_off(expected: str, got: int) -> LinkError:
    return LinkError(
        "the link is cut off",
        code="truncated",
        expected=f"{expected} characters of base64url" if expected else "more",
        got=f"{got}",
        hint="many chat programs cut long links; send it as a file, or share the short form",
    )


def _read_changes(data: bytes, at: int, flags: int) -> tuple[Any, int]:
    length, at = _read_varint(data, at)
    made = length
    if flags & _DEFLATED:
        made, at = _read_varint(data, at)
    if made > MAX_MADE:
        raise too_large(f"at most {MAX_MADE} bytes", f"{made}")
    packed, at = data[at : at + length], at + length
    if len(packed) != length:
        raise damaged("changes that are not there")
    text = _inflated(packed, made) if flags & _DEFLATED else packed
    if not text.startswith(b"["):
        raise LinkError("the link was compressed twice, or by something else", code="compression", got=repr(text[:8]))
    try:
        return read_json(text), at
    except InputError as error:
        raise _wrapped(error) from error


def _inflated(packed: bytes, size: int) -> bytes:
    """A raw DEFLATE stream (RFC 1951) that gives exactly so many bytes; one more is never made."""
    stream = zlib.decompressobj(-15)
    try:
        made = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise LinkError("the link's compressed part cannot be read", code="compression", got=str(error)) from error
    if len(made) > size:
        raise LinkError("the link gives more than it says", code="too-large", expected=f"{size} bytes", got="more")
    if stream.eof and stream.unused_data:
        raise LinkError("there are bytes behind the compressed part", code="trailing", got=f"{len(stream.unused_data)}")
    if not stream.eof or len(made) < size:
        raise LinkError("the link's compressed part breaks off", code="compression", got=f"{len(made)} bytes")
    return made


def _deflated(text: bytes) -> bytes:
    found = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED):
        stream = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
        found.append(stream.compress(text) + stream.flush())
    # Its length is told as well.
    shortest = min(found, key=len)
    return shortest if len(shortest) + len(_varint(len(text))) < len(text) else text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(4):
        if at >= len(data):
            raise damaged("a number that breaks off")
        byte = data[at]
        at += 1
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, at
    raise damaged("a number that is too large")
