"""What a case of the corpus is, and the register of all of them.

Rules this file keeps:

1. A case says what its input is (bytes made on demand, the same every time), what must come of it, and in which state
   the environment is left.
2. Identifiers and folders are unique; a folder's name ends in the verdict, so that a listing tells the story.

Left to others: the inputs (the modules named in :data:`MODULES`), writing folders (``writer.py``), running the cases
(``judging.py`` one floor up).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

MODULES = (
    "wheels_container",
    "wheels_size",
    "wheels_paths",
    "wheels_metadata",
    "wheels_record",
    "wheels_environment",
    "locks_text",
    "locks_fields",
    "locks_places",
    "pylocks",
    "links",
    "records",
    "record_sources",
)
"""Where cases are registered, in the order of the table."""

type Group = Literal["wheels", "locks", "pylocks", "links", "records"]
type Verdict = Literal["reject", "accept", "warn"]
type State = Literal["S0", "S1", "installed"]
type Files = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One input and what must come of it.

    Attributes:
        id: A letter for the group and two digits, e.g. ``W01``; variants of one case have a small letter behind them.
        slug: What is special about the input, in kebab case.
        group: The kind of input.
        title: One sentence.
        verdict: ``reject``: refused with ``error`` and ``code``; ``warn``: taken, with a warning of ``code``.
        error: Class of the error, or ``""``.
        code: Its stable code; the warning's for ``warn``.
        state: ``S0``: nothing changed and no request was sent; ``S1``: nothing changed; ``installed``: as it should be.
        note: Why, or what others do; may be empty.
        files: Makes the input: file name to bytes. The main one is called ``input`` and its ending; a tree is
            a directory of that name.
        facts: More for ``expect.json``, e.g. the name that a wheel has to be served under.
    """

    id: str
    slug: str
    group: Group
    title: str
    verdict: Verdict
    error: str
    code: str
    state: State
    note: str
    files: Callable[[], Files]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its place below the corpus, ``/``-separated."""
        return f"{self.group}/{self.id}-{self.slug}-{self.verdict}"

    @property
    def expect(self) -> dict[str, Any]:
        """The content of ``expect.json``."""
        facts = {"id": self.id, "title": self.title, "verdict": self.verdict, "error": self.error, "code": self.code}
        return {**facts, "state": self.state, "note": self.note, **self.facts}


_registered: dict[str, Case] = {}


def register(case: Case) -> Case:
    """Put a case into the corpus.

    Raises:
        ValueError: Its identifier or folder is taken, or it contradicts itself.
    """
    if case.id in _registered or any(case.folder == other.folder for other in _registered.values()):
        raise ValueError(f"{case.id} ({case.folder}) is there already")
    if (case.verdict == "reject") != bool(case.error) or (case.verdict == "accept") == bool(case.code):
        raise ValueError(f"{case.id}: a refusal has an error and a code, a warning a code, an accepted input neither")
    _registered[case.id] = case
    return case


def all_cases() -> tuple[Case, ...]:
    """Every case, sorted by identifier."""
    for name in MODULES:
        import_module(f"tests.corpus.generate.{name}")
    return tuple(_registered[key] for key in sorted(_registered))
