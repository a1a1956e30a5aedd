"""Installs one wheel with micropip-lock, pip, uv and installer, and tells what is there afterwards: for comparing.

Left out of the comparison is what says who installed and when: RECORD, which lists it, INSTALLER, REQUESTED,
``direct_url.json``, uv's cache note and lock file, and our records. Bytecode is not made.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import parse_wheel_filename

from micropip_lock.adapters.site import SiteInstaller
from micropip_lock.core.digest import Digest, admit
from micropip_lock.core.dist_info import INSTALLER_FILES
from micropip_lock.core.model import LockedPackage, Wheel
from micropip_lock.core.wheel import OpenedWheel
from micropip_lock.ports import Install

SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
OTHERS = ("pip", "uv", "installer")
_WHO = INSTALLER_FILES | {"uv_cache.json"}


def installed_by(who: str, wheel: Path, prefix: Path) -> Mapping[str, str]:
    """SHA-256 of every file below a new prefix after an installer was there.

    Args:
        who: ``micropip-lock`` or one of :data:`OTHERS`.
        wheel: The file.
        prefix: A directory to install into; made.

    Raises:
        subprocess.CalledProcessError: That installer refused.
    """
    if who == "micropip-lock":
        asyncio.run(_install(wheel, prefix))
    else:
        commands = {
            "pip": [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--no-deps",
                "--no-index",
                "--no-compile",
                "--ignore-installed",
            ],
            "uv": [
                "uv",
                "pip",
                "install",
                "--no-deps",
                "--offline",
                "--no-index",
                "--link-mode",
                "copy",
                "--python",
                sys.executable,
            ],
            "installer": [sys.executable, "-m", "installer", "--no-compile-bytecode"],
        }
        environment = {**os.environ, "UV_CACHE_DIR": str(prefix.parent / "cache"), "PIP_CONFIG_FILE": os.devnull}
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        command = [*commands[who], "--prefix", str(prefix), str(wheel)]
        subprocess.run(command, check=True, capture_output=True, env=environment)
    return {
        path.relative_to(prefix).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(prefix.rglob("*"))
        if path.is_file()
        and path != prefix / ".lock"
        and not (path.parent.name.endswith(".dist-info") and path.name in _WHO)
    }


async def _install(wheel: Path, prefix: Path) -> None:
    data = wheel.read_bytes()
    digest = Digest.of(data)
    name, version, _, _ = parse_wheel_filename(wheel.name)
    install = Install(
        package=LockedPackage(
            name=name,
            display_name=name,
            version=str(version),
            wheel=Wheel(url=f"https://files.example/{wheel.name}", digest=digest),
        ),
        wheel=OpenedWheel(admit(data, digest, filename=wheel.name)),
        records=lambda record: {},
    )
    await SiteInstaller(prefix / SITE, prefix=prefix).install([install], lambda stage, name: None)
