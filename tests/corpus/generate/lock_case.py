"""How a case of a lock is written down: a right lock, and one change to its value or its text.

Rules this file keeps:

1. The lock is read from ``https://files.example/locks/`` unless the case says otherwise, for a Pyodide of ABI
   ``2026_0``.
2. A lock that is taken comes with its wheels, in the folder; they are served from ``https://files.example/``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from micropip_lock.core.digest import Digest
from micropip_lock.testing import BuiltWheel, wheel
from tests.corpus.generate.case import Case, Files, Group, register

SERVER = "https://files.example/"
NAMES = ("six", "rich", "constructor", "toString")
WHEELS: Mapping[str, BuiltWheel] = {
    name: wheel(name, "1.16.0", files={f"{name}.py": f"NAME = {name!r}\n"}) for name in NAMES
}

type Value = dict[str, Any]
type Change = Callable[[Value], object]


def entry(name: str, **fields: Any) -> Value:
    """The entry of a package whose wheel there is."""
    built = WHEELS.get(name, WHEELS["six"])
    return {
        "name": name,
        "version": "1.16.0",
        "file_name": SERVER + built.filename,
        "install_dir": "site",
        "sha256": Digest.of(built.data).hex,
        "package_type": "package",
        "imports": [name],
        "depends": [],
        "unvendored_tests": False,
        **fields,
    }


VALID: Value = {
    "info": {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"},
    "packages": {"six": entry("six")},
}


def changed(change: Change) -> str:
    """The right lock, changed, as text."""
    value = deepcopy(VALID)
    change(value)
    return json.dumps(value, indent=1)


def six(**fields: Any) -> str:
    """The right lock with other fields in its package; ``None`` stays ``null``."""
    return changed(lambda value: value["packages"]["six"].update(fields))


def packages(**entries: Value) -> str:
    """The right lock with other packages."""
    return changed(lambda value: value.update(packages=entries))


def toml(value: Value) -> str:
    """A table as a TOML document; inner tables are inline, and a ``Time`` is written as it is."""
    return "".join(f"{json.dumps(key)} = {_inline(inner)}\n" for key, inner in value.items())


class Time(str):
    """A date and time of TOML."""

    __slots__ = ()


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return str(value) if isinstance(value, Time) else json.dumps(value)


def text_case(
    case_id: str,
    slug: str,
    title: str,
    outcome: str,
    text: str | bytes | Callable[[], str | bytes],
    *,
    group: Group = "locks",
    wheels: tuple[str, ...] = (),
    note: str = "",
    base: str = f"{SERVER}locks/",
) -> Case:
    """Register a case.

    Args:
        case_id: Of the case.
        slug: Of the case.
        title: Of the case.
        outcome: ``accept``; ``warn CODE``; or class and code of the error.
        text: The lock, or what makes it.
        group: Of the case.
        wheels: Names of the wheels that come with it.
        note: Of the case.
        base: Directory that the lock is read from: a web address, ``file:`` for the case's own folder, or ``""`` for a
            lock that was pasted.
    """
    suffix = ".toml" if group == "pylocks" else ".json"

    def files() -> Files:
        made = text() if callable(text) else text
        data = made if isinstance(made, bytes) else made.encode("utf-8")
        return {f"input{suffix}": data} | {WHEELS[name].filename: WHEELS[name].data for name in wheels}

    word, _, code = outcome.partition(" ")
    is_taken = word in ("accept", "warn")
    return register(
        Case(
            id=case_id,
            slug=slug,
            group=group,
            title=title,
            verdict="accept" if word == "accept" else "warn" if word == "warn" else "reject",
            error="" if is_taken else word,
            code=code,
            state="installed" if is_taken else "S0",
            note=note,
            files=files,
            facts={"base": base},
        )
    )
