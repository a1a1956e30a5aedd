"""Project lists and pages: what they state, in both formats, and which format is chosen."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Literal
from urllib.parse import urldefrag

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.errors import UsageError
from micropip_lock.testing import wheel
from micropip_lock.testing.pages import (
    HTML_TYPE,
    JSON_TYPE,
    PLAIN_HTML_TYPE,
    Format,
    MetadataKeys,
    PageStyle,
    negotiate,
    project_list,
    project_page,
)
from micropip_lock.testing.releases import (
    BuiltContent,
    Holdings,
    Project,
    Release,
    project_and_version,
    spelled_upload_time,
)


class Anchors(HTMLParser):
    """Collects what a client reads from a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.metas: dict[str | None, str | None] = {}
        self._inside = False
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag == "a":
            self._inside = True
            self.links.append({**facts, "text": ""})
        if tag == "meta" and "name" in facts:
            self.metas[facts["name"]] = facts["content"]

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.links[-1]["text"] = (self.links[-1]["text"] or "") + data

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "a"


def release(name: str = "demo", version: str = "1.0", requires_python: str | None = None, **facts: Any) -> Release:
    built = wheel(name, version, requires_python=requires_python)
    project, parsed = project_and_version(built.filename)
    return Release(filename=built.filename, project=project, version=parsed, content=BuiltContent(built), **facts)


def project(*releases: Release, status: str = "active", reason: str | None = None) -> Project:
    holdings = Holdings()
    for each in releases:
        holdings.publish(each)
    holdings.set_status("demo", status, reason)
    return holdings.projects[canonicalize_name("demo")]


def url_of(each: Release) -> str:
    return f"https://files.example/{each.filename}"


def as_json(shown: Project, style: PageStyle | None = None) -> Any:
    return json.loads(project_page(shown, url_of=url_of, content_type=JSON_TYPE, style=style or PageStyle()))


def as_html(shown: Project, style: PageStyle | None = None) -> Anchors:
    return Anchors(project_page(shown, url_of=url_of, content_type=HTML_TYPE, style=style or PageStyle()))


def test_json_page_states_everything() -> None:
    """A JSON page has each key of PEP 691, 700 and 714, with the facts of the file."""
    shown = release(requires_python=">=3.12", upload_time="2024-05-01T00:00:00.000000Z", yanked="broken")
    built = wheel("demo", "1.0", requires_python=">=3.12")
    metadata = {"sha256": hashlib.sha256(built.metadata).hexdigest()}
    expected = {
        "meta": {"api-version": "1.4"},
        "name": "demo",
        "versions": ["1.0"],
        "files": [
            {
                "filename": built.filename,
                "url": f"https://files.example/{built.filename}",
                "hashes": {"sha256": built.sha256},
                "requires-python": ">=3.12",
                "core-metadata": metadata,
                "dist-info-metadata": metadata,
                "yanked": "broken",
                "size": built.size,
                "upload-time": "2024-05-01T00:00:00.000000Z",
            }
        ],
    }
    assert expected == as_json(project(shown))


def test_html_page_states_the_same() -> None:
    """An HTML page has each attribute of PEP 503, 592, 658 and 714."""
    shown = release(requires_python="<4,>=3.12", yanked='a "quoted" & <odd> reason')
    built = wheel("demo", "1.0", requires_python="<4,>=3.12")
    metadata = "sha256=" + hashlib.sha256(built.metadata).hexdigest()
    expected = {
        "href": f"https://files.example/{built.filename}#sha256={built.sha256}",
        "data-requires-python": "<4,>=3.12",
        "data-core-metadata": metadata,
        "data-dist-info-metadata": metadata,
        "data-yanked": 'a "quoted" & <odd> reason',
        "text": built.filename,
    }
    page = as_html(project(shown))
    assert page.metas["pypi:repository-version"] == "1.4"
    assert [expected] == page.links


def test_a_yank_without_a_reason() -> None:
    """PEP 592: without a reason the key is true, and the attribute is there but empty."""
    shown = project(release(yanked=True))
    assert (as_json(shown)["files"][0]["yanked"], as_html(shown).links[0]["data-yanked"]) == (True, "")


def test_what_is_not_yanked_does_not_say_so() -> None:
    """The attribute's presence alone means yanked, so it is absent."""
    shown = project(release())
    assert ("yanked" in as_json(shown)["files"][0], "data-yanked" in as_html(shown).links[0]) == (False, False)


def test_without_hashes() -> None:
    """Hashes off: an empty object, no fragment, and metadata offered without a digest."""
    shown, style = project(release()), PageStyle(hashes=False)
    facts, link = as_json(shown, style)["files"][0], as_html(shown, style).links[0]
    no_hashes: dict[str, str] = {}
    expected = (no_hashes, True, "", "true")
    assert expected == (
        facts["hashes"],
        facts["core-metadata"],
        urldefrag(str(link["href"])).fragment,
        link["data-core-metadata"],
    )


def test_stated_hashes_override_the_true_one() -> None:
    """What the index claims about a file can be a lie, in any algorithm."""
    shown = project(release(hashes={"md5": "00"}))
    expected = ({"md5": "00"}, "md5=00")
    got = as_html(shown).links[0]["href"]
    assert expected == (as_json(shown)["files"][0]["hashes"], urldefrag(str(got)).fragment)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("both", {"core-metadata", "dist-info-metadata"}),
        ("core", {"core-metadata"}),
        ("legacy", {"dist-info-metadata"}),
        ("off", set()),
    ],
)
def test_metadata_keys(metadata: MetadataKeys, expected: set[str]) -> None:
    """PEP 714's two names can be offered together, one by one, or not at all."""
    shown, style = project(release()), PageStyle(metadata=metadata)
    keys = {key for key in as_json(shown, style)["files"][0] if key.endswith("metadata")}
    attributes = {key.removeprefix("data-") for key in as_html(shown, style).links[0] if key.endswith("metadata")}
    assert (expected, expected) == (keys, attributes)


def test_without_sizes_pages_claim_the_older_version() -> None:
    """PEP 700 makes size mandatory from 1.1, so a page without it is 1.0."""
    page = as_json(project(release()), PageStyle(sizes=False))
    assert (page["meta"]["api-version"], "size" in page["files"][0]) == ("1.0", False)


def test_status_and_reason() -> None:
    """PEP 792: status and reason, as an object and as meta tags."""
    shown = project(release(), status="archived", reason="use <other>")
    html = as_html(shown).metas
    expected = ({"status": "archived", "reason": "use <other>"}, "archived", "use <other>")
    assert expected == (
        as_json(shown)["project-status"],
        html["pypi:project-status"],
        html["pypi:project-status-reason"],
    )


def test_quarantine_hides_files_but_not_versions() -> None:
    """PEP 792: a quarantined project must not offer files."""
    shown = project(release(), status="quarantined")
    page = as_json(shown)
    assert (page["files"], page["versions"], as_html(shown).links) == ([], ["1.0"], [])


def test_an_unknown_status_is_refused() -> None:
    """Only the four markers of PEP 792 exist."""
    with pytest.raises(UsageError, match="no such project status"):
        project(status="sleeping")


def test_versions_are_sorted_as_versions() -> None:
    """PEP 700 versions come once each, in the order of PEP 440."""
    shown = project(*[release(version=version) for version in ("1.10", "1.9", "1.9.post1", "1.9rc1")])
    assert as_json(shown)["versions"] == ["1.9rc1", "1.9", "1.9.post1", "1.10"]


def test_upload_times() -> None:
    """A datetime is spelled in UTC with microseconds; one without a zone is refused; None leaves the key out."""
    assert spelled_upload_time(datetime(2024, 5, 1, 10, 0, 0, 1, tzinfo=UTC)) == "2024-05-01T10:00:00.000001Z"
    assert "upload-time" not in as_json(project(release(upload_time=None)))["files"][0]
    with pytest.raises(UsageError, match="time zone"):
        spelled_upload_time(datetime(2024, 5, 1))  # noqa: DTZ001  # naive on purpose


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, PLAIN_HTML_TYPE),
        ("", PLAIN_HTML_TYPE),
        ("*/*", PLAIN_HTML_TYPE),
        ("text/*", PLAIN_HTML_TYPE),
        ("text/html", PLAIN_HTML_TYPE),
        (JSON_TYPE, JSON_TYPE),
        ("application/vnd.pypi.simple.latest+json", JSON_TYPE),
        ("application/vnd.pypi.simple.latest+html", HTML_TYPE),
        (JSON_TYPE.upper(), JSON_TYPE),
        (f"{JSON_TYPE}, {HTML_TYPE}; q=0.1, text/html; q=0.01", JSON_TYPE),
        (f"{JSON_TYPE};q=0.1, text/html;q=0.9", PLAIN_HTML_TYPE),
        (f"{JSON_TYPE};q=0, */*", PLAIN_HTML_TYPE),
        (f"text/html, {JSON_TYPE}", JSON_TYPE),
        (f"{JSON_TYPE}, */*;q=0.01", JSON_TYPE),
        ("text/html;q=0, */*;q=0.5", HTML_TYPE),
        ("image/png", None),
        ("text/html;q=0", None),
        ("text/html;q=nonsense", None),
    ],
)
def test_negotiation(accept: str | None, expected: str | None) -> None:
    """The type with the highest quality wins, by its most precise range; no preference means HTML (PEP 691)."""
    assert expected == negotiate(accept)


@pytest.mark.parametrize(
    ("accept", "formats", "expected"),
    [
        ("*/*", ("json",), JSON_TYPE),
        ("text/html", ("json",), None),
        (JSON_TYPE, ("html",), None),
        (f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.01", ("html",), HTML_TYPE),
    ],
)
def test_negotiation_with_one_format(accept: str, formats: tuple[Format, ...], expected: str | None) -> None:
    """An index that speaks one format offers that one only."""
    assert expected == negotiate(accept, "", formats)


@pytest.mark.parametrize("query", [f"format={JSON_TYPE}", "format=application/vnd.pypi.simple.v1%2Bjson"])
def test_the_format_parameter_overrides_the_header(query: str) -> None:
    """PEP 691's URL parameter wins over Accept, its plus sign escaped or not."""
    assert negotiate("text/html", query) == JSON_TYPE


@given(st.text(max_size=60))
def test_any_accept_header_is_negotiated(accept: str) -> None:
    """Every text gives one of the three types or none."""
    assert negotiate(accept) in {JSON_TYPE, HTML_TYPE, PLAIN_HTML_TYPE, None}


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
numbers = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
versions = st.builds(lambda number, suffix: number + suffix, numbers, st.sampled_from(["", "rc1", ".post2", "+a.b"]))
reasons = st.one_of(st.booleans(), st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
markers: st.SearchStrategy[Literal["active", "archived", "deprecated"]] = st.sampled_from(
    ["active", "archived", "deprecated"]
)


@given(st.dictionaries(st.tuples(names, versions), reasons, max_size=8), markers)
def test_pages_list_exactly_what_was_published(
    published: dict[tuple[str, str], bool | str], status: Literal["active", "archived", "deprecated"]
) -> None:
    """Whatever is published, both formats parse and list exactly those projects, files, digests and yanks."""
    holdings = Holdings()
    expected: dict[str, dict[str, tuple[str, bool | str]]] = {}
    for (name, version), yanked in published.items():
        each = release(name, version, yanked=yanked)
        if each.filename not in holdings.releases:
            holdings.publish(each)
            expected.setdefault(each.project, {})[each.filename] = (each.content.sha256, yanked)
    style = PageStyle()
    listed_json = json.loads(project_list(holdings.projects, content_type=JSON_TYPE, style=style))["projects"]
    listed_html = Anchors(project_list(holdings.projects, content_type=PLAIN_HTML_TYPE, style=style)).links
    assert sorted(expected) == [entry["name"] for entry in listed_json]
    assert sorted(expected) == [link["text"] for link in listed_html]
    from_json, from_html = {}, {}
    for name, shown in holdings.projects.items():
        shown.status = status
        from_json[name] = {
            facts["filename"]: (facts["hashes"]["sha256"], facts.get("yanked", False))
            for facts in as_json(shown)["files"]
        }
        from_html[name] = {
            link["text"]: (
                urldefrag(str(link["href"])).fragment.removeprefix("sha256="),
                "data-yanked" in link and (link["data-yanked"] or True),
            )
            for link in as_html(shown).links
        }
    assert expected == from_json
    assert expected == from_html
