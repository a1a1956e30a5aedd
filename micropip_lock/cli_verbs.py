"""The verbs of the command line: parsed options in, an :class:`Outcome` out.

Rules this file keeps:

1. A verb writes to no stream: its data, its text for people and its JSON facts are in the outcome.  Only progress, and
   the files of ``-o``, happen on the way.
2. It calls ``micropip_lock.api`` and the pure parts of ``core``; no adapter.

Left to others: options and streams (:mod:`micropip_lock.cli`), looks (:mod:`micropip_lock.render`).
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from micropip_lock import api, stdlib
from micropip_lock.app.replay import ReplayReport
from micropip_lock.cli_policy import policy_of
from micropip_lock.cli_script import asked_by, cells_to_run, check_write, sorted_out, with_roots, write_back
from micropip_lock.cli_text import View, printable
from micropip_lock.core.compare import diff
from micropip_lock.core.model import Lock
from micropip_lock.errors import UsageError
from micropip_lock.load import load_lock
from micropip_lock.ports import Progress
from micropip_lock.render import (
    ProgressLine,
    diff_lines,
    findings_lines,
    kept_out_lines,
    lock_lines,
    note_lines,
    report_lines,
)

OK: Final = 0
DIFFERS: Final = 1
FAILED: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """How and whether to show things.

    Attributes:
        data: For what goes to standard output.
        people: For what goes to standard error.
        progress_stream: The terminal to draw progress on, or ``None``.
    """

    data: View = field(default_factory=View)
    people: View = field(default_factory=View)
    progress_stream: TextIO | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a verb did.

    Attributes:
        exit_code: 0, 1 or 2.
        facts: For ``--json``, beside ``schema`` and ``ok``.
        data: For standard output, as it is.
        people: Lines for standard error.
        errors: Lines for standard error that ``-q`` does not silence.
    """

    exit_code: int = OK
    facts: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""
    people: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


async def freeze(options: Namespace, looks: Looks) -> Outcome:
    """Install requirements in a Pyodide of its own and freeze it, or freeze a directory."""
    output = None if options.output in (None, "-") else Path(options.output)
    frozen = _freeze_requirements if options.site is None else _freeze_site
    lock, notes, is_kept = await frozen(options, looks, output)
    if not (lock.packages or lock.mocks or lock.unlocked):
        notes.append("note: the lock is empty: nothing is there but what installs, records and replays")
    saved = None if output is None else await api.save(lock, output)
    if not is_kept:
        needs_file(lock, saved)
    return Outcome(
        facts={
            "id": lock.id,
            "output": None if output is None else str(output),
            "wheels": [] if saved is None else list(saved.wheels),
            "notes": [note.to_json() for note in lock.notes],
            "lock": lock.to_dict(),
        },
        data="" if is_kept or output is not None else lock.to_json(),
        # A lock on standard output speaks for itself; what it lacks is said in any case.
        people=(
            *notes,
            *(lock_lines(lock, looks.people) if is_kept or output else kept_out_lines(lock, looks.people)),
            *([f"wrote {printable(str(saved))}"] if saved is not None and saved.wheels else []),
        ),
    )


async def _freeze_requirements(options: Namespace, looks: Looks, output: Path | None) -> tuple[Lock, list[str], bool]:
    sources = sorted_out(options.requirements, options.files, options.notebooks)
    asked, pre = asked_by(sources, pyodide=options.pyodide, cells=not options.run)
    if not (asked.requirements or sources.scripts):
        raise UsageError(
            "nothing to freeze",
            expected="requirements, a script, a notebook, -r FILE or --site DIR",
            hint="micropip-lock freeze rich",
        )
    if options.trust_metadata:
        raise UsageError("--trust-metadata is for --site", hint="what is installed here leaves records of its own")
    written = check_write(sources, asked) if options.write else None
    if output is not None:
        check_output(output)
    index_urls = options.index_urls
    cells, notes = cells_to_run(sources) if options.run else ([], [])
    if asked.index_url is not None and index_urls:
        notes.append("note: --index-url of the command line overrides that of the requirements file")
    elif asked.index_url is not None:
        index_urls = [asked.index_url]
    notes += [f"note: {note}" for note in api.index_notes(tuple(index_urls))]
    with shown_progress(looks, None) as progress:
        lock = await api.freeze_requirements(
            asked.requirements,
            index_urls=tuple(index_urls),
            pyodide=options.pyodide,
            strict=options.strict,
            constraints=tuple(asked.constraints),
            pre=options.pre or pre,
            progress=progress,
            policy=policy_of(options),
            **({"cells": cells} if cells else {}),
        )
    if written is not None:
        roots = with_roots(asked.requirements, lock) if cells else asked.requirements
        notes.append(f"wrote {printable(await write_back(written, roots, lock))}")
    return lock, notes, written is not None and written.suffix == ".ipynb"


async def _freeze_site(options: Namespace, looks: Looks, output: Path | None) -> tuple[Lock, list[str], bool]:
    if options.requirements or options.files or options.notebooks or options.pre or options.write or options.run:
        raise UsageError(
            "--site locks what is there, and installs nothing",
            expected="either --site DIR or requirements",
            hint="leave out the requirements, -r, --notebook, --run, --write and --pre",
        )
    if output is not None:
        check_output(output)
    notes = [f"note: {note}" for note in api.index_notes(tuple(options.index_urls))]
    with shown_progress(looks, None) as progress:
        lock = await api.freeze_site(
            options.site,
            pyodide=options.pyodide,
            strict=options.strict,
            index_urls=tuple(options.index_urls),
            trust_metadata=options.trust_metadata,
            progress=progress,
            policy=policy_of(options),
        )
    return lock, notes, False


async def replay(options: Namespace, looks: Looks) -> Outcome:
    """Install exactly a lock: into a directory, or into a fresh Pyodide."""
    if options.in_pyodide == (options.target is not None):
        raise UsageError(
            "where to replay is not clear", expected="either --target DIR or --in-pyodide", hint="name one of them"
        )
    if options.code is not None and not options.in_pyodide:
        raise UsageError("-c needs a Pyodide to run in", expected="--in-pyodide", hint="add --in-pyodide")
    if options.in_pyodide and (options.offline or options.force or options.exact or options.concurrency is not None):
        raise UsageError(
            "--offline, --force, --exact and --concurrency are for --target",
            hint="a fresh Pyodide has nothing to keep or replace",
        )
    lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy_of(options))
    if options.in_pyodide:
        return await _replay_in_pyodide(lock, options, looks)
    more = {} if options.concurrency is None else {"concurrency": options.concurrency}
    with shown_progress(looks, lock) as progress:
        report = await api.replay_into_directory(
            lock,
            options.target,
            offline=options.offline,
            force=options.force,
            exact=options.exact,
            progress=progress,
            policy=policy_of(options),
            mirrors=options.mirrors,
            bundle=options.bundle,
            store=options.store,
            **more,
        )
    return Outcome(
        facts={"target": str(options.target), "report": report.to_json()},
        people=(*note_lines(lock, looks.people), *report_lines(report, looks.people)),
    )


async def _replay_in_pyodide(lock: Lock, options: Namespace, looks: Looks) -> Outcome:
    with shown_progress(looks, lock) as progress:
        run = await api.replay_in_pyodide(
            lock,
            code=options.code,
            pyodide=options.pyodide,
            progress=progress,
            policy=policy_of(options),
            mirrors=options.mirrors,
            bundle=options.bundle,
            store=options.store,
        )
    printed = [line for text in (run.stderr, run.error) if text for line in text.splitlines()]
    facts: dict[str, Any] = {"report": run.report.to_json()}
    if options.code is not None:
        facts["run"] = {"stdout": run.stdout, "stderr": run.stderr, "error": run.error}
    return Outcome(
        exit_code=OK if run.error is None else FAILED,
        facts=facts,
        data=run.stdout,
        people=(*note_lines(lock, looks.people), *report_lines(run.report, looks.people)),
        errors=tuple(printed),
    )


async def recover(options: Namespace, looks: Looks) -> Outcome:  # noqa: ARG001  # every verb is told how to look
    """Bring a directory to exactly before or exactly after a replay that was interrupted."""
    found = await api.recover(options.directory)
    return Outcome(
        facts={"target": str(options.directory), **found.to_json()}, people=tuple(printable(str(found)).splitlines())
    )


async def verify(options: Namespace, looks: Looks) -> Outcome:
    """Compare a directory, or wheels, with a lock; findings only."""
    if options.site is None and options.wheels is None:
        raise UsageError("nothing to verify", expected="--site DIR, --wheels DIR or both", hint="name a directory")
    policy = policy_of(options)
    lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy)
    reports = {}
    if options.site is not None:
        reports["site"] = await api.verify_directory(lock, options.site, wheels=options.wheels, policy=policy)
    if options.wheels is not None:
        reports["wheels"] = await api.verify_wheels(lock, options.wheels, policy=policy)
    lines = [line for report in reports.values() for line in findings_lines(report, looks.data)]
    return Outcome(
        exit_code=OK if all(report.ok for report in reports.values()) else DIFFERS,
        facts={"id": lock.id, "reports": {name: report.to_json() for name, report in reports.items()}},
        data=_text(lines),
    )


async def compare(options: Namespace, looks: Looks) -> Outcome:
    """Show how the second lock differs from the first."""
    if options.before == options.after == "-":
        raise UsageError("standard input can be only one of the two locks", hint="name a file for the other")
    names, policy = (options.before, options.after), policy_of(options)
    before, after = [await load_lock(one, pyodide=options.pyodide, policy=policy) for one in names]
    found = diff(before, after)
    return Outcome(
        exit_code=OK if found.ok else DIFFERS,
        facts={"diff": found.to_json()},
        data=_text(diff_lines(found, looks.data)),
    )


async def show(options: Namespace, looks: Looks) -> Outcome:
    """Show a lock as a table."""
    lock = await load_lock(options.lock, pyodide=options.pyodide, policy=policy_of(options))
    packages = [
        {
            "name": package.name,
            "version": package.version,
            "url": package.wheel.url,
            "sha256": package.wheel.digest.hex,
            "size": package.wheel.size,
            "source": package.origin.source if package.origin else None,
            "requested": package.requested,
        }
        for package in lock
    ]
    facts = {
        "id": lock.id,
        "abi": lock.abi.to_info(),
        "size": lock.size,
        "packages": packages,
        "mocks": [
            {"name": mock.name, "version": mock.version, "source": mock.source, "modules": sorted(mock.modules)}
            for mock in lock.mocks.values()
        ],
        "site": dict(lock.site),
        "unlocked": [item.to_json() for item in lock.unlocked],
        "notes": [note.to_json() for note in lock.notes],
    }
    return Outcome(facts=facts, data=_text(lock_lines(lock, looks.data)))


async def compile_stdlib(options: Namespace, looks: Looks) -> Outcome:
    """Compile the standard library of a Pyodide."""
    output = Path(options.output)
    check_output(output)
    with shown_progress(looks, None) as progress:
        made = await stdlib.compile_stdlib(
            output,
            pyodide=options.pyodide,
            imports=tuple(options.imports),
            lock=options.lock,
            everything=options.everything,
            sources=options.sources,
            progress=progress,
        )
    notes = tuple(printable(note, lines=True) for note in made.notes)
    return Outcome(facts=made.to_json(), people=(*notes, f"wrote {printable(str(made))}"))


Verb = Callable[[Namespace, Looks], Awaitable[Outcome]]

VERBS: Final[Mapping[str, Verb]] = {
    "freeze": freeze,
    "replay": replay,
    "recover": recover,
    "verify": verify,
    "diff": compare,
    "show": show,
    "stdlib": compile_stdlib,
}


def failure_lines(report: object, looks: Looks) -> list[str]:
    """What an error's report tells people, if it carries one."""
    return report_lines(report, looks.people) if isinstance(report, ReplayReport) else []


def check_output(path: Path) -> None:
    """Refuse what cannot be written before minutes of work are spent on it."""
    if path.is_dir():
        raise UsageError(
            "-o names a directory", where=str(path), expected="a file", hint=f"-o {path / 'pyodide-lock.json'}"
        )
    if path.exists() and not path.is_file():
        raise UsageError("-o names no ordinary file", where=str(path), hint="leave -o out and redirect the output")
    if path.suffix == ".ipynb" and not path.exists():
        raise UsageError(
            "-o names a notebook that is not there", code="no-notebook", where=str(path), hint="save it first"
        )
    if not path.parent.is_dir():
        raise UsageError("-o names a file in a directory that is not there", where=str(path), hint="make it first")


def needs_file(lock: Lock, saved: object) -> None:
    """Refuse to print a lock that wheels have to lie beside."""
    if saved is None and lock.local_wheels:
        raise UsageError(
            "the lock is only whole with wheels beside it, which standard output cannot carry",
            code="local-wheels",
            got=", ".join(map(str, lock.local_wheels)),
            hint="-o FILE writes the lock there, and its wheels beside it",
        )


@contextmanager
def shown_progress(looks: Looks, lock: Lock | None) -> Iterator[Progress | None]:
    """Draw progress on the terminal, where there is one."""
    if looks.progress_stream is None:
        yield None
        return
    packages = None if lock is None else len(lock)
    line = ProgressLine(looks.progress_stream, packages=packages, width=looks.people.width or 80)
    try:
        yield line
    finally:
        line.close()


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
