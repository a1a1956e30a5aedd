"""A right wheel in one environment: whether it may go there.

Rules this file keeps:

1. ``Requires-Python`` holds for the interpreter that the environment is for.
2. No wheel puts files into the standard library, nor into micropip, micropip-lock or Pyodide's own packages, except
   those distributions themselves; also where nothing would be overwritten yet.
3. No wheel has files where a replay keeps its journal: such a file would say what was to be moved.

Source: "Core metadata specifications", Requires-Python (PEP 345, PEP 440).
Left to others: tags and ABI (:mod:`micropip_lock.core.plan`), files of other distributions
(:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.core.wheel_metadata import python_specifier
from micropip_lock.core.wheel_warnings import site_path
from micropip_lock.errors import ConflictError, EnvironmentMismatchError

PROTECTED: Final = {
    "micropip": "micropip",
    "micropip_lock": "micropip-lock",
    "micropip_lock_lite": "micropip-lock",
    "piplite": "piplite",
    "pyodide": "pyodide-py",
    "_pyodide": "pyodide-py",
}
"""Top-level packages that only one distribution may put files into."""

_STANDARD_LIBRARY: Final = re.compile(r"lib(?:64)?/python[0-9.]+(?:\.zip$|/(?!(?:site|dist)-packages/))", re.IGNORECASE)


OWN_PREFIX: Final = ".micropip-lock"
"""What the names of everything begin with that a replay puts into site-packages while it runs."""

_ROOMS: Final = (OWN_PREFIX, *(f"{top}{mark}" for top in PROTECTED for mark in "/."))


def check_place(opened: OpenedWheel, python: str) -> None:
    """Refuse a wheel that this environment cannot have.

    Args:
        opened: The wheel.
        python: Full version of the interpreter that the environment is for.

    Raises:
        EnvironmentMismatchError: code ``requires-python``.
        ConflictError: code ``protected``.
    """
    name, filename = opened.identity.name, opened.filename
    _check_python(name, filename, opened.requires_python, python)
    if opened.is_plain:
        # Whoever found it plain saw that it has no such file.
        return
    data = f"{opened.data_dir}/data/"
    for path in opened.names:
        _check_owner(name, f"{filename}: {path}", site_path(path, opened.data_dir) or "")
        if path.removeprefix(data).startswith(OWN_PREFIX):
            raise _conflict(name, f"{filename}: {path}", "only a replay that runs may have files there")
        if path.startswith(data) and _STANDARD_LIBRARY.match(path.removeprefix(data)):
            raise _conflict(name, f"{filename}: {path}", "it would become part of the standard library")


def check_installed(name: NormalizedName, paths: Iterable[str], requires_python: str, python: str) -> None:
    """Refuse what is installed although a replay of its wheel would be refused by :func:`check_place`.

    Args:
        name: Of the distribution.
        paths: In RECORD, in their plain form.
        requires_python: The field of METADATA, or ``""``.
        python: Full version of the interpreter that the environment is for.

    Raises:
        EnvironmentMismatchError: code ``requires-python``.
        ConflictError: code ``protected``.
    """
    if requires_python:
        _check_python(name, "METADATA Requires-Python", python_specifier(requires_python), python)
    for path in paths:
        # Nearly every path of an environment is nobody's room.
        if path.startswith(_ROOMS):
            _check_owner(name, path, path)


def _check_python(name: NormalizedName, where: str, wanted: SpecifierSet | None, python: str) -> None:
    if wanted is not None and not wanted.contains(python, prereleases=True):
        raise EnvironmentMismatchError(
            f"the wheel of {name} is for another Python",
            code="requires-python",
            where=where,
            package=name,
            expected=f"Python {wanted}",
            got=python,
            hint="take a version of it that is for this Python",
        )


def _check_owner(name: NormalizedName, where: str, path: str) -> None:
    if path.startswith(OWN_PREFIX):
        raise _conflict(name, where, "only a replay that runs may have files there")
    # A package, a module, an extension module: what `import` would take for it.
    owner = PROTECTED.get(path.partition("/")[0].partition(".")[0])
    if owner is not None and owner != name:
        raise _conflict(name, where, f"only {owner} may have files there")


def _conflict(name: NormalizedName, where: str, why: str) -> ConflictError:
    return ConflictError(
        f"{name} wants to put a file where it may not",
        code="protected",
        package=name,
        where=where,
        got=why,
        hint="do not install this wheel",
    )
