"""The error tree: its shape, its text and its JSON form."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from micropip_lock import errors
from micropip_lock.errors import (
    FetchError,
    InputError,
    LockPolicyError,
    LockSchemaError,
    MicropipLockError,
    OutcomeError,
    ReplayCancelled,
    Unlockable,
    UnlockableError,
    error_from_json,
    error_tree,
)

TREE = sorted(error_tree().values(), key=lambda cls: cls.__name__)
FACTS: dict[str, Any] = {
    "where": "packages.six",
    "package": "six",
    "expected": "this",
    "got": "that",
    "hint": "do it again",
}


def test_drawn_tree_is_the_tree() -> None:
    """The tree drawn in the module's docstring names every class, each under its parent."""
    parents: list[str] = []
    drawn = {}
    for line in (errors.__doc__ or "").split("The tree::")[1].splitlines():
        found = re.match(r"^    ([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            parents[depth:] = [found[2]]
            drawn[found[2]] = parents[depth - 1] if depth else "Exception"

    assert {name: cls.__base__.__name__ for name, cls in error_tree().items() if cls.__base__} == drawn


@pytest.mark.parametrize("cls", TREE)
def test_default_code_is_kebab_case(cls: type[MicropipLockError]) -> None:
    """Every class has a stable code in kebab case."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.default_code)


def test_families_are_disjoint() -> None:
    """Every error is either about the input or about the outcome."""
    both = [cls for cls in TREE if issubclass(cls, InputError) == issubclass(cls, OutcomeError)]

    assert [MicropipLockError] == both


@pytest.mark.parametrize("cls", TREE)
def test_json_round_trip(cls: type[MicropipLockError]) -> None:
    """Every error comes back from its JSON form as the same class with the same facts."""
    error = cls("it is wrong", code="some-code", url="https://files.example/x", **FACTS)

    back = error_from_json(json.loads(json.dumps(error.to_json())))

    assert (cls, error.to_json()) == (type(back), back.to_json())


def test_text_names_place_and_both_sides() -> None:
    """The text names what, where, both sides, the address and the hint, each once."""
    error = LockSchemaError("not a digest", code="hash-form", url="https://files.example/x", **FACTS)

    assert (
        "hash-form: not a digest\n"
        "  in packages.six\n"
        "  expected this   got that   from https://files.example/x\n"
        "  hint: do it again"
    ) == str(error)


def test_collected_errors_are_listed() -> None:
    """An input error with several errors lists the others under its own text, and all of them in JSON."""
    first = LockSchemaError("one", code="type", where="a", hint="")
    second = LockPolicyError("two", code="scheme", where="b")
    error = LockSchemaError("one", code="type", where="a", hint="", errors=[first, second])

    assert ("type: one\n  in a\n  and 1 more:\n  - scheme: two (in b)", ["type", "scheme"]) == (
        str(error),
        [each["code"] for each in error.to_json()["errors"]],
    )


def test_twenty_errors_are_listed() -> None:
    """The text of an error lists twenty others, with both sides of each, and counts the rest; JSON has all of them."""
    others = [LockSchemaError("bad", code="type", where=f"a[{at}]", expected="b", got="c") for at in range(30)]
    error = LockSchemaError("bad", errors=others)
    lines = str(error).splitlines()

    assert ("  and 29 more:", "  - type: bad (in a[1]): expected b, got c", "  … and 9 more", 23, 30) == (
        lines[2],
        lines[3],
        lines[-1],
        len(lines) - 1,
        len(error.to_json()["errors"]),
    )


def test_collected_errors_survive_json() -> None:
    """Collected errors come back from JSON as their own classes."""
    error = LockPolicyError("one", errors=[LockPolicyError("one"), LockSchemaError("two")])

    back = error_from_json(error.to_json())

    assert isinstance(back, LockPolicyError)
    assert [LockPolicyError, LockSchemaError] == [type(each) for each in back.errors]


def test_fetch_error_keeps_its_status() -> None:
    """The HTTP status survives JSON."""
    back = error_from_json(FetchError("no", status=503).to_json())

    assert isinstance(back, FetchError)
    assert back.status == 503


def test_unlockable_items_survive_json() -> None:
    """Every item of an UnlockableError survives JSON and is named in the text."""
    item = Unlockable(
        name="six", version="1.16.0", code="no-record", reason="nothing says where from", hint="reinstall"
    )
    error = UnlockableError("1 distribution cannot be locked", items=[item])

    back = error_from_json(error.to_json())

    assert isinstance(back, UnlockableError)
    assert "six 1.16.0: no-record: nothing says where from\n    hint: reinstall" in str(back)
    assert (item,) == back.items


def test_one_reason_for_many_is_said_once() -> None:
    """Items that share their reason share its lines; an item without a version is named by its name alone."""
    items = [
        Unlockable(name=name, version=version, code="network", reason="no answer", hint="try again")
        for name, version in (("a", ""), ("b", "1"), *((f"c{number:02}", "2") for number in range(20)))
    ]
    text = str(UnlockableError("22 cannot be locked", items=[*items, replace(items[0], name="d", reason="odd")]))
    assert [
        "unlockable: 22 cannot be locked",
        "  a: network: no answer",
        f"    so it is for b 1, {', '.join(f'c{number:02} 2' for number in range(19))} and 1 more",
        "    hint: try again",
        "  d: network: odd",
        "    hint: try again",
    ] == text.splitlines()[:-1]


def test_unknown_class_is_an_outcome() -> None:
    """An error of a class that this version does not have is still an error of the tree."""
    assert OutcomeError is type(error_from_json({"error": "LaterError", "message": "later", "code": "later"}))


def test_every_error_is_raised() -> None:
    """No class stands in the tree that nothing makes: it is a base of another, or the product calls it."""
    package = Path(errors.__file__).parent
    text = "".join(path.read_text("utf-8") for path in package.rglob("*.py") if path != Path(errors.__file__))
    assert [] == [cls.__name__ for cls in TREE if not cls.__subclasses__() and f"{cls.__name__}(" not in text]


def test_html_escapes() -> None:
    """The HTML form escapes what it shows."""
    assert "<pre>bad-input: &lt;img&gt;</pre>" == InputError("<img>")._repr_html_()


def test_cancelled_is_a_cancellation() -> None:
    """ReplayCancelled is a cancellation for asyncio, and no member of the tree."""
    assert (True, False) == (
        issubclass(ReplayCancelled, asyncio.CancelledError),
        issubclass(ReplayCancelled, MicropipLockError),
    )
