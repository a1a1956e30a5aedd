"""Wheels whose RECORD and files disagree, or that forge where they came from."""

from __future__ import annotations

from tests.corpus.generate.wheel_case import Entries, content, lying

EMPTY = b"sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"


@lying("W02", "not-in-record", "A file is not in RECORD", "WheelRecordError not-in-record")
def not_in_record(entries: Entries, info: str) -> None:
    entries["unlisted.py"] = b"x\n"


@lying("W03", "record-hash-wrong", "A file is not the one that RECORD lists", "WheelRecordError record-hash")
def record_hash_wrong(entries: Entries, info: str) -> None:
    entries["w03.py"] = b"__version__ = '1.1'\n"


@lying("W04", "record-lists-missing", "RECORD lists a file that is not there", "WheelRecordError missing-file")
def record_lists_missing(entries: Entries, info: str) -> None:
    entries[f"{info}/RECORD"] += b"gone.py," + EMPTY


@lying("W05", "no-record", "There is no RECORD", "WheelRecordError no-record")
def no_record(entries: Entries, info: str) -> None:
    del entries[f"{info}/RECORD"]


@content("W39", "forged-origin", "The wheel ships an installer's records", "WheelRecordError reserved-dist-info-file")
def forged_origin(entries: Entries, info: str) -> None:
    entries[f"{info}/PYODIDE_SHA256"] = b"0" * 64 + b"\n"
    entries[f"{info}/INDEX"] = b"https://index.example/simple\n"
