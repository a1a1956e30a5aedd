"""Real wheels, pinned: fetched once through the user's own pip, hashed each time they are taken.

What this file knows: the pins in ``wheels/*.txt`` (requirement lines of pip, hashes and no addresses) and where their
files are kept, ``.cache/wheels/<sha256>/<file name>``.

Rules it keeps:

1. A wheel in the cache is hashed before a test sees it, and is never fetched a second time.
2. Nothing is half in the cache: pip downloads beside it, and whole files are renamed.
3. A wheel that cannot be had fails the tests that need it, with pip's own words; it skips nothing.

Serving the wheels is left to :class:`micropip_lock.testing.PackageIndex`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from micropip_lock.testing import BuiltWheel, wheel

_ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = _ROOT / ".cache" / "wheels"
PINS: Final = Path(__file__).with_name("wheels")

PLATFORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "py314": ("--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--abi", "cp314"),
    "py313": ("--platform", "pyemscripten_2025_0_wasm32", "--python-version", "3.13", "--abi", "cp313"),
    "linux": ("--platform", "manylinux_2_17_x86_64", "--python-version", "3.13", "--abi", "cp313"),
    "tools": ("--python-version", "3.14"),
    "older-tools": ("--python-version", "3.14"),
}
"""What pip is told about the machine that each file of pins is for."""


class WheelsMissingError(Exception):
    """Pinned wheels are not in the cache and pip could not bring them."""


def pins(name: str) -> dict[str, str]:
    """The pins of one file: requirement to SHA-256 in hexadecimal."""
    lines = (PINS / f"{name}.txt").read_text("utf-8").splitlines()
    pairs = (line.partition(" --hash=sha256:") for line in lines if line and not line.startswith("#"))
    return {requirement: digest for requirement, _, digest in pairs}


def wheels(name: str) -> dict[str, Path]:
    """The wheels of one file of pins: requirement to path, every byte hashed just now.

    Raises:
        WheelsMissingError: pip could not bring them, or brought something else.
    """
    return bring(pins(name), PLATFORMS[name])


def bring(wanted: Mapping[str, str], platform: Iterable[str]) -> dict[str, Path]:
    """Wheels by requirement and SHA-256, for the machine that pip's options name; every byte hashed just now.

    Raises:
        WheelsMissingError: pip could not bring them, or brought something else.
    """
    missing = {requirement: digest for requirement, digest in wanted.items() if _kept(digest) is None}
    if missing:
        _fetch(missing, platform)
    found = {requirement: path for requirement, digest in wanted.items() if (path := _kept(digest)) is not None}
    if lacking := sorted(wanted.keys() - found.keys()):
        raise WheelsMissingError(f"pip did not bring {', '.join(lacking)}")
    return found


def pure_markupsafe() -> BuiltWheel:
    """MarkupSafe as its build makes it without a compiler, from the files of its Linux wheel (see ``linux.txt``)."""
    (path,) = wheels("linux").values()
    with zipfile.ZipFile(path) as archive:
        files = {
            name: archive.read(name)
            for name in archive.namelist()
            if name.startswith("markupsafe/") and name.endswith((".py", ".pyi", "py.typed"))
        }
    return wheel("MarkupSafe", "3.0.3", files=files, requires_python=">=3.9")


def _kept(digest: str) -> Path | None:
    for path in (CACHE / digest).glob("*.whl"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
    return None


def _fetch(missing: Mapping[str, str], platform: Iterable[str]) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetch-") as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text("".join(f"{name} --hash=sha256:{digest}\n" for name, digest in missing.items()))
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation", "cp", *platform),
            *("--dest", scratch, "--requirement", str(requirements)),
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        for path in Path(scratch).glob("*.whl"):
            home = CACHE / hashlib.sha256(path.read_bytes()).hexdigest()
            home.mkdir(exist_ok=True)
            os.replace(path, home / path.name)
        if answer.returncode:
            raise WheelsMissingError(
                f"pip could not bring {len(missing)} pinned wheels into .cache/wheels\n"
                f"  got: {answer.stderr.strip()[-2000:]}\n"
                "  hint: the tests need the configured package index once; check pip's settings and run them again"
            )
