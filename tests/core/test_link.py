"""Lock links: whatever lock goes in comes out, and whatever else comes in is refused with its code."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from micropip_lock.core.formats.pyodide_lock import lock_to_dict
from micropip_lock.core.link import ShortLink, base_digest, decode_link, encode_link
from micropip_lock.core.link_address import MAX_LINK, Reference
from micropip_lock.core.link_outline import apply, changes, expanded, outline_of
from micropip_lock.core.model import Lock
from micropip_lock.errors import LinkError, MicropipLockError
from tests import locks
from tests.core.link_vectors import PATH, said
from tests.links import sealed
from tests.strategies import json_values
from tests.strategies import locks as any_locks

FIXTURES = [path for path in locks.FIXTURES if path.suffix == ".json"]


def _decoded(link: str, **options: Any) -> Lock:
    found = decode_link(link, **options)
    assert isinstance(found, Lock)
    return found


def _code(link: str) -> str:
    with pytest.raises(LinkError) as caught:
        decode_link(link)
    return caught.value.code


@settings(max_examples=40)
@given(any_locks())
def test_any_lock_comes_back(lock: Lock) -> None:
    """Every lock that there can be is what its link holds, field by field and by its id."""
    found = _decoded(encode_link(lock))

    assert (lock, lock.id) == (found, found.id)


@settings(max_examples=40)
@given(any_locks())
def test_any_lock_comes_back_with_a_runtime(lock: Lock) -> None:
    """The same where a runtime's lock has some of the packages, and something else of others."""
    packages = lock_to_dict(lock)["packages"]
    base = {name: {**entry, "imports": ["other"]} for name, entry in packages.items()}
    found = _decoded(encode_link(lock, base=base), find_base=lambda digest: base)

    assert (lock, lock.id) == (found, found.id)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_locks_of_others(path: Any) -> None:
    """The whole distribution of each Pyodide comes back, in full and by the names of its packages."""
    lock = Lock.from_json(path.read_bytes())
    base = lock_to_dict(lock)["packages"]
    by_name = encode_link(lock, base=base)

    assert lock == _decoded(encode_link(lock)) == _decoded(by_name, find_base=lambda digest: base)
    assert len(by_name) < 6 * max(30, len(lock))


def test_a_runtime_that_is_not_here() -> None:
    """A link that leaves packages to a runtime's lock says which one it needs where there is none."""
    lock = Lock.from_json(FIXTURES[-1].read_bytes())
    base = lock_to_dict(lock)["packages"]
    with pytest.raises(LinkError) as caught:
        decode_link(encode_link(lock, base=base))

    assert ("needs-base", True) == (caught.value.code, base_digest(base).hex() in str(caught.value.expected))


def test_a_runtime_that_lies() -> None:
    """A runtime's lock with another digest for a package gives no lock."""
    lock = Lock.from_json(FIXTURES[-1].read_bytes())
    base = lock_to_dict(lock)["packages"]
    link = encode_link(lock, base=base)
    name = next(iter(base))
    forged = {**base, name: {**base[name], "sha256": "0" * 64}}
    with pytest.raises(LinkError) as caught:
        decode_link(link, find_base=lambda digest: forged)

    assert "checksum" == caught.value.code


@settings(max_examples=40)
@given(any_locks(), st.data())
def test_a_flipped_character(lock: Lock, data: st.DataObject) -> None:
    """A link in which one character is another one is refused, nearly always as damaged."""
    link = encode_link(lock)
    start = len("#lock=1.")
    at = data.draw(st.integers(start, len(link) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    if other != link[at]:
        allowed = {"checksum", "encoding"} if at == len(link) - 1 else {"checksum"}
        assert _code(link[:at] + other + link[at + 1 :]) in allowed


@settings(max_examples=40)
@given(any_locks(), st.data())
def test_a_link_that_is_cut_off(lock: Lock, data: st.DataObject) -> None:
    """However much of its end is missing, it is told as cut off."""
    link = encode_link(lock)
    kept = data.draw(st.integers(len("#lock=1.A"), len(link) - 1))

    assert "truncated" == _code(link[:kept])


@settings(max_examples=40)
@given(any_locks(), st.text("ABCxyz09-_", min_size=2, max_size=20))
def test_something_behind_a_link(lock: Lock, more: str) -> None:
    """Characters that follow a link are told as such."""
    assert _code(encode_link(lock) + more) in ("trailing", "encoding", "checksum")


@given(st.binary(max_size=300))
@example(b"")
@example(bytes(100))
def test_garbage(data: bytes) -> None:
    """Whatever bytes are in a link, a lock or an error of ours comes out."""
    _refused(base64.urlsafe_b64encode(data).rstrip(b"=").decode())


@settings(max_examples=40)
@given(any_locks(), st.binary(max_size=60), st.data())
def test_garbage_with_a_right_checksum(lock: Lock, noise: bytes, data: st.DataObject) -> None:
    """The same where somebody made the checksum right."""
    link = encode_link(lock)
    body = bytearray(base64.urlsafe_b64decode(link[8:] + "=" * (-len(link[8:]) % 4)))
    at = data.draw(st.integers(8, len(body) - 1))
    body[at : at + len(noise)] = noise
    _refused(sealed(bytes([body[0]]), _after_check(bytes(body))))


def _refused(body: str) -> None:
    try:
        assert isinstance(decode_link(f"#lock=1.{body}"), Lock | ShortLink)
    except MicropipLockError as error:
        assert isinstance(error, LinkError)  # noqa: PT017  # either is right


def _after_check(body: bytes) -> bytes:
    at = 1
    while body[at] > 127:
        at += 1
    return body[at + 5 :]


@settings(max_examples=40)
@given(any_locks())
def test_a_short_link_tells_no_digest_of_an_index(lock: Lock) -> None:
    """A short link has what no index can tell, and is the same lock once the indexes told the rest."""
    lock = lock.without_upload_times()
    found = decode_link(encode_link(lock, short=True))
    assert isinstance(found, ShortLink)
    for entry in found.outline.entries:
        package = lock.packages[entry.name]
        if not entry.digest:
            assert package.origin is not None
            assert package.origin.index
            entry.digest, entry.size = package.wheel.digest.raw, -1 if entry.size < 0 else package.wheel.size or 0
            if entry.has_path:
                entry.path = bytes.fromhex("".join(package.wheel.url.split("/")[-4:-1]))
    assert lock == found.lock()


@given(json_values, json_values)
def test_changes(one: Any, other: Any) -> None:
    """Changes make one JSON value into the other, whatever they are."""
    before, after = {"value": one, "same": 1}, {"value": other, "same": 1, "more": one}

    assert repr(_sorted(after)) == repr(_sorted(apply(changes(before, after), deepcopy(before))))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "made",
    [
        None,
        [1],
        [[]],
        [[1]],
        [[["a"], 1, 2]],
        [[["no"]]],
        [[["info", "no", "a"], 1]],
        [[[1], 1]],
        [[[], 1]],
        [[["a", 1], 1]],
    ],
)
def test_changes_that_are_none(made: Any) -> None:
    """Changes of another form, and of what is not there, are refused."""
    with pytest.raises(LinkError) as caught:
        apply(made, {"info": {}})
    assert "content" == caught.value.code


def test_upload_times_are_left_out() -> None:
    """When a file was published is no part of a link, of the lock's id, or of what makes two locks equal."""
    lock = Lock.from_json(json.dumps(locks.VALID))
    package = next(iter(lock))
    timed = replace(package, wheel=replace(package.wheel, upload_time="2026-09-14T12:00:00.000000Z"))
    other = replace(lock, packages={package.name: timed})

    assert (lock, lock.id, encode_link(lock)) == (other, other.id, encode_link(other))
    assert _decoded(encode_link(other)).packages[package.name].wheel.upload_time is None


def test_a_typical_package_is_all_outline() -> None:
    """Of a lock as a freeze writes it nothing is left to be told as changes."""
    value = lock_to_dict(Lock.from_json(json.dumps(locks.VALID)).without_upload_times())
    assert [] == changes(expanded(outline_of(value)), value)


def test_the_longest_link() -> None:
    """A lock whose link would be longer than any is read is not written as one."""
    lock = Lock.from_json(json.dumps(locks.VALID))
    fits = replace(lock, unknown={"x": base64.b64encode(bytes(range(256)) * 100).decode()})
    noise = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(40_000))
    with pytest.raises(LinkError) as caught:
        encode_link(replace(lock, unknown={"x": noise}))

    assert ("too-long", True) == (caught.value.code, len(encode_link(fits)) <= MAX_LINK)


def test_a_reference() -> None:
    """A link by reference is an address and a digest, and nothing is asked."""
    found = decode_link(f"https://site.example/lab#x=1&lock-url=https://files.example/l.json;sha256={'ab' * 32}")
    assert isinstance(found, Reference)
    assert ("https://files.example/l.json", "ab" * 32) == (found.url, found.digest.hex)


@pytest.mark.parametrize("vector", json.loads(PATH.read_bytes()), ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    """Each link of the vectors holds what they say, or is refused with their code."""
    assert vector["says"] == said(vector["link"], vector.get("runtime"))
