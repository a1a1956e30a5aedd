"""The locks of our own dependencies name versions and hashes and no address, so that any index can serve them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
_ADDRESS = re.compile(r"\w+://|\bfile:|--(?:extra-)?index-url|--find-links|--trusted-host|@ ")
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)")
PYTHON_LOCKS = ["dev", "fuzz", "mutants", "node"]


def _pins(name: str) -> list[str]:
    """The logical lines of a requirements file."""
    text = (ROOT / f"requirements/{name}.txt").read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", [*(f"requirements/{name}.txt" for name in PYTHON_LOCKS), "js/package-lock.json"])
def test_a_lock_carries_no_address(path: str) -> None:
    """Neither an index nor a file host nor a page about a package stands in a lock."""
    assert [] == _ADDRESS.findall((ROOT / path).read_text("utf-8"))


@pytest.mark.parametrize("name", PYTHON_LOCKS)
def test_every_python_pin_has_a_version_and_hashes(name: str) -> None:
    """Each requirement is pinned with ``==`` and carries at least one sha256."""
    loose = [
        line for line in _pins(name) if not (_PIN.match(line) and re.search(r"--hash=sha256:[0-9a-f]{64}\b", line))
    ]
    assert ([], True) == (loose, bool(_pins(name)))


@pytest.mark.parametrize("name", PYTHON_LOCKS)
def test_every_requirement_is_pinned_to_a_version_it_allows(name: str) -> None:
    """The lock has a pin for each line of its ``.in`` file, and the pin satisfies the line."""
    pins = {canonicalize_name(match[1]): match[2] for line in _pins(name) if (match := _PIN.match(line))}
    wishes = [
        Requirement(line)
        for line in (ROOT / f"requirements/{name}.in").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    unmet = [str(wish) for wish in wishes if not wish.specifier.contains(pins.get(canonicalize_name(wish.name), "0"))]
    assert ([], True) == (unmet, bool(wishes))


def test_what_the_program_needs_is_pinned_for_its_tests() -> None:
    """Every dependency of the project is in the development lock, at a version that the project allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pins = {canonicalize_name(match[1]): match[2] for line in _pins("dev") if (match := _PIN.match(line))}
    wishes = [Requirement(text) for text in project["dependencies"]]
    unmet = [str(wish) for wish in wishes if not wish.specifier.contains(pins.get(canonicalize_name(wish.name), "0"))]
    assert [] == unmet


def test_every_npm_package_has_an_integrity_and_no_source() -> None:
    """Each package of the npm lock carries a sha512 and does not say where it came from."""
    packages = json.loads((ROOT / "js/package-lock.json").read_text("utf-8"))["packages"]
    entries = {path: entry for path, entry in packages.items() if path}
    bad = [path for path, entry in entries.items() if not entry.get("integrity", "").startswith("sha512-")]
    sourced = [path for path, entry in entries.items() if "resolved" in entry]
    assert ([], [], True) == (bad, sourced, bool(entries))


def test_npm_dependencies_are_exact_and_none_is_needed_at_run_time() -> None:
    """package.json names exact versions, and only for development."""
    package = json.loads((ROOT / "js/package.json").read_text("utf-8"))
    loose = [
        name for name, version in package["devDependencies"].items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    ]
    assert ([], None) == (loose, package.get("dependencies"))


@pytest.mark.parametrize(
    "text",
    ["six @ https://files.example/six.whl", "--index-url x", "file:///x", '"resolved": "https://index.example/six"'],
)
def test_an_address_is_seen(text: str) -> None:
    """The pattern sees the forms in which a lock could carry an address."""
    assert _ADDRESS.search(text) is not None
