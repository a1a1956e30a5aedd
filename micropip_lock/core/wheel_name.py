"""What a wheel's file name says: whose it is, which version, and for what.

Source: binary distribution format (PEP 427, "File name convention"), compressed tag sets (PEP 425).
Left to others: whether the wheel agrees (:mod:`micropip_lock.core.wheel`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from packaging.utils import InvalidWheelFilename, NormalizedName, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from micropip_lock.errors import WheelMetadataError


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelIdentity:
    """What a wheel file's name says.

    Attributes:
        name: Normalised.
        version: PEP 440.
        tags: Expanded tags, e.g. ``py3-none-any``.
    """

    name: NormalizedName
    version: Version
    tags: frozenset[str]


MAX_FILENAME: Final = 255
"""Characters of a file name; no file system takes more."""

MAX_TAGS: Final = 1024
"""Tags that a file name may stand for: python × ABI × platform; real wheels have a dozen."""


def within_caps(filename: str) -> bool:
    """Whether a file name is short enough to be expanded: its compressed tag set is a product (PEP 425)."""
    tags = math.prod(field.count(".") + 1 for field in filename.removesuffix(".whl").split("-")[-3:])
    return len(filename) <= MAX_FILENAME and tags <= MAX_TAGS


def parse_identity(filename: str) -> WheelIdentity:
    """Split a wheel file name.

    Raises:
        WheelMetadataError: code ``wheel-filename``.
    """
    if not within_caps(filename):
        raise WheelMetadataError(
            "not the name of a wheel file",
            code="wheel-filename",
            expected=f"at most {MAX_FILENAME} characters and {MAX_TAGS} tags",
            got=f"{len(filename)} characters: {filename[:60]!r}…",
        )
    try:
        name, version, _build, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise WheelMetadataError(
            "not the name of a wheel file",
            code="wheel-filename",
            expected="name-version(-build)?-python-abi-platform.whl",
            got=repr(filename),
        ) from error
    return WheelIdentity(name=name, version=version, tags=frozenset(map(str, tags)))
