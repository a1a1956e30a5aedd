"""Prove that one file of an index is the wheel that is installed, without downloading it.

Rules this file keeps:

1. The RECORD inside the file decides; the file's name, tags and METADATA only made it a candidate.
2. A server that sends the whole wheel instead of a range is not asked again: what it sent is hashed and read.
3. What speaks against a candidate is raised as our error with its reason; what only kept us from looking is a
   :class:`~micropip_lock.errors.FetchError` and says nothing about the candidate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from micropip_lock.app.network import Network
from micropip_lock.core.candidates import InstalledIdentity, identity_of
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import RESERVED_FILES, RecordRow, parse_record, public_url
from micropip_lock.core.index_page import IndexFile
from micropip_lock.core.installed_record import compare_records, edited_file, paths_of_wheel, unlisted
from micropip_lock.core.remote_wheel import RemoteWheel, tail_of
from micropip_lock.errors import FetchError, NotFoundError, RecordError, WheelTooLargeError
from micropip_lock.ports import InstalledDist

MAX_WHOLE: Final = 64 << 20
"""Bytes of a wheel that is downloaded whole, from a server that knows no ranges or an index that states no digest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """One installed distribution, read once.

    Attributes:
        dist: Where it was read.
        identity: What dist-info says it is.
        record: RECORD's bytes.
        rows: RECORD's rows.
        entry_points: ``entry_points.txt``, when there is one.
        requested: The installer noted that a person asked for it (PEP 376, ``REQUESTED``). Never for uv, which writes
            that file for dependencies too, so that it tells nothing.
    """

    dist: InstalledDist
    identity: InstalledIdentity
    record: bytes
    rows: tuple[RecordRow, ...]
    entry_points: str | None
    requested: bool


def read_installed(dist: InstalledDist) -> Installed:
    """Read what the proof compares.

    Raises:
        RecordError: codes ``no-metadata``, ``identity``, ``no-wheel``, ``record-unreadable``.
    """
    identity = identity_of(dist.read_file(f"{dist.directory}/METADATA"), dist.read_text("WHEEL"))
    record = dist.read_text("RECORD")
    if record is None:
        raise RecordError(
            "RECORD is missing or not UTF-8",
            code="record-unreadable",
            where=f"{dist.directory}/RECORD",
            hint="uninstall it and install it again",
        )
    return Installed(
        dist=dist,
        identity=identity,
        record=record.encode("utf-8"),
        rows=parse_record(record),
        entry_points=dist.read_text("entry_points.txt"),
        requested=dist.read_text("REQUESTED") is not None and (dist.read_text("INSTALLER") or "").strip() != "uv",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Proven:
    """A file that is the wheel that was installed.

    Attributes:
        file: As the index lists it.
        digest: Its SHA-256, as the index states it or as its bytes have it.
        size: Bytes, when known.
    """

    file: IndexFile
    digest: Digest
    size: int | None


async def prove_file(installed: Installed, file: IndexFile, network: Network) -> Proven:
    """Compare the RECORD inside a file with the one that is installed.

    Raises:
        RecordError: codes ``different-build``, ``edited``, ``no-ranges``, ``gone``, ``wrong-size``,
            ``digest-mismatch``, ``no-digest``, ``record-mismatch``, ``record-forged``.
        WheelFormatError, WheelMetadataError, WheelTooLargeError: the file is no wheel that can be read.
        FetchError: it could not be looked at.
    """
    try:
        size = None if file.digest is None else file.size or await network.size_of(file.url)
        if file.digest is None or size is None:
            return await _prove_whole(installed, file, network)
        return await _prove_by_ranges(installed, file, file.digest, size, network)
    except NotFoundError as error:
        raise RecordError(
            "the index lists its wheel, but the file is gone",
            code="gone",
            url=public_url(file.url),
            got=error.message,
            hint="name another index that has it (--index-url, or index_urls=), or install another version",
        ) from error


async def _prove_by_ranges(
    installed: Installed, file: IndexFile, digest: Digest, size: int, network: Network
) -> Proven:
    tail = tail_of(paths_of_wheel(installed.rows, installed.dist.directory), installed.record)
    wheel = RemoteWheel(file.filename, size, tail=tail)
    while (wanted := wheel.next_range()) is not None:
        try:
            got = await network.part(file.url, wanted.first, wanted.last, max_whole=MAX_WHOLE)
        except WheelTooLargeError as error:
            raise _no_ranges(file, size) from error
        except FetchError as error:
            if error.status != 416:  # RFC 9110, section 15.5.17: the range lies outside the file.
                raise
            raise _wrong_size(file, size, "less") from error
        if got.whole:
            _judge_whole(installed, file, got.data)
            return Proven(file=file, digest=digest, size=len(got.data))
        if got.total not in (None, size) or len(got.data) != wanted.size:
            raise _wrong_size(file, size, f"{got.total or 'other'} bytes")
        wheel.feed(wanted.first, got.data)
    _judge(installed, file, wheel)
    return Proven(file=file, digest=digest, size=size)


async def _prove_whole(installed: Installed, file: IndexFile, network: Network) -> Proven:
    try:
        data = (await network.whole(file.url, max_bytes=MAX_WHOLE)).data
    except WheelTooLargeError as error:
        raise _no_ranges(file, file.size) from error
    _judge_whole(installed, file, data)
    return Proven(file=file, digest=Digest.of(data), size=len(data))


def _judge_whole(installed: Installed, file: IndexFile, data: bytes) -> None:
    if file.digest is not None and (got := Digest.of(data)) != file.digest:
        raise RecordError(
            "the file has another digest than was stated for it",
            code="digest-mismatch",
            url=public_url(file.url),
            expected=f"sha256 {file.digest}",
            got=str(got),
            hint="it was replaced: uninstall the package and install it again, or tell the owner of the index",
        )
    wheel = RemoteWheel(file.filename, len(data), tail=len(data))
    while (wanted := wheel.next_range()) is not None:
        wheel.feed(wanted.first, data[wanted.first : wanted.last + 1])
    _judge(installed, file, wheel)


def _judge(installed: Installed, file: IndexFile, wheel: RemoteWheel) -> None:
    try:
        rows = parse_record(wheel.files["RECORD"].decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError(
            "RECORD in the wheel is not UTF-8", code="record-unreadable", url=public_url(file.url)
        ) from error
    if stray := unlisted(rows, wheel.paths, wheel.dist_info):
        raise RecordError(
            "the wheel's files are not those of its own RECORD, so that no replay could install it",
            code="record-mismatch",
            url=public_url(file.url),
            got=", ".join(stray[:3]),
            hint="tell the author of the wheel",
        )
    if forged := sorted({f"{wheel.dist_info}/{name}" for name in RESERVED_FILES}.intersection(wheel.paths)):
        raise RecordError(
            "the wheel brought along a file that only an installer may write",
            code="record-forged",
            url=public_url(file.url),
            got=", ".join(forged),
            hint="uninstall it: it forges where it came from",
        )
    difference = compare_records(
        rows,
        installed.rows,
        wheel_dist_info=wheel.dist_info,
        dist_info=installed.dist.directory,
        entry_points=installed.entry_points,
    )
    if not difference:
        return
    if difference.unproven and not (difference.changed or difference.missing or difference.extra):
        raise RecordError(
            "RECORD states no sha256 for some files, so that nothing proves the wheel",
            code="no-digest",
            url=public_url(file.url),
            got=str(difference),
            hint="uninstall it, and install it again with micropip while recording is on",
        )
    if difference.is_another_build:
        raise RecordError(
            "the index has a wheel of this name, but of another build: its files differ",
            code="different-build",
            url=public_url(file.url),
            got=str(difference),
            hint="name the index it came from (--index-url, or index_urls=), or install it again from there",
        )
    raise RecordError(
        "its RECORD was changed after it was installed",
        code="edited",
        url=public_url(file.url),
        got=str(difference),
        hint="uninstall it and install it again",
    )


def require_unedited(installed: Installed) -> None:
    """Check that the files are what the installed RECORD says.

    Raises:
        RecordError: code ``edited``, with the first file that is not.
    """
    found = edited_file(installed.rows, installed.dist.directory, installed.dist.read_file)
    if found is not None:
        raise RecordError(
            "a file was changed after it was installed",
            code="edited",
            where=found[0],
            got=f"{found[0]}: {found[1]}",
            hint="uninstall it and install it again",
        )


def _no_ranges(file: IndexFile, size: int | None) -> RecordError:
    return RecordError(
        "the server sends its wheel only as a whole, and that is too large to download for a proof",
        code="no-ranges",
        url=public_url(file.url),
        expected=f"ranges, or at most {MAX_WHOLE} bytes",
        got=f"{size} bytes" if size else "more",
        hint="uninstall it, and install it again with micropip while recording is on, or trust the index's "
        "metadata (--trust-metadata)",
    )


def _wrong_size(file: IndexFile, size: int, got: str) -> RecordError:
    return RecordError(
        "the index states another size than the file has",
        code="wrong-size",
        url=public_url(file.url),
        expected=f"{size} bytes",
        got=got,
        hint="tell the owner of the index",
    )
