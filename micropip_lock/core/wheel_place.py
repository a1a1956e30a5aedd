"""A right wheel in one environment: whether it may go there.

Rules this file keeps:

1. ``Requires-Python`` holds for the interpreter that the environment is for.
2. No wheel puts files into the standard library, nor into micropip, micropip-lock or Pyodide's own packages, except
   those distributions themselves; also where nothing would be overwritten yet.

Source: "Core metadata specifications", Requires-Python (PEP 345, PEP 440).
Left to others: tags and ABI (:mod:`micropip_lock.core.plan`), files of other distributions
(:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import re
from typing import Final

from micropip_lock.core.wheel import OpenedWheel
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


def check_place(opened: OpenedWheel, python: str) -> None:
    """Refuse a wheel that this environment cannot have.

    Args:
        opened: The wheel.
        python: Full version of the interpreter that the environment is for.

    Raises:
        EnvironmentMismatchError: code ``requires-python``.
        ConflictError: code ``protected``.
    """
    wanted = opened.requires_python
    if wanted is not None and not wanted.contains(python, prereleases=True):
        raise EnvironmentMismatchError(
            f"the wheel of {opened.identity.name} is for another Python",
            code="requires-python",
            where=opened.filename,
            package=opened.identity.name,
            expected=f"Python {wanted}",
            got=python,
            hint="freeze again in this runtime",
        )
    data = f"{opened.data_dir}/data/"
    for path in opened.names:
        top = (site_path(path, opened.data_dir) or "").partition("/")[0]
        # A package, a module, an extension module: what `import` would take for it.
        owner = PROTECTED.get(top.partition(".")[0])
        if owner is not None and owner != opened.identity.name:
            raise _conflict(opened, path, f"only {owner} may have files there")
        if path.startswith(data) and _STANDARD_LIBRARY.match(path.removeprefix(data)):
            raise _conflict(opened, path, "it would become part of the standard library")


def _conflict(opened: OpenedWheel, path: str, why: str) -> ConflictError:
    return ConflictError(
        f"{opened.identity.name} wants to put a file where it may not",
        code="protected",
        package=opened.identity.name,
        where=f"{opened.filename}: {path}",
        got=why,
        hint="do not install this wheel",
    )
