"""The engine's inflater over Pyodide's own zlib gives what Node's gives, and takes no memory while it does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from micropip_lock.adapters.runtimes import find_node, pyodide_directory
from tests.contract.plain_wheels import bundled
from tests.e2e.sets import PYODIDE_029, PYODIDE_314

pytestmark = pytest.mark.node


@pytest.mark.parametrize("version", [PYODIDE_314, PYODIDE_029])
def test_inflate_in_pyodide(version: str, tmp_path: Path) -> None:
    """Right streams, and such that are cut, lengthened or altered, come out alike; the window is there beforehand."""
    script = bundled("inflate.test-pyodide.ts", tmp_path)
    command = [str(find_node()), str(script), str(pyodide_directory(version))]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)
    assert {"different": 0, "window": "there, and kept", "heap": "as it was"} == {
        key: answer[key] for key in ("different", "window", "heap")
    }
    assert {"bad-zip", "size-mismatch", "right"} == set(answer["seen"])
