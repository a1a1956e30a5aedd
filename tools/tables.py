"""Tables of measurements in documents, each between a pair of comments that name it."""

from __future__ import annotations

import re
from pathlib import Path


def put(document: Path, name: str, table: str) -> None:
    """Put a table where the document has a place of its name.

    Raises:
        ValueError: The document has no such place.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text, count = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _found: f"{begin}\n{table}\n{end}",
        document.read_text("utf-8"),
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{document} has {count} places for the table {name}")
    document.write_text(text, "utf-8")
