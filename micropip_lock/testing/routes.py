"""The right answer to every request: pages, files, mounted directories.

Layout of the addresses::

    /simple/                      project list
    /simple/<project>/            project page
    /files/<filename>             a file, on this origin or on a second one
    /files/<filename>.metadata    its METADATA (PEP 658)
    <prefix>…                     mounted directories

Rules this file keeps: it answers GET, HEAD and CORS preflights and refuses the rest with 405; it never leaves a mounted
directory through the path of a request.

Spelling pages is left to ``pages``, ranges and conditions to ``answers``, faults to ``faults``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from packaging.utils import canonicalize_name

from micropip_lock.errors import UsageError
from micropip_lock.testing.answers import (
    Answer,
    BytesBody,
    FileBody,
    content_type_of,
    etag_of,
    plain,
    redirect,
    represent,
)
from micropip_lock.testing.exchange import Exchange
from micropip_lock.testing.pages import Format, PageStyle, negotiate, project_list, project_page
from micropip_lock.testing.releases import Holdings, Release

_FIRST_REVISION = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mount:
    prefix: str
    directory: Path
    headers: tuple[tuple[str, str], ...]


class Routes:
    """Answers for what ``holdings`` holds.

    Args:
        holdings: Projects and files.
        formats: Page formats to speak.
        style: What pages leave out.
        credentials: User and password, or None.
        open_files: Files need no credentials.
        url_of: Address of a file as pages state it.
    """

    def __init__(
        self,
        *,
        holdings: Holdings,
        formats: tuple[Format, ...],
        style: PageStyle,
        credentials: tuple[str, str] | None,
        open_files: bool,
        url_of: Callable[[Release], str],
    ) -> None:
        self._holdings = holdings
        self._formats = formats
        self._style = style
        self._credentials = credentials
        self._open_files = open_files
        self._url_of = url_of
        self._mounts: list[_Mount] = []

    def mount(self, prefix: str, directory: Path, headers: Mapping[str, str]) -> str:
        """Serve a directory below ``prefix``; returns the prefix with a slash at its end.

        Raises:
            UsageError: The prefix has no slash in front, or there is no such directory.
        """
        if not prefix.startswith("/") or not directory.is_dir():
            raise UsageError(
                "cannot mount this",
                where="mount",
                expected="a path that starts with '/' and a directory",
                got=f"{prefix!r}, {str(directory)!r}",
                hint="check both",
            )
        prefix = prefix.rstrip("/") + "/"
        added = _Mount(prefix=prefix, directory=directory.absolute(), headers=tuple(headers.items()))
        # Replaced, not changed: requests may be walking the old list.  The longest prefix comes first.
        self._mounts = sorted([*self._mounts, added], key=lambda each: len(each.prefix), reverse=True)
        return prefix

    def answer(self, exchange: Exchange) -> Answer:
        """The answer of an index without faults."""
        if exchange.method == "OPTIONS" and exchange.cors is not None:
            return _preflight(exchange)
        if exchange.method not in ("GET", "HEAD"):
            return plain(405, "this index is read-only", ("Allow", "GET, HEAD"))
        for mount in self._mounts:
            if exchange.path.startswith(mount.prefix):
                return _mounted(mount, exchange)
            if exchange.path + "/" == mount.prefix:
                return redirect(quote(mount.prefix))
        with self._holdings.guard:
            if exchange.path.startswith("/files/"):
                return self._file(exchange)
            if exchange.path == "/simple" or exchange.path.startswith("/simple/"):
                return self._page(exchange)
        return plain(404, "nothing here")

    def _page(self, exchange: Exchange) -> Answer:
        if not self._authorised(exchange):
            return _unauthorised()
        asked = exchange.path.removeprefix("/simple").strip("/")
        name = canonicalize_name(asked)
        # PEP 503: "All URLs which respond with an HTML5 page MUST end with a / and the repository SHOULD redirect";
        # non-normalised names may be redirected too.
        canonical = f"/simple/{name}/" if asked else "/simple/"
        if "/" in asked:
            return plain(404, "no such page")
        if exchange.path != canonical:
            return redirect(quote(canonical) + (f"?{exchange.query}" if exchange.query else ""))
        content_type = negotiate(exchange.headers.get("accept"), exchange.query, self._formats)
        if content_type is None:
            return plain(406, f"this index speaks {' and '.join(self._formats)}", ("Vary", "Accept"))
        if not asked:
            page = project_list(self._holdings.projects, content_type=content_type, style=self._style)
        elif (project := self._holdings.projects.get(name)) is None:
            return plain(404, f"no project {name}")
        else:
            page = project_page(project, url_of=self._url_of, content_type=content_type, style=self._style)
        charset = "; charset=utf-8" if content_type == "text/html" else ""
        return represent(
            BytesBody(page),
            content_type=content_type + charset,
            etag=etag_of(page),
            modified=_FIRST_REVISION + timedelta(seconds=self._holdings.revision),
            request_headers=exchange.headers,
            more=(("Vary", "Accept"),),
        )

    def _file(self, exchange: Exchange) -> Answer:
        if not self._open_files and not self._authorised(exchange):
            return _unauthorised()
        filename = exchange.path.removeprefix("/files/")
        if (release := self._holdings.releases.get(filename)) is not None:
            body, etag = release.content.body, f'"{release.content.sha256[:32]}"'
        else:
            release = self._holdings.releases.get(filename.removesuffix(".metadata"))
            stated = None if release is None or self._style.metadata == "off" else release.stated_metadata
            if stated is None:
                return plain(404, f"no file {filename}")
            body, etag = BytesBody(stated), etag_of(stated)
        return represent(
            body,
            content_type=content_type_of(filename),
            etag=etag,
            modified=_FIRST_REVISION,
            request_headers=exchange.headers,
        )

    def _authorised(self, exchange: Exchange) -> bool:
        if self._credentials is None:
            return True
        # RFC 7617 section 2.
        expected = base64.b64encode(":".join(self._credentials).encode()).decode()
        scheme, _, given = exchange.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "basic" and given.strip() == expected


def _preflight(exchange: Exchange) -> Answer:
    # Fetch standard, "CORS-preflight fetch": "*" in Allow-Headers would not cover Authorization, so echo the request.
    asked = exchange.headers.get("access-control-request-headers", "")
    headers = [("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"), ("Access-Control-Max-Age", "0")]
    if asked:
        headers.append(("Access-Control-Allow-Headers", asked))
    if "access-control-request-private-network" in exchange.headers:
        headers.append(("Access-Control-Allow-Private-Network", "true"))
    return Answer(status=204, headers=tuple(headers))


def _unauthorised() -> Answer:
    return plain(401, "credentials required", ("WWW-Authenticate", 'Basic realm="package index", charset="UTF-8"'))


def _mounted(mount: _Mount, exchange: Exchange) -> Answer:
    relative = exchange.path.removeprefix(mount.prefix)
    parts = PurePosixPath(relative).parts
    # Segments are checked, not the resolved path: a mounted tree may hold links that its owner made.
    if ".." in parts or relative.startswith("/") or "\\" in relative or "\0" in relative:
        return plain(404, "nothing here")
    path = mount.directory.joinpath(*parts)
    if path.is_dir():
        if relative and not relative.endswith("/"):
            return redirect(quote(f"{exchange.path}/"))
        path /= "index.html"
    elif relative.endswith("/"):
        return plain(404, "nothing here")
    if not path.is_file():
        return plain(404, "nothing here")
    stat = path.stat()
    return represent(
        FileBody(path, stat.st_size),
        content_type=content_type_of(path.name),
        etag=f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"',
        modified=datetime.fromtimestamp(stat.st_mtime, UTC),
        request_headers=exchange.headers,
        more=mount.headers,
    )
