"""``pyodide-lock.json``, the lock of Pyodide itself: text to :class:`~micropip_lock.core.model.Lock` and back.

Reads what Pyodide 0.27 to 314, pyodide-lock and ``micropip.freeze()`` write, and what we write: the same format with
our facts under ``tool["micropip-lock"]``, the place that Pyodide 314 and pyodide-lock 0.2.1 leave to tools (ADR 4).

Rules this file keeps:

1. All faults are collected and raised once; nothing half-read leaves this file.
2. What is written can be read again, and ``parse(format(lock)) == lock``. ``format(parse(text))`` has the JSON value of
   ``text``, but for these normalisations: ``sha256`` in lower case; ``depends`` normalised, each name once, without the
   package itself (a self-dependency makes Pyodide's loader hang); absent fields with their defaults; keys of ours that
   say nothing left out; ``unlocked`` sorted and its control characters escaped.
3. No cycle is left in ``depends``, where Pyodide's loader would hang: a package that loses an edge so has all of its
   dependencies under ``tool["micropip-lock"]`` too, and a reader of ours takes those.
4. Unknown fields and other tools' tables are kept as they are, and noted in a package (ADR 15); our own from a newer
   format are refused.

Left to others: what fits the runtime (:mod:`micropip_lock.core.plan`), which addresses may be named
(:mod:`micropip_lock.core.address`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final, get_args

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.core.address import address_fault
from micropip_lock.core.cycles import back_edges
from micropip_lock.core.digest import Digest
from micropip_lock.core.faults import Faults
from micropip_lock.core.formats.noticed import notes_of
from micropip_lock.core.formats.tool_table import (
    check_format,
    mock_facts,
    package_facts,
    plain,
    read_mocks,
    read_package_facts,
    read_site,
    read_start,
    read_tool,
    read_unlocked,
    site_facts,
    start_facts,
    unlocked_facts,
)
from micropip_lock.core.json_places import place
from micropip_lock.core.json_text import read_json
from micropip_lock.core.model import (
    LOCK_FORMAT,
    TOOL_NAME,
    Abi,
    InstallDir,
    Lock,
    LockedPackage,
    Mock,
    PackageType,
    Wheel,
    by_name,
)
from micropip_lock.core.read import Table, check_count, parsed_version
from micropip_lock.core.shown import shown
from micropip_lock.core.wheel import parse_identity
from micropip_lock.errors import LockGraphError, LockSchemaError, WheelMetadataError

_INSTALL_DIRS: Final[tuple[InstallDir, ...]] = get_args(InstallDir)
_PACKAGE_TYPES: Final[tuple[PackageType, ...]] = get_args(PackageType)


def parse_pyodide_lock(text: str | bytes, *, base: str | None = None) -> Lock:
    """Read a lock.

    Args:
        text: ``pyodide-lock.json`` as it arrived.
        base: Address that relative file names resolve against, ending in ``/``; kept in ``Lock.base``.

    Raises:
        LockParseError: codes ``empty``, ``encoding``, ``not-json``, ``duplicate-key``, ``non-json-number``, ``depth``.
        LockVersionError: code ``lock-version``: our tables are of a newer format.
        LockSchemaError: codes ``type``, ``missing``, ``name``, ``key-name``, ``duplicate-package``, ``version``,
            ``hash-form``, ``enum``, ``size``, ``url``, ``filename``, ``control-char``, ``unknown-key``, ``origin``,
            ``module-name``, ``depends``.
        LockPolicyError: codes ``too-large``, ``no-hash``, ``weak-hash``, ``scheme``, ``credentials``.
        LockGraphError: code ``missing-dependency``.
    """
    value = read_json(text)
    check_format(value)
    faults = Faults()
    top = Table(value, "", faults)
    abi = _read_abi(top)
    packages = _read_packages(top, faults)
    unknown, tool_unknown, ours = read_tool(top)
    unlocked = read_unlocked(ours) if ours is not None else ()
    mocks = read_mocks(ours) if ours is not None else {}
    site = read_site(ours) if ours is not None else {}
    start = read_start(ours, faults) if ours is not None else None
    _check_mocks(packages, mocks, faults)
    if ours is not None and (rest := ours.rest()):
        tool_unknown[TOOL_NAME] = rest
    unknown |= top.rest()
    faults.check()
    lock = Lock(
        abi=abi,
        packages=by_name(packages),
        mocks=mocks,
        site=site,
        unlocked=unlocked,
        start=start,
        base=base,
        unknown=unknown,
        tool_unknown=tool_unknown,
    )
    if ours is not None and not _has_ours(lock):
        # The table was there though nothing needs it: an empty one is kept, so that the text is.
        tool_unknown[TOOL_NAME] = {}
    return replace(lock, notes=notes_of(lock, value["packages"]))


def format_pyodide_lock(lock: Lock) -> str:
    """A lock as text: sorted keys, two spaces, a newline at the end; the same bytes for the same content."""
    return json.dumps(lock_to_dict(lock), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def lock_to_dict(lock: Lock) -> dict[str, Any]:
    """The JSON value of a lock; nothing in it is shared with the lock."""
    value: dict[str, Any] = plain(lock.unknown)
    value["info"] = plain(lock.abi.to_info())
    cyclic = _cyclic(lock)
    value["packages"] = {
        name: package_to_dict(package, without=cyclic.get(name, frozenset()))
        for name, package in sorted(lock.packages.items())
    }
    tool = plain(lock.tool_unknown)
    if _has_ours(lock):
        ours = tool.setdefault(TOOL_NAME, {})
        ours["version"] = LOCK_FORMAT
        if lock.mocks:
            ours["mocks"] = mock_facts(lock.mocks.values())
        if lock.site:
            ours["site"] = site_facts(lock.site)
        if lock.unlocked:
            ours["unlocked"] = unlocked_facts(lock.unlocked)
        if lock.start is not None:
            ours["start"] = start_facts(lock.start)
    if tool:
        value["tool"] = tool
    return value


def package_to_dict(package: LockedPackage, *, without: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """The JSON value of one package's entry.

    Args:
        package: What to write.
        without: Dependencies that ``depends`` may not name, because they would close a cycle.
    """
    entry: dict[str, Any] = plain(package.unknown)
    entry |= {
        "name": package.display_name,
        "version": package.version,
        "file_name": package.wheel.url,
        "install_dir": package.install_dir,
        "sha256": package.wheel.digest.hex,
        "package_type": package.package_type,
        "imports": list(package.imports),
        "depends": [name for name in package.depends if name not in without],
        "unvendored_tests": package.unvendored_tests,
    }
    tool = plain(package.tool_unknown)
    ours = dict(package_facts(package))
    if without:
        ours["depends"] = list(package.depends)
    if ours:
        tool[TOOL_NAME] = tool.get(TOOL_NAME, {}) | ours
    if tool:
        entry["tool"] = tool
    return entry


def _has_ours(lock: Lock) -> bool:
    """Whether a lock says anything that only we write, so that it needs the version of our format."""
    return (
        bool(lock.unlocked or lock.mocks or lock.site or lock.start or _cyclic(lock))
        or TOOL_NAME in lock.tool_unknown
        or any(TOOL_NAME in package.tool_unknown or any(package_facts(package)) for package in lock)
    )


def _cyclic(lock: Lock) -> Mapping[str, frozenset[str]]:
    return back_edges({package.name: package.depends for package in lock}, lock.roots)


def _read_abi(top: Table) -> Abi:
    info = top.table("info", required=True)
    if info is None:
        return Abi(abi_version="")
    return Abi(
        abi_version=info.text("abi_version", filled=True),
        arch=info.text("arch"),
        platform=info.text("platform"),
        python=info.text("python"),
        unknown=info.rest(),
    )


def _read_packages(top: Table, faults: Faults) -> list[LockedPackage]:
    entries = top.table("packages", required=True)
    if entries is None:
        return []
    check_count(len(tuple(entries)))
    names: dict[NormalizedName, str] = {}
    for key in entries:
        name = canonicalize_name(key)
        if name in names:
            entries.fault(
                "duplicate-package",
                "two entries are of one package",
                key=key,
                expected=f"one key for {name}",
                got=f"{shown(names[name])} and {shown(key)}",
            )
        names.setdefault(name, key)
    packages = []
    for name, key in names.items():
        entry = entries.table(key)
        if entry is not None:
            entry.package = name
            package = _read_package(name, key, entry, faults)
            _check_depends(entry, package, names)
            packages.append(package)
    return packages


def _read_package(name: NormalizedName, key: str, entry: Table, faults: Faults) -> LockedPackage:
    # Pyodide's own locks spell `name` as the recipe does (Cartopy, ruamel.yaml, pydantic_core); only keys are normal.
    display_name = entry.name("name")
    if display_name and canonicalize_name(display_name) != key:
        entry.fault(
            "key-name",
            "the key and the name are of different packages",
            key="name",
            expected=f"a spelling of {shown(key)}, and the key in its normal form",
            got=shown(display_name),
        )
    package_type = entry.choice("package_type", _PACKAGE_TYPES, "package")
    # C libraries have their own versions: Pyodide 0.27 to 0.29 lock OpenSSL 1.1.1w as a shared_library.
    version = entry.version("version", any_form=package_type != "package")
    file_name = entry.text("file_name", filled=True)
    digest = entry.digest("sha256")
    unknown, tool_unknown, ours = read_tool(entry)
    facts = read_package_facts(ours, file_name, faults) if ours is not None else {}
    wheel = Wheel(
        url=file_name,
        digest=digest or Digest(bytes(32)),
        size=facts.pop("size", None),
        upload_time=facts.pop("upload_time", None),
        yanked=facts.pop("yanked", False),
    )
    _check_file_name(entry, wheel, name, version, faults)
    package = LockedPackage(
        name=name,
        display_name=display_name,
        version=version,
        wheel=wheel,
        imports=entry.texts("imports"),
        depends=_depends(entry, ours, name),
        install_dir=entry.choice("install_dir", _INSTALL_DIRS, "site"),
        package_type=package_type,
        unvendored_tests=entry.flag("unvendored_tests"),
        **facts,
        unknown=unknown | entry.rest(),
        tool_unknown=tool_unknown,
    )
    if ours is not None:
        rest = ours.rest()
        if rest or not (any(package_facts(package)) or ours.has("depends", required=False)):
            tool_unknown[TOOL_NAME] = rest
    return package


def _depends(entry: Table, ours: Table | None, name: NormalizedName) -> tuple[NormalizedName, ...]:
    """What a package needs: ``depends``, or all of it where that leaves out what would close a cycle."""
    depends = tuple(needed for needed in entry.names("depends") if needed != name)
    whole = tuple(needed for needed in ours.names("depends") if needed != name) if ours is not None else ()
    if ours is not None and whole and (unnamed := [needed for needed in depends if needed not in whole]):
        ours.fault(
            "depends",
            "two lists of dependencies that do not agree",
            key="depends",
            expected=f"also {', '.join(unnamed)}, which the package's own depends has",
            got=", ".join(whole),
            hint="freeze the environment again",
        )
    return whole or depends


def _check_file_name(entry: Table, wheel: Wheel, name: NormalizedName, version: str, faults: Faults) -> None:
    if not wheel.url:
        return
    fault = address_fault(wheel.url, where=entry.at("file_name"), package=name, relative=True)
    if fault is not None:
        faults.add(fault)
    elif wheel.filename.lower().endswith(".whl"):
        # Zip and tar files (shared libraries, unvendored tests) have names of Pyodide's own making; wheels say who
        # they are. A version that is no version has been reported already.
        expected = parsed_version(version)
        try:
            identity = parse_identity(wheel.filename)
        except WheelMetadataError:
            identity = None
        if identity is None or identity.name != name or expected not in (None, identity.version):
            entry.fault(
                "filename",
                "the file is not a wheel of this package",
                key="file_name",
                expected=f"a wheel of {name} {version}",
                got=shown(wheel.filename),
            )
    elif not wheel.filename:
        entry.fault("filename", "no file is named", key="file_name", expected="a file", got=shown(wheel.url))


def _check_mocks(packages: Iterable[LockedPackage], mocks: Mapping[str, Mock], faults: Faults) -> None:
    for package in packages:
        where = place("packages", package.name)
        if package.name in mocks:
            faults.add(
                LockSchemaError(
                    f"{package.name} is a package and a mock package",
                    code="duplicate-package",
                    where=where,
                    package=package.name,
                    expected=f"one entry for {package.name}",
                    got=f"{where} and tool.{TOOL_NAME}.mocks",
                )
            )
        for name in package.mocked:
            if name not in mocks:
                faults.add(
                    LockGraphError(
                        f"{package.name} needs the mock package {name}, which the lock does not hold",
                        where=f"{where}.tool.{TOOL_NAME}.mocked",
                        package=package.name,
                        expected=f"a mock package {name}",
                        got="none",
                    )
                )


def _check_depends(entry: Table, package: LockedPackage, names: Mapping[NormalizedName, str]) -> None:
    for needed in package.depends:
        if needed not in names:
            entry.fault(
                "missing-dependency",
                f"{package.name} needs {needed}, which the lock does not hold",
                key="depends",
                kind=LockGraphError,
                expected=f"an entry for {needed}",
                got="none",
                hint="freeze the environment again; installs with deps=False leave out what is needed",
            )
