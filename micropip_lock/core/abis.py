"""The ABIs of Pyodide: their releases, Pythons and wheel tags, and what the wheels of a directory were built for.

Rules this file keeps:

1. An ABI is named by ``abi_version``; Python's micro version and Emscripten's are those of the newest release that has
   it, and decide nothing (ADR 8).
2. A release that is not known is an error, not a guess.

Source: PEP 783 (``pyemscripten_{year}_{patch}_wasm32``), Pyodide's own locks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from packaging.tags import compatible_tags, cpython_tags

from micropip_lock.core.model import Abi
from micropip_lock.errors import EnvironmentMismatchError, UsageError

ABIS: Final[Mapping[str, Abi]] = {
    abi.abi_version: abi
    for abi in (
        Abi(abi_version="2024_0", platform="emscripten_3_1_58", python="3.12.7"),
        Abi(abi_version="2025_0", platform="emscripten_4_0_9", python="3.13.2"),
        Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2"),
    )
}
"""What we know, by ABI version."""

PYTHON_OF_ABI: Final[Mapping[str, tuple[int, int]]] = {
    "2024_0": (3, 12),
    "2025_0": (3, 13),
    "2026_0": (3, 14),
    "2026_5": (3, 15),
}
"""PEP 783: one CPython minor version for each ABI."""

_RELEASES: Final = (
    (re.compile(r"0\.2[67]\.\d+.*"), "2024_0"),
    (re.compile(r"0\.2[89]\.\d+.*"), "2025_0"),
    (re.compile(r"314\.\d+\.\d+.*"), "2026_0"),
)
_NEWEST_RELEASE: Final[Mapping[str, str]] = {"2024_0": "0.27", "2025_0": "0.29", "2026_0": "314"}
_PLATFORM: Final = re.compile(r"(?:pyemscripten|pyodide)_(\d{4}_\d+)_wasm32|(emscripten_\d+_\d+_\d+)_wasm32")


def abi_of_release(version: str) -> Abi:
    """The ABI of a Pyodide release, e.g. ``314.0.7``.

    Raises:
        UsageError: code ``pyodide-spec``.
    """
    for release, abi_version in _RELEASES:
        if release.fullmatch(version):
            return ABIS[abi_version]
    raise UsageError(
        "not a release of Pyodide whose ABI is known",
        code="pyodide-spec",
        got=version,
        expected="0.26 to 0.29, or 314",
        hint="name a directory that holds that Pyodide",
    )


def named(abi_version: str) -> str:
    """An ABI in words, by the newest release that has it: ``Pyodide 0.29 (2025_0)``, or ``a Pyodide of ABI 2099_0``."""
    release = _NEWEST_RELEASE.get(abi_version)
    return f"Pyodide {release} ({abi_version})" if release else f"a Pyodide of ABI {abi_version}"


def marker_environment(abi: Abi) -> dict[str, str]:
    """What markers are evaluated with for a Pyodide of this ABI (PEP 508), complete.

    A variable left out would be answered for the interpreter that runs this.

    Raises:
        EnvironmentMismatchError: code ``abi-unknown``.
    """
    minor = ".".join(map(str, python_of(abi)))
    full = abi.python if abi.python.startswith(f"{minor}.") else f"{minor}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": abi.arch,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Emscripten",
        "platform_version": "",
        "python_full_version": full,
        "python_version": minor,
        "sys_platform": "emscripten",
    }


def abis_of_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """ABI versions that wheel tags name, sorted; tags of other platforms, and of none, name nothing.

    Args:
        tags: e.g. ``cp314-cp314-pyemscripten_2026_0_wasm32``; compressed ones (``py2.py3-none-any``) as well.
    """
    found: set[str] = set()
    for tag in tags:
        for platform in tag.rpartition("-")[2].split("."):
            if match := _PLATFORM.fullmatch(platform):
                version, emscripten = match.groups()
                found |= (
                    {version} if version else {abi.abi_version for abi in ABIS.values() if abi.platform == emscripten}
                )
    return tuple(sorted(found))


def runtime_tags(abi: Abi) -> tuple[str, ...]:
    """Wheel tags that a Pyodide of this ABI accepts, best first.

    Source: PEP 783 (``pyemscripten_{year}_{patch}_wasm32``); older Pyodide wheels say ``pyodide_…`` or the
    Emscripten version, and those stay installable.
    """
    python = python_of(abi)
    platforms = [f"pyemscripten_{abi.abi_version}_{abi.arch}", f"pyodide_{abi.abi_version}_{abi.arch}"]
    if re.fullmatch(r"emscripten_\d+_\d+_\d+", abi.platform):
        platforms.append(f"{abi.platform}_{abi.arch}")
    interpreter = "cp" + "".join(map(str, python))
    # The ABI is named, because packaging would else ask how the interpreter that runs this was built.
    tags = [*cpython_tags(python, [interpreter], platforms), *compatible_tags(python, interpreter, platforms)]
    return tuple(dict.fromkeys(map(str, tags)))


def python_of(abi: Abi) -> tuple[int, int]:
    """Major and minor version of the Python of an ABI.

    Raises:
        EnvironmentMismatchError: code ``abi-unknown``.
    """
    if abi.abi_version in PYTHON_OF_ABI:
        return PYTHON_OF_ABI[abi.abi_version]
    found = re.match(r"(\d+)\.(\d+)", abi.python)
    if not found:
        raise EnvironmentMismatchError(
            "an unknown Pyodide ABI",
            code="abi-unknown",
            where="info.abi_version",
            expected=", ".join(PYTHON_OF_ABI),
            got=abi.abi_version,
            hint="update micropip-lock",
        )
    return int(found[1]), int(found[2])
