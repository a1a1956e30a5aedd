"""How a case of records is written down: what lies on a disk, and what a freeze has to say of it.

Rules this file keeps:

1. ``input/`` is a file system. The environment's prefix is ``env/`` in it; :func:`record_case` takes the files of its
   site-packages, and others by ``beside``.
2. Wheels are called ``pack`` 1.0 unless the case says otherwise; their true files are served from
   ``https://files.example/`` where ``wheels`` names them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from micropip_lock.testing import BuiltWheel, wheel
from tests.app.in_directories import RUNTIME_BASE
from tests.app.recorded import INDEX, url_of
from tests.corpus.generate.case import Case, State, Verdict, register

SITE = "env/lib/python3.14/site-packages"
PACK = wheel("pack", "1.0", files={"pack/__init__.py": "one = 1\n", "pack/data.txt": "data\n"})
REBUILT = wheel("pack", "1.0", files={"pack/__init__.py": "one = 2\n", "pack/data.txt": "data\n"})

type Content = str | bytes | None


def changed(files: Mapping[str, bytes], changes: Mapping[str, Content]) -> dict[str, Content]:
    """Files with others in their place; ``None`` takes one away."""
    return {**files, **changes}


def source(built: BuiltWheel, where: str = "", *, origin: str = INDEX) -> dict[str, str]:
    """What a lock says of a package: the address of its wheel, the digest, and where it came from."""
    return {"url": where or url_of(built), "sha256": built.sha256, "source": origin}


def record_case(
    case_id: str,
    slug: str,
    title: str,
    outcome: str,
    site: Mapping[str, Content],
    *,
    beside: Mapping[str, str] | None = None,
    locked: Mapping[str, Mapping[str, str]] | None = None,
    mocks: tuple[str, ...] = (),
    says: tuple[str, ...] = (),
    secret: str = "",
    runtime: tuple[BuiltWheel, ...] = (),
    wheels: tuple[BuiltWheel, ...] = (),
    by: Literal["records", "index", "replay"] = "records",
    note: str = "",
) -> Case:
    """Register a case.

    Args:
        case_id: Of the case.
        slug: Of the case.
        title: Of the case.
        outcome: ``accept``; ``warn CODE``; or the codes of all reasons, sorted, with commas between them.
        site: The files of site-packages; ``None`` is none.
        beside: Other files, relative to ``input/``.
        locked: What a freeze that is not strict locks, by name; nothing unless it says otherwise.
        mocks: Names of mock packages that are locked.
        says: What has to be in the reasons, hints or notes.
        secret: What may be in nothing that is written or shown.
        runtime: Wheels in the lock that the Pyodide was booted with.
        wheels: Files of ``https://files.example/``.
        by: ``records``: frozen with no network; ``index``: what has no record is looked for; ``replay``: frozen, then
            the wheel is installed in its place.
        note: Of the case.
    """
    word, _, code = outcome.partition(" ")
    verdict: Verdict = "accept" if word == "accept" else "warn" if word == "warn" else "reject"
    state: State = {"records": "S0", "index": "S1", "replay": "installed"}[by]  # type: ignore[assignment]  # literals

    def files() -> dict[str, bytes]:
        found = {f"input/{SITE}/{path}": text for path, text in site.items() if text is not None}
        found |= {f"input/{path}": text for path, text in (beside or {}).items()}
        found |= {built.filename: built.data for built in wheels}
        if runtime:
            found["runtime-lock.json"] = json.dumps(_runtime_lock(runtime), indent=1)
        return {path: text.encode("utf-8") if isinstance(text, str) else text for path, text in found.items()}

    facts: dict[str, Any] = {"by": by, "locked": locked or {}, "mocks": list(mocks), "says": list(says)}
    return register(
        Case(
            id=case_id,
            slug=slug,
            group="records",
            title=title,
            verdict=verdict,
            error="UnlockableError" if verdict == "reject" else "",
            code=code if verdict == "warn" else "" if verdict == "accept" else outcome,
            state=state,
            note=note,
            files=files,
            facts={**facts, "secret": secret} if secret else facts,
        )
    )


def _runtime_lock(wheels: tuple[BuiltWheel, ...]) -> dict[str, Any]:
    return {
        "base": RUNTIME_BASE,
        "packages": {
            str(built.project): {"version": built.version, "file_name": built.filename, "sha256": built.sha256}
            for built in wheels
        },
    }
