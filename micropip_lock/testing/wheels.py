"""Builds wheels from dict literals, the same bytes on every machine.

What this file knows: the binary distribution format (PEP 427 and its living specification), core metadata and RECORD.

Rules it keeps:

1. Equal arguments give equal bytes: entries are sorted, every time stamp is the zip epoch, and entries are stored, not
   deflated, because zlib and zlib-ng compress the same text to different bytes.
2. Without ``mutate``, the wheel is right: RECORD lists every entry, and the file name, the dist-info directory and
   METADATA agree.  With it, the archive may be wrong in whatever way the test wants.

Serving the wheel is left to :mod:`micropip_lock.testing.index`; judging one to ``micropip_lock.core.wheel``.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import parse_tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from micropip_lock.errors import UsageError

type Text = str | bytes
type Mutation = Callable[[dict[str, bytes]], Mapping[str, bytes] | None]

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltWheel:
    """A wheel file in memory.

    Attributes:
        filename: PEP 427 file name.
        data: The archive's bytes.
        sha256: Lower-case hex digest of ``data``.
        metadata: The bytes an index serves beside the wheel (PEP 658); as built, those of its METADATA.
        name: Distribution name as METADATA spells it.
        version: Normalised version (PEP 440).
        requires_python: Specifier the index repeats on its pages (PEP 503), or None.
    """

    filename: str
    data: bytes
    sha256: str
    metadata: bytes
    name: str
    version: str
    requires_python: str | None = None

    @property
    def project(self) -> NormalizedName:
        """The name that pages use (PEP 503, "Normalized Names")."""
        return canonicalize_name(self.name)

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return len(self.data)

    @property
    def dist_info(self) -> str:
        """Name of the wheel's dist-info directory."""
        return f"{_escaped(self.name)}-{self.version}.dist-info"

    def with_data(self, data: bytes) -> BuiltWheel:
        """The same wheel by name, with other bytes and their true digest: the stuff of republished files."""
        return replace(self, data=data, sha256=hashlib.sha256(data).hexdigest())

    def __repr__(self) -> str:
        return f"<BuiltWheel {self.filename} {len(self.data)} bytes sha256={self.sha256[:12]}…>"


def wheel(
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, Text] | None = None,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    tag: str = "py3-none-any",
    build: str | None = None,
    requires_python: str | None = None,
    metadata_version: str = "2.1",
    metadata_extra: str | Sequence[str] = (),
    description: str = "",
    data: Mapping[str, Text] | None = None,
    dist_info: Mapping[str, Text] | None = None,
    mutate: Mutation | None = None,
) -> BuiltWheel:
    """Build a wheel.

    Args:
        name: Distribution name, written to METADATA as given and escaped in the file name.
        version: PEP 440 version; normalised.
        files: Archive path to content.  Left out, the wheel holds one module that defines ``__version__``.
        requires: ``Requires-Dist`` values, written as given.
        extras: Extra to its requirements, written with ``Provides-Extra`` and an ``extra == "…"`` marker.
        tag: Compressed tag set, e.g. ``cp314-cp314-pyemscripten_2026_0_wasm32``.
        build: Build tag, which must start with a digit.
        requires_python: ``Requires-Python`` value.
        metadata_version: Core metadata version to claim.
        metadata_extra: More METADATA header lines, each ``Name: value``.
        description: The long description, METADATA's body.
        data: Files of the ``.data`` directory by scheme path: ``{"data/share/x": …, "scripts/run": …}``.
        dist_info: More files for the dist-info directory, or replacements of METADATA and WHEEL.
        mutate: Receives every entry, RECORD included, after all is written; changes the dict in place or returns
            another.  RECORD is not brought up to date, so this is how to build a wheel that lies.

    Returns:
        The wheel, whose ``metadata`` is its METADATA unless ``mutate`` removed it.

    Raises:
        UsageError: A version, tag, build tag or requirement of an extra cannot be parsed.
    """
    release = _parse_version(version)
    stem = f"{_escaped(name)}-{release}"
    if build is not None and not re.fullmatch(r"[0-9][0-9A-Za-z_.]*", build):
        raise UsageError(
            "a build tag starts with a digit",
            where="build",
            expected="[0-9][0-9A-Za-z_.]*",
            got=build,
            hint="write e.g. build='1'",
        )
    directory = f"{stem}.dist-info"
    metadata = _metadata(
        name=name,
        version=release,
        requires=requires,
        extras=extras or {},
        requires_python=requires_python,
        metadata_version=metadata_version,
        more=[metadata_extra] if isinstance(metadata_extra, str) else metadata_extra,
        description=description,
    )
    if files is None:
        files = {f"{_escaped(name)}.py": f'__version__ = "{release}"\n'}
    content = {path: _encoded(text) for path, text in files.items()}
    content |= {f"{stem}.data/{path}": _encoded(text) for path, text in (data or {}).items()}
    information = {"METADATA": metadata, "WHEEL": _wheel_file(tag, build)}
    information |= {path: _encoded(text) for path, text in (dist_info or {}).items()}
    # PEP 427, "Recommended archiver features": dist-info files are placed physically at the end of the archive.
    entries = dict(sorted(content.items()))
    entries |= {f"{directory}/{path}": text for path, text in sorted(information.items())}
    entries[f"{directory}/RECORD"] = record_of(entries, f"{directory}/RECORD")
    if mutate is not None:
        changed = mutate(entries)
        entries = dict(entries if changed is None else changed)
    archive = _archive(entries)
    filename = "-".join([stem, *([build] if build else []), tag]) + ".whl"
    return BuiltWheel(
        filename=filename,
        data=archive,
        sha256=hashlib.sha256(archive).hexdigest(),
        metadata=entries.get(f"{directory}/METADATA", metadata),
        name=name,
        version=release,
        requires_python=requires_python,
    )


def record_of(entries: Mapping[str, bytes], record_path: str) -> bytes:
    """RECORD for ``entries``: CSV of path, ``sha256=`` and unpadded base64url, size; its own row has only the path.

    Follows the "Recording installed projects" specification (PEP 376, PEP 627).
    """
    rows = []
    for path, content in entries.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{_csv(path)},sha256={digest},{len(content)}\n")
    rows.append(f"{_csv(record_path)},,\n")
    return "".join(rows).encode()


def _metadata(
    *,
    name: str,
    version: str,
    requires: Sequence[str],
    extras: Mapping[str, Sequence[str]],
    requires_python: str | None,
    metadata_version: str,
    more: Sequence[str],
    description: str,
) -> bytes:
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines.extend(f"Requires-Dist: {requirement}" for requirement in requires)
    for extra, requirements in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines.extend(f"Requires-Dist: {_behind_extra(requirement, extra)}" for requirement in requirements)
    lines.extend(line.rstrip("\n") for line in more)
    return ("\n".join(lines) + "\n\n" + description).encode()


def _behind_extra(text: str, extra: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            "a requirement of an extra cannot be parsed",
            where=f"extras.{extra}",
            expected="a PEP 508 requirement",
            got=text,
            hint="an invalid Requires-Dist goes into requires= or metadata_extra=, which are written as given",
        ) from error
    condition = f'extra == "{extra}"'
    marker = f"({requirement.marker}) and {condition}" if requirement.marker else condition
    requirement.marker = None
    # PEP 508: a URL requirement needs a space before the semicolon.
    return f"{requirement} ; {marker}"


def _wheel_file(tag: str, build: str | None) -> bytes:
    if tag.count("-") != 2:
        raise UsageError(
            "a wheel's tag has three parts",
            where="tag",
            expected="python-abi-platform",
            got=tag,
            hint="write e.g. tag='py3-none-any'",
        )
    pure = tag.endswith("-none-any")
    lines = ["Wheel-Version: 1.0", "Generator: micropip-lock-testing", f"Root-Is-Purelib: {str(pure).lower()}"]
    # PEP 425, "Compressed Tag Sets": WHEEL lists the expanded tags.
    lines.extend(f"Tag: {each}" for each in sorted(str(parsed) for parsed in parse_tag(tag)))
    if build:
        lines.append(f"Build: {build}")
    return ("\n".join(lines) + "\n").encode()


def _archive(entries: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in entries.items():
            entry = zipfile.ZipInfo(path, date_time=_ZIP_EPOCH)
            entry.external_attr = _REGULAR_FILE
            entry.create_system = 3  # Unix on every machine: the default follows the platform
            archive.writestr(entry, content)
    return buffer.getvalue()


def _parse_version(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion as error:
        raise UsageError(
            "the version cannot be parsed",
            where="version",
            expected="a PEP 440 version",
            got=version,
            hint="to build a wheel with a bad version, change METADATA with mutate=",
        ) from error


def _escaped(name: str) -> str:
    # Binary distribution format, "Escaping and Unicode": PEP 503 normalisation, then "-" becomes "_".
    return canonicalize_name(name).replace("-", "_")


def _encoded(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _csv(path: str) -> str:
    return '"' + path.replace('"', '""') + '"' if any(mark in path for mark in ',"\r\n') else path
