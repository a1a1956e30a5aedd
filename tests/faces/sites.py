"""Directories as installers leave them, for the tests of freezing one."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from micropip_lock.testing import BuiltWheel


def put(root: Path, built: BuiltWheel, *, installer: str = "pip", asked: bool = True) -> Path:
    """Unpack a wheel and add what pip adds; its dist-info directory."""
    with zipfile.ZipFile(io.BytesIO(built.data)) as archive:
        archive.extractall(root)
    directory = root / built.dist_info
    added = {"INSTALLER": f"{installer}\n", **({"REQUESTED": ""} if asked else {})}
    for name, text in added.items():
        (directory / name).write_text(text, "utf-8")
    with (directory / "RECORD").open("a", encoding="utf-8") as record:
        record.writelines(f"{built.dist_info}/{name},,\n" for name in added)
    return directory
