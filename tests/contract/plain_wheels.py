"""Asks the engine's fast wheel check (``js/src/wheel.ts``) and compares its answers with Python's strict one.

Rules this file keeps:

1. One Node for thousands of questions, started from the TypeScript sources as they are.
2. "Not ordinary" is never wrong. An answer is right when Python takes the wheel without a warning, finds the same
   facts, and finds fault with the content of files exactly when the engine does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import subprocess
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from micropip_lock.adapters.runtimes import find_node
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.core.wheel_metadata import python_specifier
from micropip_lock.core.wheel_place import check_place
from micropip_lock.errors import EnvironmentMismatchError, MicropipLockError

_JS: Final = Path(__file__).resolve().parents[2] / "js"

type Facts = dict[str, Any]


def bundled(source: str, work: Path) -> Path:
    """A program of ``js/src``, with all that it imports, as one file that Node runs.

    Args:
        source: Its name there.
        work: Where to put the file.
    """
    program = work / "program.mjs"
    build = [str(find_node()), "node_modules/esbuild/bin/esbuild", f"src/{source}", "--bundle", "--log-level=error"]
    subprocess.run([*build, "--platform=node", "--format=esm", f"--outfile={program}"], cwd=_JS, check=True)
    return program


class Engine:
    """The engine's check, in a Node of its own.

    Args:
        work: An empty directory.
    """

    def __init__(self, work: Path) -> None:
        command = [str(find_node()), str(bundled("wheel.test-judge.ts", work))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()

    def open(self, filename: str, data: bytes) -> Facts | None:
        """What the engine finds, or ``None`` for a wheel that is not ordinary."""
        assert self._process.stdin
        assert self._process.stdout
        question = {"filename": filename, "data": base64.b64encode(data).decode("ascii")}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: Facts | None = json.loads(self._process.stdout.readline())
        return answer


def differences(filename: str, data: bytes, facts: Facts | None) -> dict[str, object]:
    """Where the engine is wrong about a wheel: Python's reason or fact by name; nothing when it is right."""
    if facts is None:
        return {}
    try:
        opened = OpenedWheel(admit(data, Digest.of(data), filename=filename))
        # Which Python there is, the engine does not know.
        with contextlib.suppress(EnvironmentMismatchError):
            check_place(opened, "3.14.2")
    except MicropipLockError as error:
        return {"refused": error.code}
    expected = {
        "filename": filename,
        "distInfo": opened.dist_info,
        "dataDir": opened.data_dir,
        "recordText": opened.record_text,
        "metadata": opened.metadata,
        "names": list(opened.names),
        "modes": [opened.mode(path) for path in opened.names],
        "requiresPython": opened.requires_python,
        "warnings": [],
        "readable": _is_readable(opened, facts, data),
    }
    got = {
        **facts,
        "names": [entry["path"] for entry in facts["entries"]],
        "modes": [entry["mode"] for entry in facts["entries"]],
        "requiresPython": python_specifier(facts["requiresPython"]),
        "warnings": list(opened.warnings),
        "readable": not facts["unreadable"],
    }
    return {name: fact for name, fact in expected.items() if got[name] != fact}


def _is_readable(opened: OpenedWheel, facts: Facts, data: bytes) -> bool:
    """Whether Python finds every file right, and where it does, as the engine describes it."""
    by_path = {entry["path"]: entry for entry in facts["entries"]}
    try:
        for path, content in opened.files():
            entry = by_path[path]
            packed = data[entry["start"] : entry["start"] + entry["packedSize"]]
            assert content == (zlib.decompress(packed, -15) if entry["method"] else packed)
            assert (entry["size"], entry["crc"]) == (len(content), zlib.crc32(content))
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode("ascii").rstrip("=")
            assert entry["digest"] == (None if path == f"{opened.dist_info}/RECORD" else digest)
    except MicropipLockError:
        return False
    return True
