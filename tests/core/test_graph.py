"""Which distribution needs which: markers, extras, cycles, and what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.graph import Needs, closure, needs_of, parse_requirements
from micropip_lock.errors import RecordError

MARKERS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_system": "Emscripten",
    "python_full_version": "3.14.2",
    "python_version": "3.14",
    "sys_platform": "emscripten",
}


def needs(
    metadata: Mapping[str, Sequence[str]], asked: Mapping[str, Sequence[str]] | None = None
) -> dict[NormalizedName, Needs]:
    requirements = {canonicalize_name(name): parse_requirements(name, lines) for name, lines in metadata.items()}
    return needs_of(requirements, {canonicalize_name(name): extras for name, extras in (asked or {}).items()}, MARKERS)


def depends(
    metadata: Mapping[str, Sequence[str]], asked: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[str]]:
    return {name: list(one.depends) for name, one in needs(metadata, asked).items()}


def test_cycle() -> None:
    """A cycle is told as it is."""
    assert {"a": ["b"], "b": ["a"]} == depends({"a": ["b"], "b": ["a"]})


def test_self_reference() -> None:
    """An extra that names its own distribution (``pkg[all]``) turns on the other extra and is no dependency."""
    metadata = {"pkg": ['pkg[io]; extra == "all"', 'good; extra == "io"'], "good": []}
    assert {"pkg": ["good"], "good": []} == depends(metadata, {"pkg": ["all"]})


def test_extras_through_extras() -> None:
    """An extra that only another distribution's extra asks for counts, over any number of steps."""
    metadata = {
        "top": ['middle[one]; extra == "x"'],
        "middle": ['bottom[two]; extra == "one"'],
        "bottom": ['last; extra == "two"', 'never; extra == "three"'],
        "last": [],
        "never": [],
    }
    expected = {"top": ["middle"], "middle": ["bottom"], "bottom": ["last"], "last": [], "never": []}
    assert expected == depends(metadata, {"top": ["x"]})


def test_extra_nobody_asked_for() -> None:
    """What stands behind an extra that nobody asked for is neither needed nor missing."""
    metadata = {"pkg": ['there; extra == "x"', 'absent; extra == "x"'], "there": []}
    assert {"pkg": Needs(), "there": Needs()} == needs(metadata)


@pytest.mark.parametrize("written", ["Foo_Bar", "foo-bar", "foo.bar", "FOO-BAR"])
def test_extras_are_normalised(written: str) -> None:
    """An extra is the same in every spelling (PEP 685)."""
    metadata = {"pkg": ['good; extra == "foo_bar"'], "good": []}
    assert {"pkg": ["good"], "good": []} == depends(metadata, {"pkg": [written]})


@pytest.mark.parametrize(
    ("marker", "applies"),
    [
        ('sys_platform == "emscripten"', True),
        ('sys_platform != "emscripten"', False),
        ('platform_machine == "wasm32"', True),
        ('python_version >= "3.14"', True),
        ('python_version < "3.14"', False),
        ('os_name == "nt" or platform_system == "Emscripten"', True),
        ('extra != "x"', True),
        ('platform_release >= "junk~="', False),
    ],
)
def test_markers(marker: str, applies: bool) -> None:
    """Markers are evaluated for the runtime."""
    assert {"pkg": ["good"] if applies else [], "good": []} == depends({"pkg": [f"good; {marker}"], "good": []})


def test_missing() -> None:
    """What is required and not installed is told and is no dependency, whatever its spelling."""
    expected = {"pkg": Needs(depends=(canonicalize_name("b"),), missing=(canonicalize_name("typing-extensions"),))}
    assert expected == {"pkg": needs({"pkg": ["Typing_Extensions>=4", "B"], "b": []})[canonicalize_name("pkg")]}


def test_long_chain() -> None:
    """Two thousand distributions in a row, each asking for an extra of the next, need no stack."""
    count = 2000
    metadata = {
        f"p{number}": [f'p{number + 1}[x]; extra == "x"'] if number + 1 < count else [] for number in range(count)
    }
    found = needs(metadata, {"p0": ["x"]})
    assert count == len(closure([canonicalize_name("p0")], found))


def test_closure_over_a_cycle() -> None:
    """A closure ends on a cycle and leaves out what is not asked for and not installed."""
    found = needs({"a": ["b"], "b": ["a", "c"], "c": [], "d": []})
    assert {"a", "b", "c"} == closure([canonicalize_name("a"), canonicalize_name("nowhere")], found)


@pytest.mark.parametrize("line", ["six six", "", ">=1", "six @", 'six; extra = "x"'])
def test_bad_requirement(line: str) -> None:
    """A requirement that is none is our error and names the distribution."""
    with pytest.raises(RecordError) as caught:
        parse_requirements("pkg", [line])
    assert ("requires-dist", "pkg") == (caught.value.code, caught.value.package)


@given(st.text())
def test_any_text_is_a_requirement_or_our_error(text: str) -> None:
    """Garbage in Requires-Dist gives our error, never another."""
    try:
        parsed = parse_requirements("pkg", [text])
        count = len(parsed.always) + len(parsed.optional)
    except RecordError:
        count = 1
    assert 1 == count


names = st.sampled_from("abcdef")
extras = st.sampled_from(["x", "y"])
lines = st.builds(
    "{}{}{}".format,
    names,
    st.just("") | extras.map("[{}]".format),
    st.just("") | extras.map('; extra == "{}"'.format),
)
graphs = st.dictionaries(names, st.lists(lines, max_size=4), min_size=1)


@given(graphs, st.dictionaries(names, st.lists(extras)), st.randoms())
def test_order_does_not_matter(graph: dict[str, list[str]], asked: dict[str, list[str]], random: Random) -> None:
    """The same distributions in any order, with their requirements in any order, need the same."""
    shuffled = {name: random.sample(graph[name], len(graph[name])) for name in random.sample(list(graph), len(graph))}
    assert needs(graph, asked) == needs(shuffled, asked)


@given(graphs, st.dictionaries(names, st.lists(extras)))
def test_never_dangling_and_never_itself(graph: dict[str, list[str]], asked: dict[str, list[str]]) -> None:
    """Every dependency is installed and another; every missing one is not installed."""
    found = needs(graph, asked)
    wrong = [
        (name, one)
        for name, one in found.items()
        if not set(one.depends) <= found.keys() - {name} or set(one.missing) & found.keys()
    ]
    assert [] == wrong


@pytest.mark.parametrize("ending", ["", " and extra == 'x'"])
def test_parentheses_without_end(ending: str) -> None:
    """A requirement of thousands of parentheses is one that cannot be read, not a stack that is used up."""
    line = f"six; {'(' * 5000}os_name == 'posix'{')' * 5000}{ending}"
    if not ending:
        with pytest.raises(RecordError) as caught:
            parse_requirements("rich", [line])
        assert "requires-dist" == caught.value.code
    else:
        assert (line,) == parse_requirements("rich", [line]).optional
