"""Run more programs on a mounted and an unpacked tree than the ordinary tests do: ``make truth``.

``ARGS="--programs 50000 --from 100000"``; it prints the first difference, made as short as it gets, and fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys


def main() -> int:
    """Run the test with other numbers."""
    parser = argparse.ArgumentParser(description="random programs of file operations, mounted against unpacked")
    parser.add_argument("--programs", type=int, default=20_000, help="how many (default: 20000)")
    parser.add_argument("--from", dest="start", type=int, default=10_000, help="the first one's number")
    parser.add_argument("--pyodide", help="only this version")
    options = parser.parse_args()
    asked = f"{options.start}-{options.start + options.programs}"
    command = [sys.executable, "-m", "pytest", "-q", "tests/e2e/test_node_mount_truth.py", "-k"]
    chosen = "behaves" if options.pyodide is None else f"behaves and {options.pyodide}"
    return subprocess.run([*command, chosen], env={**os.environ, "MICROPIP_LOCK_TRUTH": asked}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
