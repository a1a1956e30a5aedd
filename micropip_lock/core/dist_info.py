"""The record files in a dist-info directory, to values and back.

What is where (ADR 3):

- ``INDEX``: one line, the base URL of the index that served the wheel, for an install by name.
- ``direct_url.json`` (PEP 610): for an install from a URL or from a local file. Never both.
- ``micropip-lock.json``: the rest; ``record`` in it is the SHA-256 of the installed RECORD, which binds the record to
  this very wheel: a record that was shipped, copied or left behind does not match.

Credentials never reach a file: :func:`public_url` is applied to every address before it is written.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from micropip_lock.core.digest import Digest
from micropip_lock.core.index_page import yanked_of
from micropip_lock.core.local_wheel import named_information
from micropip_lock.core.model import Origin, OriginKind
from micropip_lock.core.read import MAX_WHOLE
from micropip_lock.core.redact import public_requirement
from micropip_lock.core.redact import public_url as public_url
from micropip_lock.core.shown import hidden_character
from micropip_lock.errors import LockSchemaError, RecordError

INDEX_FILE: Final = "INDEX"
DIRECT_URL_FILE: Final = "direct_url.json"
RECORD_FILE: Final = "micropip-lock.json"
RECORD_FORMAT: Final = 1
_KINDS: Final[tuple[OriginKind, ...]] = get_args(OriginKind)
MICROPIP_FILES: Final = ("PYODIDE_SOURCE", "PYODIDE_URL", "PYODIDE_SHA256", "PYODIDE_REQUIRES")

RESERVED_FILES: Final = frozenset({INDEX_FILE, DIRECT_URL_FILE, RECORD_FILE, "provenance_url.json", *MICROPIP_FILES})
"""Names that only an installer may write into dist-info; a wheel that ships one is refused."""

INSTALLER_FILES: Final = RESERVED_FILES | {"INSTALLER", "REQUESTED", "RECORD", "RECORD.jws", "RECORD.p7s"}
"""Names in dist-info that say who installed, not what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginRecord:
    """What was recorded when one wheel was installed.

    Attributes:
        origin: Where it came from.
        digest: SHA-256 of the wheel's bytes as they arrived.
        size: Bytes.
        upload_time: When the index said it (PEP 700).
        yanked: The index had withdrawn the file when it was installed (PEP 592); text says why.
        requested: A person asked for it.
        requirement: As it was asked for, or as the first dependent asked for it.
        extras: Requested extras.
        record_digest: SHA-256 of the RECORD file that was installed.
    """

    origin: Origin
    digest: Digest
    size: int | None = None
    upload_time: str | None = None
    yanked: bool | str = False
    requested: bool = False
    requirement: str | None = None
    extras: tuple[str, ...] = ()
    record_digest: Digest | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordRow:
    """One row of RECORD.

    Attributes:
        path: As written, ``/``-separated, relative to site-packages.
        digest: SHA-256, or ``None`` when the row carries none (RECORD itself, caches).
        size: Bytes, or ``None``.
    """

    path: str
    digest: Digest | None
    size: int | None


def parse_record(text: str) -> tuple[RecordRow, ...]:
    """The rows of a RECORD file.

    Source: "Recording installed projects", The RECORD file (PEP 376, PEP 627).

    Raises:
        RecordError: code ``record-unreadable``, with the line.
    """
    rows = []
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            if not row:
                continue
            if len(row) > 3 or not row[0]:
                raise _unreadable(number, f"{len(row)} fields, the first {row[0]!r}")
            path, algorithm_digest, size = [*row, "", ""][:3]
            rows.append(
                RecordRow(
                    path=path.replace("\\", "/"),
                    digest=_record_digest(algorithm_digest, number),
                    size=_record_size(size, number),
                )
            )
    except csv.Error as error:
        raise RecordError(
            "RECORD is not CSV", code="record-unreadable", got=str(error), hint="uninstall it and install it again"
        ) from error
    return tuple(rows)


def _record_digest(text: str, line: int) -> Digest | None:
    if not text.startswith("sha256="):
        # PEP 376 allows other algorithms; only SHA-256 is checked, the rest is treated as no digest.
        if text and "=" not in text:
            raise _unreadable(line, repr(text))
        return None
    try:
        return Digest.from_record(text.rstrip("="))
    except LockSchemaError as error:
        raise _unreadable(line, repr(text)) from error


def _record_size(text: str, line: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise _unreadable(line, f"size {text!r}")
    return int(text)


def _unreadable(line: int, got: str) -> RecordError:
    return RecordError(
        "a line of RECORD cannot be read",
        code="record-unreadable",
        where=f"RECORD line {line}",
        expected="path, sha256=digest, size",
        got=got,
        hint="uninstall it and install it again",
    )


def format_records(record: OriginRecord) -> dict[str, str]:
    """The files to write into dist-info: name to text."""
    url = public_url(record.origin.url)
    facts: dict[str, Any] = {
        "version": RECORD_FORMAT,
        "source": record.origin.kind,
        "url": url,
        "sha256": record.digest.hex,
        "requested": record.requested,
    }
    if record.size is not None:
        facts["size"] = record.size
    if record.upload_time:
        facts["upload-time"] = record.upload_time
    if record.yanked:
        facts["yanked"] = record.yanked
    if record.requirement:
        # White space of any kind means the same in a requirement; a lock has spaces only.
        facts["requirement"] = public_requirement(" ".join(record.requirement.split()))
    if record.extras:
        facts["extras"] = sorted(record.extras)
    if record.record_digest:
        facts["record"] = record.record_digest.hex
    files = {RECORD_FILE: json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n"}
    if record.origin.kind == "index" and record.origin.index:
        files[INDEX_FILE] = public_url(record.origin.index) + "\n"
    if record.origin.kind in ("url", "local"):
        # PEP 610: archive_info with "hashes"; the older "hash" key is kept for readers that know only that.
        direct_url = {
            "archive_info": {"hash": f"sha256={record.digest.hex}", "hashes": {"sha256": record.digest.hex}},
            # No path of the machine it was installed on: the same wheel leaves the same record wherever it lay.
            "url": url if record.origin.kind == "url" else named_information(record.digest),
        }
        files[DIRECT_URL_FILE] = json.dumps(direct_url, sort_keys=True) + "\n"
    return files


def pyodide_source(origin: Origin) -> str:
    """``PYODIDE_SOURCE``, which ``micropip.list()`` shows: micropip's own word only where no better is known."""
    if origin.kind == "index" and origin.index is None:
        return "pypi"
    return public_url(origin.source)


def parse_records(read_text: Callable[[str], str | None]) -> OriginRecord | None:
    """What :func:`format_records` wrote, or ``None`` when there is no record of ours.

    Args:
        read_text: Reads a file of one dist-info directory.

    Raises:
        RecordError: codes ``record-unreadable``, ``record-version``, ``record-forged`` (the record does not belong to
            the RECORD beside it).
    """
    text = read_text(RECORD_FILE)
    if text is None:
        return None
    try:
        facts = json.loads(text)
        version = facts["version"]
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise TypeError(f"version is {version!r}")
        if version > RECORD_FORMAT:
            raise RecordError(
                "the record was written by a newer micropip-lock",
                code="record-version",
                where=RECORD_FILE,
                expected=f"version {RECORD_FORMAT}",
                got=str(version),
                hint="update micropip-lock",
            )
        kind: OriginKind = facts["source"]
        if kind not in _KINDS:
            raise ValueError(f"source {kind!r}")
        index = (read_text(INDEX_FILE) or "").strip() or None
        _visible(index or "")  # the end of a line is a control character
        record_digest = Digest.from_hex(facts["record"]) if "record" in facts else None
        parsed = OriginRecord(
            # Another hand may have written it: what must not be published is taken out here as well.
            origin=Origin(
                kind=kind,
                url=_address(facts),
                index=(public_url(index) or None) if index and kind == "index" else None,
            ),
            digest=Digest.from_hex(_text(facts, "sha256")),
            size=_size(facts),
            upload_time=_optional(facts, "upload-time", str) or None,
            yanked=_yanked(facts),
            requested=bool(_optional(facts, "requested", bool)),
            requirement=public_requirement(_optional(facts, "requirement", str) or "") or None,
            extras=_extras(facts),
            record_digest=record_digest,
        )
    except (ValueError, TypeError, KeyError, RecursionError, LockSchemaError) as error:
        raise RecordError(
            "the record of this install cannot be read",
            code="record-unreadable",
            where=RECORD_FILE,
            got=str(error),
            hint="uninstall it, and install it again while recording is on",
        ) from error
    _check_binding(parsed, read_text)
    return parsed


def _check_binding(record: OriginRecord, read_text: Callable[[str], str | None]) -> None:
    installed = read_text("RECORD")
    # A reader may give text that UTF-8 cannot encode; no RECORD that was hashed holds such text, so it is not bound.
    digest = None if installed is None else Digest.of(installed.encode("utf-8", "surrogatepass"))
    bound = digest is not None and record.record_digest == digest
    micropip_digest = (read_text("PYODIDE_SHA256") or record.digest.hex).strip()
    if not bound or micropip_digest != record.digest.hex:
        raise RecordError(
            "the record does not belong to the files beside it",
            code="record-forged",
            where=RECORD_FILE,
            expected=f"RECORD with sha256 {record.record_digest}",
            got=str(digest or "none"),
            hint="the package was replaced or edited after it was recorded; uninstall it and install it again",
        )


def _text(facts: Mapping[str, Any], key: str) -> str:
    value = facts[key]
    if not isinstance(value, str) or not value:
        raise TypeError(f"{key} is {value!r}")
    return _visible(value)


def _visible(value: str) -> str:
    """JSON can spell a lone surrogate, or a character that nobody sees; a lock may hold neither."""
    if (character := hidden_character(value)) is not None:
        raise ValueError(f"a control or invisible character: U+{ord(character):04X}")
    return value


def _address(facts: Mapping[str, Any]) -> str:
    url = public_url(_text(facts, "url"))
    if not url:
        raise ValueError("url holds no address")
    return url


def _size(facts: Mapping[str, Any]) -> int | None:
    size = _optional(facts, "size", int)
    if size is not None and not 0 <= size <= MAX_WHOLE:
        raise ValueError(f"size is {size}")
    return size


def _yanked(facts: Mapping[str, Any]) -> bool | str:
    if isinstance(facts.get("yanked"), bool):
        return bool(facts["yanked"])
    return yanked_of(_optional(facts, "yanked", str) or False)


def _extras(facts: Mapping[str, Any]) -> tuple[str, ...]:
    extras = _optional(facts, "extras", list) or []
    if not all(isinstance(extra, str) for extra in extras):
        raise TypeError(f"extras is {extras!r}")
    return tuple(sorted({_visible(extra) for extra in extras}))


def _optional[T](facts: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    value = facts.get(key)
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise TypeError(f"{key} is {value!r}")
    if isinstance(value, str):
        _visible(value)
    return value
