"""Right wheels in all ordinary forms, and such with an archive that is wrong in one to three places.

Two kinds of change: bytes; and fields of the archive's structures, each believable.
Left to others: what is in the files, and their names (:mod:`tests.contract.altered_texts`).
"""

from __future__ import annotations

import operator
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st

from micropip_lock.testing.wheels import record_of
from tests.corpus.generate.raw_zip import Part, archive, parts_of, with_descriptor

type Entries = dict[str, bytes]

INFO: Final = "Some_Thing-1.0.dist-info"
DATA: Final = "Some_Thing-1.0.data"
FILENAME: Final = "Some_Thing-1.0-py3-none-any.whl"
METADATA: Final = (
    "Metadata-Version: 2.1\nName: some-thing\nVersion: 1.0\nSummary: Ä\nLicense: one\n  two\n"
    'Requires-Python: >=3.8, !=3.9.*\nRequires-Dist: attrs (>=19.2,<30) ; extra == "x"\nRequires-Dist: six\n\nText: é\n'
)
WHEEL: Final = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
ENTRY_POINTS: Final = "[console_scripts]\nrun = some.mod:main\n\n[other]\nx = ¤\n".replace("¤", "a b")
FILES: Final[Entries] = {
    "some/__init__.py": b"X = 1\n" * 40,
    "some/mod.py": b"",
    "some/table (1).txt": b"0123456789" * 30,
    f"{DATA}/data/share/some/x.json": b"{}",
    f"{DATA}/purelib/other.py": b"Y = 2\n",
    f"{INFO}/METADATA": METADATA.encode(),
    f"{INFO}/WHEEL": WHEEL.encode(),
    f"{INFO}/entry_points.txt": ENTRY_POINTS.encode(),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AlteredWheel:
    """A wheel's file name and its bytes."""

    filename: str
    data: bytes


def ordinary(form: str) -> AlteredWheel:
    """A right wheel in one of the forms that build tools write; see :data:`FORMS`."""
    return AlteredWheel(filename=FILENAME, data=archive(FORMS[form](with_record(FILES))))


def with_record(files: Entries) -> Entries:
    """The files and a RECORD that is true of them."""
    return {**files, f"{INFO}/RECORD": record_of(files, f"{INFO}/RECORD")}


def _with_other_record(files: Entries, old: bytes, new: bytes) -> list[Part]:
    own = f"{INFO}/RECORD"
    return parts_of((files | {own: files[own].replace(old, new)}).items())


def _deflated(parts: Sequence[Part]) -> list[Part]:
    return [replace(part, method=8, flags=0) for part in parts]


FORMS: Final[dict[str, Callable[[Entries], list[Part]]]] = {
    "stored": lambda files: parts_of(files.items()),
    "deflated": lambda files: _deflated(parts_of(files.items())),
    "descriptors": lambda files: [with_descriptor(part) for part in _deflated(parts_of(files.items()))],
    "bare descriptors": lambda files: [
        replace(part, descriptor=struct.pack("<3L", *part.numbers)) for part in parts_of(files.items())
    ],
    "times": lambda files: [
        replace(part, extra=_extra(0x5455, b"\1abcd"), local_extra=_extra(0x5455, b"\3abcdefgh"))
        for part in parts_of(files.items())
    ],
    "sizes": lambda files: [replace(part, local_extra=_extra(1, bytes(16))) for part in parts_of(files.items())],
    "directories": lambda files: [
        Part(name=b"some/", attributes=0o40755 << 16),
        Part(name=f"{INFO}/".encode(), attributes=0o40755 << 16 | 0x10, method=8, packed=b"\3\0"),
        *parts_of(files.items()),
    ],
    "carriage returns": lambda files: _with_other_record(files, b"\n", b"\r\n"),
    "own row missing": lambda files: _with_other_record(files, f"{INFO}/RECORD,,\n".encode(), b""),
}


def _extra(kind: int, value: bytes) -> bytes:
    return struct.pack("<2H", kind, len(value)) + value


# Bytes: anywhere, or where it matters, which is in the headers and at both ends.

_small = st.integers(0, 300)


@st.composite
def edited_bytes(draw: st.DrawFn) -> AlteredWheel:
    """A right wheel with some bytes overwritten, put in, taken out or doubled."""
    whole = ordinary(draw(st.sampled_from(sorted(FORMS))))
    data = bytearray(whole.data)
    headers = [found.start() for found in re.finditer(rb"PK(?:\x01\x02|\x03\x04|\x05\x06)", data)]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(
            st.integers(0, len(data))
            | _small
            | st.builds(operator.add, st.sampled_from(headers), st.integers(0, 50)).map(lambda at: min(at, len(data)))
        )
        piece = draw(
            st.binary(min_size=1, max_size=4)
            | st.sampled_from([b"PK\5\6", b"PK\1\2", b"PK\3\4", b"PK\6\7", b"\0\0", b"\xff\xff\xff\xff", b"/", b".."])
        )
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + len(piece)] = piece
            case 1:
                data[at:at] = piece
            case 2:
                del data[at : at + draw(_small)]
            case 3 if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case _:
                data[at:at] = data[at : at + draw(_small)]
    return AlteredWheel(filename=whole.filename, data=bytes(data))


_FIELDS: Final[dict[str, Sequence[Any]]] = {
    "method": [0, 8, 12, 9],
    "flags": [0, 0x800, 2, 4, 6, 8, 1, 0x2000, 0x20, 0x808],
    "attributes": [0, 0x10, *(mode << 16 for mode in (0o100755, 0o40755, 0o120777, 0o664, 0o104755))],
    "crc": [0, 1],
    "size": [0, 1, 240, 2**31, 2**32 - 1],
    "packed_size": [0, 1, 240, 2**32 - 1],
    "local_size": [0, 1, 2**32 - 1],
    "local_method": [0, 8],
    "local_extra": [b"\0", b"abc", _extra(1, b""), _extra(1, bytes(16)), _extra(0x7075, b"\1abcdx")],
    "extra": [b"\0", _extra(1, bytes(24)), _extra(1, b"\1" * 8), _extra(0x7075, b""), _extra(9, b"x")],
    "offset": [0, 1, 2**32 - 1],
    "descriptor": [b"", bytes(12), b"PK\7\x08" + bytes(12), b"PK\7\x08" + bytes(20)],
    "packed": [b"", b"\3\0", b"\3\0\0", b"\1\0\0\xff\xff", b"\x4b\4\0", b"\x00\x01\x00\xfe\xffa"],
    "local_name": [b"some/mod.py", b"x", b""],
}


def singly_structured() -> Iterator[AlteredWheel]:
    """A right wheel with one field of one entry changed, or one entry moved or doubled; each of them once."""
    for parts_of_form in FORMS.values():
        parts = parts_of_form(with_record(FILES))
        for at in (0, 1, 2, len(parts) - 1):
            changes = [{field: value} for field, values in _FIELDS.items() for value in values]
            for change in [*changes, {"local_name": parts[at].name.swapcase()}]:
                yield _archived([*parts[:at], replace(parts[at], **change), *parts[at + 1 :]])
            yield _archived([*parts, parts[at]])
            yield _archived([*parts[:at], *parts[at + 1 :], parts[at]])
        yield _archived(_with_other_end(parts))


def _archived(parts: Sequence[Part]) -> AlteredWheel:
    return AlteredWheel(filename=FILENAME, data=_reaching(archive(parts)))


def _with_other_end(parts: Sequence[Part]) -> list[Part]:
    """One file, of the size that it has, begins like the end of an archive."""
    large = next(index for index, part in enumerate(parts) if len(part.data) > len(_OTHER_END))
    same_size = _OTHER_END.ljust(len(parts[large].data))
    return [*parts[:large], replace(parts[large], method=0, data=same_size), *parts[large + 1 :]]


@st.composite
def edited_structures(draw: st.DrawFn) -> AlteredWheel:
    """A right wheel with fields of some entries changed in one header or both, or with entries moved or doubled."""
    parts = FORMS[draw(st.sampled_from(sorted(FORMS)))](with_record(FILES))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(parts) - 1))
        match draw(st.integers(0, 7)):
            case 0:
                parts.insert(draw(st.integers(0, len(parts))), parts[at])
            case 1 if len(parts) > 1:
                parts.append(parts.pop(at))
            case 2:
                parts[at] = replace(parts[at], local_name=parts[at].name.swapcase())
            case 3:
                parts = _with_other_end(parts)
            case _:
                field = draw(st.sampled_from(sorted(_FIELDS)))
                parts[at] = replace(parts[at], **{field: draw(st.sampled_from(_FIELDS[field]))})
    data = archive(parts, comment=draw(st.sampled_from([b"", b"", b"x"])), zip64=draw(st.integers(0, 9)) == 9)
    return AlteredWheel(filename=FILENAME, data=_reaching(data))


_OTHER_END: Final = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 46, 0, 0)


def _reaching(data: bytes) -> bytes:
    """The archive; if there is another end in it, the rest is that one's comment."""
    at = data.find(_OTHER_END)
    if at < 0:
        return data
    rest = at + len(_OTHER_END)
    return data[: rest - 2] + struct.pack("<H", len(data) - rest) + data[rest:]
