"""The addresses an index serves: pages, files, mounts, and the headers around them."""

from __future__ import annotations

import hashlib
import http.client
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from micropip_lock.errors import UsageError
from micropip_lock.testing import PackageIndex, wheel
from micropip_lock.testing.pages import JSON_TYPE

type Ask = Callable[..., Any]
type Factory = Callable[..., PackageIndex]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/simple", "/simple/"),
        ("/simple/foo-bar", "/simple/foo-bar/"),
        ("/simple/Foo_Bar/", "/simple/foo-bar/"),
        ("/simple/foo.bar?format=x", "/simple/foo-bar/?format=x"),
    ],
)
def test_other_spellings_of_a_page_redirect(package_index: PackageIndex, ask: Ask, path: str, location: str) -> None:
    """PEP 503: pages end in a slash and have normalised names; other spellings lead there."""
    reply = ask(package_index.origin + path)
    assert (301, location, "*") == (
        reply.status,
        reply.headers["Location"],
        reply.headers["Access-Control-Allow-Origin"],
    )


@pytest.mark.parametrize(
    "path", ["/", "/files/", "/files/none.whl", "/files/none.whl.metadata", "/simple/none/", "/simple/a/b/", "/%00"]
)
def test_unknown_addresses_are_404(package_index: PackageIndex, ask: Ask, path: str) -> None:
    """What the index does not hold is not found."""
    assert ask(package_index.origin + path).status == 404


def test_page_headers(package_index: PackageIndex, ask: Ask) -> None:
    """A page says what it is, that it depends on Accept, and how to revalidate it."""
    package_index.add(wheel("six"))
    first = ask(f"{package_index.url}/six/", Accept=JSON_TYPE)
    again = ask(f"{package_index.url}/six/", Accept=JSON_TYPE, If_None_Match=first.headers["ETag"])
    html = ask(f"{package_index.url}/six/")
    expected = (JSON_TYPE, "Accept", "no-cache", 304, b"", "text/html; charset=utf-8")
    assert expected == (
        first.headers["Content-Type"],
        first.headers["Vary"],
        first.headers["Cache-Control"],
        again.status,
        again.body,
        html.headers["Content-Type"],
    )


def test_a_changed_page_is_sent_again(package_index: PackageIndex, ask: Ask) -> None:
    """Every change makes a page newer, by tag and by date, even within one second."""
    package_index.add(wheel("six", "1"))
    first = ask(f"{package_index.url}/six/")
    package_index.add(wheel("six", "2"))
    by_tag = ask(f"{package_index.url}/six/", If_None_Match=first.headers["ETag"])
    by_date = ask(f"{package_index.url}/six/", If_Modified_Since=first.headers["Last-Modified"])
    assert (by_tag.status, by_date.status) == (200, 200)


def test_a_format_that_is_off_is_not_acceptable(package_index_factory: Factory, ask: Ask) -> None:
    """An index without HTML answers 406 to a client that reads nothing else."""
    index = package_index_factory(formats=("json",))
    index.add(wheel("six"))
    assert (ask(f"{index.url}/six/", Accept="text/html").status, ask(f"{index.url}/six/").status) == (406, 200)


@pytest.mark.parametrize("file_urls", ["absolute", "relative"])
def test_file_urls_lead_to_the_file(package_index_factory: Factory, ask: Ask, file_urls: str) -> None:
    """Absolute or relative, the stated URL is the file's, percent-encoding included."""
    from urllib.parse import urljoin

    index = package_index_factory(file_urls=file_urls)
    built = index.add(wheel("six", "1.0+local"))
    page = f"{index.url}/six/"
    stated = ask(page, Accept=JSON_TYPE).json["files"][0]["url"]
    assert (file_urls == "absolute", built.data) == ("://" in stated, ask(urljoin(page, stated)).body)


def test_a_file_and_its_metadata(package_index: PackageIndex, ask: Ask) -> None:
    """A wheel is served as a zip with a tag and ranges, its METADATA beside it (PEP 658)."""
    built = package_index.add(wheel("six"))
    url = package_index.file_url(built.filename)
    reply, metadata = ask(url), ask(f"{url}.metadata")
    assert (built.data, "application/zip", "bytes", f'"{built.sha256[:32]}"') == (
        reply.body,
        reply.headers["Content-Type"],
        reply.headers["Accept-Ranges"],
        reply.headers["ETag"],
    )
    assert built.metadata == metadata.body


def test_head_and_ranges(package_index: PackageIndex, ask: Ask) -> None:
    """HEAD announces the length and sends nothing; a range sends its bytes; one past the end is 416."""
    built = package_index.add(wheel("six"))
    url = package_index.file_url(built.filename)
    head, part, past = ask(url, "HEAD"), ask(url, Range="bytes=-22"), ask(url, Range=f"bytes={built.size}-")
    expected = (200, str(built.size), b"", 206, built.data[-22:], 416)
    assert expected == (head.status, head.headers["Content-Length"], head.body, part.status, part.body, past.status)


def test_head_sends_no_byte_of_the_body(package_index: PackageIndex) -> None:
    """On the wire, an answer to HEAD ends with its headers (http.client would hide a body)."""
    built = package_index.add(wheel("six"))
    host, port = package_index.origin.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"HEAD /files/{built.filename} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert (f"Content-Length: {built.size}".encode() in head.splitlines(), body) == (True, b"")


def test_metadata_can_be_off_or_a_lie(package_index_factory: Factory, ask: Ask) -> None:
    """Metadata that is off is not found; overridden metadata is served and digested as it is."""
    off, lying = package_index_factory(metadata=False), package_index_factory()
    built = off.add(lying.add(wheel("six"), metadata=b"Name: other\n"))
    facts = ask(f"{lying.url}/six/", Accept=JSON_TYPE).json["files"][0]
    expected = (404, b"Name: other\n", hashlib.sha256(b"Name: other\n").hexdigest())
    assert expected == (
        ask(off.file_url(built.filename) + ".metadata").status,
        ask(lying.file_url(built.filename) + ".metadata").body,
        facts["core-metadata"]["sha256"],
    )


def test_several_requests_on_one_connection(package_index: PackageIndex) -> None:
    """Connections stay open, through pages, 304s, 404s, HEADs and preflights."""
    built = package_index.add(wheel("six"))
    connection = http.client.HTTPConnection(package_index.origin.removeprefix("http://"), timeout=5)
    statuses, sockets, body = [], set(), b""
    asked = [
        ("GET", "/simple/six/", {}),
        ("HEAD", f"/files/{built.filename}", {}),
        ("GET", f"/files/{built.filename}", {"If-None-Match": f'"{built.sha256[:32]}"'}),
        ("OPTIONS", "/simple/", {"Origin": "https://index.example"}),
        ("GET", "/nothing", {}),
        ("GET", f"/files/{built.filename}", {"Range": "bytes=0-3"}),
    ]
    for method, path, headers in asked:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        statuses.append(response.status)
        sockets.add(connection.sock)
    connection.close()
    assert (statuses, len(sockets), body) == ([200, 200, 304, 204, 404, 206], 1, b"PK\x03\x04")


def test_only_reading_is_allowed(package_index: PackageIndex, ask: Ask) -> None:
    """Writing methods are refused with what is allowed."""
    reply = ask(f"{package_index.url}/", "POST")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


def test_cors_is_open_by_default(package_index: PackageIndex, ask: Ask) -> None:
    """Any page may read answers and their headers, also after asking with its own headers."""
    reply = ask(f"{package_index.url}/", Origin="https://index.example")
    preflight = ask(
        f"{package_index.url}/",
        "OPTIONS",
        Origin="https://index.example",
        Access_Control_Request_Headers="authorization, range",
        Access_Control_Request_Private_Network="true",
    )
    assert (
        reply.headers["Access-Control-Allow-Origin"],
        "Content-Range" in reply.headers["Access-Control-Expose-Headers"],
    ) == ("*", True)
    assert (
        preflight.status,
        preflight.headers["Access-Control-Allow-Origin"],
        preflight.headers["Access-Control-Allow-Headers"],
        preflight.headers["Access-Control-Allow-Methods"],
        preflight.headers["Access-Control-Allow-Private-Network"],
    ) == (204, "*", "authorization, range", "GET, HEAD, OPTIONS", "true")


def test_cors_for_one_origin(package_index_factory: Factory, ask: Ask) -> None:
    """An index may allow a single origin; caches are told that answers depend on it."""
    index = package_index_factory(cors="https://lab.example")
    reply = ask(f"{index.origin}/nothing")
    assert (reply.headers["Access-Control-Allow-Origin"], reply.headers["Vary"]) == ("https://lab.example", "Origin")


def test_cors_off(package_index_factory: Factory, ask: Ask) -> None:
    """Without CORS there is no such header, and preflights are refused."""
    index = package_index_factory(cors=False)
    replies = [ask(f"{index.url}/"), ask(f"{index.url}/", "OPTIONS", Origin="https://lab.example")]
    expected = [(200, None), (405, None)]
    assert expected == [(reply.status, reply.headers["Access-Control-Allow-Origin"]) for reply in replies]


def test_credentials(package_index_factory: Factory, ask: Ask) -> None:
    """Pages and files need the right user and password, and a refusal says how to give them."""
    index = package_index_factory(require_auth=("me", "se:cret"))
    built = index.add(wheel("six"))
    page = f"{index.url}/six/"
    replies = [
        ask(page),
        ask(page, Authorization="Basic bWU6d3Jvbmc="),
        ask(page, Authorization="Bearer bWU6c2U6Y3JldA=="),
        ask(index.file_url(built.filename)),
        ask(index.file_url(built.filename) + ".metadata"),
        ask(page, Authorization="Basic bWU6c2U6Y3JldA=="),
        ask(index.file_url(built.filename), Authorization="basic bWU6c2U6Y3JldA=="),
    ]
    assert [reply.status for reply in replies] == [401] * 5 + [200] * 2
    assert replies[0].headers["WWW-Authenticate"].startswith("Basic realm=")


def test_preflights_need_no_credentials(package_index_factory: Factory, ask: Ask) -> None:
    """Browsers send preflights without credentials, so they are answered without."""
    index = package_index_factory(require_auth=("me", "secret"))
    assert ask(f"{index.url}/", "OPTIONS", Origin="https://lab.example").status == 204


def test_files_on_another_origin(package_index_factory: Factory, ask: Ask) -> None:
    """Files come from a second origin, without credentials, and one log tells which origin was asked."""
    index = package_index_factory(files_on_another_origin=True, require_auth=("me", "secret"))
    built = index.add(wheel("six"))
    reply = ask(index.file_url(built.filename))
    assert index.origin != index.files_origin
    assert (built.data, [index.files_origin]) == (reply.body, [request.origin for request in index.log])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory to mount, and a file beside it that must stay out of reach."""
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "pyodide.mjs").write_text("export {}")
    (root / "a.wasm").write_bytes(b"\0asm")
    (root / "a b+c.txt").write_text("spaced")
    (root / "sub" / "index.html").write_text("<p>")
    return root


@pytest.mark.parametrize(
    ("path", "status", "content_type"),
    [
        ("pyodide.mjs", 200, "text/javascript; charset=utf-8"),
        ("a.wasm", 200, "application/wasm"),
        ("a%20b+c.txt", 200, "text/plain; charset=utf-8"),
        ("sub/", 200, "text/html; charset=utf-8"),
        ("sub", 301, "text/plain; charset=utf-8"),
        ("", 404, "text/plain; charset=utf-8"),
        ("a.wasm/", 404, "text/plain; charset=utf-8"),
        ("none", 404, "text/plain; charset=utf-8"),
        ("../secret.txt", 404, "text/plain; charset=utf-8"),
        ("%2e%2e/secret.txt", 404, "text/plain; charset=utf-8"),
        ("sub/..%2f..%2fsecret.txt", 404, "text/plain; charset=utf-8"),
        ("/etc/hostname", 404, "text/plain; charset=utf-8"),
        ("%00", 404, "text/plain; charset=utf-8"),
        ("..%5csecret.txt", 404, "text/plain; charset=utf-8"),
    ],
)
def test_mounted_files(
    package_index: PackageIndex, ask: Ask, tree: Path, path: str, status: int, content_type: str
) -> None:
    """Files below a mounted directory are served with the right type, and nothing outside it is."""
    reply = ask(package_index.mount("/pyodide/", tree) + path)
    assert (status, content_type, False) == (reply.status, reply.headers["Content-Type"], b"secret" in reply.body)


def test_mounts_have_their_headers_and_revalidate(package_index: PackageIndex, ask: Ask, tree: Path) -> None:
    """A mount's own headers come with each file, and an unchanged file is 304."""
    base = package_index.mount("/lab", tree, headers={"Cross-Origin-Opener-Policy": "same-origin"})
    first = ask(f"{base}a.wasm")
    again = ask(f"{base}a.wasm", If_None_Match=first.headers["ETag"])
    assert (
        first.headers["Cross-Origin-Opener-Policy"],
        again.status,
        ask(base.rstrip("/")).status,
    ) == ("same-origin", 304, 301)


def test_the_longest_prefix_wins(package_index: PackageIndex, ask: Ask, tree: Path) -> None:
    """A mount inside another one hides that part of it."""
    package_index.mount("/", tree)
    base = package_index.mount("/sub/", tree)
    assert ask(f"{base}a.wasm").status == 200


def test_mounting_what_is_not_there_is_refused(package_index: PackageIndex, tmp_path: Path) -> None:
    """A mount needs a directory and an absolute prefix."""
    with pytest.raises(UsageError, match="cannot mount"):
        package_index.mount("/x/", tmp_path / "none")
    with pytest.raises(UsageError, match="cannot mount"):
        package_index.mount("x", tmp_path)
