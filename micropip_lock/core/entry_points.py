"""The scripts that a wheel asks an installer to make, checked: each becomes a file in the place for programs.

Rules this file keeps:

1. A script's name is the name of a file: no directory, no control character.
2. A script refers to an object by dotted names; it is no code. Installers write the reference into the script as it is.
3. Readers disagree about odd headings and odd line ends (:mod:`configparser` and :mod:`importlib.metadata` do): a line
   that any of them takes for a script is checked.

Source: "Entry points specification", sections "Data model" and "File format".
Left to others: other groups, which are data that nobody turns into files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

SCRIPT_GROUPS: Final = frozenset({"console_scripts", "gui_scripts"})

# Data model: module, attributes, extras (deprecated, still there).
_REFERENCE: Final = re.compile(r"\w+(?:\.\w+)*(?:\s*:\s*\w+(?:\.\w+)*)?\s*(?:\[[^\]]*\])?")
# A heading that ends a group for every reader: alone on its line, not indented (that would continue a value).
_HEADING: Final = re.compile(r"\[[^\[\]]+\]\s*")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_NOT_A_FILE: Final = re.compile(r"[/\\:\x00-\x1f\x7f]|^\.{0,2}$")


def wrong_scripts(text: str) -> Iterator[tuple[str, str]]:
    """Scripts that cannot be written: (name, what is wrong with it).

    Args:
        text: Content of ``entry_points.txt``.
    """
    are_scripts = False
    for raw in _LINE_END.split(text.removeprefix("\ufeff")):
        line = raw.strip()
        if len(raw.splitlines()) > 1:
            # importlib.metadata ends lines at U+0085 and the like, configparser does not.
            yield line, "on a line that not every reader ends at the same place"
        if line.startswith("["):
            if any(group in line for group in SCRIPT_GROUPS):
                are_scripts = True
            elif _HEADING.fullmatch(raw):
                are_scripts = False
        if not are_scripts or "=" not in line or line.startswith(("#", ";", "[")):
            continue
        name, _, reference = (part.strip() for part in line.partition("="))
        if _NOT_A_FILE.search(name):
            yield name, "no name of a file"
        elif not _REFERENCE.fullmatch(reference):
            yield name, f"no reference to an object: {reference!r}"
