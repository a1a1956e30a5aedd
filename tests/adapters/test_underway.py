"""What is known about an install under way, and the records that it leaves."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.adapters.index_answers import Pages
from micropip_lock.adapters.underway import (
    Asked,
    PinnedElsewhereError,
    Underway,
    absolute,
    asked_for,
    bytes_of,
    check_promise,
    wheel_of,
)
from micropip_lock.core.digest import Digest, VerifiedWheel
from micropip_lock.core.dist_info import parse_records
from micropip_lock.core.policy import Policy
from micropip_lock.errors import HashMismatchError, InputError, LockPolicyError, MicropipLockError, StorageError
from micropip_lock.testing import BuiltWheel, wheel

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})
SIX_RECORD = zipfile.ZipFile(io.BytesIO(SIX.data)).read(f"{SIX.dist_info}/RECORD").decode()
NAME = canonicalize_name("six")
URL = f"https://files.example/{SIX.filename}"
INDEX = "https://index.example/simple"
PAGE = json.dumps(
    {
        "name": "six",
        "files": [
            {
                "filename": SIX.filename,
                "url": URL,
                "hashes": {},
                "upload-time": "2026-02-03T04:05:06Z",
                "size": SIX.size,
            }
        ],
    }
)


def underway(*requirements: str, **facts: Any) -> Underway:
    return Underway(asked=asked_for(requirements, facts.get("page_address")), pages=Pages(index_urls=(INDEX,)), **facts)


def records(install: Underway, url: str, built: BuiltWheel = SIX) -> dict[str, str]:
    files = {"PYODIDE_URL": url, "PYODIDE_SOURCE": "pypi", "PYODIDE_SHA256": built.sha256, "INSTALLER": "micropip"}
    return install.records(built.data, built.filename, files)


def test_from_an_index() -> None:
    """A wheel that a page listed is recorded with its index, and with what the page and the person said."""
    install = underway("six>=1")
    install.pages.keep(f"{INDEX}/six/", PAGE, "application/vnd.pypi.simple.v1+json")
    install.add(NAME, URL, {})
    files = records(install, URL)
    facts = json.loads(files["micropip-lock.json"])

    assert (INDEX, INDEX, URL, "2026-02-03T04:05:06Z", "six>=1", True, False) == (
        files["INDEX"].strip(),
        files["PYODIDE_SOURCE"],
        files["PYODIDE_URL"],
        facts["upload-time"],
        facts["requirement"],
        facts["requested"],
        "direct_url.json" in files,
    )


@pytest.mark.parametrize(
    ("built", "code"),
    [
        (wheel("six", requires_python=">=3.99"), "requires-python"),
        (wheel("six", files={"micropip/more.py": ""}), "protected"),
    ],
)
def test_what_a_replay_would_refuse_here(built: BuiltWheel, code: str) -> None:
    """A wheel for another Python, or with files where it may have none, is refused before it is unpacked."""
    with pytest.raises(MicropipLockError) as caught:
        underway().admit(built.data, built.filename)
    assert (code, built.filename) == (caught.value.code, (caught.value.where or "").partition(":")[0])


def test_the_record_is_bound() -> None:
    """A record is bound to the RECORD of the very wheel, so that the reader of records takes it."""
    files = records(underway(), URL)
    shipped = {"RECORD": SIX_RECORD, "PYODIDE_SHA256": SIX.sha256}
    record = parse_records({**files, **shipped}.get)

    assert (SIX.sha256, SIX.size) == (record and record.digest.hex, record and record.size)


def test_an_unknown_index_stays_micropips_word() -> None:
    """Where no page says which index it was, nothing is made up: micropip's own word stays."""
    install = underway()
    install.add(NAME, URL, {})
    files = records(install, URL)

    assert ("pypi", "index", False) == (
        files["PYODIDE_SOURCE"],
        json.loads(files["micropip-lock.json"])["source"],
        "INDEX" in files,
    )


def test_from_the_index_of_a_site() -> None:
    """A wheel that piplite took from a site's all.json is recorded with that as its index."""
    install = underway()
    url = f"https://site.example/pypi/./{SIX.filename}?sha256={SIX.sha256}"
    install.add(
        NAME, url, {"https://site.example/pypi/all.json?x=1": {"six": {}}, "https://other.example/all.json": None}
    )
    files = records(install, url)

    assert ("https://site.example/pypi/all.json", f"https://site.example/pypi/{SIX.filename}") == (
        files["INDEX"].strip(),
        files["PYODIDE_URL"],
    )


@pytest.mark.parametrize(
    ("page", "url", "expected"),
    [
        ("https://site.example/lab/index.html?path=x", "./w/a.whl", "https://site.example/lab/w/a.whl"),
        ("https://site.example/lab/index.html", "/w/a.whl", "https://site.example/w/a.whl"),
        ("https://site.example/lab/index.html", "a.whl", "https://site.example/lab/a.whl"),
        ("https://site.example/lab/index.html", "//files.example/a.whl", "https://files.example/a.whl"),
        ("https://site.example/lab/index.html", "https://files.example/a.whl", "https://files.example/a.whl"),
        ("https://site.example/lab/index.html", "emfs:/home/a.whl", "emfs:/home/a.whl"),
        (None, "./w/a.whl", "./w/a.whl"),
    ],
)
def test_absolute(page: str | None, url: str, expected: str) -> None:
    """An address is resolved as the browser does it; without a page it stays what it is."""
    assert expected == absolute(url, page)


def test_a_relative_wheel_is_recorded_absolute() -> None:
    """A page-relative requirement is in no record as such."""
    page = "https://site.example/lab/index.html"
    install = underway(f"./{SIX.filename}", page_address=page)
    install.direct.add(f"./{SIX.filename}")
    install.add(NAME, f"./{SIX.filename}", {})
    files = records(install, f"./{SIX.filename}")
    expected = f"https://site.example/lab/{SIX.filename}"

    assert [expected] * 4 == [
        files["PYODIDE_URL"],
        files["PYODIDE_SOURCE"],
        json.loads(files["direct_url.json"])["url"],
        json.loads(files["micropip-lock.json"])["requirement"],
    ]


def test_no_credentials_in_any_file() -> None:
    """User, password and token of an address reach none of the files, micropip's own included."""
    url = f"https://user:s3cret-word@files.example/{SIX.filename}?token=s3cret-word#sha256={SIX.sha256}"
    install = underway(url)
    install.direct.add(url)
    install.add(NAME, url, {})

    assert [] == [name for name, text in records(install, url).items() if "s3cret-word" in text or "user" in text]


@pytest.mark.parametrize(
    ("built", "code"),
    [
        (wheel("six", dist_info={"METADATA": "Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n\n"}), "name-mismatch"),
        (wheel("six", dist_info={"METADATA": "Metadata-Version: 2.1\nName: six\nVersion: 2\n\n"}), "version-mismatch"),
        (wheel("six", dist_info={"INDEX": "https://index.example/simple\n"}), "reserved-dist-info-file"),
        (wheel("six", dist_info={"PYODIDE_SHA256": "0"}), "reserved-dist-info-file"),
        (wheel("six", mutate=lambda files: {**files, "extra.py": b""}), "not-in-record"),
        (wheel("six", mutate=lambda files: {**files, "six.py": b"other"}), "record-hash"),
        (wheel("six", files={"../up.py": ""}), "escapes"),
        (SIX.with_data(b"<!DOCTYPE html>"), "not-zip"),
        (SIX.with_data(SIX.data[:-40]), "truncated"),
    ],
)
def test_what_a_replay_would_refuse(built: BuiltWheel, code: str) -> None:
    """A wheel that a replay would refuse is refused when it is recorded."""
    with pytest.raises(InputError) as caught:
        underway().admit(built.data, built.filename)

    assert code == caught.value.code


def test_dist_info_of_another() -> None:
    """The file name counts: the same bytes under another project's name are refused."""
    with pytest.raises(InputError) as caught:
        underway().admit(SIX.data, "numpy-1.16.0-py3-none-any.whl")

    assert "dist-info-name" == caught.value.code


def test_what_the_index_promised() -> None:
    """Other bytes than the index lists are refused, whatever they are; its digest may be in capitals."""
    good = underway().admit(SIX.data, SIX.filename, promised=SIX.sha256.upper())
    with pytest.raises(HashMismatchError) as caught:
        underway().admit(SIX.data, SIX.filename, url="https://u:p@files.example/x", promised="0" * 64)

    assert (Digest.of(SIX_RECORD.encode()), "digest-mismatch", "https://files.example/x") == (
        good,
        caught.value.code,
        caught.value.url,
    )


def test_what_a_page_promised() -> None:
    """The digest that a page gives for a wheel is known before the wheel arrives; without one, nothing is promised."""
    install = underway()
    page = json.loads(PAGE)
    page["files"][0]["hashes"] = {"sha256": SIX.sha256}
    install.pages.keep(f"{INDEX}/six/", json.dumps(page), "application/vnd.pypi.simple.v1+json")
    install.add(NAME, URL, {})

    assert (SIX.sha256, None) == (install.promised(URL), install.promised(f"{URL}.metadata"))


@pytest.mark.parametrize(
    ("suffix", "refused"),
    [
        (f"#sha256={'0' * 64}", True),
        (f"?sha256={'0' * 64}", True),
        (f"?v=1&sha256={'0' * 64}#egg=six", True),
        (f"#egg=six&sha256={'0' * 64}", True),
        (f"#sha256={SIX.sha256}", False),
        ("#sha256=short", False),
        ("?token=abc", False),
    ],
)
def test_promises_in_addresses(suffix: str, refused: bool) -> None:
    """A digest in the fragment or the query is checked; what is no digest promises nothing."""
    try:
        check_promise(URL + suffix, SIX.data)
        found = False
    except HashMismatchError:
        found = True

    assert refused == found


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        (["Rich[Jupyter]>=13"], {"rich": Asked(requirement="Rich[Jupyter]>=13", extras=("Jupyter",))}),
        (["six", "six[a]", "six[b]"], {"six": Asked(requirement="six[b]", extras=("a", "b"))}),
        ([URL], {"six": Asked(requirement=URL, extras=())}),
        ([f"six[x] @ {URL}"], {"six": Asked(requirement=f"six[x] @ {URL}", extras=("x",))}),
        ([SIX.filename], {"six": Asked(requirement=SIX.filename, extras=())}),
        (["./my%5Fpkg-1-py3-none-any.whl"], {"my-pkg": Asked(requirement="./my%5Fpkg-1-py3-none-any.whl", extras=())}),
    ],
)
def test_what_was_asked(requirements: list[str], expected: dict[str, Asked]) -> None:
    """Requirements are kept by name, the extras of one name together."""
    assert expected == asked_for(requirements)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{URL}?token=1#sha256=0", SIX.filename),
        ("emfs:/home/a%2D1-py3-none-any.whl", "a-1-py3-none-any.whl"),
        (f"{URL}.metadata", None),
        (f"{URL}?token=1.metadata", None),
        ("https://files.example/download?file=a.whl", None),
    ],
)
def test_wheel_of(url: str, expected: str | None) -> None:
    """A wheel is what the path names; METADATA beside it is none, wherever the suffix was put."""
    assert expected == wheel_of(url)


class Buffer:
    """A JavaScript buffer as Pyodide shows it."""

    def to_bytes(self) -> memoryview:
        return memoryview(b"wheel")


@pytest.mark.parametrize("buffer", [b"wheel", bytearray(b"wheel"), Buffer()])
def test_bytes_of(buffer: object) -> None:
    """Bytes are had from whatever holds them."""
    assert b"wheel" == bytes_of(buffer)


PRIVATE = "https://private.example/simple"


@pytest.mark.parametrize(
    ("policy", "url", "code"),
    [
        (Policy(index_pins={"six": INDEX}), "https://files.example/six-1.16.0-py3-none-any.whl", None),
        (Policy(index_pins={"six": PRIVATE}), "https://files.example/six-1.16.0-py3-none-any.whl", "index-pin"),
        (Policy(index_pins={"six": INDEX}), "https://files.example/other/six-1.16.0-py3-none-any.whl", "index-pin"),
        (Policy(allow_hosts=("cdn.example",)), "https://files.example/six-1.16.0-py3-none-any.whl", "host-not-allowed"),
        (Policy(allow_hosts=("site.example",)), "wheels/six-1.16.0-py3-none-any.whl", None),
        (Policy(allow_hosts=()), "emfs:/tmp/six-1.16.0-py3-none-any.whl", None),
        (Policy(), "http://files.example/six-1.16.0-py3-none-any.whl", None),
    ],
)
def test_the_policy_before_a_wheel(policy: Policy, url: str, code: str | None) -> None:
    """A wheel from another index than the pinned one, or from a host that is not listed, is refused unseen."""
    install = underway("six", policy=policy, page_address="https://site.example/lab/")
    page = '<a href="https://files.example/six-1.16.0-py3-none-any.whl">six-1.16.0-py3-none-any.whl</a>'
    install.pages.keep(f"{INDEX}/six/", page, "text/html")
    try:
        install.add(canonicalize_name("six"), url, {})
        found = None
    except LockPolicyError as error:
        found = error.code
    assert code == found


@pytest.mark.parametrize(
    ("pins", "outcome"),
    [
        ({}, None),
        ({"six": f"{INDEX}/"}, None),
        ({"six": "pyodide"}, PinnedElsewhereError),
        ({"six": PRIVATE}, PinnedElsewhereError),
        ({"six": "https://third.example/simple"}, LockPolicyError),
    ],
)
def test_the_policy_before_a_page(pins: dict[str, str], outcome: type[Exception] | None) -> None:
    """An index is passed over for a name that is pinned to another one of those asked, and refused for a third."""
    install = Underway(asked={}, pages=Pages(index_urls=(INDEX, PRIVATE)), policy=Policy(index_pins=pins))
    try:
        install.check_index(f"{INDEX}/six/")
        found: type[Exception] | None = None
    except (PinnedElsewhereError, LockPolicyError) as error:
        found = type(error)
    assert outcome is found


@pytest.mark.parametrize(
    "url", [f"emfs:/home/{SIX.filename}", f"file:///home/me/{SIX.filename}", f"emfs:./{SIX.filename}"]
)
def test_a_local_file_is_kept_and_its_place_is_not_recorded(url: str) -> None:
    """A wheel from this session is kept before it is unpacked; no file says where it lay, and all say what it is."""
    kept: list[VerifiedWheel] = []
    install = underway(url, keep=kept.append)
    install.direct.add(url)
    install.add(NAME, url, {})
    install.admit(SIX.data, SIX.filename, url=url)
    before = [(wheel.digest.hex, wheel.filename) for wheel in kept]
    files = records(install, url)
    facts = json.loads(files["micropip-lock.json"])

    assert ([(SIX.sha256, SIX.filename)], 1, [], "local", SIX.filename, SIX.filename, "local", True, None) == (
        before,
        len(kept),
        [name for name, text in files.items() if "home" in text or "emfs" in text],
        facts["source"],
        facts["url"],
        files["PYODIDE_URL"],
        files["PYODIDE_SOURCE"],
        facts["requested"],
        facts.get("requirement"),
    )


def test_what_the_web_has_is_not_kept() -> None:
    """A wheel with an address, page-relative ones included, is not kept."""
    kept: list[VerifiedWheel] = []
    page = underway(keep=kept.append, page_address="https://site.example/lab/")
    for url in (URL, f"./{SIX.filename}"):
        records(page, url)

    assert [] == kept


def test_what_cannot_be_kept_is_not_installed() -> None:
    """When the bytes cannot be kept, the error comes before anything is unpacked."""

    def full(wheel: VerifiedWheel) -> None:
        raise StorageError("no space", code="not-kept")

    with pytest.raises(StorageError) as caught:
        underway(keep=full).admit(SIX.data, SIX.filename, url=f"emfs:/{SIX.filename}")

    assert "not-kept" == caught.value.code
