"""Whether an installed RECORD is a wheel's own RECORD plus what an installer adds.

What installers change (pip, uv, installer, micropip; "Recording installed projects"): they add ``INSTALLER``,
``REQUESTED``, ``direct_url.json`` and the like to dist-info, compiled files, and scripts made from entry points; they
move what is in ``NAME-VERSION.data``, and rewrite the first line of scripts there; they sort and respell rows.

Rules this file keeps:

1. Every file of the wheel is in the installed RECORD with the same SHA-256; a moved one by its digest and the end of
   its path, a script of ``.data/scripts`` by its name, because installers rewrite it.
2. Every other row is explained, or it is a difference.

Left to others: whether the files on disk are what the installed RECORD says (:func:`edited_file`'s caller reads them).
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import INSTALLER_FILES, RecordRow

ADDED_FILES: Final = INSTALLER_FILES | {"uv_cache.json", "uv_build.json"}
"""Names that an installer may add to dist-info."""

_SIGNATURES: Final = ("RECORD.jws", "RECORD.p7s")
_SCRIPT_DIRECTORIES: Final = ("bin", "Scripts")
_SCRIPT_SUFFIX: Final = r"(?:-script\.pyw?|\.exe|\.exe\.manifest)?"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordDifference:
    """How an installed RECORD differs from a wheel's.

    Attributes:
        changed: Paths with another digest.
        missing: The wheel's paths that are not installed.
        extra: Installed paths that neither the wheel nor an installer explains.
        unproven: The wheel's paths whose rows have no SHA-256, so that nothing can be said.
    """

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.extra or self.unproven)

    @property
    def is_another_build(self) -> bool:
        """Whether files themselves differ; else rows were only added to or taken out of one RECORD."""
        return bool(self.changed)

    def __str__(self) -> str:
        parts = []
        for what, paths in (
            ("changed", self.changed),
            ("not installed", self.missing),
            ("not in the wheel", self.extra),
            ("without a sha256", self.unproven),
        ):
            if paths:
                more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
                parts.append(f"{what}: {', '.join(paths[:3])}{more}")
        return "; ".join(parts) or "none"


def compare_records(
    wheel: Iterable[RecordRow],
    installed: Iterable[RecordRow],
    *,
    wheel_dist_info: str,
    dist_info: str,
    entry_points: str | None = None,
) -> RecordDifference:
    """Compare; the result is false when the installed RECORD is this wheel's.

    Args:
        wheel: Rows of RECORD in the wheel.
        installed: Rows of RECORD as installed.
        wheel_dist_info: Name of the wheel's dist-info directory.
        dist_info: Name of the installed dist-info directory.
        entry_points: ``entry_points.txt`` as installed, when there is one.
    """
    left = {posixpath.normpath(row.path): row for row in installed}
    data_dir = wheel_dist_info.removesuffix(".dist-info") + ".data"
    changed: list[str] = []
    missing: list[str] = []
    unproven: list[str] = []
    modules: set[str] = set()
    moved: list[tuple[str, RecordRow]] = []
    for row in wheel:
        path = posixpath.normpath(row.path)
        head, _, rest = path.partition("/")
        if head == data_dir:
            moved.append((rest, row))
            continue
        if head == wheel_dist_info:
            path = f"{dist_info}/{rest}"
            if rest in ("RECORD", *_SIGNATURES):
                left.pop(path, None)
                continue
        _settle(path, row, left.pop(path, None), changed, missing, unproven)
        modules.add(path)
    modules |= _settle_moved(moved, left, changed, missing, unproven)
    explained = _explanations(modules, dist_info, entry_points)
    return RecordDifference(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(missing)),
        extra=tuple(sorted(path for path in left if not explained(path))),
        unproven=tuple(sorted(unproven)),
    )


def _settle(
    path: str,
    row: RecordRow,
    found: RecordRow | None,
    changed: list[str],
    missing: list[str],
    unproven: list[str],
) -> None:
    if found is None:
        missing.append(path)
    elif row.digest is None or found.digest is None:
        unproven.append(path)
    elif row.digest != found.digest:
        changed.append(path)


def _settle_moved(
    moved: Iterable[tuple[str, RecordRow]],
    left: dict[str, RecordRow],
    changed: list[str],
    missing: list[str],
    unproven: list[str],
) -> set[str]:
    """Match files of ``.data`` with rows that are left over; returns the paths they have now."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for path in left:
        by_name[posixpath.basename(path)].append(path)
    places = set()
    for rest, row in moved:
        scheme, _, inner = rest.partition("/")
        # headers lie in a directory of the project's name; all others keep the whole path below their scheme.
        fitting = [
            path
            for path in by_name[posixpath.basename(inner)]
            if path in left and (path == inner or path.endswith(f"/{inner}"))
        ]
        same = [path for path in fitting if row.digest is not None and left[path].digest == row.digest]
        if scheme == "scripts":
            same = same or [path for path in fitting if _in_scripts(path)]
        if same:
            place = min(same, key=lambda path: (len(path), path))
            del left[place]
            places.add(place)
        elif row.digest is None and fitting:
            unproven.append(row.path)
        elif fitting:
            changed.append(row.path)
            del left[fitting[0]]
        else:
            missing.append(row.path)
    return places


def _explanations(modules: set[str], dist_info: str, entry_points: str | None) -> Callable[[str], bool]:
    scripts = [re.compile(rf"{re.escape(name)}{_SCRIPT_SUFFIX}") for name in script_names(entry_points)]
    # pip and easy_install get copies of their scripts named after the Python version.
    scripts += [re.compile(rf"{re.escape(name)}-?\d+(\.\d+)*{_SCRIPT_SUFFIX}") for name in ("pip", "easy_install")]

    def explained(path: str) -> bool:
        directory, name = posixpath.split(path)
        if directory == dist_info:
            return name in ADDED_FILES
        if posixpath.basename(directory) == "__pycache__" and name.endswith(".pyc"):
            source = posixpath.join(posixpath.dirname(directory), f"{name.partition('.')[0]}.py")
            return source in modules or _in_scripts(posixpath.dirname(directory) + "/")
        return _in_scripts(path) and any(script.fullmatch(name) for script in scripts)

    return explained


def script_names(entry_points: str | None) -> list[str]:
    """Names of the scripts that installers make from ``entry_points.txt``; none for a text that cannot be read.

    Source: "Entry points specification", Data model (``console_scripts``, ``gui_scripts``).
    """
    # Loaded when the first package has scripts.
    import configparser

    parser = configparser.RawConfigParser(delimiters=("=",), strict=False, interpolation=None)
    # Names are case-sensitive; configparser's own default folds them.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(entry_points or "")
    except configparser.Error:
        return []
    groups = (group for group in ("console_scripts", "gui_scripts") if parser.has_section(group))
    return [name for group in groups for name in parser.options(group)]


def _in_scripts(path: str) -> bool:
    return posixpath.basename(posixpath.dirname(path)) in _SCRIPT_DIRECTORIES


def edited_file(
    rows: Iterable[RecordRow], dist_info: str, read_file: Callable[[str], bytes | None]
) -> tuple[str, str] | None:
    """The first file whose bytes are not what the installed RECORD says, and what is there; ``None`` when all are.

    Files outside the environment are not read, nor are scripts of other platforms: a row that leaves the directory
    (``../``) says nothing about what a lock names.

    Args:
        rows: The installed RECORD.
        dist_info: Name of the dist-info directory.
        read_file: Reads an installed file by its path in RECORD.
    """
    for row in rows:
        path = posixpath.normpath(row.path)
        if row.digest is None or path.startswith("..") or _in_scripts(path) or _is_installers(path, dist_info):
            continue
        data = read_file(row.path)
        if data is None:
            return path, "no such file"
        if (got := Digest.of(data)) != row.digest:
            return path, got.record
    return None


def _is_installers(path: str, dist_info: str) -> bool:
    directory, name = posixpath.split(path)
    return directory == dist_info and name in ADDED_FILES


def paths_of_wheel(rows: Iterable[RecordRow], dist_info: str) -> list[str]:
    """The installed paths that came from a wheel rather than from its installer, by their looks."""
    return [
        row.path
        for row in rows
        if (not _is_installers(row.path, dist_info) and not row.path.endswith(".pyc")) or row.path.endswith("/RECORD")
    ]


def unlisted(rows: Iterable[RecordRow], paths: Iterable[str], dist_info: str) -> list[str]:
    """Files that a wheel has and its RECORD has not, or the other way round; sorted.

    Source: PEP 427, "The .dist-info directory": RECORD lists all files but itself and its signatures.

    Args:
        rows: RECORD in the wheel.
        paths: The files in the archive.
        dist_info: Name of the wheel's dist-info directory.
    """
    unbound = {f"{dist_info}/{name}" for name in ("RECORD", *_SIGNATURES)}
    return sorted(({posixpath.normpath(row.path) for row in rows} ^ set(paths)) - unbound)
