"""Nothing is left out: no test is skipped, no work is put off, no name hides what a file is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.tree import texts

_SKIPS = {"skip", "skipif", "xfail", "importorskip", "skipUnless", "skipIf", "expectedFailure", "SkipTest", "skipTest"}
_JS_SKIPS = re.compile(
    r"\b(?:describe|it|test|suite)\s*\.\s*(?:skip|todo|only|fails|skipIf|runIf)\b|\bx(?:it|describe)\s*\("
)
# Written in parts, so that this file does not hold what it looks for.
_PUT_OFF = re.compile(
    r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", r"raise\s+NotImplemented" + "Error"]) + r")\b"
)
_SOURCES = {".py", ".ts", ".mjs", ".js", ".md", ".toml", ".sh", ".yml", ".yaml", ".css", ".html", ""}
_VAGUE = re.compile(r"(?:^|[/_.-])(?:utils?|helpers?|common|misc)(?:[/_.-]|$)|(?:Manager|Handler|Service|Impl)\b")


def _skips(source: str) -> Iterator[tuple[int, str]]:
    """Names that keep a test from running, however they were imported."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name, lineno=line) if name in _SKIPS:
                yield line, name
            case ast.ImportFrom(names=names, lineno=line):
                yield from ((line, alias.name) for alias in names if alias.name in _SKIPS)
            case ast.Name(id="collect_ignore" | "collect_ignore_glob", lineno=line):
                yield line, "collect_ignore"


def test_no_python_test_is_skipped() -> None:
    """No test is skipped, conditionally skipped or expected to fail."""
    found = {
        f"{path}:{line}": name
        for path, text in texts()
        if path.parts[0] == "tests" and path.suffix == ".py"
        for line, name in _skips(text)
    }
    assert {} == found


def test_no_typescript_test_is_skipped_or_preferred() -> None:
    """No vitest case is skipped, put off or run alone."""
    found = {
        str(path): match.group() for path, text in texts() if path.suffix == ".ts" and (match := _JS_SKIPS.search(text))
    }
    assert {} == found


def test_nothing_is_put_off() -> None:
    """No source holds a note of unfinished work."""
    found = {
        str(path): match.group()
        for path, text in texts()
        if path.suffix in _SOURCES and path.parts[:2] != ("tests", "fixtures") and (match := _PUT_OFF.search(text))
    }
    assert {} == found


def test_no_name_is_vague() -> None:
    """No file and no class has a name that says nothing (STYLE.md, 3 and Names)."""
    found = []
    for path, text in texts():
        if path.suffix not in {".py", ".ts"}:
            continue
        # A test's server has the class name that http.server's documentation gives it.
        program = path.parts[0] != "tests"
        classes = re.findall(r"^\s*(?:export )?class (\w+)", text, re.MULTILINE) if program else []
        found += [f"{path}: {name}" for name in (str(path.with_suffix("")), *classes) if _VAGUE.search(name)]
    assert [] == found


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.skip\ndef test(): ...",
        "@pytest.mark.skipif(True, reason='x')\ndef test(): ...",
        "pytestmark = pytest.mark.xfail",
        "def test():\n    pytest.skip('no network')",
        "pytest.importorskip('node')",
        "from pytest import skip",
        "from unittest import SkipTest",
        "def test(self):\n    self.skipTest('x')",
        "collect_ignore = ['x']",
    ],
)
def test_a_skip_is_seen(source: str) -> None:
    """The scan sees every way to leave a test out."""
    assert 1 == len(list(_skips(source)))


@pytest.mark.parametrize(
    "source", ["it." + "skip('x')", "describe." + "only('x')", "test." + "todo('x')", "x" + "it('x')"]
)
def test_a_typescript_skip_is_seen(source: str) -> None:
    """The pattern sees every way to leave a vitest case out."""
    assert _JS_SKIPS.search(source) is not None


@pytest.mark.parametrize("note", ["# TO" + "DO: later", "// FIX" + "ME", "    raise NotImplemented" + "Error()"])
def test_a_note_of_unfinished_work_is_seen(note: str) -> None:
    """The pattern sees the notes that people leave; catching the standard library's error is none."""
    assert (True, None) == (bool(_PUT_OFF.search(note)), _PUT_OFF.search("except NotImplementedError:"))


@pytest.mark.parametrize(
    "name", ["app/utils", "core/path_helpers", "common", "CacheManager", "js/src/util", "SiteImpl"]
)
def test_a_vague_name_is_seen(name: str) -> None:
    """The pattern sees the names that the house does not use."""
    assert _VAGUE.search(name) is not None
