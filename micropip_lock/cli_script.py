"""Scripts and notebooks as ``freeze`` takes them: what they ask for, and ``--write``, which keeps them in step.

Rules this file keeps:

1. An argument or ``-r`` that names an ``.ipynb``, or a ``.py`` that is there, stands for what it asks for: the block
   ``# /// script`` (PEP 723) of the script or of the notebook's first code cell, and the installs of its cells.
2. ``--write`` writes what was frozen and nothing else: the block's ``dependencies``, and the lock itself where the file
   is a notebook. The block says what was asked for, the lock what came of it: no version is pinned in the block.
3. A Pyodide whose Python the script does not allow is refused before anything runs.
"""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from micropip_lock import api
from micropip_lock.cli_requirements import RequirementSet, checked_requirement, read_requirements
from micropip_lock.cli_text import printable
from micropip_lock.core.install_cells import as_python, installs_of
from micropip_lock.core.model import Lock
from micropip_lock.core.notebook import Notebook, read_notebook, with_first_cell, with_source
from micropip_lock.core.script import Script, read_script, with_dependencies
from micropip_lock.core.specifiers import parse_requirement
from micropip_lock.errors import LockParseError, UsageError
from micropip_lock.notebook import read_bytes, save_in
from micropip_lock.wiring import folder

_SUFFIXES: Final = (".py", ".ipynb")


def add_script_options(parser: ArgumentParser) -> None:
    """The options of ``freeze`` for scripts and notebooks."""
    group = parser.add_argument_group("scripts and notebooks: FILE.py with a `# /// script` block, FILE.ipynb")
    group.add_argument(
        "--notebook",
        action="append",
        default=[],
        dest="notebooks",
        type=Path,
        metavar="NB",
        help="install what this notebook's cells and its block ask for",
    )
    group.add_argument("--run", action="store_true", help="run the notebook's cells instead of reading their installs")
    group.add_argument(
        "--write",
        action="store_true",
        help="write what was frozen into the script's block, and the lock into the notebook",
    )


@dataclass(kw_only=True, slots=True)
class Sources:
    """What ``freeze`` was given.

    Attributes:
        arguments: Requirements.
        files: Requirements files.
        scripts: Scripts and notebooks.
    """

    arguments: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    scripts: list[Path] = field(default_factory=list)


def sorted_out(arguments: Sequence[str], files: Sequence[Path], notebooks: Sequence[Path]) -> Sources:
    """Tell scripts and notebooks from requirements and their files."""
    found = Sources(scripts=list(notebooks))
    for text in arguments:
        # "web.py" is the name of a package as well, until there is a file of that name.
        is_script = text.endswith(".ipynb") or (text.endswith(".py") and Path(text).is_file())
        if is_script:
            found.scripts.append(Path(text))
        else:
            found.arguments.append(text)
    for path in files:
        (found.scripts if path.suffix in _SUFFIXES else found.files).append(path)
    return found


def asked_by(sources: Sources, *, pyodide: str | None, cells: bool = True) -> tuple[RequirementSet, bool]:
    """Everything that is asked for, each thing once, and whether pre-releases are.

    Args:
        sources: What was given.
        pyodide: Where it is to run.
        cells: Whether the installs of a notebook's cells count.

    Raises:
        UsageError: codes ``script-block``, ``cell-install``, ``requires-python``, and those of requirements.
        LockParseError: code ``no-notebook``, and what reading a notebook raises.
    """
    asked, pre = RequirementSet(), False
    for path in sources.scripts:
        one, takes_pre = _asked_by_script(path, pyodide, cells)
        pre = pre or takes_pre
        _join(asked, one)
    _join(asked, read_requirements(sources.arguments, sources.files))
    return asked, pre


def _join(asked: RequirementSet, more: RequirementSet) -> None:
    asked.requirements += [text for text in more.requirements if text not in asked.requirements]
    asked.constraints += [text for text in more.constraints if text not in asked.constraints]
    asked.index_url = more.index_url or asked.index_url


def _asked_by_script(path: Path, pyodide: str | None, cells: bool) -> tuple[RequirementSet, bool]:
    found, pre = RequirementSet(), False
    notebook = _notebook(path)
    script = read_script(_text(path) if notebook is None else _first(notebook), str(path))
    if script is not None:
        _check_python(script, path, pyodide)
        found.requirements = [checked_requirement(one, f"{path}, dependencies") for one in script.dependencies]
    if notebook is not None and notebook.language not in (None, "python"):
        raise UsageError(
            "the notebook is for another language", where=str(path), expected="python", got=notebook.language
        )
    for install in installs_of(notebook.cells) if notebook is not None and cells else ():
        pre = pre or install.pre
        where = f"{path}, cell {install.cell}"
        folder_of = path.parent
        inner = read_requirements((), [folder_of / name for name in install.files])
        limits = read_requirements((), [folder_of / name for name in install.constraint_files])
        inner.requirements += [checked_requirement(text, where) for text in install.requirements]
        inner.constraints += [*limits.requirements, *limits.constraints, *install.constraints]
        inner.index_url = install.index_urls[0] if install.index_urls else inner.index_url
        _join(found, inner)
    return found, pre


def _check_python(script: Script, path: Path, pyodide: str | None) -> None:
    version = api.python_of(pyodide)
    if version and not script.allows_python(version):
        raise UsageError(
            "the script is for another Python",
            code="requires-python",
            where=f"{path}, requires-python",
            expected=str(script.requires_python),
            got=f"Python {version}",
            hint="name a Pyodide with such a Python: --pyodide VERSION",
        )


def check_write(sources: Sources, asked: RequirementSet) -> Path:
    """The file that ``--write`` is for.

    Raises:
        UsageError: there is not just one, or it cannot hold what was asked for.
    """
    if len(sources.scripts) != 1:
        raise UsageError(
            "--write keeps one script or notebook in step",
            expected="one FILE.py or FILE.ipynb",
            got=", ".join(map(str, sources.scripts)) or "none",
        )
    if local := [text for text in asked.requirements if "file:" in text]:
        raise UsageError(
            "a path of this machine is no dependency that a script can state",
            code="bad-requirement",
            got=", ".join(local),
            hint="leave --write out, or install it from an index or an address",
        )
    return sources.scripts[0]


def with_roots(requirements: Sequence[str], lock: Lock) -> list[str]:
    """What was asked for, and what the cells asked for when they ran, as far as a script can state it."""
    found, names = list(requirements), set[str]()
    for text in requirements:
        with contextlib.suppress(InvalidRequirement):
            names.add(canonicalize_name(parse_requirement(text).name))
    for name in lock.roots:
        package = lock.packages[canonicalize_name(name)]
        asked = package.requirement or package.name
        is_local = package.origin is not None and package.origin.kind == "local"
        if name not in names and not is_local:
            found.append(asked if _is_requirement(asked) else f"{package.name} @ {package.wheel.url}")
    return found


def _is_requirement(text: str) -> bool:
    try:
        parse_requirement(text)
    except InvalidRequirement:
        return False
    return True


async def write_back(path: Path, requirements: Sequence[str], lock: Lock) -> str:
    """Put what was asked for into the block of a script, and of a notebook the lock as well.

    Returns:
        What was written, for people.

    Raises:
        StorageError: code ``not-written``; the file was not changed.
    """
    notebook = _notebook(path)
    if notebook is None:
        text = with_dependencies(_text(path), requirements, str(path))
        folder(path.parent).write(path.name, text.encode("utf-8"))
        return str(path)
    return str(await save_in(lock, path, _with_block(notebook, requirements, str(path))))


def _with_block(notebook: Notebook, requirements: Sequence[str], where: str) -> str:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or read_script(first.source, where) is None:
        return with_first_cell(notebook, with_dependencies("", requirements, where).rstrip("\n"))
    return with_source(notebook.text, first, with_dependencies(first.source, requirements, where))


def _first(notebook: Notebook) -> str:
    return notebook.cells[0].source if notebook.cells else ""


def _notebook(path: Path) -> Notebook | None:
    return read_notebook(read_bytes(path)) if path.suffix == ".ipynb" else None


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LockParseError(
            "the script is not UTF-8 text", code="encoding", where=str(path), got=str(error)[:100]
        ) from error


def cells_to_run(sources: Sources) -> tuple[list[tuple[int, str]], list[str]]:
    """The cells of the one notebook, numbered, as Python; and notes about what of them a plain Pyodide cannot do.

    Raises:
        UsageError: there is not just one notebook.
        LockParseError: what reading a notebook raises.
    """
    notebook = _notebook(sources.scripts[0]) if len(sources.scripts) == 1 else None
    if notebook is None:
        raise UsageError("--run runs the cells of a notebook", expected="one FILE.ipynb", hint="name one")
    cells, notes = list[tuple[int, str]](), list[str]()
    for cell in notebook.cells:
        code, left_out = as_python(cell.source)
        cells.append((cell.number, code))
        notes += [f"note: cell {cell.number}: left out: {printable(line[:60])}" for line in left_out]
    return cells, notes
