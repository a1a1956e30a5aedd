"""Tests of :mod:`micropip_lock.core.hosts`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.hosts import Place, index_form, is_loopback, is_private, listed_host, place_of, shown_host


@pytest.mark.parametrize(
    ("url", "base", "place"),
    [
        ("https://Files.Example/a", None, ("https", "files.example", 443)),
        ("http://files.example:80/a", None, ("http", "files.example", 80)),
        ("https://[::1]:8443/a", None, ("https", "::1", 8443)),
        ("https://files.example:0/a", None, ("https", "files.example", 0)),
        ("a.whl", "https://site.example/lab/lock.json", ("https", "site.example", 443)),
        ("a.whl", None, ("", "", None)),
        ("file:///srv/a.whl", None, ("file", "", None)),
    ],
)
def test_places(url: str, base: str | None, place: tuple[str, str, int | None]) -> None:
    """An address leads to a scheme, a host in lower case and a port; a relative one to its base's."""
    scheme, host, port = place
    assert Place(scheme=scheme, host=host, port=port) == place_of(url, base)


@pytest.mark.parametrize("url", ["https://[::1", "https://files.example:port/", "https://files.example:99999/"])
def test_no_place(url: str) -> None:
    """What is no address leads nowhere."""
    assert None is place_of(url)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Files.Example", "files.example"),
        ("files.example:8443", "files.example:8443"),
        ("[::1]", "[::1]"),
        ("[::1]:8000", "[::1]:8000"),
        ("127.0.0.1", "127.0.0.1"),
        *((wrong, None) for wrong in ("", "https://files.example", "files.example/", "me@files.example", "*.example")),
        *((wrong, None) for wrong in ("files.example:", ":80", "files example", "b\u00fccher.example", "::1", "a:b")),
    ],
)
def test_listed_hosts(text: str, host: str | None) -> None:
    """A list names hosts, with a port or without; anything else is no entry."""
    assert host == listed_host(text)


@given(st.from_regex(r"(?:[a-z0-9-]{1,8}\.){0,2}[a-z]{1,8}(?::[1-9][0-9]{0,3})?", fullmatch=True))
def test_a_listed_host_is_found_in_its_address(text: str) -> None:
    """An entry matches the address that is made of it, and is its own normal form."""
    place = place_of(f"https://{text}/x")
    assert (True, text) == (place is not None and text in place.names, listed_host(text))


@pytest.mark.parametrize(
    ("host", "loopback", "private"),
    [
        ("localhost", True, True),
        ("a.localhost", True, True),
        ("127.1.2.3", True, True),
        ("::1", True, True),
        ("10.0.0.1", False, True),
        ("169.254.169.254", False, True),
        ("fe80::1%eth0", False, True),
        ("203.0.113.7", False, True),
        ("1.1.1.1", False, False),
        ("files.example", False, False),
        ("localhost.example", False, False),
        ("0x7f.1", False, False),
        ("", False, False),
    ],
)
def test_loopback_and_private(host: str, loopback: bool, private: bool) -> None:
    """A host is this machine, or of a private network, only when it is plainly written so."""
    assert (loopback, private) == (is_loopback(host), is_private(host))


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://Index.Example:443/simple/", "https://index.example/simple"),
        ("https://me:pw@index.example/simple", "https://index.example/simple"),
        ("https://index.example/simple/{package_name}/json", "https://index.example/simple"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://index.example:80/simple", "http://index.example/simple"),
        ("http://index.example:79", "http://index.example:79"),
        ("https://index.example/Simple", "https://index.example/Simple"),
        ("elsewhere", "elsewhere"),
        ("https://[::1", "https://[::1"),
    ],
)
def test_index_forms(url: str, form: str) -> None:
    """Two spellings of one index have one form."""
    assert form == index_form(url)


@given(st.text(max_size=40))
def test_index_forms_are_stable(text: str) -> None:
    """Whatever the text, its form is a value and is its own form."""
    assert index_form(text) == index_form(index_form(text))


def test_shown_hosts() -> None:
    """IPv6 addresses are shown in brackets."""
    assert ("[::1]", "files.example") == (shown_host("::1"), shown_host("files.example"))
