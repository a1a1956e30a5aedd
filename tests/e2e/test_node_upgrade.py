"""Upgrades in a real Pyodide, in a child process and in a kernel: one package and what it forces moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from micropip_lock.core.model import Lock
from micropip_lock.testing import PackageIndex, wheel
from tests.e2e.kernel import kernel

pytestmark = pytest.mark.node


def _publish(index: PackageIndex, *wheels: tuple[str, str, list[str]]) -> None:
    for name, version, requires in wheels:
        index.add(wheel(name, version, requires=requires))


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """An index on which there is nothing newer yet."""
    with PackageIndex() as index:
        _publish(
            index,
            ("app", "1.0", ["lib<2", "aside"]),
            ("lib", "1.0", []),
            ("aside", "1.0", []),
            ("other", "1.0", ["lib", "calm<3"]),
            ("calm", "1.0", []),
        )
        yield index


def _newer(index: PackageIndex) -> None:
    _publish(
        index,
        ("app", "2.0", ["lib>=2"]),
        ("lib", "1.5", []),
        ("lib", "2.0", []),
        ("lib", "2.1", []),
        ("calm", "2.0", []),
        ("calm", "3.0", []),
        ("other", "2.0", []),
    )


def _versions(lock: Lock) -> dict[str, str]:
    return {package.name: package.version for package in lock}


def test_the_command_line(index: PackageIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A root moves with what it forces, the rest keeps its entries; people see what moved."""
    from micropip_lock.cli import main

    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert 0 == main(["freeze", "app", "other", "--index-url", index.url, "-o", str(old)])
    _newer(index)
    capsys.readouterr()
    assert 0 == main(["upgrade", str(old), "app", "-o", str(new), "--index-url", index.url])
    lock, app = (Lock.from_json(path.read_bytes()) for path in (old, new))
    assert {"app": "2.0", "lib": "2.1", "other": "1.0", "calm": "1.0"} == _versions(app)
    assert (lock.packages["other"], ("app", "other")) == (app.packages["other"], app.roots)
    told = capsys.readouterr().err.splitlines()
    assert ["~ app 1.0 -> 2.0", "~ lib 1.0 -> 2.1"] == [line for line in told if line.startswith("~")]
    assert ["- aside 1.0"] == [line.partition("  ")[0] for line in told if line.startswith("-")]


async def test_in_a_kernel(index: PackageIndex) -> None:
    """A kernel gives what the host gives, and is afterwards what it was, after a failure as well."""
    async with kernel(index_urls=[index.url]) as running:
        lock = (await running.pyodide.install_and_freeze(["app", "other"])).lock
        _newer(index)
        before = await running.tree()
        app, calm = [Lock.from_json(await running.ask(_upgrade(lock, index, name))) for name in ("app", "calm")]
        failure = await running.failure(_upgrade(lock, index, "lib>=2"))
        after = await running.tree()
    assert {"app": "2.0", "lib": "2.1", "other": "1.0", "calm": "1.0"} == _versions(app)
    assert {**_versions(lock), "calm": "2.0"} == _versions(calm)
    assert "install-failed" == failure["code"]
    assert _without_installers(before) == _without_installers(after)


def _upgrade(lock: Lock, index: PackageIndex, name: str) -> str:
    return f"""
import micropip_lock
answer = (await micropip_lock.upgrade({lock.to_json()!r}, {name!r}, index_urls=[{index.url!r}])).to_json()
"""


def _without_installers(tree: dict[str, str]) -> dict[str, str]:
    """Files but for those that say who installed."""
    return {path: digest for path, digest in tree.items() if not path.endswith(("/INSTALLER", "/PYODIDE_REQUIRES"))}
