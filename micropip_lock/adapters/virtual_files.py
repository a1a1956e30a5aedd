"""Bytes of Pyodide's own file system by ``emfs:`` address, micropip's word for a path in it.

Under Node ``file:`` is the machine's disk, in a page it is nothing; a path that Python sees in Pyodide is neither.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from micropip_lock.core.digest import too_large
from micropip_lock.errors import FetchError, NotFoundError
from micropip_lock.ports import Fetched

SCHEME = "emfs"


def read_virtual(url: str, max_bytes: int | None) -> Fetched:
    """All bytes at an ``emfs:`` address.

    Raises:
        WheelTooLargeError: more than ``max_bytes``.
        FetchError: ``not-found``, ``fetch-failed``.
    """
    try:
        with Path(unquote(urlsplit(url).path)).open("rb") as file:
            data = file.read() if max_bytes is None else file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", url=url, hint="check the path") from error
    except (OSError, ValueError) as error:
        raise FetchError("the file cannot be read", url=url, got=str(error)) from error
    if max_bytes is not None and len(data) > max_bytes:
        raise too_large(url, max_bytes, got="more")
    return Fetched(data=data, url=url)
