"""What WHEEL, METADATA and entry_points.txt of a wheel must say, and what of it is worth a warning.

Rules this file keeps:

1. METADATA is of this distribution: one name, one version, those of the file name; a format that we know; requirements
   that can be parsed.
2. What a later format or a careless author wrote, and every installer takes, is taken with a warning.

Source: "Core metadata specifications" (2.5), binary distribution format (PEP 427).
Left to others: finding the fields (:mod:`micropip_lock.core.metadata`), where the files are
(:mod:`micropip_lock.core.wheel`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from micropip_lock.core.entry_points import wrong_scripts
from micropip_lock.core.metadata import Metadata, parse_metadata
from micropip_lock.core.specifiers import parse_requirement
from micropip_lock.core.wheel_name import WheelIdentity
from micropip_lock.errors import WheelMetadataError

KNOWN_METADATA: Final = (2, 5)
_LONG_NUMBER: Final = re.compile(r"[0-9]{200}")
_WHEEL_VERSION: Final = re.compile(r"^Wheel-Version:[ \t]*(.*?)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelWarning:
    """Something in a wheel that is allowed and that a person should know of.

    Attributes:
        code: Stable kebab-case reason.
        message: One sentence.
        where: Path in the wheel.
    """

    code: str
    message: str
    where: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} ({self.where})"


def check_wheel_file(text: str, where: str) -> None:
    """Check WHEEL.

    Raises:
        WheelMetadataError: code ``wheel-version``.
    """
    versions = _WHEEL_VERSION.findall(text)
    # PEP 427, "Unpack", 1.b: a greater major version must be refused.
    if len(set(versions)) != 1 or not re.fullmatch(r"1\.\d+", versions[0], re.ASCII):
        raise _error("wheel-version", "the wheel has another format", where, "Wheel-Version: 1.x", repr(versions))


def check_metadata(text: str, identity: WheelIdentity, where: str) -> tuple[Metadata, Sequence[WheelWarning]]:
    """Check METADATA.

    Returns:
        Its fields, and what is worth a warning: codes ``metadata-version``, ``requires-python``.

    Raises:
        WheelMetadataError: codes ``metadata-version``, ``metadata-ambiguous``, ``name-mismatch``, ``version-mismatch``,
            ``requires-dist``.
    """
    fields = parse_metadata(text)
    if fields.repeated:
        raise _error(
            "metadata-ambiguous", "METADATA says a thing twice, differently", where, "one of each", fields.repeated[0]
        )
    if canonicalize_name(fields.name) != identity.name:
        raise _not_of_this("name-mismatch", where, str(identity.name), fields.name)
    if version_of(fields.version) != identity.version:
        raise _not_of_this("version-mismatch", where, str(identity.version), fields.version)
    warnings = []
    found = re.fullmatch(r"([12])\.(\d{1,3})", fields.metadata_version, re.ASCII)
    if found is None:
        # Core metadata, "Metadata-Version": a greater major version must be refused.
        raise _error(
            "metadata-version", "METADATA has a format that nobody knows", where, "1.x or 2.x", fields.metadata_version
        )
    if (int(found[1]), int(found[2])) > KNOWN_METADATA:
        message = f"METADATA has format {fields.metadata_version}, which is newer than micropip-lock"
        warnings.append(WheelWarning(code="metadata-version", message=message, where=where))
    for requirement in fields.requires:
        _check_requirement(requirement, where)
    if fields.requires_python and python_specifier(fields.requires_python) is None:
        message = f"Requires-Python cannot be parsed and is ignored: {fields.requires_python!r}"
        warnings.append(WheelWarning(code="requires-python", message=message, where=where))
    return fields, warnings


def check_entry_points(text: str, where: str) -> None:
    """Check entry_points.txt.

    Raises:
        WheelMetadataError: code ``entry-point``.
    """
    for name, wrong in wrong_scripts(text):
        raise _error(
            "entry-point", f"a script of the wheel is {wrong}", where, "a file name = module:object", repr(name)
        )


def python_specifier(text: str) -> SpecifierSet | None:
    """``Requires-Python`` as a set of versions, or ``None`` when it cannot be parsed: old wheels say ``>=3.6.*``."""
    if _LONG_NUMBER.search(text):
        return None
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def version_of(text: str) -> Version | None:
    """A version, or ``None`` when it cannot be parsed."""
    try:
        return Version(text)
    except ValueError:
        # Not only InvalidVersion: Python converts no number of some thousand digits.
        return None


def _check_requirement(text: str, where: str) -> None:
    try:
        parse_requirement(text)
    except InvalidRequirement as error:
        raise _error("requires-dist", "a requirement cannot be parsed", where, "PEP 508", repr(text)) from error


def _error(code: str, message: str, where: str, expected: str, got: str) -> WheelMetadataError:
    return WheelMetadataError(
        message, code=code, where=where, expected=expected, got=got, hint="ask the author of the wheel for another"
    )


def _not_of_this(code: str, where: str, expected: str, got: str) -> WheelMetadataError:
    return WheelMetadataError(
        "the wheel is not what its file name says",
        code=code,
        where=where,
        expected=expected,
        got=repr(got),
        hint="do not install this wheel",
    )
