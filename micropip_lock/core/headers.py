"""The headers of METADATA, WHEEL and PKG-INFO, as :class:`email.parser.HeaderParser` reads them.

It is pure. Rule this file keeps: an answer is the standard library's own. What nearly every file is, one field a line,
is read here, because what the library loads for it costs a kernel a tenth of a second; anything else is left to it.

Source: core metadata specification ("The canonical method of parsing metadata"), RFC 822.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final, Protocol

_FIELD: Final = re.compile(r"([!-9;-~]+):([^\r\ud800-\udfff]*)")
_FOLDED: Final = re.compile(r"[ \t][^\r\ud800-\udfff]*")


class Headers(Protocol):
    """Fields by name, in whatever case."""

    def get(self, name: str, /, default: str = "") -> str:
        """The first field of a name."""
        ...

    def get_all(self, name: str, /, default: Sequence[str] = ()) -> Sequence[str]:
        """Every field of a name, in order."""
        ...


class _Parsed:
    def __init__(self, text: str) -> None:
        # Loaded with the first text that needs it.
        from email.parser import HeaderParser

        self._message = HeaderParser().parsestr(text)

    def get(self, name: str, /, default: str = "") -> str:
        return str(self._message.get(name, default))

    def get_all(self, name: str, /, default: Sequence[str] = ()) -> Sequence[str]:
        return [str(value) for value in self._message.get_all(name) or default]


class _Plain:
    def __init__(self, text: str, fields: Sequence[tuple[str, str]], folded: Collection[str]) -> None:
        self._text = text
        self._fields = fields
        self._folded = folded

    def get(self, name: str, /, default: str = "") -> str:
        return next(iter(self.get_all(name)), default)

    def get_all(self, name: str, /, default: Sequence[str] = ()) -> Sequence[str]:
        if name.lower() in self._folded:
            return _Parsed(self._text).get_all(name, default)
        return [value for known, value in self._fields if known == name.lower()] or default


def read_headers(text: str) -> Headers:
    """Read the headers of a text; what follows the first empty line is no header."""
    fields: list[tuple[str, str]] = []
    folded = set()
    for line in text.partition("\n\n")[0].removesuffix("\n").split("\n"):
        if (field := _FIELD.fullmatch(line)) is not None:
            fields.append((field[1].lower(), field[2].lstrip(" \t")))
        elif fields and _FOLDED.fullmatch(line) is not None:
            folded.add(fields[-1][0])
        else:
            return _Parsed(text)
    return _Plain(text, fields, folded)
