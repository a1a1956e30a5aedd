"""Lock links: whatever lock goes in comes out, and whatever else comes in is refused with its code."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from micropip_lock.core.digest import Digest
from micropip_lock.core.formats.pyodide_lock import lock_to_dict
from micropip_lock.core.link import ShortLink, base_digest, decode_link, encode_link
from micropip_lock.core.link_address import MAX_LINK, Reference, is_link
from micropip_lock.core.link_coder import Coder, Reader
from micropip_lock.core.link_names import KNOWN_NAMES
from micropip_lock.core.link_outline import apply, changes, expanded, outline_of
from micropip_lock.core.model import Lock
from micropip_lock.errors import LinkError, MicropipLockError
from tests import links, locks
from tests.core.link_vectors import PATH, said
from tests.links import sealed
from tests.strategies import json_values
from tests.strategies import locks as any_locks

VECTORS: list[dict[str, Any]] = json.loads(PATH.read_bytes())
# Links of every kind as each writer makes them.
LINKS = [one["link"] for one in VECTORS if one["link"].startswith("#lock=1.") and one["says"].get("form")]
FIXTURES = [path for path in locks.FIXTURES if path.suffix == ".json"]


def _decoded(link: str, **options: Any) -> Lock:
    found = decode_link(link, **options)
    assert isinstance(found, Lock)
    return found


def _code(link: str) -> str:
    with pytest.raises(LinkError) as caught:
        decode_link(link)
    return caught.value.code


@settings(max_examples=25)
@given(any_locks())
def test_any_lock_comes_back(lock: Lock) -> None:
    """Every lock that there can be is what its link holds, field by field and by its id."""
    found = _decoded(encode_link(lock))

    assert (lock, lock.id) == (found, found.id)


@settings(max_examples=25)
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


@given(st.sampled_from(LINKS), st.data())
def test_a_flipped_character(link: str, data: st.DataObject) -> None:
    """A link in which one character is another one is refused as damaged.

    In the first ones, which say the length, that may look like something else; so may an odd last one.
    """
    start = len("#lock=1.")
    at = data.draw(st.integers(start, len(link) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    if other != link[at]:
        allowed = {"checksum"}
        if at < start + 4:
            allowed = {"checksum", "truncated", "trailing"}
        elif at == len(link) - 1:
            allowed = {"checksum", "encoding"}
        assert _code(link[:at] + other + link[at + 1 :]) in allowed


@given(st.sampled_from(LINKS), st.data())
def test_a_link_that_is_cut_off(link: str, data: st.DataObject) -> None:
    """However much of its end is missing, it is told as cut off."""
    kept = data.draw(st.integers(len("#lock=1.A"), len(link) - 1))

    assert "truncated" == _code(link[:kept])


@given(st.sampled_from(LINKS), st.text("ABCxyz09-_", min_size=2, max_size=20))
def test_something_behind_a_link(link: str, more: str) -> None:
    """Characters that follow a link are told as such."""
    assert _code(link + more) in ("trailing", "encoding", "checksum")


@given(st.binary(max_size=300))
@example(b"")
@example(bytes(100))
def test_garbage(data: bytes) -> None:
    """Whatever bytes are in a link, a lock or an error of ours comes out."""
    _refused(base64.urlsafe_b64encode(data).rstrip(b"=").decode())


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(LINKS), st.binary(max_size=60), st.data())
def test_garbage_with_a_right_checksum(link: str, noise: bytes, data: st.DataObject) -> None:
    """The same where somebody made the checksum right."""
    body = bytearray(base64.urlsafe_b64decode(link[8:] + "=" * (-len(link[8:]) % 4)))
    at = data.draw(st.integers(7, len(body) - 1))
    body[at : at + len(noise)] = noise
    _refused(sealed(bytes(body[:1]), bytes(body[7:])))


def _refused(body: str) -> None:
    try:
        assert isinstance(decode_link(f"#lock=1.{body}"), Lock | ShortLink)
    except MicropipLockError as error:
        assert isinstance(error, LinkError)  # noqa: PT017  # either is right


@settings(max_examples=25)
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


@pytest.mark.parametrize(
    ("make", "code"), [(links.repeated, "too-large"), (links.needed, "too-large"), (links.deep, "content")]
)
def test_a_short_text_that_stands_for_a_long_one(make: Callable[[], str], code: str) -> None:
    """What a few bits repeat for every package, or nest, is refused before it is put together."""
    link = make()
    assert len(link) < 20_000
    assert code == _code(link)


@pytest.mark.parametrize("name", ["Name", "a_b", "a.b", "-a", "a-", "a--b", "ß", "\ue000", "../../a?b", ""])
def test_a_name_that_is_not_normalised(name: str) -> None:
    """A key that no lock has is refused in both languages alike, before it is part of an index's address."""
    for short in (False, True):
        assert "content" == _code(links.of_name(name, short=short))


@pytest.mark.parametrize("data", [b"", b"\x12\x34\x56\x78\x9a"])
def test_a_stream_that_ends(data: bytes) -> None:
    """Behind the end of its bytes a reader does not go on with what nobody wrote."""
    reader = Reader(Coder(), data)
    with pytest.raises(LinkError) as caught:
        deque((reader._code(2**15, 0) for _ in range(8 * len(data) + 40)), maxlen=0)
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


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    """Each link of the vectors holds what they say, or is refused with their code."""
    assert vector["says"] == said(vector["link"], vector.get("runtime"))


def test_how_long_links_are() -> None:
    """Thirty packages of an index stay below 2,970 characters, 480 in the short form; of a runtime below 6 each."""
    value = json.loads(json.dumps(locks.VALID))
    names = KNOWN_NAMES[:20] + tuple(f"unheard-of-{number * number}" for number in range(10))
    noise = iter(bytes.fromhex("".join(Digest.of(bytes([number])).hex for number in range(62))))
    value["packages"] = {name: _typical(name, number, noise) for number, name in enumerate(names)}
    value["tool"] = {"micropip-lock": {"version": 1}}
    lock = Lock.from_json(json.dumps(value))
    base = {name: {**value["packages"][name], "tool": {}} for name in names}
    for name in names[:20]:
        value["packages"][name]["tool"]["micropip-lock"] = {"source": "runtime"}
    value["packages"] = {name: value["packages"][name] for name in names[:20]}
    of_runtime = Lock.from_json(json.dumps(value))

    assert 30 == len(lock)
    assert len(encode_link(lock)) <= 2_970
    assert len(encode_link(lock, short=True)) <= 480
    assert len(encode_link(of_runtime, base=base)) <= 6 * len(of_runtime)


def _typical(name: str, number: int, noise: Iterator[int]) -> dict[str, Any]:
    """A package of an index, its digests as good as random."""
    digest, path = (bytes(next(noise) for _ in range(32)).hex() for _ in range(2))
    version = f"{number % 7}.{number * 3 % 11}.{number * 5 % 13}"
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    facts = {"source": "index", "index": "https://index.example/simple", "size": 9_000 + 7919 * number * number}
    return locks.SIX | {
        "name": name,
        "version": version,
        "file_name": f"https://files.example.org/packages/{path[:2]}/{path[2:4]}/{path[4:]}/{file}",
        "sha256": digest,
        "imports": [name.replace("-", "_")],
        "depends": [],
        "tool": {"micropip-lock": facts},
    }


def test_two_thousand_packages() -> None:
    """As many packages as a lock may have fit into a short link; in full there is no room for them."""
    noise = iter(lambda: 7, None)
    names = sorted(f"package-{number}" for number in range(2_000))
    packages = {name: _typical(name, number, noise) for number, name in enumerate(names)}
    for number, name in enumerate(names[10:], 10):
        packages[name]["depends"] = names[number // 2 : number // 2 + 3 * (number % 2)]
    value = locks.VALID | {"packages": packages, "tool": {"micropip-lock": {"version": 1}}}
    lock = Lock.from_json(json.dumps(value))
    found = decode_link(encode_link(lock, short=True))
    assert isinstance(found, ShortLink)
    assert [entry.name for entry in found.outline.entries] == names
    needs = [[found.outline.entries[at].name for at in entry.needs] for entry in found.outline.entries]
    assert [list(package.depends) for package in lock] == needs
    with pytest.raises(LinkError) as caught:
        encode_link(lock)
    assert "too-long" == caught.value.code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#lock=1.AA", True),
        ("#a=b&lock=", True),
        ("https://site.example/#lock-url=x", True),
        ("https://site.example/?lock=1.AAAAAAAAAAAAAAAAAAAAAAAAAAAA", True),
        ("https://site.example/get?lock=one.json", False),
        ("https://site.example/lock.json#lock", False),
        ("https://site.example/lock=1.AA", False),
        ("a#lock=1.json", False),
        ("lock=1.AA", False),
        ("", False),
    ],
)
def test_what_means_to_be_a_link(text: str, expected: bool) -> None:
    """Addresses and fragments with our parameters are links; files and servers may have such names."""
    assert expected == is_link(text)
