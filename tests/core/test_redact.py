r"""``public_url`` and ``public_requirement``: what is written down holds no secret."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core.redact import public_requirement, public_url

SECRET = "s3cr3t"
PIECES = [
    "https:",
    "http:",
    "HTTPS:",
    "file:",
    "emfs:",
    "git+https:",
    "/",
    "//",
    "\\",
    "@",
    ":",
    "?",
    "#",
    "[",
    "]",
    "%",
]
PIECES += ["host.example", "user", "x.whl", "..", ".", "${TOKEN}", " ", "\n", "\t", "8080", "é"]

mixtures = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
hosts = st.sampled_from(["files.example", "files.example:8080", "[::1]", "[::1]:80", "127.0.0.1"])
passwords = st.text(st.characters(exclude_characters="/\\?#", exclude_categories=["Cs"]), max_size=8)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:pw@files.example/x.whl?token=1#f", "https://files.example/x.whl"),
        ("https://token@files.example/x.whl", "https://files.example/x.whl"),
        ("https://us@er:p@w@files.example/x.whl", "https://files.example/x.whl"),
        ("HTTPS://files.example/x.whl", "https://files.example/x.whl"),
        ("https://${USER}:${TOKEN}@files.example/x.whl?a=1", "https://${USER}:${TOKEN}@files.example/x.whl"),
        ("https://${TOKEN}@files.example/x.whl", "https://${TOKEN}@files.example/x.whl"),
        ("https://${USER}:plain@files.example/x.whl", "https://files.example/x.whl"),
        ("//user:pw@files.example/x.whl", "//files.example/x.whl"),
        ("git+https://user:pw@files.example/x.git@v1", "git+https://files.example/x.git@v1"),
        ("https://proxy.example/https://user:pw@files.example/x", "https://proxy.example/https://files.example/x"),
        ("https://[::1]:8080/x.whl", "https://[::1]:8080/x.whl"),
        ("http://[", "http://["),
        ("", ""),
    ],
)
def test_table(url: str, expected: str) -> None:
    """User information, query and fragment go; environment variables stay (PEP 610)."""
    assert expected == public_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https:\\\\user:s3cr3t@files.example/x.whl",
        "https:/user:s3cr3t@files.example/x.whl",
        "https:////user:s3cr3t@files.example/x.whl",
        "https:user:s3cr3t@files.example/x.whl",
        "https://user:s3cr3t?x@files.example/x.whl",
        "https://user:s3cr3t#x@files.example/x.whl",
        "https://user:s3cr3t/x@files.example/x.whl",
        "http://user:s3cr3t@[files.example/x.whl",
        "  https://user:s3cr3t@files.example/x.whl",
        "ht\ntps://user:s3cr3t@files.example/x.whl",
        "user:s3cr3t@files.example/x.whl",
        "1user:s3cr3t@files.example/x.whl",
        "http://[?token=s3cr3t",
    ],
)
def test_odd_spellings_keep_no_secret(url: str) -> None:
    """What a browser, or a careless hand, makes an address with a password loses the password as well."""
    assert SECRET not in public_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/@scope/x.whl",
        "https://files.example//a/x.whl",
        "file:///@scope/x.whl",
        "file:///home/me@work/x.whl",
        "emfs:/home/@x/y.whl",
        "emfs:./x.whl",
        "../wheels/./x.whl",
        "wheels@1/x.whl",
        "https://${USER}@files.example/x.whl",
    ],
)
def test_what_is_no_secret_stays(url: str) -> None:
    """An ``@`` in a path, a relative path and doubled slashes are not touched."""
    assert url == public_url(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://files.example/a/./b/../x.whl", "https://files.example/a/x.whl"),
        ("https://files.example/../x.whl", "https://files.example/x.whl"),
        ("https://files.example/a/..", "https://files.example/"),
        ("https://files.example//x/../y.whl", "https://files.example//y.whl"),
        ("https://files.example/.hidden/x.whl", "https://files.example/.hidden/x.whl"),
    ],
)
def test_dot_segments(url: str, expected: str) -> None:
    """Dot segments are resolved within the path (RFC 3986, 5.2.4) and never change the host."""
    assert expected == public_url(url)


@given(mixtures | st.text())
@example("https://a@b/https://c@d@e/")
@example("https: ?")
@example("https://host/. ?")
@example("x @?")
@example("https:@/@")
def test_any_text_is_public_after_once(text: str) -> None:
    """Whatever the text, there is a result without query and fragment, and doing it twice changes nothing."""
    once = public_url(text)
    assert (once, False) == (public_url(once), "?" in once or "#" in once)


@given(
    scheme=st.sampled_from(["https", "http", "HTTP", "git+https"]),
    slashes=st.sampled_from(["//", "///", "/", "\\\\", "/\\"]),
    before=passwords,
    after=passwords,
    host=hosts,
    tail=st.sampled_from(["", "/", "/x.whl", "/a/../x.whl", "/@scope/x.whl"]),
    query=st.sampled_from(["", "?token=s3cr3t", "#s3cr3t", "?a@b=s3cr3t#s3cr3t"]),
)
def test_no_password_survives(
    scheme: str, slashes: str, before: str, after: str, host: str, tail: str, query: str
) -> None:
    """A password and a token are gone, wherever they stand and whatever is around them."""
    url = f"{scheme}:{slashes}{before}:{SECRET}{after}@{host}{tail}{query}"
    assert SECRET not in public_url(url)


@given(
    host=hosts,
    path=st.text(st.characters(exclude_characters="?#\\", min_codepoint=33, max_codepoint=126), max_size=20),
)
def test_plain_addresses_stay(host: str, path: str) -> None:
    """An address without credentials, query, fragment and dot segments is as it was."""
    plain = f"https://{host}/" + re.sub(r"\.+", "-", path).replace("://", "-")
    assert plain == public_url(plain)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("rich>=13", "rich>=13"),
        ("rich[jupyter]>=13 ; extra == 'x'", "rich[jupyter]>=13 ; extra == 'x'"),
        ("six @ https://user:s3cr3t@files.example/six.whl?t=1", "six @ https://files.example/six.whl"),
        ("https://user:s3cr3t@files.example/six.whl?t=1", "https://files.example/six.whl"),
        ("six@https://user:s3cr3t@files.example/six.whl ;no", "six@https://files.example/six.whl ;no"),
        ("six @ https://${TOKEN}@files.example/six.whl", "six @ https://${TOKEN}@files.example/six.whl"),
    ],
)
def test_requirements(requirement: str, expected: str) -> None:
    """A requirement keeps its words; an address in it loses its credentials."""
    assert expected == public_requirement(requirement)
