"""Wheels whose file names leave their place, or mean different files on different systems."""

from __future__ import annotations

from dataclasses import replace

from tests.corpus.generate.raw_zip import Part, archive
from tests.corpus.generate.wheel_case import Entries, container, content

EVIL = b"EVIL = True\n"


@content("W08", "dot-dot", "A path that begins with ../", "WheelPathError escapes")
def dot_dot(entries: Entries, info: str) -> None:
    entries["../w08_evil.py"] = EVIL


@content("W09", "absolute", "An absolute path", "WheelPathError absolute-path")
def absolute(entries: Entries, info: str) -> None:
    entries["/w09_evil.py"] = EVIL


@content("W10", "backslash", "A path with a backslash", "WheelPathError backslash")
def backslash(entries: Entries, info: str) -> None:
    entries["..\\w10_evil.py"] = EVIL


@content(
    "W11",
    "sibling-prefix",
    "A path to a directory that begins like the target",
    "WheelPathError escapes",
    note="CVE-2026-1703",
)
def sibling_prefix(entries: Entries, info: str) -> None:
    entries["../site-packages-evil/w11_evil.py"] = EVIL


@content("W26", "nul", "A name with NUL, where some readers cut it", "WheelPathError control-char")
def nul(entries: Entries, info: str) -> None:
    entries["w26_evil.py\0.txt"] = EVIL


@content("W28", "scheme-dot-dot", "A path of the .data directory that leaves its scheme", "WheelPathError escapes")
def scheme_dot_dot(entries: Entries, info: str) -> None:
    entries["w28-1.0.data/scripts/../../../w28_evil"] = EVIL


@content("W34", "case-collision", "Two names that differ in case", "WheelPathError case-collision")
def case_collision(entries: Entries, info: str) -> None:
    entries["W34.PY"] = EVIL


@content("W35", "file-and-directory", "A name that is a file and a directory", "WheelPathError file-dir-collision")
def file_and_directory(entries: Entries, info: str) -> None:
    entries["w35.py/evil.py"] = EVIL


@content("W36", "unicode-collision", "Two names that differ in Unicode form", "WheelPathError unicode-collision")
def unicode_collision(entries: Entries, info: str) -> None:
    entries["caf\u00e9.py"] = b""
    entries["cafe\u0301.py"] = EVIL


@content("W37", "reserved-name", "A name that Windows keeps for a device", "warn reserved-name")
def reserved_name(entries: Entries, info: str) -> None:
    entries["w37_data/aux.txt"] = b"x\n"


@content("W38", "path-file", "A .pth file, which runs at each start of Python", "warn pth-file")
def path_file(entries: Entries, info: str) -> None:
    entries["w38.pth"] = b"import w38\n"


@container("W40", "symlink", "An entry is a symbolic link", "WheelPathError symlink")
def symlink(parts: list[Part], info: str) -> bytes:
    link = Part(name=b"w40_link.py", data=b"/etc/passwd", attributes=0o120777 << 16)
    return archive([*parts, link])


@container("W69", "not-utf8-name", "A name that says it is UTF-8 and is not", "WheelFormatError bad-zip")
def not_utf8_name(parts: list[Part], info: str) -> bytes:
    return archive([*parts, replace(parts[0], name=b"caf\xe9.py")])


@content("W70", "path-file-in-scheme", "A .pth file that arrives through the .data directory", "warn pth-file")
def path_file_in_scheme(entries: Entries, info: str) -> None:
    entries["w70-1.0.data/purelib/w70.pth"] = b"import w70\n"
