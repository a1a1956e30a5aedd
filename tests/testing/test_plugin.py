"""The plugin's fixtures work in somebody else's test suite, and cost nothing where they are not used."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from micropip_lock import testing
from micropip_lock.testing import PackageIndex

SUITE = """
from urllib.request import urlopen
import pytest
from micropip_lock.testing import wheel

seen = []

def test_one(package_index):
    package_index.add(wheel("six"))
    assert b"six" in urlopen(package_index.url + "/").read()
    seen.append(package_index)

def test_two(package_index, package_index_factory):
    assert b"six" not in urlopen(package_index.url + "/").read()
    other = package_index_factory(cors=False)
    assert urlopen(other.url + "/").headers["Access-Control-Allow-Origin"] is None
    seen.append(other)

def test_three():
    for index in seen:
        with pytest.raises(Exception, match="not running"):
            index.url
"""


def run_python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(testing.__file__).parents[2])
    # Without entry points, so that nothing but the plugin itself is loaded, registered or not.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": root}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_fixtures_in_another_suite(tmp_path: Path) -> None:
    """With no other plugin, each test gets an empty running index, and all are closed afterwards."""
    (tmp_path / "test_it.py").write_text(SUITE)
    done = run_python(
        "-m", "pytest", "-q", "-W", "error", "-p", "micropip_lock.testing.plugin", "test_it.py", cwd=tmp_path
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_loading_the_plugin_loads_no_server(tmp_path: Path) -> None:
    """Pytest loads the plugin wherever micropip-lock is installed, so loading it imports nothing of weight."""
    code = (
        "import pytest, sys; before = set(sys.modules); import micropip_lock.testing.plugin;"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('micropip_lock')));"
        "print(sorted(name for name in sys.modules if name.startswith('micropip_lock.testing.')))"
    )
    done = run_python("-c", code, cwd=tmp_path)
    assert done.stdout == "[]\n['micropip_lock.testing.plugin']\n", done.stderr


def test_fixtures_here(package_index: PackageIndex, package_index_factory: Callable[..., PackageIndex]) -> None:
    """The factory's indexes have origins of their own."""
    assert len({package_index.origin, package_index_factory().origin, package_index_factory().origin}) == 3


def test_the_documented_example_runs() -> None:
    """The example in the package's docstring does what it shows."""
    assert doctest.TestResults(failed=0, attempted=2) == doctest.testmod(testing)


def test_public_names() -> None:
    """Every public name exists, is listed once and in order, and is documented."""
    names = testing.__all__
    assert (
        sorted(set(names), key=str.casefold)
        == sorted(names, key=str.casefold)
        == sorted(dir(testing), key=str.casefold)
    )
    assert [name for name in names if not getattr(testing, name).__doc__] == []
