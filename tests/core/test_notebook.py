"""Tests of :mod:`micropip_lock.core.notebook`: one lock goes in and comes out, and nothing else changes."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import nbformat
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from micropip_lock.core.formats.any_lock import parse_lock
from micropip_lock.core.json_text import MAX_BYTES
from micropip_lock.core.notebook import (
    LOCK_KEY,
    MAX_NOTEBOOK_BYTES,
    MAX_NOTEBOOK_DEPTH,
    embed_lock,
    is_notebook,
    parse_embedded,
    read_notebook,
    with_first_cell,
    with_source,
)
from micropip_lock.errors import LockSchemaError, MicropipLockError
from tests.locks import FIXTURES, HEX, SIX, VALID, full_lock, with_six
from tests.strategies import locks

NOTEBOOK: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Title"]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": "b",
            "metadata": {},
            "outputs": [
                {
                    "data": {"application/x+json": {"n": 1.50, "big": 10**400}},
                    "metadata": {},
                    "output_type": "display_data",
                }
            ],
            "source": ["import six\n", "print('é')"],
        },
        {"cell_type": "code", "execution_count": None, "id": "c", "metadata": {}, "outputs": [], "source": ["1"]},
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python (Pyodide)", "language": "python", "name": "python"},
        "language_info": {"name": "python"},
        "vpython": {"a": 1},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


def written(value: Any) -> str:
    """As nbformat and Jupyter's server write a notebook."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": ")) + "\n"


def with_metadata(**metadata: Any) -> str:
    return written({**NOTEBOOK, "metadata": metadata})


def test_nbformat_writes_the_same() -> None:
    """A notebook with a lock is valid, and byte for byte what nbformat writes of it."""
    text = embed_lock(full_lock(), written(NOTEBOOK))
    node = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    assert nbformat.writes(node) + "\n" == text  # type: ignore[no-untyped-call]
    assert full_lock() == parse_embedded(text)


def test_only_the_lock_changes() -> None:
    """Without its lock, the text is the one that it was put into, whatever that looked like."""
    odd = '{"nbformat_minor" : 2,\t"nbformat":4, "x": [1.0e5, NaN],\r\n "metadata": {"z":1 , "a" : 2}, "cells":[ ]}  '
    text = embed_lock(ONE, odd)
    member = read_notebook(text).lock_member
    assert member is not None
    assert odd == text.replace(f'"{LOCK_KEY}": {text[member.value : member.end]}, ', "")


@pytest.mark.parametrize("metadata", [{}, {"a": 1}, {"a": 1, "z": 2}, {"z": 2}, NOTEBOOK["metadata"]])
def test_sorted_keys_stay_sorted(metadata: dict[str, Any]) -> None:
    """The lock is where a notebook that is saved again has it: putting it in is all that a difference shows."""
    value = {**NOTEBOOK, "metadata": {**metadata, LOCK_KEY: ONE.to_dict()}}
    assert written(value) == embed_lock(ONE, with_metadata(**metadata))


def test_a_new_lock_takes_the_place_of_the_old_one() -> None:
    """Putting another lock in, and the first one again, gives the same bytes as once; and so does the same lock."""
    once = embed_lock(ONE, written(NOTEBOOK))
    other = embed_lock(full_lock(), once)
    assert (once, once) == (embed_lock(ONE, other), embed_lock(ONE, once))
    assert full_lock() == parse_embedded(other)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_notebook_on_one_line_stays_on_it(separators: tuple[str, str]) -> None:
    """What a browser stores has no line ends, and gets none."""
    text = embed_lock(ONE, json.dumps(NOTEBOOK, separators=separators))
    assert ("\n" in text, ONE) == (False, parse_embedded(text))


def test_line_ends_and_tabs() -> None:
    """A notebook that somebody formatted with tabs and carriage returns gets its lock so."""
    text = json.dumps(NOTEBOOK, indent="\t").replace("\n", "\r\n")
    assert text.count("\n") + json.dumps({"a": ONE.to_dict()}, indent=1).count("\n") - 1 == embed_lock(ONE, text).count(
        "\r\n"
    )


def test_a_byte_order_mark_stays() -> None:
    """A byte order mark is no part of the notebook, and none of ours to take away."""
    text = embed_lock(ONE, ("\ufeff" + written(NOTEBOOK)).encode())
    assert ("\ufeff", ONE) == (text[0], parse_lock(text.encode()))


@given(locks(), st.sampled_from([written, json.dumps, lambda value: json.dumps(value, indent="\t")]))
def test_any_lock(lock: Any, write: Any) -> None:
    """Any lock that is put into a notebook comes out equal, also when the notebook was written anew since."""
    text = embed_lock(lock, write(NOTEBOOK))
    again = json.dumps(json.loads(text))
    assert (lock, lock.id, lock) == (parse_embedded(text), parse_embedded(text).id, parse_embedded(again))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_locks_of_others(path: Any) -> None:
    """Locks that others wrote travel in a notebook, too."""
    lock = parse_lock(path.read_bytes())
    assert lock == parse_embedded(embed_lock(lock, written(NOTEBOOK)))


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("", "empty", None),
        ("[]", "not-json", "line 1 column 1"),
        ('{"cells": [}', "not-json", "line 1 column 12"),
        (written(NOTEBOOK)[:-3], "not-json", "line 58 column 21"),
        (written(NOTEBOOK) + "x", "not-json", "line 60 column 1"),
        ("\udcff", "encoding", None),
        (b"\xff{}", "encoding", None),
        (written({**NOTEBOOK, "nbformat": 3}), "notebook-version", "nbformat"),
        (written({**NOTEBOOK, "nbformat": "4"}), "notebook-version", "nbformat"),
        (written(NOTEBOOK).replace('"nbformat": 4', f'"nbformat": {"4" * 5000}'), "notebook-version", "nbformat"),
        (written({"worksheets": [], "metadata": {}}), "notebook-version", "nbformat"),
        (written({**NOTEBOOK, "metadata": []}), "notebook-schema", "metadata"),
        (written({**NOTEBOOK, "cells": {}}), "notebook-schema", "cells"),
        (written({**NOTEBOOK, "cells": [1]}), "notebook-schema", "cells[0]"),
        (written({**NOTEBOOK, "cells": [{"cell_type": "code"}]}), "notebook-schema", "cells[0].source"),
        (written(NOTEBOOK).replace('"nbformat":', '"metadata": {}, "nbformat":'), "duplicate-key", None),
        (with_metadata(a=1).replace('"a": 1', '"a": 1, "\\u0061": 2'), "duplicate-key", None),
        (written({**NOTEBOOK, "x": json.loads("[" * 200 + "]" * 200)}), "depth", None),
        (written(NOTEBOOK), "no-embedded-lock", "metadata.micropip-lock"),
        (with_metadata(**{LOCK_KEY: "{}"}), "type", "metadata.micropip-lock"),
        (with_metadata(**{LOCK_KEY: 3}), "type", "metadata.micropip-lock"),
        (with_metadata(**{LOCK_KEY: json.loads(with_six(sha256="0"))}), "hash-form", None),
        (with_metadata(**{LOCK_KEY: {**VALID, "x": 1.5}}), "non-json-number", None),
        (with_metadata(**{LOCK_KEY: {**VALID, "packages": []}}), "type", "metadata.micropip-lock: packages"),
    ],
)
def test_what_is_refused(text: str | bytes, code: str, where: str | None) -> None:
    """Each fault of a notebook, or of the lock in it, has its code and its place."""
    with pytest.raises(MicropipLockError) as caught:
        parse_embedded(text)
    assert code == caught.value.code
    if where is not None:
        assert where == caught.value.where


def test_every_fault_of_a_lock_has_its_place_in_the_notebook() -> None:
    """All faults are told, each with the place of the lock in front."""
    lock = copy.deepcopy(VALID)
    lock["packages"] = {"six": {**SIX, "sha256": "0", "version": 3}}
    with pytest.raises(LockSchemaError) as caught:
        parse_embedded(with_metadata(**{LOCK_KEY: lock}))
    places = {one.where for one in caught.value.errors}
    assert {"metadata.micropip-lock: packages.six.sha256", "metadata.micropip-lock: packages.six.version"} == places


def test_sizes() -> None:
    """A notebook may be larger than a lock, the lock in it may not; and neither without end."""
    large = with_metadata(**{LOCK_KEY: VALID}, picture="x" * (MAX_BYTES + 1))
    codes = []
    for text in (with_metadata(**{LOCK_KEY: {**VALID, "x": "y" * MAX_BYTES}}), " " * (MAX_NOTEBOOK_BYTES + 1)):
        with pytest.raises(MicropipLockError) as caught:
            parse_embedded(text)
        codes.append(caught.value.code)
    assert (HEX, ["too-large", "too-large"]) == (parse_embedded(large).packages["six"].wheel.digest.hex, codes)


def test_depth_is_that_of_plots() -> None:
    """Outputs that are a hundred levels deep are no hindrance."""
    depth = MAX_NOTEBOOK_DEPTH - 1
    deep = written({**NOTEBOOK, "x": json.loads("[" * depth + "]" * depth)})
    assert ONE == parse_embedded(embed_lock(ONE, deep))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (written(NOTEBOOK), True),
        (written(NOTEBOOK).encode(), True),
        (json.dumps({"nbformat": 4, "cells": []}), True),
        ('{"cells": [', True),
        (json.dumps(VALID), False),
        (with_six(name="nbformat", depends=["nbformat"]), False),
        (json.dumps({**VALID, "x": '"nbformat": 4'}), False),
        ("", False),
        ("nbformat = 4", False),
    ],
)
def test_what_a_notebook_looks_like(text: str | bytes, expected: bool) -> None:
    """A notebook is told by its text, also one that is cut off; a lock of the package nbformat is a lock."""
    assert expected == is_notebook(text)


def test_code_cells() -> None:
    """Code cells have their number as people count, and their source as one text, however it is stored."""
    assert [(2, "import six\nprint('é')"), (3, "1")] == [
        (cell.number, cell.source) for cell in read_notebook(written(NOTEBOOK)).cells
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_a_source_is_replaced(number: int) -> None:
    """A cell gets another source in the form that it had, and nothing else changes."""
    expected = copy.deepcopy(NOTEBOOK)
    expected["cells"][2]["source"] = "1"
    text = written(expected)
    cell = read_notebook(text).cells[number]
    kept = expected["cells"][number + 1]
    kept["source"] = ["a\n", "é"] if isinstance(kept["source"], list) else "a\né"
    assert written(expected) == with_source(text, cell, "a\né")


@pytest.mark.parametrize("minor", [4, 5])
@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("write", [written, json.dumps])
def test_a_first_cell(minor: int, count: int, write: Any) -> None:
    """A cell is put before all others, valid for nbformat, with an identifier that no other has."""
    cells = [{**cell, "id": "script" if cell["id"] == "a" else cell["id"]} for cell in NOTEBOOK["cells"][:count]]
    if minor < 5:
        cells = [{key: fact for key, fact in cell.items() if key != "id"} for cell in cells]
    before = {**NOTEBOOK, "nbformat_minor": minor, "cells": cells}
    text = with_first_cell(read_notebook(write(before)), "x\ny")
    after = json.loads(text)
    node = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    assert (["x\n", "y"], cells) == (after["cells"][0]["source"], after["cells"][1:])
    if write is written:
        assert written(after) == text


@given(st.text() | st.binary())
@example('{"nbformat":4')
def test_any_text(text: str | bytes) -> None:
    """Whatever is read as a notebook is one, or an error of ours."""
    for read in (read_notebook, parse_embedded):
        with pytest.raises(MicropipLockError):
            read(text)


@given(st.integers(0, 3000), st.text(max_size=3), st.integers(0, 5))
def test_any_damage(at: int, put: str, lost: int) -> None:
    """A notebook with a lock that is damaged anywhere is read, or refused with an error of ours."""
    whole = embed_lock(ONE, written(NOTEBOOK))
    at %= len(whole)
    damaged = whole[:at] + put + whole[at + lost :]
    with contextlib.suppress(MicropipLockError):
        parse_embedded(damaged)
        embed_lock(ONE, damaged)


ONE = parse_lock(json.dumps(VALID))
