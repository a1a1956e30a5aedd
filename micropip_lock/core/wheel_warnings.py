"""Names in a wheel that are allowed and that a person should know of.

Rules this file keeps: a path file or a start-up module runs code at each start of Python, whether or not the package is
imported; a name that Windows keeps for a device cannot be unpacked there.

Source: :mod:`site` (path configuration files, ``sitecustomize``); "Naming Files, Paths, and Namespaces" (Windows).
Left to others: what is refused (:mod:`micropip_lock.core.zip_paths`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from micropip_lock.core.wheel_metadata import WheelWarning
from micropip_lock.core.zip_paths import device_names

_START_MODULES: Final = ("sitecustomize", "usercustomize")
_SITE_IN_PREFIX: Final = re.compile(r"lib/python[0-9.]+/(?:site|dist)-packages/")


def path_warnings(paths: Sequence[str], data_dir: str) -> Iterator[WheelWarning]:
    """Warnings of a wheel's names: codes ``pth-file``, ``startup-file``, ``reserved-name``.

    Args:
        paths: All files.
        data_dir: Name of the ``.data`` directory.
    """
    for path in paths:
        name = path if "/" not in path else site_path(path, data_dir)
        if name is None:
            continue
        if name.endswith(".pth") and "/" not in name:
            yield WheelWarning(code="pth-file", message="a path file runs at each start of Python", where=path)
        elif name.partition("/")[0].partition(".")[0] in _START_MODULES:
            yield WheelWarning(code="startup-file", message="a module that each start of Python imports", where=path)
    for path in device_names(paths):
        yield WheelWarning(code="reserved-name", message="a name that Windows keeps for a device", where=path)


def site_path(path: str, data_dir: str) -> str | None:
    """Where in site-packages a file of a wheel ends up, or ``None`` when it goes elsewhere."""
    if not path.startswith(f"{data_dir}/"):
        return path
    scheme, _, inner = path.removeprefix(f"{data_dir}/").partition("/")
    if scheme in ("purelib", "platlib"):
        return inner
    found = _SITE_IN_PREFIX.match(inner) if scheme == "data" else None
    return inner[found.end() :] if found else None
