"""Tests of :mod:`micropip_lock.core.mirrors`."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from micropip_lock.core.digest import Digest
from micropip_lock.core.mirrors import Mirror, read_mirrors
from micropip_lock.core.model import Wheel
from micropip_lock.errors import UsageError

URL = "https://files.example/packages/ab/six-1.16.0+a-py3-none-any.whl"
WHEEL = Wheel(url=URL, digest=Digest(bytes(32)))
NAME = "six-1.16.0+a-py3-none-any.whl"


@pytest.mark.parametrize(
    ("mirror", "address"),
    [
        (Mirror(to="https://mirror.example"), f"https://mirror.example/packages/ab/{NAME}"),
        (Mirror(to="https://mirror.example/copy/"), f"https://mirror.example/copy/packages/ab/{NAME}"),
        (Mirror(to="https://mirror.example/{filename}"), f"https://mirror.example/{NAME}"),
        (Mirror(to="https://mirror.example/{sha256}.whl"), f"https://mirror.example/{'0' * 64}.whl"),
        (Mirror(of="https://files.example/packages", to="file:///mirror"), f"file:///mirror/ab/{NAME}"),
        (Mirror(of="https://files.example/packages/", to="file:///mirror/"), f"file:///mirror/ab/{NAME}"),
        (Mirror(of="https://files.example/pack", to="https://mirror.example"), None),
        (Mirror(of="https://other.example/", to="https://mirror.example"), None),
    ],
)
def test_where_a_copy_lies(mirror: Mirror, address: str | None) -> None:
    """A mirror keeps the path, or what is below its prefix; placeholders make the address; other prefixes are none."""
    assert address == mirror.address(URL, WHEEL)


@pytest.mark.parametrize("url", ["file:///wheels/six.whl", "emfs:/wheels/six.whl"])
def test_local_files_have_no_mirror(url: str) -> None:
    """A path of this machine says nothing to a mirror of web addresses."""
    assert Mirror(to="https://mirror.example").address(url, WHEEL) is None


@pytest.mark.parametrize(
    ("given", "mirrors"),
    [
        ("https://mirror.example/files", [Mirror(to="https://mirror.example/files")]),
        (
            "https://files.example/=https://mirror.example/?a=b",
            [Mirror(of="https://files.example/", to="https://mirror.example/?a=b")],
        ),
        ("https://files.example=file:///mirror", [Mirror(of="https://files.example", to="file:///mirror")]),
        (
            {"https://a.example/": "https://b.example/", "https://c.example/": "emfs:/mirror"},
            [
                Mirror(of="https://a.example/", to="https://b.example/"),
                Mirror(of="https://c.example/", to="emfs:/mirror"),
            ],
        ),
        ("https://mirror.example/{sha256}/{filename}", [Mirror(to="https://mirror.example/{sha256}/{filename}")]),
    ],
)
def test_mirrors_as_people_write_them(given: str | Mapping[str, str], mirrors: list[Mirror]) -> None:
    """A base, a rewrite or a table of rewrites."""
    assert tuple(mirrors) == read_mirrors([given])


@pytest.mark.parametrize(
    "given",
    [
        "",
        "mirror.example",
        "ftp://mirror.example/",
        "https://me:secret@mirror.example/",
        "https://mirror.example/?token=secret",
        {"packages": "https://mirror.example"},
        {"https://files.example": ""},
        {"": ""},
    ],
)
def test_what_is_no_mirror(given: str | Mapping[str, str]) -> None:
    """What is no address, or has credentials, is refused, and the credentials are not told."""
    with pytest.raises(UsageError) as caught:
        read_mirrors([given])
    assert ("bad-mirror", False) == (caught.value.code, "secret" in str(caught.value))
