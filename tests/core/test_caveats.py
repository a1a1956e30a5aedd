"""Notes about a lock that could be made: each is told where it is true, nowhere else, and in one order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.caveats import caveats_of
from micropip_lock.core.digest import Digest
from micropip_lock.core.graph import Needs, Unmet
from micropip_lock.core.model import LockedPackage, Origin, OriginKind, Wheel
from micropip_lock.core.verdict import Finding

INDEX = "https://index.example/simple"
DIGEST = Digest.of(b"wheel")


def package(
    name: str,
    *,
    host: str = "files.example",
    kind: OriginKind | None = "index",
    index: str | None = INDEX,
    yanked: bool | str = False,
    imports: Sequence[str] = (),
    missing: Iterable[str] = (),
    version: str = "1.0",
) -> LockedPackage:
    url = f"https://{host}/{name}-{version}-py3-none-any.whl"
    return LockedPackage(
        name=canonicalize_name(name),
        display_name=name,
        version=version,
        wheel=Wheel(url=url, digest=DIGEST, yanked=yanked),
        imports=tuple(imports),
        missing=tuple(map(canonicalize_name, missing)),
        origin=None if kind is None else Origin(kind=kind, url=url, index=index if kind == "index" else None),
    )


def notes(
    *packages: LockedPackage,
    needs: Mapping[str, Needs] | None = None,
    namespaces: Mapping[str, Iterable[str]] | None = None,
    runtime: Mapping[str, Mapping[str, Any]] | None = None,
    left_out: Iterable[str] = (),
) -> tuple[Finding, ...]:
    return caveats_of(
        packages,
        needs={one.name: (needs or {}).get(one.name, Needs()) for one in packages},
        namespaces=namespaces or {},
        runtime_packages=runtime or {},
        left_out=frozenset(left_out),
    )


def told(found: Iterable[Finding]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.package, one.code, one.expected, one.got) for one in found]


def test_nothing_to_note() -> None:
    """Packages of one index and host, each with its own import name, give no notes; nor does an empty lock."""
    sound = [package(name, imports=[name]) for name in "abc"]
    assert ((), ()) == (notes(*sound), notes())


def test_every_note_is_a_note() -> None:
    """No caveat is an error: none of them stops a freeze."""
    found = notes(package("a", missing=["b"], yanked=True))
    assert ["note", "note"] == [one.severity for one in found]


def test_open_closure() -> None:
    """What a package requires and the lock does not hold is told, but for what is no matter of the lock."""
    found = notes(package("a", missing=["gone", "micropip"]), left_out=["micropip"])
    assert [("a", "open-closure", "gone", None)] == told(found)


def test_unmet() -> None:
    """A version that does not meet a requirement, and a requirement that cannot be read, are told with both sides."""
    unmet = (Unmet(requirement="b>=2", got="1.0"), Unmet(requirement='b b; extra == "x"', got=None))
    found = notes(package("a"), needs={"a": Needs(unmet=unmet)})
    assert [
        ("a", "open-closure", "b>=2", "1.0"),
        ("a", "requires-dist", "a dependency specifier (PEP 508)", repr('b b; extra == "x"')),
    ] == told(found)


def test_import_clash() -> None:
    """Each of those that claim one import name is told with the others; a namespace may be shared."""
    three = [package(name, imports=["spam", "ns", name]) for name in ("c", "a", "b")]
    found = notes(*three, namespaces={"a": ["ns"]})
    assert [
        ("a", "import-clash", None, "b, c"),
        ("b", "import-clash", None, "a, c"),
        ("c", "import-clash", None, "a, b"),
    ] == told(found)


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["files.example"] * 3, []),
        (["files.example", "files.example", "other.example"], ["c"]),
        (["files.example", "other.example"], []),
        (["files.example", "other.example", "third.example"], []),
        (["files.example", "files.example", "index.example"], []),
        (["files.example", "files.example", "user@files.example"], []),
        (["files.example", "files.example", "files.example:8080"], ["c"]),
    ],
    ids=["one", "odd-one", "halves", "no-usual-one", "the-indexs-own", "user", "port"],
)
def test_host_mismatch(hosts: list[str], expected: list[str]) -> None:
    """A file from another host than most of its index's files is told, unless it is the index's own host."""
    found = notes(*(package(name, host=host) for name, host in zip("abc", hosts, strict=False)))
    assert expected == [one.package for one in found if one.code == "host-mismatch"]


def test_host_mismatch_says_both_hosts() -> None:
    """The note has the usual host and the odd one."""
    found = notes(package("a"), package("b"), package("c", host="other.example"))
    assert [("c", "host-mismatch", "files.example", "other.example")] == told(found)


def test_hosts_are_compared_within_an_index() -> None:
    """Files of another index, of an unknown one, of direct URLs and of the runtime have hosts of their own."""
    others = [
        package("c", host="other.example", index="https://other.example/simple"),
        package("d", host="third.example", index=None),
        package("e", host="fourth.example", kind="url"),
        package("f", host="fifth.example", kind="runtime"),
        package("g", host="sixth.example", kind=None),
    ]
    assert () == notes(package("a"), package("b"), *others)


RUNTIME = {"version": "1.0", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("kind", "entry", "expected"),
    [
        ("index", RUNTIME, True),
        ("url", RUNTIME, True),
        ("runtime", RUNTIME, False),
        (None, RUNTIME, False),
        ("index", RUNTIME | {"version": "2.0"}, False),
        ("index", RUNTIME | {"sha256": DIGEST.hex}, False),
        ("index", RUNTIME | {"sha256": DIGEST.hex.upper()}, False),
        ("index", {}, False),
    ],
)
def test_source_conflict(kind: OriginKind | None, entry: dict[str, str], expected: bool) -> None:
    """Another build of the same version in the runtime's own distribution is told, whatever its key's spelling."""
    found = notes(package("a-b", kind=kind), runtime={"A_B": entry})
    facts = ("a-b", "source-conflict", f"sha256 {DIGEST.hex}", f"sha256 {'0' * 64}")
    assert ([facts] if expected else []) == told(found)


@pytest.mark.parametrize(("yanked", "expected"), [(False, []), (True, [None]), ("it was broken", ["it was broken"])])
def test_yanked(yanked: bool | str, expected: list[str | None]) -> None:
    """A file that its index had withdrawn is told, with the reason where there is one."""
    assert expected == [one.got for one in notes(package("a", yanked=yanked))]


@given(st.randoms(use_true_random=False))
def test_order(random: Random) -> None:
    """Notes come by package, code and message, whatever the order of the packages."""
    packages = [
        package("b", imports=["spam", "eggs"], missing=["y", "x"], yanked=True),
        package("a", imports=["spam", "eggs"]),
        package("c", host="other.example"),
        package("d"),
    ]
    first = told(notes(*packages))
    random.shuffle(packages)
    again = notes(*packages)
    assert (first, sorted(one.package for one in again)) == (told(again), [one.package for one in again])
