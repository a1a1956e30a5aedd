"""The lock that travels inside a notebook, as people put it in and take it out.

Rules this file keeps:

1. A notebook's file is replaced in one step, or not at all; only the lock in it changes.
2. A lock with wheels from local files is only whole with those files beside the notebook; :func:`save_in` puts them
   there, :func:`embed` refuses to write a lock that lacks them.

Left to others: the text of a notebook (:mod:`micropip_lock.core.notebook`), a notebook by its address
(:mod:`micropip_lock.load`).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urljoin

from micropip_lock import wiring
from micropip_lock.app import save as _save
from micropip_lock.app.save import Saved
from micropip_lock.core.model import Lock
from micropip_lock.core.notebook import embed_lock, parse_embedded
from micropip_lock.errors import LockParseError, UsageError
from micropip_lock.ports import FileWriter


def embed(lock: Lock | str, notebook: str | Path) -> str:
    """Put a lock into a notebook's metadata, in the place of one that is there; nothing else in it changes.

    Args:
        lock: A lock, or its JSON text.
        notebook: The path of an ``.ipynb``, whose file is replaced; or its text, which is not written anywhere.

    Returns:
        The notebook's text with the lock in it.

    Raises:
        LockParseError: code ``no-notebook`` when there is no such file; and what reading the notebook raises.
        UsageError: code ``local-wheels``: wheels that the lock names relative to itself are not beside the notebook.
        StorageError: code ``not-written``; the notebook was not changed.
    """
    lock = Lock.from_json(lock) if isinstance(lock, str) else lock
    if _is_text(notebook):
        return embed_lock(lock, str(notebook))
    path = Path(notebook)
    text = embed_lock(lock, read_bytes(path))
    _check_beside(lock, path)
    wiring.folder(path.parent).write(path.name, text.encode("utf-8"))
    return text


def extract(notebook: str | Path) -> Lock:
    """The lock in a notebook's metadata.

    Args:
        notebook: The path of an ``.ipynb``, or its text.

    Raises:
        LockParseError: codes ``no-notebook``, ``no-embedded-lock``; and what reading the notebook raises.
        MicropipLockError: the lock in it is broken; the place begins with ``metadata.micropip-lock``.
    """
    if _is_text(notebook):
        return parse_embedded(str(notebook))
    path = Path(notebook)
    return parse_embedded(read_bytes(path), base=wiring.address_of(path))


async def save_in(lock: Lock, path: Path, text: str | bytes | None = None) -> Saved:
    """Put a lock into a notebook, and beside it every wheel that came from a local file.

    Args:
        lock: What to put in.
        path: The notebook.
        text: What it holds, when that is not what its file does.

    Raises:
        MicropipLockError: what :func:`embed` and :func:`~micropip_lock.api.save` raise; the notebook was not changed.
    """
    whole = embed_lock(lock, read_bytes(path) if text is None else text)
    folder = wiring.folder(path.parent)
    wheels = await _save.save(
        lock, path.name, writer=_InNotebook(folder, path.name, whole), kept=wiring.keep(), fetcher=wiring.fetcher()
    )
    return Saved(path=str(path), wheels=wheels)


class _InNotebook:
    """Writes wheels as they are, and the notebook in the place of the lock's own file."""

    def __init__(self, writer: FileWriter, name: str, text: str) -> None:
        self._writer, self._name, self._text = writer, name, text

    def write(self, path: str, data: bytes) -> None:
        """As :meth:`~micropip_lock.ports.FileWriter.write`."""
        self._writer.write(path, self._text.encode("utf-8") if path == self._name else data)


def read_bytes(path: Path) -> bytes:
    """The bytes of a notebook or a script.

    Raises:
        LockParseError: code ``no-notebook``.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        # ValueError: a name that no file can have.
        raise LockParseError(
            "the file cannot be read",
            code="no-notebook",
            where=repr(str(path)),
            got=getattr(error, "strerror", None) or str(error),
            hint="check its path",
        ) from error


def _is_text(notebook: str | Path) -> bool:
    return isinstance(notebook, str) and notebook.lstrip("\ufeff \t\r\n").startswith("{")


def _check_beside(lock: Lock, path: Path) -> None:
    here = wiring.address_of(path)
    missing = [
        package
        for package in lock.local_wheels
        if not (path.parent / package.wheel.url).is_file()
        and urljoin(lock.base or "", package.wheel.url) != urljoin(here, package.wheel.url)
    ]
    if missing:
        raise UsageError(
            "wheels that the lock names relative to itself do not lie beside the notebook",
            code="local-wheels",
            got=", ".join(map(str, missing)),
            hint="`await micropip_lock.save(lock, path)` with a path in the notebook's directory writes them there",
        )
