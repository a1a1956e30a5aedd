"""A project page in HTML: the files that its anchors name.

Source: Simple repository API in HTML (PEP 503, PEP 592, PEP 658, PEP 714).
Left to others: pages in JSON, and what a file is (:mod:`micropip_lock.core.index_page`).
"""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from micropip_lock.core.index_page import IndexFile, resolved, sha256_of, time_of, yanked_of
from micropip_lock.errors import InputError


def html_files(text: str, page_url: str, matters: Callable[[str], bool]) -> tuple[IndexFile, ...]:
    """The files of a page.

    Args:
        text: The page.
        page_url: Its address.
        matters: Whether a file of that name is of interest.

    Raises:
        InputError: code ``index-page``.
    """
    parser = _Anchors(page_url, matters)
    try:
        parser.feed(text)
        parser.close()
    except AssertionError as error:
        # What html.parser raises for a marked section ("<![…") that it does not know.
        raise InputError(
            "the index sent a page that is not HTML", code="index-page", url=page_url, got=str(error)
        ) from error
    return tuple(parser.files)


class _Anchors(HTMLParser):
    def __init__(self, page_url: str, matters: Callable[[str], bool]) -> None:
        super().__init__(convert_charrefs=True)
        self._matters = matters
        self.files: list[IndexFile] = []
        self._base = page_url
        self._based = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and "href" in values and not self._based:
            # HTML, "The base element": the first one that has an address counts.
            self._base, self._based = resolved(self._base, values["href"]) or self._base, True
        if tag != "a" or "href" not in values:
            return
        try:
            url, fragment = urldefrag(urljoin(self._base, values["href"]))
            filename = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
        except ValueError:
            return
        if not filename or not self._matters(filename):
            return
        hashes = dict(part.partition("=")[::2] for part in fragment.split("&"))
        # PEP 714: data-core-metadata, with PEP 658's data-dist-info-metadata as the older name.
        kind, _, metadata = values.get("data-core-metadata", values.get("data-dist-info-metadata", "")).partition("=")
        self.files.append(
            IndexFile(
                filename=filename,
                url=url,
                digest=sha256_of(hashes),
                # No PEP gives HTML an upload time; indexes that say it use this attribute.
                upload_time=time_of(values.get("data-upload-time")),
                metadata_digest=sha256_of({kind: metadata}),
                # PEP 592: the attribute may have no value.
                yanked="data-yanked" in values and yanked_of(values["data-yanked"] or True),
            )
        )
