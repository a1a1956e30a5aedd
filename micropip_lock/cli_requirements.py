"""Requirements as the command line takes them: as arguments, and in requirements files.

Rules this file keeps (pip, "Requirements File Format"):

1. Of the format, what means something to micropip: requirements (PEP 508), addresses and paths of wheels (relative to
   the working directory, as for pip; they become ``file:`` addresses), comments, line continuations, ``${NAME}``,
   ``-r``, ``-c`` and ``--index-url``.  Anything else is refused, never skipped.
2. Nested files are found relative to the file that names them; a file that names itself is refused.
3. Every error names the file and the line.

Left to others: resolving, which micropip does in Pyodide.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement

from micropip_lock.core.specifiers import parse_requirement
from micropip_lock.core.wheel import parse_identity
from micropip_lock.errors import UsageError, WheelMetadataError

_COMMENT: Final = re.compile(r"(^|\s+)#.*$")
_VARIABLE: Final = re.compile(r"(?P<spelled>\$\{(?P<name>[A-Z0-9_]+)\})")
_OPTION: Final = re.compile(r"(?P<name>--[a-z-]+|-[a-zA-Z])(?:\s*=\s*|\s+|(?<=-[a-zA-Z]))?(?P<value>.*)")
_FILES: Final = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_INDEX: Final = frozenset({"-i", "--index-url"})


@dataclass(kw_only=True, slots=True)
class RequirementSet:
    """What was asked for, in its order.

    Attributes:
        requirements: Requirements and addresses of wheels.
        constraints: Requirements that only limit versions.
        index_url: The last ``--index-url`` of the files, as for pip.
    """

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    index_url: str | None = None


def read_requirements(
    arguments: Sequence[str], files: Sequence[Path], environ: Mapping[str, str] | None = None
) -> RequirementSet:
    """Everything that arguments and files ask for.

    Raises:
        UsageError: codes ``bad-requirement``, ``bad-requirements-file``.
    """
    found = RequirementSet(requirements=[checked_requirement(text, "the arguments") for text in arguments])
    for path in files:
        _read_file(path, found, constraint=False, outer=(), environ=os.environ if environ is None else environ)
    return found


def checked_requirement(text: str, where: str) -> str:
    """``text``, stripped, if micropip can install it; a path of a wheel as its ``file:`` address.

    Raises:
        UsageError: code ``bad-requirement``.
    """
    text = text.strip()
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return _checked_address(text, where)
    # PEP 508 allows dots and dashes in names, so that a wheel's file name is a name too; micropip takes it for a path.
    # A mistyped address is no path either: it may hold a password, and paths are shown.
    is_path = text.endswith((".whl", ".tar.gz")) and " @ " not in text and "://" not in text
    if is_path and text.endswith(".whl"):
        return _checked_path(Path(text), where)
    try:
        requirement = parse_requirement("" if is_path else text)
    except InvalidRequirement as error:
        is_path = is_path or text.startswith((".", "/", "~"))
        raise UsageError(
            "a local file that is no wheel cannot be installed" if is_path else "not a requirement",
            code="bad-requirement",
            where=where,
            expected="a requirement such as rich>=13, or the path or https: address of a wheel",
            # What cannot be parsed can still hold an address with a password in it.
            got=repr(re.sub(r"//[^/@\s]*@", "//…@", text)),
            hint="build a wheel of it" if is_path else "write NAME, NAME==VERSION, NAME>=VERSION or NAME[EXTRA]",
        ) from error
    if requirement.url is not None:
        checked = _checked_address(requirement.url, where)
        if checked != requirement.url:
            requirement.url = checked
            return str(requirement)
    return text


def _checked_address(url: str, where: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError("not an address", code="bad-requirement", where=where, got=str(error)) from error
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.endswith(".whl"):
        return _checked_path(Path(url2pathname(parts.path)), where)
    if parts.scheme not in ("https", "http") or not parts.path.endswith(".whl") or not parts.hostname:
        raise UsageError(
            "not the address of a wheel",
            code="bad-requirement",
            where=where,
            expected="https://…/name-version-….whl",
            got=f"{parts.scheme}: and a path that ends in {parts.path.rsplit('/', 1)[-1]!r}",
            hint="only wheels can be installed in Pyodide: from the web, or from a file here",
        )
    if parts.username is not None:
        raise UsageError(
            "the address has credentials in it",
            code="bad-requirement",
            where=where,
            hint="a lock must not carry them; configure credentials for the index",
        )
    return url


def _checked_path(path: Path, where: str) -> str:
    try:
        path = path.expanduser().resolve()
        parse_identity(path.name)
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError, WheelMetadataError) as error:
        # RuntimeError: a user whose home nobody knows.
        raise _no_wheel(path, where, str(error).splitlines()[0]) from error
    if not is_file:
        raise _no_wheel(path, where, "there is no such file")
    return path.as_uri()


def _no_wheel(path: Path, where: str, got: str) -> UsageError:
    return UsageError(
        f"{str(path)!r} is not a wheel that can be installed",
        code="bad-requirement",
        where=where,
        expected="the path of a wheel, name-version-….whl",
        got=got,
        hint="check the path",
    )


def _read_file(
    path: Path, found: RequirementSet, *, constraint: bool, outer: tuple[Path, ...], environ: Mapping[str, str]
) -> None:
    if path.resolve() in outer:
        raise UsageError("the requirements file names itself", code="bad-requirements-file", where=str(path))
    outer = (*outer, path.resolve())
    for number, line in _lines(path, environ):
        where = f"{path}, line {number}"
        if not line.startswith("-"):
            text = checked_requirement(_without_options(line, where), where)
            if constraint and "file:" in text:
                raise _refused("a path", where, "a constraint limits versions; name the file as a requirement")
            (found.constraints if constraint else found.requirements).append(text)
            continue
        match = _OPTION.fullmatch(line)
        name, value = (match["name"], match["value"].strip()) if match else (line.split()[0], "")
        if name in _FILES and value:
            if "://" in value:
                raise _refused(f"{name} with an address", where, "save the file and name its path")
            inner = constraint or _FILES[name] == "-c"
            _read_file(path.parent / value, found, constraint=inner, outer=outer, environ=environ)
        elif name in _INDEX and value:
            found.index_url = value
        else:
            raise _refused(name, where, "requirements, -r, -c and --index-url are read; leave the others out")


def _without_options(line: str, where: str) -> str:
    """A requirement without the options that pip allows behind it, which are refused."""
    option = re.search(r"\s(--?[a-zA-Z][a-z-]*)", line)
    if option is not None:
        raise _refused(option[1], where, "the lock will hold every file's sha256; leave the option out")
    return line


def _refused(option: str, where: str, hint: str) -> UsageError:
    return UsageError(
        f"{option} cannot be obeyed in a requirements file here", code="bad-requirements-file", where=where, hint=hint
    )


def _lines(path: Path, environ: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first physical one: joined, without comments, variables expanded."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "the requirements file cannot be read",
            code="bad-requirements-file",
            where=str(path),
            got=str(error),
        ) from error
    for number, line in _joined(text.splitlines()):
        stripped = _COMMENT.sub("", line).strip()
        for match in _VARIABLE.finditer(stripped):
            # pip leaves a variable that is not set, or empty, as it is spelled.
            if value := environ.get(match["name"]):
                stripped = stripped.replace(match["spelled"], value)
        if stripped:
            yield number, stripped


def _joined(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines that end in a backslash, joined with the next one; a comment line ends the joining."""
    first, parts = 0, list[str]()
    for number, line in enumerate(lines, start=1):
        is_comment = _COMMENT.match(line) is not None
        if line.endswith("\\") and not is_comment:
            first = first or number
            parts.append(line.rstrip("\\"))
            continue
        # The space keeps a comment a comment behind a joined line.
        yield first or number, "".join([*parts, " " + line if is_comment else line])
        first, parts = 0, []
    if parts:
        yield first, "".join(parts)
