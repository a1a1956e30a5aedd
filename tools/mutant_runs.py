"""Run the tests of one module once for each change of it: ``python -m tools.mutant_runs RESULTS < a plan``.

The plan and the results are JSON (:class:`Plan`, :func:`main`). No file is changed: the tests are collected once, and
for each change the process forks, the child gives the functions of the module their changed code and runs the tests
that reach the changed function, the quickest first, until one fails. A change of what runs at import gets a child that
has not imported the program yet and reads the changed text in the module's place.

Rules:

* Hypothesis runs with few examples, without shrinking, the same ones each time; what only many examples find counts as
  not found.
* A test that takes more than :data:`SLOWEST` seconds of processor time takes no part.
* A test fails without any change: nothing is run.
* A child has a limit of processor time, from what its tests take, of memory, and of time by the clock.
"""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Final

import coverage
import hypothesis
import pytest

from tools.mutations import Mutation, mutated

SLOWEST: Final = 4.0
EXAMPLES: Final = 25
_MEMORY: Final = 4 << 30
_CLOCK: Final = 600
_SURVIVED, _KILLED, _INVALID = 0, 1, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to do for one module.

    Attributes:
        module: Its dotted name.
        path: Its file.
        source: What the file held when the changes were found.
        tests: The files of its tests.
        mutations: The changes.
        processes: How many at a time.
        log: Where pytest's own words go.
    """

    module: str
    path: str
    source: str
    tests: tuple[str, ...]
    mutations: tuple[Mutation, ...]
    processes: int
    log: str

    def to_json(self) -> str:
        """The plan as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan from its text."""
        value = json.loads(text)
        changes = tuple(
            Mutation(**{**one, "place": tuple(one["place"]) if one["place"] else None}) for one in value["mutations"]
        )
        return cls(**{**value, "tests": tuple(value["tests"]), "mutations": changes})


class _Quick:
    """A pytest plugin: the settings of Hypothesis, and whether a test failed."""

    def __init__(self) -> None:
        self.failed = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        hypothesis.settings.register_profile(
            "mutants",
            deadline=None,
            derandomize=True,
            database=None,
            max_examples=EXAMPLES,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed


class _InPlace(_Quick):
    """Runs each change of a function in a fork of the process that has collected the tests."""

    def __init__(self, plan: Plan, results: dict[str, str]) -> None:
        super().__init__()
        self.plan = plan
        self.results = results

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        importlib.import_module(self.plan.module)  # a test may import it late
        reached = self._baseline(session.items)
        source = self.plan.source
        code = dict(_codes(compile(source, self.plan.path, "exec", dont_inherit=True)))
        functions = [
            one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__module__ == self.plan.module
        ]
        jobs: list[tuple[str, Callable[[], int], float]] = []
        for mutation in self.plan.mutations:
            if mutation.place is None:
                continue
            name, first, last = mutation.place
            there = [row for row in reached if row[2].intersection(range(first, last + 1))]
            items = [session.items[number] for number, _, _ in sorted(there, key=lambda row: row[1])]
            jobs.append(
                (
                    _key(mutation),
                    partial(self._child, source, mutation, name, code, functions, items),
                    sum(seconds for _, seconds, _ in there),
                )
            )
        self.results.update(_forked(jobs, self.plan.processes))
        return True

    def _baseline(self, items: Sequence[pytest.Item]) -> list[tuple[int, float, set[int]]]:
        """Each test's number, processor time and the lines of the module that it reaches."""
        answer = Path(self.plan.log).with_suffix(".baseline")

        def measured() -> int:
            cover = coverage.Coverage(data_file=None, config_file=False, include=[self.plan.path])
            cover.start()
            seconds = []
            for number, item in enumerate(items):
                cover.switch_context(str(number))
                before = time.process_time()
                _run(item, items[number + 1] if number + 1 < len(items) else None)
                seconds.append(time.process_time() - before)
                if self.failed:
                    answer.write_text(json.dumps(item.nodeid), "utf-8")
                    return _KILLED
            cover.stop()
            data = cover.get_data()
            reached: list[list[int]] = [[] for _ in items]
            for file in data.measured_files():
                for line, contexts in data.contexts_by_lineno(file).items():
                    for context in filter(str.isdigit, contexts):
                        reached[int(context)].append(line)
            answer.write_text(json.dumps([seconds, reached]), "utf-8")
            return _SURVIVED

        (outcome,) = _forked([("baseline", measured, 600)], 1).values()
        if outcome != "survived":
            raise pytest.UsageError(f"the tests of {self.plan.module} {outcome} unchanged: {answer.read_text('utf-8')}")
        seconds, lines = json.loads(answer.read_text("utf-8"))
        rows = zip(range(len(items)), seconds, map(set, lines), strict=True)
        return [row for row in rows if row[1] <= SLOWEST]

    def _child(
        self,
        source: str,
        mutation: Mutation,
        name: str,
        code: dict[tuple[str, int], CodeType],
        functions: list[FunctionType],
        items: list[pytest.Item],
    ) -> int:
        """Give the changed function its code, and run the tests."""
        try:
            changed = compile(mutated(source, mutation), self.plan.path, "exec", dont_inherit=True)
        except SyntaxError:
            return _INVALID
        for key, new in _codes(changed):
            if key[0] == name and key in code:
                for function in functions:
                    if (function.__code__.co_qualname, function.__code__.co_firstlineno) == key:
                        function.__code__ = new
        for number, item in enumerate(items):
            _run(item, items[number + 1] if number + 1 < len(items) else None)
            if self.failed:
                return _KILLED
        return _SURVIVED


class _Instead(importlib.abc.Loader):
    """Reads another text in the place of one module's."""

    def __init__(self, module: str, path: str, text: str) -> None:
        self.module = module
        self.path = path
        self.code = compile(text, path, "exec", dont_inherit=True)

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)  # noqa: S102  # the text of our own module


def _at_import(plan: Plan) -> dict[str, str]:
    """Each change of what runs at import, in a process that has not imported the program yet."""

    def child(mutation: Mutation) -> int:
        try:
            sys.meta_path.insert(0, _Instead(plan.module, plan.path, mutated(plan.source, mutation)))
        except SyntaxError:
            return _INVALID
        importlib.import_module(plan.module)  # before pytest puts its own reader of modules first
        return _KILLED if pytest.main([*_OPTIONS, "-x", *plan.tests], plugins=[_Quick()]) else _SURVIVED

    changes = [one for one in plan.mutations if one.place is None]
    return _forked([(_key(one), partial(child, one), 60) for one in changes], plan.processes)


_OPTIONS: Final = ["-q", "--no-header", "-o", "tmp_path_retention_policy=none", "-W", "ignore"]


def _run(item: pytest.Item, following: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """The code of the functions of a module and of its classes, by name and line."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield (constant.co_qualname, constant.co_firstlineno), constant
            if "<locals>" not in constant.co_qualname:
                yield from _codes(constant)


def _key(mutation: Mutation) -> str:
    return f"{mutation.operator}:{mutation.occurrence}"


def _forked(jobs: Sequence[tuple[str, Callable[[], int], float]], processes: int) -> dict[str, str]:
    """What became of each job, run in a fork of this process."""
    results: dict[str, str] = {}
    running: dict[int, str] = {}
    waiting = list(reversed(jobs))
    while waiting or running:
        while waiting and len(running) < processes:
            key, job, seconds = waiting.pop()
            if (child := os.fork()) == 0:
                _alone(job, seconds)
            running[child] = key
        child, status = os.wait()
        results[running.pop(child)] = _outcome(status)
    return results


def _alone(job: Callable[[], int], seconds: float) -> None:
    """Do the job in this child and leave."""
    code = _KILLED
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        limit = int(5 + 4 * seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        signal.alarm(_CLOCK)
        code = job()
    finally:
        os._exit(code)


def _outcome(status: int) -> str:
    if os.WIFSIGNALED(status):
        return "timeout" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM) else "killed"
    return {_SURVIVED: "survived", _INVALID: "invalid"}.get(os.WEXITSTATUS(status), "killed")


def main() -> int:
    """Run a plan; write what became of each change: "killed", "survived", "timeout" or "invalid" (no Python)."""
    plan = Plan.from_json(sys.stdin.read())
    with Path(plan.log).open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    importlib.import_module("cosmic_ray.operators.provider")
    if Path(plan.path).read_text("utf-8") != plan.source:
        print("the module was edited meanwhile")
        return 1
    results = _at_import(plan)
    code = pytest.main([*_OPTIONS, *plan.tests], plugins=[_InPlace(plan, results)])
    done = code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and len(results) == len(plan.mutations)
    Path(sys.argv[1]).write_text(json.dumps(results), "utf-8")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
