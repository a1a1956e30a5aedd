"""What is changed to see whether a test minds: one small change at a time in the text of a module.

Most changes are Cosmic Ray's operators; three are ours: a statement taken out, nothing returned, and ``in`` turned
round. It knows nothing of tests (:mod:`tools.mutant_runs`).

Rules:

* What no test could tell apart is left alone: annotations (nobody evaluates them), the parameters of ``@dataclass``,
  and the replacement of a comparison of values by one of identities.
* What fails of itself is not counted as found: an operator between values is replaced by its one neighbour, not by
  all eleven, most of which raise ``TypeError`` on the spot.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_VALUES: Final = ("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE")
_NEIGHBOURS: Final = {
    "Add": "Sub",
    "Sub": "Add",
    "Mul": "FloorDiv",
    "FloorDiv": "Mul",
    "Div": "Mul",
    "Mod": "FloorDiv",
    "Pow": "Mul",
    "RShift": "LShift",
    "LShift": "RShift",
    "BitOr": "BitAnd",
    "BitAnd": "BitOr",
    "BitXor": "BitAnd",
}
CHOSEN: Final = (
    *(f"ReplaceComparisonOperator_{one}_{other}" for one in _VALUES for other in _VALUES if one != other),
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is",
    *(f"ReplaceBinaryOperator_{one}_{other}" for one, other in _NEIGHBOURS.items()),
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "AddNot",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ZeroIterationForLoop",
)
"""The operators of Cosmic Ray that are used, by their names there."""

type _Position = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutation:
    """One change of one module.

    Attributes:
        operator: The name of the operator.
        occurrence: Which of its places in the module, counted from 0.
        line: Where, counted from 1.
        place: The qualified name and the lines of the outermost function whose body is changed; None for what runs
            when the module is imported.
    """

    operator: str
    occurrence: int
    line: int
    place: tuple[str, int, int] | None


class _Removed:
    """A call, a ``yield`` or a ``raise`` that stands as a statement of its own becomes ``pass``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[_Position, _Position]]:
        alone = node.parent is not None and node.parent.type == "simple_stmt"
        if alone and node.type in {"atom_expr", "yield_expr", "raise_stmt"}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        return _leaf("pass", node.get_first_leaf().prefix)


class _NothingReturned:
    """``return x`` becomes ``return None``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[_Position, _Position]]:
        if node.type == "return_stmt" and node.children[1].get_code().strip() != "None":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        node.children[1] = _leaf("None", " ")
        return node


class _Membership:
    """``in`` becomes ``not in``, and the other way round."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[_Position, _Position]]:
        if node.type == "comparison":
            for word in node.children[1::2]:
                if word.get_code().split() in (["in"], ["not", "in"]):
                    yield word.start_pos, word.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        places = [
            number
            for number, word in enumerate(node.children)
            if number % 2 and word.get_code().split() in (["in"], ["not", "in"])
        ]
        was = node.children[places[index]]
        node.children[places[index]] = _leaf("in" if was.get_code().split() == ["not", "in"] else "not in", " ")
        return node


_OURS: Final = {"StatementRemoved": _Removed, "NothingReturned": _NothingReturned, "MembershipReversed": _Membership}


def mutations(source: str) -> list[Mutation]:
    """Every change of a module's text, in the order of the operators and then of the text."""
    tree = importlib.import_module("cosmic_ray.ast")
    nodes = list(tree.ast_nodes(tree.get_ast(source)))
    parsed = ast.parse(source)
    untouched, functions = list(_untouched(parsed, source)), list(_functions(parsed, ""))
    found = []
    for name in (*CHOSEN, *_OURS):
        operator = _operator(name)
        places = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, start in enumerate(places):
            if not any(first <= start < last for first, last in untouched):
                inside = next((place for place in functions if place[1] <= start[0] <= place[2]), None)
                found.append(Mutation(operator=name, occurrence=occurrence, line=start[0], place=inside))
    return found


def mutated(source: str, mutation: Mutation) -> str:
    """The text with the change."""
    changing = importlib.import_module("cosmic_ray.mutating")
    text: str = changing.mutate_code(source, _operator(mutation.operator), mutation.occurrence)
    return text


def _operator(name: str) -> Any:
    if name in _OURS:
        return _OURS[name]()
    return importlib.import_module("cosmic_ray.operators.provider").OperatorProvider()[name]()


def _leaf(text: str, prefix: str) -> Any:
    return importlib.import_module("parso.python.tree").Name(text, (0, 0), prefix=prefix)


def _untouched(tree: ast.Module, source: str) -> Iterator[tuple[_Position, _Position]]:
    """Where a change means nothing: annotations, type aliases and the parameters of ``@dataclass``."""
    lines = source.splitlines()
    for node in ast.walk(tree):
        within: list[ast.expr | ast.stmt | None] = []
        match node:
            case ast.arg() | ast.AnnAssign():
                within = [node.annotation]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                within = [node.returns]
            case ast.TypeAlias():
                within = [node]
            case ast.ClassDef():
                calls = (one for one in node.decorator_list if isinstance(one, ast.Call))
                within = [word.value for one in calls for word in one.keywords if ast.unparse(one.func) == "dataclass"]
        for one in within:
            if one is not None and one.end_lineno is not None and one.end_col_offset is not None:
                yield (
                    (one.lineno, _column(lines[one.lineno - 1], one.col_offset)),
                    (one.end_lineno, _column(lines[one.end_lineno - 1], one.end_col_offset)),
                )


def _column(line: str, offset: int) -> int:
    """``ast`` counts the bytes of UTF-8, Cosmic Ray's parser the characters."""
    return len(line.encode()[:offset].decode())


def _functions(node: ast.AST, outer: str) -> Iterator[tuple[str, int, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{outer}{child.name}", child.body[0].lineno, child.end_lineno or child.body[0].lineno
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{outer}{child.name}.")
