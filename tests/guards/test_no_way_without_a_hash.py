"""No way around a hash: where bytes are compared with a digest, taking the comparison out makes a test fail.

Each comparison is taken out of a copy of the program, and the tests that guard it are run on that copy.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of bytes with a digest, how to take it out, and the tests that must mind."""

    file: str
    original: str
    without: str
    guards: str


COMPARISONS = {
    "wheel": Comparison("core/digest.py", "if got != digest:", "if False:", "tests/core/test_digest.py"),
    "file": Comparison(
        "core/wheel_record.py", 'if digest != f"sha256={got}":', "if False:", "tests/core/test_wheel.py"
    ),
    "file while verifying": Comparison(
        "core/findings.py", "if got != row.digest:", "if False:", "tests/core/test_findings.py"
    ),
    "file while proving": Comparison(
        "core/installed_record.py",
        "if (got := Digest.of(data)) != row.digest:",
        "if (got := row.digest) != row.digest:",
        "tests/core/test_installed_record.py",
    ),
    "wheel that is there already": Comparison(
        "app/bundle.py",
        "if data is None or Digest.of(data) != wheel.digest:",
        "if data is None:",
        "tests/app/test_bundle.py",
    ),
    "held wheel": Comparison(
        "core/digest.py",
        "if held is not None and held.sha256 == digest.hex and size in (None, held.size):",
        "if held is not None:",
        "tests/core/test_held.py",
    ),
    "lock in a link": Comparison(
        "core/link.py",
        "if hashlib.sha256(canonical).hexdigest() != identity:",
        "if False:",
        "tests/core/test_link.py",
    ),
    "installed file": Comparison(
        "core/dirty.py",
        "row.digest not in (None, Digest.of(data))",
        "row.digest not in (None, row.digest)",
        "tests/app/test_freeze_files.py",
    ),
    "record": Comparison(
        "core/dist_info.py",
        "bound = digest is not None and record.record_digest == digest",
        "bound = digest is not None",
        "tests/core/test_dist_info.py",
    ),
    "promise": Comparison(
        "adapters/underway.py",
        "if promised and promised.lower() != digest.hex:",
        "if False:",
        "tests/adapters/test_underway.py",
    ),
    "fragment": Comparison(
        "adapters/underway.py",
        "if (got := Digest.of(data)) != expected:",
        "if (got := expected) != expected:",
        "tests/adapters/test_underway.py",
    ),
    "download while locating": Comparison(
        "app/prove.py",
        "if file.digest is not None and (got := Digest.of(data)) != file.digest:",
        "if file.digest is not None and (got := file.digest) != file.digest:",
        "tests/app/test_locate.py",
    ),
    "runtime": Comparison(
        "adapters/runtimes.py",
        "if expected is not None and integrity != expected:",
        "if False:",
        "tests/adapters/test_runtime_pins.py",
    ),
    "tool": Comparison(
        "adapters/runtimes.py",
        "if path.is_file() and Digest.of(path.read_bytes()).hex == digest:",
        "if path.is_file():",
        "tests/adapters/test_runtime_pins.py",
    ),
    "wheel in the store, verified": Comparison(
        "adapters/wheel_store.py",
        "if path.exists() and Digest.of(path.read_bytes()) != digest:",
        "if False:",
        "tests/adapters/test_wheel_store.py -k flipped",
    ),
    "extra in the store, verified": Comparison(
        "adapters/wheel_store.py",
        "and Digest.of(data[_DIGEST_BYTES:]).raw == data[:_DIGEST_BYTES]",
        "",
        "tests/adapters/test_wheel_store.py -k extras",
    ),
    "wheel that a store gives": Comparison(
        "app/stored.py",
        "or wheel.digest != locked.digest",
        "or False",
        "tests/app/test_replay_store.py -k breaks_its_word",
    ),
}

_HASHED = r"(?:Digest\.of\(|hashlib\.\w+\()"
_COMPARED = re.compile(rf"{_HASHED}.*(?:==|!=)|(?:==|!=|not in).*{_HASHED}")


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_a_comparison_is_guarded(name: str, tmp_path: Path) -> None:
    """Without the comparison, its tests fail; with it, they pass."""
    one = COMPARISONS[name]
    for folder in ("micropip_lock", "tests", "tools", "lite"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "wheels"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "micropip_lock" / one.file
    text = path.read_text("utf-8")
    assert 1 == text.count(one.original), "the comparison is spelt differently now: correct the list"

    command = [sys.executable, "-m", "pytest", "-x", "-q", *one.guards.split()]
    guarded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    path.write_text(text.replace(one.original, one.without), "utf-8")
    unguarded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (0, 1) == (guarded.returncode, unguarded.returncode), guarded.stdout[-2000:]


def test_no_comparison_is_forgotten() -> None:
    """Every line that hashes and compares is in the list above."""
    listed = {(one.file, one.original) for one in COMPARISONS.values()}
    forgotten = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "micropip_lock").rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if _COMPARED.search(line)
        and not any(path.as_posix().endswith(f"/{file}") and original in line for file, original in listed)
    ]
    assert [] == forgotten
