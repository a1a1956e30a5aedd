"""Policies and locks for tests of the policy: strategies, and a lock by its addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.core.policy import Policy

PRIVATE = "https://index.example/private"
PUBLIC = "https://index.example/public"

hosts = st.sampled_from(
    ["files.example", "files.example:8443", "cdn.example", "index.example", "localhost", "[::1]:80"]
)
names = st.sampled_from(["a", "acme", "acme-core", "acme-core-x", "numpy"])
patterns = names | st.sampled_from(["*", "a*", "acme-*", "acme-core*"])
indexes = st.sampled_from([PRIVATE, PUBLIC, "pyodide"])
small = st.integers(0, 5)
policies = st.builds(
    Policy,
    allow_hosts=st.none() | st.lists(hosts, max_size=3),
    allow_insecure_hosts=st.lists(hosts, max_size=2),
    index_pins=st.dictionaries(patterns, indexes, max_size=3),
    max_hosts=small,
    max_wheel_bytes=small,
    max_download_bytes=small,
    ask_above_bytes=small,
    max_redirects=small,
    consent=st.booleans(),
)
addresses = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["https", "http"]),
    hosts,
    st.sampled_from(["a.whl", "b/c.whl"]),
) | st.sampled_from(["file:///srv/a.whl", "data:,x", "a.whl", "https://me:pw@files.example/a.whl", "https://[::1/"])
origins = st.none() | st.builds(
    Origin,
    kind=st.sampled_from(["index", "url", "runtime"]),
    url=st.just("https://files.example/a.whl"),
    index=st.none() | st.sampled_from([PRIVATE, f"{PRIVATE}/", PUBLIC]),
)


def package_at(url: str, *, name: str = "", size: int | None = None, **facts: Any) -> LockedPackage:
    """A package by the address of its wheel."""
    name = name or f"p-{Digest.of(url.encode()).hex[:12]}"
    wheel = Wheel(url=url, digest=Digest.of(url.encode()), size=size)
    package = LockedPackage(name=canonicalize_name(name), display_name=name, version="1.0", wheel=wheel)
    return replace(package, **facts)


def lock_with(*packages: LockedPackage, base: str | None = None) -> Lock:
    """A lock of packages."""
    return Lock(abi=Abi(abi_version="2026_0"), packages=by_name(packages), base=base)


@st.composite
def policy_locks(draw: st.DrawFn) -> Lock:
    """A lock of up to four packages anywhere, from a place or from nowhere."""
    packages = [
        package_at(draw(addresses), name=name, size=draw(st.none() | small), origin=draw(origins))
        for name in draw(st.lists(names, max_size=4, unique=True))
    ]
    base = draw(
        st.none() | st.sampled_from(["https://site.example/lock.json", "file:///srv/lock.json", "https://[::1"])
    )
    return lock_with(*packages, base=base)
