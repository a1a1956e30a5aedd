"""SHA-256 digests in their three spellings, and the only door through which wheel bytes become installable.

Rules this file keeps:

1. A :class:`Digest` is 32 bytes; text forms are parsed strictly at the door (exact length, canonical base64).
2. :func:`admit` is the only maker of :class:`VerifiedWheel`; everything that installs accepts only that type, so
   unverified bytes cannot be installed without a type error.

Left to others: what a wheel's bytes must look like inside (:mod:`micropip_lock.core.wheel`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from micropip_lock.core.held import Held
from micropip_lock.errors import HashMismatchError, LockSchemaError, MicropipLockError, WheelTooLargeError

_PAGE_HINT: Final = "the server answered with a page (a login, a proxy, a missing file); open the address and see"
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest.

    Args:
        raw: The 32 bytes.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise _bad("a SHA-256 digest has 32 bytes", f"{len(self.raw)} bytes")

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Digest:
        """The digest of ``data``."""
        return cls(hashlib.sha256(data).digest())

    @classmethod
    def from_hex(cls, text: str) -> Digest:
        """From 64 hexadecimal characters, either case.

        Raises:
            LockSchemaError: code ``hash-form``.
        """
        if not _HEX.fullmatch(text):
            raise _bad("64 hexadecimal characters", repr(text))
        return cls(bytes.fromhex(text))

    @classmethod
    def from_record(cls, text: str) -> Digest:
        """From RECORD's spelling, ``sha256=`` and URL-safe base64 without padding.

        Source: binary distribution format (PEP 427, "The .dist-info directory").

        Raises:
            LockSchemaError: code ``hash-form``.
        """
        return cls._from_base64(text, "sha256=", urlsafe=True)

    @classmethod
    def from_sri(cls, text: str) -> Digest:
        """From Subresource Integrity's spelling, ``sha256-`` and padded base64; one digest only.

        Raises:
            LockSchemaError: code ``hash-form``.
        """
        return cls._from_base64(text, "sha256-", urlsafe=False)

    @classmethod
    def _from_base64(cls, text: str, prefix: str, *, urlsafe: bool) -> Digest:
        body = text.removeprefix(prefix)
        form = f"{prefix} and {'43' if urlsafe else '44'} base64 characters"
        try:
            raw = base64.b64decode(body + "=" * urlsafe, altchars=b"-_" if urlsafe else None)
        except ValueError as error:
            raise _bad(form, repr(text)) from error
        digest = cls(raw)
        # One text alone is a digest's spelling: with its prefix, without other characters, and with zeros in the two
        # bits that base64 does not use here.
        if (digest.record if urlsafe else digest.sri) != text:
            raise _bad(form, repr(text))
        return digest

    @property
    def hex(self) -> str:
        """64 lower-case hexadecimal characters, the form of ``pyodide-lock.json``."""
        return self.raw.hex()

    @property
    def record(self) -> str:
        """RECORD's form."""
        return "sha256=" + base64.urlsafe_b64encode(self.raw).rstrip(b"=").decode("ascii")

    @property
    def sri(self) -> str:
        """Subresource Integrity's form."""
        return "sha256-" + base64.b64encode(self.raw).decode("ascii")

    def __str__(self) -> str:
        return self.hex

    def __repr__(self) -> str:
        return f"Digest({self.hex[:12]}…)"


def _bad(expected: str, got: str) -> LockSchemaError:
    return LockSchemaError("not a SHA-256 digest", code="hash-form", expected=expected, got=got)


class VerifiedWheel:
    """The bytes of one wheel file, known to have the digest that a lock names.

    Made by :func:`admit` only.

    Attributes:
        digest: Of the bytes.
        filename: Of the wheel.
        held: Who holds the bytes, where that is not this object.
    """

    __slots__ = ("_bytes", "digest", "filename", "held")

    _bytes: bytes | None
    digest: Digest
    filename: str
    held: Held | None

    def __init__(self) -> None:
        raise TypeError("VerifiedWheel is made by micropip_lock.core.digest.admit only")

    @property
    def data(self) -> bytes:
        """All bytes; of a wheel that is held elsewhere a copy, made when it is asked for the first time."""
        if self._bytes is None:
            assert self.held is not None
            self._bytes = self.held.read()
        return self._bytes

    @property
    def size(self) -> int:
        """Bytes, without a copy of a wheel that is held elsewhere."""
        return self.held.size if self.held is not None else len(self.data)

    def __repr__(self) -> str:
        return f"VerifiedWheel({self.filename}, {self.size} bytes, {self.digest!r})"


def admit(
    arrived: bytes | Held,
    digest: Digest,
    *,
    filename: str,
    size: int | None = None,
    package: str | None = None,
    url: str | None = None,
) -> VerifiedWheel:
    """Compare what arrived with what the lock says and let it through.

    Bytes that are held elsewhere were hashed there. What does not agree is read and judged here, so that there is one
    judge of mistakes.

    Args:
        arrived: All bytes, or whoever holds them.
        digest: The digest that the lock names.
        filename: The wheel's file name, for messages and for the installer.
        size: Size in bytes that the lock names, if it does.
        package: Normalised distribution name, for messages.
        url: Where the bytes came from, for messages.

    Raises:
        HashMismatchError: code ``digest-mismatch``; ``not-a-wheel`` when the bytes are a web page or other text.
    """
    held = None if isinstance(arrived, bytes) else arrived
    if held is not None and held.sha256 == digest.hex and size in (None, held.size):
        return _verified(None, digest, filename, held)
    data = arrived.read() if not isinstance(arrived, bytes) else arrived
    got = Digest.of(data)
    name = package or filename
    if got != digest:
        if looks_like_text(data):
            raise HashMismatchError(
                f"a text page arrived instead of the wheel of {name}",
                code="not-a-wheel",
                where=f"packages.{package}.sha256" if package else None,
                package=package,
                url=url,
                expected=f"a zip file with sha256 {digest}",
                got=f"{len(data)} bytes beginning {data[:40].decode('utf-8', 'replace')!r}",
                hint=_PAGE_HINT,
            )
        raise HashMismatchError(
            f"{name} is not the wheel the lock names",
            where=f"packages.{package}.sha256" if package else None,
            package=package,
            url=url,
            expected=f"sha256 {digest}",
            got=f"{got} ({len(data)} bytes)",
        )
    if size is not None and len(data) != size:
        raise LockSchemaError(
            f"the lock names the right digest and a wrong size for {name}",
            code="size",
            where=f"packages.{package}.tool.micropip-lock.size" if package else None,
            package=package,
            expected=f"{size} bytes",
            got=f"{len(data)} bytes",
        )
    return _verified(data, digest, filename, held)


def _verified(data: bytes | None, digest: Digest, filename: str, held: Held | None) -> VerifiedWheel:
    wheel = VerifiedWheel.__new__(VerifiedWheel)
    wheel._bytes = data
    wheel.digest = digest
    wheel.filename = filename
    wheel.held = held
    return wheel


def too_large(url: str, max_bytes: int, *, got: str, content_type: str = "") -> MicropipLockError:
    """The error for a download that has more bytes than it may have.

    Args:
        url: Where it came from, without credentials.
        max_bytes: The most it may have.
        got: What was announced or seen.
        content_type: As the server said it: a web page is told as one.
    """
    name = url.rsplit("/", 1)[-1]
    if content_type.partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml"):
        return HashMismatchError(
            f"a web page arrived instead of {name}",
            code="not-a-wheel",
            url=url,
            expected=f"a file of at most {max_bytes} bytes",
            got=f"{content_type}, {got}",
            hint=_PAGE_HINT,
        )
    return WheelTooLargeError(
        f"{name} is larger than it may be",
        url=url,
        expected=f"at most {max_bytes} bytes",
        got=got,
        hint="the file changed since it was recorded, or is not the one that was meant",
    )


def looks_like_text(data: bytes) -> bool:
    """Whether ``data`` begins like a page or a message rather than like a zip file."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head or data.startswith(b"PK"):
        return False
    return head.startswith((b"<", b"{")) or min(head) >= 9
