"""What a notebook's cells install, read without running them.

Rules this file keeps:

1. ``%pip install …`` and ``!pip install …`` lines, and calls of ``install`` of micropip and piplite, wherever they
   stand in a cell. A branch counts as taken: a lock holds what might be needed.
2. What cannot be told without running it (a requirement that is computed) is refused with its cell; so is an option
   that would change what is installed and is not read here. Nothing is left out in silence.
3. Cells that are no Python, by their cell magic or because they cannot be parsed, install nothing.

Left to others: whether a requirement is one (:mod:`micropip_lock.cli_requirements`), running cells instead.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from micropip_lock.core.notebook import Cell
from micropip_lock.errors import UsageError

_MODULES: Final = frozenset({"micropip", "piplite"})
_LINE: Final = re.compile(r"[ \t]*(?:%pip|!\s*pip3?|!\s*python3? -m pip)[ \t]+(?P<verb>[a-z]+)(?P<rest>.*)")
_MAGIC: Final = re.compile(r"(?P<indent>[ \t]*)[%!]")
# Cell magics whose cell is run as Python by the kernel.
_TRANSPARENT: Final = frozenset({"%%time", "%%timeit", "%%capture", "%%prun"})
_MAX_CELL: Final = 1 << 20
_SILENT: Final = frozenset({"-q", "--quiet", "-v", "--verbose", "-U", "--upgrade", "--no-input", "--progress-bar=off"})
_VALUED: Final = {
    "-r": "files",
    "--requirement": "files",
    "-c": "constraint_files",
    "--constraint": "constraint_files",
    "-i": "index_urls",
    "--index-url": "index_urls",
    "--index-urls": "index_urls",
    "--extra-index-url": "index_urls",
}
_HARMLESS: Final = frozenset({"keep_going", "verbose", "reinstall", "credentials"})


@dataclass(frozen=True, kw_only=True, slots=True)
class CellInstall:
    """What one line or call installs.

    Attributes:
        cell: Number of the cell, from 1.
        requirements: As micropip takes them.
        files: Requirements files.
        constraints: Requirements that only limit versions.
        constraint_files: Files of those.
        index_urls: Indexes to ask.
        pre: Take pre-releases too.
    """

    cell: int
    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    constraint_files: tuple[str, ...] = ()
    index_urls: tuple[str, ...] = ()
    pre: bool = False


def installs_of(cells: Iterable[Cell]) -> list[CellInstall]:
    """Every install of a notebook, in its order.

    Raises:
        UsageError: code ``cell-install``.
    """
    return [found for cell in cells for found in _installs_of_cell(cell)]


def as_python(source: str) -> tuple[str, list[str]]:
    """A cell as Python that a plain Pyodide runs, and the lines that were left out.

    ``%pip install`` becomes a call of micropip; other magics and shell commands are left out.
    """
    lines, left_out, first = [], list[str](), source.lstrip().split("\n", 1)[0].strip()
    if first.startswith("%%") and first.split()[0] not in _TRANSPARENT:
        return "", [first]
    for line in source.split("\n"):
        magic = _MAGIC.match(line)
        if magic is None:
            lines.append(line)
            continue
        pip = _LINE.fullmatch(line)
        if pip is not None and pip["verb"] == "install":
            options = _pip_options(pip["rest"], 0)
            lines.append(f"{magic['indent']}import micropip; await micropip.install({list(options.requirements)!r})")
        else:
            lines.append(f"{magic['indent']}pass")
            left_out += [] if line.strip().split()[0] in _TRANSPARENT else [line.strip()]
    return "\n".join(lines), left_out


def _installs_of_cell(cell: Cell) -> Iterator[CellInstall]:
    if len(cell.source) > _MAX_CELL:
        return
    for line in cell.source.split("\n"):
        found = _LINE.fullmatch(line)
        if found is not None and found["verb"] == "install":
            yield _pip_options(found["rest"], cell.number)
    try:
        tree = ast.parse(_without_magics(cell.source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    yield from _calls(tree, cell.number)


def _without_magics(source: str) -> str:
    first = source.lstrip().split("\n", 1)[0].strip()
    if first.startswith("%%") and first.split()[0] not in _TRANSPARENT:
        return ""
    return re.sub(r"(?m)^([ \t]*)[%!].*$", r"\1pass", source)


def _pip_options(text: str, cell: int) -> CellInstall:
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise _fault("an install line cannot be read", cell, str(error)) from error
    requirements, pre, values = list[str](), False, {name: list[str]() for name in _VALUED.values()}
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if word == "--pre":
            pre = True
        elif name in _VALUED and (equals or words):
            values[_VALUED[name]].append(value if equals else words.pop(0))
        elif not word.startswith("-"):
            requirements.append(word)
        elif word not in _SILENT:
            raise _fault("an option of an install line cannot be obeyed", cell, word)
    return CellInstall(
        cell=cell,
        requirements=tuple(requirements),
        pre=pre,
        files=tuple(values["files"]),
        constraint_files=tuple(values["constraint_files"]),
        index_urls=tuple(values["index_urls"]),
    )


def _calls(tree: ast.AST, cell: int) -> Iterator[CellInstall]:
    modules, functions = set(_MODULES), set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules |= {one.asname for one in names if one.name in _MODULES and one.asname is not None}
            case ast.ImportFrom(module=str(module), names=names) if module in _MODULES:
                functions |= {one.asname or one.name for one in names if one.name == "install"}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="install")) if name in modules:
                yield _call(node, cell)
            case ast.Call(func=ast.Name(id=name)) if name in functions:
                yield _call(node, cell)


def _call(call: ast.Call, cell: int) -> CellInstall:
    given: dict[str, Any] = {}
    if len(call.args) > 1 or any(one.arg is None for one in call.keywords):
        raise _fault("an install cannot be told without running it", cell, ast.unparse(call))
    for name, node in [*(("requirements", one) for one in call.args), *((one.arg, one.value) for one in call.keywords)]:
        if name in _HARMLESS or name is None:
            continue
        try:
            given[name] = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            raise _fault("an install cannot be told without running it", cell, ast.unparse(call)) from error
    deps, pre = given.pop("deps", True), given.pop("pre", False)
    lists = {name: _texts(given.pop(name, ())) for name in ("requirements", "constraints", "index_urls")}
    if given or deps is not True or any(value is None for value in lists.values()):
        raise _fault("an install has arguments that are not read here", cell, ast.unparse(call))
    return CellInstall(
        cell=cell,
        requirements=lists["requirements"] or (),
        constraints=lists["constraints"] or (),
        index_urls=lists["index_urls"] or (),
        pre=bool(pre),
    )


def _texts(value: Any) -> tuple[str, ...] | None:
    """A string or several, as strings; ``None`` for anything else."""
    texts = () if value is None else (value,) if isinstance(value, str) else value
    is_list = isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts)
    return tuple(texts) if is_list else None


def _fault(what: str, cell: int, got: str) -> UsageError:
    return UsageError(
        what,
        code="cell-install",
        where=f"cell {cell}",
        got=got if len(got) <= 100 else got[:99] + "…",
        hint="name the requirements on the command line or in a `# /// script` block, or run the cells with --run",
    )
