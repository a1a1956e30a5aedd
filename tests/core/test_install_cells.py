"""Tests of :mod:`micropip_lock.core.install_cells`: what a notebook installs, told without running it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.install_cells import CellInstall, as_python, installs_of
from micropip_lock.core.json_splice import Member
from micropip_lock.core.notebook import Cell
from micropip_lock.errors import UsageError

NOWHERE = Member(key="source", start=0, value=0, end=0, data="")


def cell(source: str, number: int = 3) -> Cell:
    return Cell(number=number, source=source, member=NOWHERE)


@pytest.mark.parametrize(
    ("source", "facts"),
    [
        ("%pip install rich 'six>=1' -q", {"requirements": ("rich", "six>=1")}),
        ("  %pip install --pre -U rich[jupyter]  # why", {"requirements": ("rich[jupyter]",), "pre": True}),
        ("!pip install rich\n", {"requirements": ("rich",)}),
        ("! python3 -m pip install rich\n", {"requirements": ("rich",)}),
        ("%pip install -r r.txt -c=c", None),
        ("%pip install -r r.txt --constraint=c.txt", {"files": ("r.txt",), "constraint_files": ("c.txt",)}),
        (
            "%pip install --index-url https://index.example/x six",
            {"index_urls": ("https://index.example/x",), "requirements": ("six",)},
        ),
        ("import micropip\nawait micropip.install('rich')", {"requirements": ("rich",)}),
        (
            "import micropip as m\nif x:\n    await m.install(['rich', 'six'], keep_going=True)",
            {"requirements": ("rich", "six")},
        ),
        (
            "from piplite import install as go\nawait go(requirements=('a',), pre=True)",
            {"requirements": ("a",), "pre": True},
        ),
        (
            "await piplite.install('a', constraints=['b<2'], index_urls='https://index.example/x')",
            {"requirements": ("a",), "constraints": ("b<2",), "index_urls": ("https://index.example/x",)},
        ),
        (
            "%matplotlib inline\n!ls\nasync def f():\n    await micropip.install('a', deps=True)",
            {"requirements": ("a",)},
        ),
        ("%%time\nawait micropip.install('a')", {"requirements": ("a",)}),
        ("%%html\nawait micropip.install('a')", None),
        ("other.install('a'); install('b')", None),
        ("this is (no python\n", None),
        ("(" * 5000, None),
        ("%pip list", None),
        ("", None),
    ],
)
def test_what_is_installed(source: str, facts: dict[str, Any] | None) -> None:
    """Install lines and calls are found wherever they stand; nothing else is."""
    if source.endswith("-c=c"):
        with pytest.raises(UsageError):
            installs_of([cell(source)])
    else:
        assert ([] if facts is None else [CellInstall(cell=3, **facts)]) == installs_of([cell(source)])


def test_the_order_is_that_of_the_notebook() -> None:
    """Cells come in their order, and what one of them installs keeps its number."""
    cells = [cell("%pip install a\nimport micropip", 1), cell("await micropip.install('b')", 4)]
    assert [(1, ("a",)), (4, ("b",))] == [(one.cell, one.requirements) for one in installs_of(cells)]


@pytest.mark.parametrize(
    "source",
    [
        "await micropip.install(names)",
        "await micropip.install(f'{a}')",
        "await micropip.install(*names)",
        "await micropip.install('a', **more)",
        "await micropip.install('a', True)",
        "await micropip.install('a', deps=False)",
        "await micropip.install([1])",
        "await micropip.install('a', nobody=1)",
        "%pip install --target x a",
        "%pip install 'a",
    ],
)
def test_what_cannot_be_told(source: str) -> None:
    """An install that depends on running code, or on an option that is not read, is refused with its cell."""
    with pytest.raises(UsageError) as caught:
        installs_of([cell(source)])
    assert ("cell-install", "cell 3") == (caught.value.code, caught.value.where)


@pytest.mark.parametrize(
    ("source", "expected", "left_out"),
    [
        ("a = 1\n", "a = 1\n", []),
        ("if x:\n    %pip install a b", "if x:\n    import micropip; await micropip.install(['a', 'b'])", []),
        ("%matplotlib inline\na", "pass\na", ["%matplotlib inline"]),
        ("for x in y:\n  !ls", "for x in y:\n  pass", ["!ls"]),
        ("%%html\n<b>", "", ["%%html"]),
        ("%%time\na", "pass\na", []),
    ],
)
def test_as_python(source: str, expected: str, left_out: list[str]) -> None:
    """Install lines become calls; what a plain Pyodide cannot do is left out and told."""
    assert (expected, left_out) == as_python(source)


@given(
    st.text()
    | st.sampled_from(["%pip install ", "await micropip.install("]).flatmap(lambda a: st.text().map(a.__add__))
)
def test_any_cell(source: str) -> None:
    """Any cell installs something, nothing, or is refused with an error of ours."""
    try:
        assert isinstance(installs_of([cell(source)]), list)
        assert isinstance(as_python(source)[0], str)
    except UsageError as error:
        assert "cell-install" == error.code  # noqa: PT017  # other exceptions fail the test
