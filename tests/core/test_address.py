"""Addresses that a lock may name, and those it may not."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core import address
from micropip_lock.core.address import address_fault
from micropip_lock.errors import InputError, LockPolicyError
from tests.strategies import addresses

WHEEL = "six-1.16.0-py3-none-any.whl"


def code_of(text: str, *, relative: bool = True) -> str | None:
    fault = address_fault(text, where="packages.six.file_name", package="six", relative=relative)
    return None if fault is None else fault.code


@pytest.mark.parametrize(
    "text",
    [
        f"https://files.example/{WHEEL}",
        f"HTTPS://files.example:8443/{WHEEL}",
        f"http://127.0.0.1:8000/{WHEEL}",
        f"http://[::1]:8000/{WHEEL}",
        f"https://[::ffff:127.0.0.1]/{WHEEL}",
        f"https://xn--fles-vpa.example/{WHEEL}?x=1",
        f"https://a_b.example/{WHEEL}",
        f"file:///srv/wheels/{WHEEL}",
        f"file://localhost/srv/{WHEEL}",
        WHEEL,
        f"wheels/{WHEEL}",
        f"../static/{WHEEL}",
        f"/static/{WHEEL}",
        f"https://files.example/{WHEEL}?sha256=0123",
        f"https://files.example/{WHEEL}#sha256=0123",
        "https://files.example/x-1.0%2Bcpu-py3-none-any.whl",
        f"https://${{USER}}:${{TOKEN}}@files.example/{WHEEL}",
        f"https://files.example/@scope/{WHEEL}",
        f"https://files.example/{WHEEL}?design=1&monkey=2&bypass=3",
    ],
)
def test_allowed(text: str) -> None:
    """Web addresses, absolute file: addresses and paths relative to the lock are allowed."""
    assert code_of(text) is None


@given(addresses(WHEEL))
def test_absolute_addresses_need_no_lock(text: str) -> None:
    """An absolute address is allowed where a relative one is not."""
    assert code_of(text, relative=False) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("javascript:alert(1)", "scheme"),
        ("JavaScript:alert(1)", "scheme"),
        ("data:application/zip;base64,UEs=", "scheme"),
        ("blob:https://files.example/0b1c", "scheme"),
        (f"ftp://files.example/{WHEEL}", "scheme"),
        (f"https://files\u3002example/{WHEEL}", "url"),
        (f"https://\ufb01les.example/{WHEEL}", "url"),
        (f"https://f\u0456les.example/{WHEEL}", "url"),
        (f"https://%66iles.example/{WHEEL}", "url"),
        (f"https://*.example/{WHEEL}", "url"),
        (f"https://[v1.x]/{WHEEL}", "url"),
        (f"https://2130706433/{WHEEL}", "url"),
        (f"https://0x7f.1/{WHEEL}", "url"),
        (f"https://127.1/{WHEEL}", "url"),
        (f"https://0177.0.0.1/{WHEEL}", "url"),
        (f"https://256.0.0.1/{WHEEL}", "url"),
        (f"https://10.0.0.1.:8443/{WHEEL}", "url"),
        (f"https://[::1%25eth0]/{WHEEL}", "url"),
        (f"emfs:/home/{WHEEL}", "scheme"),
        (f"C:/wheels/{WHEEL}", "scheme"),
        (f"//files.example/{WHEEL}", "scheme"),
        (f"///{WHEEL}", "scheme"),
        (f"https://files.example/{WHEEL}?token%5B%5D=x", "credentials"),
        (f"https://files.example/{WHEEL}?a=1;token=x", "credentials"),
        (f"https://files.example/{WHEEL}#token=x", "credentials"),
        (f"https://user:pw@files.example/{WHEEL}", "credentials"),
        (f"https://user@files.example/{WHEEL}", "credentials"),
        (f"https://@files.example/{WHEEL}", "credentials"),
        (f"https://files.example/{WHEEL}?token=abc", "credentials"),
        (f"https://files.example/{WHEEL}?a=1&Access_Token=abc", "credentials"),
        (f"https://files.example/{WHEEL}?X-Amz-Signature=abc", "credentials"),
        (f"https://files.example/{WHEEL}?sig=", "credentials"),
        (f"wheels/{WHEEL}?private-token=abc", "credentials"),
        ("", "url"),
        (f" https://files.example/{WHEEL}", "url"),
        (f"https://files.example/a b/{WHEEL}", "url"),
        (f"https:\\\\files.example\\{WHEEL}", "url"),
        (f"..\\{WHEEL}", "url"),
        (f"https:///{WHEEL}", "url"),
        (f"https:{WHEEL}", "url"),
        (f"https://[::1/{WHEEL}", "url"),
        (f"https://files.example:port/{WHEEL}", "url"),
        (f"file:{WHEEL}", "url"),
        (f"file://server/share/{WHEEL}", "url"),
        (f"https://files.example/%2e%2e%2f{WHEEL}", "filename"),
        (f"https://files.example/a%2F{WHEEL}", "filename"),
        (f"https://files.example/%252f{WHEEL}", "filename"),
        (f"https://files.example/a%5C{WHEEL}", "filename"),
        (f"wheels/%00{WHEEL}", "filename"),
    ],
)
def test_refused(text: str, code: str) -> None:
    """Everything else is refused with its code, at its place."""
    fault = address_fault(text, where="packages.six.file_name", package="six", relative=True)

    assert fault is not None
    assert (code, "packages.six.file_name", "six") == (fault.code, fault.where, fault.package)


@pytest.mark.parametrize("text", [WHEEL, f"/static/{WHEEL}", "../x"])
def test_relative_addresses_only_where_they_have_a_base(text: str) -> None:
    """An address that is relative is refused where nothing says to what."""
    assert "url" == code_of(text, relative=False)


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:s3cret@files.example/{WHEEL}",
        f"https://files.example/{WHEEL}?token=s3cret",
        "https://u:s3cret@[/x",
    ],
)
def test_secrets_are_not_repeated(text: str) -> None:
    """The error about a secret does not tell it."""
    fault = address_fault(text, where="packages.six.file_name")

    assert fault is not None
    assert "s3cret" not in f"{fault}{fault.to_json()}"


@given(st.text(max_size=60) | st.text("htps:/.@?#[]%2ef\\ \t", max_size=30), st.booleans())
def test_any_text_is_allowed_or_our_error(text: str, relative: bool) -> None:
    """Any text is allowed or gives an error of our tree; nothing else is raised."""
    fault = address_fault(text, where="x", relative=relative)

    assert fault is None or isinstance(fault, InputError)


def test_policy_and_form_differ() -> None:
    """A forbidden address is against the policy; a malformed one is malformed."""
    assert [True, True, False] == [
        isinstance(address_fault(text, where="x"), LockPolicyError)
        for text in ("javascript:x", "https://u:p@files.example/x", "https:x")
    ]


@given(st.from_regex(address._PLAIN, fullmatch=True))
def test_plain_addresses_pass_all_that_is_asked(text: str) -> None:
    """Whatever is told quickly to be a plain address has no fault when it is looked at in full."""
    with patch.object(address, "_PLAIN", re.compile(r"(?!)")):
        assert None is address_fault(text, where="")
