"""An install that fails at any of its steps leaves the package whole, with its record, or leaves nothing."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from micropip_lock.adapters.remnants import whole_or_nothing
from micropip_lock.testing import BuiltWheel, wheel
from tests.adapters.installing import snapshot

PACK = wheel(
    "pack",
    files={"pack/__init__.py": "one = 1\n", "pack/deep/er.py": "", "ns/pack.py": "", "flat.py": "flat = 1\n"},
    data={"data/etc/pack/settings": "a = 1\n", "scripts/run": "#!python\n"},
    dist_info={"INSTALLER": "its own"},
)
RECORDS = {"INSTALLER": "micropip", "PYODIDE_URL": "https://files.example/pack", "micropip-lock.json": "{}\n"}


def steps(built: BuiltWheel, site: Path, prefix: Path) -> Iterator[None]:
    """Unpack as Pyodide does: each file is opened, then written; then the records; then copies of data files."""
    with zipfile.ZipFile(io.BytesIO(built.data)) as archive:
        for name in archive.namelist():
            yield from written(site / name, archive.read(name))
        for name, text in RECORDS.items():
            yield from written(site / built.dist_info / name, text.encode())
        data = site / f"{built.dist_info.removesuffix('.dist-info')}.data" / "data"
        for path in sorted(data.rglob("*")):
            if path.is_file():
                yield from written(prefix / path.relative_to(data), path.read_bytes())


def written(path: Path, content: bytes) -> Iterator[None]:
    yield
    path.parent.mkdir(parents=True, exist_ok=True)
    for length in (0, len(content) // 2, len(content)):
        yield
        path.write_bytes(content[:length])


def install(site: Path, prefix: Path, fail_at: int, error: BaseException, *, at_the_end: bool = False) -> None:
    """Install and fail at a step, or when all is done."""
    with whole_or_nothing(site, prefix, PACK.data, PACK.filename, RECORDS):
        for number, _ in enumerate(steps(PACK, site, prefix)):
            if number == fail_at:
                raise error
        if at_the_end:
            raise error


def filled(root: Path) -> tuple[Path, Path]:
    """A site in which some of it lies already, and its prefix."""
    site, prefix = root / "lib" / "site-packages", root
    for path, text in {"ns/other.py": "", "flat.py": "older\n", "ns/pack.py": "", "README.txt": ""}.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (prefix / "etc").mkdir()
    (prefix / "etc" / "other").write_text("")
    return site, prefix


COUNT = 4 * (len(zipfile.ZipFile(io.BytesIO(PACK.data)).namelist()) + len(RECORDS) + 1)
"""Steps of an install: four for each file, record and copy."""


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), asyncio.CancelledError()], ids=type)
def test_any_step_may_fail(tmp_path: Path, error: BaseException) -> None:
    """Whatever step fails, and however, every file is as it was before; what was overwritten has its bytes again."""
    site, prefix = filled(tmp_path)
    before = snapshot(tmp_path)
    for number in range(COUNT - 1):
        with pytest.raises(type(error)):
            install(site, prefix, number, error)
        assert before == snapshot(tmp_path), number


def test_what_is_whole_stays(tmp_path: Path) -> None:
    """A failure when everything is in place (a module that does not load) leaves the package and its record."""
    site, prefix = filled(tmp_path)
    with pytest.raises(RuntimeError):
        install(site, prefix, COUNT, RuntimeError("the module cannot be loaded"), at_the_end=True)

    assert (b"micropip", b"{}\n", b"one = 1\n", b"a = 1\n") == (
        (site / PACK.dist_info / "INSTALLER").read_bytes(),
        (site / PACK.dist_info / "micropip-lock.json").read_bytes(),
        (site / "pack/__init__.py").read_bytes(),
        (prefix / "etc/pack/settings").read_bytes(),
    )


def test_without_a_failure(tmp_path: Path) -> None:
    """An install that does not fail is left alone."""
    site, prefix = filled(tmp_path)

    install(site, prefix, COUNT, OSError())

    assert snapshot(tmp_path).keys() >= {f"lib/site-packages/{path}" for path in ("pack/deep/er.py", "flat.py")}
