"""Tests of :mod:`micropip_lock.core.upgrading`: what is asked for, and what the new lock keeps of the old one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from micropip_lock.core.caveats import note
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Lock
from micropip_lock.core.upgrading import Wanted, check_agrees, held_back, limits, merged, read_wanted
from micropip_lock.errors import OutcomeError, UsageError
from tests.core.test_needed import lock_of

OLD = lock_of(
    {"app": ["lib", "aside"], "lib": [], "aside": [], "other": ["lib"], "alone": []}, "app", "other", app="app[x]>=1"
)


def moved(lock: Lock, **changes: Any) -> Lock:
    """The lock in which packages have another wheel, and other facts."""
    packages = dict(lock.packages)
    for name, facts in changes.items():
        package = packages[canonicalize_name(name)]
        wheel = replace(package.wheel, digest=Digest.of(name.encode()))
        packages[package.name] = replace(package, version="2", wheel=wheel, requested=True, **facts)
    return replace(lock, packages=packages, unknown={}, tool_unknown={})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("App", Wanted(name=canonicalize_name("app"), requirement="app[x]>=1")),
        ("app>=2", Wanted(name=canonicalize_name("app"), requirement="app>=2", stated="app>=2")),
        ("app[y]", Wanted(name=canonicalize_name("app"), requirement="app[y]", stated="app[y]")),
        ("lib", Wanted(name=canonicalize_name("lib"), requirement="lib")),
    ],
)
def test_what_is_wanted(text: str, expected: Wanted) -> None:
    """A plain name is asked for as the lock has it, anything more takes the place of that."""
    assert (expected,) == read_wanted(OLD, [text])


def test_what_holds_a_package_back() -> None:
    """A package that did not move is told when its own requirement limits it; any other is not."""
    assert () == held_back(OLD, moved(OLD, app={}), ["app"])
    assert () == held_back(OLD, OLD, ["lib", "app>=2"])
    (told,) = held_back(OLD, OLD, ["app", "lib"])
    assert told.startswith("app stays 1")
    assert "app[x]>=1" in told


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ([], "nothing-to-upgrade"),
        (["a b"], "bad-requirement"),
        (["(" * 500], "bad-requirement"),
        (["nobody"], "unknown-package"),
        (["site"], "upgrade-address"),
    ],
)
def test_what_is_refused(texts: list[str], code: str) -> None:
    """What is not in the lock, or came from an address, has to be said otherwise."""
    lock = lock_of({"site": []}, "site", site="site @ https://files.example/site-1-py3-none-any.whl")
    with pytest.raises(UsageError) as caught:
        read_wanted(lock, texts)
    assert code == caught.value.code


def test_limits() -> None:
    """What stays limits what moves; what moves, addresses and bare names limit nothing."""
    asked = {
        "a": ["lib<3", "lib>=1", "x"],
        "b": ["lib!=2.5", "y @ https://files.example/y-1-py3-none-any.whl"],
        "app": ["lib<2"],
    }
    found = {canonicalize_name(name): [Requirement(one) for one in texts] for name, texts in asked.items()}
    assert ["lib!=2.5,<3,>=1"] == limits(found, ["app"])


def test_the_rest_keeps_its_entries() -> None:
    """What moved has its new wheel and the old request; the rest is as it was; what nothing needs any more is gone."""
    old = replace(OLD, unknown={"x": 1})
    new = moved(OLD, app={"depends": (canonicalize_name("lib"),), "requirement": "app", "extras": ()}, lib={})
    other = replace(new.packages["other"], wheel=replace(new.packages["other"].wheel, url="https://else.example/o.whl"))
    found = merged(old, replace(new, packages={**new.packages, "other": other}), read_wanted(old, ["app"]))
    assert ["alone", "app", "lib", "other"] == [*found.packages]
    assert (old.packages["other"], "2", "app[x]>=1", {"x": 1}) == (
        found.packages["other"],
        found.packages["app"].version,
        found.packages["app"].requirement,
        found.unknown,
    )
    assert ("app", "other") == found.roots


def test_another_requirement_stays_in_the_lock() -> None:
    """A requirement that was stated is what the lock says from now on, unless it was a dependency's."""
    new = moved(OLD, app={}, lib={})
    found = merged(OLD, new, read_wanted(OLD, ["app[y]>=2", "lib>=2"]))
    app, lib = (found.packages[canonicalize_name(name)] for name in ("app", "lib"))
    assert ("app[y]>=2", ("y",), True) == (app.requirement, app.extras, app.requested)
    assert (None, False) == (lib.requirement, lib.requested)


def test_conflicts() -> None:
    """A package that requires another version than came is told with both sides; what was so before is no matter."""
    text = "it requires another version than the installed one"
    one = note("other", "open-closure", text, expected="lib<2", got="2.0")
    check_agrees([one], [one, note("x", "yanked", "x")])
    with pytest.raises(OutcomeError) as caught:
        check_agrees([], [one])
    error = caught.value
    assert ("upgrade-conflict", "other", "lib<2", "2.0") == (error.code, error.package, error.expected, error.got)
