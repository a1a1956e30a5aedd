"""How a wheel case is written down: a right wheel, and one change to it.

Rules this file keeps:

1. Each wheel is of a distribution of its own, called like the case (``w01``), so that an index can serve all of them.
2. A change happens at one of three moments: :func:`content` before RECORD is written, so that RECORD is true;
   :func:`lying` after it; :func:`container` when the archive is put together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micropip_lock.testing.wheels import record_of
from tests.corpus.generate.case import Case, State, Verdict, register
from tests.corpus.generate.raw_zip import Part, archive, parts_of

type Entries = dict[str, bytes]
type Edit = Callable[[Entries, str], None]
type Pack = Callable[[list[Part], str], bytes]

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: micropip-lock-corpus\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def content(case_id: str, slug: str, title: str, outcome: str = "", **facts: Any) -> Callable[[Edit], Case]:
    """A wheel with other files and a RECORD that lists them truly; arguments as for :func:`container`."""

    def of(edit: Edit) -> Case:
        return _registered(
            case_id, slug, title, outcome, facts, lambda: archive(parts_of(_wheel(case_id, edit, None).items()))
        )

    return of


def lying(case_id: str, slug: str, title: str, outcome: str = "", **facts: Any) -> Callable[[Edit], Case]:
    """A wheel that is changed after its RECORD was written; arguments as for :func:`container`."""

    def of(edit: Edit) -> Case:
        return _registered(
            case_id, slug, title, outcome, facts, lambda: archive(parts_of(_wheel(case_id, None, edit).items()))
        )

    return of


def container(case_id: str, slug: str, title: str, outcome: str = "", **facts: Any) -> Callable[[Pack], Case]:
    """A right wheel in an archive of its own kind.

    Args:
        case_id: Of the case; the distribution is called like it.
        slug: Of the case.
        title: Of the case.
        outcome: Nothing for a wheel that is taken; ``warn CODE``; or class and code of the error.
        facts: ``note``, ``state``, ``filename``, and ``by="replay"`` where the bytes alone do not tell.
    """

    def of(pack: Pack) -> Case:
        return _registered(
            case_id,
            slug,
            title,
            outcome,
            facts,
            lambda: pack(parts_of(_wheel(case_id, None, None).items()), info_of(case_id)),
        )

    return of


def info_of(case_id: str) -> str:
    """Name of a case's dist-info directory."""
    return f"{case_id.lower()}-1.0.dist-info"


def _wheel(case_id: str, before: Edit | None, after: Edit | None) -> Entries:
    name, info = case_id.lower(), info_of(case_id)
    entries = {
        f"{name}.py": b"__version__ = '1.0'\n",
        f"{name}_data/table.txt": b"0123456789" * 20 + b"\n",
        f"{info}/METADATA": METADATA.format(name=name).encode(),
        f"{info}/WHEEL": WHEEL.encode(),
    }
    if before is not None:
        before(entries, info)
    entries[f"{info}/RECORD"] = record_of(entries, f"{info}/RECORD")
    if after is not None:
        after(entries, info)
    return entries


def _registered(
    case_id: str, slug: str, title: str, outcome: str, facts: dict[str, Any], make: Callable[[], bytes]
) -> Case:
    first, _, code = outcome.partition(" ")
    verdict: Verdict = "accept" if not outcome else "warn" if first == "warn" else "reject"
    state: State = facts.pop("state", "S1" if verdict == "reject" else "installed")
    note = facts.pop("note", "")
    return register(
        Case(
            id=case_id,
            slug=slug,
            group="wheels",
            title=title,
            verdict=verdict,
            error=first if verdict == "reject" else "",
            code=code,
            state=state,
            note=note,
            files=lambda: {"input.whl": make()},
            facts={"filename": f"{case_id.lower()}-1.0-py3-none-any.whl", "by": "wheel", **facts},
        )
    )
