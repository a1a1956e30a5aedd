"""Inline script metadata (PEP 723): the block ``# /// script`` in a program's comments, read and kept in step.

Rules this file keeps:

1. What a block is, the specification's regular expression says, and nothing else; two blocks are an error, a block that
   is not closed is none.
2. Writing replaces the list ``dependencies`` and nothing else, and what was written is read again before it leaves this
   file.  A block that is written in so odd a way that this fails is refused, not guessed at.
3. The number of openings is bounded: the expression looks for the end of a block once for each.

Source: "Inline script metadata", PyPA specifications.  Left to others: where the text comes from
(:mod:`micropip_lock.cli_requirements`), what the requirements ask for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from micropip_lock.core.json_text import MAX_BYTES
from micropip_lock.core.shown import shown
from micropip_lock.core.toml_text import read_toml
from micropip_lock.errors import MicropipLockError, UsageError

# The specification: "tools MUST" use, word for word.
_BLOCK: Final = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_OPENING: Final = re.compile(r"(?m)^# /// [a-zA-Z0-9-]+$")
_MAX_OPENINGS: Final = 100
_TYPE: Final = "script"
_KEY: Final = re.compile(r"(?m)^[ \t]*dependencies[ \t]*=[ \t]*\[")
_HEADER: Final = re.compile(r"(?m)^[ \t]*\[")
# In a list of strings: strings, comments, and its end.
_IN_LIST: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}|' + r"'''(?:[^']|'(?!''))*+'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*+"|' + r"'[^'\n]*+'|#[^\n]*+|(?P<end>\])",
    re.DOTALL,
)
# Python reads these before anything else, so nothing may come before them (PEP 263).
_FIRST_LINES: Final = re.compile(r"(?:#![^\n]*\n)?(?:#[^\n]*coding[:=][^\n]*\n)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """What a script says about itself.

    Attributes:
        dependencies: Requirements (PEP 508), as they are written; none are judged here.
        requires_python: Version specifier, or ``None``.
        tool: The ``[tool]`` table, for others.
    """

    dependencies: tuple[str, ...] = ()
    requires_python: str | None = None
    tool: Mapping[str, Any] = field(default_factory=dict)

    def allows_python(self, version: str) -> bool:
        """Whether the script may run with a Python of this version."""
        return self.requires_python is None or SpecifierSet(self.requires_python).contains(version, prereleases=True)


def read_script(text: str, where: str = "the script") -> Script | None:
    """The metadata of a script; ``None`` when there is no block.

    Args:
        text: The program, with any line ends.
        where: What it is called in errors.

    Raises:
        UsageError: code ``script-block``: two blocks, no TOML, or a field of another form.
    """
    found = _found(_with_plain_ends(text), where)
    return None if found is None else _parsed(_content(found), _line(found, where))


def with_dependencies(text: str, dependencies: Sequence[str], where: str = "the script") -> str:
    """The script with these dependencies in its block; with a block at its top, where it had none.

    Args:
        text: The program, with any line ends.
        dependencies: Requirements, in the order to write.
        where: What it is called in errors.

    Raises:
        UsageError: code ``script-block``.
    """
    plain = _with_plain_ends(text)
    if plain != text and plain.replace("\n", "\r\n") != text:
        raise _fault("its lines end in different ways", where, hint="save it with one kind of line end")
    found = _found(plain, where)
    before = Script() if found is None else _parsed(_content(found), _line(found, where))
    if found is None:
        top = _FIRST_LINES.match(plain)
        at = top.end() if top is not None else 0
        block = f"# /// {_TYPE}\n{_commented(_list(dependencies))}# ///\n"
        rest = plain[at:].lstrip("\n")
        written = plain[:at] + ("\n" if at else "") + block + (f"\n{rest}" if rest else "")
    else:
        content = _content(found)
        if before.dependencies == tuple(dependencies):
            return text
        changed = _replaced(content, _list(dependencies))
        written = plain[: found.start("content")] + _commented(changed) + plain[found.end("content") :]
    again = _found(written, where)
    after = None if again is None else _parsed(_content(again), where)
    if after is None or (after.dependencies, after.requires_python, after.tool) != (
        tuple(dependencies),
        before.requires_python,
        before.tool,
    ):
        raise _fault(
            "its dependencies cannot be written", where, hint='write `# dependencies = ["…"]` on lines of their own'
        )
    return written if plain == text else written.replace("\n", "\r\n")


def _with_plain_ends(text: str) -> str:
    # As Python reads its sources.
    return text.replace("\r\n", "\n")


def _found(text: str, where: str) -> re.Match[str] | None:
    if len(text) > MAX_BYTES or sum(1 for _ in _OPENING.finditer(text)) > _MAX_OPENINGS:
        raise _fault("too much to look through", where, hint=f"at most {MAX_BYTES} characters and 100 blocks are read")
    # "When there are multiple comment blocks of the same type defined, tools MUST produce an error."
    blocks = [one for one in _BLOCK.finditer(text) if one["type"] == _TYPE]
    if len(blocks) > 1:
        raise _fault("there are two blocks", _line(blocks[1], where), hint=f"keep one `# /// {_TYPE}`")
    return blocks[0] if blocks else None


def _content(found: re.Match[str]) -> str:
    lines = found["content"].splitlines(keepends=True)
    return "".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)


def _commented(content: str) -> str:
    return "".join(f"# {line}" if line.strip("\n") else f"#{line}" for line in content.splitlines(keepends=True))


def _parsed(content: str, where: str) -> Script:
    try:
        value = read_toml(content) if content.strip() else {}
    except MicropipLockError as error:
        told = error.message.replace("the lock", "it")
        raise _fault(told, f"{where}: {error.where}" if error.where else where, got=error.got) from error
    dependencies, python, tool = (value.get(key) for key in ("dependencies", "requires-python", "tool"))
    if dependencies is not None and not (
        isinstance(dependencies, list) and all(isinstance(one, str) for one in dependencies)
    ):
        raise _fault("wrong type", f"{where}: dependencies", expected="a list of strings", got=shown(dependencies))
    if python is not None:
        try:
            if not isinstance(python, str):
                raise InvalidSpecifier
            SpecifierSet(python)
        except InvalidSpecifier as error:
            place = f"{where}: requires-python"
            raise _fault("not a version specifier", place, expected='as ">=3.12"', got=shown(python)) from error
    if tool is not None and not isinstance(tool, dict):
        raise _fault("wrong type", f"{where}: tool", expected="a table", got=shown(tool))
    return Script(dependencies=tuple(dependencies or ()), requires_python=python, tool=tool or {})


def _list(dependencies: Sequence[str]) -> str:
    """A TOML list, one requirement on each line; JSON's strings are TOML's."""
    if not dependencies:
        return "dependencies = []\n"
    lines = "".join(f"  {json.dumps(one, ensure_ascii=False)},\n" for one in dependencies)
    return f"dependencies = [\n{lines}]\n"


def _replaced(content: str, written: str) -> str:
    header = _HEADER.search(content)
    found = _KEY.search(content, 0, header.start() if header else len(content))
    if found is None:
        return written + content
    end = next((token.end() for token in _IN_LIST.finditer(content, found.end()) if token["end"]), None)
    # A list that does not end was refused before.
    return content if end is None else content[: found.start()] + written.rstrip("\n") + content[end:]


def _line(found: re.Match[str], where: str) -> str:
    return f"{where}, block at line {found.string.count(chr(10), 0, found.start()) + 1}"


def _fault(
    what: str, where: str, *, expected: str | None = None, got: str | None = None, hint: str | None = None
) -> UsageError:
    return UsageError(
        f"the script's metadata cannot be used: {what}",
        code="script-block",
        where=where,
        expected=expected,
        got=got,
        hint=hint or "inline script metadata is TOML in comments (PEP 723)",
    )
