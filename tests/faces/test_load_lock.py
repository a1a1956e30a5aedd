"""Whatever names a lock is a lock or an error of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.json_text import MAX_BYTES
from micropip_lock.errors import LockPolicyError, MicropipLockError, UsageError
from micropip_lock.load import load_lock
from micropip_lock.testing import PackageIndex
from tests import locks
from tests.pylocks import VALID, toml


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
        await load_lock(text)
    assert code == caught.value.code


@given(st.text(max_size=40).filter(lambda text: text.strip() != "-" and ":" not in text))
async def test_any_text(text: str) -> None:
    """Any text that is no address gives an error of our tree, never another exception."""
    with pytest.raises(MicropipLockError):
        await load_lock(text)


@given(st.from_regex(r"https?://\[[^\]\s]{0,20}", fullmatch=True))
async def test_any_broken_address(text: str) -> None:
    """An address whose host cannot be read is refused without a request."""
    with pytest.raises(MicropipLockError):
        await load_lock(text)


async def test_a_pylock_by_its_content(tmp_path: Path) -> None:
    """A pylock.toml is read from a path of any name, from a URL and from its text, and knows where it came from."""
    text = toml(VALID)
    path = tmp_path / "lock.json"
    path.write_text(text, encoding="utf-8")
    with PackageIndex() as index:
        url = index.mount("/locks/", tmp_path) + "lock.json"
        found = [await load_lock(one) for one in (path, str(path), path.as_uri(), url, text)]

    bases = [path.as_uri()] * 3 + [url, None]
    assert [("2026_0", base) for base in bases] == [(lock.abi.abi_version, lock.base) for lock in found]


@pytest.mark.parametrize(("pyodide", "abi"), [(None, "2026_0"), ("0.29.5", "2025_0"), ("314.0.7", "2026_0")])
async def test_a_pylock_for_a_release(pyodide: str | None, abi: str) -> None:
    """A pylock.toml is read for the release that is named, else for the newest ABI that it fits."""
    assert abi == (await load_lock(toml(VALID), pyodide=pyodide)).abi.abi_version


async def test_no_such_release() -> None:
    """A release that is not known is refused; for a lock that says its own ABI nobody asks."""
    with pytest.raises(UsageError) as caught:
        await load_lock(toml(VALID), pyodide="1.0")

    lock = await load_lock(json.dumps(locks.VALID), pyodide="1.0")
    assert ("pyodide-spec", "2026_0") == (caught.value.code, lock.abi.abi_version)


async def test_a_large_lock_from_the_web(tmp_path: Path) -> None:
    """A lock that is too large is refused as one wherever it is, and on the web before all of it has come."""
    (tmp_path / "lock.json").write_bytes(b" " * (MAX_BYTES + 1))
    with PackageIndex() as index:
        refusals = []
        for one in (index.mount("/locks/", tmp_path) + "lock.json", tmp_path / "lock.json"):
            with pytest.raises(LockPolicyError) as caught:
                await load_lock(one)
            refusals.append(caught.value)

    assert [("too-large", f"at most {MAX_BYTES} bytes")] * 2 == [(error.code, error.expected) for error in refusals]
