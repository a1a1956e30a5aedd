"""Freeze over any set of dist-info trees: a lock that everybody can read, or the reasons why not, and nothing else."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version
from pyodide_lock import PyodideLockSpec

from micropip_lock.adapters.site import SitePackages, TargetRuntime
from micropip_lock.app.freeze import freeze
from micropip_lock.core.digest import Digest
from micropip_lock.core.dirty import Listing
from micropip_lock.core.mocks import present_mock
from micropip_lock.core.model import Lock
from micropip_lock.core.plan import TOOLS
from micropip_lock.errors import UnlockableError, UsageError
from micropip_lock.ports import InstalledDist, RuntimeLock, SiteReader, Stray
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import ABI
from tests.sites import Memory, Tree, memory_mocks, sites, sometimes, spellings

ENTRY = {"version": "1.0", "file_name": "a-1.0-py3-none-any.whl", "sha256": Digest.of(b"a").hex}
bases = st.sampled_from(["https://runtime.example/v1/", None])
entries = st.dictionaries(
    st.sampled_from(["a", "b-b", "B_b"]),
    st.fixed_dictionaries(
        {},
        optional={
            "version": st.sampled_from(["1.0", "2.0", "junk"]),
            "file_name": st.sampled_from(["a-1.0-py3-none-any.whl", "b_b-1.0-py3-none-any.whl", "a.zip", ""]),
            "sha256": st.sampled_from([Digest.of(b"a").hex, ""]),
        },
    ),
    max_size=2,
)
runtimes = st.builds(lambda packages, base: RuntimeLock(packages=packages, base=base), entries, bases)
mocks = sometimes.flatmap(
    lambda any_mock: st.lists(memory_mocks(), min_size=1, max_size=2) if any_mock else st.just([])
)


class Runtime(TargetRuntime):
    """A runtime that was booted with a lock."""

    def __init__(self, lock: RuntimeLock) -> None:
        super().__init__(ABI)
        self._lock = lock

    def lock(self) -> RuntimeLock:
        return self._lock


class Site:
    """A site with mock packages in memory besides, whose distributions and strays come in any order."""

    def __init__(self, site: SiteReader, others: Sequence[Memory], random: Random | None = None) -> None:
        self._site, self._others, self._random = site, others, random

    def distributions(self) -> list[InstalledDist]:
        return self._any_order([*self._site.distributions(), *self._others])

    def files(self) -> Listing:
        return self._site.files()

    def unfinished(self) -> None:
        return None

    def strays(self) -> list[Stray]:
        return self._any_order([*self._site.strays()])

    def _any_order[T](self, found: list[T]) -> list[T]:
        if self._random is not None:
            self._random.shuffle(found)
        return found


def on_disk(tree: Mapping[str, bytes], root: Path) -> SitePackages:
    """The same tree in a directory, with a distribution beside it on the path."""
    for path, data in tree.items():
        target = root / "site" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (root / "site").mkdir(exist_ok=True)
    return SitePackages(root / "site")


def snapshot(root: Path) -> list[tuple[str, int, int, bytes]]:
    """Every file and folder with its times and bytes."""
    return [
        (str(path), path.lstat().st_mtime_ns, path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    ]


def frozen(site: SiteReader, runtime: Runtime, **options: Any) -> Lock:
    """What a freeze that is not strict gives; a strict one gives the same, or refuses for the same reasons."""
    lock = freeze(site, runtime, strict=False, **options)
    if lock.unlocked:
        with pytest.raises(UnlockableError) as caught:
            freeze(site, runtime, **options)
        assert caught.value.items == lock.unlocked
    else:
        assert lock.to_json() == freeze(site, runtime, **options).to_json()
    return lock


def check(lock: Lock) -> None:
    """Every reader there is takes the lock."""
    text = lock.to_json()
    value = json.loads(text.encode())
    again = Lock.from_json(text.encode())
    assert text == again.to_json()
    # Reasons quote what is there, and a text spells out what cannot be seen in them.
    assert replace(lock, unlocked=()) == replace(again, unlocked=())
    spec = PyodideLockSpec.from_dict(json.loads(text))
    assert spec.packages.keys() == lock.packages.keys()
    for key, entry in value["packages"].items():
        name, version, _, _ = parse_wheel_filename(lock.packages[key].wheel.filename)
        assert (canonicalize_name(entry["name"], validate=True), Version(entry["version"])) == (name, version)
        assert key == name
    depends = {key: entry["depends"] for key, entry in value["packages"].items()}
    assert {need for needs in depends.values() for need in needs} <= depends.keys()
    assert all(key not in package.depends for key, package in lock.packages.items())
    assert depends.keys() == {*TopologicalSorter(depends).static_order()}


def installed(site: SiteReader) -> Iterator[NormalizedName]:
    for dist in site.distributions():
        mock = present_mock(dist)
        text = dist.directory.removesuffix(".dist-info").partition("-")[0]
        yield mock.name if mock else canonicalize_name(text or dist.directory)


def possibly_needed(site: SiteReader, roots: Iterable[str]) -> set[str]:
    """All that these could need, were every marker and every extra to count."""
    needs: dict[str, set[str]] = {}
    for one, dist in zip(installed(site), site.distributions(), strict=True):
        lines = re.findall(r"(?m)^Requires-Dist:[ \t]*([A-Za-z0-9._-]+)", dist.read_text("METADATA") or "")
        needs.setdefault(one, set()).update(map(str, map(canonicalize_name, lines)))
    found: set[str] = set()
    queue = list(roots)
    while queue:
        if (name := queue.pop()) not in found:
            found.add(name)
            queue += needs.get(name, ())
    return found


def check_complete(site: SiteReader, lock: Lock) -> None:
    """Each distribution is in exactly one place; in none only what a tool or the site needs."""
    unlocked = {canonicalize_name(item.name) for item in lock.unlocked}
    places = Counter([*lock.packages, *lock.mocks, *lock.site, *unlocked])
    assert {} == {name: count for name, count in places.items() if count > 1}
    lost = {str(name) for name in installed(site)} - places.keys()
    assert set() == lost - possibly_needed(site, {*TOOLS, *lock.site})


@given(sites(), mocks, runtimes)
def test_in_memory(tree: Tree, others: list[Memory], runtime_lock: RuntimeLock) -> None:
    """Any tree gives a lock that our reader, pyodide-lock and packaging take, with nothing lost, or the reasons."""
    memory = MemorySite(tree)
    before = memory.tree()
    site = Site(memory, others)
    lock = frozen(site, Runtime(runtime_lock))
    check(lock)
    check_complete(site, lock)
    assert before == memory.tree()


@given(sites(), mocks, runtimes)
def test_in_a_directory(tree: Tree, others: list[Memory], runtime_lock: RuntimeLock) -> None:
    """The same of a directory, which is byte for byte and in its times as before."""
    with tempfile.TemporaryDirectory() as name:
        site = Site(on_disk(tree, Path(name)), others)
        before = snapshot(Path(name))
        lock = frozen(site, Runtime(runtime_lock))
        check(lock)
        check_complete(site, lock)
        assert before == snapshot(Path(name))


@given(sites(with_strays=False), mocks, runtimes)
def test_memory_and_directory_agree(tree: Tree, others: list[Memory], runtime_lock: RuntimeLock) -> None:
    """A tree freezes to the same bytes from memory and from a directory."""
    with tempfile.TemporaryDirectory() as name:
        found = [
            freeze(Site(site, others), Runtime(runtime_lock), strict=False).to_json()
            for site in (MemorySite(tree), on_disk(tree, Path(name)))
        ]
    assert found[0] == found[1]


@given(sites(), mocks, runtimes, st.randoms(use_true_random=False))
def test_any_order(tree: Tree, others: list[Memory], runtime_lock: RuntimeLock, random: Random) -> None:
    """Frozen twice, and with its distributions in another order, an environment gives the same bytes."""
    memory, runtime = MemorySite(tree), Runtime(runtime_lock)
    found = [
        freeze(Site(memory, others, order), runtime, strict=False).to_json() for order in (None, None, random, random)
    ]
    assert found == found[:1] * 4


@given(sites(), mocks, runtimes, st.lists(spellings, max_size=2))
def test_roots(tree: Tree, others: list[Memory], runtime_lock: RuntimeLock, roots: list[str]) -> None:
    """Roots give a lock of a part of the environment, or say which of them is not installed."""
    site = Site(MemorySite(tree), others)
    runtime = Runtime(runtime_lock)
    unknown = {*map(canonicalize_name, roots)} - {*installed(site), *(canonicalize_name(s.name) for s in site.strays())}
    if unknown:
        with pytest.raises(UsageError) as caught:
            freeze(site, runtime, roots=roots)
        assert "unknown-root" == caught.value.code
        return
    lock = frozen(site, runtime, roots=roots)
    check(lock)
    assert lock.packages.keys() | lock.mocks.keys() <= possibly_needed(site, map(canonicalize_name, roots))
