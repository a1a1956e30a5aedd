"""The pure replay machine: what to fetch, in which order, and what is refused before any request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.abis import runtime_tags
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Wheel, by_name
from micropip_lock.core.plan import (
    Installed,
    Plan,
    absolute_url,
    extras_of,
    install_order,
    make_plan,
)
from micropip_lock.core.policy import Policy
from micropip_lock.errors import (
    EnvironmentMismatchError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
)

ABI = Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2")
TAGS = runtime_tags(ABI)


def locked(name: str, *, size: int | None = 1, depends: tuple[str, ...] = (), **changes: Any) -> LockedPackage:
    url = changes.pop("url", f"https://files.example/{name}-1.0-py3-none-any.whl")
    package = LockedPackage(
        name=canonicalize_name(name),
        display_name=name,
        version="1.0",
        wheel=Wheel(url=url, digest=Digest.of(name.encode()), size=size),
        depends=tuple(map(canonicalize_name, depends)),
    )
    return replace(package, **changes)


def lock_of(*packages: LockedPackage, **changes: Any) -> Lock:
    return replace(Lock(abi=ABI, packages=by_name(packages)), **changes)


def present(name: str, digest: Digest | None = None, version: str = "1.0") -> Installed:
    return Installed(
        name=canonicalize_name(name), version=version, digest=digest, directory=f"{name}-{version}.dist-info"
    )


def plan_of(lock: Lock, *installed: Installed, **options: Any) -> Plan:
    return make_plan(lock, installed, abi=ABI, tags=TAGS, **options)


def refused(lock: Lock) -> MicropipLockError:
    with pytest.raises(MicropipLockError) as caught:
        plan_of(lock)
    return caught.value


def test_largest_first() -> None:
    """Downloads start with those of unknown size, then the largest; equal ones by name."""
    lock = lock_of(*(locked(name, size=size) for name, size in [("a", 1), ("b", 9), ("c", None), ("d", 9), ("e", 0)]))
    assert ["c", "b", "d", "a", "e"] == [one.package.name for one in plan_of(lock).downloads]


def test_skip_on_the_same_digest() -> None:
    """What is installed from the same bytes is skipped, and nothing of it is fetched or installed."""
    lock = lock_of(locked("a"), locked("b"))
    plan = plan_of(lock, present("a", Digest.of(b"a")))
    expected = (["a"], ["b"], ("b",))
    assert expected == ([one.name for one in plan.skipped], [one.package.name for one in plan.downloads], plan.order)


@pytest.mark.parametrize("digest", [None, Digest.of(b"other")])
def test_another_digest_is_replaced(digest: Digest | None) -> None:
    """What is installed from other bytes, or from nobody knows what, is replaced, the same version included."""
    there = present("a", digest)
    assert [(there,)] == [one.replaces for one in plan_of(lock_of(locked("a")), there).downloads]


def test_two_of_one_name_are_replaced() -> None:
    """Two dist-info directories of one name are both replaced, even when one has the right digest."""
    there = (present("a", Digest.of(b"a")), present("a", None, "0.9"))
    assert [there] == [one.replaces for one in plan_of(lock_of(locked("a")), *there).downloads]


def test_force_installs_again() -> None:
    """With force nothing is skipped."""
    there = present("a", Digest.of(b"a"))
    plan = plan_of(lock_of(locked("a")), there, force=True)
    assert ((), [(there,)]) == (plan.skipped, [one.replaces for one in plan.downloads])


def test_what_else_is_installed_stays() -> None:
    """A distribution that the lock does not name is no part of the plan."""
    plan = plan_of(lock_of(locked("a")), present("z"))
    assert [("a", ())] == [(one.package.name, one.replaces) for one in plan.downloads]


@pytest.mark.parametrize(("sizes", "expected"), [((1, 2), 3), ((1, None), None), ((), 0)])
def test_total_bytes(sizes: tuple[int | None, ...], expected: int | None) -> None:
    """The total is known when every size is."""
    lock = lock_of(*(locked(f"p{number}", size=size) for number, size in enumerate(sizes)))
    assert expected == plan_of(lock).total_bytes


def test_all_that_is_wrong_is_told_at_once() -> None:
    """The ABI, each file, each address: one error has them all, the gravest first; consent is not asked for yet."""
    packages = [
        locked("a", url="https://files.example/b-1.0-py3-none-any.whl"),
        locked("b", url="https://files.example/b-1.0-cp313-cp313-pyemscripten_2025_0_wasm32.whl"),
        locked("c", url="http://files.example/c-1.0-py3-none-any.whl"),
        locked("d", url="d-1.0-py3-none-any.whl"),
        locked("e", url="https://files.example/e-1.0.zip", size=2**28),
        locked("f"),
    ]
    with pytest.raises(LockSchemaError) as caught:
        plan_of(lock_of(*packages, abi=replace(ABI, abi_version="2025_0")))
    assert [
        ("a", "filename"),
        ("e", "not-wheel"),
        ("d", "relative-url"),
        ("c", "insecure"),
        (None, "abi-mismatch"),
        ("b", "tag-mismatch"),
    ] == [(error.package, error.code) for error in caught.value.errors]


def test_an_installed_file_is_checked_as_well() -> None:
    """A lock for elsewhere is refused even when all of it is there."""
    url = "https://files.example/a-1.0-cp311-abi3-manylinux_2_17_x86_64.whl"
    with pytest.raises(EnvironmentMismatchError) as caught:
        plan_of(lock_of(locked("a", url=url)), present("a", Digest.of(b"a")))
    assert "tag-mismatch" == caught.value.code


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("a.whl", "https://site.example/lock/", "https://site.example/lock/a.whl"),
        ("../w/a.whl", "https://site.example/lock/", "https://site.example/w/a.whl"),
        ("a.whl", "file:///home/me/", "file:///home/me/a.whl"),
        ("https://files.example/a.whl", None, "https://files.example/a.whl"),
        ("https://files.example/a.whl", "https://site.example/", "https://files.example/a.whl"),
        ("w/a.whl", "emfs:///home/me/lock.json", "emfs:///home/me/w/a.whl"),
        ("../a.whl", "emfs:///home/me/lock.json", "emfs:///home/a.whl"),
    ],
)
def test_relative_addresses(url: str, base: str | None, expected: str) -> None:
    """A relative address is resolved against the lock's own."""
    assert expected == absolute_url(locked("a", url=url), base)


@pytest.mark.parametrize("base", [None, "", "blob:https://site.example/1", "relative/"])
def test_relative_address_without_a_base(base: str | None) -> None:
    """Without an address to resolve against, a relative one is refused."""
    with pytest.raises(LockPolicyError) as caught:
        absolute_url(locked("a", url="a.whl"), base)
    assert "relative-url" == caught.value.code


def order(graph: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [str(name) for name in install_order(by_name(locked(name, depends=deps) for name, deps in graph.items()))]


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": ("b",), "b": ("c",), "c": ()}, ["c", "b", "a"]),
        ({"a": ("b",), "b": ("a",)}, ["b", "a"]),
        ({"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ()}, ["d", "b", "c", "a"]),
        ({"a": ("a",)}, ["a"]),
        ({"a": ("nowhere",)}, ["a"]),
        ({"c": ("a",), "a": ("b",), "b": ("a", "c")}, ["c", "b", "a"]),
    ],
)
def test_install_order(graph: dict[str, tuple[str, ...]], expected: list[str]) -> None:
    """Dependencies first; a cycle is entered at its first name."""
    assert expected == order(graph)


def test_long_chain() -> None:
    """Two thousand packages in a row need no stack."""
    count = 2000
    graph = {f"p{number:04}": (f"p{number + 1:04}",) if number + 1 < count else () for number in range(count)}
    assert [f"p{number:04}" for number in reversed(range(count))] == order(graph)


names = st.sampled_from("abcdefg")
graphs = st.dictionaries(names, st.lists(names, unique=True).map(tuple), min_size=1)


@given(graphs, st.randoms())
def test_order_does_not_depend_on_spelling(graph: dict[str, tuple[str, ...]], random: Random) -> None:
    """The same graph written in another order is installed in the same order."""
    shuffled = {
        name: tuple(random.sample(graph[name], len(graph[name]))) for name in random.sample(list(graph), len(graph))
    }
    assert order(graph) == order(shuffled)


@given(graphs)
def test_every_package_once_after_what_it_needs(graph: dict[str, tuple[str, ...]]) -> None:
    """Each package comes once, and before it all that it needs and that does not need it."""

    def reaches(start: str) -> set[str]:
        seen: set[str] = set()
        queue = [start]
        while queue:
            for name in graph.get(queue.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    queue.append(name)
        return seen

    found = order(graph)
    place = {name: number for number, name in enumerate(found)}
    late = [
        (name, need)
        for name, needs in graph.items()
        for need in needs
        if need in graph and place[need] > place[name] and name not in reaches(need)
    ]
    assert (sorted(graph), []) == (sorted(found), late)


def test_order_is_of_normalised_names() -> None:
    """The order is of the keys of the lock."""
    lock = lock_of(locked("Foo_Bar", url="https://files.example/foo_bar-1.0-py3-none-any.whl"))
    assert ("foo-bar",) == plan_of(lock).order


@pytest.mark.parametrize("base", [None, "https://host.example/locks/pyodide-lock.json"])
def test_a_lock_from_elsewhere_names_no_local_file(base: str | None) -> None:
    """A lock that is no file of this machine may not name one; a lock that is, may."""
    package = locked("a", url="file:///srv/a-1.0-py3-none-any.whl")
    with pytest.raises(LockPolicyError) as caught:
        plan_of(replace(lock_of(package), base=base))
    assert "local-path" == caught.value.code
    (download,) = plan_of(replace(lock_of(package), base="file:///srv/pyodide-lock.json")).downloads
    assert package.wheel.url == download.url


def test_the_policy_judges_what_is_installed_too() -> None:
    """A lock is refused for an address of a package that needs no download; its bytes do not count."""
    package = locked("a", url="http://files.example/a-1.0-py3-none-any.whl", size=10)
    here = Installed(name=package.name, version="1.0", digest=package.wheel.digest, directory="a-1.0.dist-info")
    with pytest.raises(LockPolicyError) as caught:
        plan_of(lock_of(package), here)
    policy = Policy(allow_insecure_hosts=("files.example",), max_download_bytes=9)
    assert ("insecure", ()) == (caught.value.code, plan_of(lock_of(package), here, policy=policy).downloads)


def test_extras() -> None:
    """What an exact replay takes away: all but the lock's packages, what it leaves to the site, what is kept."""
    lock = lock_of(locked("a"), site={"of-site": "1.0"})
    installed = [present(name) for name in ("z", "a", "of-site", "kept", "b")]
    extras = extras_of(lock, installed, keeps={"kept"})
    assert (["b", "z"], tuple(extras)) == (
        [one.name for one in extras],
        plan_of(lock, *installed, extras=extras).removed,
    )


def test_nothing_is_extra_by_default() -> None:
    """A plan removes what it is told to, and otherwise nothing."""
    assert () == plan_of(lock_of(locked("a")), present("b")).removed


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_what_stays_and_what_goes(names: set[str], there: set[str], keeps: set[str]) -> None:
    """Afterwards exactly the lock's packages are in place, and what was there and is kept."""
    extras = extras_of(lock_of(*map(locked, sorted(names))), map(present, sorted(there)), keeps=keeps)
    assert there - names - keeps == {one.name for one in extras}
