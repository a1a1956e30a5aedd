"""Edges that close a cycle."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micropip_lock.core.cycles import back_edges

graphs = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefz"), unique=True), max_size=6)


@pytest.mark.parametrize(
    ("needs", "roots", "expected"),
    [
        ({}, [], {}),
        ({"a": ["b"], "b": []}, [], {}),
        ({"a": ["a"]}, [], {"a": {"a"}}),
        ({"a": ["b"], "b": ["a"]}, [], {"b": {"a"}}),
        ({"a": ["b"], "b": ["a"]}, ["b"], {"a": {"b"}}),
        ({"a": ["b", "c"], "b": ["c"], "c": ["a"]}, [], {"c": {"a"}}),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, [], {}),
        ({"a": ["not-here"]}, ["neither"], {}),
    ],
)
def test_which_are_left_out(needs: dict[str, list[str]], roots: list[str], expected: dict[str, set[str]]) -> None:
    """Exactly the edges that lead back to what is being loaded, seen from the roots."""
    assert expected == back_edges(needs, roots)


@given(graphs, st.lists(st.sampled_from("abcdef"), unique=True))
def test_none_is_left(needs: dict[str, list[str]], roots: list[str]) -> None:
    """Without them the graph can be sorted, whatever it is."""
    dropped = back_edges(needs, roots)
    acyclic = {name: [one for one in needed if one not in dropped.get(name, ())] for name, needed in needs.items()}
    order = list(TopologicalSorter(acyclic).static_order())

    assert set(order) >= needs.keys()


@given(graphs, st.sampled_from("abcdef"))
def test_a_root_keeps_all_it_needs(needs: dict[str, list[str]], root: str) -> None:
    """What one root reached with every edge, it reaches without those that are left out."""
    dropped = back_edges(needs, [root])
    acyclic = {name: [one for one in needed if one not in dropped.get(name, ())] for name, needed in needs.items()}

    assert reached(needs, root) == reached(acyclic, root)


@given(graphs)
def test_order_does_not_matter(needs: dict[str, list[str]]) -> None:
    """The same graph, written in another order, loses the same edges."""
    backwards = {name: needs[name][::-1] for name in reversed(needs)}

    assert back_edges(needs) == back_edges(backwards)


@given(graphs, st.lists(st.sampled_from("abcdefz"), unique=True))
def test_only_edges_of_cycles(needs: dict[str, list[str]], roots: list[str]) -> None:
    """What is left out is an edge of the graph, and each closes a cycle; a graph without cycles keeps all it has."""
    dropped = back_edges(needs, roots)
    edges = [(name, needed) for name, names in dropped.items() for needed in names]

    assert all(names for names in dropped.values())
    assert edges == [
        (name, needed) for name, needed in edges if needed in needs[name] and name in reached(needs, needed)
    ]


def test_a_long_way() -> None:
    """A chain, and a ring, longer than any stack is no matter."""
    chain = {str(number): [str(number + 1)] for number in range(20_000)}

    assert {} == back_edges(chain)
    assert {"19999": {"0"}} == back_edges(chain | {"19999": ["0"]}, ["0"])


def reached(needs: dict[str, list[str]], root: str) -> set[str]:
    found: set[str] = set()
    queue = [root]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += needs.get(name, [])
    return found
