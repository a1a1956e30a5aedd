"""The real command, killed while it replaces what is in a directory: the next one is clean."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import warnings
from pathlib import Path

from packaging.utils import canonicalize_name

from micropip_lock.cli import main
from micropip_lock.core.digest import Digest
from micropip_lock.core.model import Abi, Lock, LockedPackage, Origin, Wheel, by_name
from micropip_lock.testing import BuiltWheel, PackageIndex, wheel
from tests.adapters.installing import snapshot
from tests.faces.fakes import Capture, run_json

NAMES = [f"pack{number}" for number in range(8)]


def pack(name: str, version: str) -> BuiltWheel:
    files = {f"{name}/sub{number % 3}/m{number}.py": f"{version!r}\n" * 50 for number in range(20)}
    return wheel(name, version, files={f"{name}/__init__.py": "", f"{name}/only_{version[0]}.py": "", **files})


def lock_of(index: PackageIndex, version: str, path: Path) -> str:
    packages = []
    for built in (index.add(pack(name, version)) for name in NAMES):
        url = index.file_url(built.filename)
        packages.append(
            LockedPackage(
                name=canonicalize_name(built.name),
                display_name=built.name,
                version=version,
                wheel=Wheel(url=url, digest=Digest.of(built.data), size=built.size),
                origin=Origin(kind="index", url=url, index=index.url),
            )
        )
    path.write_text(Lock(abi=Abi(abi_version="2026_0", python="3.14.2"), packages=by_name(packages)).to_json())
    return str(path)


def killed(seconds: float, site: Path, *argv: str, early: bool) -> bool:
    """Run the command in a process of its own, and kill it after some time; whether it was still running.

    Args:
        seconds: How long it runs, counted from its first file in ``site`` unless ``early``.
        site: What it changes.
        argv: The command's arguments.
        early: Count from its beginning.
    """
    with warnings.catch_warnings():
        # The threads of the index have nothing to do in the child, which never returns to them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = main([*argv, "-q"])
        finally:
            os._exit(code)
    limit = time.monotonic() + 60
    while not early and not any(site.glob(".micropip-lock-*/0")) and time.monotonic() < limit:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            break
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_killed_at_random_moments(capsys: Capture, package_index: PackageIndex, tmp_path: Path) -> None:
    """Killed at 50 random moments, a replay leaves one of two trees after recovery, and the next replay the lock's."""
    old, new = (lock_of(package_index, version, tmp_path / f"{version}.json") for version in ("1.0", "2.0"))
    site = tmp_path / "site"
    to_old, to_new = (["replay", lock, "--target", str(site), "--exact"] for lock in (old, new))
    trees, seconds = [], 0.0
    for argv in (to_old, to_new, to_old):
        began = time.monotonic()
        assert 0 == main([*argv, "-q"])
        seconds = time.monotonic() - began
        trees.append(snapshot(site))
    before, after, again = trees
    assert (True, True) == (before == again, before != after)
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    left, half = [], 0
    for number in range(50):
        early = number % 4 == 0
        was_killed = killed(moments.uniform(0, seconds * (1 if early else 0.5)), site, *to_new, early=early)
        half += any(site.glob(".micropip-lock-*/journal"))
        code, _, _ = run_json(capsys, "recover", str(site))
        tree = snapshot(site)
        left.append((code, "before" if tree == before else "after" if tree == after else "neither"))
        code = main([*(to_new if number % 2 else to_old), "-q"])
        assert (0, True) == (code, snapshot(site) == (after if number % 2 else before)), f"seed {seed}, number {number}"
        if number % 2 or not was_killed:
            main([*to_old, "-q"])
    capsys.readouterr()
    print(f"seed {seed}: {half} of 50 were half done, {left.count((0, 'after'))} were done")
    assert {0} == {code for code, _ in left}, f"seed {seed}"
    assert {"before", "after"} >= {tree for _, tree in left}, f"seed {seed}: {left}"


def test_a_directory_that_is_half_changed(capsys: Capture, package_index: PackageIndex, tmp_path: Path) -> None:
    """A freeze refuses it and a verification says so, both changing nothing; recover tells what it did."""
    lock = lock_of(package_index, "1.0", tmp_path / "lock.json")
    site = tmp_path / "site"
    assert 0 == main(["replay", lock, "--target", str(site), "-q"])
    staging = site / ".micropip-lock-1-x"
    staging.mkdir()
    plan = {"format": 2, "outgoing": [], "sizes": [], "made": [], "incoming": [], "emptied": []}
    (staging / "journal").write_text(json.dumps(plan))
    before = snapshot(site)
    frozen, frozen_facts, _ = run_json(capsys, "freeze", "--site", str(site), "--index-url", package_index.url)
    verified, verified_facts, _ = run_json(capsys, "verify", lock, "--site", str(site))
    codes = [finding["code"] for finding in verified_facts["reports"]["site"]["findings"]]
    assert (2, "interrupted-replay", 1, ["interrupted-replay"], before) == (
        frozen,
        frozen_facts["error"]["code"],
        verified,
        codes,
        snapshot(site),
    )
    code, facts, _ = run_json(capsys, "recover", str(site))
    assert (0, ["an interrupted replay was rolled back first"]) == (code, facts["notes"])
    code, facts, _ = run_json(capsys, "recover", str(site))
    assert (0, []) == (code, facts["notes"])
    assert 0 == main(["verify", lock, "--site", str(site)])


def test_recover_nowhere(capsys: Capture, tmp_path: Path) -> None:
    """A directory that is not there is an error of the caller, and is not made."""
    code, facts, _ = run_json(capsys, "recover", str(tmp_path / "nowhere"))
    assert (2, "no-directory", False) == (code, facts["error"]["code"], (tmp_path / "nowhere").exists())
