"""The files that people of this project wrote: what git keeps or would keep, without what it is told to ignore."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def git(*arguments: str) -> str:
    """The output of git in this repository.

    Raises:
        subprocess.CalledProcessError: There is no repository.
    """
    # CI may run as another user than the one who cloned; reading needs no trust.
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout


def files() -> list[Path]:
    """All files, tracked or new, relative to the root and sorted."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted(path for path in map(Path, filter(None, set(names))) if (ROOT / path).is_file())


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is text, with its text; bytes that are no UTF-8 are read as latin-1."""
    for path in files():
        data = (ROOT / path).read_bytes()
        if b"\0" in data:
            continue
        try:
            yield path, data.decode("utf-8")
        except UnicodeDecodeError:
            yield path, data.decode("latin-1")
