"""An install by micropip that fails on its way: what it left is taken away again.

micropip unpacks a wheel file by file, then writes the records, then copies data files, then loads extension modules. A
failure in between leaves a part of a package, which later installs take for nothing and imports take for all.

Rules this file keeps:

1. Either every file of the wheel and every record is in place with the right bytes, or none that was not there before.
   So there is never a record without its package.
2. A file that was there before has its bytes again.
3. What is whole stays, whatever went wrong afterwards: a module that cannot be loaded is told by its error.

Left to others: what micropip removed before it installed (``reinstall=True``) is gone.
"""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.errors import MicropipLockError


@contextlib.contextmanager
def whole_or_nothing(
    site: Path, prefix: Path, data: bytes, filename: str, records: Mapping[str, str]
) -> Iterator[None]:
    """While a wheel is being installed that was found right before.

    Args:
        site: The site-packages directory.
        prefix: Where the ``data`` scheme is copied to.
        data: The wheel.
        filename: Its name.
        records: What is written into its dist-info directory besides: name to text.
    """
    # The quickest way to the names: what they may be was checked.
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    places = {path: tuple(_places(path, site, prefix)) for path in names}
    directory = next(path.partition("/")[0] for path in places if path.partition("/")[0].endswith(".dist-info"))
    places |= {f"{directory}/{name}": (site / directory / name,) for name in records}
    before = _before([place for there in places.values() for place in there], site)
    try:
        yield
    except BaseException:
        if not _is_whole(places, data, filename, {f"{directory}/{name}": text for name, text in records.items()}):
            _restore([place for there in places.values() for place in there], before, (site, prefix))
        raise


def _places(path: str, site: Path, prefix: Path) -> Iterator[Path]:
    """Where Pyodide puts a file: the ``.data`` directory stays, and what is in its ``data`` scheme is copied."""
    yield site / path
    top, _, inner = path.partition("/data/")
    if top.endswith(".data") and "/" not in top:
        yield prefix / inner


def _before(places: Iterable[Path], site: Path) -> dict[Path, bytes]:
    """The bytes of every file that is there already."""
    found = {}
    new: dict[str, bool] = {}
    for place in places:
        if place.is_relative_to(site):
            # Nearly always the folder is new, and then so is all that is in it.
            top = place.relative_to(site).parts[0]
            if new.setdefault(top, not os.path.lexists(site / top)):
                continue
        with contextlib.suppress(OSError):
            found[place] = place.read_bytes()
    return found


def _is_whole(places: Mapping[str, tuple[Path, ...]], data: bytes, filename: str, records: Mapping[str, str]) -> bool:
    try:
        for path, content in OpenedWheel(admit(data, Digest.of(data), filename=filename)).files():
            # A wheel may bring an INSTALLER, which the installer's own replaces.
            wanted = records[path].encode("utf-8") if path in records else content
            if any(place.read_bytes() != wanted for place in places[path]):
                return False
        return all(places[path][0].read_bytes() == text.encode("utf-8") for path, text in records.items())
    except (OSError, MicropipLockError):
        return False


def _restore(places: Iterable[Path], before: Mapping[Path, bytes], roots: tuple[Path, ...]) -> None:
    """As far as the file system lets us; the failure that brought us here is what people are told."""
    folders: set[Path] = set()
    for place in places:
        with contextlib.suppress(OSError):
            if place not in before:
                place.unlink(missing_ok=True)
                folders.update(parent for parent in place.parents if parent not in roots)
            elif place.read_bytes() != before[place]:
                place.write_bytes(before[place])
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        # A folder in use refuses.
        if any(folder.is_relative_to(root) for root in roots):
            with contextlib.suppress(OSError):
                folder.rmdir()
