"""Wheels whose texts and names are odd or wrong: each oddity once, and at random up to three of them together.

RECORD is made to fit, unless RECORD is what is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from tests.contract.altered_wheels import (
    DATA,
    ENTRY_POINTS,
    FILENAME,
    FILES,
    FORMS,
    INFO,
    AlteredWheel,
    Entries,
    with_record,
)
from tests.corpus.generate.raw_zip import archive

_PIECES: Final = (
    *("a", "A", "z9", "_", "-", ".", "1", "0", "1.0", "2.5", "v1", "!", "1!", "+local", ".*", "*", "rc1", "a1", "b"),
    *("dev", ".post1", ".dev0", "alpha", "-1", "==", ">=", "<", "~=", "!=", "===", ">", "<=", ",", " ", "  ", "\t"),
    *("(", ")", "[", "]", ";", "@", "'", '"', "'x'", '"3.8"', "and", "or", " and ", " or ", "in", " in ", " not in "),
    *("not", "extra", "python_version", "sys_platform", "os_name", "os.name", "platform_python_implementation"),
    *("extra == 'x'", "python_version<'3'", "\\", "\r", "\n", "\x0b", "\x1c", "\x85", "\ufeff", "é", "ſ", "K"),
    *("\u2028", "9" * 210, "#", "=", ":", "/", "%", "{}", "name", "some-thing", "six", "six>=1", "six ~= 1.0"),
)
_texts: Final = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=7).map("".join)
_FIELD_NAMES: Final = (
    *("Requires-Dist", "Requires-Python", "Name", "Version", "Metadata-Version", "Import-Name", "Summary"),
    *("requires-DIST", "Wheel-Version", " Requires-Dist", "From ", "Requires-Dist ", "Wheel-Verſion", "Reqſuires"),
    *("", "Provides-Extra"),
)
_field_lines: Final = st.builds("{}: {}".format, st.sampled_from(_FIELD_NAMES), _texts)
_REQUIREMENTS: Final = (
    *('a[b,c]>=1.0,<2 ; python_version < "3"', "a (>=1)", "a>=1.*", "a~=1", "a==1.0+x", "a>=1.0+x", "a==1.*.dev0"),
    *("a ;", "a==v1.0-1", "a>=1.0dev", "a<3.0.dev", "a==1.0a.1", "a-", "a @ https://x.example/", "a; (extra == 'x'"),
    *("a;extra=='x'", "a; extra == 'x' and(os_name == 'x')", "a; 'x' in extra"),
    *("a; 'x' not in os_name or extra=='y'", "a;((extra=='x'))", "a[]", "a[b", "a[b] ==1", "a >1", "a>1,", "a,>1"),
    *("a>1 <2", "a_", "_a", "a.", "a (>1", "a >1)", "a ()", "a=1"),
    *(f"a; {'(' * count}extra=='x'{')' * count}" for count in (8, 9, 32, 33)),
)
_VALUES: Final[dict[str, Sequence[str]]] = {
    "Requires-Dist": _REQUIREMENTS,
    "Requires-Python": (">=3.6.*", ">=3", "3", ">=3,", "~=3.8", "==3.*", "!=3.0.*, >=2", "", ">3 <4", "===3", ">=3rc1"),
    "Metadata-Version": ("1.0", "1.3", "2.5", "2.6", "3.0", "2", "2.50"),
    "Name": ("some_thing", "Some.Thing", "some--thing", "something", "some thing", "-some-thing", "some-thing-"),
    "Version": ("1.0", "1.0.0", "1", "v1.0", "1.0 ", "01.0", "1.0+x"),
    "Wheel-Version": ("1.0", "1.9", "2.0", "1", "1.0.0", "1.0 x"),
    "Import-Name": ("some", "some.mod ; private", "é"),
}
_known_lines: Final = st.sampled_from([f"{name}: {value}" for name, values in _VALUES.items() for value in values])
_SCRIPTS: Final = (
    *("[console_scripts]", "[gui_scripts]", " [console_scripts]", "[ console_scripts ]", "[x]", " [x]", "[x] y"),
    *("[x", "a = b:c", "a=b", "a = b : c [x,y]", "a/b = c", "../a = b:c", "a\\b = c", ": = x", "a = ", "= b"),
    *("a = 1 2", "# a = /", "; a = /", ". = b", "a = b.c:d.e", "a = b-c:d", "a : b = c", "a b = c", "a = b:c ["),
    *("a.b-c+d = x:y", "a = b;c", "a\t= b"),
)
_script_lines: Final = st.sampled_from(_SCRIPTS)
_lines: Final = _field_lines | _known_lines | _script_lines | _texts | st.sampled_from(["", " ", "\t"])

_NAMES: Final = (
    *("aux.py", "some/NUL", "some/com1.txt", "com0", "comm/x.py", "lpt9/x.py", "conx.py", "x.pth", "X.PTH"),
    *("some/x.pth", "sitecustomize.py", "SiteCustomize.py", "usercustomize/__init__.py", "some/sitecustomize.py"),
    *("micropip/x.py", "micropip.py", "micropip_lock.so", "Pyodide/x.py", "_pyodide/x.py", "piplite.py"),
    *("some/micropip.py", "micropipx.py", "Some/mod.py", "SOME/x.py", "some/mod.py/x", "some", "some/MOD.py"),
    *("some/__init__.py ", " x.py", " x/y.py", "x,y.py", 'x"y.py', "x\\y.py", "c:x", "c:/x", "../x", "./x"),
    *("some//x", "/x", "x/", "some/./x", "x/../y", "é.py", "x\n.py", "x:y", f"{INFO}/INDEX"),
    *(f"{INFO}/direct_url.json", f"{INFO}/INSTALLER", f"{INFO}/INSTALLER/x", f"{INFO}/RECORD.jws", f"{INFO}/record"),
    *(f"{INFO}/RECORD/x", f"{INFO}/licenses/INDEX", f"{INFO}/REQUESTED", f"{INFO}/PYODIDE_URL"),
    *("other-1.0.dist-info/METADATA", "x.egg-info", "X.EGG-INFO/y", "some/x.dist-info/y", "x.dist-info"),
    *("some_thing.data", "some_thing-1.0.dist-info/x", f"{INFO.upper()}/x", f"{DATA}/x", f"{DATA}/purelib"),
    *(f"{DATA}/other/x", "x.data/y/z", f"{DATA}/purelib/micropip/x.py", f"{DATA}/platlib/x.pth"),
    *(f"{DATA}/data/lib/python3.14/os.py", f"{DATA}/scripts/aux", f"{DATA}/data/lib/python3.14/site-packages/x.pth"),
    *(f"{DATA}/data/Lib64/Python3.14/x", f"{DATA}/data/lib/pythonx/y", f"{DATA}/data/x.dist-info/y"),
    *(f"{DATA}/headers/x.h", f"{DATA}/scripts/x", f"{DATA}/purelib/sitecustomize.py"),
    *(f"{DATA}/data/lib/python314.zip", f"{DATA}/data/x.pth", f"{DATA}/data/etc/x.conf", f"{DATA.lower()}/purelib/y"),
    *("a-b+c@d"),
)
_FILENAMES: Final = (
    *("Some_Thing-1.0-py3-none-any.whl", "some.thing-1.0-py3-none-any.whl", "some_thing-1.0-1-py3-none-any.whl"),
    *("some__thing-1.0-py3-none-any.whl", "some_thing-1.0.0-py3-none-any.whl", "some_thing-1.0-py2.py3-none-any.whl"),
    *("some_thing-1.0-x1-py3-none-any.whl", "some_thing-1.0-1x-cp314-cp314-pyemscripten_2026_0_wasm32.whl"),
    *("some.whl", "some_thing-1.0-py3-none-any.zip", "some_thing-1.0-3py-none-any.whl"),
    *("some_thing-1.0-py3..py2-none-any.whl", "some_thing-1.0-py3-none-.whl", "some_thing-1.0-py3-none-any.whl\n"),
    *("_some_thing-1.0-py3-none-any.whl", f"some_thing-1.0-{'.'.join(['py3'] * 33)}-{'.'.join(['n'] * 33)}-any.whl"),
    *(f"{'s' * 250}-1.0-py3-none-any.whl"),
    *(f"some_thing-1.0-{'.'.join(['py3'] * 33)}-{'.'.join(['n'] * 8)}-{'.'.join(['n'] * 5)}.whl"),
    *("é-1.0-py3-none-any.whl"),
)


# Requirements as a grammar that is a little wider than theirs makes them.
_blanks: Final = st.sampled_from(["", "", " ", "  "])
_projects: Final = st.sampled_from(["a", "A.b", "a-b", "a_b", "a--b", "a.", "_a", "1", "a_", "a1.2", "é"])
_releases: Final = st.sampled_from(
    [
        *("1", "1.0", "v1", "2.5.0", "1rc1", "1a1", "1.post1", "1.dev0", "1dev", "1-1", "1.*", "1.0+x", "1.", "01"),
        *("1.alpha.1", "1b", "1.0.post", "1!2", "1_1", "x", "1rc1.*", "1c1"),
    ]
)
_operators: Final = st.sampled_from(["==", ">=", "<", "~=", "!=", ">", "<=", "===", "="])
_variables: Final = st.sampled_from(
    [
        "python_version",
        "python_full_version",
        "sys_platform",
        "platform_machine",
        "implementation_name",
        "extra",
        "os.name",
    ]
)
_strings: Final = st.sampled_from(["'x'", '"3.8"', "''", '"a b"', "'a.*'", "\"x'", "'<3'", "'\\x'", "'é'", "x"])
_specifiers: Final = st.lists(
    st.builds("{}{}{}".format, _operators, _blanks, _releases), min_size=1, max_size=3
).flatmap(lambda some: _blanks.map(lambda blank: f"{blank},".join(some)))
_comparers: Final = st.sampled_from(["==", "!=", "<", " in ", " not in ", "in", "not  in", " notin "])
_comparisons: Final = st.one_of(
    st.builds("{}{}{}{}{}".format, _variables, _blanks, _comparers, _blanks, _strings),
    st.builds("{}{}{}{}{}".format, _strings, _blanks, _comparers, _blanks, _variables),
    st.builds("{}{}{}".format, _variables, _comparers, _variables),
)
_markers: Final = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        st.builds("{}{}{}{}{}".format, inner, _blanks, st.sampled_from(["and", "or", "xor"]), _blanks, inner),
        st.builds("{}{}{}{}".format, st.sampled_from(["(", "( ", "(("]), inner, _blanks, st.sampled_from([")", "))"])),
    ),
    max_leaves=4,
)
_extras: Final = st.just("") | st.lists(_projects, max_size=2).map(lambda names: f"[{', '.join(names)}]")
_details: Final = st.just("") | _specifiers | st.builds("({}{}{})".format, _blanks, _specifiers, _blanks)
requirements: Final = st.builds(
    "{}{}{}{}{}{}".format,
    _projects,
    _blanks,
    _extras,
    _details,
    _blanks,
    st.just("") | st.builds(";{}{}".format, _blanks, _markers),
)


def archive_of(others: Entries) -> bytes:
    """A right wheel with some files more."""
    return _whole(FILES | others).data


def with_requirement(requirement: str) -> AlteredWheel:
    """A right wheel with one more requirement."""
    metadata = FILES[f"{INFO}/METADATA"]
    return _whole(FILES | {f"{INFO}/METADATA": f"Requires-Dist: {requirement}\n".encode() + metadata})


_RECORD_EDITS: Final = (
    *(("table (1).txt,", "Table (1).txt,"), (",300", ",301"), (",300", ",0300"), (",300", ","), (",300", ",300,")),
    *((",300", ",3e2"), (",300", ",٣00"), ("=", "!"), ("=", "=!"), ("sha256", "sha512"), ("sha256", "SHA256")),
    *(
        ("\n", "\r"),
        ("\n", "\n\n"),
        ("\n", ""),
        ("RECORD,,", "RECORD,,,"),
        ("RECORD,,", "RECORD,x,1"),
        ("some/", "./some/"),
    ),
    *(("some/mod.py", '"some/mod.py"'), ("some/mod.py", "some/none.py"), ("RECORD,,\n", "RECORD,,\nsome/,,\n")),
    *(("RECORD,,\n", "RECORD,,\nRECORD,,\n"), ("some/table (1).txt", "some/__init__.py"), ("é", "e")),
)


_RECORD_PATTERNS: Final = (
    *(("sha256=.", "sha256=!"), ("(?m)^some/mod.*\n", ""), ("(?m)^(some/mod.*\n)", r"\1\1")),
    ("(?m)^some/mod.*\n(some/table.*\n)", r"\1\1"),
)


def singly() -> Iterator[AlteredWheel]:
    """A right wheel with one line, name or row of those above, each of them once."""
    metadata = FILES[f"{INFO}/METADATA"].decode("utf-8")
    for name, values in _VALUES.items():
        path = f"{INFO}/{'WHEEL' if name == 'Wheel-Version' else 'METADATA'}"
        text = FILES[path].decode("utf-8")
        for value in values:
            line = f"{name}: {value}\n"
            yield _whole(FILES | {path: (line + re.sub(f"(?m)^{name}: .*\n", "", text)).encode("utf-8")})
            yield _whole(FILES | {path: (line + text).encode("utf-8")})
    for name in _FIELD_NAMES:
        for line in (f"{name}: x y\n", f"{name}: ~\ufeff\n"):
            yield _whole(FILES | {f"{INFO}/METADATA": (line + metadata).encode("utf-8")})
    for old in ("Name: some-thing", "Version: 1.0", "Requires-Dist: six", "Requires-Python: >=3.8", "Summary: Ä"):
        yield _whole(FILES | {f"{INFO}/METADATA": metadata.replace(old, f"{old}\n x").encode("utf-8")})
    for piece in _PIECES:
        for old in ("six", "some-thing", "1.0", ">=3.8", "2.1", "Summary", "x", "\n"):
            changed = re.sub(f"({re.escape(old)})", lambda found: found[1] + piece, metadata, count=1)  # noqa: B023  # called now
            yield _whole(FILES | {f"{INFO}/METADATA": changed.encode("utf-8")})
    for script in _SCRIPTS:
        for text in (f"{ENTRY_POINTS}[console_scripts]\n{script}\na = /\n", f"[gui_scripts]\n{script}\n"):
            yield _whole(FILES | {f"{INFO}/entry_points.txt": text.encode("utf-8")})
    for name in _NAMES:
        yield _whole(FILES | {name: b"Z = 3\n"})
    for name in FILES:
        yield _whole({path: data for path, data in FILES.items() if path != name})
    for filename in _FILENAMES:
        yield replace(_whole(FILES), filename=filename)
    own, files = f"{INFO}/RECORD", with_record(FILES)
    for pattern, new in _RECORD_PATTERNS:
        yield _archived(files | {own: re.sub(pattern, new, files[own].decode("utf-8")).encode("utf-8")})
    for old, new in _RECORD_EDITS:
        yield _archived(files | {own: files[own].replace(old.encode("utf-8"), new.encode("utf-8"))})


def _whole(files: Entries) -> AlteredWheel:
    return _archived(with_record(files))


def _archived(files: Entries) -> AlteredWheel:
    return AlteredWheel(filename=FILENAME, data=archive(FORMS["deflated"](files)))


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
    whole = with_record(files)
    for edit in record:
        whole[f"{INFO}/RECORD"] = edit(whole[f"{INFO}/RECORD"])
    return replace(_archived(whole), filename=filename)


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
