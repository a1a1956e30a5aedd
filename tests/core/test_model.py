"""The values of the model: identity, lookups, texts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import Faults
from micropip_lock.core.json_text import read_json
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name, canonical_json
from micropip_lock.core.read import Table
from micropip_lock.errors import MicropipLockError
from tests.strategies import locks

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "lock_id.json").read_text("utf-8"))


def package(name: str = "six", version: str = "1.16.0", **facts: Any) -> LockedPackage:
    wheel = Wheel(
        url=f"https://files.example/{name}-{version}-py3-none-any.whl", digest=Digest.of(name.encode()), size=7
    )
    return replace(
        LockedPackage(name=canonicalize_name(name), display_name=name, version=version, wheel=wheel), **facts
    )


def lock(*packages: LockedPackage, **facts: Any) -> Lock:
    return replace(Lock(abi=Abi(abi_version="2026_0", python="3.14.2"), packages=by_name(packages)), **facts)


def identity(text: str) -> str:
    value = read_json(text)
    faults = Faults()
    Table(value, "", faults)
    faults.check()
    return hashlib.sha256(canonical_json(value)).hexdigest()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"][:12])
def test_identity_vectors(case: dict[str, str]) -> None:
    """The identity of each vector's text is the one that TypeScript computes too."""
    assert case["id"] == identity(case["text"])


@pytest.mark.parametrize("case", VECTORS["refuse"], ids=lambda case: f"{case['code']}: {case['text'][:30]!r}")
def test_refused_vectors(case: dict[str, str]) -> None:
    """Text without an identity is refused with the vector's code."""
    with pytest.raises(MicropipLockError) as caught:
        identity(case["text"])

    assert case["code"] == caught.value.code


@given(locks(), st.randoms(use_true_random=False))
def test_identity_is_independent_of_order(one: Lock, random: Any) -> None:
    """Neither key order nor the order of unlocked items nor white space changes a lock's identity."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            return {key: shuffled(inner) for key, inner in items}
        return [shuffled(inner) for inner in value] if isinstance(value, list) else value

    value = shuffled(one.to_dict())
    unlocked = value.get("tool", {}).get("micropip-lock", {}).get("unlocked", [])
    random.shuffle(unlocked)

    assert one.id == Lock.from_json(json.dumps(value, indent=random.choice([None, 7]))).id


@given(locks())
def test_identity_is_that_of_the_text(one: Lock) -> None:
    """Hashing the canonical form of the written text gives the lock's identity, upload times left out."""
    assert identity(one.without_upload_times().to_json()) == one.id


@pytest.mark.parametrize("case", VECTORS["locks"], ids=lambda case: case["name"])
def test_identity_of_locks(case: dict[str, str]) -> None:
    """When files were published is no part of a lock's identity, wherever the text says it."""
    assert case["id"] == Lock.from_json(case["text"]).id


def test_canonical_json() -> None:
    """Canonical JSON sorts by code point, has no white space and writes characters as they are."""
    assert '{"B":1,"a":[true,null],"é😀":"<"}'.encode() == canonical_json({"é😀": "<", "a": [True, None], "B": 1})


def test_packages_are_sorted_and_found_in_any_spelling() -> None:
    """A lock iterates by normalised name and finds a package in any spelling."""
    one = lock(package("six"), package("Jinja2"), package("typing_extensions"))

    assert (["jinja2", "six", "typing-extensions"], True, True, False, 3) == (
        [each.name for each in one],
        "JINJA2" in one,
        "Typing.Extensions" in one,
        7 in one,
        len(one),
    )


def test_roots_are_what_was_requested() -> None:
    """Roots are the packages that a person asked for."""
    assert ("rich",) == lock(package("six"), package("rich", requested=True)).roots


def test_size_is_a_sum_or_unknown() -> None:
    """The size of a lock is the sum of its wheels, and unknown when one is not known."""
    sized, unsized = package("six"), package("rich")
    unsized = replace(unsized, wheel=replace(unsized.wheel, size=None))

    assert (14, None, 0) == (lock(sized, package("idna")).size, lock(sized, unsized).size, lock().size)


@pytest.mark.parametrize(
    ("url", "filename"),
    [
        ("https://files.example/a/six-1.16.0-py3-none-any.whl#sha256=0", "six-1.16.0-py3-none-any.whl"),
        ("https://files.example/x-1%2Bcpu-py3-none-any.whl?a/b", "x-1+cpu-py3-none-any.whl"),
        ("wheels/six.whl", "six.whl"),
        ("https://files.example/", ""),
    ],
)
def test_file_name_of_an_address(url: str, filename: str) -> None:
    """A wheel's file name is the last segment of its path, decoded once."""
    assert filename == Wheel(url=url, digest=Digest.of(b"")).filename


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        (Origin(kind="runtime", url="https://files.example/a.whl"), "pyodide"),
        (Origin(kind="url", url="https://files.example/a.whl"), "https://files.example/a.whl"),
        (
            Origin(kind="index", url="https://files.example/a.whl", index="https://index.example/simple"),
            "https://index.example/simple",
        ),
        (Origin(kind="index", url="https://files.example/a.whl"), "https://files.example/a.whl"),
    ],
)
def test_source_of_an_origin(origin: Origin, source: str) -> None:
    """The source in one word: the index when it is known, the address, or Pyodide."""
    assert source == origin.source


def test_info_round_trip() -> None:
    """The info table keeps unknown fields beside the known ones."""
    abi = Abi(abi_version="2026_0", platform="p", python="3.14.2", unknown={"version": "314.0.7"})

    assert (
        {"abi_version": "2026_0", "arch": "wasm32", "platform": "p", "python": "3.14.2", "version": "314.0.7"},
        "ABI 2026_0 (wasm32, Python 3.14.2)",
    ) == (abi.to_info(), str(abi))


def test_repr_is_short() -> None:
    """The repr names the identity, the ABI, four packages and how many more there are."""
    one = lock(*(package(f"p{number}") for number in range(6)))

    assert f"<Lock {one.id[:12]} 2026_0: p0 1.16.0, p1 1.16.0, p2 1.16.0, p3 1.16.0, … 2 more>" == repr(one)


def test_html_escapes() -> None:
    """The HTML table escapes every cell."""
    html = lock(package(version="<b>"))._repr_html_()

    assert (False, True) == ("<b>" in html, "&lt;b&gt;" in html)
