"""Pages of indexes, and their failures."""

from __future__ import annotations

import json

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.index_answers import (
    FaultyHeaders,
    Pages,
    index_fault,
    is_all_json,
    metadata_address,
    project_of,
    readable_page,
    site_index_of,
    without_slash,
)
from micropip_lock.errors import BlockedError, MicropipLockError, NetworkError, ServerError

JSON = "application/vnd.pypi.simple.v1+json"
SIX = canonicalize_name("six")
WHEEL = "six-1.16.0-py3-none-any.whl"


class HttpError(Exception):
    """What the platform's fetch raises for an answer that is no success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


def page(*urls: str) -> str:
    return json.dumps({"name": "six", "files": [{"filename": WHEEL, "url": url, "hashes": {}} for url in urls]})


def test_the_newest_page_wins() -> None:
    """Of two indexes that list the same address, the one that answered last is the one that was used."""
    pages = Pages(index_urls=("https://one.example/simple", "https://two.example/simple"))
    pages.keep("https://one.example/simple/six/", page(f"https://files.example/{WHEEL}"), JSON)
    pages.keep("https://two.example/simple/six/", page(f"https://files.example/{WHEEL}"), JSON)
    found = pages.listed(SIX, f"https://files.example/{WHEEL}#sha256=0")

    assert "https://two.example/simple" == (found and found[0])


def test_what_no_page_lists_has_no_index() -> None:
    """An address that no page listed is of no index, however much it looks like one."""
    pages = Pages(index_urls=("https://one.example/simple",))
    pages.keep("https://one.example/simple/six/", page(f"https://files.example/{WHEEL}"), JSON)

    assert (None, None) == (
        pages.listed(SIX, f"https://one.example/simple/{WHEEL}"),
        pages.listed(canonicalize_name("other"), f"https://files.example/{WHEEL}"),
    )


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(401, BlockedError, "blocked"), (403, BlockedError, "blocked"), (500, ServerError, "index-failed")],
)
def test_an_index_that_fails(status: int, kind: type[MicropipLockError], code: str) -> None:
    """A refusal and a failure stop the install with an error of their own, without the password of the address."""
    fault = index_fault("https://u:p@index.example/simple/six/", HttpError(status))

    assert (kind, code, "https://index.example/simple/six/", True) == (
        type(fault),
        fault and fault.code,
        fault and fault.url,
        bool(fault and fault.hint),
    )


def test_an_index_that_does_not_answer() -> None:
    """No answer at all is a failure too, and the hint names what a browser needs."""
    fault = index_fault("https://index.example/simple/six/", OSError("refused"))

    assert (NetworkError, True) == (type(fault), "Access-Control-Allow-Origin" in (fault.hint if fault else ""))


@pytest.mark.parametrize("status", [404, 410])
def test_an_index_that_does_not_have_it(status: int) -> None:
    """Only "not here" is no failure: the next index may answer."""
    assert None is index_fault("https://index.example/simple/six/", HttpError(status))


def test_headers_that_stop() -> None:
    """Headers of an index that failed raise what happened when they are asked."""
    fault = ServerError("the index failed")
    with pytest.raises(ServerError) as caught:
        FaultyHeaders(fault).get("content-type", "")

    assert fault is caught.value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://files.example/a.whl.metadata", "https://files.example/a.whl.metadata"),
        ("https://files.example/a.whl?sig=1.metadata", "https://files.example/a.whl.metadata?sig=1"),
        ("https://files.example/a.whl#sha256=0.metadata", "https://files.example/a.whl.metadata"),
        ("https://files.example/a.whl?sig=1#sha256=0.metadata", "https://files.example/a.whl.metadata?sig=1"),
        ("https://files.example/a.whl?sig=1", "https://files.example/a.whl?sig=1"),
        ("https://files.example/a.whl", "https://files.example/a.whl"),
    ],
)
def test_metadata_address(url: str, expected: str) -> None:
    """The suffix belongs at the end of the path; other addresses stay as they are."""
    assert expected == metadata_address(url)


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ("https://index.example/simple/", ("https://index.example/simple",)),
        (["https://index.example/simple", "PYPI"], ("https://index.example/simple", "PYPI")),
        (["https://index.example/{package_name}/"], ("https://index.example/{package_name}/",)),
    ],
)
def test_without_slash(urls: str | list[str], expected: tuple[str, ...]) -> None:
    """A slash at the end goes, unless a placeholder says where the name belongs."""
    assert expected == without_slash(urls)


def test_pages_that_micropip_can_read() -> None:
    """A JSON page gets absolute addresses; an HTML page stays as it is, because micropip resolves those itself."""
    url = "https://index.example/simple/six/"
    html = f'<a href="../../files/{WHEEL}">{WHEEL}</a>'

    assert (f"https://index.example/files/{WHEEL}", html) == (
        json.loads(readable_page(url, page(f"../../files/{WHEEL}"), JSON))["files"][0]["url"],
        readable_page(url, html, "text/html"),
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://index.example/simple/Six/", "six"),
        ("https://index.example/pypi/six/json", "six"),
        ("https://index.example/", ""),
    ],
)
def test_project_of(url: str, expected: str) -> None:
    """The project is the last segment that is one."""
    assert expected == project_of(url)


def test_site_indexes() -> None:
    """Only an all.json that lists the project, and lies where the wheel does, brought it."""
    indices: dict[str, dict[str, object]] = {
        "https://site.example/a/all.json": {"six": {}},
        "https://site.example/b/all.json": {"other": {}},
    }

    assert ("https://site.example/a/all.json", None, None, True, False) == (
        site_index_of(SIX, f"https://site.example/a/./{WHEEL}", indices),
        site_index_of(SIX, f"https://site.example/b/./{WHEEL}", indices),
        site_index_of(canonicalize_name("other"), f"https://files.example/{WHEEL}", indices),
        is_all_json("https://site.example/a/all.json?x=1"),
        is_all_json("https://index.example/simple/all/"),
    )
