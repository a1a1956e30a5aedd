"""Moves of files and new directories, written down so that they can be undone backwards.

Left to others: what is moved, and when (:mod:`micropip_lock.adapters.site`).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(kw_only=True, slots=True)
class Journal:
    """What has been done, to be undone backwards.

    Attributes:
        moved: (source, target) of each rename.
        made: Directories that were not there.
    """

    moved: list[tuple[Path, Path]] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)

    def move(self, source: Path, target: Path) -> None:
        """Rename a file.

        Raises:
            OSError: It was not moved.
        """
        # Written down first: an interrupt may come between the two.
        self.moved.append((source, target))
        os.rename(source, target)

    def make(self, directory: Path) -> None:
        """A directory and its parents."""
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            self.made.append(path)
            try:
                path.mkdir()
            except FileExistsError:
                # Somebody else's: theirs to remove.
                self.made.remove(path)

    def undo(self) -> list[tuple[Path, Path]]:
        """Undo all that can be undone; tell the moves that could not."""
        left = []
        for source, target in reversed(self.moved):
            if os.path.lexists(source):
                continue
            try:
                source.parent.mkdir(parents=True, exist_ok=True)
                os.rename(target, source)
            except OSError:
                left.append((source, target))
        for directory in reversed(self.made):
            if not any(target.is_relative_to(directory) for _, target in left):
                shutil.rmtree(directory, ignore_errors=True)
        return left
