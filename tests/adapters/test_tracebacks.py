"""Tracebacks of a person's code: theirs from the first line to the last, and nothing of what ran it."""

from __future__ import annotations

from typing import Any

import pytest

from micropip_lock.adapters.tracebacks import traceback_of

CODE = """\
def deep():
    return {}["no such key"]

def wrapped():
    try:
        deep()
    except KeyError as error:
        raise ValueError("wrapped") from error
"""


def run(code: str) -> str:
    """Run code as the embedded runtime does, some frames deep, and tell what went wrong."""

    def runner() -> None:
        namespace: dict[str, Any] = {}
        exec(compile(code, "<code>", "exec"), namespace)

    with pytest.raises(BaseException) as caught:
        runner()
    return traceback_of(caught.value, code, "<code>")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("deep()", ["line 10, in <module>", "deep()", "line 2, in deep", 'return {}["no such key"]', "KeyError"]),
        (
            "wrapped()",
            ["line 6, in wrapped", "KeyError", "direct cause", "line 10, in <module>", "ValueError: wrapped"],
        ),
        ("raise KeyboardInterrupt", ["line 10, in <module>", "KeyboardInterrupt"]),
        ("1 +", ['File "<code>", line 10', "SyntaxError"]),
        ("import json; json.loads('{')", ["line 10, in <module>", "json/decoder.py", "JSONDecodeError"]),
    ],
    ids=["call", "cause", "interrupt", "syntax", "library"],
)
def test_only_the_persons_frames(last: str, expected: list[str]) -> None:
    """Each line of theirs and of what they called is there in order, and none of ours."""
    text = run(f"{CODE}\n{last}\n")
    places = [text.find(part) for part in expected]
    assert (sorted(places), False, False) == (places, -1 in places, "test_tracebacks" in text)


def test_other_code_of_the_same_name() -> None:
    """The lines shown are those of the code that failed, also when other code ran before it."""
    run("first = 1 / 0\n")
    assert "second = 1 / 0" in run("second = 1 / 0\n")
