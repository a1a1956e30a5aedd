"""Wheels whose METADATA, WHEEL, entry points or identity are wrong."""

from __future__ import annotations

from micropip_lock.testing.wheels import record_of
from tests.corpus.generate.raw_zip import Part, archive, parts_of
from tests.corpus.generate.wheel_case import Entries, container, content


def _with(entries: Entries, path: str, old: bytes, new: bytes) -> None:
    assert old in entries[path]
    entries[path] = entries[path].replace(old, new)


@content("W06", "no-metadata", "There is no METADATA", "WheelMetadataError no-metadata")
def no_metadata(entries: Entries, info: str) -> None:
    del entries[f"{info}/METADATA"]


@content("W07", "no-wheel-file", "There is no WHEEL", "WheelMetadataError no-wheel")
def no_wheel_file(entries: Entries, info: str) -> None:
    del entries[f"{info}/WHEEL"]


@content("W12", "metadata-name", "METADATA names another distribution", "WheelMetadataError name-mismatch")
def metadata_name(entries: Entries, info: str) -> None:
    _with(entries, f"{info}/METADATA", b"Name: w12", b"Name: numpy")


@container(
    "W13", "dist-info-name", "The dist-info directory is another distribution's", "WheelMetadataError dist-info-name"
)
def dist_info_name(parts: list[Part], info: str) -> bytes:
    return _moved(parts, info, "numpy-1.0.dist-info")


@container(
    "W14", "dist-info-version", "The dist-info directory is another version's", "WheelMetadataError dist-info-version"
)
def dist_info_version(parts: list[Part], info: str) -> bytes:
    return _moved(parts, info, "w14-2.0.dist-info")


def _moved(parts: list[Part], info: str, other: str) -> bytes:
    moved = {part.name.decode().replace(info, other): part.data for part in parts}
    del moved[f"{other}/RECORD"]
    moved[f"{other}/RECORD"] = record_of(moved, f"{other}/RECORD")
    return archive(parts_of(moved.items()))


@content("W15", "two-dist-infos", "There are two dist-info directories", "WheelMetadataError multiple-dist-info")
def two_dist_infos(entries: Entries, info: str) -> None:
    entries["numpy-1.0.dist-info/METADATA"] = b"Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n"


@content("W16", "wheel-version-2", "A wheel of format 2.0", "WheelMetadataError wheel-version")
def wheel_version_2(entries: Entries, info: str) -> None:
    _with(entries, f"{info}/WHEEL", b"Wheel-Version: 1.0", b"Wheel-Version: 2.0")


@content("W17", "wheel-version-junk", "A wheel of no format", "WheelMetadataError wheel-version")
def wheel_version_junk(entries: Entries, info: str) -> None:
    _with(entries, f"{info}/WHEEL", b"Wheel-Version: 1.0", b"Wheel-Version: one")


@content("W27", "script-dot-dot", "A console script that is called ../../evil", "WheelMetadataError entry-point")
def script_dot_dot(entries: Entries, info: str) -> None:
    entries[f"{info}/entry_points.txt"] = b"[console_scripts]\n../../evil = w27:main\n"


@content("W29", "unknown-scheme", "A scheme that no installer knows", "WheelMetadataError data-scheme")
def unknown_scheme(entries: Entries, info: str) -> None:
    entries["w29-1.0.data/stdlib/evil.py"] = b"EVIL = True\n"


@content("W30", "bad-requires-dist", "A requirement that cannot be parsed", "WheelMetadataError requires-dist")
def bad_requires_dist(entries: Entries, info: str) -> None:
    entries[f"{info}/METADATA"] += b"Requires-Dist: six >=> 1\n"


@content("W31", "metadata-version-99", "METADATA of format 99", "WheelMetadataError metadata-version")
def metadata_version_99(entries: Entries, info: str) -> None:
    _with(entries, f"{info}/METADATA", b"Metadata-Version: 2.1", b"Metadata-Version: 99.0")


@content("W32", "metadata-not-utf8", "METADATA that is not UTF-8", "WheelMetadataError not-utf8")
def metadata_not_utf8(entries: Entries, info: str) -> None:
    entries[f"{info}/METADATA"] += b"Author: Zo\xeb\n"


@content("W71", "two-names", "METADATA with two names", "WheelMetadataError metadata-ambiguous")
def two_names(entries: Entries, info: str) -> None:
    _with(entries, f"{info}/METADATA", b"Name: w71\n", b"Name: w71\nName: numpy\n")


@content("W72", "entry-point-reference", "A console script that refers to no object", "WheelMetadataError entry-point")
def entry_point_reference(entries: Entries, info: str) -> None:
    entries[f"{info}/entry_points.txt"] = b"[console_scripts]\nw72 = w72:main; import os\n"


@content("W73", "newer-metadata", "METADATA of a later 2.x", "warn metadata-version")
def newer_metadata(entries: Entries, info: str) -> None:
    _with(entries, f"{info}/METADATA", b"Metadata-Version: 2.1", b"Metadata-Version: 2.99")


@content(
    "W81",
    "script-behind-heading",
    "A script behind a heading that ends its group for some readers only",
    "WheelMetadataError entry-point",
)
def script_behind_heading(entries: Entries, info: str) -> None:
    text = "[console_scripts]\nrun = w81:main\n  [other]\n../../evil = w81:main\n"
    entries[f"{info}/entry_points.txt"] = text.encode()


@content(
    "W82", "egg-info", "An egg-info directory, which is another distribution", "WheelMetadataError multiple-dist-info"
)
def egg_info(entries: Entries, info: str) -> None:
    entries["numpy-1.0.egg-info/PKG-INFO"] = b"Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n"


@content("W83", "dist-info-case", "A second DIST-INFO, in capitals", "WheelMetadataError multiple-dist-info")
def dist_info_case(entries: Entries, info: str) -> None:
    entries["numpy-1.0.DIST-INFO/METADATA"] = b"Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n"


@content("W84", "other-data", "The .data directory of another distribution", "WheelMetadataError data-scheme")
def other_data(entries: Entries, info: str) -> None:
    entries["numpy-1.0.data/scripts/run"] = b"#!python\n"


@content("W85", "deep-marker", "A requirement with 5,000 parentheses", "WheelMetadataError requires-dist")
def deep_marker(entries: Entries, info: str) -> None:
    marker = f"Requires-Dist: a; {'(' * 5000}os_name == 'x'{')' * 5000}\n"
    entries[f"{info}/METADATA"] += marker.encode()
