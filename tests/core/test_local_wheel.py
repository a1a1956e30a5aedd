"""Tests of :mod:`micropip_lock.core.local_wheel`: names that say what a wheel is and not where it lay."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from packaging.utils import canonicalize_name

from micropip_lock.core.address import address_fault
from micropip_lock.core.digest import Digest
from micropip_lock.core.local_wheel import is_reachable, local_file_name, local_origin, named_information, path_beside
from micropip_lock.core.model import Lock, LockedPackage, Wheel, file_of
from micropip_lock.errors import LockPolicyError
from tests.strategies import locks

DIGEST = Digest.of(b"wheel")
SIX = LockedPackage(
    name=canonicalize_name("six"), display_name="six", version="1", wheel=Wheel(url="six.whl", digest=DIGEST)
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://files.example/a.whl", True),
        ("http://127.0.0.1/a.whl", True),
        ("emfs:/home/a.whl", False),
        ("file:///home/a.whl", False),
        ("blob:https://site.example/1", False),
        ("a.whl", False),
        ("", False),
    ],
)
def test_is_reachable(url: str, expected: bool) -> None:
    """Only web addresses may mean the same file elsewhere."""
    assert expected is is_reachable(url)


@pytest.mark.parametrize("filename", ["a-1.0-py3-none-any.whl", "a-1!2.0+local.1-py3-none-any.whl", "é a#?-1.whl"])
def test_the_name_in_a_lock_is_an_address(filename: str) -> None:
    """A lock may name the file so, and the file name is read from it again."""
    name = local_file_name(DIGEST, filename)
    assert (None, filename) == (address_fault(name, where="", relative=True), file_of(name))


def test_versions_are_spelt_plainly() -> None:
    """Readers that take the name for a path find the file."""
    assert f"wheels/{DIGEST.hex}/a-1!2+l-py3-none-any.whl" == local_file_name(DIGEST, "a-1!2+l-py3-none-any.whl")


def test_named_information() -> None:
    """The URI of "Hello World!" is the one of RFC 6920, section 8.1."""
    digest = Digest(hashlib.sha256(b"Hello World!").digest())
    assert "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk" == named_information(digest)


@pytest.mark.parametrize("url", ["/etc/a.whl", "../a.whl", "w/../../a.whl", "%2e%2e/a.whl", "w\\a.whl", ""])
def test_no_path_leaves_the_directory(url: str) -> None:
    """A relative name that leads out of the lock's directory is refused."""
    with pytest.raises(LockPolicyError) as caught:
        path_beside(replace(SIX, wheel=Wheel(url=url, digest=DIGEST)))
    assert ("outside", "six") == (caught.value.code, caught.value.package)


def test_path_beside() -> None:
    """Percent-encoding is of the address, not of the file."""
    package = replace(SIX, wheel=Wheel(url="w/a%2B1.whl", digest=DIGEST))
    assert "w/a+1.whl" == path_beside(package)


@given(locks())
def test_local_wheels_are_the_relative_ones(lock: Lock) -> None:
    """A lock's local wheels are those of any origin whose addresses begin with no scheme."""
    assert [one for one in lock if "://" not in one.wheel.url] == list(lock.local_wheels)


def test_origin() -> None:
    """In tables a local wheel is called local."""
    assert ("local", "local") == (local_origin("a.whl").kind, local_origin("a.whl").source)
