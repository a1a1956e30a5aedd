"""A project page of an index, as JSON and as HTML, to what it says about each file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.digest import Digest
from micropip_lock.core.index_page import MAX_REASON, IndexFile, base_url, parse_page, with_absolute_urls, yanked_of
from micropip_lock.core.shown import hidden_character
from micropip_lock.errors import InputError
from micropip_lock.testing import PackageIndex, wheel

PAGE = "https://index.example/simple/six/"
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"
DIGEST = Digest.of(b"six")
META = Digest.of(b"metadata")
NAME = "six-1.16.0-py3-none-any.whl"
FILE = IndexFile(filename=NAME, url=f"https://index.example/files/{NAME}")


def parse_json(*files: Any, content_type: str = JSON) -> tuple[IndexFile, ...]:
    return parse_page(json.dumps({"files": files}), content_type, PAGE)


def parse_html(*anchors: str) -> tuple[IndexFile, ...]:
    return parse_page("<!DOCTYPE html><html><body>" + "".join(anchors), HTML, PAGE)


def test_json() -> None:
    """Every field of PEP 691, 700 and 714 is read; the address is resolved against the page."""
    entry = {
        "filename": NAME,
        "url": f"../../files/{NAME}#sha256=ignored",
        "hashes": {"sha256": DIGEST.hex, "md5": "x"},
        "size": 11053,
        "upload-time": "2021-05-05T14:18:17.237216Z",
        "core-metadata": {"sha256": META.hex},
        "dist-info-metadata": {"sha256": DIGEST.hex},
        "yanked": "broken",
    }
    expected = IndexFile(
        filename=NAME,
        url=FILE.url,
        digest=DIGEST,
        size=11053,
        upload_time="2021-05-05T14:18:17.237216Z",
        metadata_digest=META,
        yanked="broken",
    )
    assert (expected,) == parse_json(entry)


def test_older_json() -> None:
    """The older JSON API lists files under releases, with other keys."""
    entry = {
        "filename": NAME,
        "url": FILE.url,
        "digests": {"sha256": DIGEST.hex},
        "upload_time_iso_8601": "2021-05-05T14:18:17Z",
    }
    page = json.dumps({"releases": {"1.16.0": [entry], "1.15": [], "bad": None}})
    expected = IndexFile(filename=NAME, url=FILE.url, digest=DIGEST, upload_time="2021-05-05T14:18:17Z")
    assert (expected,) == parse_page(page, "application/json", PAGE)


REASONS = [
    ("broken", "broken"),
    (" it\n was  broken\t", "it was broken"),
    ("a\u202eb\x1b[31m\u200bc", "ab[31mc"),
    ("\u200b", True),
    ("é" * MAX_REASON, "é" * MAX_REASON),
    ("é" * (MAX_REASON + 1), "é" * (MAX_REASON - 1) + "…"),
]


@pytest.mark.parametrize(
    ("said", "expected"), [(True, True), (1, True), (["x"], True), ("", False), (0, False), *REASONS]
)
def test_yanked_json(said: object, expected: bool | str) -> None:
    """A truthy ``yanked`` is a yes, text the reason on one line, without what nobody can see (PEP 691)."""
    (file,) = parse_json({"filename": NAME, "url": FILE.url, "yanked": said})
    assert expected == file.yanked


@pytest.mark.parametrize(
    ("yanked", "reason", "expected"),
    [(True, "broken", "broken"), (True, None, True), (True, "", True), (False, "broken", False)],
)
def test_yanked_older_json(yanked: bool, reason: str | None, expected: bool | str) -> None:
    """The older JSON API has the reason beside the fact."""
    (file,) = parse_json({"filename": NAME, "url": FILE.url, "yanked": yanked, "yanked_reason": reason})
    assert expected == file.yanked


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("", False),
        ("data-yanked", True),
        ("data-yanked=''", True),
        ("data-yanked='it was&#10;broken'", "it was broken"),
    ],
)
def test_yanked_html(attribute: str, expected: bool | str) -> None:
    """The attribute says that a file was yanked, its value why (PEP 592)."""
    (file,) = parse_html(f"<a href='{FILE.url}' {attribute}>")
    assert expected == file.yanked


@given(st.text())
def test_a_reason_is_kept_as_it_is(text: str) -> None:
    """What was made of a reason is made of it again, and a lock may hold it."""
    once = yanked_of(text)
    assert (once, None) == (yanked_of(once), hidden_character(once) if isinstance(once, str) else None)


def test_html() -> None:
    """Every attribute of PEP 503, 592, 658 and 714 is read."""
    anchor = (
        f'<a href="../../files/{NAME}#sha256={DIGEST.hex}" data-core-metadata="sha256={META.hex}" data-yanked'
        f' data-upload-time="2021-05-05T14:18:17Z" data-dist-info-metadata="true">six</a>'
    )
    expected = IndexFile(
        filename=NAME,
        url=FILE.url,
        digest=DIGEST,
        upload_time="2021-05-05T14:18:17Z",
        metadata_digest=META,
        yanked=True,
    )
    assert (expected,) == parse_html(anchor)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("<base href='https://files.example/x/'>", f"https://files.example/x/{NAME}"),
        ("<base href='/y/'><base href='/z/'>", f"https://index.example/y/{NAME}"),
        ("<base target=_top><base href='/z/'>", f"https://index.example/z/{NAME}"),
        ("<base href='http://['>", f"{PAGE}{NAME}"),
        ("", f"{PAGE}{NAME}"),
    ],
)
def test_html_base(base: str, expected: str) -> None:
    """The first base element that has an address counts; one that is no address is passed over."""
    assert [expected] == [file.url for file in parse_html(base, f"<a href='{NAME}'>")]


@pytest.mark.parametrize("fragment", [f"sha256={DIGEST.hex}", f"egg=six&sha256={DIGEST.hex}", f"sha256={DIGEST.hex}&x"])
def test_html_fragment(fragment: str) -> None:
    """The digest is found among other things in the fragment."""
    assert [DIGEST] == [file.digest for file in parse_html(f"<a href='{NAME}#{fragment.replace('&', '&amp;')}'>")]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        5,
        [],
        {},
        {"filename": NAME},
        {"url": FILE.url},
        {"filename": 5, "url": FILE.url},
        {"filename": "", "url": FILE.url},
        {"filename": NAME, "url": "http://["},
        {"filename": NAME, "url": None},
    ],
    ids=repr,
)
def test_senseless_json_entries(entry: object) -> None:
    """An entry that names no file is left out, and the one after it is read."""
    assert (FILE,) == parse_json(entry, {"filename": NAME, "url": FILE.url})


@pytest.mark.parametrize("anchor", ["<a>", "<a href='http://['>", "<a href='../'>", "<a href=''>", "<b href='x.whl'>"])
def test_senseless_anchors(anchor: str) -> None:
    """An anchor that names no file is left out, and the one after it is read."""
    assert (FILE,) == parse_html(anchor, f"<a href='{FILE.url}'>")


@pytest.mark.parametrize(
    "extra",
    [
        {"hashes": {"sha256": "abc"}},
        {"hashes": {"sha256": 5}},
        {"hashes": "abc"},
        {"hashes": {"md5": "0" * 32}},
        {"size": -1},
        {"size": True},
        {"size": "5"},
        {"size": 1.5},
        {"upload-time": 5},
        {"upload-time": "yesterday"},
        {"upload-time": "\ud800"},
        {"core-metadata": True},
        {"core-metadata": False},
        {"yanked": False},
        {"yanked": None},
    ],
    ids=repr,
)
def test_senseless_fields(extra: dict[str, Any]) -> None:
    """A field of the wrong form is as if it were not there; the file stays."""
    assert (FILE,) == parse_json({"filename": NAME, "url": FILE.url, **extra})


@pytest.mark.parametrize("text", ["", "<html>", "[", "[]", "5", "null", "[" * 100_000, "1" * 5000])
def test_page_that_is_not_json(text: str) -> None:
    """A page that is not what its content type says is our error, with the page's address."""
    with pytest.raises(InputError) as caught:
        parse_page(text, JSON, PAGE)
    assert ("index-page", PAGE) == (caught.value.code, caught.value.url)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["http://[", "//[", "?", "#"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
entries = st.dictionaries(
    st.sampled_from(["filename", "url", "hashes", "size", "upload-time", "core-metadata", "yanked"]), values
)
pages = st.fixed_dictionaries({"files": st.lists(entries | values) | values}) | values
markup = st.lists(
    st.sampled_from(
        [
            "<a ",
            "<base ",
            "href=",
            "'",
            "http://[",
            "//[",
            ">",
            "<!",
            "<![",
            "CDATA[",
            "<!--",
            "]]>",
            "&#",
            "x",
            "</",
            "<?",
        ]
    )
).map("".join)


@given(pages.map(json.dumps) | st.text(), st.sampled_from([JSON, "application/json"]))
def test_any_json(text: str, content_type: str) -> None:
    """Whatever a JSON page holds, there are files with names or our error."""
    try:
        files = parse_page(text, content_type, PAGE)
    except InputError:
        files = ()
    assert all(file.filename and file.url for file in files)


@given(markup | st.text())
def test_any_html(text: str) -> None:
    """Whatever an HTML page holds, there are files with names or our error."""
    try:
        files = parse_page(text, HTML, PAGE)
    except InputError:
        files = ()
    assert all(file.filename and file.url for file in files)


@given(pages.map(json.dumps) | st.text())
def test_any_json_made_absolute(text: str) -> None:
    """Making addresses absolute never fails, and doing it twice changes nothing."""
    once = with_absolute_urls(text, PAGE)
    assert once == with_absolute_urls(once, PAGE)


def test_made_absolute() -> None:
    """Relative addresses are resolved, absolute ones and broken entries stay."""
    files = [{"url": f"../../files/{NAME}"}, {"url": "https://files.example/x.whl"}, {}, {"url": "http://["}, None]
    expected = [{"url": FILE.url}, *files[1:]]
    assert {"files": expected} == json.loads(with_absolute_urls(json.dumps({"files": files}), PAGE))


def test_absolute_page_is_untouched() -> None:
    """A page without relative addresses is the same text."""
    text = '{"files":  [{"url": "https://files.example/x.whl"}]}'
    assert text == with_absolute_urls(text, PAGE)


@pytest.mark.parametrize(
    ("page", "indexes", "expected"),
    [
        (PAGE, ["https://index.example/simple"], "https://index.example/simple"),
        (PAGE, ["https://index.example/simple/"], "https://index.example/simple"),
        (PAGE, ["https://other.example/simple", "https://index.example/simple/"], "https://index.example/simple"),
        (PAGE, ["https://index.example/simple/{package_name}/"], "https://index.example/simple"),
        ("https://index.example/six/json", ["https://index.example/{package_name}/json"], "https://index.example"),
        (PAGE, [], "https://index.example/simple"),
        (PAGE.rstrip("/"), [], "https://index.example/simple"),
        ("https://index.example/elsewhere", [], "https://index.example/elsewhere"),
    ],
)
def test_base_url(page: str, indexes: list[str], expected: str) -> None:
    """The index of a page is the configured one that forms its address, else the page without the project."""
    assert expected == base_url(page, "six", indexes)


@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_a_real_index(package_index: PackageIndex, accept: str) -> None:
    """Both forms of the same page say the same about address and digest."""
    from urllib.request import Request, urlopen

    six = package_index.add(wheel("six", "1.16.0"))
    page = f"{package_index.url}/six/"
    with urlopen(Request(page, headers={"Accept": accept})) as answer:
        files = parse_page(answer.read().decode(), answer.headers["Content-Type"], page)
    expected = [(six.filename, package_index.file_url(six.filename), six.sha256)]
    assert expected == [(file.filename, file.url, str(file.digest)) for file in files]


@pytest.mark.parametrize("content_type", ["application/vnd.pypi.simple.v1+json", "text/html"])
def test_only_what_matters_is_read(content_type: str) -> None:
    """A caller says by the name which files it wants; no other is given."""
    names = ["six-1.15-py3-none-any.whl", "six-1.16.0-py3-none-any.whl", "six-1.16.tar.gz"]
    if content_type == "text/html":
        text = "".join(f'<a href="{name}">{name}</a>' for name in names)
    else:
        text = json.dumps({"files": [{"filename": name, "url": name, "hashes": {}} for name in names]})
    found = parse_page(text, content_type, PAGE, matters=lambda name: "1.16" in name)
    assert names[1:] == [file.filename for file in found]
