"""Tests of :mod:`micropip_lock.core.needed`: why a package is in a lock, and the lock as a tree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from packaging.utils import canonicalize_name

from micropip_lock.core.model import Lock, Mock
from micropip_lock.core.needed import MAX_CHAINS, Why, tree, why
from micropip_lock.errors import UsageError
from tests.locks import HEX
from tests.strategies import locks


def lock_of(needs: dict[str, list[str]], *roots: str, **facts: Any) -> Lock:
    """A lock of packages by what they need; those in ``roots`` were asked for."""
    packages = {}
    for name, depends in needs.items():
        ours: dict[str, Any] = {"depends": [one for one in depends if one in needs]}
        ours["missing"] = [one for one in depends if one not in needs]
        ours |= {"requested": True, "requirement": facts.get(name, name)} if name in roots else {}
        packages[name] = {
            "name": name,
            "version": "1",
            "file_name": f"https://files.example/{name.replace(chr(45), chr(95))}-1-py3-none-any.whl",
            "install_dir": "site",
            "sha256": HEX,
            "package_type": "package",
            "imports": [],
            "depends": [],
            "unvendored_tests": False,
            "tool": {"micropip-lock": {key: value for key, value in ours.items() if value}},
        }
    info = {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"}
    return Lock.from_json(json.dumps({"info": info, "packages": packages, "tool": {"micropip-lock": {"version": 1}}}))


RICH = lock_of(
    {"rich": ["markdown-it-py", "pygments"], "markdown-it-py": ["mdurl"], "mdurl": [], "pygments": [], "alone": []},
    "rich",
    rich="rich[jupyter]>=13",
)
CYCLE = lock_of({"a": ["b"], "b": ["c", "z"], "c": ["a", "gone"], "x": ["y"], "y": ["x"], "z": []}, "a")


def test_a_dependency() -> None:
    """A dependency is there because of who needs it, and of the chain from what was asked for."""
    found = why(RICH, "MDURL")
    expected = Why(
        name="mdurl",
        version="1",
        needed_by=("markdown-it-py",),
        chains=(("rich", "markdown-it-py", "mdurl"),),
        all_chains=1,
    )
    assert expected == found
    assert ["mdurl 1", "  needed by: markdown-it-py", "  rich -> markdown-it-py -> mdurl"] == found.lines()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("rich", ["rich 1", "  asked for: rich[jupyter]>=13"]),
        ("alone", ["alone 1", "  nobody asked for it, and nothing in the lock needs it"]),
    ],
)
def test_the_ends(name: str, lines: list[str]) -> None:
    """What was asked for says how; what is there for no reason says that."""
    assert lines == why(RICH, name).lines()


def test_cycles_and_what_is_missing() -> None:
    """A cycle is no obstacle, and what is required and not locked has its reason, too."""
    assert (("a", "b", "c"), ("c",), ("a", "b", "c", "gone"), None) == (
        why(CYCLE, "c").chains[0],
        why(CYCLE, "a").needed_by,
        why(CYCLE, "gone").chains[0],
        why(CYCLE, "gone").version,
    )


def test_the_shortest_chain_for_each_root() -> None:
    """Of many ways from one root the shortest is told, and of many roots no more than people read."""
    many = {f"r{number:02}": ["x"] for number in range(MAX_CHAINS + 2)}
    lock = lock_of({"z": ["a", "x"], "a": ["x"], "x": [], **many}, "z", *many)
    found = why(lock, "x")
    assert (MAX_CHAINS, MAX_CHAINS + 3, ("r00", "x")) == (len(found.chains), found.all_chains, found.chains[0])
    assert "and from 3 more" in str(found)
    assert (("z", "x"),) == why(lock_of({"z": ["a", "x"], "a": ["x"], "x": []}, "z"), "x").chains


def test_an_unknown_name() -> None:
    """A name that is not in the lock is refused, with those that are near."""
    with pytest.raises(UsageError) as caught:
        why(RICH, "pygment")
    assert ("unknown-package", "did you mean pygments?") == (caught.value.code, caught.value.hint)


def test_a_mock() -> None:
    """A mock package is there for who needs it, and is said to be one."""
    mock = Mock(name=canonicalize_name("gone"), display_name="gone", version="2")
    lock = Lock(abi=CYCLE.abi, packages=CYCLE.packages, mocks={"gone": mock})
    assert ("gone 2 (mock)", True) == (why(lock, "gone").lines()[0], "gone 2 (mock)" in str(tree(lock)))


def test_a_tree() -> None:
    """What was asked for is on top with how it was; what nothing needs comes after."""
    assert [
        "rich 1 (asked for as rich[jupyter]>=13)",
        "├── markdown-it-py 1",
        "│   └── mdurl 1",
        "└── pygments 1",
        "alone 1",
    ] == tree(RICH).lines()


def test_a_tree_of_cycles() -> None:
    """A cycle ends where it closes; one that nothing leads to is begun somewhere."""
    assert [
        "a 1 (asked for)",
        "└── b 1",
        "    ├── c 1",
        "    │   ├── a 1 (asked for) (cycle)",
        "    │   └── gone (not in the lock)",
        "    └── z 1",
        "x 1",
        "└── y 1",
        "    └── x 1 (cycle)",
    ] == tree(CYCLE).lines()


def test_branches_are_drawn_once() -> None:
    """A package that comes again stands without its branches: ten levels of two ways are not a thousand lines."""
    needs = {f"a{number}": [f"b{number}", f"c{number}"] for number in range(10)}
    for number in range(10):
        needs |= {f"{letter}{number}": [f"a{number + 1}"] if number < 9 else [] for letter in "bc"}
    lines = tree(lock_of(needs, "a0")).lines()
    assert (39, 9) == (len(lines), sum("(shown above)" in line for line in lines))


def test_a_long_chain() -> None:
    """Two thousand packages in a row are no matter of stack."""
    names = [f"p{number}" for number in range(2000)]
    lock = lock_of({name: [after] for name, after in zip(names, [*names[1:], "p0"], strict=True)}, "p0")
    assert (2001, 2000) == (len(tree(lock).entries), len(why(lock, "p1999").chains[0]))


@given(locks())
def test_any_lock(lock: Lock) -> None:
    """Every package of any lock is in its tree with its version, and has a reason that can be shown."""
    found = tree(lock)
    names = {entry.name for entry in found.entries}
    needs = sum(map(len, found.needs.values()))
    assert {*lock.packages, *lock.mocks} <= names
    assert len(found.entries) <= len(found.roots) + needs
    assert json.loads(json.dumps(found.to_json()))["roots"] == list(found.roots)
    for name in names:
        assert name == why(lock, name).to_json()["name"]
        assert "<script" not in why(lock, name)._repr_html_() + found._repr_html_()
