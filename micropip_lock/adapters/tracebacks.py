"""The traceback of a person's code, as if it had run by itself.

Rules this file keeps:

1. It begins at the person's first line; what ran that line (Pyodide and this package) is no matter of theirs.
2. Their lines are shown as they wrote them, though no file holds them.
"""

from __future__ import annotations

import linecache
import traceback


def traceback_of(error: BaseException, code: str, filename: str) -> str:
    """An error of a person's code as Python tells it.

    Args:
        error: What their code raised.
        code: Their code.
        filename: What it was compiled as, e.g. ``<code>``.
    """
    # Python reads lines by way of this cache; without a time stamp they are taken as they are.
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != filename:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))
