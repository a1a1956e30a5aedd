"""What JavaScript tells of Pyodide's file system, as a listing; the telling itself is tested in ``tests/e2e``."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.adapters.memory_files import read_listing
from micropip_lock.core.dirty import Listing

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=6)
folders = st.one_of(st.just(""), st.lists(names, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + "/"))
files = st.dictionaries(names, st.tuples(st.integers(0, 2**31), st.floats(0, 2e12)), min_size=1, max_size=3)


@given(st.dictionaries(folders, files, max_size=4))
def test_read_as_told(tree: dict[str, dict[str, tuple[int, float]]]) -> None:
    """Every file is listed under its path with its own size and time, whatever its name is."""
    told = [file for inside in tree.values() for file in inside.values()]
    expected = Listing(
        sizes={folder + name: str(size) for folder, inside in tree.items() for name, (size, _) in inside.items()},
        changed={folder + name: time for folder, inside in tree.items() for name, (_, time) in inside.items()},
    )
    listed = read_listing(
        "\0".join(text for folder, inside in tree.items() for text in (folder, "/".join(inside))),
        " ".join(str(size) for size, _ in told),
        [time for _, time in told],
    )
    assert expected == listed


def test_an_empty_directory() -> None:
    """A directory without files is an empty listing, not one with a file of no name."""
    assert Listing(sizes={}) == read_listing("", "", [])
