"""What the tests of the command line share: a lock of a wheel on a local index, and a freeze without a Pyodide."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from micropip_lock.cli import main
from micropip_lock.cli_text import View
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.errors import (
    Unlockable,
)
from micropip_lock.testing import PackageIndex, wheel

SIX = wheel("six", "1.16.0", files={"six.py": "PY3 = True\n"})


UNLOCKED = Unlockable(name="mine", version="1", code="no-record", reason="nothing says where it is from")


def lock_of(index: PackageIndex, **facts: Any) -> Lock:
    """A lock of one wheel that an index holds."""
    url = index.file_url(SIX.filename)
    package = LockedPackage(
        name=canonicalize_name("six"),
        display_name="six",
        version="1.16.0",
        wheel=Wheel(url=url, digest=Digest.of(SIX.data), size=len(SIX.data)),
        imports=("six",),
        origin=Origin(kind="index", url=url, index=index.url),
        requested=True,
    )
    abi = Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2")
    return replace(Lock(abi=abi, packages=by_name([package])), **facts)


class FakeFreeze:
    """Stands for the Pyodide that freezes; keeps what it was asked."""

    def __init__(self, answer: Lock | BaseException) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, dict[str, Any]]] = []

    async def __call__(self, requirements: Any, **options: Any) -> Lock:
        self.asked.append((requirements, options))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


Capture = pytest.CaptureFixture[str]


def run_json(capsys: Capture, *argv: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON on standard output, standard error."""
    code = main([*argv, "--json"])
    streams = capsys.readouterr()
    return code, json.loads(streams.out), streams.err


PLAIN = View()


def is_clean(text: str) -> bool:
    return not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in text)
