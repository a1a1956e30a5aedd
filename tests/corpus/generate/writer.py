"""Writes the corpus: ``python -m tests.corpus.generate.writer DIRECTORY [ID…]``.

With identifiers, only the cases that begin so.

Each case becomes a folder with its input and ``expect.json``. What is there already and right is not touched, what
belongs to no case is removed. No time, machine name or path gets into a file.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.corpus.generate.case import Case, all_cases


def write(directory: Path, cases: Iterable[Case] | None = None) -> list[Path]:
    """Write cases, all of them by default; returns their folders.

    Raises:
        OSError: The file system refused.
    """
    folders = []
    for case in all_cases() if cases is None else cases:
        folder = directory / case.folder
        folder.mkdir(parents=True, exist_ok=True)
        expect = json.dumps(case.expect, indent=2, ensure_ascii=False) + "\n"
        files = {**case.files(), "expect.json": expect.encode("utf-8")}
        for stale in sorted(folder.rglob("*"), reverse=True):
            # Files before their directories.
            if stale.is_file() and stale.relative_to(folder).as_posix() not in files:
                stale.unlink()
            elif stale.is_dir() and not any(stale.iterdir()):
                stale.rmdir()
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not (folder / name).is_file() or (folder / name).read_bytes() != data:
                (folder / name).write_bytes(data)
        folders.append(folder)
    if cases is None:
        for stale in directory.glob("*/*"):
            if stale not in folders:
                shutil.rmtree(stale)
    return folders


if __name__ == "__main__":
    target, wanted = Path(sys.argv[1]), tuple(sys.argv[2:])
    chosen = [case for case in all_cases() if case.id.startswith(wanted)] if wanted else None
    print(f"{len(write(target, chosen))} cases in {target}")
