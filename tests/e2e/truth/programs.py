"""Random programs of file operations, run on both sides; what differs, made as short as it gets.

What runs here runs inside Pyodide. A program depends on its number alone: the same one on every machine.
"""

from __future__ import annotations

import json
import mmap
import os
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.e2e.truth import imports, operations
from tests.e2e.truth.side import OPERATIONS
from tests.e2e.truth.sides import Pair, wheels_from

MODULES: Final = (operations, imports)
"""Importing them registers what programs can do."""

NEW: Final = (
    "new.txt",
    "new",
    "constructor",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "7",
    "späße.txt",
    "a b",
    "x.pyc",
)
_MODES: Final = ("w", "wb", "x", "xb", "a", "ab", "r+", "r+b", "w+b", "a+b", "x+b", "r", "rb")
_CONTENTS: Final = ("", "x", "some text\n", "0123456789" * 30, "long " * 1000)
_SIZES: Final = (0, 1, 3, 10, 100, 4096, 5000, 70_000)
_CALLS: Final = ("read", "readline", "write", "seek", "end", "tell", "truncate", "ftruncate", "flush", "fstat", "fsync")


class Writer:
    """Writes one program.

    Args:
        number: Which one.
        files: Paths that wheels bring.
        wheels: How many wheels there are.
    """

    def __init__(self, number: int, files: Sequence[str], wheels: int) -> None:
        self._random = random.Random(number)
        self._files = files
        self._folders = sorted({folder for path in files for folder in _parents(path)})
        self._wheels = wheels
        self._opened: list[int] = []
        self._mapped: list[int] = []
        self._made: list[str] = []
        self._links: list[str] = []

    def program(self) -> list[list[Any]]:
        """A list of operations."""
        count = self._random.choice((2, 4, 8, 16, 32))
        begin = [self.written() for _ in range(3)] if self._chance(0.2) else []
        first = [self.put()] if self._chance(0.97) else []
        return [*begin, *first, *(self._random.choice(_STEPS)(self) for _ in range(count))]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def path(self) -> str:
        """Where something is, or may be, or is not."""
        kind = self._random.random()
        if kind < 0.5:
            return self._random.choice(self._files)
        if kind < 0.7:
            return self.folder()
        if kind < 0.72:
            return self._random.choice(("", "site", "site/", "site/.", "nothing/here", f"{self.folder()}/../new"))
        if kind < 0.76:
            return f"{self._random.choice(self._files)}/{self._random.choice(NEW)}"
        return self.new()

    def file(self) -> str:
        return self._random.choice(self._files) if self._chance(0.8) else self.path()

    def folder(self) -> str:
        return self._random.choice(self._folders)

    def new(self) -> str:
        """A place for something new, or what an earlier step put there."""
        top = "out" if self._chance(0.15) else self.folder()
        inner = f"{self._random.choice(NEW)}/" if self._chance(0.2) else ""
        return f"{top}/{inner}{self._random.choice(NEW)}"

    def size(self) -> int:
        return self._random.choice(_SIZES)

    def content(self) -> str:
        return self._random.choice(_CONTENTS)

    def put(self) -> list[Any]:
        places = self._random.sample(range(self._wheels), self._random.choice((1, 1, 2, 3)))
        replaced = self._random.sample(range(self._wheels), 2) if self._chance(0.2) else []
        return ["put", places, replaced, self._chance(0.15)]

    def written(self) -> list[Any]:
        return ["write", self.path(), self._random.choice(_MODES), self.content()]

    def opened(self) -> list[Any]:
        mode = self._random.choice(_MODES)
        self._opened.append(slot := self._slot())
        return ["open", slot, self.file(), mode, 0 if "b" in mode and self._chance(0.5) else -1]

    def used(self) -> list[Any]:
        if not self._opened:
            return self.opened()
        call = self._random.choice(_CALLS)
        return ["handle", self._random.choice(self._opened), call, self.size(), self.content()]

    def closed(self) -> list[Any]:
        return ["close", self._random.choice(self._opened)] if self._opened else self.opened()

    def patched_low(self) -> list[Any]:
        flags = os.O_RDWR | self._random.choice((0, os.O_CREAT, os.O_TRUNC, os.O_APPEND, os.O_CREAT | os.O_EXCL))
        return ["patch_low", self.file(), flags, self.size(), self.content()]

    def mapped(self) -> list[Any]:
        if not self._mapped:
            return self.map()
        call = self._random.choice(("read", "write", "write", "flush", "find", "close"))
        return ["mapped", self._random.choice(self._mapped), call, 3, "mapped"]

    def map(self) -> list[Any]:
        access = self._random.choice((mmap.ACCESS_READ, mmap.ACCESS_WRITE, mmap.ACCESS_COPY))
        self._mapped.append(slot := self._slot())
        return ["map", slot, self.file(), access, self._random.choice((0, 0, 10))]

    def linked(self) -> list[Any]:
        self._links.append(link := self.new())
        return ["symlink", self.path(), link, True] if self._chance(0.6) else ["symlink", "../new", link, False]

    def read_link(self) -> list[Any]:
        return ["readlink", self._random.choice(self._links)] if self._links else self.linked()

    def made(self) -> list[Any]:
        self._made.append(folder := f"{self.new()}/deeper")
        return ["makedirs", folder, self.flag()]

    def removed(self) -> list[Any]:
        return ["removedirs", self._random.choice(self._made)] if self._made else self.made()

    def imported(self) -> list[Any]:
        names = (
            "shared.one",
            "shared.two",
            "shared.constructor",
            "plain",
            "plain.deep.inner",
            "single",
            "missing.part",
        )
        return ["import", self._random.choice(names), self._random.choice(("VALUE", "__doc__"))]

    def _slot(self) -> int:
        return self._random.randrange(3)

    def flag(self) -> bool:
        return self._chance(0.5)

    def pick(self, *values: Any) -> Any:
        return self._random.choice(values)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


_STEPS: Final[tuple[Callable[[Writer], list[Any]], ...]] = (
    *[lambda to: ["stat", to.path(), to.flag()]] * 2,
    *[lambda to: ["listdir", to.folder()]] * 2,
    lambda to: ["listdir", to.path()],
    *[lambda to: ["scandir", to.folder()]] * 2,
    lambda to: ["scandir_changing", to.folder(), to.pick(*NEW)],
    lambda to: ["remove_listed", to.folder()],
    lambda to: ["walk", to.folder(), to.flag()],
    *[lambda to: ["asked", to.path()]] * 2,
    *[lambda to: ["read", to.file()]] * 4,
    lambda to: ["read_text", to.file()],
    *[lambda to: ["read_part", to.file(), to.size(), to.size()]] * 2,
    *[Writer.written] * 3,
    *[lambda to: ["patch", to.file(), to.size(), to.content()]] * 3,
    *[Writer.patched_low] * 2,
    *[lambda to: ["truncate", to.file(), to.size()]] * 2,
    *[Writer.opened] * 3,
    *[Writer.used] * 6,
    Writer.closed,
    *[Writer.map] * 3,
    *[Writer.mapped] * 4,
    *[lambda to: ["rename", to.path(), to.path()]] * 3,
    *[lambda to: ["rename", to.folder(), to.new()]] * 2,
    lambda to: ["replace", to.path(), to.path()],
    *[lambda to: ["move", to.path(), to.new()]] * 2,
    lambda to: ["move", to.new(), to.path()],
    *[lambda to: ["unlink", to.file()]] * 3,
    *[lambda to: ["rmdir", to.folder()]] * 2,
    lambda to: ["mkdir", to.new(), to.pick(0o777, 0o700)],
    lambda to: ["mkdir", to.path(), 0o777],
    Writer.made,
    Writer.removed,
    *[lambda to: ["rmtree", to.folder()]] * 2,
    *[lambda to: ["copy", to.path(), to.path()]] * 2,
    *[lambda to: ["copytree", to.folder(), to.new(), to.flag()]] * 2,
    *[Writer.linked] * 2,
    *[Writer.read_link] * 2,
    lambda to: ["link", to.file(), to.new()],
    *[lambda to: ["chmod", to.path(), to.pick(0o600, 0o444, 0o755, 0)]] * 2,
    *[lambda to: ["utime", to.path()]] * 3,
    *[lambda to: ["touch", to.path(), to.flag()]] * 2,
    lambda to: ["glob", to.folder(), to.pick("*", "**", "**/*.py", "*.txt")],
    lambda to: ["rglob", to.folder(), to.pick("*", "*.py")],
    lambda to: ["relative", to.folder(), to.pick("one.py", "..", "new")],
    lambda to: ["temporary", to.folder()],
    lambda to: ["zipped", to.file()],
    lambda to: ["archived", to.folder()],
    *[Writer.imported] * 3,
    lambda to: ["resources", to.pick("plain", "plain.deep", "shared"), to.pick("data.bin", "text.txt", "constructor")],
    lambda to: ["metadata", to.pick("first", "second", "third", "stored", "schemes")],
    *[Writer.put] * 3,
)


class Trial:
    """Runs programs.

    Args:
        wheels: JSON of file names and base64.
    """

    def __init__(self, wheels: str) -> None:
        self._pair = Pair(wheels_from(wheels))
        self._files = [*dict.fromkeys(path for one in self._pair.wheels for path, _ in one.files())]

    def program(self, number: int) -> list[list[Any]]:
        """The program of that number."""
        return Writer(number, self._files, len(self._pair.wheels)).program()

    def difference(self, program: list[list[Any]]) -> str | None:
        """The first difference between the sides, or ``None``."""
        mounted, unpacked = self._pair.run(program)
        for step, one, other in zip([*program, ["in the end"]], mounted, unpacked, strict=True):
            if one != other:
                if step == ["in the end"]:
                    one, other = [[row for row in one if row not in other], [row for row in other if row not in one]]
                return f"{step}: mounted {json.dumps(one)[:2000]}, unpacked {json.dumps(other)[:2000]}"
        return None

    def first(self, numbers: Sequence[int]) -> dict[str, Any] | None:
        """The first program that makes a difference, shortened; ``None`` when none does."""
        for number in numbers:
            program = self.program(number)
            if self.difference(program) is not None:
                return {"number": number, **self._shortened(program)}
        return None

    def coverage(self, numbers: Sequence[int]) -> list[list[str]]:
        """Operations that are known, that these programs use, and that succeed in one of them."""
        used, succeeded = set(), set()
        for number in numbers:
            program = self.program(number)
            answers, _ = self._pair.run(program)
            for operation, answer in zip(program, answers, strict=False):
                used.add(operation[0])
                if not (isinstance(answer, list) and answer[:1] == ["raises"]):
                    succeeded.add(operation[0])
        return [sorted(OPERATIONS), sorted(used - {"put"}), sorted(succeeded)]

    def _shortened(self, program: list[list[Any]]) -> dict[str, Any]:
        """Leave out what can be left out."""
        size = len(program) // 2
        while size:
            place = 0
            while place < len(program):
                shorter = program[:place] + program[place + size :]
                if self.difference(shorter) is not None:
                    program = shorter
                else:
                    place += size
            size //= 2
        return {"difference": self.difference(program), "program": program}
