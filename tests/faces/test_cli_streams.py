"""The command with streams that are closed or full, and options that are empty: exit code 2, never 1, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LOCK = """{
  "info": {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"},
  "packages": {}
}"""


def shell(text: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `ml` is the command."""
    line = f'ml() {{ "{sys.executable}" -m micropip_lock "$@"; }}; {text}'
    return subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "returncode"),
    [
        ("ml show lock.json >&-", 0),
        ("ml show nope.json 2>&-", 2),
        ("ml show - <&-", 2),
        ("ml show lock.json > /dev/full", 2),
        ("ml show nope.json 2> /dev/full", 2),
        ("ml replay lock.json --target ''", 2),
        ("ml verify lock.json --site ''", 2),
        ("ml freeze 'six @@ https://user:s3cret@files.example/x.whl'", 2),
    ],
)
def test_exit_codes(line: str, returncode: int, tmp_path: Path) -> None:
    """What could not be done is 2 whatever happens to the streams; no traceback and no password is shown."""
    (tmp_path / "lock.json").write_text(LOCK, "utf-8")
    done = shell(line, tmp_path)
    assert returncode == done.returncode, done.stderr
    shown = done.stdout + done.stderr
    assert [] == [word for word in ("Traceback", "this is a bug", "s3cret", "Exception ignored") if word in shown]


def test_an_unset_variable_installs_nowhere(tmp_path: Path) -> None:
    """`--target ""` does not fill the current directory."""
    (tmp_path / "lock.json").write_text(LOCK, "utf-8")
    shell("ml replay lock.json --target ''", tmp_path)
    assert ["lock.json"] == [path.name for path in tmp_path.iterdir()]
