"""The pages of a package index: its project list and its project pages, as HTML and as JSON.

What this file knows, each in its place: PEP 503 (HTML), PEP 691 (JSON and content negotiation), PEP 629 (version),
PEP 592 (yanks), PEP 658 and 714 (metadata files), PEP 700 (versions, size, upload time), PEP 792 (status).

Rules it keeps:

1. Text in, text out: no socket, no clock.
2. Both formats state the same facts, as far as HTML has a place for them.
3. Whatever a project is named, a page stays well-formed: every value is escaped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal
from urllib.parse import parse_qs

from micropip_lock.testing.releases import Project, Release

type Format = Literal["json", "html"]
type MetadataKeys = Literal["both", "core", "legacy", "off"]

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML_TYPE = "text/html"

_OFFERED: dict[str, Format] = {JSON_TYPE: "json", HTML_TYPE: "html", PLAIN_HTML_TYPE: "html"}
# PEP 691, "Version + Format Selection": "latest" is a type a client may ask for and no server may answer with.
_LATEST = {JSON_TYPE: JSON_TYPE.replace(".v1", ".latest"), HTML_TYPE: HTML_TYPE.replace(".v1", ".latest")}


@dataclass(frozen=True, kw_only=True, slots=True)
class PageStyle:
    """What pages leave out or spell otherwise.

    Attributes:
        hashes: State file and metadata digests.
        metadata: Which keys offer ``.metadata`` files (PEP 714); "both" is core-metadata and dist-info-metadata.
        sizes: State sizes.  PEP 700 makes them mandatory from version 1.1, so without them pages claim 1.0.
    """

    hashes: bool = True
    metadata: MetadataKeys = "both"
    sizes: bool = True

    @property
    def api_version(self) -> str:
        """Version of the simple API that pages claim: 1.4 is PEP 792's."""
        return "1.4" if self.sizes else "1.0"


def negotiate(accept: str | None, query: str = "", formats: Sequence[Format] = ("json", "html")) -> str | None:
    """Choose the content type of a page.

    Args:
        accept: The ``Accept`` header; None stands for ``*/*``.
        query: The URL's query; ``format=`` in it overrides the header (PEP 691, "URL Parameter").
        formats: What the index speaks.

    Returns:
        The content type, or None when the client accepts none of them (406).
    """
    if asked := parse_qs(query).get("format"):
        accept = asked[-1].replace(" ", "+")  # an unescaped "+" in a query means a space
    ranges = _accepted(accept if accept and accept.strip() else "*/*")
    best: tuple[float, int, int] | None = None
    chosen = None
    for preference, (offered, page_format) in enumerate(_OFFERED.items()):
        if page_format not in formats:
            continue
        quality, precision = max(
            (_match(offered, ranges), _match(_LATEST.get(offered, offered), ranges)), key=lambda found: found[1]
        )
        # PEP 691, "Recommendations": who does not say what it wants gets text/html, the page every client reads.
        rank = (quality, precision, -preference if precision == 2 else preference)
        if quality > 0 and (best is None or rank > best):
            best, chosen = rank, offered
    return chosen


def _accepted(header: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for part in header.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        ranges[media.lower()] = quality
    return ranges


def _match(media: str, ranges: dict[str, float]) -> tuple[float, int]:
    """Quality of ``media`` by its most precise range (RFC 9110 section 12.5.1), and how precise that is; 2 is exact."""
    for precision, candidate in ((2, media), (1, media.partition("/")[0] + "/*"), (0, "*/*")):
        if candidate in ranges:
            return ranges[candidate], precision
    return 0.0, -1


def project_list(names: Iterable[str], *, content_type: str, style: PageStyle) -> bytes:
    """The page at the root of the index: every project (PEP 503, PEP 691 "Project List")."""
    names = sorted(names)
    if _OFFERED[content_type] == "json":
        return _json({"meta": {"api-version": style.api_version}, "projects": [{"name": name} for name in names]})
    anchors = [f'<a href="{escape(name)}/">{escape(name)}</a><br>' for name in names]
    return _html("Simple index", (), anchors, style)


def project_page(project: Project, *, url_of: Callable[[Release], str], content_type: str, style: PageStyle) -> bytes:
    """The page of one project: its files (PEP 503, PEP 691 "Project Detail").

    Args:
        project: The project.
        url_of: Address of a file, absolute or relative to the page.
        content_type: As :func:`negotiate` chose it.
        style: What to leave out.
    """
    if _OFFERED[content_type] == "json":
        return _json(_project_json(project, url_of, style))
    marks: list[tuple[str, str]] = []
    if project.status != "active" or project.status_reason:
        # PEP 792, "HTML index": two meta tags.
        marks.append(("pypi:project-status", project.status))
    if project.status_reason:
        marks.append(("pypi:project-status-reason", project.status_reason))
    anchors = [_anchor(release, url_of(release), style) for release in project.offered]
    return _html(f"Links for {project.name}", marks, anchors, style)


def _project_json(project: Project, url_of: Callable[[Release], str], style: PageStyle) -> dict[str, Any]:
    page: dict[str, Any] = {"meta": {"api-version": style.api_version}, "name": project.name}
    if project.status != "active" or project.status_reason:
        # PEP 792, "JSON index": an object beside "meta".
        page["project-status"] = {"status": project.status}
        if project.status_reason:
            page["project-status"]["reason"] = project.status_reason
    page["versions"] = project.versions
    page["files"] = [_file_json(release, url_of(release), style) for release in project.offered]
    return page


def _file_json(release: Release, url: str, style: PageStyle) -> dict[str, Any]:
    # PEP 691: "hashes" is mandatory and may be empty.
    facts: dict[str, Any] = {
        "filename": release.filename,
        "url": url,
        "hashes": dict(release.stated_hashes) if style.hashes else {},
    }
    if release.content.requires_python is not None:
        facts["requires-python"] = release.content.requires_python
    for key in _metadata_keys(release, style):
        facts[key] = {"sha256": _metadata_digest(release)} if style.hashes else True
    if release.yanked is not False:
        facts["yanked"] = release.yanked or True  # PEP 691: a non-empty reason, or a boolean
    if style.sizes:
        facts["size"] = release.content.body.size
    if release.upload_time is not None:
        facts["upload-time"] = release.upload_time
    return facts


def _anchor(release: Release, url: str, style: PageStyle) -> str:
    if style.hashes:
        # PEP 503: "#<hashname>=<hashvalue>"; a URL has room for one.
        url += "".join(f"#{name}={value}" for name, value in list(release.stated_hashes.items())[:1])
    attributes = {"href": url}
    if release.content.requires_python is not None:
        attributes["data-requires-python"] = release.content.requires_python
    for key in _metadata_keys(release, style):
        attributes[f"data-{key}"] = f"sha256={_metadata_digest(release)}" if style.hashes else "true"
    if release.yanked is not False:
        attributes["data-yanked"] = release.yanked if isinstance(release.yanked, str) else ""
    spelled = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {spelled}>{escape(release.filename)}</a><br>"


def _metadata_keys(release: Release, style: PageStyle) -> tuple[str, ...]:
    keys = {"both": ("core-metadata", "dist-info-metadata"), "core": ("core-metadata",)}
    keys |= {"legacy": ("dist-info-metadata",), "off": ()}
    return keys[style.metadata] if release.stated_metadata is not None else ()


def _metadata_digest(release: Release) -> str:
    return hashlib.sha256(release.stated_metadata or b"").hexdigest()


def _html(title: str, marks: Iterable[tuple[str, str]], anchors: Iterable[str], style: PageStyle) -> bytes:
    # PEP 629: the version is a meta tag in the head.
    metas = [("pypi:repository-version", style.api_version), *marks]
    lines = ["<!DOCTYPE html>", "<html>", "<head>", '<meta charset="utf-8">']
    lines.extend(f'<meta name="{name}" content="{escape(value)}">' for name, value in metas)
    lines.extend([f"<title>{escape(title)}</title>", "</head>", "<body>", *anchors, "</body>", "</html>", ""])
    return "\n".join(lines).encode()


def _json(page: dict[str, Any]) -> bytes:
    return json.dumps(page, indent=1, ensure_ascii=False).encode()
