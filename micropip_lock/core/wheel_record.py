"""RECORD of a wheel against its files, both ways.

Rules this file keeps:

1. Every file is listed with a SHA-256, every listed file is there, no file is listed twice differently. RECORD itself
   and its signatures need no row.
2. Each file's bytes have the digest and size of its row.

Ordinary rows are compared as text, because a thousand digests are quicker encoded than decoded; anything else is parsed
first (:func:`~micropip_lock.core.dist_info.parse_record`).

Source: binary distribution format (PEP 427), "Recording installed projects" (PEP 376, PEP 627).
"""

from __future__ import annotations

import binascii
import csv
import hashlib
import io
import posixpath
import re
from collections.abc import Collection
from typing import Final

from micropip_lock.core.dist_info import parse_record
from micropip_lock.core.zip_entry import place
from micropip_lock.errors import RecordError, WheelRecordError

_SIGNATURES: Final = ("RECORD.jws", "RECORD.p7s")
_DIGEST: Final = re.compile(r"sha256=[A-Za-z0-9_-]{43}")
_SIZE: Final = re.compile(r"[0-9]{1,12}")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class WheelRecord:
    """RECORD of one wheel.

    Args:
        text: Its content.
        dist_info: Name of the dist-info directory.
        paths: All files of the wheel.
        filename: Of the wheel, for messages.

    Raises:
        WheelRecordError: codes ``record-unreadable``, ``record-ambiguous``, ``not-in-record``, ``missing-file``.
    """

    def __init__(self, text: str, dist_info: str, paths: Collection[str], filename: str) -> None:
        self._filename = filename
        self._unlisted = {f"{dist_info}/{name}" for name in ("RECORD", *_SIGNATURES)}
        self._rows = self._plain_rows(text, paths) or self._parsed_rows(text, paths)

    def check(self, path: str, data: bytes) -> None:
        """Compare a file with its row.

        Raises:
            WheelRecordError: codes ``record-hash``, ``record-size``.
        """
        row = self._rows.get(path)
        if row is None:
            return
        digest, size = row
        got = binascii.b2a_base64(hashlib.sha256(data).digest(), newline=False)[:43].translate(_URL_SAFE).decode()
        if digest != f"sha256={got}":
            raise self._error("record-hash", "a file is not the one RECORD lists", path, digest, f"sha256={got}")
        if size and int(size) != len(data):
            raise self._error("record-size", "a file has another size than RECORD lists", path, size, str(len(data)))

    def digest_of(self, path: str) -> str | None:
        """RECORD's 43 characters of a file's digest, or ``None`` for what needs no row."""
        row = self._rows.get(path)
        return None if row is None else row[0].removeprefix("sha256=")

    def _plain_rows(self, text: str, paths: Collection[str]) -> dict[str, tuple[str, str]]:
        """Rows when each file has exactly one and nothing else has: how build tools write them; else nothing."""
        try:
            table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
            rows = {path: (digest, size) for path, digest, size in table}
        except (csv.Error, ValueError):
            return {}
        once = len(rows) == len(table)
        for path in self._unlisted:
            rows.pop(path, None)
        listed = self._listed(paths)
        if not once or len(rows) != len(listed) or not all(map(rows.__contains__, listed)):
            return {}
        plain = all(_DIGEST.fullmatch(digest) and _SIZE.fullmatch(size) for digest, size in rows.values())
        return rows if plain else {}

    def _listed(self, paths: Collection[str]) -> Collection[str]:
        return [path for path in paths if path not in self._unlisted]

    def _parsed_rows(self, text: str, paths: Collection[str]) -> dict[str, tuple[str, str]]:
        rows: dict[str, tuple[str, str]] = {}
        try:
            parsed = parse_record(text)
        except RecordError as error:
            raise WheelRecordError(
                error.message, code=error.code, where=place(self._filename, str(error.where)), got=error.got
            ) from error
        for one in parsed:
            if one.path.endswith("/") and one.digest is None:
                # Some builders list directories, which are no files.
                continue
            path = posixpath.normpath(one.path)
            row = (one.digest.record if one.digest else "", "" if one.size is None else str(one.size))
            if rows.setdefault(path, row) != row:
                raise self._error("record-ambiguous", "RECORD lists a file twice, differently", path)
        for path in self._listed(paths):
            if not rows.get(path, ("",))[0]:
                raise self._error("not-in-record", "a file is not in RECORD with a sha256", path)
        for path in rows:
            if path not in self._unlisted and path not in paths:
                raise self._error("missing-file", "RECORD lists a file that is not there", path)
        return {path: row for path, row in rows.items() if path not in self._unlisted}

    def _error(
        self, code: str, message: str, path: str, expected: str | None = None, got: str | None = None
    ) -> WheelRecordError:
        return WheelRecordError(
            message,
            code=code,
            where=place(self._filename, path),
            expected=expected,
            got=got,
            hint="the wheel was edited after it was built; ask its author",
        )
