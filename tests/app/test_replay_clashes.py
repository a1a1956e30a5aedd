"""Wheels that take each other's place are not replayed: refused when they are here, and nothing has been touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from micropip_lock.testing import BuiltWheel, wheel
from tests.app.replaying import Network, failing, lock_of, run, snapshot


def declaring(name: str, *fields: str, path: str | None = None) -> BuiltWheel:
    """A wheel that declares import names."""
    files = {path or f"{name}_own.py": name}
    return wheel(name, files=files, metadata_version="2.5", metadata_extra=fields)


RESIDENT = wheel("resident")
FIRST = declaring("first", "Import-Name: shared")
CLASHES = {
    "names": ("import-clash", [FIRST, declaring("second", "Import-Name: shared")]),
    "private": ("import-clash", [FIRST, declaring("second", "Import-Name: shared ; private")]),
    "namespace": ("import-clash", [FIRST, declaring("second", "import-namespace: shared", "Import-Name: shared.x")]),
    "file": ("owned", [declaring("first", path="shared.py"), declaring("second", path="shared.py")]),
}


@pytest.mark.parametrize("case", CLASHES)
async def test_refused(tmp_path: Path, case: str) -> None:
    """A name that is declared twice, and one place with two different files, are refused before anything changes."""
    code, wheels = CLASHES[case]
    await run(tmp_path, lock_of(RESIDENT), network=Network(wheels=[RESIDENT]))
    before = snapshot(tmp_path)
    error = await failing(tmp_path, lock_of(*wheels), network=Network(wheels=wheels))

    assert (code, "second", True, before) == (
        error.code,
        error.package,
        "first" in str(error.got),
        snapshot(tmp_path),
    )


@pytest.mark.parametrize(
    "wheels",
    [
        [wheel(name, files={"tests/__init__.py": "", f"tests/{name}.py": ""}) for name in ("first", "second")],
        [wheel(name, files={"ns/__init__.py": "__path__ = []", f"ns/{name}.py": ""}) for name in ("first", "second")],
        [FIRST, wheel("second", files={"shared.py": ""})],
        [declaring(name, "Import-Namespace: ns", f"Import-Name: ns.{name}") for name in ("first", "second")],
    ],
    ids=["same bytes", "old namespace", "one declares", "namespace"],
)
async def test_replayed(tmp_path: Path, wheels: list[BuiltWheel]) -> None:
    """Files with the same bytes, a name that only one declares, and namespaces that both declare go together."""
    report = await run(tmp_path, lock_of(*wheels), network=Network(wheels=wheels))

    assert ["installed"] * 2 == [one.outcome for one in report.packages]
