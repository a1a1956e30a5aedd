"""What an index answered while something is being installed: its project pages, and its failures.

Rules this file keeps:

1. A wheel belongs to the index whose page listed it; the newest page wins; nothing is guessed from the wheel's address.
2. An index that fails (5xx, 401, no answer) stops the install: only "not here" (404, 410) lets the next one answer, so
   that nobody can take a private name on a public index while the private one is down.

Left to others: how micropip is made to show its pages and to stop (:mod:`micropip_lock.adapters.micropip`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urldefrag, urlsplit, urlunsplit

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.index_page import IndexFile, base_url, parse_page, with_absolute_urls
from micropip_lock.core.redact import public_url
from micropip_lock.errors import BlockedError, MicropipLockError, NetworkError, ServerError

GONE: Final = (404, 410)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One project page as it arrived.

    Attributes:
        url: Where it was asked.
        index: Base URL of its index.
        text: The page.
        content_type: As the server said it.
    """

    url: str
    index: str
    text: str
    content_type: str


@dataclass(kw_only=True, slots=True)
class Pages:
    """The project pages that one install has seen.

    Attributes:
        index_urls: The indexes that it asks.
    """

    index_urls: tuple[str, ...] = ()
    _pages: dict[NormalizedName, list[Page]] = field(default_factory=dict)

    def keep(self, url: str, text: str, content_type: str) -> None:
        """Remember a page."""
        project = project_of(url)
        page = Page(url=url, index=base_url(url, project, self.index_urls), text=text, content_type=content_type)
        self._pages.setdefault(project, []).append(page)

    def listed(self, name: NormalizedName, url: str) -> tuple[str, IndexFile] | None:
        """The index whose page listed a wheel's address, and what the page said about it."""
        plain = urldefrag(url).url
        for page in reversed(self._pages.get(name, ())):
            for entry in parse_page(page.text, page.content_type, page.url):
                if entry.url == plain:
                    return page.index, entry
        return None


class FaultyHeaders(dict[str, str]):
    """Headers of an index that failed: asking them anything raises."""

    def __init__(self, error: MicropipLockError) -> None:
        super().__init__()
        self.error = error

    def get(self, key: str, default: object = None) -> Any:  # noqa: ARG002  # the signature is dict's
        raise self.error


def readable_page(url: str, text: str, content_type: str) -> str:
    """A page as micropip can read it: it resolves relative addresses of HTML pages only (PEP 691 allows them)."""
    return with_absolute_urls(text, url) if "json" in content_type else text


def site_index_of(name: NormalizedName, url: str, indices: Mapping[str, Mapping[str, object] | None]) -> str | None:
    """The ``all.json`` of a JupyterLite site that brought a wheel.

    Args:
        name: Of the distribution.
        url: Address of the wheel.
        indices: What piplite keeps: the address of each ``all.json``, and its projects.
    """
    for all_json, projects in indices.items():
        if name in (projects or ()) and url.startswith(str(all_json).split("/all.json")[0] + "/"):
            return public_url(str(all_json))
    return None


def is_all_json(url: str) -> bool:
    """Whether this is the index of a JupyterLite site rather than a project page."""
    return urlsplit(url).path.endswith("/all.json")


def project_of(url: str) -> NormalizedName:
    """The project whose page has this address."""
    segments = [segment for segment in urlsplit(url).path.split("/") if segment and segment != "json"]
    return canonicalize_name(segments[-1]) if segments else canonicalize_name("")


def without_slash(index_urls: str | Iterable[str]) -> tuple[str, ...]:
    """Index addresses as micropip can join a name to them: with ``/`` at the end it would ask ``…//name/``."""
    urls = (index_urls,) if isinstance(index_urls, str) else index_urls
    return tuple(url if "{" in url else url.rstrip("/") for url in map(str, urls))


def metadata_address(url: str) -> str:
    """The address of a wheel's ``.metadata`` file, when micropip put the suffix behind the query or the fragment.

    Source: PEP 658, "append .metadata to the end of the path".
    """
    parts = urlsplit(url)
    if not parts.path.endswith(".whl") or not url.endswith(".metadata"):
        return url
    query = parts.query if parts.fragment else parts.query.removesuffix(".metadata")
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path}.metadata", query, ""))


def status_of(error: BaseException) -> int | None:
    """The HTTP status in an error of whatever fetches here."""
    for name in ("status", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int):
            return value
    return None


def index_fault(url: str, error: Exception) -> MicropipLockError | None:
    """What stops the install; ``None`` when the index just does not have the project.

    Args:
        url: What was asked.
        error: What the platform's fetch raised.
    """
    status = status_of(error)
    if status in GONE:
        return None
    public = public_url(url)
    hint = "nothing was installed: another index must not answer for one that failed; try again, or take it out"
    if status in (401, 403):
        return BlockedError("the index refuses us", url=public, status=status, got=f"HTTP {status}", hint=hint)
    if status is not None:
        return ServerError(
            "the index failed", code="index-failed", url=public, status=status, got=f"HTTP {status}", hint=hint
        )
    return NetworkError(
        "the index does not answer",
        code="index-unreachable",
        url=public,
        got=str(error) or type(error).__name__,
        hint=hint + "; in a browser it must also send Access-Control-Allow-Origin",
    )
