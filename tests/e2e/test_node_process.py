"""The embedded runtime as a process: what it reads, how it ends, and where its tools come from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from micropip_lock.testing import PackageIndex

pytestmark = pytest.mark.node

EMPTY_LOCK = """{
  "info": {"abi_version": "2026_0", "arch": "wasm32", "platform": "emscripten_5_0_3", "python": "3.14.2"},
  "packages": {}
}"""


def command(*arguments: str) -> list[str]:
    """The command line, by this interpreter."""
    return [sys.executable, "-m", "micropip_lock", *arguments]


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of nothing: its replay is only the runtime."""
    path = tmp_path / "pyodide-lock.json"
    path.write_text(EMPTY_LOCK, "utf-8")
    return path


def run_code(lock: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh Pyodide through the command line."""
    return subprocess.run(
        command("replay", str(lock), "--in-pyodide", "-q", "-c", code),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_standard_input_is_empty(lock: Path) -> None:
    """Code that reads standard input gets its end, not the protocol of the runtime."""
    done = run_code(lock, "import sys; print(repr(sys.stdin.read()))")
    assert (0, "''\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("code", "returncode", "said"),
    [
        ("import sys; sys.exit(0)", 0, ""),
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(3)", 2, "status 3"),
        ("import sys; sys.exit('no data')", 2, "no data"),
        ("1 / 0", 2, "ZeroDivisionError"),
    ],
)
def test_how_the_code_ends(lock: Path, code: str, returncode: int, said: str) -> None:
    """`sys.exit(0)` is success; another status, a message or an exception is a failure that says so."""
    done = run_code(lock, code)
    assert returncode == done.returncode
    assert said in done.stderr


def test_a_traceback_is_the_persons(lock: Path) -> None:
    """What went wrong is told with their lines, and without those of what ran them."""
    done = run_code(lock, "def deep():\n    return 1 / 0\nawait __import__('asyncio').sleep(0)\ndeep()\n")
    lines = [line.strip() for line in done.stderr.splitlines() if "^" not in line and "~" not in line]
    expected = [
        "Traceback (most recent call last):",
        *('File "<code>", line 4, in <module>', "deep()"),
        *('File "<code>", line 2, in deep', "return 1 / 0"),
        "ZeroDivisionError: division by zero",
    ]
    assert expected == lines


def children(pid: int) -> list[int]:
    """Process ids of the children of a process."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not yet reaped does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith("Z")


@pytest.mark.parametrize(("number", "returncode"), [(signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_outlives_the_command(lock: Path, number: signal.Signals, returncode: int) -> None:
    """Ended or killed in the middle of a busy loop, the command leaves no runtime behind."""
    # The loop says that it runs by asking a server that never answers.
    with PackageIndex() as server:
        code = f"import js; js.fetch('{server.origin}/busy')\nawait __import__('asyncio').sleep(0.2)\nwhile True: pass"
        with subprocess.Popen(
            command("replay", str(lock), "--in-pyodide", "-q", "-c", code),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            server.log.wait_for("/busy", timeout=90)
            time.sleep(1)
            runtimes = children(process.pid)
            process.send_signal(number)
            assert returncode == process.wait(30)
    deadline = time.monotonic() + 20
    while any(map(is_alive, runtimes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert runtimes
    assert [] == [pid for pid in runtimes if is_alive(pid)]


def freeze_six(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Freeze one small package."""
    return subprocess.run(
        command("freeze", "packaging", "-q", *arguments),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=180,
    )


def test_tools_need_not_be_on_the_index(catalogue: PackageIndex, tmp_path: Path) -> None:
    """With an empty cache and an index that lacks micropip, the tools come from where pip is configured to look."""
    with PackageIndex() as index:
        (wheel,) = (path for path in _wheels("packaging-") if path.name.startswith("packaging-26"))
        index.add_file(wheel)
        cache = tmp_path / "cache"
        (cache / "pyodide").mkdir(parents=True)
        for runtime in (_pyodide_cache()).iterdir():
            (cache / "pyodide" / runtime.name).symlink_to(runtime)
        done = freeze_six({"MICROPIP_LOCK_CACHE": str(cache), "PIP_INDEX_URL": catalogue.url}, "--index-url", index.url)
    assert (0, "") == (done.returncode, done.stderr)


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """A cache directory that cannot be made is an error of ours that names it."""
    blocked = tmp_path / "file"
    blocked.write_text("", "utf-8")
    done = freeze_six({"MICROPIP_LOCK_CACHE": str(blocked / "cache")})
    assert 2 == done.returncode
    assert "storage:" in done.stderr
    assert "MICROPIP_LOCK_CACHE" in done.stderr


def _wheels(prefix: str) -> list[Path]:
    from tests.e2e.wheelhouse import wheels

    return [path for path in wheels("py314").values() if path.name.startswith(prefix)]


def _pyodide_cache() -> Path:
    from micropip_lock.adapters.host import cache_dir

    return cache_dir() / "pyodide"
