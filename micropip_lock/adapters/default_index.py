"""The index that micropip asks when nobody configures one, read from micropip itself: no index is known here by name.

Left to others: which indexes are configured (:mod:`micropip_lock.adapters.indexes`), bringing micropip
(:mod:`micropip_lock.adapters.runtimes`).
"""

from __future__ import annotations

import ast
import zipfile
from pathlib import Path
from typing import Final

_FILE: Final = "micropip/package_index.py"
_NAME: Final = "DEFAULT_INDEX_URLS"


def default_index_urls(wheel: Path) -> tuple[str, ...]:
    """What micropip's wheel says, without running it; nothing when it is built differently.

    Args:
        wheel: A wheel of micropip.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            module = ast.parse(archive.read(_FILE))
    except (KeyError, SyntaxError, ValueError, zipfile.BadZipFile):
        return ()
    values: dict[str, list[str]] = {}
    for statement in module.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        values[statement.targets[0].id] = list(_texts(statement.value, values))
    return tuple(values.get(_NAME, ()))


def _texts(value: ast.expr, known: dict[str, list[str]]) -> list[str]:
    if isinstance(value, ast.Constant):
        return [value.value] if isinstance(value.value, str) else []
    if isinstance(value, ast.Name):
        return known.get(value.id, [])
    if isinstance(value, ast.List | ast.Tuple):
        return [text for element in value.elts for text in _texts(element, known)]
    return []
