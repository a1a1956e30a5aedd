"""A project page of a package index: what it says about each file.

Reads the Simple API as JSON (PEP 691, 700, 714) and as HTML (PEP 503, 658, 592), and the older JSON API
(``releases``). Relative addresses are resolved against the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urldefrag, urljoin

from micropip_lock.core.digest import Digest
from micropip_lock.core.shown import hidden_character
from micropip_lock.errors import InputError, LockSchemaError

JSON_TYPES: Final = ("application/vnd.pypi.simple.v1+json", "application/json")

MAX_REASON: Final = 400
"""Characters of the reason for which a file was yanked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexFile:
    """One file as an index lists it.

    Attributes:
        filename: Name of the file.
        url: Absolute address without fragment.
        digest: SHA-256, when the index gives it.
        size: Bytes (PEP 700).
        upload_time: ISO 8601 UTC (PEP 700).
        metadata_digest: SHA-256 of the ``.metadata`` file (PEP 658/714), when the index gives it.
        yanked: Whether it was withdrawn (PEP 592), or why: see :func:`yanked_of`.
    """

    filename: str
    url: str
    digest: Digest | None = None
    size: int | None = None
    upload_time: str | None = None
    metadata_digest: Digest | None = None
    yanked: bool | str = False


def parse_page(
    text: str, content_type: str, page_url: str, *, matters: Callable[[str], bool] = bool
) -> tuple[IndexFile, ...]:
    """The files that a project page lists; entries that make no sense are left out, as installers do.

    Args:
        text: The page.
        content_type: As the server said it.
        page_url: Address of the page, after redirects.
        matters: Says by its name whether a file is worth reading; pages list thousands.

    Raises:
        InputError: code ``index-page``, when the page is not what its content type says.
    """
    if content_type.partition(";")[0].strip().lower() in JSON_TYPES:
        try:
            page = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                "the index sent a page that is not JSON", code="index-page", url=page_url, got=str(error)
            ) from error
        if not isinstance(page, dict):
            raise InputError(
                "the index sent a page of another form",
                code="index-page",
                url=page_url,
                expected="a JSON object",
                got=type(page).__name__,
            )
        return tuple(_json_files(page, page_url, matters))
    # Most indexes send JSON; a kernel need not load a reader of HTML for them.
    from micropip_lock.core.index_html import html_files

    return html_files(text, page_url, matters)


def _json_files(page: Mapping[str, Any], page_url: str, matters: Callable[[str], bool]) -> Iterable[IndexFile]:
    files = page.get("files")
    if not isinstance(files, list):
        releases = page.get("releases")
        groups = releases.values() if isinstance(releases, dict) else ()
        files = [entry for group in groups if isinstance(group, list) for entry in group]
    for entry in files:
        if not isinstance(entry, dict):
            continue
        filename = entry.get("filename")
        if not isinstance(filename, str) or not filename or not matters(filename):
            continue
        url = resolved(page_url, entry.get("url"))
        if url is None:
            continue
        hashes = entry.get("hashes", entry.get("digests"))
        metadata = entry.get("core-metadata", entry.get("dist-info-metadata"))
        size = entry.get("size")
        yield IndexFile(
            filename=filename,
            url=urldefrag(url).url,
            digest=sha256_of(hashes),
            size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
            upload_time=time_of(entry.get("upload-time", entry.get("upload_time_iso_8601"))),
            metadata_digest=sha256_of(metadata),
            yanked=yanked_of(_yanked_in(entry)),
        )


def _yanked_in(entry: Mapping[str, Any]) -> object:
    # The older JSON API keeps the reason in a field of its own.
    yanked = entry.get("yanked")
    return entry.get("yanked_reason") or True if yanked is True else yanked


def yanked_of(value: object) -> bool | str:
    """Whether a file was withdrawn, in a form that records and locks can hold.

    Args:
        value: ``yanked`` as PEP 691 has it: a boolean, or a reason; "a truthy value" is a yes.

    Returns:
        ``False``; ``True`` for no reason that can be shown; else the reason on one line, without control or invisible
        characters, cut to :data:`MAX_REASON` characters.
    """
    if not isinstance(value, str):
        return bool(value)
    if not value:
        return False
    visible = "".join(character for character in value if character.isspace() or hidden_character(character) is None)
    reason = " ".join(visible.split())
    return (reason if len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 1].rstrip()}…") or True


def resolved(base: str, url: object) -> str | None:
    """An address of a page as an absolute one, or ``None`` when it is none."""
    try:
        return urljoin(base, url) if isinstance(url, str) else None
    except ValueError:
        return None


def time_of(text: object) -> str | None:
    """PEP 700: ISO 8601; anything else is no time, and must not travel on into records and locks."""
    try:
        if isinstance(text, str) and text.isascii():
            datetime.fromisoformat(text)
            return text
    except ValueError:
        pass
    return None


def sha256_of(hashes: object) -> Digest | None:
    """The SHA-256 among a file's hashes, or ``None``."""
    text = hashes.get("sha256") if isinstance(hashes, dict) else None
    try:
        return Digest.from_hex(text) if isinstance(text, str) else None
    except LockSchemaError:
        return None


def page_url(index: str, project: str) -> str:
    """The address of a project's page (PEP 503).

    Args:
        index: Base URL of the index, or one with a ``{package_name}`` placeholder.
        project: Normalised project name.
    """
    if "{package_name}" in index:
        return index.replace("{package_name}", project)
    return f"{index.rstrip('/')}/{project}/"


def base_url(page_url: str, project: str, index_urls: Iterable[str]) -> str:
    """The index whose project page this is.

    Args:
        page_url: Address that was asked.
        project: Normalised project name.
        index_urls: The indexes that were configured, with or without a ``{package_name}`` placeholder.

    Returns:
        The configured index that forms this address (up to the placeholder), else the address without its last segment.
    """
    for index in index_urls:
        base = index.partition("{package_name}")[0].rstrip("/")
        if page_url in (index.replace("{package_name}", project), f"{index}/{project}/", f"{base}/{project}/"):
            return base
    head, _, tail = page_url.rstrip("/").rpartition("/")
    return head if tail == project else page_url


def with_absolute_urls(text: str, page_url: str) -> str:
    """A JSON page with its relative file addresses made absolute; other pages as they are.

    micropip resolves relative addresses of HTML pages only (PEP 691 allows them in JSON as well).
    """
    try:
        page = json.loads(text)
        files = page["files"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return text
    changed = False
    for entry in files if isinstance(files, list) else ():
        url = entry.get("url") if isinstance(entry, dict) else None
        absolute = resolved(page_url, url)
        if absolute is not None and absolute != url:
            entry["url"] = absolute
            changed = True
    return json.dumps(page) if changed else text
