"""Mirrors: other addresses at which the files of an address may lie.

Rules this file keeps:

1. A mirror is named by a person, never by a lock; what comes from it is checked as what comes from anywhere.
2. A mirror for a prefix stands for addresses below that prefix only, compared as text at a ``/``.

Left to others: asking (:mod:`micropip_lock.app.obtain`), which hosts are allowed (:mod:`micropip_lock.core.policy`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from micropip_lock.core.address import address_fault
from micropip_lock.core.model import Wheel
from micropip_lock.core.redact import public_url
from micropip_lock.errors import UsageError

_PLACEHOLDERS: Final = ("{filename}", "{sha256}")
_REWRITE: Final = re.compile(r"(https?://[^=\s]+)=((?:https?|file|emfs):.+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirror:
    """One place that has copies.

    Attributes:
        to: Base address. With ``{filename}`` or ``{sha256}`` in it, the address itself once these are filled in.
        of: Addresses that begin so are copied there, the rest of each below ``to``; ``""`` for all web addresses, the
            path of each below ``to``.
    """

    to: str
    of: str = ""

    def address(self, url: str, wheel: Wheel) -> str | None:
        """Where the copy of an address lies, or ``None`` when this mirror has none.

        Args:
            url: Absolute address of the wheel.
            wheel: Its digest fills in ``{sha256}``, its name ``{filename}``.
        """
        parts = urlsplit(url)
        if self.of:
            prefix = self.of if self.of.endswith("/") else f"{self.of}/"
            if not url.startswith(prefix):
                return None
            rest = url.removeprefix(prefix)
        elif parts.scheme in ("https", "http"):
            rest = parts.path.lstrip("/")
        else:
            return None
        if any(one in self.to for one in _PLACEHOLDERS):
            return self.to.replace("{filename}", quote(wheel.filename, safe="+!")).replace("{sha256}", wheel.digest.hex)
        return f"{self.to.rstrip('/')}/{rest}"


def read_mirrors(given: Sequence[str | Mapping[str, str]]) -> tuple[Mirror, ...]:
    """Mirrors as people write them, in the order to ask.

    Args:
        given: Each a base address (``https://mirror.example/files``), a rewrite ``PREFIX=ADDRESS``, or a table of
            rewrites, prefix to address.

    Raises:
        UsageError: code ``bad-mirror``.
    """
    found: list[Mirror] = []
    for one in given:
        if isinstance(one, Mapping):
            found += [Mirror(of=of, to=to) for of, to in one.items()]
        elif rewrite := _REWRITE.fullmatch(one):
            found.append(Mirror(of=rewrite[1], to=rewrite[2]))
        else:
            found.append(Mirror(to=one))
    for mirror in found:
        for text in (mirror.to, *filter(None, [mirror.of])):
            _check(text)
    return tuple(found)


def _check(text: str) -> None:
    plain = text
    for placeholder in _PLACEHOLDERS:
        plain = plain.replace(placeholder, "x")
    if plain.lower().startswith("emfs:"):
        return
    fault = address_fault(plain, where="mirrors")
    if fault is not None:
        raise UsageError(
            "a mirror is no address",
            code="bad-mirror",
            expected="an absolute address without credentials, or PREFIX=ADDRESS",
            got=public_url(text),
            hint="for instance https://mirror.example/files, or https://files.example/=https://mirror.example/files/",
        )
