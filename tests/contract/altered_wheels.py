"""Wheels that are ordinary, odd, or wrong in one to three places: strategies for the comparison of the two checks.

Three kinds of change: bytes of the archive; fields of its structures, each believable; lines of the texts in dist-info
and names of files, with a RECORD that is made to fit more often than not.
"""

from __future__ import annotations

import operator
import re
import struct
from collections.abc import Callable, Sequence
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
    return AlteredWheel(filename=FILENAME, data=archive(FORMS[form](_with_record(FILES))))


def _with_record(files: Entries) -> Entries:
    return {**files, f"{INFO}/RECORD": record_of(files, f"{INFO}/RECORD")}


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
    "carriage returns": lambda files: parts_of(
        {path: data.replace(b"\n", b"\r\n") if path.endswith("RECORD") else data for path, data in files.items()}.items()
    ),
    "own row missing": lambda files: parts_of(
        {
            path: data.replace(f"{INFO}/RECORD,,\n".encode(), b"") if path.endswith("RECORD") else data
            for path, data in files.items()
        }.items()
    ),
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


_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "method": st.sampled_from([0, 8, 12, 9]),
    "flags": st.sampled_from([0, 0x800, 2, 4, 6, 8, 1, 0x2000, 0x20, 0x808]),
    "attributes": st.sampled_from([0, 0x10, 0o100755 << 16, 0o40755 << 16, 0o120777 << 16, 0o664 << 16, 0o104755 << 16]),
    "crc": st.sampled_from([0, 1]),
    "size": st.sampled_from([0, 1, 240, 2**31, 2**32 - 1]),
    "packed_size": st.sampled_from([0, 1, 240, 2**32 - 1]),
    "local_size": st.sampled_from([0, 1, 2**32 - 1]),
    "local_method": st.sampled_from([0, 8]),
    "local_extra": st.sampled_from([b"\0", b"abc", _extra(1, b""), _extra(1, bytes(16)), _extra(0x7075, b"\1abcdx.py")]),
    "extra": st.sampled_from([b"\0", _extra(1, bytes(24)), _extra(1, b"\1" * 8), _extra(0x7075, b""), _extra(9, b"x")]),
    "offset": st.sampled_from([0, 1, 2**32 - 1]),
    "descriptor": st.sampled_from([b"", bytes(12), b"PK\7\x08" + bytes(12), b"PK\7\x08" + bytes(20)]),
    "packed": st.sampled_from([b"", b"\3\0", b"\3\0\0", b"\1\0\0\xff\xff", b"\x4b\4\0", b"\x00\x01\x00\xfe\xffa"]),
    "local_name": st.sampled_from([b"some/mod.py", b"x", b""]),
}


@st.composite
def edited_structures(draw: st.DrawFn) -> AlteredWheel:
    """A right wheel with fields of some entries changed in one header or both, or entries moved, doubled or left out."""
    parts = FORMS[draw(st.sampled_from(sorted(FORMS)))](_with_record(FILES))
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
                large = next(index for index, part in enumerate(parts) if len(part.data) > len(_OTHER_END))
                same_size = _OTHER_END.ljust(len(parts[large].data))
                parts[large] = replace(parts[large], method=0, data=same_size)
            case _:
                field = draw(st.sampled_from(sorted(_FIELDS)))
                parts[at] = replace(parts[at], **{field: draw(_FIELDS[field])})
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


# Texts and names.

_PIECES: Final = (
    *("a", "A", "z9", "_", "-", ".", "1", "0", "1.0", "2.5", "v1", "!", "1!", "+local", ".*", "*", "rc1", "a1", "b", "dev"),
    *(".post1", ".dev0", "alpha", "-1", "==", ">=", "<", "~=", "!=", "===", ">", "<=", ",", " ", "  ", "\t", "(", ")", "["),
    *("]", ";", "@", "'", '"', "'x'", '"3.8"', "and", "or", " and ", " or ", "in", " in ", " not in ", "not", "extra"),
    *("python_version", "sys_platform", "os_name", "os.name", "platform_python_implementation", "extra == 'x'"),
    *("python_version<'3'", "\\", "\r", "\n", "\x0b", "\x1c", "\x85", "\ufeff", "é", "ſ", "K", "\u2028", "9" * 210, "#"),
    *("=", ":", "/", "%", "{}", "name", "some-thing", "six", "six>=1", "six ~= 1.0"),
)
_texts: Final = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=7).map("".join)
_FIELD_NAMES: Final = (
    *("Requires-Dist", "Requires-Python", "Name", "Version", "Metadata-Version", "Import-Name", "Summary", "requires-DIST"),
    *("Wheel-Version", " Requires-Dist", "From ", "Requires-Dist ", "Wheel-Verſion", "Reqſuires", "", "Provides-Extra"),
)
_field_lines: Final = st.builds("{}: {}".format, st.sampled_from(_FIELD_NAMES), _texts)
_REQUIREMENTS: Final = (
    *('a[b,c]>=1.0,<2 ; python_version < "3"', "a (>=1)", "a>=1.*", "a~=1", "a==1.0+x", "a>=1.0+x", "a==1.*.dev0", "a ;"),
    *("a==v1.0-1", "a>=1.0dev", "a<3.0.dev", "a==1.0a.1", "a-", "a @ https://x.example/", "a; (extra == 'x'", "a;extra=='x'"),
    *("a; extra == 'x' and(os_name == 'x')", "a; 'x' in extra", "a; 'x' not in os_name or extra=='y'", "a;((extra=='x'))"),
    *("a[]", "a[b", "a[b] ==1", "a >1", "a>1,", "a,>1", "a>1 <2", "a_", "_a", "a.", "a (>1", "a >1)", "a ()", "a=1"),
    *(f"a; {'(' * count}extra=='x'{')' * count}" for count in (8, 9, 32, 33)),
)
_VALUES: Final[dict[str, Sequence[str]]] = {
    "Requires-Dist": _REQUIREMENTS,
    "Requires-Python": (">=3.6.*", ">=3", "3", ">=3,", "~=3.8", "==3.*", "!=3.0.*, >=2", "", ">3 <4", "===3", ">=3.8rc1"),
    "Metadata-Version": ("1.0", "1.3", "2.5", "2.6", "3.0", "2", "2.50"),
    "Name": ("some_thing", "Some.Thing", "some--thing", "something", "some thing", "-some-thing", "some-thing-"),
    "Version": ("1.0", "1.0.0", "1", "v1.0", "1.0 ", "01.0", "1.0+x"),
    "Wheel-Version": ("1.0", "1.9", "2.0", "1", "1.0.0", "1.0 x"),
    "Import-Name": ("some", "some.mod ; private", "é"),
}
_known_lines: Final = st.sampled_from([f"{name}: {value}" for name, values in _VALUES.items() for value in values])
_SCRIPTS: Final = (
    *("[console_scripts]", "[gui_scripts]", " [console_scripts]", "[ console_scripts ]", "[x]", " [x]", "[x] y", "[x"),
    *("a = b:c", "a=b", "a = b : c [x,y]", "a/b = c", "../a = b:c", "a\\b = c", ": = x", "a = ", "= b", "a = 1 2", "# a = /"),
    *("; a = /", ". = b", "a = b.c:d.e", "a = b-c:d", "a : b = c", "a b = c", "a = b:c [", "a.b-c+d = x:y", "a = b;c", "a\t= b"),
)
_script_lines: Final = st.sampled_from(_SCRIPTS)
_lines: Final = _field_lines | _known_lines | _script_lines | _texts | st.sampled_from(["", " ", "\t"])

_NAMES: Final = (
    *("aux.py", "some/NUL", "some/com1.txt", "com0", "comm/x.py", "lpt9/x.py", "conx.py", "x.pth", "X.PTH", "some/x.pth"),
    *("sitecustomize.py", "SiteCustomize.py", "usercustomize/__init__.py", "some/sitecustomize.py", "micropip/x.py"),
    *("micropip.py", "micropip_lock.so", "Pyodide/x.py", "_pyodide/x.py", "piplite.py", "some/micropip.py", "micropipx.py"),
    *("Some/mod.py", "SOME/x.py", "some/mod.py/x", "some", "some/MOD.py", "some/__init__.py ", " x.py", " x/y.py", "x,y.py"),
    *('x"y.py', "x\\y.py", "c:x", "c:/x", "../x", "./x", "some//x", "/x", "x/", "some/./x", "x/../y", "é.py", "x\n.py", "x:y"),
    *(f"{INFO}/INDEX", f"{INFO}/direct_url.json", f"{INFO}/INSTALLER", f"{INFO}/INSTALLER/x", f"{INFO}/RECORD.jws"),
    *(f"{INFO}/record", f"{INFO}/RECORD/x", f"{INFO}/licenses/INDEX", f"{INFO}/REQUESTED", f"{INFO}/PYODIDE_URL"),
    *("other-1.0.dist-info/METADATA", "x.egg-info", "X.EGG-INFO/y", "some/x.dist-info/y", "x.dist-info", "some_thing.data"),
    *("some_thing-1.0.dist-info/x", f"{INFO.upper()}/x", f"{DATA}/x", f"{DATA}/purelib", f"{DATA}/other/x", "x.data/y/z"),
    *(f"{DATA}/purelib/micropip/x.py", f"{DATA}/platlib/x.pth", f"{DATA}/data/lib/python3.14/os.py", f"{DATA}/scripts/aux"),
    *(f"{DATA}/data/lib/python3.14/site-packages/x.pth", f"{DATA}/data/Lib64/Python3.14/x", f"{DATA}/data/lib/pythonx/y"),
    *(f"{DATA}/data/x.dist-info/y", f"{DATA}/headers/x.h", f"{DATA}/scripts/x", f"{DATA}/purelib/sitecustomize.py"),
    *(f"{DATA}/data/lib/python314.zip", f"{DATA}/data/x.pth", f"{DATA}/data/etc/x.conf", f"{DATA.lower()}/purelib/y", "a-b+c@d"),
)
_FILENAMES: Final = (
    *("Some_Thing-1.0-py3-none-any.whl", "some.thing-1.0-py3-none-any.whl", "some_thing-1.0-1-py3-none-any.whl"),
    *("some__thing-1.0-py3-none-any.whl", "some_thing-1.0.0-py3-none-any.whl", "some_thing-1.0-py2.py3-none-any.whl"),
    *("some_thing-1.0-x1-py3-none-any.whl", "some_thing-1.0-1x-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "some.whl"),
    *("some_thing-1.0-py3-none-any.zip", "some_thing-1.0-3py-none-any.whl", "some_thing-1.0-py3..py2-none-any.whl"),
    *("some_thing-1.0-py3-none-.whl", "some_thing-1.0-py3-none-any.whl\n", "_some_thing-1.0-py3-none-any.whl"),
    *(f"some_thing-1.0-{'.'.join(['py3'] * 33)}-{'.'.join(['n'] * 33)}-any.whl", f"{'s' * 250}-1.0-py3-none-any.whl"),
    *(f"some_thing-1.0-{'.'.join(['py3'] * 33)}-{'.'.join(['n'] * 8)}-{'.'.join(['n'] * 5)}.whl", "é-1.0-py3-none-any.whl"),
)


@st.composite
def edited_texts(draw: st.DrawFn) -> AlteredWheel:
    """A wheel with other lines, files or names; its RECORD is true unless that is changed as well."""
    files, filename = dict(FILES), FILENAME
    record: list[Callable[[bytes], bytes]] = []
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.integers(0, 6)):
            case 0 | 1 | 2 | 3:
                name = draw(st.sampled_from(["METADATA", "METADATA", "METADATA", "WHEEL", "entry_points.txt"]))
                path = f"{INFO}/{name}"
                files[path] = _edited(draw, files[path])
            case 4:
                files[draw(st.sampled_from(_NAMES))] = b"Z = 3\n"
            case 5:
                record.append(lambda data: _edited(draw, data))
            case _:
                filename = draw(st.sampled_from(_FILENAMES))
    if draw(st.integers(0, 9)) == 0:
        files.pop(draw(st.sampled_from(sorted(files))))
    whole = _with_record(files)
    for edit in record:
        whole[f"{INFO}/RECORD"] = edit(whole[f"{INFO}/RECORD"])
    return AlteredWheel(filename=filename, data=archive(FORMS["deflated"](whole)))


def _edited(draw: st.DrawFn, data: bytes) -> bytes:
    lines = data.decode("utf-8").split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    match draw(st.integers(0, 7)):
        case 0:
            del lines[at]
        case 6:
            lines[at] = lines[at].swapcase()
        case 7:
            within = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:within] + draw(st.sampled_from(_PIECES)) + lines[at][within + 1 :]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines[at] += draw(_texts)
        case 3:
            lines[at] = draw(_lines)
        case _:
            lines.insert(at, draw(_lines))
    text = draw(st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])).join(lines)
    return (draw(st.sampled_from(["", "", "", "", "\ufeff"])) + text).encode("utf-8")

