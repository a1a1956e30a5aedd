"""Hypothesis strategies for the values that micropip-lock passes around: every lock made here is valid.

``locks()`` is as wide as the format: every package type and origin, relative and absolute files, unknown fields, other
tools' tables, cycles among dependencies. Left to others: invalid input, which each test writes where it is refused.
"""

from __future__ import annotations

from textwrap import dedent
from typing import Any, get_args
from urllib.parse import quote

from hypothesis import strategies as st
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import (
    TOOL_NAME,
    Abi,
    Lock,
    LockedPackage,
    Mock,
    Origin,
    OriginKind,
    PackageType,
    StartPack,
    Wheel,
    by_name,
    mocks_by_name,
)
from micropip_lock.errors import Unlockable

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
KNOWN_OF_OURS = {
    *("source", "index", "url", "size", "upload-time", "yanked", "requested", "requirement", "extras"),
    *("missing", "mocked", "depends"),
    *("version", "mocks", "site", "start", "unlocked"),
}
KNOWN_OF_ENTRY = {
    *("name", "version", "file_name", "install_dir", "sha256", "package_type", "imports", "depends"),
    *("unvendored_tests", "tool"),
}
KNOWN_OF_INFO = {"abi_version", "arch", "platform", "python"}
KNOWN_OF_TOP = {"info", "packages", "tool"}

# Printable, with letters that need escapes, two UTF-16 units or care in HTML.
texts = st.text(st.sampled_from("ab Zé😀<>&\"'\\/.-_#"), max_size=8)
sources = st.text(st.sampled_from("ab \n\t=1'😀"), max_size=8).map(dedent)
words = st.text(LETTERS + "-_", min_size=1, max_size=8)
whole_numbers = st.integers(0, 2**53 - 1)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

digests = st.binary(min_size=32, max_size=32).map(Digest)

versions = st.builds(
    "{}{}{}{}".format,
    st.lists(st.integers(0, 99), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts))),
    st.sampled_from(["", "a1", "b2", "rc3"]),
    st.sampled_from(["", ".post1"]),
    st.sampled_from(["", ".dev4", "+local.1"]),
)


@st.composite
def names(draw: st.DrawFn) -> str:
    """A distribution name (PEP 508) in any spelling."""
    parts = draw(st.lists(st.text(LETTERS + "ABC", min_size=1, max_size=4), min_size=1, max_size=3))
    return draw(st.sampled_from("-_.")).join(parts)


def dictionaries(known: set[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Unknown fields: any JSON value under any name but the known ones."""
    return st.dictionaries(words.filter(lambda key: key not in known), json_values, max_size=2)


@st.composite
def tool_tables(draw: st.DrawFn) -> dict[str, Any]:
    """``tool_unknown``: other tools' tables, and keys of ours that this version does not know."""
    tables: dict[str, Any] = draw(
        st.dictionaries(words.filter(lambda key: key != TOOL_NAME), dictionaries(set()), max_size=2)
    )
    ours = draw(dictionaries(KNOWN_OF_OURS))
    return tables | ({TOOL_NAME: ours} if ours else {})


@st.composite
def addresses(draw: st.DrawFn, filename: str) -> str:
    """An absolute address of a file."""
    base = draw(st.sampled_from(["https://files.example/packages/", "http://127.0.0.1:8000/", "file:///srv/wheels/"]))
    return base + quote(filename)


@st.composite
def packages(draw: st.DrawFn, display_name: str, others: list[str], mocked: list[NormalizedName]) -> LockedPackage:
    """A package that depends on some of ``others``, and on some of the mock packages ``mocked``."""
    name = canonicalize_name(display_name)
    package_type = draw(st.sampled_from(["package", *get_args(PackageType)]))
    version = draw(versions)
    escaped = name.replace("-", "_")
    is_wheel = package_type != "shared_library"
    filename = f"{escaped}-{version}-py3-none-any.whl" if is_wheel else f"{name}-{version}.zip"
    url = draw(st.one_of(addresses(filename), st.sampled_from([quote(filename), f"wheels/{quote(filename)}"])))
    kind = draw(st.sampled_from([*get_args(OriginKind), None]))
    origin = None
    if kind is not None:
        index = draw(st.sampled_from([None, "https://index.example/simple"])) if kind == "index" else None
        origin_url = filename if kind == "local" else draw(st.one_of(st.just(url), addresses(filename)))
        origin = Origin(kind=kind, url=origin_url, index=index)
    needed = [canonicalize_name(other) for other in draw(st.lists(st.sampled_from(others), unique=True, max_size=3))]
    return LockedPackage(
        name=name,
        display_name=display_name,
        version=version,
        wheel=Wheel(
            url=url,
            digest=draw(digests),
            size=draw(st.none() | whole_numbers),
            upload_time=draw(st.sampled_from([None, "2026-09-14T12:00:00.000000Z"])),
            yanked=draw(st.booleans() | st.just("it was broken")),
        ),
        imports=tuple(draw(st.lists(texts, max_size=2))),
        depends=tuple(other for other in needed if other != name),
        install_dir=draw(st.sampled_from(["site", "dynlib"])),
        package_type=package_type,
        unvendored_tests=draw(st.booleans()),
        origin=origin,
        requested=draw(st.booleans()),
        requirement=draw(st.sampled_from([None, f"{display_name}[extra]>=1; python_version > '3'"])),
        extras=tuple(draw(st.lists(words, max_size=2))),
        missing=tuple(map(canonicalize_name, draw(st.lists(names(), max_size=2, unique_by=canonicalize_name)))),
        mocked=tuple(draw(st.lists(st.sampled_from(mocked), unique=True, max_size=2))) if mocked else (),
        unknown=draw(dictionaries(KNOWN_OF_ENTRY)),
        tool_unknown=draw(tool_tables()),
    )


unlockables = st.builds(Unlockable, name=words, version=texts, code=words, reason=texts, hint=texts)


@st.composite
def mocks(draw: st.DrawFn, display_name: str) -> Mock:
    """A mock package."""
    modules = draw(st.dictionaries(st.sampled_from(["os_mock", "a.b", "é-1"]), sources, max_size=2))
    return Mock(
        name=canonicalize_name(display_name),
        display_name=display_name,
        version=draw(versions),
        persistent=draw(st.booleans()),
        modules=dict(sorted(modules.items())),
    )


@st.composite
def locks(draw: st.DrawFn, max_packages: int = 4) -> Lock:
    """A valid lock."""
    spelt = draw(st.lists(names(), max_size=max_packages, unique_by=canonicalize_name))
    mocked = draw(
        st.lists(
            names().filter(lambda name: canonicalize_name(name) not in set(map(canonicalize_name, spelt))),
            max_size=2,
            unique_by=canonicalize_name,
        )
    )
    stand_ins = [draw(mocks(display_name)) for display_name in mocked]
    unlocked = draw(st.lists(unlockables, max_size=2))
    return Lock(
        abi=Abi(
            abi_version=draw(st.sampled_from(["2024_0", "2025_0", "2026_0"])),
            platform=draw(st.sampled_from(["emscripten_5_0_3", "pyemscripten_2026_0"])),
            python="3.14.2",
            unknown=draw(dictionaries(KNOWN_OF_INFO)),
        ),
        packages=by_name(
            draw(packages(display_name, spelt, [mock.name for mock in stand_ins])) for display_name in spelt
        ),
        mocks=mocks_by_name(stand_ins),
        site=dict(sorted(draw(st.dictionaries(names().map(canonicalize_name), versions, max_size=2)).items())),
        start=draw(st.none() | st.builds(StartPack, url=addresses("start.pack"), digest=digests, size=whole_numbers)),
        unlocked=tuple(sorted(unlocked, key=lambda item: tuple(item.to_json().values()))),
        unknown=draw(dictionaries(KNOWN_OF_TOP)),
        tool_unknown=draw(tool_tables()),
    )
