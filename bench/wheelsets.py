"""The sets of real wheels: what `sets/*.txt` says, and the files themselves.

Rules this file keeps:

1. A line is a requirement of pip with its hash, then a comment with what is imported of it, or why nothing is.
2. No line names an address: pip finds the files where this machine's settings say, once.

Left to others: fetching and keeping the wheels (:mod:`tests.e2e.wheelhouse`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.wheelhouse import PLATFORMS, bring

DIRECTORY: Final = Path(__file__).with_name("sets")
SETS: Final = ("S", "K", "M", "B", "X", "L")

_LINE: Final = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;@]+) --hash=sha256:(?P<digest>[0-9a-f]{64})  "
    r"# (?:import (?P<imports>[\w.]+)|not imported: (?P<reason>.+))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """One wheel of a set.

    Attributes:
        name: Normalised.
        version: PEP 440.
        digest: SHA-256 in hexadecimal.
        imports: The module that is imported of it; ``None`` when it cannot be imported in a browser.
    """

    name: str
    version: str
    digest: str
    imports: str | None


def read_set(text: str) -> tuple[Pinned, ...]:
    """The wheels that the text of a set names.

    Raises:
        ValueError: A line is not of the form that rule 1 asks for; the line.
    """
    found = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(line)
        found.append(
            Pinned(name=match["name"], version=match["version"], digest=match["digest"], imports=match["imports"])
        )
    return tuple(found)


def pinned(name: str) -> tuple[Pinned, ...]:
    """The wheels of a set."""
    return read_set((DIRECTORY / f"{name}.txt").read_text("utf-8"))


def paths(wheels: tuple[Pinned, ...]) -> dict[str, Path]:
    """Where the files are, by name of the distribution; every byte hashed just now.

    Raises:
        WheelsMissingError: pip could not bring them.
    """
    wanted = {f"{one.name}=={one.version}": one for one in wheels}
    found = bring({requirement: one.digest for requirement, one in wanted.items()}, PLATFORMS["py314"])
    return {one.name: found[requirement] for requirement, one in wanted.items()}
