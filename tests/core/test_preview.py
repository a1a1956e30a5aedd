"""Tests of :mod:`micropip_lock.core.preview` and :mod:`micropip_lock.core.preview_text`."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.model import Abi, Lock, Mock, mocks_by_name
from micropip_lock.core.policy import Policy
from micropip_lock.core.preview import (
    Here,
    Preview,
    PreviewedHost,
    PreviewedPackage,
    PreviewWarning,
    preview_lock,
)
from micropip_lock.core.shown import hidden_character, human_size
from micropip_lock.errors import LockPolicyError
from tests.core.policies import lock_with, package_at
from tests.core.preview_vectors import VECTORS, written
from tests.locks import full_lock
from tests.strategies import locks

TAGS = {"section", "p", "strong", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
HOSTILE = ("<img src=x onerror=alert(1)>", "</td><script>1</script>", '"><b>', "&lt;", "a\u202eb", "a\x1b[31m", "a\nb")
texts = st.text(max_size=12) | st.sampled_from(HOSTILE)
sizes = st.integers(0, 2**53)
packages = st.builds(
    PreviewedPackage,
    name=texts,
    version=texts,
    size=st.none() | sizes,
    host=texts,
    index=st.none() | texts,
    native=st.booleans(),
    requested=st.booleans(),
    change=st.sampled_from([None, "adds", "same", "replaces"]),
    installed=st.none() | texts,
)
previews = st.builds(
    Preview,
    lock=texts,
    abi=texts,
    standing=st.sampled_from(["new", "approved", "running"]),
    hosts=st.lists(st.builds(PreviewedHost, host=texts, packages=sizes, size=sizes), max_size=3).map(tuple),
    indexes=st.lists(texts, max_size=2).map(tuple),
    packages=st.lists(packages, max_size=3).map(tuple),
    download=sizes,
    unsized=st.integers(0, 3),
    beside=st.lists(texts, max_size=2).map(tuple),
    warnings=st.lists(
        st.builds(PreviewWarning, code=texts, message=texts, packages=st.lists(texts, max_size=2).map(tuple)),
        max_size=2,
    ).map(tuple),
)


class Reader(HTMLParser):
    """What a browser makes of markup, roughly: its elements and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[Any] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.add(f"!{data}")

    def handle_decl(self, decl: str) -> None:
        self.tags.add(f"!{decl}")

    def handle_pi(self, data: str) -> None:
        self.tags.add(f"?{data}")

    def unknown_decl(self, data: str) -> None:
        self.tags.add(f"!{data}")


def _warned(lock: Lock, **facts: Any) -> dict[str, tuple[str, ...]]:
    return {one.code: one.packages for one in preview_lock(lock, Here(**facts)).warnings}


def test_vectors_are_what_python_does() -> None:
    """The committed file is what Python computes now; if not: ``python -m tests.core.preview_vectors``."""
    assert written() == VECTORS.read_text("utf-8")


@given(previews)
def test_no_text_becomes_markup(preview: Preview) -> None:
    """Whatever is in a preview, its HTML has our own elements only, no attribute, and no character that hides."""
    read = Reader(preview._repr_html_())
    assert (set(), [], None) == (read.tags - TAGS, read.attributes, hidden_character(read.text))


@given(previews)
def test_text_is_one_fact_a_line(preview: Preview) -> None:
    """No text of a lock breaks a line of the preview or writes to the terminal, and the JSON form is JSON."""
    lines = str(preview).split("\n")
    hidden = next(filter(None, map(hidden_character, lines)), None)
    assert (preview.lines(), None, preview.to_json()) == (lines, hidden, json.loads(json.dumps(preview.to_json())))


@given(locks(max_packages=5), st.none() | st.dictionaries(st.sampled_from(["six", "numpy"]), st.just("1"), max_size=2))
def test_any_lock_has_one_or_is_refused(lock: Lock, installed: dict[str, str] | None) -> None:
    """A preview tells of every package once and counts every byte, or the policy says why there is none."""
    try:
        preview = preview_lock(lock, Here(installed=installed))
    except LockPolicyError:
        return
    assert [*lock.packages] == [one.name for one in preview.packages]
    assert sum(one.packages for one in preview.hosts) == len(lock)
    assert sum(one.size or 0 for one in preview.packages) == preview.download == sum(one.size for one in preview.hosts)
    assert (lock.size is None) == bool(preview.unsized)


def test_too_many_hosts() -> None:
    """Three hundred hosts are refused as the policy refuses them, and a policy may allow more."""
    lock = lock_with(*(package_at(f"https://h{number}.example/a.whl") for number in range(300)))
    with pytest.raises(LockPolicyError) as refused:
        preview_lock(lock)
    assert ("too-many-hosts", 300) == (
        refused.value.code,
        len(preview_lock(lock, policy=Policy(max_hosts=300)).hosts),
    )


def test_what_the_policy_refuses_has_no_preview() -> None:
    """A pin that the lock does not keep is told in place of a preview."""
    lock = lock_with(package_at("https://files.example/a.whl", name="acme-core"))
    with pytest.raises(LockPolicyError) as refused:
        preview_lock(lock, policy=Policy(index_pins={"acme-*": "https://index.example/simple"}))
    assert "index-pin" == refused.value.code


def test_mocks_and_what_is_missing_are_told() -> None:
    """Mock packages, whose code is in the lock, and what could not be locked are warned of by name."""
    mock = Mock(name="seven", display_name="seven", version="1", modules={"seven": "x = 1"})  # type: ignore[arg-type]
    lock = replace(full_lock(), mocks=mocks_by_name([mock]), base="https://files.example/")
    warned = _warned(lock)
    assert (("seven",), ("six",)) == (warned["mock"], warned["unlocked"])


def test_a_known_name_from_an_unusual_host() -> None:
    """A name that everybody knows is warned of when it comes from where it does not usually; other names are not."""
    lock = lock_with(
        package_at("https://files.example/a-1-py3-none-any.whl", name="rich"),
        package_at("https://files.example/b-1-py3-none-any.whl", name="idna"),
        package_at("https://other.example/c-1-py3-none-any.whl", name="numpy"),
        package_at("https://other.example/d-1-py3-none-any.whl", name="nobody-knows"),
        package_at("https://files.example/e-1-py3-none-any.whl", name="e"),
    )
    assert {"unusual-host": ("numpy",)} == _warned(lock)
    assert {} == _warned(lock, usual_hosts=("files.example", "other.example"))
    assert {"unusual-host": ("idna", "rich")} == _warned(lock, usual_hosts=("other.example",))


def test_another_runtime() -> None:
    """A lock for another ABI says so before anything is asked for."""
    lock = replace(lock_with(), abi=Abi(abi_version="2025_0"))
    assert ("abi-mismatch" in _warned(lock, abi="2026_0"), _warned(lock, abi="2025_0")) == (True, {})


@given(sizes)
def test_sizes_of_terminal_and_preview_agree(count: int) -> None:
    """A size has at most four digits before its unit, below what the largest unit needs."""
    number, _, unit = human_size(count).partition(" ")
    assert unit == "GB" or float(number) < 1000
