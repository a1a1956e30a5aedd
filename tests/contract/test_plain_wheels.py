"""The engine's fast wheel check is sound: what it takes, Python's strict one takes, with the same facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from micropip_lock.core.dist_info import INSTALLER_FILES
from micropip_lock.core.wheel import DATA_SCHEMES
from micropip_lock.core.wheel_place import PROTECTED
from micropip_lock.testing import wheel
from tests.contract.altered_texts import archive_of, edited_texts, requirements, singly, with_requirement
from tests.contract.altered_wheels import (
    DATA,
    FILENAME,
    FORMS,
    INFO,
    AlteredWheel,
    edited_bytes,
    edited_structures,
    ordinary,
    singly_structured,
)
from tests.contract.plain_wheels import Engine, differences
from tests.corpus.generate.case import Case, all_cases
from tests.e2e.wheelhouse import wheels

pytestmark = pytest.mark.node

WHEEL_CASES = [case for case in all_cases() if case.group == "wheels"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine's check, started once."""
    with Engine(tmp_path_factory.mktemp("engine")) as started:
        yield started


@pytest.mark.parametrize("form", FORMS)
def test_ordinary_wheels(engine: Engine, form: str) -> None:
    """Wheels in all forms that build tools write are ordinary, and both checks find the same in them."""
    one = ordinary(form)
    facts = engine.open(one.filename, one.data)
    assert (True, {}) == (facts is not None, differences(one.filename, one.data, facts))


@pytest.mark.parametrize("case", WHEEL_CASES, ids=lambda case: f"{case.id}-{case.slug}")
def test_corpus(engine: Engine, case: Case) -> None:
    """Of the corpus, the engine takes nothing that Python refuses or warns of."""
    data = case.files()["input.whl"]
    filename = case.expect["filename"]
    assert {} == differences(filename, data, engine.open(filename, data))


def test_single_changes(engine: Engine) -> None:
    """Each line, name and row that is odd in one way is taken by the engine only where Python takes it."""
    taken = Counter[bool]()
    for one in singly():
        facts = engine.open(one.filename, one.data)
        taken[facts is not None] += 1
        assert {} == differences(one.filename, one.data, facts)
    assert (True, True) == (taken[True] > 100, taken[False] > 100)


def test_single_structures(engine: Engine) -> None:
    """Each field of the archive's structures that is odd in one way is taken only where Python takes it."""
    taken = Counter[bool]()
    for one in singly_structured():
        facts = engine.open(one.filename, one.data)
        taken[facts is not None] += 1
        assert {} == differences(one.filename, one.data, facts)
    assert (True, True) == (taken[True] > 100, taken[False] > 100)


@settings(max_examples=400)
@given(one=edited_bytes())
def test_edited_bytes(engine: Engine, one: AlteredWheel) -> None:
    """Whatever bytes are changed, Python agrees with what the engine takes."""
    assert {} == differences(one.filename, one.data, engine.open(one.filename, one.data))


@settings(max_examples=400)
@given(one=edited_structures())
def test_edited_structures(engine: Engine, one: AlteredWheel) -> None:
    """Whatever the archive's structures say, Python agrees with what the engine takes."""
    assert {} == differences(one.filename, one.data, engine.open(one.filename, one.data))


@settings(max_examples=800)
@given(one=edited_texts())
def test_edited_texts(engine: Engine, one: AlteredWheel) -> None:
    """Whatever METADATA, WHEEL, RECORD, entry points and names are, Python agrees with what the engine takes."""
    assert {} == differences(one.filename, one.data, engine.open(one.filename, one.data))


@settings(max_examples=600)
@given(requirement=requirements)
def test_requirements(engine: Engine, requirement: str) -> None:
    """What the engine takes for a requirement, packaging parses."""
    one = with_requirement(requirement)
    assert {} == differences(one.filename, one.data, engine.open(one.filename, one.data))


@pytest.mark.parametrize(
    "path",
    [
        *(f"{INFO}/{name}" for name in INSTALLER_FILES - {"RECORD"}),
        *(f"{top}/x.py" for top in PROTECTED),
        f"{DATA}/others/x",
    ],
)
def test_names_of_others(engine: Engine, path: str) -> None:
    """Each name that is an installer's or another distribution's is left to Python, the names of later versions too."""
    assert engine.open(FILENAME, archive_of({path: b""})) is None


@pytest.mark.parametrize("scheme", sorted(DATA_SCHEMES))
def test_schemes(engine: Engine, scheme: str) -> None:
    """Each scheme of a .data directory that Python knows is known to the engine."""
    assert engine.open(FILENAME, archive_of({f"{DATA}/{scheme}/x": b""})) is not None


def test_a_difference_is_seen(engine: Engine) -> None:
    """A fact that is not Python's, and a wheel that Python refuses, are told."""
    one = ordinary("stored")
    facts = engine.open(one.filename, one.data)
    assert facts is not None
    assert (["metadata"], {"refused": "wheel-filename"}) == (
        list(differences(one.filename, one.data, facts | {"metadata": "x"})),
        differences("x.whl", one.data, facts),
    )


def test_real_wheels(engine: Engine) -> None:
    """Every real wheel that the tests have is ordinary, and both checks find the same."""
    found = Counter[str]()
    for name in ("py314", "py313", "linux", "tools", "older-tools"):
        for path in wheels(name).values():
            data = path.read_bytes()
            facts = engine.open(path.name, data)
            assert {} == differences(path.name, data, facts)
            found["ordinary" if facts else path.name] += 1
    assert {"ordinary": 97} == found


def test_built_wheels(engine: Engine) -> None:
    """The wheels that our own simulator builds are ordinary, so that tests of the fast path can use them."""
    one = wheel("six", "1.16.0", files={"six.py": "X = 1\n"}, requires=["attrs>=1; extra == 'x'"])
    assert engine.open(one.filename, one.data) is not None
