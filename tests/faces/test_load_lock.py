"""Whatever names a lock is a lock or an error of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock import api
from micropip_lock.errors import MicropipLockError


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no-lock"),
        ("\0", "no-lock"),
        ("a" * 5000, "no-lock"),
        ("nobody/has/this.json", "no-lock"),
        ("http://[", "bad-url"),
        ("https://", "bad-url"),
        ("<html>", "not-json"),
        ("{}", "missing"),
    ],
)
async def test_what_names_no_lock(text: str, code: str) -> None:
    """Names that no file has, addresses that are none and text that is no lock each have their code."""
    with pytest.raises(MicropipLockError) as caught:
        await api.load_lock(text)
    assert code == caught.value.code


@given(st.text(max_size=40).filter(lambda text: text.strip() != "-" and ":" not in text))
async def test_any_text(text: str) -> None:
    """Any text that is no address gives an error of our tree, never another exception."""
    with pytest.raises(MicropipLockError):
        await api.load_lock(text)


@given(st.from_regex(r"https?://\[[^\]\s]{0,20}", fullmatch=True))
async def test_any_broken_address(text: str) -> None:
    """An address whose host cannot be read is refused without a request."""
    with pytest.raises(MicropipLockError):
        await api.load_lock(text)
