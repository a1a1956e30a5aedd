"""Freeze over many environments: no order matters, nothing is lost, and a replay of it freezes to the same bytes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.adapters.site import SiteInstaller, SitePackages
from micropip_lock.app.freeze import freeze
from micropip_lock.app.replay import replay
from micropip_lock.core.dirty import Listing
from micropip_lock.core.mocks import mock_files
from micropip_lock.core.model import Lock, Mock, Origin, OriginKind
from micropip_lock.ports import Fetched, InstalledDist, Stray
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite
from tests.app.recorded import APP, INDEX, LIB, OTHER, RUNTIME, records_of, url_of


class Shuffled:
    """A site whose distributions come in another order."""

    def __init__(self, site: MemorySite, random: Random) -> None:
        self._site, self._random = site, random

    def distributions(self) -> list[InstalledDist]:
        found: list[InstalledDist] = list(self._site.distributions())
        self._random.shuffle(found)
        return found

    def files(self) -> Listing:
        return self._site.files()

    def unfinished(self) -> None:
        return None

    def strays(self) -> Sequence[Stray]:
        return self._site.strays()


NAMES = ["a", "b", "c", "d", "micropip", "packaging"]


dists = st.lists(
    st.builds(
        lambda name, version, needs, recorded, requested: (
            wheel(name, version, requires=sorted(needs)),
            recorded,
            requested,
        ),
        st.sampled_from(NAMES),
        st.sampled_from(["1.0", "2.0"]),
        st.sets(st.sampled_from([*NAMES, "absent", 'd; sys_platform == "win32"', 'c; extra == "x"']), max_size=3),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: (one[0].name, one[0].version),
)


def made(found: Sequence[tuple[BuiltWheel, bool, bool]]) -> MemorySite:
    site = MemorySite()
    for built, recorded, requested in found:
        site.install(built, records_of(built, requested=requested) if recorded else {})
    return site


@given(dists, st.randoms())
def test_order_does_not_matter(found: Sequence[tuple[BuiltWheel, bool, bool]], random: Random) -> None:
    """The same distributions in any order, installed in any order, give the same bytes."""
    site = made(found)
    again = made(random.sample(list(found), len(found)))
    one = freeze(site, RUNTIME, strict=False).to_json()
    assert one == freeze(Shuffled(again, random), RUNTIME, strict=False).to_json()


@given(dists)
def test_nothing_is_left_out_in_silence(found: Sequence[tuple[BuiltWheel, bool, bool]]) -> None:
    """Every distribution is locked, listed with a reason, or a tool and what only a tool needs; never two of these."""
    lock = freeze(made(found), RUNTIME, strict=False)
    unlocked = {item.name for item in lock.unlocked}
    missed = {one[0].name for one in found} - set(lock.packages) - unlocked
    needed_by_tools = {"micropip"}
    for _ in found:
        needed_by_tools |= {
            need
            for built, _, _ in found
            if built.name in needed_by_tools
            for need in NAMES
            if f"Requires-Dist: {need}\n" in built.metadata.decode()
        }
    dangling = {need for package in lock for need in package.depends} - set(lock.packages)
    assert (set(), set(), set()) == (missed - needed_by_tools, unlocked & set(lock.packages), dangling)


@given(dists)
def test_a_lock_is_valid(found: Sequence[tuple[BuiltWheel, bool, bool]]) -> None:
    """What freeze gives is a lock that its own reader takes, unchanged."""
    lock = freeze(made(found), RUNTIME, strict=False)
    assert lock == Lock.from_json(lock.to_json())


class Files:
    """Serves wheels from memory."""

    def __init__(self, wheels: Iterable[BuiltWheel]) -> None:
        self._data = {url_of(built): built.data for built in wheels}

    async def fetch(self, url: str, **_options: Any) -> Fetched:
        return Fetched(data=self._data[url], url=url)


@pytest.mark.parametrize("as_pyodide", [False, True])
def test_fixed_point(tmp_path: Path, as_pyodide: bool) -> None:
    """Frozen, replayed into a directory and frozen again, the lock is the same bytes."""
    spread = wheel(
        "spread",
        data={"scripts/run": "#!python\n", "purelib/pure.py": "", "data/share/x": ""},
        requires=["app", "gone"],
    )
    native = wheel(
        "native", files={"native.abi3.so": "wasm"}, tag="cp314-cp314-pyemscripten_2026_0_wasm32", extras={"x": ["lib"]}
    )
    wheels = [APP, LIB, OTHER, spread, native]
    site = MemorySite()
    facts: Mapping[str, dict[str, Any]] = {
        "app": {"requested": True, "requirement": "app>=1", "extras": ("x",)},
        "lib": {
            "origin": Origin(kind="url", url=url_of(LIB)),
            "upload_time": "2026-01-01T00:00:00Z",
            "yanked": "broken",
        },
        "other": {"origin": Origin(kind="runtime", url=url_of(OTHER)), "size": None},
        "spread": {"origin": Origin(kind="index", url=url_of(spread))},
    }
    for built in wheels:
        site.install(built, records_of(built, **facts.get(built.name, {})))
    first = freeze(site, RUNTIME)
    target = tmp_path / "prefix" / "site"
    packages = SitePackages(target, prefix=target.parent)
    installer = SiteInstaller(target, prefix=target.parent, as_pyodide=as_pyodide)
    asyncio.run(
        replay(
            Lock.from_json(first.to_json()), site=packages, runtime=RUNTIME, fetcher=Files(wheels), installer=installer
        )
    )
    second = freeze(packages, RUNTIME)
    moved = () if as_pyodide else ("pure",)
    # A module that .data brings is importable only where it was moved out of it.
    expected = first.to_json().replace('"imports": [\n        "spread"\n      ]', imports("spread", *moved))
    assert expected == second.to_json()


@st.composite
def environments(draw: st.DrawFn) -> tuple[MemorySite, list[BuiltWheel]]:
    """A sound environment: recorded wheels that need each other in any way, mock packages in files, tools."""
    site, wheels = MemorySite(), []
    names = draw(st.lists(st.sampled_from([*NAMES, "B_b.x", "piplite"]), unique=True, max_size=5))
    needs = st.lists(
        st.builds(
            "{}{}{}".format,
            st.sampled_from([*NAMES, "b-b-x", "absent", "Standin"]),
            st.sampled_from(["", "", "[x]", "[all]"]),
            st.sampled_from(["", ">=1", "==7", '; sys_platform == "emscripten"', '; python_version < "3"']),
        ),
        max_size=3,
    )
    if draw(st.booleans()):
        modules = draw(st.dictionaries(st.sampled_from(["standin", "standin_x.y"]), st.just("x = 1\n"), max_size=2))
        mock = Mock(
            name=canonicalize_name("Standin"), display_name="Standin", version="1.0", persistent=True, modules=modules
        )
        for path, text in mock_files(mock).items():
            site.write(path, text)
    for name in names:
        stem = canonicalize_name(name).replace("-", "_")
        files = draw(
            st.sampled_from([[f"{stem}.py"], [f"{stem}/__init__.py", f"{stem}/x.txt"], [f"ns/{stem}/x.py"], []])
        )
        built = wheel(
            name,
            draw(st.sampled_from(["1.0", "2.0rc1", "1!3.0+local.1"])),
            files=dict.fromkeys(files, "x = 1\n"),
            data=draw(st.sampled_from([{}, {"scripts/" + stem: "#!python\n"}, {"data/share/" + stem: "x"}])),
            requires=draw(needs),
            extras={"x": draw(needs), "all": [f"{name}[x]"]},
            tag=draw(st.sampled_from(["py3-none-any", "py2.py3-none-any", "cp314-cp314-pyemscripten_2026_0_wasm32"])),
        )
        kinds: list[OriginKind] = ["index", "url", "runtime"]
        kind = draw(st.sampled_from(kinds))
        origin = Origin(
            kind=kind, url=url_of(built), index=draw(st.sampled_from([None, INDEX])) if kind == "index" else None
        )
        records = records_of(
            built,
            origin=origin,
            size=draw(st.sampled_from([None, built.size])),
            upload_time=draw(st.sampled_from([None, "2026-01-01T00:00:00Z"])),
            requested=draw(st.booleans()),
            requirement=draw(st.sampled_from([None, f"{name}>=1", f"{name} @ {url_of(built)}"])),
            extras=draw(st.sampled_from([(), ("x",), ("all",), ("nowhere",)])),
        )
        site.install(built, records)
        wheels.append(built)
    return site, wheels


@given(environments(), st.booleans())
def test_any_sound_environment_is_a_fixed_point(found: tuple[MemorySite, list[BuiltWheel]], as_pyodide: bool) -> None:
    """Frozen, replayed into an empty directory and frozen again, any sound environment gives the same bytes."""
    site, wheels = found
    first = freeze(site, RUNTIME).to_json()
    with tempfile.TemporaryDirectory() as name:
        target = Path(name, "site")
        packages = SitePackages(target, prefix=target.parent)
        installer = SiteInstaller(target, prefix=target.parent, as_pyodide=as_pyodide)
        lock = Lock.from_json(first)
        asyncio.run(replay(lock, site=packages, runtime=RUNTIME, fetcher=Files(wheels), installer=installer))
        second = freeze(packages, RUNTIME).to_json()
    assert first == second


def imports(*found: str) -> str:
    return '"imports": [\n        ' + ",\n        ".join(f'"{name}"' for name in sorted(found)) + "\n      ]"
