"""The names that other people's code depends on, and what importing the package costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import micropip_lock

ROOT = Path(__file__).parents[2]

PUBLIC = [
    "Bundled",
    "CompiledStdlib",
    "Lock",
    "LockDiff",
    "MicropipLockError",
    "Policy",
    "Preview",
    "Recovery",
    "ReplayReport",
    "Saved",
    "Tree",
    "UnlockableError",
    "VerifyReport",
    "Why",
    "__version__",
    "bundle",
    "compile_stdlib",
    "diff",
    "embed",
    "extract",
    "freeze",
    "load_lock",
    "open_link",
    "panel",
    "preview",
    "record",
    "recover",
    "replay",
    "resolve_link",
    "save",
    "share",
    "tree",
    "upgrade",
    "verify",
    "why",
]


def _loaded_by(statement: str) -> list[str]:
    """Names of the modules that a fresh interpreter loads for the statement, beside those it starts with."""
    program = "; ".join(
        [
            "import json, sys",
            "before = set(sys.modules)",
            statement,
            "print(json.dumps(sorted(set(sys.modules) - before)))",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def test_the_public_names_are_these() -> None:
    """A public name comes or goes only together with this list."""
    assert PUBLIC == micropip_lock.__all__


def test_the_public_names_are_sorted() -> None:
    """The table of contents is in order."""
    assert sorted(micropip_lock.__all__) == micropip_lock.__all__


def test_dir_shows_the_public_names() -> None:
    """What a person sees after the dot is the public surface and nothing else."""
    assert PUBLIC == dir(micropip_lock)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    """Each name can be had and is the same object the second time."""
    assert getattr(micropip_lock, name) is getattr(micropip_lock, name)


def test_another_name_is_an_attribute_error() -> None:
    """A name that is not public is refused like that of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'frieze'"):
        micropip_lock.frieze  # noqa: B018  # the access is the test


def test_the_version_is_the_one_that_is_packed() -> None:
    """The version that the program says is the version of the distribution."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert packed == micropip_lock.__version__


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    """In a kernel ``import micropip_lock`` costs one small file."""
    assert ["micropip_lock"] == [
        name for name in _loaded_by("import micropip_lock") if name.startswith("micropip_lock")
    ]


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Importing the package starts no event loop, no network, no archive and no parser of versions."""
    heavy = {
        "asyncio",
        "urllib3",
        "packaging",
        "zipfile",
        "ssl",
        "socket",
        "http",
        "email",
        "hashlib",
        "json",
        "subprocess",
    }
    loaded = {name.partition(".")[0] for name in _loaded_by("import micropip_lock")}
    assert set() == heavy & loaded


def test_using_a_name_loads_its_home() -> None:
    """The check above can see what is loaded: the first use of ``Lock`` loads the model and its parser of versions."""
    loaded = _loaded_by("import micropip_lock; micropip_lock.Lock")
    assert {"micropip_lock.core.model", "packaging"} <= set(loaded)
