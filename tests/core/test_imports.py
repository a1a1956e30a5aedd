"""Import names: PEP 794 where METADATA has it, else what RECORD lists."""

from __future__ import annotations

import keyword
import os
import tempfile
from importlib.machinery import ExtensionFileLoader, FileFinder, SourceFileLoader, SourcelessFileLoader
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.imports import clashes, declared_clashes, declared_names, import_names


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["six.py"], ("six",)),
        (["attr/__init__.py", "attr/x.py", "attrs/__init__.py"], ("attr", "attrs")),
        (["a/__init__.py", "a/b/__init__.py", "a/b/c.py"], ("a",)),
        (["m.cpython-314-wasm32-emscripten.so"], ("m",)),
        (["m.abi3.so"], ("m",)),
        (["m.abi3t.so"], ("m",)),
        (["m.so"], ("m",)),
        (["m.pypy311-pp73.so"], ("m",)),
        (["pkg/__init__.cpython-314-wasm32-emscripten.so"], ("pkg",)),
        (["google/cloud/storage/__init__.py", "google/cloud/storage/blob.py"], ("google.cloud.storage",)),
        (["ns/one.py", "ns/two.so"], ("ns.one", "ns.two")),
        (["ns/pkg/__init__.py", "ns/one.py"], ("ns.one", "ns.pkg")),
        (["one.py", "one/hidden.py"], ("one",)),
        (["compiled/__init__.pyc", "compiled/x.pyc", "flat.pyc"], ("compiled", "flat")),
        (["./dot.py", "./pkg/__init__.py"], ("dot", "pkg")),
        (["é.py"], ("é",)),
        (["six.py", "six.py"], ("six",)),
    ],
)
def test_modules_and_packages(paths: list[str], expected: tuple[str, ...]) -> None:
    """Single modules, packages, extension modules with any tag, and modules below a namespace are found."""
    assert expected == import_names(paths)


@pytest.mark.parametrize(
    "path",
    [
        "share/jupyter/x.json",
        "data/file.txt",
        "pkg-1.0.data/purelib/x.py",
        "pkg-1.0.data/scripts/run.py",
        "pkg-1.0.dist-info/x.py",
        "pkg.egg-info/x.py",
        "pkg.libs/libgomp.so",
        "__pycache__/six.cpython-314.pyc",
        "pkg/__pycache__/x.cpython-314.pyc",
        "../../bin/run.py",
        "/usr/lib/x.py",
        "with-dash.py",
        "1digit.py",
        "class.py",
        "pkg/stub.pyi",
        "pkg/py.typed",
        "lib.so.1",
        "m.weird-tag.so",
        "__init__.py",
        "__main__.py",
        ".py",
        ".so",
        "",
        "/",
        ".",
        "..",
        "//",
        "a//",
    ],
)
def test_not_importable(path: str) -> None:
    """Data, caches, vendored libraries, files elsewhere and names no import statement can have are no import names."""
    assert () == import_names([path])


def test_declared_names_win() -> None:
    """Import-Name says it all (PEP 794); private names are no names to offer."""
    declared = ["spam", "spam.eggs", "_spam ; private", "other;private", "spam"]
    assert ("spam", "spam.eggs") == import_names(["six.py"], declared=declared)


def test_declared_to_have_none() -> None:
    """An empty Import-Name means that there is nothing to import (PEP 794)."""
    assert () == import_names(["six.py"], declared=[""])


paths = st.text() | st.lists(
    st.sampled_from(["a", "b", "__init__", ".py", ".so", ".abi3", "/", ".", "..", ".data", "\\", "class", "é", "\0"])
).map("".join)


@given(st.lists(paths), st.none() | st.lists(st.text()))
def test_any_paths(found: list[str], declared: list[str] | None) -> None:
    """No name of a file makes it fail, and the order of RECORD does not matter."""
    assert import_names(found, declared=declared) == import_names(reversed(found), declared=declared)


@given(st.lists(paths))
def test_every_name_can_be_imported(found: list[str]) -> None:
    """Every name that is found could stand after ``import``."""
    parts = [part for name in import_names(found) for part in name.split(".")]
    assert [] == [part for part in parts if not part.isidentifier() or keyword.iskeyword(part)]


@pytest.mark.parametrize(
    ("names", "namespaces", "expected"),
    [
        ({"a": ["x"], "b": ["y"]}, {}, {}),
        ({"a": ["x", "x"]}, {}, {}),
        ({"b": ["x"], "a": ["x", "y"]}, {}, {"x": ("a", "b")}),
        ({"a": ["x"]}, {"b": ["x"]}, {"x": ("a", "b")}),
        ({"a": ["x"]}, {"a": ["x"]}, {"x": ("a",)}),
        ({}, {"a": ["x"], "b": ["x"]}, {}),
        ({"a": ["x.a"], "b": ["x.b"]}, {"a": ["x"], "b": ["x"]}, {}),
    ],
)
def test_declared_clashes(
    names: dict[str, list[str]], namespaces: dict[str, list[str]], expected: dict[str, tuple[str, ...]]
) -> None:
    """A name of one's own clashes with the same name of another, own or shared; shared names do not clash (PEP 794)."""
    assert expected == declared_clashes(names, namespaces)


def test_declared_names() -> None:
    """Private names are names; an empty value is none."""
    assert frozenset({"a", "_b"}) == declared_names(["a", " _b ; private", ""])


def test_clashes() -> None:
    """Names that several have are clashes, but those that somebody says are shared."""
    assert {"x": ("a", "b")} == clashes({"b": ["x", "y"], "a": ["x", "y"]}, {"c": ["y"]})


FOLDERS = ["a", "b", "ns", "é", "class", "with-dash", "a-1.data", "a.libs", "__pycache__"]
SUFFIXES = [".cpython-314-wasm32-emscripten.so", ".pypy311-pp73.so", ".abi3.so", ".abi3t.so", ".so"]
FILES = [
    *("__init__.py", "__init__.pyc", "__init__.so", "__main__.py", "a.py", "m.py", "m.pyc", "b.py", "class.py"),
    *("data.txt", "py.typed", "m.pyi", "with-dash.py", "two.dots.py", "m.weird.so", "lib.so.1"),
    *(f"n{suffix}" for suffix in SUFFIXES),
]
TREES = st.sets(
    st.tuples(st.lists(st.sampled_from(FOLDERS), max_size=3), st.sampled_from(FILES)).map(
        lambda parts: "/".join([*parts[0], parts[1]])
    ),
    max_size=12,
)


def importable(directory: Path, prefix: str = "") -> set[str]:
    """What Python's own finder finds there: modules and regular packages; below namespaces their dotted names."""
    finder = FileFinder(
        str(directory),
        (ExtensionFileLoader, SUFFIXES),
        (SourceFileLoader, [".py"]),
        (SourcelessFileLoader, [".pyc"]),
    )
    found = set()
    for stem in {name.partition(".")[0] for name in os.listdir(directory)}:
        # No import statement has these, or nobody means to import them.
        if not stem.isidentifier() or keyword.iskeyword(stem) or stem in ("__init__", "__main__", "__pycache__"):
            continue
        spec = finder.find_spec(prefix + stem)
        if spec is not None and spec.loader is not None:
            found.add(prefix + stem)
        elif spec is not None:
            for place in spec.submodule_search_locations or ():
                found |= importable(Path(place), f"{prefix}{stem}.")
    return found


@given(TREES)
def test_names_are_those_that_python_finds(tree: set[str]) -> None:
    """For any tree of files the names are exactly those that Python's own finder resolves, and none is missed."""
    with tempfile.TemporaryDirectory() as directory:
        for path in tree:
            file = Path(directory, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()

        assert importable(Path(directory)) == set(import_names(tree))
