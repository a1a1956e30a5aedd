"""The fuzz targets hold for their seeds and for what Hypothesis makes of them; the long runs are ``make fuzz``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.model import Lock
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import WheelFormatError
from tests.fuzz import targets
from tests.fuzz.choices import Choices
from tests.fuzz.targets import TARGETS, seeds

everything = pytest.mark.parametrize("name", sorted(TARGETS))


@everything
def test_seeds(name: str) -> None:
    """Every seed of a target passes."""
    for seed in seeds(name):
        TARGETS[name](seed)


@everything
@given(data=st.binary(max_size=400))
def test_any_bytes(name: str, data: bytes) -> None:
    """Any bytes pass: values or our errors, nothing else."""
    TARGETS[name](data)


@everything
@given(data=st.data())
def test_edited_seeds(name: str, data: st.DataObject) -> None:
    """Seeds with edits in them pass."""
    seed = data.draw(st.sampled_from(seeds(name)))
    TARGETS[name](Choices(data.draw(st.binary(max_size=60))).edited(seed))


def test_seeds_are_accepted() -> None:
    """The seeds are right, so that a fuzzer begins behind the first refusal."""
    built = targets._SEEDS[1]
    opened = OpenedWheel(admit(built.data, Digest.of(built.data), filename=targets.NAME))
    assert (["demo", "other"], 5) == (list(Lock.from_json(seeds("lock")[0][1:]).packages), len(list(opened.files())))


def test_choices_are_deterministic() -> None:
    """The same bytes give the same choices, and no bytes give the first ones."""
    first, second = (Choices(bytes(range(90))) for _ in range(2))
    assert first.edited(b"original") == second.edited(b"original")
    nothing = Choices(b"")
    assert (0, "a", False, b"", b"kept") == (
        nothing.number(9),
        nothing.one("ab"),
        nothing.yes(),
        nothing.chunk(),
        nothing.edited(b"kept"),
    )


@pytest.mark.parametrize("digest", ["é" * 43, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV", "A" * 42 + "="])
def test_a_row_with_odd_letters_in_its_digest(digest: str) -> None:
    """Found by fuzzing: the fast reader of RECORD takes no digest that the plain one refuses, or reads otherwise."""
    TARGETS["dist-info"](bytes(4) + f"demo.py,sha256={digest},0\n".encode())


def test_an_entry_for_a_newer_zip_format() -> None:
    """Found by fuzzing: an entry that needs a newer unpacker than there is, is refused as every unpacker does."""
    data = bytearray(targets._SEEDS[0].data)
    data[data.index(b"PK\x01\x02") + 6] = data[4] = 227
    with pytest.raises(WheelFormatError, match="newer zip format"):
        OpenedWheel(admit(bytes(data), Digest.of(bytes(data)), filename=targets.NAME))
