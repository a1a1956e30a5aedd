"""Serves the corpus of bad wheels (``tests/corpus``): any client can be pointed at it.

What this file knows: a case is a folder with ``expect.json``, and its ``filename`` is the name that ``input.whl`` is
served under. Writing the folders is left to the corpus; it is in the source distribution, not in the wheel.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from micropip_lock.errors import UsageError
from micropip_lock.testing.index import PackageIndex
from micropip_lock.testing.wheels import BuiltWheel


def corpus_index(directory: Path | str, **options: Any) -> PackageIndex:
    """An index that has every wheel of a corpus, each a project of its own that is called like its case (``w01``).

    Args:
        directory: What the corpus was written to.
        options: As for :class:`~micropip_lock.testing.PackageIndex`.

    Returns:
        The index, not started: use it in a ``with`` statement. Pages state the true digests.

    Raises:
        UsageError: There is no wheel case in the directory.
    """
    index = PackageIndex(**options)
    count = 0
    for path in sorted(Path(directory).glob("wheels/*/expect.json")):
        expect = json.loads(path.read_text("utf-8"))
        data = path.with_name("input.whl").read_bytes()
        name, version = expect["filename"].split("-")[:2]
        built = BuiltWheel(
            filename=expect["filename"],
            data=data,
            sha256=hashlib.sha256(data).hexdigest(),
            metadata=str(expect.get("metadata", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")).encode(),
            name=name,
            version=version,
        )
        index.add(built)
        count += 1
    if not count:
        raise UsageError(
            "no wheel case in this directory", where="directory", got=str(directory), hint="write the corpus first"
        )
    return index
